"""An actor whose process ends: it starts again, or its callers learn how it ended."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import heliostat as ray
from heliostat.engines.local.owner.references import CARRY_SEGMENTS
from tests.system.steps import Step, count

Steps = Callable[[str], Step]


@ray.remote
class Counter:
    """Counts calls, and can be told to end in many ways."""

    def __init__(self) -> None:
        self.calls = 0

    def pid(self) -> int:
        return os.getpid()

    def add(self) -> int:
        self.calls += 1
        return self.calls

    def run(self, function: Callable[[], Any]) -> Any:
        return function()

    def meet(self, begun: Step, go_on: Step) -> str:
        begun.tell(os.getpid())
        return go_on.hear()


def end_of(actor: Any) -> str:
    """What a call of a dead actor says."""
    with pytest.raises(ray.exceptions.ActorDiedError) as caught:
        ray.get(actor.add.remote(), timeout=10)
    return str(caught.value)


def test_calls_of_a_killed_actor_say_how_it_ended(session: Any, step: Steps) -> None:
    begun, go_on = step("begun"), step("go_on")
    actor = Counter.remote()
    ray.get(actor.run.remote(lambda: print("these were my last words", file=sys.stderr)))
    running = actor.meet.remote(begun, go_on)
    queued = [actor.add.remote() for _ in range(3)]
    pid = int(begun.hear())

    os.kill(pid, signal.SIGKILL)

    for ref in [running, *queued]:
        with pytest.raises(ray.exceptions.ActorDiedError):
            ray.get(ref, timeout=10)
    text = end_of(actor)
    assert "Counter" in text
    assert "SIGKILL" in text
    assert str(pid) in text
    assert "these were my last words" in text


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        pytest.param(lambda: os._exit(3), "3", id="os._exit"),
        pytest.param(lambda: sys.exit(4), "4", id="SystemExit"),
        pytest.param(lambda: os.kill(os.getpid(), signal.SIGSEGV), "SIGSEGV", id="SIGSEGV"),
        pytest.param(lambda: os.closerange(0, 4096), "", id="all descriptors closed"),
        pytest.param(lambda: os.closerange(3, 4096), "", id="all but 0-2 closed"),
    ],
)
def test_an_actor_that_ends_itself_is_dead(
    session: Any, ending: Callable[[], Any], said: str
) -> None:
    actor = Counter.remote()

    with pytest.raises(ray.exceptions.ActorDiedError):
        ray.get(actor.run.remote(ending), timeout=10)

    assert said in end_of(actor)


@pytest.mark.parametrize("kind", ["async", "threads"])
@pytest.mark.parametrize(
    "ending",
    [
        pytest.param(lambda: os.kill(os.getpid(), signal.SIGKILL), id="SIGKILL"),
        pytest.param(lambda: sys.exit(4), id="SystemExit"),
        pytest.param(lambda: os.closerange(3, 4096), id="descriptors closed"),
    ],
)
def test_actors_of_every_kind_die(session: Any, kind: str, ending: Callable[[], Any]) -> None:
    @ray.remote
    class Async:
        async def add(self) -> int:
            return 1

        async def run(self, function: Callable[[], Any]) -> Any:
            return function()

    threaded = Counter.options(max_concurrency=4)  # type: ignore[attr-defined]
    actor = Async.remote() if kind == "async" else threaded.remote()
    assert ray.get(actor.add.remote(), timeout=10) == 1

    with pytest.raises(ray.exceptions.ActorDiedError):
        ray.get(actor.run.remote(ending), timeout=10)

    end_of(actor)


def test_a_restarted_actor_starts_anew_under_the_same_handle(session: Any) -> None:
    actor = Counter.options(max_restarts=2, max_task_retries=-1).remote()  # type: ignore[attr-defined]
    assert ray.get([actor.add.remote() for _ in range(3)], timeout=10) == [1, 2, 3]
    for _ in range(2):
        before = ray.get(actor.pid.remote(), timeout=10)

        os.kill(before, signal.SIGKILL)

        assert ray.get([actor.add.remote() for _ in range(3)], timeout=10) == [1, 2, 3]
        assert ray.get(actor.pid.remote(), timeout=10) != before
    os.kill(ray.get(actor.pid.remote(), timeout=10), signal.SIGKILL)
    assert "SIGKILL" in end_of(actor)


def test_a_call_is_repeated_only_where_allowed(session: Any, step: Steps) -> None:
    begun, go_on = step("begun"), step("go_on")
    actor = Counter.options(max_restarts=1).remote()  # type: ignore[attr-defined]
    lost = actor.meet.remote(begun, go_on)

    os.kill(int(begun.hear()), signal.SIGKILL)

    with pytest.raises(ray.exceptions.ActorUnavailableError):
        ray.get(lost, timeout=10)
    assert ray.get(actor.run.remote(lambda: "again"), timeout=10) == "again"


def test_unanswered_calls_run_again_in_their_order(session: Any, step: Steps) -> None:
    begun, go_on = step("begun"), step("go_on")
    actor = Counter.options(max_restarts=1, max_task_retries=1).remote()  # type: ignore[attr-defined]
    running = actor.meet.remote(begun, go_on)
    queued = [actor.add.remote() for _ in range(50)]

    os.kill(int(begun.hear()), signal.SIGKILL)

    begun.hear()
    go_on.tell("again")
    assert ray.get(running, timeout=10) == "again"
    assert ray.get(queued, timeout=10) == list(range(1, 51))


def test_a_constructor_that_raises_is_the_cause_told(session: Any) -> None:
    @ray.remote
    class Broken:
        def __init__(self) -> None:
            raise ZeroDivisionError("not today")

        def add(self) -> None:
            pass

    actor = Broken.remote()
    assert "not today" in end_of(actor)


@pytest.mark.parametrize("ending", [lambda: os._exit(9), lambda: sys.exit(9)])
def test_a_constructor_that_ends_the_process_is_told(
    session: Any, ending: Callable[[], Any]
) -> None:
    @ray.remote
    class Broken:
        def __init__(self) -> None:
            ending()

        def add(self) -> None:
            pass

    assert "9" in end_of(Broken.remote())


def test_a_constructor_that_crashes_once_is_repeated(session: Any, tmp_path: Path) -> None:
    runs = str(tmp_path / "runs")

    @ray.remote(max_restarts=1)
    class Unlucky:
        def __init__(self) -> None:
            if count(runs) == 1:
                os._exit(1)

        def add(self) -> int:
            return count(runs)

    actor = Unlucky.options(max_task_retries=1).remote()  # type: ignore[attr-defined]
    assert ray.get(actor.add.remote(), timeout=10) == 3


def test_a_name_is_free_again_once_its_actor_was_killed(session: Any) -> None:
    actor = Counter.options(name="counter").remote()  # type: ignore[attr-defined]
    os.kill(ray.get(actor.pid.remote(), timeout=10), signal.SIGKILL)
    end_of(actor)

    other = Counter.options(name="counter").remote()  # type: ignore[attr-defined]

    assert ray.get(other.add.remote(), timeout=10) == 1
    assert ray.get(ray.get_actor("counter").add.remote(), timeout=10) == 2


def test_an_actor_killed_by_its_holder_ends_in_the_middle_of_a_call(
    session: Any, step: Steps, await_end: Callable[..., None]
) -> None:
    begun, go_on = step("begun"), step("go_on")
    actor = Counter.remote()
    ref = actor.meet.remote(begun, go_on)
    pid = int(begun.hear())

    ray.kill(actor)

    with pytest.raises(ray.exceptions.ActorDiedError):
        ray.get(ref, timeout=10)
    await_end(pid)


def test_a_stopped_actor_can_be_killed(session: Any, await_end: Callable[..., None]) -> None:
    actor = Counter.remote()
    pid = ray.get(actor.pid.remote(), timeout=10)
    os.kill(pid, signal.SIGSTOP)

    ray.kill(actor)

    end_of(actor)
    await_end(pid)


def test_what_a_dead_actor_held_is_free_again(session: Any) -> None:
    actor = Counter.options(num_cpus=2).remote()  # type: ignore[attr-defined]
    os.kill(ray.get(actor.pid.remote(), timeout=10), signal.SIGKILL)
    end_of(actor)

    other = Counter.options(num_cpus=2).remote()  # type: ignore[attr-defined]

    assert ray.get(other.add.remote(), timeout=10) == 1


def test_objects_of_a_dead_actor_are_gone_and_their_users_told(session: Any) -> None:
    @ray.remote
    class Owner:
        def put(self) -> list[Any]:
            # More than bring their values along.
            self.refs = [ray.put(bytes(1 << 20)) for _ in range(CARRY_SEGMENTS + 1)]
            return self.refs

        def pid(self) -> int:
            return os.getpid()

    owner = Owner.remote()
    ref, *_ = ray.get(owner.put.remote(), timeout=10)
    os.kill(ray.get(owner.pid.remote(), timeout=10), signal.SIGKILL)
    with pytest.raises(ray.exceptions.ActorDiedError):
        ray.get(owner.pid.remote(), timeout=10)

    with pytest.raises((ray.exceptions.OwnerDiedError, ray.exceptions.ObjectLostError)):
        ray.get(ref, timeout=10)
