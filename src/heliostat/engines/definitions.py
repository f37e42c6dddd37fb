"""What the public API hands to an engine: decorated functions and classes, and actors.

These records are all an engine knows of ``RemoteFunction``, ``ActorClass`` and
``ActorHandle``, which live above it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from heliostat.engines.base import Engine
    from heliostat.model.options import TaskOptions


class ExitActor(SystemExit):
    """What ``exit_actor`` raises: the actor that runs it ends, on purpose."""


class Definition:
    """A function or class as it was decorated: pickled once, however often it is used.

    Attributes:
        target: the function or class itself.
        name: its qualified name, for messages.
        pickled: what the engine made of it; the engine's own.
    """

    __slots__ = ("name", "pickled", "target")

    def __init__(self, target: Callable[..., Any], name: str) -> None:
        self.target = target
        self.name = name
        self.pickled: Any = None


class TaskTemplate:
    """A remote function with its options: everything of a task but its arguments.

    Attributes:
        definition: the function.
        options: the validated options.
        prepared: what the engine found out at the first task; the engine's own.
    """

    __slots__ = ("definition", "options", "prepared")

    def __init__(self, definition: Definition, options: TaskOptions) -> None:
        self.definition = definition
        self.options = options
        self.prepared: Any = None


class Actor(Protocol):
    """An actor as an engine gives it out: what is behind an ``ActorHandle``.

    Attributes:
        engine: the engine it runs on.
        actor_id: 16 bytes, unique in the cluster.
        meta: what the creator's API said of its class: a tuple of plain values, given back
            by ``get_actor`` and wherever a handle is unpickled.
    """

    @property
    def engine(self) -> Engine: ...

    @property
    def actor_id(self) -> bytes: ...

    @property
    def meta(self) -> tuple[Any, ...]: ...
