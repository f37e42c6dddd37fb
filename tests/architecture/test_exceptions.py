"""Every error crosses a process border as it is, however it was made."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest

import heliostat.exceptions
from heliostat.exceptions import RayError

if TYPE_CHECKING:
    from collections.abc import Iterator


def _errors(base: type[BaseException] = RayError) -> Iterator[type[BaseException]]:
    for kind in base.__subclasses__():
        if kind.__module__.startswith("heliostat"):
            yield kind
            yield from _errors(kind)


def _name(kind: type[BaseException]) -> str:
    return kind.__name__


ERRORS: list[type[BaseException]] = sorted({*_errors()} | {RayError}, key=_name)


@pytest.mark.parametrize("kind", ERRORS, ids=_name)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_pickles(kind: type[BaseException], protocol: int) -> None:
    error = _made(kind)
    error.note = "kept"  # type: ignore[attr-defined]
    copy = pickle.loads(pickle.dumps(error, protocol))
    assert type(copy) is kind
    assert str(copy) == str(error)
    assert copy.args == error.args
    assert vars(copy) == vars(error)


@pytest.mark.parametrize("kind", [e for e in ERRORS if e.__name__[0] != "_"], ids=_name)
def test_an_error_is_public_and_described(kind: type[BaseException]) -> None:
    assert getattr(heliostat.exceptions, kind.__name__) is kind
    assert kind.__name__ in heliostat.exceptions.__all__
    assert kind.__doc__


def _made(kind: type[BaseException]) -> BaseException:
    """An error of the kind, with texts for whatever it can't be made without."""
    for count in range(4):
        try:
            return kind(*["given"] * count)
        except TypeError:
            continue
    pytest.fail(f"{kind.__name__} can't be made from up to three texts")
