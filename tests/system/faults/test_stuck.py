"""Processes that are stuck, in Python or in C with its lock held, while others need them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import heliostat as ray
from tests.system.conftest import Program
from tests.system.steps import Step

Start = Callable[..., Program]
Steps = Callable[[str], Step]

#: What never ends by itself: in C, letting no other thread run; and in Python.
STUCK = {
    "in C": "sum(range(10**12))",
    "in Python": "exec('while True: pass')",
}


@pytest.fixture(params=list(STUCK.values()), ids=list(STUCK))
def stuck(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@ray.remote
def add(a: int, b: int) -> int:
    return a + b


@ray.remote(max_retries=0)
def get_stuck(begun: Step, code: str, kept: Any = None) -> None:
    begun.tell(os.getpid())
    exec(code)


def test_tasks_do_not_wait_behind_a_stuck_one(session: Any, step: Steps, stuck: str) -> None:
    begun = step("begun")
    ref = get_stuck.remote(begun, stuck)
    pid = int(begun.hear())

    assert ray.get([add.remote(i, i) for i in range(300)], timeout=20) == [
        2 * i for i in range(300)
    ]

    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ray.exceptions.WorkerCrashedError):
        ray.get(ref, timeout=10)


def test_tasks_sent_before_their_worker_was_stuck_are_run_by_another(
    session: Any, step: Steps
) -> None:
    # Short tasks go out in packets, and one of them turns out to be endless.
    begun = step("begun")
    ray.get([add.remote(0, 0) for _ in range(500)], timeout=20)
    before = [add.remote(i, 0) for i in range(100)]
    ref = get_stuck.remote(begun, STUCK["in C"])
    after = [add.remote(i, 1) for i in range(100)]
    pid = int(begun.hear())

    assert ray.get(before, timeout=20) == list(range(100))
    assert ray.get(after, timeout=20) == list(range(1, 101))

    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ray.exceptions.WorkerCrashedError):
        ray.get(ref, timeout=10)


def test_arguments_and_results_do_not_wait_for_their_stuck_maker(
    session: Any, step: Steps, stuck: str
) -> None:
    begun = step("begun")

    @ray.remote(num_cpus=0)
    class Maker:
        def make(self) -> list[Any]:
            self.refs = [ray.put("small"), ray.put(bytes(1 << 20))]
            return self.refs

        def get_stuck(self) -> None:
            begun.tell(os.getpid())
            exec(stuck)

    @ray.remote
    def size(small: str, big: bytes) -> int:
        return len(small) + len(big)

    maker = Maker.remote()
    small, big = ray.get(maker.make.remote(), timeout=10)
    maker.get_stuck.remote()
    pid = int(begun.hear())
    try:
        assert ray.get(small, timeout=10) == "small"
        if "sum" not in stuck:  # a large value stays with its owner until it is asked for
            assert len(ray.get(big, timeout=10)) == 1 << 20
            assert ray.get(size.remote(small, big), timeout=10) == (1 << 20) + 5
    finally:
        os.kill(pid, signal.SIGKILL)


def test_a_stuck_program_keeps_its_workers_busy_and_disturbs_no_other(
    program: Start, tmp_path: Path, stuck: str
) -> None:
    env = {"HELIOSTAT_TMPDIR": str(tmp_path)}
    daemon = """
    from heliostat.engines.local import launch
    from heliostat.engines.settings import Settings
"""
    program(daemon + "    launch.start_head(Settings(num_cpus=2))", env).end()
    first = program(
        f"""
        ray.init(address="auto", namespace="shared")

        @ray.remote
        class Counter:
            def __init__(self):
                self.calls = 0
            def add(self, *_):
                self.calls += 1
                return self.calls

        @ray.remote
        def work(counter, number):
            ray.get(counter.add.remote())
            return number

        @ray.remote
        def nested(counter):
            return sum(ray.get([work.remote(counter, i) for i in range(10)]))

        counter = Counter.options(name="counter", lifetime="detached").remote()
        ray.get(work.remote(counter, 0))
        refs = [work.remote(counter, i) for i in range(20)]
        ref = nested.remote(counter)
        say("stuck")
        {stuck}
        """,
        env,
    )
    assert first.line() == "stuck"
    second = program(
        """
        ray.init(address="auto", namespace="shared")
        counter = ray.get_actor("counter")
        add = ray.remote(lambda a, b: a + b)
        say(ray.get([add.remote(i, i) for i in range(100)]) == [2 * i for i in range(100)])
        # 1 + 20 + 10 calls by what the stuck program had submitted, and ours.
        calls = 0
        while ray.get(counter.add.remote()) - calls < 31:
            calls += 1
            ray.get(add.remote(1, 1))
        say("done")
        ray.kill(counter)
        """,
        env,
    )
    assert second.lines(2) == ["True", "done"]
    second.end()
    first.signal(signal.SIGKILL)
    first.end(-signal.SIGKILL)
    stop = program(daemon + "    say(launch.stop_head())", env)
    assert stop.line() == "True"
    stop.end()


def test_a_stuck_worker_does_not_hold_up_the_end(
    program: Start, await_end: Callable[..., None], stuck: str
) -> None:
    made = program(
        f"""
        ray.init(address="local", num_cpus=2)

        @ray.remote
        def get_stuck(path):
            with open(path, "w") as file:
                file.write(str(os.getpid()))
            {stuck}

        @ray.remote
        class Actor:
            def get_stuck(self, path):
                with open(path, "w") as file:
                    file.write(str(os.getpid()))
                {stuck}

        actor = Actor.remote()
        for name, start in (("task", get_stuck.remote), ("actor", actor.get_stuck.remote)):
            os.mkfifo(name)
            start(os.path.abspath(name))
            with open(name) as file:
                say(file.read())
        """
    )
    pids = [made.number(), made.number()]
    made.end()
    await_end(*pids)
