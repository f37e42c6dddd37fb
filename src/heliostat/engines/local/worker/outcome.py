"""What came of a call: arguments in, result or exception out, on the executing side."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from heliostat.engines.local.core.tasks import LINKED
from heliostat.engines.local.owner import arguments, errors
from heliostat.engines.local.owner.references import Lent
from heliostat.engines.local.store import values

if TYPE_CHECKING:
    from types import TracebackType

    from heliostat.engines.local.worker.process import WorkerProcess


class Failure:
    """A call that raised: the payload of its error."""

    __slots__ = ("payload",)

    def __init__(self, payload: Any) -> None:
        self.payload = payload


def arguments_of(
    process: WorkerProcess, call: Sequence[Any], results: list[Any], fds: list[int], lent: Lent
) -> tuple[Sequence[Any], dict[str, Any]]:
    """Unpickles the arguments of a call; ``results`` are those of the calls before it. Runs user
    code."""
    if len(call) == LINKED:
        _, args, where, index = call
        filled = list(args)
        filled[where] = values.decode(results[index])
        return filled, {}
    _, payload, slots = call
    if not slots and values.is_simple(payload):
        args, kwargs = values.decode(payload)
        return args, kwargs

    def take_fd() -> int:
        return fds.pop(0)

    with process.session.loop.lock:
        local, places = opened(process, payload, slots, take_fd, lent)
    return arguments.decode(local, places)


def opened(
    process: WorkerProcess,
    payload: Any,
    slots: Sequence[Any],
    take_fd: Callable[[], int],
    lent: Lent,
) -> tuple[Any, list[tuple[Any, Any]]]:
    """The local form of a call's arguments. Called under the lock; runs no user code."""
    references = process.session.references
    local = references.from_wire(payload, take_fd, lent)
    filled = [
        (where, references.slot_from_wire(owner, number, content, take_fd, lent))
        for where, owner, number, content in slots
    ]
    return local, filled


def to_wire(process: WorkerProcess, value: Any, returns: int, owner: int, fds: list[int]) -> Any:
    """The wire form of a result; its descriptors are appended to ``fds``, ours to close."""
    if type(value) is Failure:
        return value.payload
    session = process.session
    try:
        if returns == 1 or returns < 0:
            payload = session.objects.result(value, owner)
        else:
            parts = split(value, returns)
            payload = (values.MANY, [session.objects.result(part, owner) for part in parts])
    except BaseException as error:  # noqa: BLE001 - the user's __reduce__ may raise anything
        return failed(process, None, error).payload
    if values.is_simple(payload):
        return payload
    own: list[int] = []
    with session.loop.lock:
        wired = session.references.to_wire(payload, owner, own, [])
    fds.extend(os.dup(fd) for fd in own)
    return wired


def split(value: Any, returns: int) -> list[Any]:
    """The results of a task with several."""
    if returns == 0:
        return []
    try:
        parts = list(value)
    except TypeError:
        kind = type(value).__name__
        raise TypeError(
            f"Task returned one object of type '{kind}', but num_returns={returns}."
        ) from None
    if len(parts) != returns:
        raise ValueError(f"Task returned {len(parts)} objects, but num_returns={returns}.")
    return parts


def failed(
    process: WorkerProcess, function: Callable[..., Any] | None, error: BaseException
) -> Failure:
    """The payload of what a call raised: the user's exception if it can be pickled, with its
    traceback as text.

    Raises:
        SystemExit: the call wants the process to end.
    """
    from heliostat.exceptions import RayTaskError

    if isinstance(error, SystemExit):
        raise error
    name = getattr(function, "__qualname__", None) or type(function).__name__
    if function is None:
        name = process.describe_task()
    text = format_error(error)

    def wrapped(cause: BaseException | str) -> values.Pickled:
        made = RayTaskError(
            name,
            text,
            cause,
            pid=os.getpid(),
            actor_repr=process.actor_repr(),
            actor_id=process.actor_id_hex(),
        )
        return values.dumps(made)

    try:
        pickled = wrapped(error)
        values.loads(pickled.data)
    except BaseException:  # noqa: BLE001 - whatever the user's __reduce__ does, its text must do
        pickled = wrapped(describe_error(error))
    if pickled.refs:
        with process.session.loop.lock:
            for entry in process.session.references.pickled(pickled.refs):
                process.session.references.pin(entry)
    return Failure((values.ERROR, pickled.data, ()))


def cancelled() -> Failure:
    """What came of a call that was cancelled."""
    return Failure(errors.cancelled())


def failed_construction(process: WorkerProcess, name: str, error: BaseException) -> Failure:
    """As ``failed``, for a constructor; one that exits fails too."""
    if isinstance(error, SystemExit):
        error = RuntimeError(f"the constructor of {name} exited the process: {error!r}")
    return failed(process, None, error)


def describe_error(error: BaseException) -> str:
    """An exception in a line, whatever its ``__str__`` does."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - a user's __str__
        return type(error).__name__


def format_error(error: BaseException) -> str:
    """The traceback as Python prints it, without our own frames at its beginning."""
    import traceback

    try:
        lines = traceback.format_exception(type(error), error, _user_frames(error.__traceback__))
        return "".join(lines)
    except Exception:  # noqa: BLE001 - a user's __str__ or __repr__
        return describe_error(error)


def _user_frames(trace: TracebackType | None) -> TracebackType | None:
    here = os.path.dirname(__file__)
    first = trace
    while first is not None and first.tb_frame.f_code.co_filename.startswith(here):
        first = first.tb_next
    return first


def unloadable(error: BaseException) -> Callable[..., Any]:
    """Stands for a function that can't be unpickled here: raises why."""
    text = describe_error(error)

    def raise_it(*_: Any, **__: Any) -> Any:
        raise RuntimeError(
            f"the function could not be loaded in the worker ({sys.executable}): {text}"
        ) from error

    return raise_it
