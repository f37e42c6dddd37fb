"""A process's part in a session: everything it owns, borrows, submits and is told.

The driver has one, and so has every worker, which may submit tasks and hold objects like any
program. This module only puts the parts together and talks to the head; each part is one
module beside it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from heliostat.engines.local.core.objects import PENDING, Entry
from heliostat.engines.local.owner import errors
from heliostat.engines.local.owner.actors import Actors
from heliostat.engines.local.owner.cancel import Cancels
from heliostat.engines.local.owner.exchange import Exchange
from heliostat.engines.local.owner.functions import Functions
from heliostat.engines.local.owner.interrupts import Interrupts
from heliostat.engines.local.owner.loop import Loop
from heliostat.engines.local.owner.objects import Objects
from heliostat.engines.local.owner.peers import Peers
from heliostat.engines.local.owner.pump import Pump
from heliostat.engines.local.owner.recall import Recall
from heliostat.engines.local.owner.references import Home, References
from heliostat.engines.local.owner.releases import Releases
from heliostat.engines.local.owner.streams import Streams
from heliostat.engines.local.owner.submit import Tasks
from heliostat.engines.local.store.segments import Segments
from heliostat.engines.local.wire import messages
from heliostat.engines.local.wire.channel import Outbox

#: Workers asked for at once for tasks that need no CPU.
MOST_WITHOUT_CPU = 256
#: Bytes asked of the head at once.
ARENA_BYTES = 64 << 20
#: Empty arenas kept warm, in bytes.
WARM_BYTES = 256 << 20


#: Times a full store is asked for room, over 1.5 s.
_GRANT_ATTEMPTS = 6


class _Answer:
    """A question to the head and, once there, what it said."""

    __slots__ = ("ok", "there", "value")

    def __init__(self) -> None:
        self.there = False
        self.ok = False
        self.value: Any = None


class Session:
    """The parts of a process, and its link to the head.

    Attributes:
        about: what the head said of the session: ``totals``, ``job``, ``uid``, ``node``, ...
        namespace: the default namespace of named actors.
        over: why the session has ended, or None.
        futures: futures given out and not yet fulfilled.
        env: environment variables of this process's job or task, which its tasks inherit.
        running: in a worker, gives the task or call whose code calls it: see ``Task.parent``.
    """

    def __init__(
        self,
        engine: Any,
        proc: int,
        inbox: socket.socket,
        head: socket.socket,
        about: dict[str, Any],
    ) -> None:
        self.engine = engine
        self.about = about
        self.namespace: str = about["namespace"]
        self.env: dict[str, str] = dict(about["env"])
        self.over: str | None = None
        self.futures = 0
        self.running: Callable[[], Any] | None = None
        self.handlers: dict[int, Callable[..., None]] = {}
        self.loop = Loop(inbox, self.handlers)
        self.head = Outbox(head, self.loop.send_later)
        self.home = Home(proc, about["uid"], engine)
        self.peers = Peers(self.loop, self.head)
        self.segments = Segments(proc, ARENA_BYTES, WARM_BYTES)
        self.releases = Releases(proc, self.peers, self.segments)
        self.references = References(
            self.home, about["uid"], self.peers, self.segments, self.releases
        )
        self.pump = Pump(self.loop)
        self.exchange = Exchange(self.references, self.peers, self.loop.take_fd)
        self.objects = Objects(self.loop, self.references, self.segments, self._grant_memory)
        self.functions = Functions(self.loop, self.head, self.references)
        self.tasks = Tasks(self)
        self.actors = Actors(self)
        self.streams = Streams(self)
        self.cancels = Cancels(self)
        self.interrupts = Interrupts(self.loop)
        self.on_log: Callable[..., None] = lambda *_: None
        self._questions: dict[int, _Answer] = {}
        self._next_question = 1
        self._actor_count = 0
        self.pump.before_wait = self._before_wait
        self.pump.outstanding = self._outstanding
        self.recall = Recall(self.tasks)
        self.pump.each_tick = self.recall.look
        self.releases.nudge = self.pump.nudge
        self.releases.on_gone["stream"] = self.streams.abandoned
        self.releases.on_memory = self._return_memory
        self.loop.settle.append(self.releases.settle)
        if about["debug"]:
            self.loop.settle.append(self.check)
        self._register()

    def _register(self) -> None:
        references = self.references
        self.handlers.update(
            {
                messages.DONE: self.tasks.on_done,
                messages.PARTED: self.tasks.on_parted,
                messages.WORKERS: self.tasks.on_workers,
                messages.AUDIT: self.tasks.on_audit,
                messages.ANSWERS: self.actors.on_answers,
                messages.ACTOR: self.actors.on_actor,
                messages.DIED: self._on_died,
                messages.PEER: self._on_peer,
                messages.REPLY: self._on_reply,
                messages.WANT: self.exchange.on_want,
                messages.VALUE: self.exchange.on_value,
                messages.BORROW: references.on_borrow,
                messages.RETURN_BORROW: references.on_return,
                messages.FREE_BLOCK: self.releases.on_free,
                messages.ITEMS: self.streams.on_items,
                messages.CANCEL: self.cancels.on_cancel,
                messages.CANCEL_CHILDREN: self.cancels.on_cancel_children,
                messages.LOG: lambda *fields: self.on_log(*fields),  # noqa: PLW0108 - set later
            }
        )

    # -- waiting --------------------------------------------------------------------------

    def wait_for(self, entry: Entry, timeout: float | None) -> bool:
        """Blocks until the object has its value; False when the time is up."""
        self.want([entry])
        return self.pump.wait(lambda: entry.state != PENDING, timeout)

    def want(self, entries: list[Entry]) -> None:
        """Asks for the values of those objects that other processes own."""
        home = self.home
        foreign = [e for e in entries if e.home is not home and e.state == PENDING]
        if foreign:
            with self.loop.lock:
                self.references.check_session(foreign)
                for entry in foreign:
                    self.exchange.request(entry)

    def before_user_code(self) -> None:
        """This thread won't read the inbox for a while, but others may ask for our objects."""
        if self.references.exports and self.pump.parked:
            with self.loop.lock:
                self.pump.work_outstanding()

    def _before_wait(self) -> None:
        self.releases.settle()
        self.tasks.flush_all()
        self.actors.flush_all()

    def _outstanding(self) -> bool:
        return bool(
            self.futures
            or len(self.references.exports)
            or self.releases.noted
            or self.tasks.outstanding
            or self.actors.outstanding
            or self.peers.waiting
        )

    # -- the head -------------------------------------------------------------------------

    def request(self, verb: str, args: tuple[Any, ...] = ()) -> Any:
        """Asks the head and waits for its answer.

        Raises:
            RaySystemError: the head is gone, and with it the session.
            Exception: what the head answered: ValueError for a name taken, and so on.
        """
        answer = _Answer()
        with self.loop.lock:
            number = self._next_question
            self._next_question = number + 1
            self._questions[number] = answer
            self.head.send(messages.request(number, verb, args))
        self.pump.wait(lambda: answer.there or self.over)
        if not answer.there:
            from heliostat.exceptions import RaySystemError

            raise RaySystemError(self.over)
        if answer.ok:
            return answer.value
        kind, text = answer.value
        raise _head_error(kind, text)

    def _on_reply(self, number: int, ok: bool, value: Any) -> None:
        answer = self._questions.pop(number)
        answer.ok = ok
        answer.value = value
        answer.there = True

    def _grant_memory(self, size: int) -> None:
        """Asks for shared memory; a full store may have room once others let go of theirs.

        Raises:
            ObjectStoreFullError: it stayed full.
        """
        from heliostat.exceptions import ObjectStoreFullError

        for attempt in range(_GRANT_ATTEMPTS):
            try:
                self.request("grant", (size,))
                return
            except ObjectStoreFullError:
                if attempt == _GRANT_ATTEMPTS - 1:
                    raise
                self.pump.wait(lambda: self.over, 0.05 * 2**attempt)

    def _return_memory(self, size: int) -> None:
        self.head.send(messages.request(0, "ungrant", (size,)))

    def limit_of(self, amounts: Any) -> tuple[int, Any]:
        """How many workers of this shape could run at once, at least 1; and if it can never
        be had, the text that says so."""
        totals = self.about["totals"]
        # A task that needs no CPU waits for something else, as many at once as there are.
        limits = [] if "CPU" in dict(amounts) else [MOST_WITHOUT_CPU]
        for name, amount in amounts:
            if amount > totals.get(name, 0):
                return 0, unschedulable(amounts, totals)
            limits.append(totals[name] // amount)
        return min(limits), None

    def env_of(self, runtime_env: Any) -> tuple[tuple[str, str], ...]:
        """The environment variables of a task or actor: the process's own, and the given."""
        given = (runtime_env or {}).get("env_vars") or {}
        return tuple(sorted({**self.env, **given}.items()))

    def new_actor_id(self) -> bytes:
        """16 bytes, unique in the session; see ``core.actors.creator_of``."""
        with self.loop.lock:
            self._actor_count += 1
            count = self._actor_count
        own = self.home.uid[8:12]
        return own + count.to_bytes(4, "big") + self.home.proc.to_bytes(4, "big") + _job(self.about)

    # -- deaths ---------------------------------------------------------------------------

    def _on_died(self, proc: int, death: dict[str, Any]) -> None:
        self._process_gone(proc)
        self.tasks.on_worker_died(proc, death)

    def _on_peer(self, proc: int, alive: bool) -> None:
        """The head introduces a process; or it died before we had to do with it."""
        if alive:
            self.peers.add(proc, self.loop.take_fd())
        else:
            self._process_gone(proc)

    def _process_gone(self, proc: int) -> None:
        self.peers.lost(proc)
        self.references.process_died(proc)

    def end(self, text: str) -> None:
        """The session is over: whatever waits fails with ``text``. Called under the lock."""
        if self.over is None:
            self.over = text
            payload = errors.session_over(text)
            self.tasks.fail_all(lambda _: payload)
            self.actors.fail_all(payload)
            self.references.fail_borrowed(payload)

    def close(self) -> None:
        """Lets go of everything."""
        self.interrupts.remove()
        self.pump.close()
        self.tasks.close()
        self.peers.close()
        self.loop.forget(self.head)
        self.loop.close()
        self.segments.close()
        self.recall.close()

    def forked(self) -> None:
        """In a forked child: closes what was inherited, without a word to anybody."""
        self.over = f"this process was forked from process {os.getppid()}, which has the session"
        self.pump.forked()
        self.tasks.forked()
        self.peers.forked()
        self.head.close()
        self.head.sock.close()
        self.loop.close()
        self.segments.forget()

    def check(self) -> None:
        """Asserts the invariants of all parts."""
        self.references.exports.check()
        self.segments.check()
        self.tasks.check()


def _job(about: dict[str, Any]) -> bytes:
    job: int = about["job"]
    return job.to_bytes(4, "big")


def unschedulable(amounts: Any, totals: dict[str, int]) -> str:
    """Why a request can never be met."""
    asked = ", ".join(f"{amount / 10_000:g} {name}" for name, amount in amounts)
    there = ", ".join(f"{amount / 10_000:g} {name}" for name, amount in sorted(totals.items()))
    return (
        f"No node can ever provide {asked}: this cluster has {there}. Ask for less, or start "
        "it with more (init(num_cpus=..., num_gpus=..., resources=...))."
    )


def _head_error(kind: str, text: str) -> Exception:
    from heliostat import exceptions

    found = getattr(exceptions, kind, None)
    if found is not None:
        error: Exception = found(text)
        return error
    return {"ValueError": ValueError, "RuntimeError": RuntimeError}.get(kind, RuntimeError)(text)
