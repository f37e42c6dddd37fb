"""The payloads of objects that failed for the system's reasons, not the user's."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

from heliostat.engines.local.store import values

if TYPE_CHECKING:
    from heliostat.engines.local.core.objects import Entry
    from heliostat.engines.local.core.tasks import Task


def payload(error: BaseException) -> tuple[Any, ...]:
    """The payload of a failed object."""
    return (values.ERROR, values.dumps(error).data, ())


def load(failure: Any) -> BaseException:
    """The exception ``get`` raises for a failed object; a task's as the user's own class."""
    from heliostat.exceptions import RayTaskError, UnserializableException

    try:
        error: BaseException = values.loads(failure[1])
    except Exception as reason:  # noqa: BLE001 - its class, which may be the user's, says no
        return UnserializableException(f"{type(reason).__name__}: {reason}")
    if isinstance(error, RayTaskError):
        return error.as_instanceof_cause()
    return error


def is_instance(failure: Any, types: tuple[type[BaseException], ...]) -> bool:
    """Whether a task failed with one of these exceptions."""
    return isinstance(load(failure), types)


def foreign(entry: Entry) -> RuntimeError:
    """A reference is used in a session it doesn't belong to."""
    over = entry.home.engine.session.over or "it is another one"
    return RuntimeError(
        f"ObjectRef({entry.binary().hex()}) can't be used in this session; the one it belongs "
        f"to is not available here: {over}"
    )


def lost(entry: Entry) -> tuple[Any, ...]:
    """The object's value is gone."""
    from heliostat.exceptions import ObjectLostError

    return payload(ObjectLostError(entry.binary().hex()))


def owner_died(entry: Entry) -> tuple[Any, ...]:
    """The process that owned the object is gone."""
    from heliostat.exceptions import OwnerDiedError

    return payload(OwnerDiedError(entry.binary().hex()))


def worker_crashed(task: Task, death: dict[str, Any]) -> tuple[Any, ...]:
    """The worker running the task died."""
    from heliostat.exceptions import WorkerCrashedError

    return payload(
        WorkerCrashedError(death, task=task.function.name, attempts=max(1, task.attempts))
    )


def cancelled() -> tuple[Any, ...]:
    """The task was cancelled before it had a result."""
    from heliostat.exceptions import TaskCancelledError

    return payload(TaskCancelledError())


def ran_out_of_time(task: Task, death: dict[str, Any]) -> bool:
    """Whether a worker was ended by the alarm that it had set for a task."""
    status = death.get("status", 0)
    return task.function.timeout is not None and (
        os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM
    )


def task_timeout(task: Task) -> tuple[Any, ...]:
    """The task ran longer than it may."""
    from heliostat.exceptions import TaskTimeoutError

    return payload(TaskTimeoutError(task.function.name, task.function.timeout or 0.0))


def end_of_stream() -> tuple[Any, ...]:
    """There are no more items."""
    from heliostat.exceptions import ObjectRefStreamEndOfStreamError

    return payload(ObjectRefStreamEndOfStreamError())


def unschedulable_task(text: str) -> tuple[Any, ...]:
    """No node can ever run the task."""
    from heliostat.exceptions import TaskUnschedulableError

    return payload(TaskUnschedulableError(text))


def actor_died(actor: Any, death: dict[str, Any]) -> tuple[Any, ...]:
    """The actor is dead; ``actor`` has ``actor_id`` and ``meta``."""
    from heliostat.exceptions import ActorDiedError, ActorUnschedulableError, RayTaskError

    if death.get("reason") == "unschedulable":
        return payload(ActorUnschedulableError(death["text"]))
    cause = None
    facts = {key: value for key, value in death.items() if key != "error"}
    if death.get("error") is not None:
        # Our own class around pickled bytes of the user's: safe to load anywhere.
        cause = values.loads(death["error"][1])
        if not isinstance(cause, RayTaskError):
            facts["reason"] = f"An argument of its constructor could not be had: {cause}"
            cause = None
    return payload(
        ActorDiedError(
            cause,
            actor_id=actor.actor_id.hex(),
            class_name=actor.meta[0],
            name=death.get("name", ""),
            death=facts,
        )
    )


def actor_unavailable(actor: Any, death: dict[str, Any]) -> tuple[Any, ...]:
    """The actor's process was lost with the call, and is being replaced."""
    from heliostat.exceptions import ActorUnavailableError

    reason = death.get("reason") or "its process was lost"
    return payload(
        ActorUnavailableError(
            f"The actor {actor.meta[0]} is being restarted: {reason}.",
            actor.actor_id,
        )
    )


def session_over(text: str) -> tuple[Any, ...]:
    """The session ended under the caller."""
    from heliostat.exceptions import RaySystemError

    return payload(RaySystemError(text))
