"""A worker process: its session, what it is running, and its end."""

from __future__ import annotations

import os
import socket
import sys
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from heliostat.engines import registry
from heliostat.engines.definitions import ExitActor
from heliostat.engines.local.core.workers import UNIT
from heliostat.engines.local.owner.engine import LocalEngine
from heliostat.engines.local.owner.references import Lent
from heliostat.engines.local.owner.session import Session
from heliostat.engines.local.store.board import Board
from heliostat.engines.local.wire import messages
from heliostat.engines.local.worker import outcome
from heliostat.engines.local.worker.actor_host import ActorHost
from heliostat.engines.local.worker.calls import Call
from heliostat.engines.local.worker.executor import Executor
from heliostat.engines.local.worker.output import Output
from heliostat.engines.local.worker.streaming import Sender


class WorkerProcess:
    """What a worker is and does now.

    Attributes:
        task: number of the task or call whose code runs in the main thread, 0 for none.
        ending: it is to end, as soon as it is idle.
        calls: calls that arrived for the actor and were not begun.
        on_work: called, by whoever read it and without the lock, when calls or the order to end
            came.
        senders: generators running here, by owner and number of their task.
        actor: what it hosts, if it is an actor's process.
        resources: what the present task or actor was granted.
    """

    def __init__(
        self,
        proc: int,
        inbox: socket.socket,
        head: socket.socket,
        board: Board,
        slot: int,
        setup: dict[str, Any],
    ) -> None:
        engine = LocalEngine()
        self.session = engine.session = Session(engine, proc, inbox, head, setup)
        self.setup = setup
        self.task = 0
        self.ending = False
        self.reason = ""
        self.exit_status = 0
        self.actor: ActorHost | None = None
        self.resources: dict[str, int] = {}
        self.gpus: list[str] = []
        self.code: dict[bytes, bytes] = {}
        self.output = Output(
            self.session, setup["driver"] if setup["log_to_driver"] else 0, self.label
        )
        self.session.recall.board = board
        self.executor = Executor(self, board.slot(slot))
        self.session.running = self.running
        engine.context = self.context
        engine.lend = self._lend
        self._engine = engine
        self.session.handlers.update(
            {
                messages.ATTACH: self.executor.on_attach,
                messages.DETACH: self.executor.on_detach,
                messages.FUNCTION: self.code.__setitem__,
                messages.HOST_ACTOR: self._on_host_actor,
                messages.CALLS: self._on_calls,
                messages.TAKEN: self._on_taken,
                messages.CANCEL_CALL: self._on_cancel_call,
                messages.EXIT: self._on_exit,
                messages.SYS_PATH: self._on_sys_path,
            }
        )
        self.calls: deque[Call] = deque()
        self.senders: dict[tuple[int, int], Sender] = {}
        self.on_work: Callable[[], None] | None = None
        registry.set_current(engine)

    def run(self) -> None:
        """Does its work until told to end."""
        self.on_work = self.executor.wake
        self.executor.run()
        self.on_work = None
        if self.actor is not None:
            self.executor.close()
            self._engine.lend = self._lend if self.resources.get("CPU") else None
            self.actor.run()

    # -- messages -------------------------------------------------------------------------

    def _on_host_actor(self, actor_id: bytes, incarnation: int, spec: dict[str, Any]) -> None:
        self.assign(spec)
        self.actor = ActorHost(self, actor_id, incarnation, spec)
        self._work_came()

    def _on_calls(
        self, actor_id: bytes, caller: int, incarnation: int, batch: list[tuple[Any, ...]]
    ) -> None:
        # A caller may be faster than the head: then the calls wait for the actor here.
        self.session.peers.watch(caller)
        for call in batch:
            self.calls.append(self._opened(caller, call))
        self._work_came()

    def _work_came(self) -> None:
        if self.on_work is not None:
            self.session.loop.after.append(self.on_work)

    def _opened(self, caller: int, call: tuple[Any, ...]) -> Call:
        """A call with its descriptors taken and its references known."""
        number, method, *content = call
        args = content[0] if len(content) == 1 else None
        if type(method) is str:
            opened = Call(caller, number, method, 1, args)
        else:
            name, returns, called, group, timeout = method
            opened = Call(caller, number, name, returns, args, called, group, timeout)
        if args is not None:
            return opened
        lent: Lent = []
        take_fd = self.session.loop.take_fd
        payload, slots = outcome.opened(self, content[0], content[1], take_fd, lent)
        opened.payload, opened.slots, opened.lent = payload, slots, lent
        return opened

    def _on_taken(self, number: int, owner: int, count: int) -> None:
        sender = self.senders.get((owner, number))
        if sender is not None:
            sender.taken = count

    def _on_cancel_call(self, caller: int, number: int, recursive: bool) -> None:
        if self.actor is not None:
            self.session.loop.after.append(partial(self.actor.cancel, caller, number, recursive))

    def _on_sys_path(self, path: list[str]) -> None:
        sys.path[:] = path

    def _on_exit(self, reason: str, grace: float) -> None:
        self.ending = True
        self.reason = reason
        self._work_came()

    def _lend(self, waiting: bool) -> None:
        """The task waits for long, or goes on: its CPU may be lent meanwhile."""
        if waiting:
            self.executor.part()
        with self.session.loop.lock:
            self.session.head.send(messages.blocked() if waiting else messages.unblocked())

    def assign(self, env: dict[str, Any]) -> None:
        """What the head granted for what comes next."""
        self.resources = dict(env["resources"])
        gpus = env["gpus"]
        if gpus != self.gpus or "CUDA_VISIBLE_DEVICES" not in os.environ:
            self.gpus = gpus
            if gpus or self.setup["gpus"]:
                os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, gpus))

    def fetch_code(self, key: bytes) -> bytes:
        """The pickled function or class of a content hash."""
        with self.session.loop.lock:
            self.session.head.send(messages.want_function(key))
        self.session.pump.wait(lambda: key in self.code)
        return self.code.pop(key)

    # -- what runs here -------------------------------------------------------------------

    def running(self) -> Any:
        """What runs in the calling thread: a task's number, or caller and number of a call."""
        return self.task if self.actor is None else self.actor.running()

    def may_interrupt(self) -> bool:
        """Whether Ctrl-C has something to interrupt here: what runs, unless another task was meant
        that has ended."""
        return self.task != 0 and self.executor.cancelled in {0, self.task}

    def is_cancelled(self) -> bool:
        """Whether somebody cancelled what runs in the calling thread.

        Raises:
            RuntimeError: in an async actor, whose calls learn it by ``CancelledError``.
        """
        if self.actor is not None:
            return self.actor.is_cancelled()
        return self.task != 0 and self.executor.cancelled == self.task

    def context(self) -> dict[str, Any]:
        """Facts for ``get_runtime_context``."""
        facts: dict[str, Any] = {
            "resources": {name: amount / UNIT for name, amount in self.resources.items()},
            "gpu_ids": list(self.gpus),
            "is_cancelled": self.is_cancelled,
        }
        if self.actor is not None:
            facts.update(self.actor.context())
        elif self.task:
            facts["task_id"] = self.task_id(self.executor.owner, self.task)
            facts["task_name"] = self.executor.name
            facts["function_name"] = self.executor.full_name
        return facts

    def task_id(self, owner: int, number: int) -> bytes:
        """The id of a task or call: 16 bytes of its owner, 8 of its number."""
        uid = self.session.home.uid
        return uid[:12] + owner.to_bytes(4, "big") + number.to_bytes(8, "big")

    def describe_task(self) -> str:
        """The function or method running, for messages."""
        return self.actor.describe() if self.actor is not None else self.executor.name

    def label(self) -> str:
        """The actor's class or the function running, for the prefix of what they print."""
        return self.actor.describe() if self.actor is not None else self.executor.label

    def actor_repr(self) -> str | None:
        """``repr`` of the actor, if there is one."""
        return self.actor.repr() if self.actor is not None else None

    def actor_id_hex(self) -> str | None:
        """Its id, if there is an actor."""
        return self.actor.actor_id.hex() if self.actor is not None else None

    def exit_by(self, error: SystemExit) -> str:
        """The process is to end by ``error``: sets the status that Python would exit with, and
        returns the reason."""
        if isinstance(error, ExitActor):
            return "exit_actor"
        if isinstance(error.code, str):
            sys.stderr.write(f"{error.code}\n")
        code = error.code or 0
        self.exit_status = code & 0xFF if isinstance(code, int) else 1
        return "exit"

    def leave(self, reason: str) -> None:
        """Tells the head that the process ends on purpose, and why; to end with a status other
        than 0 is to crash."""
        if self.exit_status:
            reason = ""
        with self.session.loop.lock:
            self.output.send_lines(everything=True)
            self.session.head.send(messages.leaving(reason))
            self.session.pump.before_wait()
        self.ending = True
        self.drain()

    def drain(self) -> None:
        """Sends what the kernel didn't take yet: answers must not be lost at the end."""
        session = self.session
        session.pump.wait(lambda: not (session.peers.unsent or session.head.waiting), 2.0)
