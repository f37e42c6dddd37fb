"""Ctrl-C and alarms: at any moment, in the program and in its workers."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

import heliostat as ray
from tests.system.conftest import Program
from tests.system.steps import Step

Start = Callable[..., Program]
Steps = Callable[[str], Step]

SESSION = """
ray.init(address="local", num_cpus=1)

@ray.remote
def pause(path):
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    signal.pause()

@ray.remote
def add(a, b):
    return a + b

os.mkfifo("task")
ref = pause.remote(os.path.abspath("task"))
with open("task") as file:
    worker = int(file.read())
"""


@ray.remote
def own_pid() -> int:
    return os.getpid()


def test_ctrl_c_ends_a_get_and_the_session_goes_on(program: Start) -> None:
    made = program(
        SESSION
        + """
other = add.remote(1, 2)
for wait in (lambda: ray.get(ref), lambda: ray.wait([ref]), lambda: ray.get([other, ref])):
    try:
        say("waiting")
        wait()
    except KeyboardInterrupt:
        say("interrupted")
os.kill(worker, 9)
with open("task") as file:
    os.kill(int(file.read()), 9)
say(ray.get(other))
ray.kill  # the rest of the session works too
say(ray.get(add.options(num_cpus=0).remote(2, 3)))
os._exit(0)
"""
    )
    for _ in range(3):
        assert made.line() == "waiting"
        made.signal(signal.SIGINT)
        assert made.line() == "interrupted"
    assert made.lines(2) == ["3", "5"]
    made.end()


def test_ctrl_c_not_caught_ends_the_program_and_everything_else(
    program: Start, await_end: Callable[..., None]
) -> None:
    made = program(SESSION + "say(worker)\nray.get(ref)")
    worker = made.number()

    made.signal(signal.SIGINT)

    made.end(-signal.SIGINT)
    assert "KeyboardInterrupt" in made.errors()
    await_end(worker)


def test_ctrl_c_at_any_moment_of_submitting_and_getting(program: Start, seed: str) -> None:
    made = program(
        f"""
        import random
        moments = random.Random({seed!r})
        ray.init(address="local", num_cpus=2)

        @ray.remote
        def add(a, b):
            return a + b

        @ray.remote
        class Counter:
            def __init__(self):
                self.calls = 0
            def add(self, n):
                self.calls += n
                return self.calls

        def work():
            a = [add.remote(i, i) for i in range(50)]
            b = counter.add.remote(1)
            c = ray.put(b"x" * 200_000)
            d = add.remote([1], [2])
            assert ray.get(a) == [2 * i for i in range(50)]
            assert ray.get([c, d]) == [b"x" * 200_000, [1, 2]]
            ray.wait(a + [b], num_returns=20, timeout=0)
            ray.get(b)

        counter = Counter.remote()
        work()
        # Another signal's handler raises it: the moment is the clock's, and it comes just once.
        signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
        caught = 0
        while caught < 150:
            try:
                signal.setitimer(signal.ITIMER_REAL, moments.uniform(0.0001, 0.008))
                while True:
                    work()
            except KeyboardInterrupt:
                caught += 1
        say(ray.get([add.remote(i, i) for i in range(500)]) == [2 * i for i in range(500)])
        say(ray.get(counter.add.remote(0)) > 0)
        """
    )
    assert made.lines(2) == ["True", "True"]
    made.end()


@pytest.mark.parametrize("moment", range(12))
def test_ctrl_c_in_the_middle_of_init(program: Start, moment: int) -> None:
    # Interrupted at a step of its own each time: the n-th call of one of init's own functions.
    made = program(
        f"""
        calls = 0

        def profile(frame, event, arg):
            global calls
            if event == "call" and "heliostat/engines" in frame.f_code.co_filename:
                calls += 1
                if calls == {moment} * 25 + 1:
                    signal.raise_signal(signal.SIGINT)

        sys.setprofile(profile)
        try:
            ray.init(address="local", num_cpus=1)
            said = "complete"
        except KeyboardInterrupt:
            said = "interrupted"
        sys.setprofile(None)
        say(said, ray.is_initialized())
        if not ray.is_initialized():
            ray.init(address="local", num_cpus=1)
        say(ray.get(ray.remote(lambda x: x + 1).remote(1)))
        ray.shutdown()
        """
    )
    assert made.line() in {"complete True", "interrupted False"}
    assert made.line() == "2"
    assert made.end() == ""


def test_sigint_in_a_worker_interrupts_its_task(session: Any, step: Steps) -> None:
    begun = step("begun")

    @ray.remote
    def pause() -> None:
        begun.tell(os.getpid())
        signal.pause()

    ref = pause.remote()
    os.kill(int(begun.hear()), signal.SIGINT)

    with pytest.raises(ray.exceptions.RayTaskError, match="KeyboardInterrupt"):
        ray.get(ref, timeout=10)
    assert ray.get(own_pid.remote(), timeout=10)


def test_sigint_in_an_idle_worker_harms_nobody(session: Any) -> None:
    for _ in range(3):
        os.kill(ray.get(own_pid.remote(), timeout=10), signal.SIGINT)
        assert ray.get([own_pid.remote() for _ in range(20)], timeout=10)


def test_sigint_in_an_actor_interrupts_its_call_only(session: Any, step: Steps) -> None:
    begun = step("begun")

    @ray.remote
    class Actor:
        def pause(self) -> None:
            begun.tell(os.getpid())
            signal.pause()

        def pid(self) -> int:
            return os.getpid()

    actor = Actor.remote()
    ref = actor.pause.remote()
    pid = int(begun.hear())
    os.kill(pid, signal.SIGINT)

    with pytest.raises(ray.exceptions.RayTaskError, match="KeyboardInterrupt"):
        ray.get(ref, timeout=10)
    assert ray.get(actor.pid.remote(), timeout=10) == pid
    os.kill(pid, signal.SIGINT)  # it is idle now
    assert ray.get(actor.pid.remote(), timeout=10) == pid


def test_the_terminals_ctrl_c_reaches_the_program_alone(program: Start) -> None:
    made = program(
        SESSION
        + """
def caught(*_):
    say("caught")
signal.signal(signal.SIGINT, caught)
os.kill(0, signal.SIGINT)  # as a terminal does: to every process of the group
say(os.path.exists(f"/proc/{worker}"), ray.get(add.options(num_cpus=0).remote(1, 1)))
os._exit(0)
""",
        prefix=("setsid",),
    )
    assert made.lines(2) == ["caught", "True 2"]
    made.end()


@pytest.mark.parametrize("waiting", ["get", "get of many", "wait", "get while another gets"])
def test_an_alarm_ends_a_wait(program: Start, waiting: str) -> None:
    calls = {
        "get": "ray.get(ref)",
        "get of many": "ray.get([ref, ref])",
        "wait": "ray.wait([ref])",
        "get while another gets": "ray.get(ref)",
    }
    other = "threading.Thread(target=ray.get, args=[ref], daemon=True).start()"
    made = program(
        SESSION
        + f"""
class TimeIsUp(Exception):
    pass

def ring(*_):
    raise TimeIsUp

signal.signal(signal.SIGALRM, ring)
{other if "another" in waiting else ""}
for _ in range(3):
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        {calls[waiting]}
    except TimeIsUp:
        say("time is up")
say(ray.get(add.options(num_cpus=0).remote(1, 2)))
os._exit(0)
"""
    )
    assert made.lines(4) == ["time is up"] * 3 + ["3"]
    made.end()


def test_a_signal_handler_may_use_the_session(program: Start) -> None:
    made = program(
        SESSION
        + """
add = add.options(num_cpus=0)
ray.get(add.remote(0, 0))

def ring(*_):
    say(ray.get(add.remote(1, 2)), ray.get(ray.put("handled")))
    raise TimeoutError

signal.signal(signal.SIGALRM, ring)
signal.setitimer(signal.ITIMER_REAL, 0.05)
try:
    ray.get(ref)
except TimeoutError:
    say(ray.get(add.remote(2, 2)))
os._exit(0)
"""
    )
    assert made.lines(2) == ["3 handled", "4"]
    made.end()
