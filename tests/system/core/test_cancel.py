"""Cancelling tasks and calls, wherever they are."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from collections.abc import Callable
from typing import Any

import pytest

import heliostat as ray
from heliostat.exceptions import ActorDiedError, RayTaskError, TaskCancelledError
from tests.system.core.books import settled
from tests.system.core.gates import Gate
from tests.system.steps import count

pytestmark = [
    pytest.mark.usefixtures("session"),
    pytest.mark.leaks_checked_per("module", "its tests share a session"),
]


@ray.remote
def stop_at(gate: Gate, value: Any = None) -> Any:
    gate.pass_through()
    return value


@ray.remote
def note(path: str, after: Any = None) -> Any:
    count(path)
    return after


@ray.remote
def identity(value: Any) -> Any:
    return value


def is_cancelled(ref: Any) -> bool:
    with pytest.raises(TaskCancelledError):
        ray.get(ref, timeout=10)
    return True


class TestATaskThatHasNotBegun:
    def test_never_runs_if_it_waits_for_an_argument(self, gate: Gate, tmp_path: Any) -> None:
        first = stop_at.remote(gate, 1)
        second = note.remote(str(tmp_path / "ran"), first)
        third = identity.remote(second)
        gate.await_arrivals()
        ray.cancel(second)
        assert is_cancelled(second)
        assert is_cancelled(third)
        gate.let_through()
        assert ray.get(first) == 1
        assert not (tmp_path / "ran").exists()

    def test_never_runs_if_no_worker_has_taken_it(self, gate: Gate, tmp_path: Any) -> None:
        busy = [stop_at.remote(gate) for _ in range(2)]
        gate.await_arrivals(2)
        waiting = [note.remote(str(tmp_path / "ran"), n) for n in range(100)]
        for ref in waiting[::2]:
            ray.cancel(ref)
        for ref in waiting[::2]:
            assert is_cancelled(ref)
        gate.let_through(2)
        assert ray.get(waiting[1::2]) == list(range(1, 100, 2))
        ray.get(busy)
        assert (tmp_path / "ran").stat().st_size == 50

    def test_never_runs_if_it_follows_in_a_chain(self, gate: Gate, tmp_path: Any) -> None:
        ray.get([note.remote(str(tmp_path / "warm")) for _ in range(200)])
        refs = [note.remote(str(tmp_path / "ran"), stop_at.remote(gate))]
        for _ in range(5):
            refs.append(note.remote(str(tmp_path / "ran"), refs[-1]))
        gate.await_arrivals()
        ray.cancel(refs[2])
        for ref in refs[2:]:
            assert is_cancelled(ref)
        gate.let_through()
        ray.get(refs[1])
        assert (tmp_path / "ran").stat().st_size == 2

    def test_makes_room_for_others_in_the_books(self, gate: Gate) -> None:
        value = bytes(200_000)
        busy = [stop_at.remote(gate) for _ in range(2)]
        gate.await_arrivals(2)
        ref = identity.remote(value)
        ray.cancel(ref)
        assert is_cancelled(ref)
        gate.let_through(2)
        ray.get(busy)


@ray.remote
def sleep_until_interrupted(gate: Gate, path: str, result: str = "") -> str:
    try:
        gate.pass_through()
        threading.Event().wait(60)
    except KeyboardInterrupt:
        count(path)
        if not result:
            raise
    return result


class TestATaskThatRuns:
    def test_is_interrupted_and_may_clean_up(self, gate: Gate, tmp_path: Any) -> None:
        ref = sleep_until_interrupted.remote(gate, str(tmp_path / "cleaned"))
        gate.let_through()
        gate.await_arrivals()
        ray.cancel(ref)
        assert is_cancelled(ref)
        assert (tmp_path / "cleaned").stat().st_size == 1

    def test_may_have_a_value_all_the_same(self, gate: Gate, tmp_path: Any) -> None:
        ref = sleep_until_interrupted.remote(gate, str(tmp_path / "cleaned"), "saved")
        gate.let_through()
        gate.await_arrivals()
        ray.cancel(ref)
        assert ray.get(ref) == "saved"

    def test_is_interrupted_while_it_waits_in_get(self, gates: Callable[[str], Gate]) -> None:
        inner, outer = gates("inner"), gates("outer")

        @ray.remote
        def waits() -> Any:
            ref = stop_at.remote(inner)
            outer.pass_through()
            return ray.get(ref)

        ref = waits.remote()
        inner.await_arrivals()
        outer.let_through()
        ray.cancel(ref, recursive=False)
        assert is_cancelled(ref)
        inner.let_through()

    def test_leaves_the_worker_to_others(self, gate: Gate, tmp_path: Any) -> None:
        for _ in range(5):
            ref = sleep_until_interrupted.remote(gate, str(tmp_path / "n"))
            gate.let_through()
            gate.await_arrivals()
            ray.cancel(ref)
            assert is_cancelled(ref)
        assert ray.get([identity.remote(n) for n in range(100)]) == list(range(100))

    def test_is_not_repeated(self, gate: Gate, tmp_path: Any) -> None:
        ref = sleep_until_interrupted.options(max_retries=-1, retry_exceptions=True).remote(
            gate, str(tmp_path / "cleaned")
        )
        gate.let_through()
        gate.await_arrivals()
        ray.cancel(ref)
        assert is_cancelled(ref)
        assert (tmp_path / "cleaned").stat().st_size == 1

    def test_is_killed_by_force_whatever_it_does(self, gate: Gate) -> None:
        @ray.remote
        def stubborn() -> None:
            while True:
                try:
                    gate.pass_through()
                    sum(range(10**12))
                except KeyboardInterrupt:
                    pass

        ref = stubborn.remote()
        gate.let_through()
        gate.await_arrivals()
        ray.cancel(ref, force=True)
        assert is_cancelled(ref)
        assert ray.get(identity.remote(1)) == 1

    def test_takes_what_it_submitted_with_it(
        self, gates: Callable[[str], Gate], tmp_path: Any
    ) -> None:
        inner, outer = gates("inner"), gates("outer")
        path = str(tmp_path / "cleaned")

        @ray.remote
        def parent() -> Any:
            child = sleep_until_interrupted.options(num_cpus=0.1).remote(inner, path)
            outer.pass_through()
            return ray.get(child)

        ref = parent.remote()
        inner.let_through()
        inner.await_arrivals()
        outer.let_through()
        ray.cancel(ref)
        assert is_cancelled(ref)
        settled(lambda: os.path.exists(path), lambda: "the child was not interrupted")

    def test_can_ask_whether_it_was(self, gate: Gate) -> None:
        @ray.remote
        def asks() -> Any:
            before = ray.get_runtime_context().is_canceled()
            try:
                gate.pass_through()
                threading.Event().wait(60)
            except KeyboardInterrupt:
                return before, ray.get_runtime_context().is_canceled()

        ref = asks.remote()
        gate.let_through()
        gate.await_arrivals()
        ray.cancel(ref)
        assert ray.get(ref) == (False, True)

    def test_spares_the_processes_it_started(self, gate: Gate) -> None:
        @ray.remote
        def with_child() -> Any:
            child = subprocess.Popen(["sleep", "60"])
            try:
                gate.pass_through()
                child.wait()
            except KeyboardInterrupt:
                alive = child.poll() is None
                child.kill()
                child.wait()
                return alive

        ref = with_child.remote()
        gate.let_through()
        gate.await_arrivals()
        ray.cancel(ref)
        assert ray.get(ref) is True


class TestOthers:
    def test_what_has_ended_is_left_alone(self) -> None:
        ref = identity.remote(1)
        assert ray.get(ref) == 1
        ray.cancel(ref)
        ray.cancel(ref, force=True)
        ray.cancel(ray.put(2))
        assert ray.get(ref) == 1

    def test_a_borrower_can_cancel(self, gate: Gate, tmp_path: Any) -> None:
        @ray.remote
        def cancels(refs: Any) -> None:
            ray.cancel(refs[0])

        ref = sleep_until_interrupted.remote(gate, str(tmp_path / "cleaned"))
        gate.let_through()
        gate.await_arrivals()
        ray.get(cancels.remote([ref]))
        assert is_cancelled(ref)

    def test_all_of_several_results_are_cancelled(self, gate: Gate) -> None:
        busy = [stop_at.remote(gate) for _ in range(2)]
        gate.await_arrivals(2)
        first, second = identity.options(num_returns=2).remote((1, 2))
        ray.cancel(second)
        assert is_cancelled(first)
        assert is_cancelled(second)
        gate.let_through(2)
        ray.get(busy)

    def test_what_is_no_reference_is_refused(self) -> None:
        for wrong in (1, None, [identity.remote(1)], identity):
            with pytest.raises(TypeError, match="only supported for object refs"):
                ray.cancel(wrong)

    def test_a_driver_can_not_ask(self) -> None:
        with pytest.raises(RuntimeError, match="only available when the process is a worker"):
            ray.get_runtime_context().is_canceled()


@ray.remote
class Plain:
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def see(self, value: Any) -> list[Any]:
        self.seen.append(value)
        return self.seen

    def stop(self, gate: Gate) -> str:
        gate.pass_through()
        return "went on"

    def until_cancelled(self, gate: Gate) -> str:
        gate.pass_through()
        while not ray.get_runtime_context().is_canceled():
            pass
        return "saw it"


@ray.remote
class Awaiting:
    def __init__(self) -> None:
        self.cleaned = 0

    async def forever(self, gate: Gate) -> None:
        gate.pass_through()
        try:
            await asyncio.Event().wait()
        finally:
            self.cleaned += 1

    async def count(self) -> int:
        return self.cleaned

    async def asks(self) -> bool:
        return ray.get_runtime_context().is_canceled()


class TestCallsOfActors:
    def test_one_that_waits_for_an_argument_never_runs_and_holds_nobody_up(
        self, gate: Gate
    ) -> None:
        actor = Plain.remote()
        argument = stop_at.remote(gate)
        held = actor.see.remote(argument)
        behind = actor.see.remote(2)
        gate.await_arrivals()
        ray.cancel(held)
        assert is_cancelled(held)
        assert ray.get(behind) == [2]
        gate.let_through()
        ray.get(argument)

    @pytest.mark.parametrize("threads", [1, 2])
    def test_one_in_the_queue_of_the_actor_never_runs(self, gate: Gate, threads: int) -> None:
        actor = Plain.options(max_concurrency=threads).remote()
        running = [actor.stop.remote(gate) for _ in range(threads)]
        gate.await_arrivals(threads)
        queued = [actor.see.remote(n) for n in range(3)]
        ray.cancel(queued[1])
        gate.let_through(threads)
        ray.get(running)
        assert is_cancelled(queued[1])
        assert sorted(ray.get(actor.see.remote(9))) == [0, 2, 9]

    @pytest.mark.parametrize("threads", [1, 2])
    def test_one_that_runs_is_told(self, gate: Gate, threads: int) -> None:
        actor = Plain.options(max_concurrency=threads).remote()
        ref = actor.until_cancelled.remote(gate)
        gate.let_through()
        gate.await_arrivals()
        ray.cancel(ref)
        assert ray.get(ref) == "saw it"

    def test_a_coroutine_is_cancelled_as_asyncio_does(self, gate: Gate) -> None:
        actor = Awaiting.remote()
        ref = actor.forever.remote(gate)
        gate.let_through()
        gate.await_arrivals()
        ray.cancel(ref)
        assert is_cancelled(ref)
        assert ray.get(actor.count.remote()) == 1

    def test_a_coroutine_that_waits_for_its_turn_never_runs(self, gate: Gate) -> None:
        actor = Awaiting.options(max_concurrency=1).remote()
        first = actor.forever.remote(gate)
        gate.let_through()
        gate.await_arrivals()
        second = actor.forever.remote(gate)
        ray.cancel(second)
        assert is_cancelled(second)
        ray.cancel(first)
        assert is_cancelled(first)
        assert ray.get(actor.count.remote()) == 1

    def test_an_async_actor_can_not_ask(self) -> None:
        with pytest.raises(RayTaskError, match="not supported in an async actor"):
            ray.get(Awaiting.remote().asks.remote())

    def test_force_is_refused(self, gate: Gate) -> None:
        actor = Plain.remote()
        ref = actor.stop.remote(gate)
        gate.await_arrivals()
        with pytest.raises(ValueError, match="not supported for actor tasks"):
            ray.cancel(ref, force=True)
        gate.let_through()
        assert ray.get(ref) == "went on"

    def test_one_that_is_lost_with_its_actor_is_not_repeated(self, gate: Gate) -> None:
        actor = Plain.options(max_restarts=1, max_task_retries=-1).remote()
        ref = actor.stop.remote(gate)
        gate.await_arrivals()
        ray.cancel(ref)
        ray.kill(actor, no_restart=False)
        with pytest.raises((TaskCancelledError, ActorDiedError)):
            ray.get(ref)
        assert ray.get(actor.see.remote(1)) == [1]
