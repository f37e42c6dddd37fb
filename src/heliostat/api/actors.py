"""Actor classes: ``@remote`` on a class; and finding, ending and leaving actors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from heliostat.api.handles import ActorHandle
from heliostat.api.methods import check_groups, constructor_shape, table_of
from heliostat.api.signatures import Shape, check
from heliostat.engines.definitions import Definition, ExitActor
from heliostat.engines.registry import require
from heliostat.model.options import ActorOptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import overload

    from typing_extensions import Unpack

    from heliostat.api.handles import ActorProxy
    from heliostat.api.typed import ClassOptions

    class _Untyped:
        """What only an actor class of unknown type is made of."""

        _: None


T = TypeVar("T")


class ActorClassInheritanceException(TypeError):
    """A class tried to inherit from an actor class; see its message for what to do."""


class ActorClass(Generic[T]):
    """A class whose instances are actors: what ``@remote`` makes of a class.

    ``Counter.remote(...)`` starts an actor in a process of its own and gives its handle at once;
    ``Counter.options(...)`` is the same class with other options.

    Example:
        >>> import heliostat as ray
        >>> @ray.remote
        ... class Greeter:
        ...     def __init__(self, greeting):
        ...         self.greeting = greeting
        ...     def greet(self, name):
        ...         return f"{self.greeting}, {name}"
        >>> greeter = Greeter.remote("Hello")
        >>> ray.get(greeter.greet.remote("world"))
        'Hello, world'

    Source: Ray's ``ray.actor.ActorClass``.
    """

    __ray_actor_class__: type[T]
    _definition: Definition
    _options: ActorOptions
    _shape: Shape | None
    _meta: tuple[Any, ...] | None

    def __init__(self, name: str, bases: tuple[Any, ...], attr: dict[str, Any]) -> None:
        # Python comes here when a class statement names an actor class as a base.
        for base in bases:
            if isinstance(base, ActorClass):
                raise ActorClassInheritanceException(
                    f"Attempted to define subclass '{name}' of actor class "
                    f"'{base.__ray_actor_class__.__name__}'. Inheriting from actor classes is not "
                    "currently supported. You can instead inherit from a non-actor base class "
                    "and make the derived class an actor class (with @ray.remote)."
                )
        raise TypeError("ActorClass is not made directly: use the @ray.remote decorator instead.")

    def _become(self, definition: Definition, options: ActorOptions) -> None:
        cls: Any = definition.target
        self._definition = definition
        self._options = options
        self._shape = None
        self._meta = None
        self.__ray_actor_class__ = self.__wrapped__ = cls
        for key in ("__doc__", "__name__", "__qualname__", "__module__"):
            self.__dict__[key] = getattr(cls, key, None)

    if TYPE_CHECKING:

        @overload
        def remote(self: ActorClass[_Untyped], *args: Any, **kwargs: Any) -> ActorHandle[Any]: ...
        @overload
        def remote(self, *args: Any, **kwargs: Any) -> ActorProxy[T]: ...

    def remote(self, *args: Any, **kwargs: Any) -> Any:
        """Starts an actor; gives a handle to it at once.

        Args:
            *args: what the class's constructor takes; an ``ObjectRef`` is replaced by its value.
            **kwargs: the same, by name.

        Raises:
            TypeError: the arguments do not fit the constructor.
            ValueError: the ``name`` is taken.
        """
        shape = self._shape
        if shape is None:
            shape = self._shape = constructor_shape(self.__ray_actor_class__)
        name = self._definition.name
        check(shape, name, len(args), kwargs)
        if self._meta is None:
            target = self.__ray_actor_class__
            table = table_of(target)
            check_groups(name, table, self._options.concurrency_groups)
            self._meta = (target.__name__, target.__module__, table)
        engine = require()
        actor = engine.create_actor(self._definition, self._options, args, kwargs, self._meta)
        return ActorHandle(actor)

    def options(self, **actor_options: Unpack[ClassOptions]) -> ActorClass[T]:
        """The same class with some of its options replaced.

        Args:
            **actor_options: those of ``remote``, and ``name``, ``namespace``, ``lifetime``,
                ``get_if_exists``.

        Example:
            >>> import heliostat as ray
            >>> @ray.remote
            ... class Board:
            ...     def __init__(self):
            ...         self.notes = []
            ...     def note(self, text):
            ...         self.notes.append(text)
            ...         return len(self.notes)
            >>> board = Board.options(name="board", get_if_exists=True).remote()
            >>> ray.get(ray.get_actor("board").note.remote("first"))
            1
        """
        return _made(self._definition, self._options.merge(actor_options))

    def bind(self, *args: Any, **kwargs: Any) -> Any:
        """Ray's graphs of tasks are not part of this release."""
        raise NotImplementedError(
            f"{self._definition.name}.bind(): building graphs of tasks is not part of this "
            "release; create the actor with .remote() and call its methods instead"
        )

    if not TYPE_CHECKING:  # checkers see that it can't be called

        def __call__(self, *args: Any, **kwargs: Any) -> None:
            """Raises ``TypeError``: the hint to call ``.remote()``."""
            name = self.__ray_actor_class__.__name__
            raise TypeError(
                f"Actors cannot be instantiated directly. Instead of '{name}()', "
                f"use '{name}.remote()'."
            )

    def __getattr__(self, name: str) -> Any:
        # Class attributes and static methods are those of the class itself.
        cls = self.__dict__.get("__ray_actor_class__")
        if cls is None or (name.startswith("__") and name.endswith("__")):
            raise AttributeError(name)
        return getattr(cls, name)

    def __repr__(self) -> str:
        return f"ActorClass({self.__ray_actor_class__.__name__})"

    def __reduce__(self) -> tuple[Any, ...]:
        # In two steps, so that a class whose methods name it comes back as one object.
        state = (self._definition.target, self._definition.name, self._options.given)
        return _new, (), state

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        target, name, given = state
        self._become(Definition(target, name), ActorOptions.make(given))


def _new() -> ActorClass[Any]:
    return ActorClass.__new__(ActorClass)


def _made(definition: Definition, options: ActorOptions) -> ActorClass[Any]:
    made = _new()
    made._become(definition, options)
    return made


def make_actor_class(cls: type[T], given: Mapping[str, Any]) -> ActorClass[T]:
    """What ``remote`` makes of a class.

    Raises:
        ValueError: an option is wrong.
    """
    return _made(Definition(cls, cls.__qualname__), ActorOptions.make(given))


def get_actor(name: str, namespace: str | None = None) -> ActorHandle[Any]:
    """A handle to the actor of that name.

    Args:
        name: what ``options(name=...)`` called it.
        namespace: where to look; by default the namespace of this session.

    Raises:
        ValueError: there is no such actor now.
        TypeError: ``namespace`` is not a string.

    Example:
        >>> import heliostat as ray
        >>> @ray.remote
        ... class Clock:
        ...     def hour(self):
        ...         return 12
        >>> clock = Clock.options(name="clock").remote()
        >>> ray.get(ray.get_actor("clock").hour.remote())
        12
    """
    if not name:
        raise ValueError("Please supply a non-empty value to get_actor")
    check_namespace(namespace)
    return ActorHandle(require().get_actor(name, namespace))


def list_named_actors(all_namespaces: bool = False) -> list[Any]:
    """The names of the living actors that have one.

    Args:
        all_namespaces: those of every namespace, not only of this session's.

    Returns:
        Names; with ``all_namespaces``, a dict ``{"name": ..., "namespace": ...}`` for each.

    Example:
        >>> import heliostat as ray
        >>> @ray.remote
        ... class Clock:
        ...     pass
        >>> clock = Clock.options(name="clock").remote()
        >>> ray.util.list_named_actors()
        ['clock']

    Source: Ray's ``ray.util.list_named_actors``.
    """
    named = require().list_named_actors(all_namespaces)
    if all_namespaces:
        return [{"name": name, "namespace": namespace} for namespace, name in named]
    return [name for _, name in named]


def check_namespace(namespace: str | None) -> None:
    """Raises where Ray refuses a namespace."""
    if namespace is None:
        return
    if not isinstance(namespace, str):
        raise TypeError("namespace must be None or a string.")
    if not namespace:
        raise ValueError('"" is not a valid namespace. Pass None to not specify a namespace.')


def kill(actor: ActorHandle[Any] | type[Any], *, no_restart: bool = True) -> None:
    """Ends an actor at once, whatever it is doing; its ``atexit`` handlers do not run.

    To let it finish what it was sent first, call ``actor.__ray_terminate__.remote()``.

    Args:
        actor: its handle.
        no_restart: False counts as a crash: an actor with ``max_restarts`` comes back.

    Raises:
        ValueError: ``actor`` is no handle.

    Example:
        >>> import heliostat as ray
        >>> @ray.remote
        ... class Worker:
        ...     pass
        >>> worker = Worker.options(name="w").remote()
        >>> ray.kill(worker)
    """
    if not isinstance(actor, ActorHandle):
        raise ValueError(  # noqa: TRY004 - Ray's
            "ray.kill() only supported for actors. For tasks, try ray.cancel(). "
            f"Got: {type(actor)}."
        )
    inner = actor._ray_actor
    inner.engine.kill(inner, no_restart)


def exit_actor() -> NoReturn:
    """Ends the actor whose method calls it, once what it is running is done.

    The caller of that method sees the actor's death; its ``atexit`` handlers and
    ``__ray_shutdown__`` run.

    Raises:
        TypeError: not called in a method of an actor.

    Example:
        >>> import heliostat as ray
        >>> from heliostat.actor import exit_actor
        >>> @ray.remote
        ... class Once:
        ...     def leave(self):
        ...         exit_actor()
        >>> try:
        ...     ray.get(Once.remote().leave.remote())
        ... except ray.exceptions.RayActorError:
        ...     print("gone")
        gone
    """
    context = require().runtime_context()
    if context["actor_id"] is None:
        raise TypeError(
            "exit_actor API is called on a non-actor worker. Call this API inside an actor "
            "method if you'd like to exit the actor gracefully."
        )
    raise ExitActor("exit_actor() is called.")
