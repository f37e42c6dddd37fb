"""What is known of an actor class's methods: their options, their kind, what they take.

The table of a class is made of builtins alone, because it travels with every handle and through
processes that load no user code: ``{name: (options given, is async, is generator, shape)}``.
Exception classes among the options are in it as bytes.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from heliostat.api.signatures import NOTHING, Shape, is_coroutine, is_generator, shape_of, unwrap
from heliostat.model.options import MethodOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from typing import Concatenate, Generic, Literal, ParamSpec, Protocol, TypeVar, overload

    from typing_extensions import Unpack

    from heliostat.api import typed
    from heliostat.api.handles import ActorMethod

    P = ParamSpec("P")
    R = TypeVar("R")
    Outside_co = TypeVar("Outside_co", covariant=True)
    Inside_co = TypeVar("Inside_co", covariant=True)

    class Method(Generic[Outside_co, Inside_co]):
        """A method marked by ``@method``: of a handle it has ``.remote()``, of self it is one."""

        @overload
        def __get__(self, instance: None, owner: Any) -> Outside_co: ...
        @overload
        def __get__(self, instance: object, owner: Any) -> Inside_co: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...

    class Mark(Protocol):
        """What ``@method(...)`` gives."""

        @overload
        def __call__(
            self, method: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]], /
        ) -> Method[ActorMethod[Callable[P, R]], Callable[P, Coroutine[Any, Any, R]]]: ...
        @overload
        def __call__(
            self, method: Callable[Concatenate[Any, P], R], /
        ) -> Method[ActorMethod[Callable[P, R]], Callable[P, R]]: ...

    class MarkSeveral(Protocol):
        """What ``@method(num_returns=2)`` gives."""

        def __call__(
            self, method: Callable[Concatenate[Any, P], R], /
        ) -> Method[typed.RemotelySeveral, Callable[P, R]]: ...

    class MarkStreaming(Protocol):
        """What ``@method(num_returns="streaming")`` gives."""

        def __call__(
            self, method: Callable[Concatenate[Any, P], R], /
        ) -> Method[typed.RemotelyStreaming, Callable[P, R]]: ...

    class MarkGathering(Protocol):
        """What ``@method(num_returns="dynamic")`` gives."""

        def __call__(
            self, method: Callable[Concatenate[Any, P], R], /
        ) -> Method[typed.RemotelyGathering, Callable[P, R]]: ...


#: Where ``@method`` leaves what it was given.
MARK = "__heliostat_method__"

#: One method of a table: options given, whether it is async, a generator, and its ``Shape``.
Entry = tuple[tuple[tuple[str, Any], ...], bool, bool, tuple[Any, ...]]

#: What every actor can do besides the methods of its class; engines run them.
BUILT_IN: dict[str, Entry] = {
    "__ray_ready__": ((), False, False, tuple(NOTHING)),
    "__ray_terminate__": ((), False, False, tuple(NOTHING)),
    "__ray_call__": ((), False, False, tuple(Shape(("fn",), 1, 1, True, (), (), True))),
}


def table_of(cls: type) -> dict[str, Entry]:
    """The methods of a class, its own and those it inherits."""
    table: dict[str, Entry] = {}
    for base in reversed(cls.__mro__[:-1]):
        for name, member in vars(base).items():
            if isinstance(member, (staticmethod, classmethod)):
                table[name] = _entry(
                    member.__func__, bound=isinstance(member, classmethod), marked=member
                )
            elif hasattr(member, "__code__") or hasattr(unwrap(member), "__code__"):
                table[name] = _entry(member, bound=True, marked=member)
            else:
                table.pop(name, None)  # a subclass replaced a method by something else
    table.pop("__init__", None)
    return table


def constructor_shape(cls: type) -> Shape:
    """What ``cls(...)`` takes."""
    for name in ("__init__", "__new__"):
        constructor: Any = getattr(cls, name)
        if constructor is not getattr(object, name):
            return shape_of(constructor, bound=True)
    return NOTHING


def _entry(function: Any, *, bound: bool, marked: Any) -> Entry:
    given: Mapping[str, Any] = getattr(marked, MARK, None) or getattr(unwrap(function), MARK, {})
    shape = shape_of(function, bound=bound)
    options = tuple((name, _plain(value)) for name, value in given.items())
    return options, is_coroutine(function), is_generator(function), tuple(shape)


def _plain(value: Any) -> Any:
    if isinstance(value, (bool, int, str, type(None))):
        return value
    import cloudpickle

    pickled: bytes = cloudpickle.dumps(value)
    return pickled


def check_groups(class_name: str, table: Mapping[str, Entry], groups: Mapping[str, int]) -> None:
    """Raises ValueError if ``@method`` names a concurrency group that the class doesn't have."""
    for name, (given, *_) in table.items():
        group = dict(given).get("concurrency_group")
        if group is not None and group not in groups:
            known = ", ".join(groups) or "none"
            raise ValueError(
                f"{class_name}.{name}: concurrency_group={group!r} isn't one of the class's "
                f"concurrency_groups, which are: {known}"
            )


def options_of(entry: Entry) -> MethodOptions:
    """The options that ``@method`` gave a method of a table."""
    given = {
        name: pickle.loads(value) if isinstance(value, bytes) else value for name, value in entry[0]
    }
    return MethodOptions.make(given)


if TYPE_CHECKING:

    @overload
    def method(
        method: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]], /
    ) -> Method[ActorMethod[Callable[P, R]], Callable[P, Coroutine[Any, Any, R]]]: ...
    @overload
    def method(
        method: Callable[Concatenate[Any, P], R], /
    ) -> Method[ActorMethod[Callable[P, R]], Callable[P, R]]: ...
    # The literal count comes first, so the overlap with int is meant.
    @overload
    def method(  # type: ignore[overload-overlap]
        *, num_returns: Literal[1] | None = None, **kwargs: Unpack[typed.MethodOptions]
    ) -> Mark: ...
    @overload
    def method(*, num_returns: int, **kwargs: Unpack[typed.MethodOptions]) -> MarkSeveral: ...
    @overload
    def method(
        *, num_returns: Literal["streaming"], **kwargs: Unpack[typed.MethodOptions]
    ) -> MarkStreaming: ...
    @overload
    def method(
        *, num_returns: Literal["dynamic"], **kwargs: Unpack[typed.MethodOptions]
    ) -> MarkGathering: ...


def method(*args: Any, **kwargs: Any) -> Any:
    """Sets options of one method of an actor class; bare, it only tells type checkers of it.

    Args:
        *args: the method, where it is used bare.
        **kwargs: ``num_returns`` (1), ``max_task_retries`` (the actor's), ``retry_exceptions``
            (False), ``concurrency_group`` (none): as in ``ActorMethod.options``.

    Returns:
        The method, or a decorator for it.

    Raises:
        TypeError: it is used with arguments that are not options.
        ValueError: an option is wrong.

    Example:
        >>> import heliostat as ray
        >>> @ray.remote
        ... class Pair:
        ...     @ray.method(num_returns=2)
        ...     def both(self):
        ...         return 1, 2
        >>> first, second = Pair.remote().both.remote()
        >>> ray.get(second)
        2
    """
    if len(args) == 1 and callable(args[0]) and not kwargs:
        return args[0]
    if args or not kwargs:
        raise TypeError(
            "The @ray.method decorator must be applied using no arguments or at least one "
            "option by name, for example '@ray.method(num_returns=2)'."
        )
    MethodOptions.make(kwargs)

    def annotate(function: Any) -> Any:
        setattr(function, MARK, dict(kwargs))
        return function

    return annotate
