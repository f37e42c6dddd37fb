"""An engine in a dict, for tests of what the public API makes of what it is given.

It runs a task where it is submitted and keeps the result or the error; nothing is pickled,
nothing waits. What the real engines do is tested with the real engines.
"""

from __future__ import annotations

import marshal
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from heliostat.engines.base import Engine
from heliostat.engines.refs import ObjectRef
from heliostat.exceptions import GetTimeoutError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from heliostat.engines.definitions import Actor, Definition, TaskTemplate
    from heliostat.engines.settings import Settings
    from heliostat.model.options import ActorOptions, MethodOptions


class Entry:
    """A stored object: ready unless it is to stay pending."""

    def __init__(self, engine: MemoryEngine, number: int) -> None:
        self.engine = engine
        self.number = number
        self.value: Any = None
        self.error: BaseException | None = None
        self.ready = False

    def binary(self) -> bytes:
        return self.number.to_bytes(28, "big")


class MemoryActor:
    """An instance of an actor class."""

    def __init__(self, engine: MemoryEngine, actor_id: bytes, meta: tuple[Any, ...]) -> None:
        self.engine = engine
        self.actor_id = actor_id
        self.meta = meta
        self.instance: Any = None


class MemoryEngine(Engine):
    """See the module. ``calls`` lists what the API asked for, in order."""

    name = "memory"
    namespace = "default"

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings
        self.calls: list[tuple[Any, ...]] = []
        self.entries: list[Entry] = []
        self.actors: list[MemoryActor] = []
        self.named: dict[tuple[str | None, str], MemoryActor] = {}
        self.closed = False
        self.facts: dict[str, Any] = {
            "job_id": 1,
            "node_id": b"n" * 28,
            "proc": 7,
            "worker_id": b"w" * 28,
            "task_id": None,
            "actor_id": None,
            "actor": None,
            "actor_name": None,
            "namespace": self.namespace,
            "task_name": None,
            "function_name": None,
            "resources": {},
            "is_cancelled": None,
            "gpu_ids": [],
            "runtime_env": {},
            "restarts": 0,
            "address": "/sessions/one",
        }

    def pending(self) -> ObjectRef[Any]:
        """A reference to what never comes."""
        return ObjectRef(self._entry())

    def _entry(self) -> Entry:
        entry = Entry(self, len(self.entries))
        self.entries.append(entry)
        return entry

    def _run(self, returns: Any, run: Any) -> Any:
        if isinstance(returns, str):  # what comes of it, a real engine says
            return None
        entries = [self._entry() for _ in range(returns)]
        values: list[Any] = [None] * returns
        failure: Exception | None = None
        try:
            value = run()
            values = [value] if returns == 1 else list(value or ())
        except Exception as error:
            failure = error
        for entry, one in zip(entries, values, strict=True):
            entry.value, entry.error, entry.ready = one, failure, True
        refs = [ObjectRef[Any](entry) for entry in entries]
        return refs[0] if returns == 1 else refs or None

    def submit_task(
        self, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        self.calls.append(("task", template, args, kwargs))
        target = template.definition.target
        return self._run(template.options.num_returns, lambda: target(*args, **kwargs))

    def create_actor(
        self,
        definition: Definition,
        options: ActorOptions,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        meta: tuple[Any, ...],
    ) -> Actor:
        self.calls.append(("actor", definition, options, args, kwargs))
        plain = marshal.loads(marshal.dumps(meta))  # it crosses processes without user code
        actor = MemoryActor(self, len(self.actors).to_bytes(16, "big"), plain)
        actor.instance = definition.target(*args, **kwargs)
        self.actors.append(actor)
        if options.name is not None:
            self.named[options.namespace, options.name] = actor
        return actor

    def submit_call(
        self,
        actor: Any,
        method: str,
        options: MethodOptions,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        self.calls.append(("call", actor, method, options, args, kwargs))
        if method == "__ray_ready__":
            return self._run(1, lambda: True)
        if method == "__ray_call__":
            return self._run(1, lambda: args[0](actor.instance, *args[1:], **kwargs))
        bound = getattr(actor.instance, method)
        return self._run(options.num_returns, lambda: bound(*args, **kwargs))

    def get(self, refs: Sequence[ObjectRef[Any]], timeout: float | None) -> list[Any]:
        self.calls.append(("get", list(refs), timeout))
        entries: list[Entry] = [ref._entry for ref in refs]
        for entry in entries:
            if entry.error is not None:
                raise entry.error
            if not entry.ready:
                raise GetTimeoutError
        return [entry.value for entry in entries]

    def put(self, value: Any) -> ObjectRef[Any]:
        entry = self._entry()
        entry.value, entry.ready = value, True
        return ObjectRef(entry)

    def wait(
        self,
        refs: Sequence[ObjectRef[Any]],
        num_returns: int,
        timeout: float | None,
        fetch_local: bool,
    ) -> tuple[list[ObjectRef[Any]], list[ObjectRef[Any]]]:
        self.calls.append(("wait", list(refs), num_returns, timeout, fetch_local))
        ready = [ref for ref in refs if ref._entry.ready][:num_returns]
        return ready, [ref for ref in refs if ref not in ready]

    def future(self, ref: ObjectRef[Any]) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(ref._entry.value)
        return future

    def as_future(self, ref: ObjectRef[Any]) -> asyncio.Future[Any]:
        raise NotImplementedError("tests of awaiting use a real engine")

    def export_ref(self, ref: ObjectRef[Any]) -> tuple[bytes, int, int]:
        return b"", 0, ref._entry.number

    def load_ref(self, session: bytes, owner: int, number: int) -> ObjectRef[Any]:
        return ObjectRef(self.entries[number])

    def export_actor(self, actor: Any) -> tuple[Any, ...]:
        return (actor.actor_id,)

    def load_actor(self, *description: Any) -> Actor:
        (actor_id,) = description
        return self.actors[int.from_bytes(actor_id, "big")]

    def kill(self, actor: Any, no_restart: bool) -> None:
        self.calls.append(("kill", actor, no_restart))

    def cancel(self, ref: ObjectRef[Any], force: bool, recursive: bool) -> None:
        self.calls.append(("cancel", ref, force, recursive))

    def get_actor(self, name: str, namespace: str | None) -> Actor:
        try:
            return self.named[namespace, name]
        except KeyError:
            raise ValueError(f"no actor {name!r}") from None

    def list_named_actors(self, all_namespaces: bool) -> list[tuple[str, str]]:
        return [
            (space or self.namespace, name)
            for space, name in self.named
            if all_namespaces or space in {None, self.namespace}
        ]

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 4.0}

    def available_resources(self) -> dict[str, float]:
        return {"CPU": 3.0}

    def nodes(self) -> list[dict[str, Any]]:
        return [{"NodeID": "6e" * 28, "Alive": True}]

    def runtime_context(self) -> dict[str, Any]:
        return self.facts

    def shutdown(self) -> None:
        self.closed = True

    def forked(self) -> None:
        self.closed = True
