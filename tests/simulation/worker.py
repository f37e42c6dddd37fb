"""A worker of a simulated session: what the executor and the actor host do, step by step.

What a real worker does while it blocks in one call is a generator here; the scheduler takes it
from step to step, and ends it where it stands when the process is killed.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from heliostat.engines.local.core.tasks import LINKED
from heliostat.engines.local.owner import arguments
from heliostat.engines.local.store import values
from heliostat.engines.local.store.board import NO_LIMIT
from heliostat.engines.local.wire import messages
from heliostat.engines.local.worker import outcome
from heliostat.engines.local.worker.calls import Answers
from heliostat.engines.local.worker.process import WorkerProcess
from tests.simulation import program
from tests.simulation.process import Process
from tests.simulation.wire import Pipe

if TYPE_CHECKING:
    from tests.simulation.world import World

_SHORT = 20e-6
_LONG = 0.01


class Worker(Process):
    """A worker process: executes tasks, or is an actor.

    Attributes:
        slot: its words on the board.
        pipe: the task queue it reads.
        taken: numbers of the tasks it began since its last reply: what its death would cost.
        finished: it left by itself.
        doomed: it is killed right here.
    """

    def __init__(self, world: World, proc: int, slot: int, about: dict[str, Any]) -> None:
        super().__init__(world, proc, about)
        self.number = slot
        self.slot = world.head.board.slot(slot)
        self.pipe: Pipe | None = None
        self.owner = 0
        self.queue = 0
        self.detaching = False
        self.ending = False
        self.reason = ""
        self.finished = False
        self.doomed = False
        self.calls: deque[Any] = deque()
        self.actor: Actor | None = None
        self.taken: list[tuple[int, int]] = []
        self.task = 0
        self.fds: tuple[list[int], ...] = ()
        self.open: tuple[int, list[Any], list[Any], list[int]] | None = None
        self.output = SimpleNamespace(send_lines=lambda **_: None)
        self.session.handlers.update(
            {
                messages.ATTACH: self._on_attach,
                messages.DETACH: self._on_detach,
                messages.HOST_ACTOR: self._on_host_actor,
                messages.CALLS: self._on_calls,
                messages.EXIT: self._on_exit,
                messages.FUNCTION: lambda *_: None,
            }
        )
        self.start(self._main())

    # -- messages -------------------------------------------------------------------------

    def _on_attach(self, queue: int, owner: int, env: dict[str, Any]) -> None:
        take_fd: Any = self.session.loop.take_fd
        self.pipe = take_fd()
        self.session.peers.add(owner, self.session.loop.take_fd())
        self.queue, self.owner = queue, owner
        self.lends = True

    def _on_detach(self) -> None:
        self.detaching = True

    def _on_host_actor(self, actor_id: bytes, incarnation: int, spec: dict[str, Any]) -> None:
        self.actor = Actor(self, actor_id, incarnation, spec)

    def _on_calls(self, actor_id: bytes, caller: int, incarnation: int, batch: list[Any]) -> None:
        itself: Any = self
        self.session.peers.watch(caller)
        self.calls.extend(WorkerProcess._opened(itself, caller, call) for call in batch)

    def _on_exit(self, reason: str, grace: float) -> None:
        self.ending = True
        self.reason = reason

    # -- the loop -------------------------------------------------------------------------

    def _main(self) -> Generator[Any, None, None]:
        while not self.ending and self.actor is None:
            yield self._woken
            if not self.detaching and self.pipe is not None and self.pipe.packets:
                (_, *fields), fds = self.pipe.take()
                self.fds = (fds,)
                if self.world.strikes():
                    self.doomed = True
                    yield None
                self.slot[2] = NO_LIMIT
                self.slot[1] = 0
                self.slot[0] = fields[0]
                self.taken.append((self.owner, fields[-1][0][0]))
                yield None
                yield from self._run_packet(fields[0], fields[1], fields[3], fields[-1], fds)
            if self.detaching:
                self._detach()
        if self.actor is not None:
            self.pipe = None
            self.lends = bool(dict(self.actor.spec["resources"]).get("CPU"))
            yield from self.actor.serve()
        self.session.head.send(messages.leaving(self.reason or "exit"))
        self.finished = True

    def _woken(self) -> bool:
        packet = self.pipe is not None and bool(self.pipe.packets)
        return self.ending or self.actor is not None or self.detaching or packet

    def _detach(self) -> None:
        self.detaching = False
        self.pipe = None
        self.session.head.send(messages.detached())

    # -- tasks ----------------------------------------------------------------------------

    def _run_packet(
        self, packet: int, key: bytes, returns: int, calls: list[Any], fds: list[Any]
    ) -> Generator[Any, None, None]:
        fast = key == program.FAST.pickled[0]
        results: list[Any] = []
        lent: list[Any] = []
        out_fds: list[int] = []
        self.fds = (fds, out_fds)
        self.open = (packet, results, lent, out_fds) if len(calls) > 1 else None
        long = not fast or self.world.rng.random() < 0.05
        for index, call in enumerate(calls):
            self.slot[1] = index
            if index >= self.slot[2]:
                break
            if len(call) == LINKED and not values.is_simple(results[call[3]]):
                break
            self.task = call[0]
            if index:
                self.taken.append((self.owner, call[0]))
            self.world.truth.began(self.owner, call[0])
            value = yield from self._run_call(call, fds, lent, results)
            self.enter()
            results.append(outcome.to_wire(self._real(), value, returns, self.owner, out_fds))
            value = None
            last = index == len(calls) - 1
            if not last and (long or self.open is None or self.world.rng.random() < 0.1):
                break
        self.open = None
        while fds:
            os.close(fds.pop())
        self.task = 0
        elapsed = (_LONG if long else _SHORT) * len(results)
        kept = self.session.references.kept(lent, self.owner) if lent else []
        message = messages.done(self.queue, packet, self.proc, elapsed, results, kept)
        self.session.peers.send(self.owner, message, out_fds)
        self.taken.clear()
        self.fds = ()
        for fd in out_fds:
            os.close(fd)
        self.settle()
        yield None
        self.slot[0] = 0

    def on_blocked(self) -> None:
        if self.open is None:
            return
        packet, results, lent, fds = self.open
        self.open = None
        kept = self.session.references.kept(lent, self.owner) if lent else []
        message = messages.parted(self.queue, packet, self.proc, results, kept)
        self.session.peers.send(self.owner, message, fds)
        for fd in fds:
            os.close(fd)
        self.taken = self.taken[-1:]
        results.clear()
        lent.clear()
        fds.clear()

    def _run_call(
        self, call: tuple[Any, ...], fds: list[Any], lent: list[Any], results: list[Any]
    ) -> Generator[Any, None, Any]:
        try:
            args: Any = call[1]
            kwargs: dict[str, Any] = {}
            if len(call) != 2:
                args, kwargs = outcome.arguments_of(self._real(), call, results, fds, lent)
            return (yield from program.run(self, False, args, kwargs))
        except Exception as error:
            return self._failed(error)

    def _failed(self, error: Exception) -> Any:
        if not isinstance(error, program.Boom):
            self.world.truth.unexpected(error)
        error.__traceback__ = None
        return outcome.failed(self._real(), program.run, error)

    def close(self) -> None:
        """The process is gone, with whatever it had open."""
        answers = self.actor.answers._waiting.values() if self.actor is not None else ()
        for fds in (*self.fds, *(fds for _, _, fds in answers)):
            for fd in fds:
                os.close(fd)
        super().close()

    def _real(self) -> Any:
        return self

    # -- what ``outcome`` asks of a worker ------------------------------------------------

    def describe_task(self) -> str:
        return "task"

    def actor_repr(self) -> None:
        return None

    def actor_id_hex(self) -> None:
        return None


class Actor:
    """What an actor's process does."""

    def __init__(
        self, worker: Worker, actor_id: bytes, incarnation: int, spec: dict[str, Any]
    ) -> None:
        self.worker = worker
        self.actor_id = actor_id
        self.incarnation = incarnation
        self.spec = spec
        self.answers = Answers(worker._real(), actor_id)
        self.seen: dict[int, int] = {}
        worker.world.truth.hosted(actor_id, incarnation)
        self._lent: list[Any] = []
        payload, slots = spec["call"]
        take_fd = worker.session.loop.take_fd
        self._creation = outcome.opened(worker._real(), payload, slots, take_fd, self._lent)

    def serve(self) -> Generator[Any, None, None]:
        """Constructs the actor and runs its calls until it is to end."""
        worker = self.worker
        yield None
        error = yield from self._construct()
        if error is not None:
            return
        while True:
            while worker.calls:
                yield from self._run(worker.calls.popleft())
                if not worker.calls or worker.world.rng.random() < 0.3:
                    self._send_answers()
            if worker.ending:
                return
            yield lambda: worker.calls or worker.ending

    def _construct(self) -> Generator[Any, None, Any]:
        worker = self.worker
        error = None
        try:
            args, kwargs = arguments.decode(*self._creation)
            self._creation = (None, [])
            yield from program.run(worker, True, args, kwargs, constructs=True)
        except Exception as raised:
            error = worker._failed(raised).payload
        args = kwargs = None  # type: ignore[assignment]
        worker.enter()
        kept = worker.session.references.kept(self._lent, messages.HEAD)
        ready = messages.actor_ready(self.actor_id, self.incarnation, error, kept)
        worker.session.head.send(ready)
        self._lent = []
        return error

    def _run(self, call: Any) -> Generator[Any, None, None]:
        worker = self.worker
        worker.task = call.number
        worker.taken.append((call.caller, call.number))
        worker.world.truth.called(self, call.caller, call.number)
        try:
            args, kwargs = call.arguments()
            value = yield from program.run(worker, True, args, kwargs)
        except Exception as error:
            value = worker._failed(error)
        args = kwargs = None
        worker.enter()
        fds: list[int] = []
        wired = outcome.to_wire(worker._real(), value, call.returns, call.caller, fds)
        self.answers.add(call, wired, fds)

    def _send_answers(self) -> None:
        self.answers.send()
        self.worker.taken.clear()
        self.worker.settle()
