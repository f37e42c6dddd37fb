"""``ObjectRef``: a future and a reference in one, the same class on every engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from heliostat.engines import registry

if TYPE_CHECKING:
    from collections.abc import Generator
    from concurrent.futures import Future

    from heliostat.engines.base import Engine
    from heliostat.model.ids import JobID, TaskID

R = TypeVar("R", covariant=True)  # noqa: PLC0105 - users see it in their checker's messages


class ObjectEntry(Protocol):
    """What an engine keeps behind a reference."""

    @property
    def engine(self) -> Engine:
        """The engine the object lives in."""

    def binary(self) -> bytes:
        """The object's 28-byte id."""


class ObjectRef(Generic[R]):
    """A reference to an object that exists, or will once its task has run.

    Given by ``.remote()`` and ``put``; exchanged for its value by ``get``, or by ``await``
    in a coroutine. References can be passed to tasks and actors, returned, and put inside
    other objects; the object lives as long as a reference to it does anywhere.

    Example:
        >>> import heliostat as ray
        >>> ref = ray.put([1, 2, 3])
        >>> ray.get(ref)
        [1, 2, 3]

    Source: Ray's ``ray.ObjectRef``.
    """

    __slots__ = ("__weakref__", "_entry")

    def __init__(self, entry: Any) -> None:
        self._entry: Any = entry

    def binary(self) -> bytes:
        """The id as 28 bytes."""
        binary: bytes = self._entry.binary()
        return binary

    def hex(self) -> str:
        """The id in hexadecimal."""
        return self.binary().hex()

    @staticmethod
    def size() -> int:
        """Length of an id in bytes."""
        return 28

    @staticmethod
    def nil() -> ObjectRef[Any]:
        """A reference to nothing, as Ray has it; ``get`` of it raises."""
        return ObjectRef(NilEntry())

    def is_nil(self) -> bool:
        """Whether this is the nil reference."""
        return isinstance(self._entry, NilEntry)

    def task_id(self) -> TaskID:
        """The id of the task that makes the object."""
        from heliostat.model.ids import TaskID

        return TaskID(self.binary()[:24])

    def job_id(self) -> JobID:
        """The id of the job the object belongs to."""
        from heliostat.model.ids import JobID

        return JobID(self.binary()[:4])

    def future(self) -> Future[R]:
        """A ``concurrent.futures.Future`` of the value.

        Example:
            >>> import heliostat as ray
            >>> ray.put(7).future().result()
            7
        """
        future: Future[R] = self._entry.engine.future(self)
        return future

    def as_future(self, _internal: bool = False) -> Any:
        """An ``asyncio`` future of the value, on the running loop."""
        return self._entry.engine.as_future(self)

    def __await__(self) -> Generator[Any, None, R]:
        result: Generator[Any, None, R] = self._entry.engine.as_future(self).__await__()
        return result

    def __hash__(self) -> int:
        return hash(self._entry.binary())

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, ObjectRef):
            return NotImplemented
        return self._entry is other._entry or self.binary() == other.binary()

    def __repr__(self) -> str:
        return f"ObjectRef({self.hex()})"

    def __reduce__(self) -> tuple[Any, ...]:
        # Only pickling outside a call comes here: within calls and results the engine's own
        # pickler counts the reference. What leaves like this is held until its owner ends.
        reduced: tuple[Any, ...] = self._entry.engine.export_ref(self)
        return (registry.load_ref, reduced)


class NilEntry:
    """The entry of ``ObjectRef.nil()``."""

    @property
    def engine(self) -> Engine:
        """There is none."""
        raise ValueError("the nil ObjectRef refers to no object")

    def binary(self) -> bytes:
        """All ones, as Ray has it."""
        return b"\xff" * 28
