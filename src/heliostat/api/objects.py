"""``get``, ``put`` and ``wait``: values for references and back."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar, overload

from heliostat.engines.generators import ObjectRefGenerator
from heliostat.engines.refs import ObjectRef
from heliostat.engines.registry import require, require_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heliostat.api.handles import ActorHandle

R = TypeVar("R")

# Programs wait for one of a thousand, again and again: the checks of a list go through C. Equal
# references of a process share their entry.
_entry_of = attrgetter("_entry")


@overload
def get(
    object_refs: Sequence[ObjectRef[R]],
    *,
    timeout: float | None = None,
    _use_object_store: bool = False,
) -> list[R]: ...
@overload
def get(
    object_refs: ObjectRef[R], *, timeout: float | None = None, _use_object_store: bool = False
) -> R: ...
def get(object_refs: Any, *, timeout: float | None = None, _use_object_store: bool = False) -> Any:
    """The value of a reference, or the values of a list of them, in order.

    Blocks until they are there. In a coroutine, ``await ref`` instead.

    Args:
        object_refs: an ``ObjectRef`` or a list of them.
        timeout: seconds to wait at most; None waits for ever, 0 takes only what is there.

    Returns:
        The value; a list of values for a list.

    Raises:
        GetTimeoutError: the time is over.
        RayTaskError: a task raised; the error is also of the class that the task raised.
        RayError: a value is lost: a worker or an actor died.
        ValueError: ``object_refs`` is neither a reference nor a list.
        TypeError: something in the list is no reference.

    Example:
        >>> import heliostat as ray
        >>> one, two = ray.put(1), ray.put(2)
        >>> ray.get(one)
        1
        >>> ray.get([one, two])
        [1, 2]
    """
    if _use_object_store:
        raise NotImplementedError("get(_use_object_store=True) is not part of this release")
    if isinstance(object_refs, ObjectRef):
        return require_for(object_refs).get((object_refs,), timeout)[0]
    if not isinstance(object_refs, list):
        raise ValueError(  # noqa: TRY004 - Ray's
            f"Invalid type of object refs, {type(object_refs)}, is given. "
            "'object_refs' must either be an ObjectRef or a list of ObjectRefs. "
        )
    if {*map(type, object_refs)} - {ObjectRef}:
        for one in object_refs:
            if not isinstance(one, ObjectRef):
                raise TypeError(
                    f"Attempting to call `get` on the value {one!r}, which is not an ray.ObjectRef."
                )
    return (require_for(object_refs[0]) if object_refs else require()).get(object_refs, timeout)


def put(
    value: R,
    *,
    _owner: ActorHandle[Any] | None = None,
    _tensor_transport: str | None = None,
) -> ObjectRef[R]:
    """Stores a value; gives a reference to it.

    Pass the reference, not the value, where several tasks need a large one.

    Args:
        value: anything that pickles, but not an ``ObjectRef`` itself.

    Raises:
        TypeError: ``value`` is an ``ObjectRef``.
        ObjectStoreFullError: there is no room for it.

    Example:
        >>> import heliostat as ray
        >>> ray.get(ray.put({"a": 1}))
        {'a': 1}
    """
    if _owner is not None:
        raise ValueError("The experimental `_owner` argument to `ray.put` has been removed.")
    if _tensor_transport is not None:
        raise NotImplementedError("put(_tensor_transport=...) is not part of this release")
    if isinstance(value, ObjectRef):
        raise TypeError(
            "Calling 'put' on an ray.ObjectRef is not allowed. If you really want to do this, "
            "you can wrap the ray.ObjectRef in a list and call 'put' on it."
        )
    ref: ObjectRef[R] = require().put(value)
    return ref


def wait(
    ray_waitables: list[ObjectRef[R]],
    *,
    num_returns: int = 1,
    timeout: float | None = None,
    fetch_local: bool = True,
) -> tuple[list[ObjectRef[R]], list[ObjectRef[R]]]:
    """Splits references into those that are ready and the rest, both in the order given.

    Args:
        ray_waitables: a list of references, each once; a generator among them is ready when
            its next item is, or the end of it.
        num_returns: how many to wait for; the first list has no more than that.
        timeout: seconds to wait at most; None waits for ever, 0 only looks.
        fetch_local: whether the value must have reached this host to count as ready.

    Returns:
        The ready ones and the others.

    Raises:
        TypeError: ``ray_waitables`` is no list of references.
        ValueError: one is there twice, ``num_returns`` is not between 1 and their number, or
            ``timeout`` is negative.

    Example:
        >>> import heliostat as ray
        >>> refs = [ray.put(n) for n in range(3)]
        >>> ready, rest = ray.wait(refs, num_returns=2)
        >>> len(ready), len(rest)
        (2, 1)
    """
    if isinstance(ray_waitables, ObjectRef):
        raise TypeError(
            "wait() expected a list of ray.ObjectRef or ray.ObjectRefGenerator, got a single "
            f"ray.ObjectRef or ray.ObjectRefGenerator {ray_waitables}"
        )
    if not isinstance(ray_waitables, list):
        raise TypeError(
            "wait() expected a list of ray.ObjectRef or ray.ObjectRefGenerator, "
            f"got {type(ray_waitables)}"
        )
    if timeout is not None and timeout < 0:
        raise ValueError(f"The 'timeout' argument must be nonnegative. Received {timeout}")
    if {*map(type, ray_waitables)} - {ObjectRef}:
        if any(isinstance(one, ObjectRefGenerator) for one in ray_waitables):
            return _wait_for_items(ray_waitables, num_returns, timeout, fetch_local)
        for one in ray_waitables:
            if not isinstance(one, ObjectRef):
                raise TypeError(
                    "wait() expected a list of ray.ObjectRef or ray.ObjectRefGenerator, "
                    f"got list containing {type(one)}"
                )
    if not ray_waitables:
        require()
        return [], []
    if len(ray_waitables) != len(set(map(_entry_of, ray_waitables))):
        raise ValueError("Wait requires a list of unique ray_waitables.")
    if num_returns <= 0:
        raise ValueError(f"Invalid number of objects to return {num_returns}.")
    if num_returns > len(ray_waitables):
        raise ValueError(
            "num_returns cannot be greater than the number of ray_waitables provided to ray.wait."
        )
    return require_for(ray_waitables[0]).wait(ray_waitables, num_returns, timeout, fetch_local)


def _wait_for_items(
    waitables: list[Any], num_returns: int, timeout: float | None, fetch_local: bool
) -> tuple[list[Any], list[Any]]:
    """``wait`` with generators among what is waited for: each stands for its next item."""
    given: dict[int, Any] = {}
    refs: list[Any] = []
    for one in waitables:
        is_stream = isinstance(one, ObjectRefGenerator)
        ref = one._stream.peek() if is_stream else one
        refs.append(ref)
        given[id(ref)] = one
    ready, rest = wait(refs, num_returns=num_returns, timeout=timeout, fetch_local=fetch_local)
    return [given[id(ref)] for ref in ready], [given[id(ref)] for ref in rest]
