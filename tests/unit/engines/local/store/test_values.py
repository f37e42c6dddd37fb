"""Values on their way: the form each takes, and what comes back."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.engines import registry
from heliostat.engines.local.store import values
from heliostat.engines.refs import ObjectRef


class Importable:
    """A class that a worker can import."""

    def __init__(self, value: Any) -> None:
        self.value = value


POINT = """
class Point:
    def __init__(self, x):
        self.x = x

    def twice(self):
        return 2 * self.x
"""


def through(value: Any) -> Any:
    """A value after its way as a small pickle."""
    return values.decode(values.blob(values.dumps(value), ()))


@pytest.mark.parametrize("value", [1, 2.5, True, None, 3j, "text", b"bytes", 1 << 100])
def test_scalars_travel_as_themselves(value: Any) -> None:
    assert values.is_plain(value)
    assert values.decode(value) is value


@pytest.mark.parametrize(
    "value", ["x" * (values.SHORT + 1), bytes(values.SHORT + 1), [1], (1,), {}, np.float64(1)]
)
def test_the_rest_is_pickled(value: Any) -> None:
    assert not values.is_plain(value)


def test_subclasses_of_scalars_are_not_plain() -> None:
    class Level(int):
        pass

    assert not values.is_plain(Level(3))
    assert not values.are_plain([1, Level(3)])
    assert values.are_plain([1, "a", None])


@given(
    st.recursive(
        st.none() | st.integers() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.integers(), inner) | st.tuples(inner),
    )
)
def test_builtin_values_come_back_equal(value: Any) -> None:
    assert through(value) == value


@pytest.mark.parametrize("size", [1, 100, 1_000, 100_000])
def test_buffers_are_read_only_at_every_size(size: int) -> None:
    array = through({"a": np.arange(size, dtype=np.uint8)})["a"]
    assert array.tobytes() == np.arange(size, dtype=np.uint8).tobytes()
    if size >= 1024:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_large_buffers_stay_out_of_the_pickle_and_small_ones_in_it() -> None:
    large, small = np.zeros(10_000, np.uint8), np.zeros(10, np.uint8)
    pickled = values.dumps([large, small])
    assert [buffer.nbytes for buffer in pickled.buffers] == [10_000]
    assert pickled.size == len(pickled.data) + 10_000


def test_a_view_that_is_not_contiguous_is_copied() -> None:
    array = np.arange(40_000).reshape(200, 200)[::2, ::2]
    assert (through(array) == array).all()


def test_a_segment_holds_the_pickle_and_its_buffers() -> None:
    value = [np.arange(3000), b"between", np.arange(7000.0)]
    pickled = values.dumps(value)
    memory = bytearray(values.segment_size(pickled))

    def write(offset: int, data: Any) -> None:
        part = memoryview(data).cast("B")
        memory[offset : offset + len(part)] = part

    lengths = values.fill_segment(pickled, write)
    block = SimpleNamespace(view=lambda: memoryview(memory).toreadonly())
    shared = (values.SHARED, block, lengths, ("ref",))
    for payload in (shared, values.inline(shared)):
        first, second, third = values.decode(payload)
        assert (first == value[0]).all()
        assert (second, third[-1]) == (b"between", 6999.0)
        assert not first.flags.writeable
        assert values.refs_of(payload) == ("ref",)
    assert values.inline((values.BLOB, b"", (), ())) == (values.BLOB, b"", (), ())


def test_several_results_are_payloads_side_by_side() -> None:
    one = values.blob(values.dumps([1]), ())
    assert values.decode((values.MANY, [one, 2])) == [[1], 2]
    assert values.refs_of((values.MANY, [one, 2])) == ()
    assert values.refs_of(3) == ()


def test_what_a_worker_can_import_travels_by_name() -> None:
    pickled = values.dumps(Importable(3))
    assert b"Importable" in pickled.data
    assert len(pickled.data) < 200
    assert through(Importable(3)).value == 3


def test_classes_of_main_travel_by_value(monkeypatch: pytest.MonkeyPatch) -> None:
    main: dict[str, Any] = {"__name__": "__main__"}
    exec(POINT, main)
    monkeypatch.setitem(__import__("sys").modules, "__main__", ModuleType("__main__"))
    point = main["Point"](21)
    for value in (point, [point], main["Point"]):
        with pytest.raises((pickle.PicklingError, AttributeError)):
            pickle.dumps(value)
    assert through(point).twice() == 42
    assert through([point, {"k": point}])[1]["k"].x == 21
    assert through(main["Point"])(4).twice() == 8


def test_local_functions_and_lambdas_travel_with_what_they_capture() -> None:
    offset = 5
    assert through(lambda value: value + offset)(1) == 6


def test_code_is_pickled_in_one_piece() -> None:
    table = np.arange(5000)

    def total() -> int:
        return int(table.sum())

    pickled = values.dumps_code(total)
    assert pickled.buffers == []
    assert values.loads(pickled.data)() == 12497500


@pytest.mark.parametrize(
    ("value", "blame"),
    [
        ([1, threading.Lock()], r"The cause is \[1\]: an object of type _thread.lock"),
        ({"key": threading.Lock()}, r"The cause is \['key'\]"),
        (Importable(threading.Lock()), "The cause is attribute 'value'"),
    ],
)
def test_what_can_not_be_pickled_is_named(value: Any, blame: str) -> None:
    with pytest.raises(TypeError, match=f"(?s)Could not serialize.*{blame}"):
        values.dumps(value)


def captures(lock: Any) -> Callable[[], Any]:
    return lambda: lock


def test_a_captured_variable_to_blame_is_named() -> None:
    with pytest.raises(TypeError, match="captured variable 'lock'"):
        values.dumps_code(captures(threading.Lock()))


def test_a_pickler_is_as_new_after_a_failure() -> None:
    with pytest.raises(TypeError):
        values.dumps([b"left over", threading.Lock()])
    assert through(["fresh"]) == ["fresh"]
    assert not values.dumps(["fresh"]).refs


def test_references_inside_a_value_are_found_and_found_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Engine:
        def load_ref(self, session: bytes, owner: int, number: int) -> Any:
            return (session, owner, number)

    monkeypatch.setattr(registry, "_current", Engine())
    ref: ObjectRef[Any] = ObjectRef(
        SimpleNamespace(home=SimpleNamespace(uid=b"u" * 16, proc=4), number=9)
    )
    for value in ({"ref": ref}, {"ref": ref, "lambda": lambda: 0}):
        pickled = values.dumps(value)
        assert pickled.refs == [ref]
        assert values.loads(pickled.data)["ref"] == (b"u" * 16, 4, 9)


def test_an_endless_value_is_no_reason_to_try_again() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(RecursionError):
        values.dumps(value)
