"""The base class, and what the program's own code raised."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from heliostat.exceptions._carry import carry, fields, message, rebuild

if TYPE_CHECKING:
    from collections.abc import Callable


class RayError(Exception):
    """Base class of every error of heliostat's own."""

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, fields(self)

    def to_bytes(self) -> bytes:
        """The error as bytes that ``from_bytes`` reads."""
        import pickle

        return pickle.dumps(self)

    @staticmethod
    def from_bytes(b: bytes) -> RayError:
        """The error that ``to_bytes`` wrote. Unpickles: never call it on foreign bytes."""
        import pickle

        error = pickle.loads(b)
        if not isinstance(error, RayError):
            raise TypeError(f"expected the bytes of a RayError, got a {type(error).__name__}")
        return error


class RayTaskError(RayError):
    """A task or actor method raised an exception.

    Attributes:
        function_name: the function or method.
        traceback_str: the traceback as it was where the task ran, those of the tasks that
            it waited for included.
        cause: the exception the user's code raised, or its ``repr`` where it can't travel.
        proctitle, pid, ip: the process it happened in.
        actor_repr: ``repr`` of the actor, for a method.
    """

    def __init__(
        self,
        function_name: str,
        traceback_str: str,
        cause: BaseException | str | None,
        proctitle: str | None = None,
        pid: int | None = None,
        ip: str | None = None,
        actor_repr: str | None = None,
        actor_id: str | None = None,
    ) -> None:
        super().__init__(function_name)
        self.function_name = function_name
        self.traceback_str = traceback_str
        # A task that passes on another one's error: what was raised is still the first cause.
        self.cause: BaseException | str | None
        self.cause = cause.cause if isinstance(cause, RayTaskError) else cause
        self.proctitle = proctitle or function_name
        self.pid = pid or os.getpid()
        self.ip = ip or "127.0.0.1"
        self.actor_repr = actor_repr
        self._actor_id = actor_id

    def __str__(self) -> str:
        where = f"{self.proctitle}() (pid={self.pid}, ip={self.ip}"
        if self.actor_repr:
            where += f", actor_id={self._actor_id}, repr={self.actor_repr}"
        text = f"{where})\n{self.traceback_str.rstrip()}"
        said = message(self.cause)
        return f"{said}\n\n{text}" if said else text

    def __reduce__(self) -> tuple[Any, ...]:
        made, args, slots, state = fields(self)
        return rebuild, (made, args, slots, {**state, "cause": carry(self.cause)})

    def make_dual_exception_instance(self) -> RayTaskError:
        """This error as an instance of the cause's class too.

        Raises:
            TypeError: there is no cause to be an instance of, or its class can't be
                subclassed.
        """
        if not isinstance(self.cause, BaseException):
            raise TypeError("the exception of the task is known by its text only")
        made, args, slots, state = fields(self.cause)
        own = {**self.__dict__, **state, "cause": self.cause, "_task_error": self}
        error: RayTaskError = rebuild(_dual_class(made), args, slots, own)
        return error

    def as_instanceof_cause(self) -> RayTaskError:
        """What ``get`` raises: an instance of the cause's class and of ``RayTaskError``.

        It has the cause's attributes and ``args``; its text is the cause's message, then the
        remote traceback. Plain ``RayTaskError`` remains where the cause's class forbids
        subclasses, and for exceptions that steer the process raising them (``SystemExit``,
        ``KeyboardInterrupt``, ...): the task's shall not end the program.

        Example:
            >>> error = RayTaskError("f", "Traceback ...", KeyError("k")).as_instanceof_cause()
            >>> isinstance(error, KeyError), error.args
            (True, ('k',))
        """
        if not isinstance(self.cause, Exception) or issubclass(RayTaskError, type(self.cause)):
            return self
        try:
            return self.make_dual_exception_instance()
        except Exception:  # noqa: BLE001 - a user's class may refuse subclasses with any exception
            return self


def _dual_class(cause: type[BaseException]) -> type[BaseException]:
    """The class of exceptions that are a ``RayTaskError`` and a ``cause``; one per cause."""
    for known in type.__subclasses__(cause):
        if known.__dict__.get("_dual_of") is cause:
            return known
    namespace: dict[str, Any] = {
        "__module__": RayTaskError.__module__,
        "__str__": lambda self: str(self._task_error),
        "__reduce__": lambda self: (RayTaskError.as_instanceof_cause, (self._task_error,)),
        "__reduce_ex__": lambda self, _protocol: self.__reduce__(),
    }
    make: Callable[..., Any] = type(cause)
    made: type[BaseException] = make(
        f"RayTaskError({cause.__name__})", (RayTaskError, cause), namespace
    )
    # Set last: a class whose making failed is among the subclasses too, until it is collected.
    type.__setattr__(made, "_dual_of", cause)
    return made
