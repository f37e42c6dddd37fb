"""A program ends, in every way a program can: nothing of its session stays."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from tests.system.conftest import Program

Start = Callable[..., Program]

SESSION = """
import subprocess
from heliostat.engines import registry

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whatever started the tests, nohup for one
ray.init(address="local", num_cpus=2)

@ray.remote
class Actor:
    def pids(self):
        self.child = subprocess.Popen(["sleep", "1000"])
        return os.getpid(), os.getppid(), self.child.pid

@ray.remote
def pause(path):
    child = subprocess.Popen(["sleep", "1000"])
    with open(path, "w") as file:
        file.write(f"{os.getpid()}\\n{child.pid}")
    signal.pause()

actor = Actor.remote()
big = ray.put(bytes(1 << 20))
os.mkfifo("task")
ref = pause.remote(os.path.abspath("task"))
say(registry.current().head_pid)
for pid in ray.get(actor.pids.remote()):
    say(pid)
with open("task") as file:
    say(file.read())
"""


def started(program: Start, rest: str) -> tuple[Program, list[int]]:
    """A program with a session that does all sorts of things; the pids of its processes."""
    made = program(SESSION + rest)
    return made, [made.number() for _ in range(6)]


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("pass", 0),
        ("sys.exit(3)", 3),
        ("raise ValueError('a bug of the user')", 1),
        ("os._exit(4)", 4),
        ("os.kill(os.getpid(), 9)", -9),
        ("os.kill(os.getpid(), 15)", -15),
        ("os.kill(os.getpid(), 6)", -6),
        ("threading.Thread(target=ray.get, args=[ref], daemon=True).start()", 0),
        ("os.closerange(3, 4096); os._exit(0)", 0),
        ("ray.shutdown()", 0),
        ("ray.kill(actor)", 0),
        ("os.execv('/bin/true', ['true'])", 0),
    ],
)
def test_nothing_stays(
    program: Start, await_end: Callable[..., None], ending: str, status: int
) -> None:
    made, pids = started(program, ending)

    made.end(status)

    await_end(*pids)


@pytest.mark.parametrize(
    "parting",
    ["os.closerange(3, 4096); sys.stdin.read(); os._exit(0)", "os.execv('/bin/cat', ['cat'])"],
    ids=["descriptors closed", "exec"],
)
def test_a_program_that_cut_itself_off_holds_nothing(
    program: Start, await_end: Callable[..., None], parting: str
) -> None:
    made, pids = started(program, parting)

    await_end(*pids)

    made.close_input()
    made.end()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_nothing_stays_of_a_program_killed_while_it_waits(
    program: Start, await_end: Callable[..., None], number: int
) -> None:
    made, pids = started(program, "ray.get(ref)")

    made.signal(number)

    made.end(-number)
    await_end(*pids)


def test_nothing_stays_of_a_program_killed_in_the_middle_of_submitting(
    program: Start, await_end: Callable[..., None]
) -> None:
    made, pids = started(
        program,
        """
@ray.remote
def echo(x):
    return x

say("begin")
while True:
    refs = [echo.remote(bytes(90_000)) for _ in range(100)]
""",
    )
    assert made.line() == "begin"
    made.signal(signal.SIGKILL)
    made.end(-signal.SIGKILL)
    await_end(*pids)


def test_a_live_multiprocessing_child_keeps_nothing_of_a_killed_program(
    program: Start, await_end: Callable[..., None]
) -> None:
    made, pids = started(
        program,
        """
import multiprocessing
child = multiprocessing.get_context("fork").Process(target=signal.pause)
child.start()
say(child.pid)
ray.get(ref)
""",
    )
    child = made.number()

    made.signal(signal.SIGKILL)

    await_end(*pids)
    os.kill(child, signal.SIGKILL)
    made.end(-signal.SIGKILL)


def test_a_session_dies_with_a_program_killed_in_the_middle_of_init(
    program: Start,
) -> None:
    for _ in range(5):
        made = program("say('now')\nray.init(address='local', num_cpus=2)\nsay('up')\nhear()")
        assert made.line() == "now"
        made.signal(signal.SIGKILL)
        made.end(-signal.SIGKILL)
