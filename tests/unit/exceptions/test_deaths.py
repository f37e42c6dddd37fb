"""What an error says of a process that died: how, how often, what it left, what to do next."""

from __future__ import annotations

import pickle
import signal
from typing import Any

import pytest

from heliostat.exceptions import (
    ActorDiedError,
    ActorUnavailableError,
    RayTaskError,
    WorkerCrashedError,
)

#: As os.wait tells them.
EXIT_3 = 3 << 8
KILLED = int(signal.SIGKILL)
CRASHED = int(signal.SIGSEGV) | 0x80  # with a core dump

WORKERS: list[tuple[WorkerCrashedError, str]] = [
    (
        WorkerCrashedError(),
        (
            "The worker running this task died unexpectedly.\n"
            "Give max_retries to have such a task run again."
        ),
    ),
    (
        WorkerCrashedError({"pid": 7}, task="f"),
        (
            "The worker running f died unexpectedly.\n"
            "It was process 7.\n"
            "Give max_retries to have such a task run again."
        ),
    ),
    (
        WorkerCrashedError({"pid": 7, "status": EXIT_3}, task="f", attempts=4),
        (
            "The worker running f died unexpectedly, in each of 4 attempts.\n"
            "Process 7 exited with code 3.\n"
            "os._exit or a native library ends a process this way; an exception never does."
        ),
    ),
    (
        WorkerCrashedError(
            {"pid": 7, "status": KILLED, "peak_kib": 3_145_728, "stderr": "one\ntwo\n"}, task="f"
        ),
        (
            "The worker running f died unexpectedly.\n"
            "Process 7 was killed by SIGKILL (signal 9).\n"
            "Peak memory: 3072 MiB.\n"
            "Last lines of its stderr:\n"
            "  | one\n"
            "  | two\n"
            "Where nobody sent SIGKILL, the kernel did for want of memory: see "
            "`dmesg`, and run fewer "
            "at once by asking for more num_cpus each."
        ),
    ),
    (
        WorkerCrashedError({"status": CRASHED}),
        (
            "The worker running this task died unexpectedly.\n"
            "Process was killed by SIGSEGV (signal 11).\n"
            "A native extension is the usual reason: PYTHONFAULTHANDLER=1 shows where."
        ),
    ),
    (
        WorkerCrashedError({"status": 35}),
        (
            "The worker running this task died unexpectedly.\n"
            "Process was killed by a signal (signal 35).\n"
            "A native extension is the usual reason: PYTHONFAULTHANDLER=1 shows where."
        ),
    ),
]

ACTORS: list[tuple[ActorDiedError, str]] = [
    (
        ActorDiedError(),
        "The actor died unexpectedly.\nGive max_restarts to have such an actor restarted.",
    ),
    (
        ActorDiedError(
            actor_id="ab", class_name="Counter", name="c", death={"pid": 7, "status": EXIT_3}
        ),
        (
            "The actor Counter (name='c', actor_id=ab) died unexpectedly.\n"
            "Process 7 exited with code 3.\n"
            "os._exit or a native library ends a process this way; an exception never does."
        ),
    ),
    (
        ActorDiedError(actor_id="ab", class_name="Counter", death={"reason": "kill"}),
        "The actor Counter (actor_id=ab) is dead. heliostat.kill() ended it. Create a new one.",
    ),
    (
        ActorDiedError(death={"reason": "out of scope"}),
        (
            "The actor is dead. Its last handle was gone, which ends an actor. "
            "Keep a handle for as "
            'long as it is needed, or give it a name and lifetime="detached".'
        ),
    ),
    (
        ActorDiedError(death={"reason": "its creator ended"}),
        (
            "The actor is dead. The process that created it ended. "
            'lifetime="detached" lets an actor outlive it.'
        ),
    ),
    (
        ActorDiedError(death={"reason": "job ended"}),
        'The actor is dead. Its program ended. lifetime="detached" lets an actor outlive it.',
    ),
    (
        ActorDiedError(death={"reason": "exit_actor", "peak_kib": 2048}),
        "The actor is dead. It called exit_actor().\nPeak memory: 2 MiB.",
    ),
    (
        ActorDiedError(death={"reason": "constructor"}),
        "The actor is dead. Its constructor failed.",
    ),
    (
        ActorDiedError(death={"reason": "the moon was full"}),
        "The actor is dead. the moon was full",
    ),
]


@pytest.mark.parametrize(("error", "text"), [*WORKERS, *ACTORS])
def test_the_text_of_a_death(error: Exception, text: str) -> None:
    assert str(error) == text


@pytest.mark.parametrize(("error", "text"), [*WORKERS, *ACTORS])
def test_a_death_pickles_with_all_it_knows(error: Exception, text: str) -> None:
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is type(error)
    assert str(twin) == text
    assert vars(twin) == vars(error)


def test_a_death_is_read_from_attributes() -> None:
    death: dict[str, Any] = {"pid": 7, "status": KILLED}
    error = WorkerCrashedError(death, task="f", attempts=2)
    assert (error.death, error.task, error.attempts) == (death, "f", 2)


def test_the_errors_of_an_actor_have_rays_attributes() -> None:
    error = ActorDiedError(actor_id="ab", death={"reason": "kill"})
    assert error.actor_id == "ab"
    assert error.error_msg == str(error)
    assert not error.actor_init_failed
    assert not error.preempted


def test_a_constructor_that_raised_is_quoted() -> None:
    cause = RayTaskError(
        "Counter.__init__", "Traceback: ...", ValueError("no"), pid=7, actor_id="ab"
    )
    for error in (ActorDiedError(cause), ActorDiedError.from_task_error(cause)):
        assert error.actor_init_failed
        assert error.actor_id == "ab"
        assert error.cause is cause
        assert str(error) == (
            "The actor died because its constructor raised an error: no\n\n"
            "Counter.__init__() (pid=7, ip=127.0.0.1)\n"
            "Traceback: ..."
        )
        assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_false_cause_is_still_a_cause() -> None:
    class Quiet(RayTaskError):
        def __bool__(self) -> bool:
            return False

    assert ActorDiedError(Quiet("f", "Traceback: ...", None)).actor_init_failed


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            ActorUnavailableError(),
            (
                "The actor is unavailable: it is being restarted. The call may or may "
                "not have run. "
                "Try again, or give max_task_retries to have such calls repeated."
            ),
        ),
        (
            ActorUnavailableError("its process was lost.", b"\xab\x01"),
            (
                "The actor ab01 is unavailable: its process was lost. The call may or may not have "
                "run. Try again, or give max_task_retries to have such calls repeated."
            ),
        ),
    ],
)
def test_the_text_of_an_actor_that_may_come_back(error: Exception, text: str) -> None:
    assert str(error) == text
    assert str(pickle.loads(pickle.dumps(error))) == text
