"""Calls that can't be made, or don't end as they should."""

from __future__ import annotations

from typing import Any

from heliostat.exceptions._task import RayError


class _TextError(RayError):
    """An error that is one message."""

    _format = "{}"

    def __init__(self, error_message: str = "") -> None:
        super().__init__(error_message)
        self.error_message = error_message

    def __str__(self) -> str:
        return self._format.format(self.error_message)


class GetTimeoutError(RayError, TimeoutError):
    """``get`` ran into its ``timeout``; what it waited for goes on."""


class TaskTimeoutError(RayError, TimeoutError):
    """A task or call ran longer than its ``timeout``, and was ended. Heliostat's own.

    Attributes:
        name: the function or method.
        seconds: the time it had.
    """

    def __init__(self, name: str = "", seconds: float = 0.0) -> None:
        super().__init__()
        self.name = name
        self.seconds = seconds

    def __str__(self) -> str:
        return (
            f"{self.name or 'The task'} ran longer than its timeout of {self.seconds:g} s and was "
            "ended. Give it more time by options(timeout=...), or find out what it waits for."
        )


class TaskCancelledError(RayError):
    """The task was cancelled.

    Attributes:
        task_id: its id, or None.
        error_message: why, or None.
    """

    def __init__(self, task_id: Any = None, error_message: str | None = None) -> None:
        super().__init__()
        self.task_id = task_id
        self.error_message = error_message

    def __str__(self) -> str:
        what = f"Task {self.task_id} was cancelled." if self.task_id else "The task was cancelled."
        return f"{what} {self.error_message}" if self.error_message else what


class PendingCallsLimitExceeded(RayError):
    """The actor has ``max_pending_calls`` calls waiting already."""


class AsyncioActorExit(RayError):
    """An async actor ended itself by ``exit_actor``."""


class UserCodeException(RayError):
    """Wraps an exception of the user's code; ``retry_exceptions`` looks at its cause."""


class TaskUnschedulableError(_TextError):
    """Nothing there could ever run the task."""

    _format = "The task is not schedulable: {}"


class ActorUnschedulableError(_TextError):
    """Nothing there could ever hold the actor."""

    _format = "The actor is not schedulable: {}"


class ActorAlreadyExistsError(_TextError, ValueError):
    """Another living actor has the name."""


class ActorHandleNotFoundError(_TextError, ValueError):
    """The handle is of no actor of this session."""


class RuntimeEnvSetupError(_TextError):
    """The environment asked for by ``runtime_env`` couldn't be set up."""

    _format = "Failed to set up the runtime environment. {}"


class TaskPlacementGroupRemoved(RayError):
    """The placement group of the task is gone."""

    def __str__(self) -> str:
        return "The placement group of this task has been removed."


class ActorPlacementGroupRemoved(RayError):
    """The placement group of the actor is gone."""

    def __str__(self) -> str:
        return "The placement group of this actor has been removed."
