"""What a task that yields gives back: references to its items, one after the other."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Protocol, TypeVar

from heliostat.engines.refs import ObjectRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from typing_extensions import Self

    from heliostat.engines.base import Engine

R = TypeVar("R", covariant=True)  # noqa: PLC0105 - users see it in their checker's messages


class Stream(Protocol):
    """What an engine keeps behind an ``ObjectRefGenerator``."""

    @property
    def engine(self) -> Engine:
        """The engine the task runs on."""

    @property
    def completed(self) -> ObjectRef[Any]:
        """Ready once the task has ended."""

    @property
    def exhausted(self) -> bool:
        """Every item was taken, and there will be no more."""

    def peek(self) -> ObjectRef[Any]:
        """The next item, there or not; once there is no other, one that is ready and fails."""

    def take(self) -> ObjectRef[Any] | None:
        """Takes the next item, which is ready; None after the last one."""


class ObjectRefGenerator(Generic[R]):
    """References to what a task or method yields, each as soon as it is there.

    A generator function gives one; so does ``num_returns="streaming"``. It is an iterator and an
    asynchronous iterator. What the task raises comes as one last reference, whose ``get`` raises
    it. Items that nobody takes are freed with the generator; the task itself runs on.

    Example:
        >>> import heliostat as ray
        >>> @ray.remote
        ... def squares(n):
        ...     for x in range(n):
        ...         yield x * x
        >>> [ray.get(ref) for ref in squares.remote(4)]
        [0, 1, 4, 9]

    Source: Ray's ``ray.ObjectRefGenerator``.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ObjectRef[R]:
        return self._next_sync()

    def _next_sync(self, timeout_s: float | None = None) -> ObjectRef[R]:
        """The next item's reference once it is there; the nil one if ``timeout_s`` passes first."""
        stream = self._stream
        ready, _ = stream.engine.wait(
            (stream.peek(),), 1, None if timeout_s is None or timeout_s < 0 else timeout_s, True
        )
        if not ready:
            return ObjectRef.nil()
        item = stream.take()
        if item is None:
            raise StopIteration
        return item

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ObjectRef[R]:
        import asyncio

        stream = self._stream
        future = stream.engine.as_future(stream.peek())
        await asyncio.wait((future,))
        future.exception()  # seen: the item's own get raises it
        item = stream.take()
        if item is None:
            raise StopAsyncIteration
        return item

    def completed(self) -> ObjectRef[Any]:
        """A reference that is ready once the task has ended; its ``get`` raises if the task could
        not run to its end."""
        return self._stream.completed

    def next_ready(self) -> bool:
        """Whether ``next`` gives an item at once."""
        stream = self._stream
        if stream.exhausted:
            return False
        ready, _ = stream.engine.wait((stream.peek(),), 1, 0, True)
        return bool(ready) and not stream.exhausted

    def is_finished(self) -> bool:
        """Whether every item was taken and there will be no more."""
        return self._stream.exhausted

    def send(self, value: Any) -> NoReturn:
        """A task can't be sent anything while it runs."""
        raise NotImplementedError("`gen.send` is not supported.")

    def throw(self, value: Any) -> NoReturn:
        """Nothing can be raised in a task from outside; ``cancel`` ends it."""
        raise NotImplementedError("`gen.throw` is not supported.")

    def close(self) -> NoReturn:
        """``cancel`` ends the task; dropping the generator frees what it yields."""
        raise NotImplementedError("`gen.close` is not supported.")

    async def asend(self, value: Any) -> NoReturn:
        """As ``send``."""
        raise NotImplementedError("`gen.asend` is not supported.")

    async def athrow(self, value: Any) -> NoReturn:
        """As ``throw``."""
        raise NotImplementedError("`gen.athrow` is not supported.")

    async def aclose(self) -> NoReturn:
        """As ``close``."""
        raise NotImplementedError("`gen.aclose` is not supported.")

    def __repr__(self) -> str:
        return f"ObjectRefGenerator({self._stream.completed.hex()})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "an ObjectRefGenerator can't be passed on: pass the references it gives, or "
            "num_returns='dynamic', which gives all of them at once"
        )


class DynamicObjectRefGenerator(Generic[R]):
    """References to all that a task with ``num_returns="dynamic"`` yielded.

    Example:
        >>> import heliostat as ray
        >>> @ray.remote(num_returns="dynamic")
        ... def letters():
        ...     yield from "abc"
        >>> [ray.get(ref) for ref in ray.get(letters.remote())]
        ['a', 'b', 'c']

    Source: Ray's ``ray.DynamicObjectRefGenerator``.
    """

    def __init__(self, refs: Iterable[ObjectRef[R]]) -> None:
        self._refs = deque(refs)

    def __iter__(self) -> Iterator[ObjectRef[R]]:
        while self._refs:
            yield self._refs.popleft()

    def __len__(self) -> int:
        return len(self._refs)
