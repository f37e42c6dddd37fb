"""``remote``: makes remote functions of functions and actor classes of classes."""

# pyright: reportOverlappingOverload=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliostat.api.actors import make_actor_class
from heliostat.api.functions import make_remote_function

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal, ParamSpec, Protocol, TypeVar, overload

    from typing_extensions import Unpack

    from heliostat.api.actors import ActorClass
    from heliostat.api.functions import RemoteFunction
    from heliostat.api.typed import (
        RemotelyGathering,
        RemotelyNothing,
        RemotelySeveral,
        RemotelyStreaming,
        RemoteOptions,
    )

    P = ParamSpec("P")
    R = TypeVar("R")

    class RemoteDecorator(Protocol):
        """What ``remote(...)`` gives."""

        @overload
        def __call__(  # type: ignore[overload-overlap]  # classes are callables too
            self, cls: type[Any], /
        ) -> ActorClass[Any]: ...
        @overload
        def __call__(self, function: Callable[P, R], /) -> RemoteFunction[Callable[P, R]]: ...


_CYTHON = {"cython_function_or_method", "fused_cython_function"}


if TYPE_CHECKING:
    # Of an actor class the type is unknown until it is stated: what undecorated methods look like
    # from outside can't be said, and refusing them would refuse most programs.
    # Classes are callables too, and the literal counts come before int: the overlaps are meant.
    @overload
    def remote(cls: type[Any], /) -> ActorClass[Any]: ...  # type: ignore[overload-overlap]
    @overload
    def remote(function: Callable[P, R], /) -> RemoteFunction[Callable[P, R]]: ...
    @overload
    def remote(  # type: ignore[overload-overlap]
        *, num_returns: Literal[1] | None = None, **kwargs: Unpack[RemoteOptions]
    ) -> RemoteDecorator: ...
    @overload
    def remote(  # type: ignore[overload-overlap]
        *, num_returns: Literal[0], **kwargs: Unpack[RemoteOptions]
    ) -> Callable[[Callable[..., Any]], RemotelyNothing]: ...
    @overload
    def remote(
        *, num_returns: int, **kwargs: Unpack[RemoteOptions]
    ) -> Callable[[Callable[..., Any]], RemotelySeveral]: ...
    @overload
    def remote(
        *, num_returns: Literal["streaming"], **kwargs: Unpack[RemoteOptions]
    ) -> Callable[[Callable[..., Any]], RemotelyStreaming]: ...
    @overload
    def remote(
        *, num_returns: Literal["dynamic"], **kwargs: Unpack[RemoteOptions]
    ) -> Callable[[Callable[..., Any]], RemotelyGathering]: ...


def remote(*args: Any, **kwargs: Any) -> Any:
    """Makes a function remote, or a class an actor class.

    Used bare (``@remote``), with options (``@remote(num_cpus=2)``) or called
    (``remote(f)``, ``remote(num_cpus=2)(f)``).

    Args:
        *args: the function or class, where it is used bare.
        **kwargs: options. For both: ``num_cpus`` (tasks 1; actors 1 to be placed and 0 while
            they live), ``num_gpus``, ``resources`` (a dict of custom ones), ``runtime_env``
            (``{"env_vars": {...}}``). For functions: ``num_returns`` (1; "streaming" of those that
            yield), ``max_retries`` (3, of system failures), ``retry_exceptions`` (False),
            ``max_calls``, ``name``, and heliostat's own ``timeout`` (seconds after which a task's
            process is ended and ``get`` raises ``TaskTimeoutError``) and ``priority`` (0; tasks of
            a higher one that need the same resources go first). For classes:
            ``max_restarts`` (0), ``max_task_retries`` (0), ``max_concurrency`` (1; 1000 with
            async methods), ``max_pending_calls`` (-1, no bound), ``concurrency_groups``,
            ``allow_out_of_order_execution``, ``name``, ``namespace``, ``lifetime``,
            ``get_if_exists``.

    Returns:
        A ``RemoteFunction``, an ``ActorClass``, or a decorator that makes one.

    Raises:
        TypeError: what it is applied to is neither a function nor a class.
        ValueError: an option is wrong or unknown.
        NotImplementedError: Ray has the option, this release has not.

    Example:
        >>> import heliostat as ray
        >>> @ray.remote
        ... def square(x):
        ...     return x * x
        >>> ray.get([square.remote(n) for n in range(4)])
        [0, 1, 4, 9]
    """
    if len(args) == 1 and not kwargs and callable(args[0]):
        return _make(args[0], {})
    if args or not kwargs:
        raise TypeError(
            "The @ray.remote decorator must be applied either with no arguments and no "
            "parentheses, for example '@ray.remote', or it must be applied using options by "
            "name, for example '@ray.remote(num_returns=2, resources={\"CustomResource\": 1})'."
        )
    given = dict(kwargs)

    def decorate(target: Any) -> Any:
        return _make(target, given)

    return decorate


def _make(target: Any, given: dict[str, Any]) -> Any:
    if isinstance(target, type):
        return make_actor_class(target, given)
    if hasattr(type(target), "__code__") or type(target).__name__ in _CYTHON:
        return make_remote_function(target, given)
    raise TypeError("The @ray.remote decorator must be applied to either a function or a class.")
