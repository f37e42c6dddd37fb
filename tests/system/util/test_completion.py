"""``util.as_completed`` and ``util.map_unordered``: results as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import heliostat as ray
from tests.system.core.gates import Gate

pytestmark = [
    pytest.mark.usefixtures("session"),
    pytest.mark.leaks_checked_per("module", "its tests share a session"),
]


@ray.remote
def square(n: int) -> int:
    return n * n


@ray.remote
def stop_at(gate: Gate | None, n: int) -> int:
    if gate is not None:
        gate.pass_through()
    return n


@ray.remote
def fail(n: int) -> int:
    if n == 3:
        raise KeyError(n)
    return n


class TestAsCompleted:
    def test_gives_each_result_once(self) -> None:
        refs = [square.remote(n) for n in range(25)]
        assert sorted(ray.util.as_completed(refs)) == [n * n for n in range(25)]

    def test_gives_what_is_there_first(self, gates: Callable[[str], Gate]) -> None:
        first, second = gates("first"), gates("second")
        refs = [stop_at.remote(first, 1), stop_at.remote(second, 2)]
        results = ray.util.as_completed(refs, chunk_size=1)
        second.let_through()
        assert next(results) == 2
        first.let_through()
        assert list(results) == [1]

    def test_waits_for_a_whole_chunk(self, gate: Gate) -> None:
        refs = [square.remote(2), stop_at.remote(gate, 5)]
        results = ray.util.as_completed(refs, chunk_size=2, timeout=0.05)
        assert next(results) == 4  # as far as it was complete in time
        gate.let_through()
        assert list(results) == [5]

    def test_gives_the_references_if_asked(self) -> None:
        refs = [square.remote(n) for n in range(5)]
        assert set(ray.util.as_completed(refs, yield_obj_refs=True)) == set(refs)

    def test_of_nothing(self) -> None:
        assert list(ray.util.as_completed([])) == []

    def test_gives_the_results_before_an_error(self) -> None:
        refs = [fail.remote(n) for n in range(5)]
        ray.wait(refs, num_returns=5)
        results = ray.util.as_completed(refs)
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(KeyError, match="3"):
            next(results)

    def test_refuses_bad_options_at_once(self) -> None:
        with pytest.raises(ValueError, match="chunk_size must be at least 1, not 0"):
            ray.util.as_completed([], chunk_size=0)
        with pytest.raises(ValueError, match="num_returns"):
            ray.util.as_completed([], num_returns=1)
        with pytest.raises(TypeError, match="unknown option timout"):
            ray.util.as_completed([], timout=1)


class TestMapUnordered:
    def test_gives_each_result_once(self) -> None:
        assert sorted(ray.util.map_unordered(square, range(250))) == [n * n for n in range(250)]

    def test_has_no_more_unfinished_tasks_than_allowed(self) -> None:
        read: list[int] = []

        def items() -> Iterator[int]:
            for n in range(100):
                read.append(n)
                yield n

        results = ray.util.map_unordered(square, items(), backpressure_size=7, chunk_size=3)
        next(results)
        assert len(read) == 7
        assert len(list(results)) == 99

    def test_without_a_bound_reads_everything_first(self) -> None:
        source = iter(range(150))
        results = ray.util.map_unordered(square, source, backpressure_size=None)
        next(results)
        assert next(source, "read") == "read"
        assert len(list(results)) == 149

    def test_gives_the_references_if_asked(self) -> None:
        refs = list(ray.util.map_unordered(square, range(3), yield_obj_refs=True))
        assert sorted(ray.get(refs)) == [0, 1, 4]

    def test_refuses_bad_options_at_once(self) -> None:
        with pytest.raises(ValueError, match="backpressure_size must be positive or None, not 0"):
            ray.util.map_unordered(square, [], backpressure_size=0)
        with pytest.raises(ValueError, match="chunk_size"):
            ray.util.map_unordered(square, [], chunk_size=-1)
        with pytest.raises(ValueError, match="num_returns"):
            ray.util.map_unordered(square, [], num_returns=1)
        plain: Any = lambda n: n
        with pytest.raises(TypeError, match=r"remote function.*@remote"):
            ray.util.map_unordered(plain, [1])
