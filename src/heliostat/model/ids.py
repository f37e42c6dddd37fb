"""Ids: a few bytes that name a job, a task, an actor and so on, with Ray's methods.

Two ids are equal if they are of one kind and hold the same bytes. They are immutable, hash,
sort and pickle.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from typing_extensions import Self


class BaseID:
    """What all ids have in common.

    Example:
        >>> import heliostat as ray
        >>> ray.NodeID.from_hex("ab" * 28)
        NodeID(abababababababababababababababababababababababababababab)
    """

    __slots__ = ("_binary",)

    _size: ClassVar[int] = 28
    _binary: bytes

    def __init__(self, binary: bytes) -> None:
        """Takes the id's bytes.

        Raises:
            TypeError: these aren't bytes.
            ValueError: there are too many, or too few.
        """
        if not isinstance(binary, bytes):
            raise TypeError(f"a {type(self).__name__} is made of bytes, not of {binary!r}")
        if len(binary) != self._size:
            raise ValueError(
                f"a {type(self).__name__} has {self._size} bytes, but {len(binary)} were given"
            )
        object.__setattr__(self, "_binary", binary)

    @classmethod
    def from_binary(cls, binary: bytes) -> Self:
        """The id of these bytes."""
        return cls(binary)

    @classmethod
    def from_hex(cls, text: str) -> Self:
        """The id which ``hex`` wrote."""
        return cls(bytes.fromhex(text))

    @classmethod
    def from_random(cls) -> Self:
        """An id nobody has."""
        return cls(os.urandom(cls._size))

    @classmethod
    def nil(cls) -> Self:
        """The id of nothing: all ones."""
        return cls(b"\xff" * cls._size)

    @classmethod
    def size(cls) -> int:
        """The length in bytes."""
        return cls._size

    def binary(self) -> bytes:
        """The bytes."""
        return self._binary

    def hex(self) -> str:
        """The bytes in hexadecimal."""
        return self._binary.hex()

    def is_nil(self) -> bool:
        """Whether this is the id of nothing."""
        return self._binary == b"\xff" * self._size

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a {type(self).__name__} can't be changed")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._binary == self._binary

    def __lt__(self, other: Self) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._binary < other._binary

    def __hash__(self) -> int:
        return hash(self._binary)

    def __reduce__(self) -> tuple[type[BaseID], tuple[bytes]]:
        return type(self), (self._binary,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.hex()})"


class UniqueID(BaseID):
    """An id without inner structure."""

    __slots__ = ()


class JobID(BaseID):
    """The id of a program's connection to a cluster.

    Example:
        >>> import heliostat as ray
        >>> ray.JobID.from_int(5)
        JobID(05000000)
    """

    __slots__ = ()
    _size = 4

    @classmethod
    def from_int(cls, value: int) -> JobID:
        """The id of job number ``value``."""
        return cls(value.to_bytes(4, "little"))

    def int(self) -> int:
        """The job's number."""
        return int.from_bytes(self._binary, "little")


class TaskID(BaseID):
    """The id of a task or of an actor call.

    Example:
        >>> import heliostat as ray
        >>> ray.TaskID(bytes(24)).size()
        24
    """

    __slots__ = ()
    _size = 24


class ActorID(BaseID):
    r"""The id of an actor.

    Example:
        >>> import heliostat as ray
        >>> ray.ActorID.from_hex("0a" * 16).binary() == b"\n" * 16
        True
    """

    __slots__ = ()
    _size = 16


class ObjectID(BaseID):
    """The id of an object; ``ObjectRef`` is what programs hold.

    Example:
        >>> import heliostat as ray
        >>> ray.ObjectID.nil().is_nil()
        True
    """

    __slots__ = ()


class PlacementGroupID(BaseID):
    """The id of a placement group."""

    __slots__ = ()
    _size = 18


class NodeID(UniqueID):
    """The id of a host in a cluster.

    Example:
        >>> import heliostat as ray
        >>> len(ray.NodeID.from_random().hex())
        56
    """

    __slots__ = ()


class WorkerID(UniqueID):
    """The id of a process.

    Example:
        >>> import heliostat as ray
        >>> ray.WorkerID.from_random() == ray.WorkerID.from_random()
        False
    """

    __slots__ = ()


class FunctionID(UniqueID):
    """The id of a remote function."""

    __slots__ = ()


class ActorClassID(UniqueID):
    """The id of an actor class."""

    __slots__ = ()


class ClusterID(UniqueID):
    """The id of a cluster."""

    __slots__ = ()
