"""``ActorHandle`` and ``ActorMethod``: how a program talks to an actor.

A handle wraps what the engine gave out and knows the methods of the class; each method becomes
an ``ActorMethod`` at its first use and stays in the handle. An ``ActorMethod`` keeps the actor
alive, not the handle, so the two make no cycle and an actor ends with its last handle at once.
"""

# pyright: reportOverlappingOverload=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Union

from heliostat.api.collecting import collect_from
from heliostat.api.methods import BUILT_IN, options_of
from heliostat.api.signatures import UNBOUNDED, Shape, check, close_names
from heliostat.api.typed import F_co, Remotely
from heliostat.engines.registry import require

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal, overload

    from typing_extensions import Never, Self, TypeVar, Unpack

    from heliostat.api import typed
    from heliostat.api.methods import Entry
    from heliostat.engines.definitions import Actor
    from heliostat.model.ids import ActorID
    from heliostat.model.options import MethodOptions

    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")

#: Kinds of calls a method remembers to fit; with ``**kwargs`` there may be any number of them.
_REMEMBERED = 64


class ActorMethod(Remotely[F_co]):
    """A method of an actor: ``actor.method.remote(...)`` calls it.

    Source: Ray's ``ray.actor.ActorMethod``.
    """

    __slots__ = (
        "_actor",
        "_class_name",
        "_entry",
        "_fitting",
        "_least",
        "_most",
        "_name",
        "_options",
        "_submit",
    )

    def __init__(
        self, actor: Actor, class_name: str, name: str, entry: Entry, options: MethodOptions
    ) -> None:
        self._actor = actor
        self._class_name = class_name
        self._name = name
        self._entry = entry
        self._fitting: set[tuple[Any, ...]] = set()
        self._options = options
        if entry[2] and options.given.get("num_returns") is None:
            self._options = options = options.merge({"num_returns": "streaming"})
        # What is gathered has no number of arguments that fits unchecked: _check sees to it.
        dynamic = options.num_returns == "dynamic"
        self._least, self._most = (UNBOUNDED, 0) if dynamic else Shape(*entry[3]).bounds()
        self._submit = actor.engine.submit_call

    if not TYPE_CHECKING:  # checkers see Remotely, and that it can't be called

        def __call__(self, *args: Any, **kwargs: Any) -> None:
            """Raises ``TypeError``: the hint to call ``.remote()``."""
            raise TypeError(
                "Actor methods cannot be called directly. Instead of running "
                f"'object.{self._name}()', try 'object.{self._name}.remote()'."
            )

        def remote(self, *args: Any, **kwargs: Any) -> Any:
            """Calls the method; gives a reference to its result at once.

            Args:
                *args: its arguments; an ``ObjectRef`` among them is replaced by its value.
                **kwargs: its arguments by name; the same.

            Returns:
                An ``ObjectRef``; a list of them where ``num_returns`` is above 1; None for 0; an
                ``ObjectRefGenerator`` for a method that yields.

            Raises:
                TypeError: the arguments do not fit the method.
                PendingCallsLimitExceeded: ``max_pending_calls`` are waiting already.
            """
            if kwargs or not self._least <= len(args) <= self._most:
                self._check(len(args), kwargs)
                if self._options.num_returns == "dynamic":
                    args = (collect_from, self._name, *args)
                    return self._submit(self._actor, "__ray_call__", self._options, args, kwargs)
            return self._submit(self._actor, self._name, self._options, args, kwargs)

    def _check(self, count: int, kwargs: dict[str, Any]) -> None:
        # What fits depends on the number and the names alone.
        call = (count, *kwargs)
        if call not in self._fitting:
            called = f"{self._class_name}.{self._name}"
            check(Shape(*self._entry[3]), called, count, kwargs)
            if len(self._fitting) < _REMEMBERED:
                self._fitting.add(call)

    if TYPE_CHECKING:
        # The literal counts come first, so the overlap with int is meant.
        @overload
        def options(  # type: ignore[overload-overlap]
            self,
            *,
            name: str = "",
            num_returns: Literal[1] | None = None,
            **options: Unpack[typed.MethodOptions],
        ) -> Self: ...
        @overload
        def options(  # type: ignore[overload-overlap]
            self,
            *,
            num_returns: Literal[0],
            name: str = "",
            **options: Unpack[typed.MethodOptions],
        ) -> typed.RemotelyNothing: ...
        @overload
        def options(
            self, *, num_returns: int, name: str = "", **options: Unpack[typed.MethodOptions]
        ) -> typed.RemotelySeveral: ...
        @overload
        def options(
            self,
            *,
            num_returns: Literal["streaming"],
            name: str = "",
            **options: Unpack[typed.MethodOptions],
        ) -> typed.RemotelyStreaming: ...
        @overload
        def options(
            self,
            *,
            num_returns: Literal["dynamic"],
            name: str = "",
            **options: Unpack[typed.MethodOptions],
        ) -> typed.RemotelyGathering: ...

    def options(self, **options: Any) -> Any:
        """The same method with some options replaced for the calls made through it.

        Args:
            **options: ``num_returns``, ``max_task_retries``, ``retry_exceptions``,
                ``concurrency_group``, ``name``.

        Example:
            >>> import heliostat as ray
            >>> @ray.remote
            ... class Pair:
            ...     def both(self):
            ...         return 1, 2
            >>> ray.get(Pair.remote().both.options(num_returns=2).remote())
            [1, 2]
        """
        merged = self._options.merge(options)
        return ActorMethod(self._actor, self._class_name, self._name, self._entry, merged)

    def bind(self, *args: Any, **kwargs: Any) -> Any:
        """Ray's graphs of tasks are not part of this release."""
        raise NotImplementedError(
            f"{self._class_name}.{self._name}.bind(): building graphs of tasks is not part of "
            "this release; pass the ObjectRef of one .remote() call to the next instead"
        )

    def __repr__(self) -> str:
        return f"<method {self._name} of actor {self._class_name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _load_method, (ActorHandle(self._actor), self._name, dict(self._options.given))


class ActorHandle(Generic[T]):
    """A handle to an actor: ``handle.method.remote(...)`` calls a method of it.

    Handles can be passed to tasks and other actors, pickled and compared; the actor lives as
    long as a handle to it does anywhere, unless it is detached.

    Example:
        >>> import heliostat as ray
        >>> @ray.remote
        ... class Counter:
        ...     def __init__(self):
        ...         self.n = 0
        ...     def add(self, n):
        ...         self.n += n
        ...         return self.n
        >>> counter = Counter.remote()
        >>> ray.get([counter.add.remote(1), counter.add.remote(2)])
        [1, 3]

    Source: Ray's ``ray.actor.ActorHandle``.
    """

    _ray_actor: Actor

    def __init__(self, actor: Actor) -> None:
        self._ray_actor = actor

    @property
    def _ray_actor_id(self) -> ActorID:
        from heliostat.model.ids import ActorID

        return ActorID(self._ray_actor.actor_id)

    @property
    def _actor_id(self) -> ActorID:
        return self._ray_actor_id

    def __getattr__(self, name: str) -> ActorMethod[Callable[..., Any]]:
        if name.startswith("_ray_actor"):  # a handle that is only being made
            raise AttributeError(name)
        actor = self._ray_actor
        class_name, _, table = actor.meta
        entry = BUILT_IN.get(name) or table.get(name)
        if entry is None:
            hint = "" if name.startswith("__") else close_names(name, table)
            raise AttributeError(
                f"'ActorHandle' object has no attribute '{name}': actor class {class_name} has "
                f"no such method.{hint}"
            )
        made: ActorMethod[Callable[..., Any]] = ActorMethod(
            actor, class_name, name, entry, options_of(entry)
        )
        self.__dict__[name] = made
        return made

    def __dir__(self) -> list[str]:
        return sorted({*self._ray_actor.meta[2], *BUILT_IN})

    def __hash__(self) -> int:
        return hash(self._ray_actor.actor_id)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ActorHandle):
            return NotImplemented
        return bool(self._ray_actor.actor_id == other._ray_actor.actor_id)

    def __repr__(self) -> str:
        return f"Actor({self._ray_actor.meta[0]}, {self._ray_actor.actor_id.hex()})"

    def __reduce__(self) -> tuple[Any, ...]:
        actor = self._ray_actor
        return _load_handle, tuple(actor.engine.export_actor(actor))


if TYPE_CHECKING:

    class _TypedHandle(ActorHandle[T]):
        def __getattr__(self, name: str) -> Never: ...

    ActorProxy = Union[_TypedHandle[T], type[T]]  # noqa: UP007
else:
    #: A handle in typed code: ``ActorProxy[CounterImpl]`` has what ``@method`` marks there.
    ActorProxy = Union[ActorHandle[T], type[T]]  # noqa: UP007 - 3.10 can't subscript the other


def _load_handle(*description: Any) -> ActorHandle[Any]:
    return ActorHandle(require().load_actor(*description))


def _load_method(handle: ActorHandle[Any], name: str, given: dict[str, Any]) -> Any:
    bound = getattr(handle, name)
    return bound.options(**given) if given else bound
