"""What type checkers see of ``.remote()`` and of options. Nothing of it runs.

A remote function is generic over the function it was made of, so its parameters keep their
names, and each of up to six positional ones also takes a reference to what the function takes:

- ``f.remote(1, y="a")`` is checked like ``f(1, y="a")`` and gives ``ObjectRef`` of f's result;
- ``f.remote(ref)`` takes an ``ObjectRef[int]`` for an ``int``.

Known limits of the checkers: a reference given by name is refused; mypy ignores what a decorator
makes of a class, so typed programs write ``Counter = ray.remote(CounterImpl)``; and an overload for
functions that yield would take every function whose result is Any, so typed programs say
``num_returns="streaming"``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Literal, ParamSpec, TypedDict, overload

    from heliostat.engines.generators import DynamicObjectRefGenerator, ObjectRefGenerator
    from heliostat.engines.refs import ObjectRef

    P = ParamSpec("P")
    R = TypeVar("R")
    A = TypeVar("A")
    B = TypeVar("B")
    C = TypeVar("C")
    D = TypeVar("D")
    E = TypeVar("E")
    G = TypeVar("G")

    class CommonOptions(TypedDict, total=False):
        """Options of functions and of classes."""

        name: str | None
        num_cpus: float | None
        num_gpus: float | None
        memory: float | None
        resources: Mapping[str, float] | None
        runtime_env: Mapping[str, Any] | None
        accelerator_type: str | None
        enable_task_events: bool | None
        fallback_strategy: Sequence[Mapping[str, Any]] | None
        label_selector: Mapping[str, str] | None
        scheduling_strategy: Any
        _labels: Mapping[str, str] | None

    class FunctionOptions(CommonOptions, total=False):
        """Options of functions, but ``num_returns``."""

        max_retries: int
        priority: int | None
        retry_exceptions: bool | Sequence[type[BaseException]]
        timeout: float | None
        _generator_backpressure_num_objects: int | None

    class ClassOptions(CommonOptions, total=False):
        """Options of classes."""

        namespace: str | None
        lifetime: Literal["detached", "non_detached"] | None
        get_if_exists: bool
        max_concurrency: int | None
        max_pending_calls: int
        max_restarts: int
        max_task_retries: int
        allow_out_of_order_execution: bool | None

    class RemoteOptions(FunctionOptions, ClassOptions, total=False):
        """What ``@remote`` takes, but ``num_returns``."""

        max_calls: int
        concurrency_groups: Mapping[str, int] | Sequence[Mapping[str, Any]]

    class MethodOptions(TypedDict, total=False):
        """Options of methods, but ``num_returns``."""

        concurrency_group: str | None
        enable_task_events: bool | None
        max_task_retries: int | None
        retry_exceptions: bool | Sequence[type[BaseException]] | None
        timeout: float | None
        _generator_backpressure_num_objects: int | None
        tensor_transport: str | None


F_co = TypeVar("F_co", covariant=True)


class Remotely(Generic[F_co]):
    """What has ``.remote()``; ``F_co`` is the callable behind it."""

    __slots__ = ()

    if TYPE_CHECKING:

        @overload
        def remote(
            self: Remotely[Callable[P, R]], *args: P.args, **kwargs: P.kwargs
        ) -> ObjectRef[R]: ...
        @overload
        def remote(self: Remotely[Callable[[A], R]], a: A | ObjectRef[A], /) -> ObjectRef[R]: ...
        @overload
        def remote(
            self: Remotely[Callable[[A, B], R]], a: A | ObjectRef[A], b: B | ObjectRef[B], /
        ) -> ObjectRef[R]: ...
        @overload
        def remote(
            self: Remotely[Callable[[A, B, C], R]],
            a: A | ObjectRef[A],
            b: B | ObjectRef[B],
            c: C | ObjectRef[C],
            /,
        ) -> ObjectRef[R]: ...
        @overload
        def remote(
            self: Remotely[Callable[[A, B, C, D], R]],
            a: A | ObjectRef[A],
            b: B | ObjectRef[B],
            c: C | ObjectRef[C],
            d: D | ObjectRef[D],
            /,
        ) -> ObjectRef[R]: ...
        @overload
        def remote(
            self: Remotely[Callable[[A, B, C, D, E], R]],
            a: A | ObjectRef[A],
            b: B | ObjectRef[B],
            c: C | ObjectRef[C],
            d: D | ObjectRef[D],
            e: E | ObjectRef[E],
            /,
        ) -> ObjectRef[R]: ...
        @overload
        def remote(
            self: Remotely[Callable[[A, B, C, D, E, G], R]],
            a: A | ObjectRef[A],
            b: B | ObjectRef[B],
            c: C | ObjectRef[C],
            d: D | ObjectRef[D],
            e: E | ObjectRef[E],
            g: G | ObjectRef[G],
            /,
        ) -> ObjectRef[R]: ...
        def remote(self, *args: Any, **kwargs: Any) -> Any:
            """What the class that has it says."""


if TYPE_CHECKING:

    class RemotelySeveral:
        """What has ``.remote()`` with ``num_returns`` above 1."""

        def remote(self, *args: Any, **kwargs: Any) -> list[ObjectRef[Any]]:
            """A list of references."""
            raise NotImplementedError

        def options(self, **options: Any) -> RemotelySeveral:
            """The same with other options."""
            raise NotImplementedError

    class RemotelyStreaming:
        """What has ``.remote()`` with ``num_returns="streaming"``."""

        def remote(self, *args: Any, **kwargs: Any) -> ObjectRefGenerator[Any]:
            """A generator of references."""
            raise NotImplementedError

        def options(self, **options: Any) -> RemotelyStreaming:
            """The same with other options."""
            raise NotImplementedError

    class RemotelyGathering:
        """What has ``.remote()`` with ``num_returns="dynamic"``."""

        def remote(self, *args: Any, **kwargs: Any) -> ObjectRef[DynamicObjectRefGenerator[Any]]:
            """A reference to all references."""
            raise NotImplementedError

        def options(self, **options: Any) -> RemotelyGathering:
            """The same with other options."""
            raise NotImplementedError

    class RemotelyNothing:
        """What has ``.remote()`` with ``num_returns=0``."""

        def remote(self, *args: Any, **kwargs: Any) -> None:
            """No reference."""

        def options(self, **options: Any) -> RemotelyNothing:
            """The same with other options."""
            raise NotImplementedError
