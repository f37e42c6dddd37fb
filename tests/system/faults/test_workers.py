"""A worker that ends in the middle of a task: the task runs again, or its end is told."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import heliostat as ray
from tests.system.steps import Step, count

Steps = Callable[[str], Step]


@ray.remote
def meet(begun: Step, go_on: Step, runs: str) -> int:
    """Says its pid; goes on when told to; its result is how often it ran."""
    begun.tell(os.getpid())
    go_on.hear()
    return count(runs)


@ray.remote
def pid_after(ending: Callable[[], Any], runs: str) -> int:
    """Ends its process the first time it runs."""
    if count(runs) == 1:
        ending()
    return os.getpid()


@ray.remote
def add(a: int, b: int) -> int:
    return a + b


def test_a_killed_task_runs_again(session: Any, step: Steps, tmp_path: Path) -> None:
    begun, go_on, runs = step("begun"), step("go_on"), str(tmp_path / "runs")
    ref = meet.remote(begun, go_on, runs)
    first = int(begun.hear())

    os.kill(first, signal.SIGKILL)

    second = int(begun.hear())
    go_on.tell()
    assert ray.get(ref, timeout=10) == 1
    assert second != first


def test_a_task_killed_too_often_fails_and_says_how_its_worker_ended(
    session: Any, step: Steps
) -> None:
    begun, go_on = step("begun"), step("go_on")

    @ray.remote(max_retries=1)
    def fated() -> None:
        print("these were my last words", file=sys.stderr)
        begun.tell(os.getpid())
        go_on.hear()

    ref = fated.remote()
    pid = 0
    for _ in range(2):
        pid = int(begun.hear())
        os.kill(pid, signal.SIGKILL)

    with pytest.raises(ray.exceptions.WorkerCrashedError) as caught:
        ray.get(ref, timeout=10)
    text = str(caught.value)
    assert "fated" in text
    assert "SIGKILL" in text
    assert "these were my last words" in text
    assert str(pid) in text
    assert "MiB" in text or "MB" in text


def test_without_retries_the_first_end_is_told(session: Any) -> None:
    @ray.remote(max_retries=0)
    def leave() -> None:
        os._exit(7)

    with pytest.raises(ray.exceptions.WorkerCrashedError, match="7"):
        ray.get(leave.remote(), timeout=10)


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param(lambda: os._exit(0), id="os._exit(0)"),
        pytest.param(lambda: os._exit(3), id="os._exit(3)"),
        pytest.param(lambda: os.kill(os.getpid(), signal.SIGKILL), id="SIGKILL"),
        pytest.param(lambda: os.kill(os.getpid(), signal.SIGSEGV), id="SIGSEGV"),
        pytest.param(lambda: os.kill(os.getpid(), signal.SIGTERM), id="SIGTERM"),
        pytest.param(lambda: os.closerange(0, 4096), id="all descriptors closed"),
        pytest.param(lambda: os.closerange(3, 4096), id="all descriptors but 0-2 closed"),
    ],
)
def test_a_worker_that_ends_itself_is_replaced(
    session: Any, tmp_path: Path, ending: Callable[[], Any]
) -> None:
    pid = ray.get(pid_after.remote(ending, str(tmp_path / "runs")), timeout=10)

    assert pid not in {0, os.getpid()}
    assert ray.get([add.remote(i, i) for i in range(20)], timeout=10) == [2 * i for i in range(20)]


def test_system_exit_ends_the_worker_and_the_task_is_told(session: Any) -> None:
    @ray.remote(max_retries=0)
    def leave() -> None:
        sys.exit(5)

    with pytest.raises(ray.exceptions.WorkerCrashedError, match="5"):
        ray.get(leave.remote(), timeout=10)
    assert ray.get(add.remote(1, 2), timeout=10) == 3


def test_system_exit_is_retried_as_any_end_of_a_worker(session: Any, tmp_path: Path) -> None:
    ref = pid_after.remote(lambda: sys.exit(0), str(tmp_path / "runs"))

    assert ray.get(ref, timeout=10) != os.getpid()


def test_what_a_killed_worker_had_not_begun_runs_elsewhere(
    session: Any, step: Steps, tmp_path: Path
) -> None:
    begun, go_on = step("begun"), step("go_on")

    @ray.remote
    def first(x: int) -> int:
        if x == 0 and count(str(tmp_path / "runs")) == 1:
            begun.tell(os.getpid())
            go_on.hear()
        return x

    refs = [first.remote(i) for i in range(300)]
    os.kill(int(begun.hear()), signal.SIGKILL)

    assert ray.get(refs, timeout=20) == list(range(300))


def test_workers_killed_again_and_again_lose_nothing(session: Any, tmp_path: Path) -> None:
    folder = str(tmp_path)

    @ray.remote(max_retries=-1)
    def unlucky(x: int) -> int:
        if x % 7 == 0 and count(f"{folder}/{x}") == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return x

    assert ray.get([unlucky.remote(i) for i in range(70)], timeout=40) == list(range(70))


def test_every_result_of_a_crashed_task_fails(session: Any) -> None:
    @ray.remote(max_retries=0, num_returns=3)
    def leave() -> None:
        os._exit(1)

    for ref in leave.remote():
        with pytest.raises(ray.exceptions.WorkerCrashedError):
            ray.get(ref, timeout=10)


def test_a_stopped_worker_holds_up_only_its_own_task(session: Any, step: Steps) -> None:
    begun, go_on = step("begun"), step("go_on")

    @ray.remote
    def wait() -> str:
        begun.tell(os.getpid())
        return go_on.hear()

    ref = wait.remote()
    stopped = int(begun.hear())
    os.kill(stopped, signal.SIGSTOP)
    try:
        assert ray.get([add.remote(i, 1) for i in range(200)], timeout=20) == list(range(1, 201))
        assert ray.wait([ref], timeout=0) == ([], [ref])
    finally:
        os.kill(stopped, signal.SIGCONT)
    go_on.tell("on")
    assert ray.get(ref, timeout=10) == "on"


def test_a_stopped_worker_does_not_hold_up_the_end(step: Steps) -> None:
    begun, go_on = step("begun"), step("go_on")
    ray.init(address="local", num_cpus=1)
    try:

        @ray.remote
        def wait() -> str:
            begun.tell(os.getpid())
            return go_on.hear()

        ref = wait.remote()
        os.kill(int(begun.hear()), signal.SIGSTOP)
        del ref
    finally:
        ray.shutdown()
