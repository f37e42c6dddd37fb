"""Processes that tasks and actors start: they end with their worker or with the session."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

import heliostat as ray
from tests.system.conftest import Program
from tests.system.steps import Step

Start = Callable[..., Program]
Steps = Callable[[str], Step]

SPAWN = """
import subprocess

def descend():
    \"\"\"A child, a grandchild of a shell, one in a session of its own, and a true daemon.\"\"\"
    child = subprocess.Popen(["sleep", "1000"])
    shell = subprocess.Popen(["sh", "-c", "sleep 1000 & echo $!; wait"], stdout=subprocess.PIPE)
    grandchild = int(shell.stdout.readline())
    own = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    read, write = os.pipe()
    if not os.fork():
        os.setsid()
        pid = os.fork()
        if pid:
            os.write(write, b"%d" % pid)
            os._exit(0)
        os.execvp("sleep", ["sleep", "1000"])
    daemon = int(os.read(read, 20))
    os.wait()
    return child.pid, shell.pid, grandchild, own.pid, daemon

@ray.remote
def task(path):
    pids = descend()
    with open(path, "w") as file:
        file.write("\\n".join(map(str, pids)))
    signal.pause()

@ray.remote
class Actor:
    def descend(self):
        return descend()
    def pid(self):
        return os.getpid()

os.mkfifo("task")
ray.init(address="local", num_cpus=2)
ref = task.remote(os.path.abspath("task"))
with open("task") as file:
    say(file.read())
actor = Actor.remote()
for pid in ray.get(actor.descend.remote()):
    say(pid)
"""

KILL_HEAD = """
from heliostat.engines import registry
os.kill(registry.current().head_pid, 9)
signal.pause()
"""


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("ray.shutdown()", 0),
        ("os.kill(os.getpid(), 9)", -9),
        (KILL_HEAD, -9),
    ],
    ids=["shutdown", "program killed", "head killed"],
)
def test_all_descendants_end_with_the_session(
    program: Start, await_end: Callable[..., None], ending: str, status: int
) -> None:
    made = program(SPAWN + ending)
    pids = [made.number() for _ in range(10)]

    await_end(*pids)
    if ending is KILL_HEAD:
        made.signal(signal.SIGKILL)
    made.end(status)


def test_children_end_with_their_killed_actor(
    program: Start, await_end: Callable[..., None]
) -> None:
    made = program(SPAWN + "ray.kill(actor)\nhear()\nos._exit(0)")
    pids = [made.number() for _ in range(10)]

    await_end(*pids[5:8])  # those that stayed in its process group

    made.say()
    made.end()
    await_end(*pids)


def test_a_task_is_done_though_its_child_lives(session: Any) -> None:
    @ray.remote
    def start() -> int:
        return subprocess.Popen(["sleep", "1000"], stdout=subprocess.DEVNULL).pid

    first, second = ray.get([start.remote(), start.remote()], timeout=10)

    os.kill(first, 0)
    os.kill(second, 0)


def test_a_child_that_holds_every_descriptor_open_hides_no_death(session: Any, step: Steps) -> None:
    begun = step("begun")

    @ray.remote(max_retries=0)
    def fork() -> None:
        if not os.fork():
            os.setsid()  # killed with the worker's group otherwise
            signal.pause()
        begun.tell(os.getpid())
        signal.pause()

    ref = fork.remote()
    os.kill(int(begun.hear()), signal.SIGKILL)

    with pytest.raises(ray.exceptions.WorkerCrashedError):
        ray.get(ref, timeout=5)
