"""Failures of heliostat, its hosts and its engines."""

from __future__ import annotations

from typing import Any

from heliostat.exceptions._task import RayError


class _MessageError(RayError):
    """An error whose text is its ``message``."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


class OutOfMemoryError(_MessageError):
    """The task or actor was ended because memory ran out."""


class NodeDiedError(_MessageError):
    """The host is dead or can't be reached."""


class AuthenticationError(_MessageError):
    """The other side refused the token, or there was none."""


class RpcError(_MessageError):
    """Two processes of the session failed to talk to each other."""

    def __init__(self, message: str = "", rpc_code: int | None = None) -> None:
        super().__init__(message)
        self.rpc_code = rpc_code


class LocalRayletDiedError(RayError):
    """The head of the session died."""

    def __str__(self) -> str:
        return "The head of this session has died. Call shutdown() and init() to start anew."


class CrossLanguageError(_MessageError):
    """A task written in another language failed."""


class UnserializableException(RayError):
    """What the task raised can't be rebuilt here; its text and traceback are in this one."""

    def __init__(self, original_stack_trace: str = "") -> None:
        super().__init__(original_stack_trace)
        self.original_stack_trace = original_stack_trace

    def __str__(self) -> str:
        return (
            "A task failed, and its exception can't be unpickled here. It was:\n"
            f"{self.original_stack_trace}"
        )


class RaySystemError(RayError):
    """Heliostat itself failed.

    Attributes:
        client_exc: what went wrong.
        traceback_str: where, or None.
    """

    def __init__(self, client_exc: Any = "", traceback_str: str | None = None) -> None:
        super().__init__(client_exc)
        self.client_exc = client_exc
        self.traceback_str = traceback_str

    def __str__(self) -> str:
        where = f"\ntraceback: {self.traceback_str}" if self.traceback_str else ""
        return f"System error: {self.client_exc}{where}"


class StreamingGeneratorReplayInconsistentError(RaySystemError):
    """A generator yielded another number of objects when it was run again."""


class RayChannelError(RaySystemError):
    """A channel of a compiled graph failed."""


class RayChannelTimeoutError(RayChannelError, TimeoutError):
    """A channel of a compiled graph wasn't ready in time."""


class RayCgraphCapacityExceeded(RaySystemError):
    """The buffer of a compiled graph is full."""


class RayDirectTransportError(RaySystemError):
    """A direct transfer between devices failed."""


class EngineCapabilityError(RayError, NotImplementedError):
    """The engine can't do what was asked, others can.

    Attributes:
        engine: the engine in use.
        capability: what it lacks.
        engines_with_it: those that have it.
    """

    def __init__(
        self, engine: str = "", capability: str = "", engines_with_it: tuple[str, ...] = ()
    ) -> None:
        super().__init__()
        self.engine = engine
        self.capability = capability
        self.engines_with_it = engines_with_it

    def __str__(self) -> str:
        others = f": {', '.join(self.engines_with_it)}" if self.engines_with_it else ""
        return (
            f"The engine {self.engine!r} has no {self.capability}. "
            f"Engines that have it{others or ': none'}."
        )
