"""``as_completed`` and ``map_unordered``: results as they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import heliostat

if TYPE_CHECKING:
    from heliostat import ObjectRef
    from heliostat.remote_function import RemoteFunction


def as_completed(
    refs: Sequence[ObjectRef[Any]],
    *,
    chunk_size: int = 10,
    yield_obj_refs: bool = False,
    **kwargs: Any,
) -> Iterator[Any]:
    """The results of tasks as they come, not in the order of ``refs``.

    Args:
        refs: references, each once.
        chunk_size: how many to wait for at a time. A chunk is given in the order of ``refs``; 1
            gives each result as soon as it is there.
        yield_obj_refs: gives the references instead of their values.
        **kwargs: ``timeout`` and ``fetch_local`` of ``wait``. With a ``timeout``, a chunk that is
            not complete in time is given as far as it is.

    Returns:
        An iterator. It raises what a task raised where its result would be, and ends there.

    Raises:
        ValueError: ``chunk_size`` is below 1, or ``num_returns`` is given.

    Example:
        >>> import heliostat as ray
        >>> @ray.remote
        ... def square(x):
        ...     return x * x
        >>> refs = [square.remote(n) for n in range(5)]
        >>> sorted(ray.util.as_completed(refs, chunk_size=2))
        [0, 1, 4, 9, 16]

    Source: Ray's ``ray.util.as_completed``.
    """
    _check(chunk_size, kwargs)
    return _completed(list(refs), chunk_size, yield_obj_refs, kwargs)


def map_unordered(
    fn: RemoteFunction[Any],
    items: Iterable[Any],
    *,
    backpressure_size: int | None = 100,
    chunk_size: int = 10,
    yield_obj_refs: bool = False,
    **kwargs: Any,
) -> Iterator[Any]:
    """Applies a remote function to each item; gives the results as they come.

    A task an item.

    Args:
        fn: a remote function of one argument.
        items: any iterable; read as results are taken.
        backpressure_size: the most tasks that are not finished before one waits; None: no bound.
        chunk_size: how many to wait for at a time.
        yield_obj_refs: gives the references instead of their values.
        **kwargs: ``timeout`` and ``fetch_local`` of ``wait``.

    Returns:
        An iterator; see ``as_completed``.

    Raises:
        ValueError: ``backpressure_size`` or ``chunk_size`` is below 1, or ``num_returns`` is given.
        TypeError: ``fn`` has no ``remote``.

    Example:
        >>> import heliostat as ray
        >>> @ray.remote
        ... def square(x):
        ...     return x * x
        >>> sorted(ray.util.map_unordered(square, range(5)))
        [0, 1, 4, 9, 16]

    Source: Ray's ``ray.util.map_unordered``.
    """
    if backpressure_size is not None and backpressure_size <= 0:
        raise ValueError(f"backpressure_size must be positive or None, not {backpressure_size}")
    _check(chunk_size, kwargs)
    if not hasattr(fn, "remote"):
        raise TypeError(
            f"map_unordered takes a remote function, not {fn!r}: decorate it with @remote"
        )
    return _mapped(fn, items, backpressure_size, chunk_size, yield_obj_refs, kwargs)


def _check(chunk_size: int, kwargs: dict[str, Any]) -> None:
    if chunk_size < 1:
        raise ValueError(f"chunk_size must be at least 1, not {chunk_size}")
    if "num_returns" in kwargs:
        raise ValueError("num_returns is not an option here: chunk_size is what `wait` is told")
    unknown = kwargs.keys() - {"timeout", "fetch_local"}
    if unknown:
        raise TypeError(f"unknown option {', '.join(sorted(unknown))}: `wait` has no such one")


def _completed(
    refs: list[ObjectRef[Any]], chunk_size: int, yield_obj_refs: bool, kwargs: dict[str, Any]
) -> Iterator[Any]:
    while refs:
        ready, refs = _chunk(refs, chunk_size, kwargs)
        # One by one: what a task raised must not cost the results of those before it.
        for ref in ready:
            yield ref if yield_obj_refs else heliostat.get(ref)


def _mapped(
    fn: RemoteFunction[Any],
    items: Iterable[Any],
    backpressure_size: int | None,
    chunk_size: int,
    yield_obj_refs: bool,
    kwargs: dict[str, Any],
) -> Iterator[Any]:
    refs: list[ObjectRef[Any]] = []
    for item in items:
        refs.append(fn.remote(item))
        if backpressure_size is not None and len(refs) >= backpressure_size:
            ready, refs = _chunk(refs, chunk_size, kwargs)
            for ref in ready:
                yield ref if yield_obj_refs else heliostat.get(ref)
    yield from _completed(refs, chunk_size, yield_obj_refs, kwargs)


def _chunk(
    refs: list[ObjectRef[Any]], chunk_size: int, kwargs: dict[str, Any]
) -> tuple[list[ObjectRef[Any]], list[ObjectRef[Any]]]:
    return heliostat.wait(refs, num_returns=min(chunk_size, len(refs)), **kwargs)
