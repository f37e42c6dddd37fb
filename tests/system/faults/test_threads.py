"""Several threads and event loops of one program use its session at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import heliostat as ray


@ray.remote
def add(a: Any, b: Any) -> Any:
    return a + b


@ray.remote
class Counter:
    def __init__(self) -> None:
        self.calls = 0

    def add(self, n: int) -> int:
        self.calls += n
        return self.calls


@ray.remote
class AsyncEcho:
    async def echo(self, value: Any) -> Any:
        await asyncio.sleep(0)
        return value


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """What ``work`` gives in each of so many threads that begin at once."""
    together = threading.Barrier(count)

    def run(number: int) -> Any:
        together.wait(20)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_threads_submit_and_get(session: Any) -> None:
    def work(number: int) -> bool:
        for i in range(30):
            assert ray.get(add.remote(number, i), timeout=20) == number + i
        refs = [add.remote([number], [i]) for i in range(100)]
        return bool(ray.get(refs, timeout=20) == [[number, i] for i in range(100)])

    assert all(in_threads(8, work))


def test_threads_wait_for_the_same_object(session: Any) -> None:
    counter = Counter.remote()
    ref = counter.add.remote(1)

    assert in_threads(8, lambda _: ray.get(ref, timeout=20)) == [1] * 8


def test_threads_call_one_actor(session: Any) -> None:
    counter = Counter.remote()

    found = in_threads(6, lambda _: [ray.get(counter.add.remote(1), timeout=20) for _ in range(50)])

    assert sorted(number for one in found for number in one) == list(range(1, 301))
    assert all(one == sorted(one) for one in found)


def test_threads_put_and_get_large_objects(session: Any) -> None:
    def work(number: int) -> bool:
        for i in range(10):
            data = bytes([number, i]) * 200_000
            assert bytes(ray.get(add.remote(ray.put(data), b"!"), timeout=20)) == data + b"!"
        return True

    assert all(in_threads(4, work))


def test_event_loops_in_threads(session: Any) -> None:
    echo = AsyncEcho.remote()

    async def work(number: int) -> int:
        found = await asyncio.gather(*(add.remote(number, i) for i in range(50)))
        assert found == [number + i for i in range(50)]
        for i in range(20):
            assert await echo.echo.remote((number, i)) == (number, i)
        return number

    assert in_threads(4, lambda number: asyncio.run(work(number))) == list(range(4))


def test_event_loops_and_blocking_threads_at_once(session: Any) -> None:
    counter = Counter.remote()

    async def loop(number: int) -> None:
        for i in range(40):
            assert await add.remote(number, i) == number + i
            await counter.add.remote(1)

    def block(number: int) -> None:
        for i in range(40):
            ready, _ = ray.wait([add.remote(number, i), counter.add.remote(1)], num_returns=2)
            assert ray.get(ready[0], timeout=20) == number + i

    def future(number: int) -> None:
        for i in range(40):
            assert add.remote(number, i).future().result(20) == number + i
            counter.add.remote(1)

    kinds = [lambda number: asyncio.run(loop(number)), block, future]
    in_threads(6, lambda number: kinds[number % 3](number))
    assert ray.get(counter.add.remote(0), timeout=10) == 240


def test_one_loop_after_another(session: Any) -> None:
    async def once(number: int) -> Any:
        return await add.remote(number, 1)

    for number in range(20):
        assert asyncio.run(once(number)) == number + 1


def test_cancelling_an_awaiter_cancels_no_task(session: Any) -> None:
    async def work() -> Any:
        counter = Counter.remote()
        ref = counter.add.remote(5)
        awaiter = asyncio.ensure_future(_await(ref))
        awaiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await awaiter
        return await ref

    assert asyncio.run(work()) == 5


async def _await(ref: Any) -> Any:
    return await ref


def test_shutdown_while_other_threads_wait() -> None:
    ray.init(address="local", num_cpus=1)
    waiting = threading.Barrier(5)

    @ray.remote
    def pause() -> None:
        threading.Event().wait()

    ref = pause.remote()

    def work() -> str:
        waiting.wait(10)
        try:
            ray.get(ref)
        except ray.exceptions.RayError as error:
            return type(error).__name__
        return "a value"

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(work) for _ in range(4)]
        waiting.wait(10)
        ray.shutdown()
        assert [future.result(10) for future in futures] == ["RaySystemError"] * 4


def test_threads_inside_a_task(session: Any) -> None:
    @ray.remote
    def fan_out() -> int:
        with ThreadPoolExecutor(4) as pool:
            return sum(pool.map(lambda i: ray.get(add.remote(i, i)), range(40)))

    assert ray.get(fan_out.remote(), timeout=30) == 1560


def test_the_first_use_from_many_threads_makes_one_session() -> None:
    try:
        assert in_threads(6, lambda number: ray.get(add.remote(number, 1), timeout=20)) == list(
            range(1, 7)
        )
        assert ray.is_initialized()
    finally:
        ray.shutdown()
