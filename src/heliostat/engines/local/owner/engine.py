"""The embedded engine as the public API sees it, in the driver and in every worker."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from heliostat.engines.base import Engine
from heliostat.engines.local.core.objects import FAILED, PENDING, Entry
from heliostat.engines.local.owner import errors
from heliostat.engines.local.owner.actors import LocalActor
from heliostat.engines.local.store import values
from heliostat.engines.local.store.segments import Block
from heliostat.engines.refs import ObjectRef

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

    from heliostat.engines.definitions import Definition, TaskTemplate
    from heliostat.engines.local.owner.session import Session
    from heliostat.model.options import ActorOptions, MethodOptions

#: Seconds a task waits before its CPU is lent to others: most waits are shorter.
_LEND_AFTER = 0.001


class LocalEngine(Engine):
    """A process's connection to its session.

    Attributes:
        session: the parts; set before anything else is called.
        lend: called with True when a task begins to wait for long and with False when it goes
            on; None where nothing is to be lent.
        context: facts on what is running here, for ``runtime_context``.
    """

    name = "local"

    def __init__(self) -> None:
        self.session: Session
        self.lend: Callable[[bool], None] | None = None
        self.context: Callable[[], dict[str, Any]] = dict

    @property
    def namespace(self) -> str:  # type: ignore[override]
        """The default namespace of named actors."""
        return self.session.namespace

    # -- objects --------------------------------------------------------------------------

    def put(self, value: Any) -> ObjectRef[Any]:
        self._check_open()
        return ObjectRef(self.session.objects.put(value))

    def get(self, refs: Sequence[ObjectRef[Any]], timeout: float | None) -> list[Any]:
        entries = [ref._entry for ref in refs]
        home = self.session.home
        for entry in entries:
            if entry.home is not home:
                self.session.references.check_session([entry])
        pending = [entry for entry in entries if entry.state == PENDING]
        if pending:
            self._check_open()
            self._wait_all(pending, timeout)
        return [self._value(entry) for entry in entries]

    def _value(self, entry: Entry) -> Any:
        payload = entry.payload
        if entry.state == FAILED:
            raise errors.load(payload)
        return values.decode(payload) if type(payload) is tuple else payload

    def _wait_all(self, pending: list[Entry], timeout: float | None) -> None:
        session = self.session
        asyncio = sys.modules.get("asyncio")
        if asyncio is not None and asyncio._get_running_loop() is not None:
            warn_blocking()
        session.want(pending)
        if len(pending) == 1:
            entry = pending[0]
            done = self._block(lambda: entry.state != PENDING, timeout)
        else:
            # The first failure ends the wait, as in Ray: looking at the oldest pending one
            # and at whether any failed costs the same for any number of them.
            watch = _Watch(session.loop.lock, pending)
            done = self._block(watch.decided, timeout)
        if not done:
            raise timed_out(pending, timeout)

    def _block(self, ready: Callable[[], Any], timeout: float | None) -> bool:
        """Waits; for long waits the task's CPU is lent to others meanwhile."""
        pump = self.session.pump
        if self.lend is None:
            return pump.wait(ready, timeout)
        if timeout is not None and timeout <= _LEND_AFTER:
            return pump.wait(ready, timeout)
        # With nobody to run our own tasks, the wait would be for ourselves.
        patience = 0.0 if self.session.tasks.starved else _LEND_AFTER
        if pump.wait(ready, patience):
            return True
        self.lend(True)
        try:
            return pump.wait(ready, None if timeout is None else timeout - _LEND_AFTER)
        finally:
            self.lend(False)

    def wait(
        self,
        refs: Sequence[ObjectRef[Any]],
        num_returns: int,
        timeout: float | None,
        fetch_local: bool,
    ) -> tuple[list[ObjectRef[Any]], list[ObjectRef[Any]]]:
        count = 0
        home = self.session.home
        for ref in refs:
            entry = ref._entry
            if entry.state != PENDING:
                if entry.home is not home:
                    self.session.references.check_session([entry])
                count += 1
                if count == num_returns:
                    break
        else:
            self._wait_some([ref._entry for ref in refs], num_returns, timeout)
        ready: list[ObjectRef[Any]] = []
        rest: list[ObjectRef[Any]] = []
        for index, ref in enumerate(refs):
            if len(ready) == num_returns:
                rest.extend(refs[index:])
                break
            (rest if ref._entry.state == PENDING else ready).append(ref)
        return ready, rest

    def _wait_some(self, entries: list[Entry], num_returns: int, timeout: float | None) -> None:
        """Waits until ``num_returns`` of the objects have their value, or the time is up."""
        self._check_open()
        pending = [entry for entry in entries if entry.state == PENDING]
        self.session.want(pending)
        if timeout is not None and timeout <= 0:
            self.session.pump.wait(lambda: False, 0)
            return
        missing = num_returns - (len(entries) - len(pending))
        countdown = _Countdown(self.session.loop.lock, pending, missing)
        try:
            self._block(countdown.done, timeout)
        finally:
            countdown.withdraw()

    def future(self, ref: ObjectRef[Any]) -> Future[Any]:
        from concurrent.futures import Future

        future: Future[Any] = Future()
        entry = ref._entry

        def deliver() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(self._value(entry))
                except BaseException as error:  # noqa: BLE001 - the task's
                    future.set_exception(error)

        self._when_complete(entry, deliver)
        return future

    def as_future(self, ref: ObjectRef[Any]) -> asyncio.Future[Any]:
        from heliostat.engines.local.owner.awaiting import future_on_loop

        return future_on_loop(self, ref._entry)

    def _when_complete(self, entry: Entry, deliver: Callable[[], None]) -> None:
        """Calls ``deliver``, without the lock, once the object has its value."""
        session = self.session
        with session.loop.lock:
            pending = entry.state == PENDING
            if pending:
                self._check_open()
                session.exchange.request(entry)
                session.futures += 1

                def arrived(_: Entry) -> None:
                    session.futures -= 1
                    session.loop.after.append(deliver)

                entry.when_complete(arrived)
                session.pump.before_wait()
                session.pump.work_outstanding()
        if not pending:
            deliver()

    def export_ref(self, ref: ObjectRef[Any]) -> tuple[bytes, int, int]:
        entry = ref._entry
        with self.session.loop.lock:
            self.session.references.check_session([entry])
            self.session.references.pin(entry)
        return entry.home.uid, entry.home.proc, entry.number

    def load_ref(self, session: bytes, owner: int, number: int) -> ObjectRef[Any]:
        if session[:12] != self.session.home.uid[:12]:
            raise RuntimeError(
                "this ObjectRef belongs to another session; a reference can't outlive the "
                "session that made it"
            )
        with self.session.loop.lock:
            return ObjectRef(self.session.references.find(owner, number))

    # -- tasks and actors -----------------------------------------------------------------

    def submit_task(
        self, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if self.session.over is not None:
            self._check_open()
        return self.session.tasks.submit(template, args, kwargs)

    def create_actor(
        self,
        definition: Definition,
        options: ActorOptions,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        meta: tuple[Any, ...],
    ) -> LocalActor:
        self._check_open()
        return self.session.actors.create(definition, options, args, kwargs, meta)

    def submit_call(
        self,
        actor: LocalActor,
        method: str,
        options: MethodOptions,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        if self.session.over is not None:
            self._check_open()
        return self.session.actors.submit(actor, method, options, args, kwargs)

    def export_actor(self, actor: LocalActor) -> tuple[Any, ...]:
        ref: ObjectRef[Any] | None = None if actor.entry is None else ObjectRef(actor.entry)
        return actor.actor_id, actor.traits, actor.meta, ref

    def load_actor(self, *description: Any) -> LocalActor:
        actor_id, traits, meta, ref = description
        self._check_open()
        return self.session.actors.handle(
            actor_id, traits, meta, None if ref is None else ref._entry
        )

    def kill(self, actor: LocalActor, no_restart: bool) -> None:
        self._check_open()
        self.session.request("kill", (actor.actor_id, no_restart))

    def cancel(self, ref: ObjectRef[Any], force: bool, recursive: bool) -> None:
        self._check_open()
        entry = ref._entry
        session = self.session
        with session.loop.lock:
            session.references.check_session([entry])
            if force and session.cancels.is_call(entry):
                raise ValueError(
                    "force=True is not supported for actor tasks: to end an actor at once, use "
                    "heliostat.kill(actor)"
                )
            session.cancels.cancel(entry, force=force, recursive=recursive)

    def get_actor(self, name: str, namespace: str | None) -> LocalActor:
        self._check_open()
        space = self.session.namespace if namespace is None else namespace
        found = self.session.request("find", (space, name))
        if found is None:
            raise ValueError(
                f"Failed to look up actor with name '{name}'. No living actor has that name in "
                f"namespace '{space}'. You are either trying to look up a named actor you "
                "didn't create, the named actor died, or it is in another namespace."
            )
        actor_id, traits, meta = found
        return self.session.actors.handle(actor_id, traits, meta, None)

    def list_named_actors(self, all_namespaces: bool) -> list[tuple[str, str]]:
        self._check_open()
        space = None if all_namespaces else self.session.namespace
        named: list[tuple[str, str]] = self.session.request("named", (space,))
        return named

    # -- the cluster ----------------------------------------------------------------------

    def cluster_resources(self) -> dict[str, float]:
        totals: dict[str, int] = self.session.request("resources")[0]
        return {name: amount / 10_000 for name, amount in totals.items() if amount}

    def available_resources(self) -> dict[str, float]:
        free: dict[str, int] = self.session.request("resources")[1]
        return {name: max(0, amount) / 10_000 for name, amount in free.items() if amount > 0}

    def nodes(self) -> list[dict[str, Any]]:
        nodes: list[dict[str, Any]] = self.session.request("nodes")
        return nodes

    def status(self) -> dict[str, Any]:
        """What ``heliostat status`` shows."""
        status: dict[str, Any] = self.session.request("status")
        return status

    def runtime_context(self) -> dict[str, Any]:
        about = self.session.about
        facts = {
            "job_id": about["job"],
            "node_id": about["node"],
            "proc": self.session.home.proc,
            "worker_id": self.session.home.uid + bytes(12),
            "task_id": None,
            "actor_id": None,
            "actor": None,
            "actor_name": None,
            "namespace": self.session.namespace,
            "task_name": None,
            "function_name": None,
            "resources": {},
            "gpu_ids": [],
            "is_cancelled": None,
            "runtime_env": {"env_vars": dict(self.session.env)} if self.session.env else {},
            "restarts": 0,
            "address": about["address"],
        }
        facts.update(self.context())
        return facts

    def shutdown(self) -> None:
        self.session.close()

    def forked(self) -> None:
        self.session.forked()

    def has_forked(self) -> None:
        Block.forks_so_far += 1

    def _check_open(self) -> None:
        over = self.session.over
        if over is not None:
            from heliostat.exceptions import RaySystemError

            raise RaySystemError(over)


class _Watch:
    """Whether a ``get`` of many can end: all are ready, or one failed."""

    def __init__(self, lock: Any, entries: list[Entry]) -> None:
        self._entries = entries
        self._at = 0
        self._failed = False
        self._lock = lock
        with lock:
            for entry in entries:
                if entry.state == FAILED:
                    self._failed = True
                elif entry.state == PENDING:
                    entry.when_complete(self._completed)

    def _completed(self, entry: Entry) -> None:
        if entry.state == FAILED:
            self._failed = True

    def decided(self) -> bool:
        """Called after each batch of messages: advances past what is ready."""
        if self._failed:
            return True
        entries = self._entries
        at = self._at
        while at < len(entries) and entries[at].state != PENDING:
            at += 1
        self._at = at
        return at == len(entries)


class _Countdown:
    """How many more of some objects must get their value."""

    def __init__(self, lock: Any, entries: list[Entry], missing: int) -> None:
        self._lock = lock
        self._entries = entries
        self._missing = missing
        self._waiter = self._completed
        with lock:
            for entry in entries:
                if entry.state == PENDING:
                    entry.when_complete(self._waiter)
                else:
                    self._missing -= 1

    def _completed(self, _: Entry) -> None:
        self._missing -= 1

    def done(self) -> bool:
        """Enough of them have it."""
        return self._missing <= 0

    def withdraw(self) -> None:
        """The wait is over: the rest need not tell."""
        with self._lock:
            for entry in self._entries:
                if entry.state == PENDING:
                    entry.forget(self._waiter)


def warn_blocking() -> None:
    """A coroutine waits in ``get``: nothing else on its event loop runs meanwhile."""
    import warnings

    warnings.warn(
        "Using blocking heliostat.get inside a coroutine blocks its event loop: no other "
        "coroutine runs until the value is there. Use `await ref` instead.",
        RuntimeWarning,
        stacklevel=6,
    )


def timed_out(entries: list[Entry], timeout: float | None) -> Exception:
    """``get`` ran out of time."""
    from heliostat.exceptions import GetTimeoutError

    missing = [entry for entry in entries if entry.state == PENDING]
    return GetTimeoutError(
        f"Get timed out: {len(missing)} of {len(entries)} object(s) not ready after "
        f"{timeout:g} s, the first is ObjectRef({missing[0].binary().hex() if missing else ''})"
    )
