"""Unit tests are of decisions and values: starting an engine in one is an error.

The guard sits where no path round it leads: the interpreter reports each process about to be
started, and one that would run a part of an engine is refused.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_STARTS = frozenset({"os.exec", "os.posix_spawn", "subprocess.Popen"})
_PART_OF_AN_ENGINE = "heliostat.engines"


class _Guard:
    """Refuses while ``on``; an audit hook can't be taken away again."""

    def __init__(self) -> None:
        self.on = False

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if self.on and event in _STARTS and _PART_OF_AN_ENGINE in repr(args[1]):
            pytest.fail(
                "a unit test started an engine; what needs one belongs into "
                "tests/conformance or tests/system"
            )


_guard = _Guard()
sys.addaudithook(_guard)


@pytest.fixture(autouse=True)
def _no_engine() -> Iterator[None]:
    _guard.on = True
    yield
    _guard.on = False
