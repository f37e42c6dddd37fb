"""Tasks and methods that yield."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import numpy as np
import pytest

import heliostat as ray
from heliostat import DynamicObjectRefGenerator, ObjectRefGenerator
from heliostat.engines import registry
from heliostat.exceptions import (
    RayTaskError,
    TaskCancelledError,
    TaskUnschedulableError,
    WorkerCrashedError,
)
from tests.system.core.books import settled
from tests.system.core.gates import Gate
from tests.system.steps import count

pytestmark = [
    pytest.mark.usefixtures("session"),
    pytest.mark.leaks_checked_per("module", "its tests share a session"),
]


@ray.remote
def numbers(n: int, fail: bool = False) -> Iterator[int]:
    yield from range(n)
    if fail:
        raise KeyError("half way")


@ray.remote
def step_by_step(gate: Gate, n: int) -> Iterator[int]:
    for x in range(n):
        gate.pass_through()
        yield x


def values(stream: Any) -> list[Any]:
    return [ray.get(ref) for ref in stream]


class TestAStream:
    def test_gives_a_reference_to_each_item_in_order(self) -> None:
        stream = numbers.remote(1000)
        assert isinstance(stream, ObjectRefGenerator)
        assert values(stream) == list(range(1000))
        with pytest.raises(StopIteration):
            next(stream)

    def test_is_empty_where_nothing_is_yielded(self) -> None:
        assert values(numbers.remote(0)) == []

    def test_gives_items_before_the_task_has_ended(self, gate: Gate) -> None:
        stream = step_by_step.remote(gate, 2)
        gate.let_through()
        assert ray.get(next(stream)) == 0
        assert not stream.next_ready()
        assert not stream.is_finished()
        gate.let_through()
        assert ray.get(next(stream)) == 1
        ray.get(stream.completed())
        assert list(stream) == []
        assert stream.is_finished()

    def test_gives_the_nil_reference_if_the_time_is_up(self, gate: Gate) -> None:
        stream = step_by_step.remote(gate, 1)
        assert stream._next_sync(0.01).is_nil()
        gate.let_through()
        assert values(stream) == [0]

    def test_ends_with_what_the_task_raised(self) -> None:
        stream = numbers.remote(2, fail=True)
        assert [ray.get(next(stream)) for _ in range(2)] == [0, 1]
        broken = next(stream)
        with pytest.raises(KeyError, match="half way"):
            ray.get(broken)
        assert list(stream) == []

    def test_carries_large_items_and_references(self) -> None:
        @ray.remote
        def large() -> Iterator[Any]:
            for x in range(5):
                yield np.full(100_000, x), ray.put(x)

        for x, (array, ref) in enumerate(values(large.remote())):
            assert array[0] == array[-1] == x
            assert not array.flags.writeable
            assert ray.get(ref) == x

    def test_takes_references_as_arguments(self) -> None:
        assert values(numbers.remote(ray.put(3))) == [0, 1, 2]

    def test_can_be_asked_for_of_a_plain_function(self) -> None:
        @ray.remote(num_returns="streaming")
        def plain() -> Any:
            return iter("ab")

        assert values(plain.remote()) == ["a", "b"]

    def test_of_a_function_that_gives_no_iterator_fails(self) -> None:
        @ray.remote(num_returns="streaming")
        def plain() -> Any:
            return 3

        with pytest.raises(TypeError, match="needs a generator"):
            values(plain.remote())

    def test_of_a_task_that_can_never_run_says_so(self) -> None:
        stream = numbers.options(resources={"moon": 1}).remote(3)
        with pytest.raises(TaskUnschedulableError):
            ray.get(next(stream))
        assert list(stream) == []

    def test_of_a_task_whose_argument_failed_says_so(self) -> None:
        @ray.remote
        def broken() -> None:
            raise ValueError("argument")

        stream = numbers.remote(broken.remote())
        with pytest.raises(ValueError, match="argument"):
            ray.get(next(stream))
        assert list(stream) == []

    def test_can_be_waited_for(self, gate: Gate) -> None:
        slow, quick = step_by_step.remote(gate, 1), numbers.remote(1)
        ready, rest = ray.wait([slow, quick], num_returns=1)
        assert ready == [quick]
        assert rest == [slow]
        gate.let_through()
        assert ray.wait([slow])[0] == [slow]
        assert values(slow) == [0]

    def test_can_be_read_by_a_coroutine(self) -> None:
        async def read() -> list[int]:
            return [await ref async for ref in numbers.remote(100)]

        assert asyncio.run(read()) == list(range(100))

    def test_tells_a_coroutine_of_an_error_once(self) -> None:
        async def read() -> list[Any]:
            seen: list[Any] = []
            async for ref in numbers.remote(1, fail=True):
                try:
                    seen.append(await ref)
                except KeyError as error:
                    seen.append(type(error).__mro__[1])
            return seen

        assert asyncio.run(read()) == [0, RayTaskError]

    def test_can_not_be_passed_on(self) -> None:
        stream = numbers.remote(1)
        with pytest.raises(TypeError, match="can't be passed on"):
            pickle.dumps(stream)
        assert values(stream) == [0]

    def test_can_not_be_sent_anything(self) -> None:
        stream = numbers.remote(0)
        for call in (lambda: stream.send(1), lambda: stream.throw(KeyError()), stream.close):
            with pytest.raises(NotImplementedError):
                call()
        assert values(stream) == []


class TestNothingIsLost:
    def test_items_nobody_takes_are_freed(self, session: Any) -> None:
        @ray.remote
        def large(n: int) -> Iterator[Any]:
            for _ in range(n):
                yield np.zeros(100_000)

        stream = large.remote(20)
        done = stream.completed()
        next(stream)
        del stream
        gc.collect()
        ray.get(done)
        assert not len(session.streams._streams)

    def test_a_worker_that_dies_yields_again_what_was_not_there(
        self, gate: Gate, tmp_path: Any
    ) -> None:
        @ray.remote
        def dies(path: str) -> Iterator[tuple[int, int]]:
            attempt = count(path)
            for x in range(4):
                if attempt == 1 and x == 2:
                    gate.pass_through()
                    os.kill(os.getpid(), signal.SIGKILL)
                yield x, attempt

        stream = dies.remote(str(tmp_path / "attempts"))
        gate.await_arrivals()
        early = [ray.get(next(stream)), ray.get(next(stream))]
        gate.let_through()
        assert early == [(0, 1), (1, 1)]
        assert values(stream) == [(2, 2), (3, 2)]

    def test_a_worker_that_dies_too_often_ends_the_stream(self) -> None:
        @ray.remote(max_retries=0)
        def dies() -> Iterator[int]:
            yield 1
            os.kill(os.getpid(), signal.SIGKILL)

        stream = dies.remote()
        assert ray.get(next(stream)) == 1
        with pytest.raises(WorkerCrashedError):
            ray.get(next(stream))
        assert list(stream) == []
        with pytest.raises(WorkerCrashedError):
            ray.get(stream.completed())

    def test_a_cancelled_one_ends_with_that(self, gate: Gate) -> None:
        stream = step_by_step.remote(gate, 100)
        gate.let_through()
        gate.await_arrivals(2)
        assert ray.get(next(stream)) == 0
        ray.cancel(stream)
        with pytest.raises(TaskCancelledError):
            values(stream)


class TestAGeneratorThatMayNotRunAhead:
    def test_waits_for_who_takes_its_items(self, tmp_path: Any) -> None:
        path = str(tmp_path / "yielded")

        @ray.remote(_generator_backpressure_num_objects=2)
        def counted() -> Iterator[int]:
            for x in range(10):
                count(path)
                yield x

        stream = counted.remote()
        settled(
            lambda: os.path.exists(path) and os.stat(path).st_size == 2, lambda: "it did not begin"
        )
        for x in range(10):
            assert ray.get(next(stream)) == x
            assert os.stat(path).st_size <= x + 3
        assert list(stream) == []

    def test_runs_on_if_nobody_is_left_to_take_them(self) -> None:
        stream = numbers.options(_generator_backpressure_num_objects=1).remote(50)
        done = stream.completed()
        next(stream)
        del stream
        gc.collect()
        ray.get(done)

    @pytest.mark.parametrize("wrong", [0, -2, 1.5, True])
    def test_takes_a_positive_number(self, wrong: Any) -> None:
        with pytest.raises((TypeError, ValueError), match="positive integer"):
            numbers.options(_generator_backpressure_num_objects=wrong)


@ray.remote
class Source:
    def sync(self, n: int) -> Iterator[int]:
        yield from range(n)

    def plain(self) -> str:
        return "plain"

    @ray.method(num_returns="dynamic")
    def gathered(self, n: int) -> Iterator[int]:
        yield from range(n)


@ray.remote
class AsyncSource:
    async def letters(self, text: str) -> AsyncIterator[str]:
        for letter in text:
            await asyncio.sleep(0)
            yield letter

    async def bounded(self, n: int) -> AsyncIterator[int]:
        for x in range(n):
            yield x

    async def fails(self) -> AsyncIterator[int]:
        yield 1
        raise KeyError("async")

    async def forever(self, gate: Gate) -> AsyncIterator[int]:
        yield 1
        gate.pass_through()
        await asyncio.Event().wait()

    async def plain(self) -> str:
        return "plain"


class TestMethods:
    @pytest.mark.parametrize("threads", [1, 3])
    def test_of_a_plain_actor_stream(self, threads: int) -> None:
        source = Source.options(max_concurrency=threads).remote()
        streams = [source.sync.remote(50) for _ in range(3)]
        assert [values(stream) for stream in streams] == [list(range(50))] * 3
        assert ray.get(source.plain.remote()) == "plain"

    def test_of_an_async_actor_stream(self) -> None:
        source = AsyncSource.remote()
        streams = [source.letters.remote("abc") for _ in range(3)]
        assert [values(stream) for stream in streams] == [["a", "b", "c"]] * 3
        bounded = source.bounded.options(_generator_backpressure_num_objects=1).remote(5)
        assert values(bounded) == [0, 1, 2, 3, 4]
        stream = source.fails.remote()
        assert ray.get(next(stream)) == 1
        with pytest.raises(KeyError, match="async"):
            ray.get(next(stream))
        assert ray.get(source.plain.remote()) == "plain"

    def test_of_an_async_actor_are_cancelled(self, gate: Gate) -> None:
        source = AsyncSource.remote()
        stream = source.forever.remote(gate)
        gate.let_through()
        assert ray.get(next(stream)) == 1
        gate.await_arrivals()
        ray.cancel(stream)
        with pytest.raises(TaskCancelledError):
            ray.get(next(stream))

    def test_can_be_gathered(self) -> None:
        assert values(ray.get(Source.remote().gathered.remote(4))) == [0, 1, 2, 3]


class TestDynamic:
    def test_gives_all_references_at_once(self) -> None:
        ref = numbers.options(num_returns="dynamic").remote(5)
        gathered = ray.get(ref)
        assert isinstance(gathered, DynamicObjectRefGenerator)
        assert len(gathered) == 5
        assert values(gathered) == [0, 1, 2, 3, 4]

    def test_raises_what_the_generator_raises(self) -> None:
        with pytest.raises(KeyError):
            ray.get(numbers.options(num_returns="dynamic").remote(5, fail=True))

    def test_can_be_passed_on(self) -> None:
        @ray.remote
        def total(refs: Any) -> int:
            return sum(ray.get(list(refs)))

        assert ray.get(total.remote(numbers.options(num_returns="dynamic").remote(5))) == 10


def test_other_words_for_a_number_are_refused(session: Any) -> None:
    del session
    assert registry.current() is not None
    make: Callable[..., Any] = numbers.options
    with pytest.raises(ValueError, match="'streaming' or 'dynamic'"):
        make(num_returns="many")
