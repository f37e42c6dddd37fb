"""What ``inspect_serializability`` finds and prints."""

from __future__ import annotations

import functools
import io
import threading
from typing import Any

import pytest

import heliostat as ray
from heliostat.util.check_serialize import FailureTuple, inspect_serializability

LOCK = threading.Lock()


class Holder:
    def __init__(self, part: Any) -> None:
        self.part = part

    def work(self) -> Any:
        return self.part


class Slotted:
    __slots__ = ("lock",)


def paths(value: Any, name: str | None = "it", depth: int = 3) -> set[tuple[str, ...]]:
    ok, failures = inspect_serializability(value, name, depth, io.StringIO())
    assert ok is not bool(failures)
    return {failure.path for failure in failures}


@pytest.mark.parametrize("value", [1, "text", [1, {2}], Holder(3), len, Holder, lambda: 3, io])
def test_what_can_be_pickled_has_no_failures(value: Any) -> None:
    assert paths(value) == set()


def _slotted() -> Slotted:
    made = Slotted()
    made.lock = LOCK  # type: ignore[attr-defined]
    return made


def _uses_global() -> Any:
    return lambda: lambda: LOCK


def _captures() -> Any:
    inner = [LOCK]
    return lambda: inner


def _class() -> Any:
    class Local:
        lock = LOCK

    return Local


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (LOCK, ("it",)),
        ([1, LOCK], ("it", "[1]")),
        ({"a": (LOCK,)}, ("it", "['a']", "[0]")),
        (Holder(LOCK), ("it", "part")),
        (Holder(LOCK).work, ("it", "__self__", "part")),
        (_slotted(), ("it", "lock")),
        (functools.partial(print, LOCK), ("it", "args", "[0]")),
        (functools.partial(print, end=LOCK), ("it", "keywords", "['end']")),
        (_captures(), ("it", "inner", "[0]")),
        (_uses_global(), ("it", "LOCK")),
        (lambda lock=LOCK: lock, ("it", "default 0")),
        (_class(), ("it", "lock")),
        (_class()(), ("it", "__class__", "lock")),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else type(value).__name__,
)
def test_the_innermost_object_is_to_blame(value: Any, path: tuple[str, ...]) -> None:
    assert paths(value) == {path}


def test_all_that_are_to_blame_are_found() -> None:
    assert paths([LOCK, 1, threading.Lock()]) == {("it", "[0]"), ("it", "[2]")}


def test_depth_says_how_far_to_look() -> None:
    value = [[[[LOCK]]]]
    assert paths(value, depth=0) == {("it",)}
    assert paths(value, depth=2) == {("it", "[0]", "[0]")}
    assert paths(value, depth=9) == {("it", *["[0]"] * 4)}


def test_without_a_name_the_path_begins_below() -> None:
    assert paths([LOCK], name=None) == {("[0]",)}


def test_a_circle_is_no_trap() -> None:
    value: list[Any] = [LOCK]
    value.append(value)
    assert paths(value) == {("it", "[0]")}


def test_an_object_that_refuses_for_its_own_reasons_is_to_blame_itself() -> None:
    class Stubborn:
        def __reduce__(self) -> Any:
            raise ValueError("I stay here")

        def __repr__(self) -> str:
            raise ValueError("and say nothing")

    output = io.StringIO()
    ok, failures = inspect_serializability(Stubborn(), "it", print_file=output)
    assert not ok
    assert [failure.path for failure in failures] == [("it",)]
    assert "can't be pickled: ValueError: I stay here" in output.getvalue()


def test_a_registered_serializer_counts() -> None:
    class Odd:
        def __init__(self) -> None:
            self.lock = threading.Lock()

    assert paths([Odd()]) == {("it", "[0]", "lock")}
    ray.util.register_serializer(Odd, serializer=lambda _: 1, deserializer=lambda _: 2)
    try:
        assert paths([Odd()]) == set()
    finally:
        ray.util.deregister_serializer(Odd)


def test_a_failure_says_where_and_what() -> None:
    _, failures = inspect_serializability([LOCK], "it", print_file=io.StringIO())
    (failure,) = failures
    assert isinstance(failure, FailureTuple)
    assert (failure.obj, failure.parent) == (LOCK, [LOCK])
    assert repr(failure) == f"FailTuple([0] [path=it -> [0], obj={LOCK}, parent=[{LOCK}]])"


def test_it_prints_the_way(capsys: pytest.CaptureFixture[str]) -> None:
    inspect_serializability(Holder(LOCK), "holder")
    first, second, blame = capsys.readouterr().out.splitlines()
    assert first.startswith("holder = <")
    assert first.endswith("can't be pickled: TypeError: cannot pickle '_thread.lock' object")
    assert second.startswith("    part = <unlocked _thread.lock")
    assert blame == "To blame: holder -> part"
    inspect_serializability(3)
    assert capsys.readouterr().out == "3 can be pickled\n"
