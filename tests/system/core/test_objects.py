"""``put``, ``get`` and ``wait``; futures and awaiting; several threads at once."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import signal
import threading
from typing import Any

import pytest

import heliostat as ray
from tests.system.core.gates import Gate

pytestmark = [
    pytest.mark.usefixtures("session"),
    pytest.mark.leaks_checked_per("module", "its tests share a session"),
]


@ray.remote
def identity(value: Any) -> Any:
    return value


@ray.remote
def stop_at(gate: Gate, value: Any = None) -> Any:
    gate.pass_through()
    return value


@ray.remote
def fail(text: str) -> None:
    raise ValueError(text)


async def _awaited(ref: Any) -> Any:
    return await ref


class TestPutAndGet:
    @pytest.mark.parametrize("size", [0, 1, 4096, 4097, 102_000, 103_000, 5_000_000])
    def test_bytes_of_any_size(self, size: int) -> None:
        assert ray.get(ray.put(b"x" * size)) == b"x" * size

    def test_in_order(self) -> None:
        refs = [ray.put(i) for i in range(100)]
        assert ray.get(refs[::-1]) == list(range(100))[::-1]

    def test_the_same_reference_twice(self) -> None:
        ref = identity.remote(1)
        assert ray.get([ref, ref]) == [1, 1]

    def test_nothing(self) -> None:
        assert ray.get([]) == []

    def test_what_was_put_is_a_copy(self) -> None:
        value = [1]
        ref = ray.put(value)
        value.append(2)
        assert ray.get(ref) == [1]
        ray.get(ref).append(3)
        assert ray.get(ref) == [1]

    def test_a_reference_can_not_be_put(self) -> None:
        with pytest.raises(TypeError, match="not allowed"):
            ray.put(ray.put(1))

    @pytest.mark.parametrize("wrong", [1, None, "ref", {}, (1,)])
    def test_get_of_what_is_no_reference(self, wrong: Any) -> None:
        with pytest.raises(ValueError, match="object refs"):
            ray.get(wrong)
        with pytest.raises(TypeError, match="not an ray.ObjectRef"):
            ray.get([ray.put(1), wrong])

    def test_of_a_tuple_is_refused(self) -> None:
        with pytest.raises(ValueError, match="tuple"):
            ray.get((ray.put(1),))  # type: ignore[call-overload]

    def test_a_timeout(self, gate: Gate) -> None:
        ref = stop_at.remote(gate, 5)
        with pytest.raises(ray.exceptions.GetTimeoutError):
            ray.get(ref, timeout=0.01)
        with pytest.raises(TimeoutError):
            ray.get([ray.put(1), ref], timeout=0)
        gate.let_through()
        assert ray.get(ref, timeout=30) == 5
        assert ray.get(ref, timeout=0) == 5

    def test_the_first_failure_ends_it(self, gate: Gate) -> None:
        slow = stop_at.remote(gate)
        gate.await_arrivals()
        with pytest.raises(ValueError, match="early"):
            ray.get([slow, fail.remote("early")])
        gate.let_through()
        ray.get(slow)

    def test_a_signal_handler_may_end_it(self, gate: Gate) -> None:
        class Enough(Exception):
            pass

        def handler(*_: Any) -> None:
            raise Enough

        ref = stop_at.remote(gate)
        gate.await_arrivals()
        old = signal.signal(signal.SIGUSR2, handler)
        try:
            threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGUSR2]).start()
            with pytest.raises(Enough):
                ray.get(ref)
        finally:
            signal.signal(signal.SIGUSR2, old)
        gate.let_through()
        assert ray.get(ref) is None


class TestArrays:
    def test_are_read_only_and_shared(self) -> None:
        numpy = pytest.importorskip("numpy")
        ref = ray.put(numpy.arange(1_000_000))
        one, other = ray.get([ref, ref])
        assert not one.flags.writeable
        assert numpy.shares_memory(one, other)
        with pytest.raises(ValueError, match="read-only"):
            one[0] = 1

    def test_outlive_their_reference(self, session: Any) -> None:
        numpy = pytest.importorskip("numpy")
        array = ray.get(ray.put(numpy.full(1_000_000, 7)))
        for fill in range(5):
            ray.put(numpy.full(1_000_000, fill))
        assert (array == 7).all()
        assert session.segments.usage()[0] >= 8_000_000
        del array

    def test_memory_is_reused(self, session: Any) -> None:
        numpy = pytest.importorskip("numpy")
        data = numpy.ones(4_000_000)
        for _ in range(20):
            ref = ray.put(data)
            assert ray.get(ref)[0] == 1
            del ref
        assert session.segments.usage()[1] <= 256 << 20

    def test_passed_on_by_a_task(self) -> None:
        numpy = pytest.importorskip("numpy")

        @ray.remote
        def double(array: Any) -> Any:
            return array * 2

        ref = ray.put(numpy.arange(100_000))
        for _ in range(5):
            ref = double.remote(ref)
        assert int(ray.get(ref)[3]) == 96

    def test_of_pandas(self) -> None:
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame({"a": range(50_000), "b": [str(i) for i in range(50_000)]})
        pandas.testing.assert_frame_equal(ray.get(identity.remote(frame)), frame)


class TestWait:
    def test_takes_what_is_ready_in_the_given_order(self, gate: Gate) -> None:
        slow = stop_at.remote(gate)
        done = [ray.put(i) for i in range(3)]
        ready, rest = ray.wait([done[2], slow, done[0], done[1]], num_returns=2)
        assert ready == [done[2], done[0]]
        assert rest == [slow, done[1]]
        gate.let_through()
        ray.get(slow)

    def test_waits_for_as_many_as_asked(self, gate: Gate) -> None:
        refs = [stop_at.remote(gate) for _ in range(2)]
        gate.await_arrivals(2)
        gate.let_through(1)
        ready, rest = ray.wait(refs, num_returns=1)
        assert len(ready) == len(rest) == 1
        assert {*ready, *rest} == {*refs}
        gate.let_through(1)
        assert ray.wait(refs, num_returns=2) == (refs, [])

    def test_a_timeout(self, gate: Gate) -> None:
        ref = stop_at.remote(gate)
        assert ray.wait([ref], timeout=0) == ([], [ref])
        assert ray.wait([ref], timeout=0.01) == ([], [ref])
        assert ray.wait([ref, ray.put(1)], num_returns=2, timeout=0.01)[1] == [ref]
        gate.let_through()
        assert ray.wait([ref], timeout=30) == ([ref], [])

    def test_looking_again_and_again_sees_it_end(self, gate: Gate) -> None:
        ref = stop_at.remote(gate)
        gate.await_arrivals()
        gate.let_through()
        while not ray.wait([ref], timeout=0)[0]:
            pass
        assert ray.get(ref) is None

    def test_a_failure_is_ready(self) -> None:
        ref = fail.remote("x")
        assert ray.wait([ref]) == ([ref], [])
        with pytest.raises(ValueError, match="x"):
            ray.get(ref)

    def test_nothing(self) -> None:
        assert ray.wait([]) == ([], [])

    def test_fetch_local(self) -> None:
        ref = identity.remote(b"x" * 1_000_000)
        assert ray.wait([ref], fetch_local=False) == ([ref], [])

    @pytest.mark.parametrize("count", [0, -1, 3])
    def test_a_number_that_can_not_be(self, count: int) -> None:
        with pytest.raises(ValueError, match="returns|return"):
            ray.wait([ray.put(1), ray.put(2)], num_returns=count)

    def test_what_is_no_list_of_references(self) -> None:
        ref = ray.put(1)
        for wrong in (ref, (ref,), [1], None):
            with pytest.raises(TypeError):
                ray.wait(wrong)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="unique"):
            ray.wait([ref, ref])
        with pytest.raises(ValueError, match="nonnegative"):
            ray.wait([ref], timeout=-1)

    def test_one_by_one_over_many(self) -> None:
        rest = [identity.remote(i) for i in range(300)]
        seen = []
        while rest:
            ready, rest = ray.wait(rest)
            seen += ray.get(ready)
        assert sorted(seen) == list(range(300))


class TestFutures:
    def test_future(self, gate: Gate) -> None:
        future = stop_at.remote(gate, 3).future()
        assert isinstance(future, concurrent.futures.Future)
        assert not future.done()
        gate.let_through()
        assert future.result(timeout=30) == 3

    def test_of_a_failure(self) -> None:
        with pytest.raises(ValueError, match="no"):
            fail.remote("no").future().result(timeout=30)

    def test_of_what_is_there(self) -> None:
        assert ray.put(1).future().result(timeout=30) == 1

    def test_callbacks_run_though_nobody_waits(self) -> None:
        called = threading.Event()
        identity.remote(1).future().add_done_callback(lambda _: called.set())
        assert called.wait(30)

    def test_as_completed(self) -> None:
        futures = [identity.remote(i).future() for i in range(20)]
        done = concurrent.futures.as_completed(futures, timeout=30)
        assert sorted(future.result() for future in done) == list(range(20))


class TestAwait:
    def test_one(self) -> None:
        async def main() -> Any:
            return await identity.remote(4)

        assert asyncio.run(main()) == 4

    def test_gather(self) -> None:
        async def main() -> Any:
            return await asyncio.gather(*[identity.remote(i) for i in range(100)])

        assert asyncio.run(main()) == list(range(100))

    def test_wait_for_and_cancel(self, gate: Gate) -> None:
        async def main() -> Any:
            ref = stop_at.remote(gate, 6)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(ref, 0.01)
            gate.let_through()
            return await ref

        assert asyncio.run(main()) == 6

    def test_asyncio_wait_takes_futures(self) -> None:
        async def main() -> set[Any]:
            futures = [asyncio.ensure_future(identity.remote(i)) for i in range(5)]
            done, _ = await asyncio.wait(futures, timeout=30)
            return {future.result() for future in done}

        assert asyncio.run(main()) == {0, 1, 2, 3, 4}

    def test_a_failure(self) -> None:
        async def main() -> None:
            await fail.remote("awaited")

        with pytest.raises(ValueError, match="awaited"):
            asyncio.run(main())

    def test_the_loop_goes_on_meanwhile(self, gate: Gate) -> None:
        async def main() -> int:
            future = stop_at.remote(gate, 1).as_future()
            turns = 0
            while turns < 10:
                await asyncio.sleep(0)
                turns += 1
            assert not future.done()
            gate.let_through()
            return int(await future) + turns

        assert asyncio.run(main()) == 11

    def test_a_loop_that_ends_before_its_tasks(self, gate: Gate) -> None:
        async def main() -> None:
            for _ in range(2):
                refs.append(stop_at.remote(gate))
                asyncio.ensure_future(refs[-1].as_future())
            await asyncio.sleep(0)

        refs: list[Any] = []
        asyncio.run(main())
        gate.let_through(2)
        assert ray.get(refs) == [None, None]
        assert asyncio.run(_awaited(identity.remote(1))) == 1

    def test_from_two_loops_in_threads(self) -> None:
        results: dict[int, Any] = {}

        async def main(n: int) -> Any:
            return await asyncio.gather(*[identity.remote(i * n) for i in range(50)])

        def run(n: int) -> None:
            results[n] = asyncio.run(main(n))

        threads = [threading.Thread(target=run, args=(n,)) for n in (1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert results == {n: [i * n for i in range(50)] for n in (1, 2)}

    def test_while_another_thread_is_in_get(self, gates: Any) -> None:
        first, second = gates("first"), gates("second")
        got: list[Any] = []
        ref = stop_at.remote(first, "got")
        thread = threading.Thread(target=lambda: got.append(ray.get(ref)))
        thread.start()
        first.await_arrivals()

        async def main() -> Any:
            waiting = stop_at.remote(second, "awaited")
            second.let_through()
            return await waiting

        assert asyncio.run(main()) == "awaited"
        first.let_through()
        thread.join(30)
        assert got == ["got"]


class TestThreads:
    def test_many_in_get_at_once(self) -> None:
        results: dict[int, list[int]] = {}

        def run(n: int) -> None:
            results[n] = [ray.get(identity.remote(n * 1000 + i)) for i in range(50)]

        threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert results == {n: [n * 1000 + i for i in range(50)] for n in range(8)}

    def test_all_waiting_for_one(self, gate: Gate) -> None:
        ref = stop_at.remote(gate, 9)
        results: list[Any] = []
        threads = [threading.Thread(target=lambda: results.append(ray.get(ref))) for _ in range(6)]
        for thread in threads:
            thread.start()
        gate.await_arrivals()
        gate.let_through()
        for thread in threads:
            thread.join(30)
        assert results == [9] * 6

    def test_one_waits_long_and_others_go_on(self, gate: Gate) -> None:
        slow = stop_at.remote(gate, 1)
        gate.await_arrivals()
        first = threading.Thread(target=ray.get, args=(slow,))
        first.start()
        assert ray.get([identity.remote(i) for i in range(100)]) == list(range(100))
        assert ray.wait([identity.remote(1)])[1] == []
        gate.let_through()
        first.join(30)
        assert not first.is_alive()

    def test_a_task_finishes_though_nobody_waits(self, gate: Gate) -> None:
        ref = stop_at.remote(gate)
        chained = identity.remote(ref)
        arrived = threading.Event()
        chained.future().add_done_callback(lambda _: arrived.set())
        gate.let_through()
        assert arrived.wait(30)


class TestObjectRef:
    def test_equality_and_hash(self) -> None:
        one, other = ray.put(1), ray.put(1)
        assert one == one
        assert one != other
        assert len({one, other, one}) == 2
        assert one != "text"

    def test_ids(self) -> None:
        ref = ray.put(1)
        assert len(ref.binary()) == ref.size() == 28
        assert ref.hex() == ref.binary().hex()
        assert repr(ref) == f"ObjectRef({ref.hex()})"
        assert not ref.is_nil()
        assert ray.ObjectRef.nil().is_nil()

    def test_comes_back_equal(self) -> None:
        ref = ray.put(1)
        [back] = ray.get(identity.remote([ref]))
        assert back == ref
        assert hash(back) == hash(ref)
        assert ray.get(back) == 1

    def test_its_id_is_the_same_everywhere(self) -> None:
        @ray.remote
        def hexes(refs: list[Any]) -> list[str]:
            return [ref.hex() for ref in refs]

        refs = [ray.put(1), identity.remote(2)]
        assert ray.get(hexes.remote(refs)) == [ref.hex() for ref in refs]
