"""``util.queue.Queue``: between processes, in order, waiting and not."""

from __future__ import annotations

import asyncio
import itertools
import queue as standard
import signal
import threading
from typing import Any

import numpy as np
import pytest

import heliostat as ray
from heliostat.exceptions import ActorDiedError
from heliostat.util.queue import Empty, Full, Queue
from tests.system.core.books import settled
from tests.system.core.gates import Gate

pytestmark = [
    pytest.mark.usefixtures("session"),
    pytest.mark.leaks_checked_per("module", "its tests share a session"),
]


@ray.remote
def put_all(queue: Queue, items: list[Any], timeout: float | None = 20) -> None:
    for item in items:
        queue.put(item, timeout=timeout)


@ray.remote
def take(queue: Queue, count: int) -> list[Any]:
    return [queue.get(timeout=20) for _ in range(count)]


@ray.remote
def take_when_told(gate: Gate, queue: Queue) -> Any:
    gate.pass_through()
    return queue.get(timeout=20)


class Point:
    def __init__(self, x: int) -> None:
        self.x = x


def waiting(queue: Queue) -> tuple[int, int]:
    """How many calls wait in the actor: for an item, for room."""
    return ray.get(
        queue.actor.__ray_call__.remote(lambda actor: (len(actor._getters), len(actor._putters)))
    )


class TestItems:
    def test_come_in_the_order_they_went(self) -> None:
        queue = Queue()
        for item in range(100):
            queue.put(item)
        assert [queue.get() for _ in range(100)] == [*range(100)]

    @pytest.mark.parametrize(
        "item", [None, "text", [1, {"a": 2}], (), b"b" * 300_000, True], ids=type
    )
    def test_are_what_they_were(self, item: Any) -> None:
        queue = Queue()
        queue.put(item)
        assert queue.get() == item

    def test_of_a_class_and_of_numpy(self) -> None:
        queue = Queue()
        queue.put(Point(7))
        queue.put(np.arange(100_000))
        assert queue.get().x == 7
        assert int(queue.get().sum()) == 4_999_950_000

    def test_a_reference_is_replaced_by_its_value_but_not_inside_a_list(self) -> None:
        queue = Queue()
        ref = ray.put("value")
        queue.put(ref)
        queue.put([ref])
        assert queue.get() == "value"
        assert queue.get() == [ref]

    def test_cross_processes_both_ways(self) -> None:
        there, back = Queue(), Queue()
        put_all.remote(there, [*range(50)])

        @ray.remote
        def double(there: Queue, back: Queue) -> None:
            for _ in range(50):
                back.put(2 * there.get(timeout=20))

        done = double.remote(there, back)
        assert [back.get(timeout=20) for _ in range(50)] == [2 * n for n in range(50)]
        ray.get(done)

    def test_are_taken_by_one_of_many_each(self) -> None:
        queue = Queue(maxsize=3)
        takers = [take.remote(queue, 40) for _ in range(2)]
        for item in range(80):
            queue.put(item, timeout=20)
        assert sorted(itertools.chain(*ray.get(takers))) == [*range(80)]


class TestSize:
    def test_is_known(self) -> None:
        queue = Queue(maxsize=2)
        assert (queue.size(), queue.qsize(), len(queue)) == (0, 0, 0)
        assert queue.empty()
        assert not queue.full()
        queue.put(1)
        queue.put(2)
        assert (queue.size(), queue.empty(), queue.full()) == (2, False, True)

    @pytest.mark.parametrize("maxsize", [0, -1])
    def test_has_no_bound_below_one(self, maxsize: int) -> None:
        queue = Queue(maxsize)
        queue.put_nowait_batch(range(5000))
        assert queue.qsize() == 5000
        assert not queue.full()

    def test_a_full_queue_refuses(self) -> None:
        queue = Queue(maxsize=1)
        queue.put_nowait(1)
        with pytest.raises(Full):
            queue.put_nowait(2)
        with pytest.raises(standard.Full):
            queue.put(2, timeout=0.01)
        with pytest.raises(Full):
            queue.put(2, timeout=0)
        assert queue.get_nowait() == 1
        queue.put(3, timeout=0)
        assert queue.get() == 3

    def test_an_empty_queue_has_nothing_to_give(self) -> None:
        queue = Queue()
        with pytest.raises(Empty):
            queue.get_nowait()
        with pytest.raises(standard.Empty):
            queue.get(timeout=0.01)
        with pytest.raises(Empty):
            queue.get(timeout=0)

    @pytest.mark.parametrize("call", ["get", "put"])
    def test_a_negative_timeout_is_refused(self, call: str) -> None:
        queue = Queue()
        args = ("item",) if call == "put" else ()
        with pytest.raises(ValueError, match="timeout.*-1"):
            getattr(queue, call)(*args, timeout=-1)
        with pytest.raises(ValueError, match="timeout.*-1"):
            asyncio.run(getattr(queue, f"{call}_async")(*args, timeout=-1))


class TestWaiting:
    def test_for_an_item(self, gate: Gate) -> None:
        queue = Queue()
        taken = take_when_told.remote(gate, queue)
        gate.await_arrivals()
        gate.let_through()
        settled(lambda: waiting(queue) == (1, 0))
        queue.put("late")
        assert ray.get(taken) == "late"

    def test_for_room(self) -> None:
        queue = Queue(maxsize=1)
        done = put_all.remote(queue, [1, 2, 3])
        settled(lambda: waiting(queue) == (0, 1))
        assert [queue.get(timeout=20) for _ in range(3)] == [1, 2, 3]
        ray.get(done)

    def test_is_served_in_the_order_of_asking(self) -> None:
        queue = Queue()
        refs = []
        for number in range(5):
            refs.append(queue.actor.get.remote())
            settled(lambda number=number: waiting(queue) == (number + 1, 0))  # type: ignore[misc]
        queue.put_nowait_batch("abcde")
        assert ray.get(refs) == [*"abcde"]

    def test_of_more_than_a_thousand_keeps_nobody_out(self) -> None:
        queue = Queue()
        refs = [queue.actor.get.remote() for _ in range(1200)]
        queue.put_nowait_batch(range(1200))
        assert sorted(ray.get(refs)) == [*range(1200)]

    def test_goes_on_well_after_waits_and_after_none(self) -> None:
        queue = Queue(maxsize=2)
        for _ in range(3):
            done = put_all.remote(queue, [*range(20)])
            assert [queue.get(timeout=20) for _ in range(20)] == [*range(20)]
            ray.get(done)
            with pytest.raises(Empty):
                queue.get(timeout=0.01)
            queue.put_nowait_batch([1, 2])
            with pytest.raises(Full):
                queue.put(3, timeout=0.01)
            assert [queue.get(), queue.get()] == [1, 2]

    def test_that_a_signal_interrupts_takes_no_item(self) -> None:
        queue = Queue()

        def fail(*_: object) -> None:
            raise InterruptedError("the alarm")

        before = signal.signal(signal.SIGALRM, fail)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(InterruptedError):
                queue.get()
        finally:
            signal.signal(signal.SIGALRM, before)
        settled(lambda: waiting(queue) == (0, 0))
        queue.put("kept")
        assert queue.get(timeout=20) == "kept"

    def test_that_times_out_takes_no_item(self) -> None:
        queue = Queue()
        for _ in range(3):
            with pytest.raises(Empty):
                queue.get(timeout=0.001)
        queue.put("kept")
        assert queue.get_nowait() == "kept"

    def test_in_threads_of_a_program(self) -> None:
        queue = Queue()
        taken: list[Any] = []
        threads = [
            threading.Thread(target=lambda: taken.append(queue.get(timeout=20))) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        settled(lambda: waiting(queue) == (4, 0))
        queue.put_nowait_batch(range(4))
        for thread in threads:
            thread.join()
        assert sorted(taken) == [0, 1, 2, 3]


class TestCoroutines:
    def test_put_and_get(self) -> None:
        queue = Queue(maxsize=1)

        async def exchange() -> list[Any]:
            async def fill() -> None:
                for item in range(10):
                    await queue.put_async(item)

            filling = asyncio.create_task(fill())
            items = [await queue.get_async() for _ in range(10)]
            await filling
            return items

        assert asyncio.run(exchange()) == [*range(10)]

    def test_without_waiting_and_with_a_timeout(self) -> None:
        queue = Queue(maxsize=1)

        async def try_all() -> None:
            with pytest.raises(Empty):
                await queue.get_async(block=False)
            with pytest.raises(Empty):
                await queue.get_async(timeout=0.01)
            await queue.put_async(1, block=False)
            with pytest.raises(Full):
                await queue.put_async(2, block=False)
            with pytest.raises(Full):
                await queue.put_async(2, timeout=0.01)
            assert await queue.get_async(block=False) == 1

        asyncio.run(try_all())

    def test_a_cancelled_get_takes_no_item(self) -> None:
        queue = Queue()

        async def give_up() -> None:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(queue.get_async(), 0.05)

        asyncio.run(give_up())
        settled(lambda: waiting(queue) == (0, 0))
        queue.put("kept")
        assert queue.get(timeout=20) == "kept"

    def test_a_get_cancelled_when_its_item_was_on_its_way_puts_it_back(self) -> None:
        queue = Queue()
        queue.put("first")
        queue.put("second")

        async def give_up() -> None:
            task = asyncio.create_task(queue.get_async())
            await asyncio.sleep(0)  # asked for, and not answered yet
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(give_up())
        settled(lambda: queue.qsize() == 2)
        assert [queue.get(timeout=20), queue.get(timeout=20)] == ["first", "second"]

    def test_a_cancelled_put_leaves_no_item(self) -> None:
        queue = Queue(maxsize=1)
        queue.put(1)

        async def give_up() -> None:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(queue.put_async(2), 0.05)

        asyncio.run(give_up())
        settled(lambda: waiting(queue) == (0, 0))
        assert queue.get() == 1
        assert queue.empty()


class TestBatches:
    def test_go_and_come_whole(self) -> None:
        queue = Queue(maxsize=5)
        queue.put_nowait_batch(n for n in range(4))
        with pytest.raises(Full, match="Cannot add 2 items to queue of size 4 and maxsize 5"):
            queue.put_nowait_batch([4, 5])
        with pytest.raises(Empty, match="Cannot get 5 items from queue of size 4"):
            queue.get_nowait_batch(5)
        assert queue.get_nowait_batch(0) == []
        assert queue.get_nowait_batch(4) == [0, 1, 2, 3]

    def test_of_something_else_are_refused(self) -> None:
        queue = Queue()
        with pytest.raises(TypeError, match="Iterable, not int"):
            queue.put_nowait_batch(3)
        with pytest.raises(TypeError, match="int, not str"):
            queue.get_nowait_batch("3")
        with pytest.raises(ValueError, match="nonnegative, not -1"):
            queue.get_nowait_batch(-1)


class TestTheActor:
    def test_has_the_options_given(self) -> None:
        queue = Queue(actor_options={"name": "letters", "num_cpus": 1})
        queue.put("a")
        assert ray.get(ray.get_actor("letters").qsize.remote()) == 1
        settled(lambda: ray.available_resources()["CPU"] == 1)

    def test_can_be_called_as_rays(self) -> None:
        actor = Queue(maxsize=1).actor
        ray.get(actor.put.remote("one"))
        with pytest.raises(Full):
            ray.get(actor.put.remote("two", 0.01))
        with pytest.raises(Full):
            ray.get(actor.put_nowait.remote("two"))
        assert ray.get([actor.full.remote(), actor.empty.remote()]) == [True, False]
        assert ray.get(actor.get.remote()) == "one"
        with pytest.raises(Empty):
            ray.get(actor.get.remote(0.01))
        with pytest.raises(Empty):
            ray.get(actor.get_nowait.remote())

    @pytest.mark.parametrize("force", [False, True])
    def test_ends_by_shutdown(self, force: bool) -> None:
        queue = Queue(actor_options={"name": "ends"})
        actor = queue.actor
        queue.put(1)
        queue.shutdown(force=force)
        assert queue.actor is None
        with pytest.raises(ActorDiedError):
            ray.get(actor.qsize.remote())
        with pytest.raises(RuntimeError, match="was shut down"):
            queue.put(2)
        queue.shutdown()

    def test_ends_by_shutdown_while_somebody_waits(self) -> None:
        queue = Queue()
        taken = take.remote(queue, 1)
        settled(lambda: waiting(queue) == (1, 0))
        queue.shutdown(grace_period_s=20)
        with pytest.raises(ActorDiedError):
            ray.get(taken)

    def test_ends_with_the_last_that_has_the_queue(self) -> None:
        queue = Queue(actor_options={"name": "scoped"})
        queue.put(1)
        assert "scoped" in ray.util.list_named_actors()
        del queue
        settled(lambda: "scoped" not in ray.util.list_named_actors())
