"""The contract of an engine: what ``heliostat``'s public functions need from it.

Thread safety: every method may be called from any thread. Ownership: an engine owns the
processes it starts and ends them in ``shutdown``. Errors: bad input raises at once; errors
of the program's own tasks are raised by ``get``, never by submission.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence
    from concurrent.futures import Future

    from heliostat.engines.definitions import Actor, Definition, TaskTemplate
    from heliostat.engines.refs import ObjectRef
    from heliostat.model.options import ActorOptions, MethodOptions


class Engine(ABC):
    """One connection of this process to something that runs tasks and actors."""

    #: Its name, as given to ``init(engine=...)``.
    name: str
    #: The default namespace of named actors.
    namespace: str

    @abstractmethod
    def submit_task(
        self, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Runs a task. Returns its ref, None for ``num_returns=0``, a list for several."""

    @abstractmethod
    def create_actor(
        self,
        definition: Definition,
        options: ActorOptions,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        meta: tuple[Any, ...],
    ) -> Actor:
        """Creates an actor, or finds it where ``options.get_if_exists`` says so.

        Raises:
            ValueError: the name is taken.
        """

    @abstractmethod
    def submit_call(
        self,
        actor: Any,
        method: str,
        options: MethodOptions,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Calls a method of an actor; returns as ``submit_task`` does."""

    @abstractmethod
    def get(self, refs: Sequence[ObjectRef[Any]], timeout: float | None) -> list[Any]:
        """The values, in order; raises the first error met."""

    @abstractmethod
    def put(self, value: Any) -> ObjectRef[Any]:
        """Stores a value."""

    @abstractmethod
    def wait(
        self,
        refs: Sequence[ObjectRef[Any]],
        num_returns: int,
        timeout: float | None,
        fetch_local: bool,
    ) -> tuple[list[ObjectRef[Any]], list[ObjectRef[Any]]]:
        """Splits ``refs`` into at most ``num_returns`` ready ones and the rest, both in order."""

    @abstractmethod
    def future(self, ref: ObjectRef[Any]) -> Future[Any]:
        """A thread future of the value."""

    @abstractmethod
    def as_future(self, ref: ObjectRef[Any]) -> asyncio.Future[Any]:
        """A future of the value on the running event loop."""

    @abstractmethod
    def export_ref(self, ref: ObjectRef[Any]) -> tuple[bytes, int, int]:
        """The arguments of ``load_ref`` for a ref pickled outside a call."""

    @abstractmethod
    def load_ref(self, session: bytes, owner: int, number: int) -> ObjectRef[Any]:
        """The ref which ``export_ref`` described."""

    @abstractmethod
    def export_actor(self, actor: Any) -> tuple[Any, ...]:
        """The argument list of ``load_actor`` for a handle that is being pickled."""

    @abstractmethod
    def load_actor(self, *description: Any) -> Actor:
        """The actor which ``export_actor`` described."""

    @abstractmethod
    def kill(self, actor: Any, no_restart: bool) -> None:
        """Ends an actor at once; its name is free when this returns."""

    @abstractmethod
    def cancel(self, ref: ObjectRef[Any], force: bool, recursive: bool) -> None:
        """Cancels the task or call that makes the object; nothing if it has ended.

        Raises:
            ValueError: ``force`` for an actor's call.
        """

    @abstractmethod
    def get_actor(self, name: str, namespace: str | None) -> Actor:
        """The living actor of that name.

        Raises:
            ValueError: there is none.
        """

    @abstractmethod
    def list_named_actors(self, all_namespaces: bool) -> list[tuple[str, str]]:
        """Namespace and name of each living actor that has one: of this session's namespace, or
        of all."""

    @abstractmethod
    def cluster_resources(self) -> dict[str, float]:
        """Everything there is."""

    @abstractmethod
    def available_resources(self) -> dict[str, float]:
        """What nothing is using now."""

    @abstractmethod
    def nodes(self) -> list[dict[str, Any]]:
        """The hosts, as Ray describes them."""

    @abstractmethod
    def runtime_context(self) -> dict[str, Any]:
        """Ids and facts about what is running here; see ``heliostat.RuntimeContext``."""

    @abstractmethod
    def shutdown(self) -> None:
        """Ends the session of this process and everything private to it."""

    @abstractmethod
    def forked(self) -> None:
        """Called in a child just forked: let go of everything, without any I/O."""

    def has_forked(self) -> None:  # noqa: B027 - most engines need not care
        """Called in the parent after each fork: the child sees memory mapped until then."""
