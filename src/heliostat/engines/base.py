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

    from heliostat.api.actors import ActorClass, ActorHandle
    from heliostat.api.functions import RemoteFunction
    from heliostat.engines.refs import ObjectRef
    from heliostat.model.options import ActorOptions, TaskOptions


class Engine(ABC):
    """One connection of this process to something that runs tasks and actors."""

    #: Its name, as given to ``init(engine=...)``.
    name: str
    #: The default namespace of named actors.
    namespace: str

    @abstractmethod
    def submit_task(
        self,
        function: RemoteFunction[Any, Any],
        options: TaskOptions,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Runs a task. Returns its ref, or a list of them for ``num_returns`` above 1."""

    @abstractmethod
    def create_actor(
        self,
        actor_class: ActorClass[Any],
        options: ActorOptions,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> ActorHandle[Any]:
        """Creates an actor, or finds it where ``get_if_exists`` says so."""

    @abstractmethod
    def submit_call(
        self,
        handle: ActorHandle[Any],
        method: str,
        options: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Calls a method of an actor."""

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
    def kill(self, handle: ActorHandle[Any], no_restart: bool) -> None:
        """Ends an actor at once; its name is free when this returns."""

    @abstractmethod
    def get_actor(self, name: str, namespace: str | None) -> ActorHandle[Any]:
        """The living actor of that name; ValueError if there is none."""

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
