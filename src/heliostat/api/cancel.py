"""``cancel``: a task or call that nobody needs any more."""

from __future__ import annotations

from typing import Any

from heliostat.engines.generators import ObjectRefGenerator
from heliostat.engines.refs import ObjectRef
from heliostat.engines.registry import require_for


def cancel(
    ray_waitable: ObjectRef[Any] | ObjectRefGenerator[Any],
    *,
    force: bool = False,
    recursive: bool = True,
) -> None:
    """Cancels the task or call that makes an object; does nothing if that has ended.

    What has not begun never runs, and ``get`` raises ``TaskCancelledError``. A task that runs gets
    a ``KeyboardInterrupt``, which it may catch to clean up; ``get`` raises ``TaskCancelledError``
    unless it returns a value or raises something else all the same. A call of an async actor is
    cancelled as ``asyncio`` cancels; in other actors a call that runs may ask
    ``get_runtime_context().is_canceled()``. Nothing that was cancelled is retried.

    Args:
        ray_waitable: a reference to its result, or the generator of its items.
        force: kill the process that runs the task, whatever it is doing; not for actors' calls.
        recursive: cancel also what the task has submitted.

    Raises:
        TypeError: ``ray_waitable`` is no reference.
        ValueError: ``force`` for the call of an actor; ``kill`` ends an actor.

    Example:
        >>> import time
        >>> import heliostat as ray
        >>> @ray.remote
        ... def forever():
        ...     while True:
        ...         time.sleep(0.01)
        >>> ref = forever.remote()
        >>> ray.cancel(ref)
        >>> try:
        ...     ray.get(ref)
        ... except ray.exceptions.TaskCancelledError:
        ...     print("cancelled")
        cancelled

    Source: Ray's ``ray.cancel``.
    """
    if isinstance(ray_waitable, ObjectRefGenerator):
        ray_waitable = ray_waitable.completed()
    if not isinstance(ray_waitable, ObjectRef):
        raise TypeError(
            "ray.cancel() only supported for object refs. For actors, try ray.kill(). "
            f"Got: {type(ray_waitable)}."
        )
    require_for(ray_waitable).cancel(ray_waitable, bool(force), bool(recursive))
