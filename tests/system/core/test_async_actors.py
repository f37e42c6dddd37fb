"""Actors with coroutine methods: one event loop, many calls at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import heliostat as ray
from heliostat.actor import exit_actor
from heliostat.exceptions import ActorDiedError, RayActorError
from tests.system.core.books import settled
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
class Board:
    """Calls that wait for each other."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.waiting = 0
        self.seen: list[Any] = []

    async def wait(self) -> int:
        self.waiting += 1
        await self.event.wait()
        return self.waiting

    async def open(self) -> int:
        self.event.set()
        return self.waiting

    async def echo(self, value: Any) -> Any:
        return value

    async def get_of(self, refs: list[Any]) -> Any:
        return await asyncio.gather(*refs)

    async def call(self, other: Any) -> Any:
        return await other.echo.remote("called")

    async def blocking(self, refs: list[Any]) -> Any:
        return ray.get(refs[0])

    async def fail(self) -> None:
        raise KeyError("awaited")

    async def leave(self) -> None:
        exit_actor()

    async def see(self, value: Any) -> list[Any]:
        self.seen.append(value)
        return self.seen

    def plain(self, value: Any) -> Any:
        return value

    async def who(self) -> Any:
        context = ray.get_runtime_context()
        before = context.get_task_id()
        await asyncio.sleep(0)
        return before, context.get_task_id(), context.get_task_name()


class TestCalls:
    def test_run_at_once(self) -> None:
        board = Board.remote()
        waiting = [board.wait.remote() for _ in range(50)]
        settled(lambda: ray.get(board.echo.remote(1)) == 1)
        assert ray.get(board.open.remote()) == 50
        assert ray.get(waiting) == [50] * 50

    def test_many(self) -> None:
        board = Board.remote()
        assert ray.get([board.echo.remote(i) for i in range(3000)]) == list(range(3000))

    def test_as_many_at_once_as_allowed(self) -> None:
        @ray.remote(max_concurrency=2)
        class Narrow:
            def __init__(self) -> None:
                self.now = 0
                self.most = 0

            async def work(self) -> int:
                self.now += 1
                self.most = max(self.most, self.now)
                for _ in range(5):
                    await asyncio.sleep(0)
                self.now -= 1
                return self.most

        narrow = Narrow.remote()
        assert max(ray.get([narrow.work.remote() for _ in range(20)])) == 2

    def test_one_at_a_time(self) -> None:
        board = Board.options(max_concurrency=1).remote()
        refs = [board.see.remote(i) for i in range(20)]
        assert ray.get(refs[-1]) == list(range(20))

    def test_that_raise(self) -> None:
        board = Board.remote()
        with pytest.raises(KeyError, match="awaited"):
            ray.get(board.fail.remote())
        assert ray.get(board.echo.remote(2)) == 2

    def test_of_methods_that_are_no_coroutines(self) -> None:
        board = Board.remote()
        refs = [board.plain.remote(1), board.echo.remote(2), board.plain.remote([3])]
        assert ray.get(refs) == [1, 2, [3]]

    def test_with_late_arguments_hold_nobody_back(self, gate: Gate) -> None:
        board = Board.remote()
        late = board.see.remote(stop_at.remote(gate, "late"))
        ray.get(board.see.remote("early"))
        gate.let_through()
        assert ray.get(late) == ["early", "late"]

    def test_know_which_they_are(self) -> None:
        board = Board.remote()
        found = ray.get([board.who.options(name=name).remote() for name in "abc"])
        assert all(before == after for before, after, _ in found)
        assert [name for _, _, name in found] == ["a", "b", "c"]
        assert len({task for task, _, _ in found}) == 3

    def test_async_inherited(self) -> None:
        class Base:
            async def base(self) -> str:
                await asyncio.sleep(0)
                return "base"

        @ray.remote
        class Child(Base):
            def plain(self) -> str:
                return "plain"

        child = Child.remote()
        assert ray.get([child.base.remote(), child.plain.remote()]) == ["base", "plain"]


class TestAwaiting:
    def test_tasks(self) -> None:
        board = Board.remote()
        refs = [identity.remote(i) for i in range(30)]
        assert ray.get(board.get_of.remote(refs)) == list(range(30))

    def test_other_actors(self) -> None:
        one, other = Board.remote(), Board.remote()
        assert ray.get(one.call.remote(other)) == "called"

    def test_itself(self) -> None:
        board = Board.remote()
        assert ray.get(board.call.remote(board)) == "called"

    def test_a_task_that_waits_while_others_come(self, gate: Gate) -> None:
        board = Board.remote()
        slow = board.get_of.remote([stop_at.remote(gate, "slow")])
        gate.await_arrivals()
        assert ray.get([board.echo.remote(i) for i in range(10)]) == list(range(10))
        gate.let_through()
        assert ray.get(slow) == ["slow"]

    def test_a_blocking_get_goes_on(self, gate: Gate) -> None:
        board = Board.remote()
        slow = board.blocking.remote([stop_at.remote(gate, "slow")])
        gate.await_arrivals()
        later = [board.echo.remote(i) for i in range(10)]
        assert ray.wait(later, timeout=0)[0] == []
        gate.let_through()
        assert ray.get(slow) == "slow"
        assert ray.get(later) == list(range(10))

    def test_in_a_background_task(self) -> None:
        @ray.remote
        class Background:
            def __init__(self) -> None:
                self.found: Any = None
                self.done = asyncio.Event()

            async def start(self, refs: list[Any]) -> None:
                self.task = asyncio.ensure_future(self.run(refs))

            async def run(self, refs: list[Any]) -> None:
                self.found = [await ref for ref in refs]
                self.done.set()

            async def result(self) -> Any:
                await self.done.wait()
                return self.found

        actor = Background.remote()
        ray.get(actor.start.remote([identity.remote(i) for i in range(5)]))
        assert ray.get(actor.result.remote()) == list(range(5))


class TestEnds:
    def test_exit_actor(self) -> None:
        board = Board.remote()
        with pytest.raises(ActorDiedError, match="exit_actor"):
            ray.get(board.leave.remote())

    def test_terminate(self) -> None:
        board = Board.remote()
        ray.get(board.echo.remote(1))
        with pytest.raises(RayActorError):
            ray.get(board.__ray_terminate__.remote())

    def test_kill_while_calls_wait(self) -> None:
        board = Board.remote()
        refs = [board.wait.remote() for _ in range(3)]
        ray.get(board.echo.remote(1))
        ray.kill(board)
        for ref in refs:
            with pytest.raises(ActorDiedError):
                ray.get(ref)

    def test_out_of_scope_after_its_calls(self, gate: Gate) -> None:
        board = Board.remote()
        slow = board.get_of.remote([stop_at.remote(gate, "slow")])
        del board
        gate.await_arrivals()
        gate.let_through()
        assert ray.get(slow) == ["slow"]

    def test_shutdown_may_be_a_coroutine(self, tmp_path: Any) -> None:
        @ray.remote
        class Closing:
            async def ready(self) -> str:
                return "ready"

            async def __ray_shutdown__(self) -> None:
                await asyncio.sleep(0)
                (tmp_path / "shutdown").write_text("x")

        closing = Closing.remote()
        assert ray.get(closing.ready.remote()) == "ready"
        del closing
        settled(lambda: (tmp_path / "shutdown").exists())

    def test_a_constructor_that_fails(self) -> None:
        @ray.remote
        class Bad:
            def __init__(self) -> None:
                raise KeyError("async")

            async def method(self) -> None: ...

        with pytest.raises(ActorDiedError, match="async"):
            ray.get(Bad.remote().method.remote())

    def test_restarts(self) -> None:
        @ray.remote(max_restarts=1, max_task_retries=1)
        class Fragile:
            async def crash(self) -> str:
                import os

                if not ray.get_runtime_context().was_current_actor_reconstructed:
                    os._exit(1)
                return "again"

        assert ray.get(Fragile.remote().crash.remote()) == "again"
