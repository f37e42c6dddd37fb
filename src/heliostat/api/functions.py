"""Remote functions: ``@remote`` on a function, ``.remote()`` and ``.options()``.

``RemoteFunction.remote`` is the hot path of the whole library: two comparisons, the current
engine, and the engine's own ``submit_task``.
"""

# pyright: reportOverlappingOverload=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliostat.api.collecting import Collecting
from heliostat.api.signatures import (
    UNBOUNDED,
    Shape,
    check,
    is_coroutine,
    is_generator,
    shape_of,
)
from heliostat.api.typed import F_co, Remotely
from heliostat.engines.definitions import Definition, TaskTemplate
from heliostat.engines.registry import require
from heliostat.model.options import TaskOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Literal, ParamSpec, TypeVar, overload

    from typing_extensions import Self, Unpack

    from heliostat.api.typed import (
        FunctionOptions,
        RemotelyGathering,
        RemotelyNothing,
        RemotelySeveral,
        RemotelyStreaming,
    )

    P = ParamSpec("P")
    R = TypeVar("R")

#: Kinds of calls a function remembers to fit; with ``**kwargs`` there may be any number of them.
_REMEMBERED = 64


class RemoteFunction(Remotely[F_co]):
    """A function that runs elsewhere: what ``@remote`` makes of a function.

    ``f.remote(...)`` starts it and gives an ``ObjectRef`` at once; ``f.options(...)`` is the
    same function with other options. It can be passed to tasks and kept in closures.

    Example:
        >>> import heliostat as ray
        >>> @ray.remote
        ... def add(a, b):
        ...     return a + b
        >>> ray.get(add.remote(1, 2))
        3

    Source: Ray's ``ray.remote_function.RemoteFunction``.
    """

    __name__: str
    __wrapped__: Callable[..., Any]
    # As decorated; and as submitted, which differs for functions that yield.
    _own: TaskTemplate
    _template: TaskTemplate
    _shape: Shape | None
    _fitting: set[tuple[Any, ...]]
    # Until the first call these send every call to _learn.
    _least: int
    _most: int

    def __init__(self, function: Callable[..., Any], options: TaskOptions) -> None:
        name = getattr(function, "__qualname__", None) or repr(function)
        names = {key: getattr(function, key, None) for key in ("__doc__", "__name__", "__module__")}
        self._become(TaskTemplate(Definition(function, name), options), names)

    def _become(self, template: TaskTemplate, names: Mapping[str, Any]) -> None:
        self._own = self._template = template
        self._shape = None
        self._fitting = set()
        self._least = self._most = UNBOUNDED
        self.__wrapped__ = template.definition.target
        self.__qualname__ = template.definition.name
        self.__dict__.update(names)

    if not TYPE_CHECKING:  # checkers see Remotely, and that it can't be called

        def __call__(self, *args: Any, **kwargs: Any) -> None:
            """Raises ``TypeError``: the hint to call ``.remote()``."""
            name = f"{self.__module__}.{self.__qualname__}"
            raise TypeError(
                "Remote functions cannot be called directly. Instead of running "
                f"'{name}()', try '{name}.remote()'."
            )

        def remote(self, *args: Any, **kwargs: Any) -> Any:
            """Starts the function; gives a reference to its result at once.

            Args:
                *args: its arguments; an ``ObjectRef`` among them is replaced by its value before
                    the function starts.
                **kwargs: its arguments by name; the same.

            Returns:
                An ``ObjectRef``; a list of them where ``num_returns`` is above 1; None for 0; an
                ``ObjectRefGenerator`` for a function that yields.

            Raises:
                TypeError: the arguments do not fit the function.
            """
            if kwargs or not self._least <= len(args) <= self._most:
                self._check(args, kwargs)
            return require().submit_task(self._template, args, kwargs)

    if TYPE_CHECKING:
        # The literal counts come first, so the overlap with int is meant.
        @overload
        def options(  # type: ignore[overload-overlap]
            self, *, num_returns: Literal[1] | None = None, **task_options: Unpack[FunctionOptions]
        ) -> Self: ...
        @overload
        def options(  # type: ignore[overload-overlap]
            self, *, num_returns: Literal[0], **task_options: Unpack[FunctionOptions]
        ) -> RemotelyNothing: ...
        @overload
        def options(
            self, *, num_returns: int, **task_options: Unpack[FunctionOptions]
        ) -> RemotelySeveral: ...
        @overload
        def options(
            self, *, num_returns: Literal["streaming"], **task_options: Unpack[FunctionOptions]
        ) -> RemotelyStreaming: ...
        @overload
        def options(
            self, *, num_returns: Literal["dynamic"], **task_options: Unpack[FunctionOptions]
        ) -> RemotelyGathering: ...

    def options(self, **task_options: Any) -> Any:
        """The same function with some of its options replaced.

        Args:
            **task_options: those of ``remote``.

        Example:
            >>> import heliostat as ray
            >>> @ray.remote
            ... def pair():
            ...     return 1, 2
            >>> ray.get(pair.options(num_returns=2).remote())
            [1, 2]
        """
        other = RemoteFunction.__new__(RemoteFunction)
        template = self._own
        merged = template.options.merge(task_options)
        other._become(TaskTemplate(template.definition, merged), self._names())
        return other

    def bind(self, *args: Any, **kwargs: Any) -> Any:
        """Ray's graphs of tasks are not part of this release."""
        raise NotImplementedError(
            f"{self.__qualname__}.bind(): building graphs of tasks is not part of this release; "
            f"pass the ObjectRef of one .remote() call to the next instead"
        )

    def _check(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        # What fits depends on the number and the names alone.
        call = (len(args), *kwargs)
        if call in self._fitting:
            return
        shape = self._learn() if self._shape is None else self._shape
        check(shape, self.__qualname__, len(args), kwargs)
        if len(self._fitting) < _REMEMBERED:
            self._fitting.add(call)

    def _learn(self) -> Shape:
        # Not at decoration: while a closure is unpickled its function may not be whole yet.
        function = self.__wrapped__
        self._template = _submitted(self._own)
        self._shape = shape = shape_of(function)
        self._least, self._most = shape.bounds()
        return shape

    def __repr__(self) -> str:
        return f"<remote function {self.__module__}.{self.__qualname__}>"

    def _names(self) -> dict[str, Any]:
        return {key: self.__dict__[key] for key in ("__doc__", "__name__", "__module__")}

    def __getstate__(self) -> tuple[Any, ...]:
        # The names travel: while a closure is unpickled its function may not have its own yet.
        template = self._own
        definition = template.definition
        return (definition.target, definition.name, template.options.given, self._names())

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        target, name, given, names = state
        self._become(TaskTemplate(Definition(target, name), TaskOptions.make(given)), names)


def _submitted(own: TaskTemplate) -> TaskTemplate:
    """What is submitted: a function that yields streams, unless its author says otherwise."""
    definition, options = own.definition, own.options
    if options.num_returns == "dynamic":
        return TaskTemplate(Definition(Collecting(definition.target), definition.name), options)
    if options.given.get("num_returns") is None and is_generator(definition.target):
        return TaskTemplate(definition, options.merge({"num_returns": "streaming"}))
    return own


def make_remote_function(
    function: Callable[P, R], given: Mapping[str, Any]
) -> RemoteFunction[Callable[P, R]]:
    """What ``remote`` makes of a function.

    Raises:
        ValueError: it is an ``async def``, or an option is wrong.
    """
    if is_coroutine(function):
        raise ValueError(
            "'async def' should not be used for remote tasks. You can wrap the async function "
            "with `asyncio.run(f())`, or make it a method of an actor."
        )
    return RemoteFunction(function, TaskOptions.make(given))
