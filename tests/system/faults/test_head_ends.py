"""The head or the template is killed: whoever waits is told, and nothing stays."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from tests.system.conftest import Program

Start = Callable[..., Program]

BUSY = """
from heliostat.engines import registry
ray.init(address="local", num_cpus=2)

@ray.remote
class Actor:
    def pids(self):
        return os.getpid(), os.getppid()

@ray.remote
def wait(fd):
    say_pid(fd)
    signal.pause()

def say_pid(fd):
    os.write(fd, b"%d\\n" % os.getpid())

actor = Actor.remote()
worker, template = ray.get(actor.pids.remote())
say(registry.current().head_pid)
say(template)
say(worker)

@ray.remote
def pause(path):
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    signal.pause()

os.mkfifo("task")
ref = pause.remote(os.path.abspath("task"))
with open("task") as file:
    say(file.read())
"""


def started(program: Start, rest: str) -> tuple[Program, dict[str, int]]:
    """A program with a session of a head, a template, an actor and a busy task."""
    made = program(BUSY + rest)
    return made, {name: made.number() for name in ("head", "template", "actor", "task")}


def test_whoever_waits_is_told_and_can_start_anew(
    program: Start, await_end: Callable[..., None]
) -> None:
    made, pids = started(
        program,
        """
uses = [
    lambda: ray.get(ref),
    lambda: ray.get(actor.pids.remote()),
    lambda: ray.put(1),
    lambda: pause.remote("x"),
    Actor.remote,
    ray.cluster_resources,
]
for use in uses:
    try:
        say(use())
    except ray.exceptions.RayError as error:
        say(type(error).__name__, repr(str(error)))
ray.shutdown()
ray.init(address="local", num_cpus=1)
say(ray.get(Actor.remote().pids.remote()) != (worker, template))
""",
    )
    os.kill(pids["head"], 9)

    said = made.lines(6)
    assert all("RaySystemError" in line for line in said), said
    assert str(pids["head"]) in said[0]
    await_end(*pids.values())
    assert made.line() == "True"
    assert made.end() == ""


def test_nothing_stays_though_the_program_goes_on(
    program: Start, await_end: Callable[..., None]
) -> None:
    made, pids = started(program, "hear()\nos._exit(0)")

    os.kill(pids["head"], 9)

    await_end(*pids.values())
    made.say()
    made.end()


def test_a_killed_template_takes_its_workers_along_and_is_replaced(
    program: Start, await_end: Callable[..., None]
) -> None:
    made, pids = started(
        program,
        """
with open("task") as file:
    say(file.read())  # another worker runs the task
try:
    ray.get(actor.pids.remote())
except ray.exceptions.ActorDiedError:
    say("actor died")
say(ray.get(Actor.remote().pids.remote())[1])
os._exit(0)
""",
    )

    os.kill(pids["template"], 9)

    await_end(pids["template"], pids["actor"], pids["task"])
    made.number()
    assert made.line() == "actor died"
    assert made.number() != pids["template"]
    made.end()
    await_end(pids["head"])


def test_killing_both_at_once_leaves_no_process_and_the_program_cleans_up(
    program: Start, await_end: Callable[..., None]
) -> None:
    made, pids = started(program, "hear()")

    os.kill(pids["head"], 9)
    os.kill(pids["template"], 9)

    await_end(*pids.values())
    made.say()
    made.end()


def test_what_nobody_could_remove_goes_when_the_next_session_starts(
    program: Start, await_end: Callable[..., None]
) -> None:
    made, pids = started(program, "hear()\nos._exit(0)")
    os.kill(pids["head"], 9)
    os.kill(pids["template"], 9)
    await_end(*pids.values())
    made.say()
    made.end()

    program("ray.init(address='local', num_cpus=1)").end()


def test_a_stopped_head_is_killed_at_the_end(
    program: Start, await_end: Callable[..., None]
) -> None:
    made, pids = started(program, "hear()\nray.shutdown()\nsay('over')")
    os.kill(pids["head"], 19)

    made.say()

    assert made.line() == "over"
    made.end()
    await_end(*pids.values())


def test_a_program_that_only_computes_does_not_mind(program: Start) -> None:
    made, pids = started(program, "hear()\nsay(sum(range(1000)))")
    os.kill(pids["head"], 9)
    made.say()
    assert made.line() == "499500"
    made.end()


def test_an_awaiting_event_loop_is_told(program: Start) -> None:
    made, pids = started(
        program,
        """
import asyncio

async def main():
    say("waiting")
    try:
        await ref
    except ray.exceptions.RayError as error:
        say(type(error).__name__)

asyncio.run(main())
""",
    )
    assert made.line() == "waiting"
    os.kill(pids["head"], 9)
    assert made.line() == "RaySystemError"
    made.end()


def test_every_waiting_thread_is_told(program: Start) -> None:
    made, pids = started(
        program,
        """
def wait():
    try:
        ray.get(ref)
    except ray.exceptions.RayError as error:
        say(type(error).__name__)

threads = [threading.Thread(target=wait) for _ in range(4)]
for thread in threads:
    thread.start()
say("waiting")
for thread in threads:
    thread.join()
""",
    )
    assert made.line() == "waiting"
    os.kill(pids["head"], 9)
    assert made.lines(4) == ["RaySystemError"] * 4
    made.end()


def test_the_daemon_killed_leaves_no_process_and_a_new_one_starts(
    program: Start, await_end: Callable[..., None], tmp_path: Any
) -> None:
    env = {"HELIOSTAT_TMPDIR": str(tmp_path)}
    first = program(
        """
        from heliostat.engines.local import launch
        from heliostat.engines.settings import Settings
        say(launch.start_head(Settings(num_cpus=1))["pid"])
        ray.init(address="auto")

        @ray.remote
        class Actor:
            def pids(self):
                return os.getpid(), os.getppid()

        actor = Actor.options(name="a", namespace="n", lifetime="detached").remote()
        for pid in ray.get(actor.pids.remote()):
            say(pid)
        try:
            hear()
            ray.get(actor.pids.remote())
        except ray.exceptions.RayError as error:
            say(type(error).__name__)
        """,
        env,
    )
    pids = [first.number() for _ in range(3)]
    os.kill(pids[0], 9)
    await_end(*pids)
    first.say()
    assert first.line() in {"RaySystemError", "ActorDiedError"}
    first.end()

    second = program(
        """
        from heliostat.engines.local import launch
        from heliostat.engines.settings import Settings
        try:
            ray.init(address="auto")
        except ConnectionError as error:
            say("nothing runs")
        launch.start_head(Settings(num_cpus=1))
        ray.init(address="auto")
        say(ray.cluster_resources()["CPU"])
        ray.shutdown()
        say(launch.stop_head())
        """,
        env,
    )
    assert second.lines(3) == ["nothing runs", "1.0", "True"]
    second.end()
