"""``timeout=`` and ``priority=``: heliostat's own options of tasks and calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import heliostat as ray
from heliostat.exceptions import ActorDiedError, RayTaskError, TaskTimeoutError
from tests.system.core.gates import Gate
from tests.system.steps import count

pytestmark = [
    pytest.mark.usefixtures("session"),
    pytest.mark.leaks_checked_per("module", "its tests share a session"),
]


@ray.remote
def stop_at(gate: Gate) -> str:
    gate.pass_through()
    return "went on"


@ray.remote
def note(path: str, value: Any) -> Any:
    with open(path, "a", encoding="utf-8") as file:
        file.write(f"{value} ")
    return value


@ray.remote(timeout=0.05, max_retries=-1)
def in_c(path: str) -> int:
    count(path)
    return sum(range(10**12))


class TestATaskWithATimeLimit:
    def test_is_ended_whatever_it_does_and_not_repeated(self, tmp_path: Any) -> None:
        ref = in_c.remote(str(tmp_path / "began"))
        with pytest.raises(TaskTimeoutError, match=r"in_c ran longer than its timeout of 0.05 s"):
            ray.get(ref)
        assert (tmp_path / "began").stat().st_size == 1
        with pytest.raises(TimeoutError):
            ray.get(ref)

    def test_is_left_alone_if_it_keeps_it(self, gate: Gate) -> None:
        quick = note.options(timeout=60)
        assert ray.get([quick.remote("/dev/null", n) for n in range(50)]) == list(range(50))

    def test_costs_no_other_task_anything(self, tmp_path: Any) -> None:
        refs: list[Any] = []
        for n in range(20):
            refs += [in_c.remote(str(tmp_path / "began"))] if n % 10 == 0 else []
            refs.append(note.options(max_retries=0).remote(str(tmp_path / "ran"), n))
        done: list[Any] = []
        for ref in refs:
            try:
                done.append(ray.get(ref))
            except TaskTimeoutError:
                done.append("late")
        assert done.count("late") == 2
        assert [n for n in done if n != "late"] == list(range(20))

    @pytest.mark.parametrize("wrong", [0, -1, "1", True, float("inf")])
    def test_takes_a_positive_number(self, wrong: Any) -> None:
        with pytest.raises((TypeError, ValueError), match="timeout=.*positive number of seconds"):
            note.options(timeout=wrong)


@ray.remote
class Actor:
    def in_c(self) -> int:
        return sum(range(10**12))

    def echo(self, value: Any) -> Any:
        return value


@ray.remote
class Coroutines:
    async def forever(self) -> None:
        await asyncio.Event().wait()

    async def echo(self, value: Any) -> Any:
        return value


class TestACallWithATimeLimit:
    def test_ends_its_actor(self) -> None:
        actor = Actor.remote()
        late = actor.in_c.options(timeout=0.05).remote()
        behind = actor.echo.remote(1)
        with pytest.raises(TaskTimeoutError, match="in_c ran longer"):
            ray.get(late)
        with pytest.raises(ActorDiedError):
            ray.get(behind)

    def test_leaves_a_restarted_actor_to_others(self) -> None:
        actor = Actor.options(max_restarts=-1, max_task_retries=-1).remote()
        late = actor.in_c.options(timeout=0.05).remote()
        behind = actor.echo.remote(1)
        with pytest.raises(TaskTimeoutError):
            ray.get(late)
        assert ray.get(behind) == 1
        assert ray.get(actor.echo.options(timeout=60).remote(2)) == 2

    def test_of_an_async_actor_is_cancelled(self) -> None:
        actor = Coroutines.remote()
        with pytest.raises(TaskTimeoutError, match="forever ran longer"):
            ray.get(actor.forever.options(timeout=0.05).remote())
        assert ray.get(actor.echo.options(timeout=60).remote(1)) == 1

    def test_is_refused_where_calls_run_in_threads(self) -> None:
        actor = Actor.options(max_concurrency=2).remote()
        with pytest.raises((NotImplementedError, RayTaskError), match="in threads"):
            ray.get(actor.echo.options(timeout=1).remote(1))


class TestPriority:
    def test_of_tasks_that_wait_decides_who_goes_first(self, gate: Gate, tmp_path: Any) -> None:
        path = str(tmp_path / "order")
        busy = [stop_at.remote(gate) for _ in range(2)]
        gate.await_arrivals(2)
        one = note.options(num_cpus=2)
        refs = [stop_at.options(num_cpus=2, priority=9).remote(gate)]
        refs += [one.remote(path, "low") for _ in range(3)]
        refs += [one.options(priority=5).remote(path, "high") for _ in range(2)]
        refs += [one.options(priority=-1).remote(path, "last")]
        refs += [one.options(priority=7).remote(path, "first")]
        gate.let_through(3)
        ray.get(busy + refs)
        order = (tmp_path / "order").read_text().split()
        assert order == ["first", "high", "high", "low", "low", "low", "last"]

    @pytest.mark.parametrize("wrong", [1.5, "1", True])
    def test_is_an_integer(self, wrong: Any) -> None:
        make: Callable[..., Any] = note.options
        with pytest.raises(TypeError, match="priority=.*an integer"):
            make(priority=wrong)
