"""Processes that died: workers and actors."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from heliostat.exceptions._task import RayError, RayTaskError

if TYPE_CHECKING:
    from collections.abc import Mapping


def _exit_text(status: int) -> str:
    """An ``os.wait`` status in words."""
    if not os.WIFSIGNALED(status):
        return f"exited with code {os.waitstatus_to_exitcode(status)}"
    import signal

    number = os.WTERMSIG(status)
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = "a signal"
    return f"was killed by {name} (signal {number})"


def _death_text(death: Mapping[str, Any]) -> str:
    """How the process ended and what it left, a line each."""
    pid, status = death.get("pid"), death.get("status")
    lines = []
    if status is not None:
        lines.append(f"Process{f' {pid}' if pid else ''} {_exit_text(status)}.")
    elif pid:
        lines.append(f"It was process {pid}.")
    if peak := death.get("peak_kib"):
        lines.append(f"Peak memory: {peak / 1024:.0f} MiB.")
    if stderr := str(death.get("stderr") or "").rstrip():
        quoted = stderr.replace("\n", "\n  | ")
        lines.append(f"Last lines of its stderr:\n  | {quoted}")
    return "\n".join(lines)


def _death_hint(death: Mapping[str, Any]) -> str:
    status = death.get("status")
    if status is None:
        return ""
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == 9:
        return (
            "Where nobody sent SIGKILL, the kernel did for want of memory: see `dmesg`, and run "
            "fewer at once by asking for more num_cpus each."
        )
    if os.WIFSIGNALED(status):
        return "A native extension is the usual reason: PYTHONFAULTHANDLER=1 shows where."
    return "os._exit or a native library ends a process this way; an exception never does."


class WorkerCrashedError(RayError):
    """The process running a task died, more often than ``max_retries`` allows.

    Attributes:
        death: how it died: ``pid``, ``status`` (as of ``os.wait``), ``peak_kib``, ``stderr``.
        task: the task's name.
        attempts: how often it was tried.
    """

    def __init__(
        self, death: Mapping[str, Any] | None = None, *, task: str = "", attempts: int = 1
    ) -> None:
        super().__init__()
        self.death = dict(death or {})
        self.task = task
        self.attempts = attempts

    def __str__(self) -> str:
        times = f", in each of {self.attempts} attempts" if self.attempts > 1 else ""
        what = f"The worker running {self.task or 'this task'} died unexpectedly{times}."
        hint = _death_hint(self.death) or "Give max_retries to have such a task run again."
        return "\n".join(filter(None, (what, _death_text(self.death), hint)))


class RayActorError(RayError):
    """A method call failed because of its actor, not because of what it ran.

    Attributes:
        actor_id: the actor's id in hex.
        error_msg: the whole text.
        actor_init_failed: whether its constructor raised.
        preempted: whether its host was taken away.
    """

    def __init__(
        self,
        actor_id: str | None = None,
        error_msg: str = "The actor experienced an error before finishing this task.",
        actor_init_failed: bool = False,
        preempted: bool = False,
    ) -> None:
        super().__init__()
        self.actor_id = actor_id
        self.error_msg = error_msg
        self.actor_init_failed = actor_init_failed
        self.preempted = preempted

    def __str__(self) -> str:
        return self.error_msg


_REASONS = {
    "kill": "heliostat.kill() ended it. Create a new one.",
    "out of scope": (
        "Its last handle was gone, which ends an actor. Keep a handle for as long as it is "
        'needed, or give it a name and lifetime="detached".'
    ),
    "its creator ended": (
        'The process that created it ended. lifetime="detached" lets an actor outlive it.'
    ),
    "job ended": 'Its program ended. lifetime="detached" lets an actor outlive it.',
    "exit_actor": "It called exit_actor().",
    "exit": "One of its methods raised SystemExit.",
    "constructor": "Its constructor failed.",
}


class ActorDiedError(RayActorError):
    """The actor is dead and will not be restarted.

    Attributes:
        cause: what its constructor raised, if that is why.
        class_name, name: the actor's class, and its name if it has one.
        death: how it died: ``pid``, ``status`` (as of ``os.wait``), ``peak_kib``, ``stderr``,
            ``reason``.
    """

    def __init__(
        self,
        cause: RayTaskError | None = None,
        *,
        actor_id: str = "",
        class_name: str = "",
        name: str = "",
        death: Mapping[str, Any] | None = None,
    ) -> None:
        failed = cause is not None
        hexed = actor_id or (cause.__dict__["_actor_id"] if cause is not None else None)
        super().__init__(hexed, "", failed)
        self.cause = cause
        self.class_name = class_name
        self.name = name
        self.death = dict(death or {})
        self.error_msg = self._text()

    def _text(self) -> str:
        if self.cause is not None:
            return f"The actor died because its constructor raised an error: {self.cause}"
        who = f"The actor {self.class_name}" if self.class_name else "The actor"
        facts = [f"name={self.name!r}"] if self.name else []
        facts += [f"actor_id={self.actor_id}"] if self.actor_id else []
        if facts:
            who += f" ({', '.join(facts)})"
        reason = self.death.get("reason")
        if not reason:
            hint = _death_hint(self.death) or "Give max_restarts to have such an actor restarted."
            lines = [f"{who} died unexpectedly.", _death_text(self.death), hint]
        else:
            lines = [f"{who} is dead. {_REASONS.get(reason, reason)}", _death_text(self.death)]
        return "\n".join(filter(None, lines))

    @staticmethod
    def from_task_error(task_error: RayTaskError) -> ActorDiedError:
        """The error of an actor whose constructor raised ``task_error``."""
        return ActorDiedError(task_error)


class ActorUnavailableError(RayActorError):
    """The actor can't be reached now but may come back; the call may have run or not."""

    def __init__(self, error_message: str = "", actor_id: bytes | None = None) -> None:
        hexed = None if actor_id is None else actor_id.hex()
        who = f"The actor {hexed}" if hexed else "The actor"
        why = error_message.rstrip(".") or "it is being restarted"
        text = (
            f"{who} is unavailable: {why}. The call may or may not have run. Try again, or give "
            "max_task_retries to have such calls repeated."
        )
        super().__init__(hexed, text)
