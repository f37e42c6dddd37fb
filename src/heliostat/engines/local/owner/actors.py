"""Actors as their callers see them: creation, handles, calls.

The creator owns an actor as it owns an object: as long as a handle exists anywhere, the entry
behind it lives; when it goes, the head is told to end the actor. Handles from ``get_actor``
and of detached actors have no entry and keep nothing alive.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from heliostat.engines.local.core.calls import ActorCalls
from heliostat.engines.local.core.objects import FAILED, READY, Entry
from heliostat.engines.local.core.tasks import Function, Task
from heliostat.engines.local.owner import arguments, errors
from heliostat.engines.local.owner.creation import actor_spec
from heliostat.engines.local.owner.submit import as_refs, complete
from heliostat.engines.local.store import values
from heliostat.engines.local.wire import messages

if TYPE_CHECKING:
    from heliostat.engines.definitions import Definition
    from heliostat.engines.local.owner.session import Session
    from heliostat.model.options import ActorOptions, MethodOptions

#: Traits of an actor that its callers need: (ordered, max_pending_calls, max_task_retries).
Traits = tuple[bool, int, int]


class Ownership(Entry):
    """The creator's hold on an actor: an object that never gets a value."""

    __slots__ = ("actor_id", "dropped")

    def __init__(self, session: Session, actor_id: bytes) -> None:
        super().__init__(session.home, next(session.objects.numbers))
        self.actor_id = actor_id
        self.dropped: Callable[[Any], None] = session.releases.note

    def __del__(self) -> None:
        self.dropped(("actor", self.actor_id))


class Calls(ActorCalls):
    """The calls this process made to an actor, with what its handles say of it."""

    __slots__ = ("__weakref__", "meta")

    def __init__(self, actor_id: bytes, traits: Traits, meta: tuple[Any, ...]) -> None:
        ordered, max_pending, _ = traits
        super().__init__(actor_id, ordered=ordered, max_pending=max_pending)
        self.meta = meta


class LocalActor:
    """What is behind an ``ActorHandle`` on this engine."""

    __slots__ = ("actor_id", "calls", "engine", "entry", "meta", "session", "traits")

    def __init__(self, session: Session, calls: Calls, traits: Traits, entry: Entry | None) -> None:
        self.session = session
        self.engine = session.engine
        self.actor_id = calls.actor_id
        self.meta = calls.meta
        self.calls = calls
        self.traits = traits
        self.entry = entry


class Actors:
    """The actors this process created or calls."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._lock = session.loop.lock
        self._known: WeakValueDictionary[bytes, Calls] = WeakValueDictionary()
        self._active: dict[bytes, Calls] = {}
        self._creations: dict[bytes, arguments.Arguments] = {}
        session.releases.on_gone["actor"] = self._out_of_scope

    # -- creation -------------------------------------------------------------------------

    def create(
        self,
        definition: Definition,
        options: ActorOptions,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        meta: tuple[Any, ...],
    ) -> LocalActor:
        """Creates an actor; does not wait for its constructor."""
        session = self.session
        spec = actor_spec(session, definition, options, meta)
        traits = spec["traits"]
        objects = session.objects
        extra = arguments.encode_any(args, kwargs, objects.blob, objects.put_pickled)
        actor_id = session.new_actor_id()
        if spec["name"]:
            verb = "find_or_name" if options.get_if_exists else "name"
            found = session.request(verb, (actor_id, spec))
            if found is not None:
                actor_id, traits, meta = found
                return self.handle(actor_id, traits, meta, None)
        entry = None if options.detached else Ownership(session, actor_id)
        calls = Calls(actor_id, traits, meta)
        with self._lock:
            session.references.check_session([entry for _, entry in extra.slots])
            self._known[actor_id] = self._active[actor_id] = calls
            self._creations[actor_id] = extra
            _, text = session.limit_of(options.placement)
            if text is not None:
                self._stillborn(actor_id, spec, {"reason": "unschedulable", "text": text})
            elif extra.await_slots(
                session.exchange, lambda: self._send_creation(actor_id, spec, extra)
            ):
                self._send_creation(actor_id, spec, extra)
        return LocalActor(session, calls, traits, entry)

    def _send_creation(
        self, actor_id: bytes, spec: dict[str, Any], extra: arguments.Arguments
    ) -> None:
        if actor_id not in self._creations:
            return  # killed meanwhile
        failure = extra.failure()
        if failure is not None:
            self._stillborn(actor_id, spec, {"reason": "constructor", "error": failure})
            return
        extra.payload = values.inline(extra.payload)
        call = extra.wire_inline(self.session.references)
        self.session.head.send(messages.create_actor(actor_id, spec, call))
        self.session.pump.work_outstanding()

    def _stillborn(self, actor_id: bytes, spec: dict[str, Any], death: dict[str, Any]) -> None:
        """The actor will never be; the head may know its name, and who else has a handle."""
        self.on_actor(actor_id, "DEAD", 0, 0, death)
        reason = death.get("text", "Its constructor could not run.")
        self.session.head.send(messages.kill_actor(actor_id, True, reason))

    # -- handles --------------------------------------------------------------------------

    def handle(
        self, actor_id: bytes, traits: Traits, meta: tuple[Any, ...], entry: Entry | None
    ) -> LocalActor:
        """A handle that arrived from elsewhere."""
        with self._lock:
            calls = self._known.get(actor_id)
            if calls is None:
                calls = self._known[actor_id] = Calls(actor_id, traits, meta)
                self.session.head.send(messages.watch_actor(actor_id))
        return LocalActor(self.session, calls, traits, entry)

    def _out_of_scope(self, actor_id: bytes) -> None:
        self.session.head.send(messages.kill_actor(actor_id, True, "out of scope"))

    # -- calls ----------------------------------------------------------------------------

    def submit(
        self,
        actor: LocalActor,
        method: str,
        options: MethodOptions,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Calls a method; returns what ``.remote()`` returns."""
        session = self.session
        objects = session.objects
        calls = actor.calls
        count = options.returns
        given = options.max_task_retries
        retries = actor.traits[2] if given is None else given
        if 0 < calls.max_pending <= calls.count:
            raise pending_calls_exceeded(actor)
        if kwargs or not values.are_plain(args):
            content = arguments.encode(args, kwargs, objects.blob, objects.put_pickled)
        else:
            content = (args,)
        number, result = objects.results(count)
        function = CALL
        called: Any = method
        if count != 1 or options.given:
            timeout = options.timeout
            function = Function(b"", method, count, options.retry_exceptions, "", timeout)
            group = options.concurrency_group or ""
            if count != 1 or options.name or group or timeout:
                called = (method, count, options.name, group, timeout)
        if type(content) is tuple:
            task = Task(number, (number, called, *content), result, function, retries, None)
        else:
            content.number = number
            content.method = called
            task = Task(number, None, result, function, retries, content)
        task.actor = actor
        stream = session.streams.open(task.entry, -1 - count) if count < 0 else None
        if session.running is not None:
            task.parent = session.running()
        with self._lock:
            if calls.death is not None:
                self._fail(calls, [task], errors.actor_died(calls, calls.death))
            elif task.extra is None:
                self._submit(calls, task)
            else:
                self._await_arguments(calls, task)
        if session.loop.interrupted:
            session.loop.raise_interrupt()
        return as_refs(result) if stream is None else stream

    def _await_arguments(self, calls: Calls, task: Task) -> None:
        """The call has its place in the order already, and goes out once its arguments have
        their values."""
        extra = task.extra
        self.session.references.check_session([entry for _, entry in extra.slots])

        def arrived() -> None:
            if task.call is not None:
                return  # cancelled meanwhile
            task.call = extra
            calls.ready()
            self._send(calls)

        if extra.await_slots(self.session.exchange, arrived):
            task.call = extra
        self._submit(calls, task)

    def _submit(self, calls: Calls, task: Task) -> None:
        self._active[calls.actor_id] = calls
        if calls.submit(task):
            self._send(calls)
        self.session.pump.work_outstanding()

    def _send(self, calls: Calls) -> None:
        """Sends every call that may go now."""
        session = self.session
        while True:
            batch = calls.next_batch()
            if not batch:
                return
            fds: list[int] = []
            wired = []
            for task in batch:
                call = task.call
                if type(call) is tuple:
                    wired.append(call)
                    continue
                failure = call.failure()
                if failure is None:
                    wired.append(call.wire(session.references, fds))
                else:
                    calls.finish(task.number)
                    self._end(task, FAILED, failure)
            message = messages.calls(calls.actor_id, session.home.proc, calls.incarnation, wired)
            session.peers.send(calls.proc, message, fds)

    def flush(self, calls: Calls) -> None:
        """Sends those of an actor's calls that may go."""
        self._send(calls)

    def unfinished(self) -> list[tuple[Calls, Task]]:
        """Every call without an answer."""
        active = self._active.values()
        return [(c, task) for c in active for task in (*c.sent.values(), *c.pending)]

    def flush_all(self) -> None:
        """Sends whatever was held back."""
        for calls in self._active.values():
            if calls.pending:
                self._send(calls)

    @property
    def outstanding(self) -> bool:
        """Some call is unanswered, or some creation unfinished."""
        return bool(self._creations) or any(c.count for c in self._active.values())

    # -- answers --------------------------------------------------------------------------

    def on_answers(
        self,
        actor_id: bytes,
        proc: int,
        results: list[tuple[int, Any]],
        kept: list[tuple[int, int]],
    ) -> None:
        """The actor answered calls."""
        session = self.session
        if kept:
            session.references.keep(kept, proc)
        calls = self._active.get(actor_id)
        for number, wired in results:
            task = calls.finish(number) if calls is not None else None
            payload = session.references.from_wire(wired, session.loop.take_fd)
            if task is None or calls is None:
                continue
            if type(payload) is not tuple or payload[0] != values.ERROR:
                self._end(task, READY, payload)
            elif (
                not task.cancelled
                and task.function.retry_exceptions
                and (task.retries < 0 or task.attempts < task.retries)
            ):
                session.loop.after.append(partial(self._decide, calls, task, payload))
            else:
                self._end(task, FAILED, payload)
        if calls is not None:
            if calls.pending:
                self._send(calls)
            elif not calls.sent and actor_id not in self._creations:
                del self._active[actor_id]

    def _decide(self, calls: Calls, task: Task, payload: Any) -> None:
        """Whether a call that raised is made again."""
        wanted = task.function.retry_exceptions
        again = wanted is True or errors.is_instance(payload, wanted)
        with self._lock:
            if again and calls.death is None:
                task.attempts += 1
                if task.extra is not None:
                    task.extra.release(self.session.references)
                self._submit(calls, task)
                self._send(calls)
            else:
                self._end(task, FAILED, payload)

    def _end(self, task: Task, state: int, payload: Any) -> None:
        task.actor = None
        if task.extra is not None:
            task.extra.release(self.session.references)
        complete(task, state, payload)

    def _fail(self, calls: Calls, tasks: list[Task], payload: Any) -> None:
        for task in tasks:
            failure = payload
            if task.cancelled:
                failure = errors.cancelled()
            elif calls.timed_out == task.number:
                failure = errors.task_timeout(task)
            self._end(task, FAILED, failure)

    # -- life -----------------------------------------------------------------------------

    def on_actor(
        self, actor_id: bytes, state: str, incarnation: int, proc: int, about: dict[str, Any]
    ) -> None:
        """The head tells an actor's state."""
        session = self.session
        if proc:
            session.peers.add(proc, session.loop.take_fd())
        calls = self._known.get(actor_id)
        if state in ("ALIVE", "DEAD"):
            self._created(actor_id, about, final=state == "DEAD")
        if calls is None:
            return
        if proc:
            calls.connected(proc, incarnation)
            self._send(calls)
        elif state == "RESTARTING":
            self._taint(calls)
            calls.note_timeout(session.home.proc, about)
            failed, again = calls.lost(incarnation, about)
            for task in again:
                if task.extra is not None:
                    task.extra.release(session.references)
            self._fail(calls, failed, errors.actor_unavailable(calls, about))
        elif state == "DEAD":
            self._taint(calls)
            calls.note_timeout(session.home.proc, about)
            failed = calls.died(about)
            if failed:
                self._fail(calls, failed, errors.actor_died(calls, about))
            self._active.pop(actor_id, None)

    def _taint(self, calls: Calls) -> None:
        """An actor that is killed may read the arguments it has until its process is gone, and
        children it left for longer."""
        for task in calls.sent.values():
            if task.extra is not None:
                self.session.references.taint(task.extra.lent)

    def _created(self, actor_id: bytes, about: dict[str, Any], *, final: bool) -> None:
        """The constructor ran: what its arguments held is let go of, unless it may run again."""
        extra = self._creations.get(actor_id)
        if extra is None:
            return
        if about.get("kept"):
            self.session.references.keep(about["kept"], about["proc"])
        if final or not about.get("restartable"):
            extra.release(self.session.references)
            del self._creations[actor_id]

    def fail_all(self, payload: Any) -> None:
        """The session is over."""
        for calls in list(self._active.values()):
            self._fail(calls, calls.died({"reason": "session over"}), payload)
        self._active.clear()
        self._creations.clear()


#: What plain calls have in common.
CALL = Function(b"", "call")


def pending_calls_exceeded(actor: LocalActor) -> Exception:
    """The caller has as many unanswered calls as ``max_pending_calls`` allows."""
    from heliostat.exceptions import PendingCallsLimitExceeded

    return PendingCallsLimitExceeded(
        f"The actor {actor.meta[0]} ({actor.actor_id.hex()}) has {actor.calls.count} unanswered "
        f"calls from this process, as many as max_pending_calls={actor.traits[1]} allows; get "
        "some of their results first"
    )
