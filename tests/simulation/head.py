"""The head of a simulated session: the real server over the simulated wire.

Only what belongs to the operating system is replaced: its loop, the template and the clock.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

from heliostat.engines.local.head import server as server_module
from heliostat.engines.local.head.cluster import describe_cluster
from heliostat.engines.local.head.members import Member
from heliostat.engines.local.head.memory import Memory
from heliostat.engines.local.head.server import Server, setup_of
from heliostat.engines.local.store.board import Board
from tests.simulation.wire import Box, Wire

HEAD = 0


@cache
def _cluster() -> dict[str, Any]:
    """What every simulated cluster is but for its resources."""
    settings: Any = {"num_cpus": 1, "num_gpus": 0, "object_store_memory": 1 << 40, "resources": {}}
    cluster, _ = describe_cluster(settings, "/nowhere")
    return {**cluster, "uid": b"simulated..."}


class Clock:
    """Virtual time, in place of the ``time`` module."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class _Receiver:
    """What the head reads of one process: as much as the scheduler let through."""

    def __init__(self, wire: Wire, proc: int) -> None:
        self._wire = wire
        self._proc = proc
        self.allowed = 0
        self.sock = SimpleNamespace(fileno=lambda: -1)

    def receive(self) -> tuple[list[Any], list[Any]]:
        if not self.allowed or not self._wire.pending(self._proc, HEAD):
            raise BlockingIOError
        self.allowed -= 1
        message, fds = self._wire.take(self._proc, HEAD)
        return [message], fds

    def close(self) -> None:
        """There is nothing to close."""


class Template:
    """Forks, kills and mourns workers, each at a time of the scheduler's choice."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self.workers: dict[int, Member] = {}
        self.orders: deque[tuple[Any, ...]] = deque()
        self.ended: deque[tuple[int, int]] = deque()

    def spawn(self, proc: int, job: int, setup: Any, read: Callable[[Any], Any]) -> Member:
        """As ``Pool.spawn``."""
        member = self._head.new_member(proc, job, self._head.server.members.new_slot())
        self._head.board.clear(member.slot)
        self.workers[proc] = member
        self.orders.append(("spawn", proc, member.slot, setup))
        return member

    def kill(self, member: Member, reason: str) -> None:
        """As ``Pool.kill``."""
        member.reason = member.reason or reason
        self.orders.append(("kill", member.proc))


class Head:
    """The server, and how it is driven."""

    def __init__(self, wire: Wire, totals: dict[str, int]) -> None:
        self.wire = wire
        self.clock = Clock()
        self.tick = -1.0
        self.dirty = True
        board_fd = os.memfd_create("board", os.MFD_CLOEXEC)
        self.board = Board(board_fd)
        os.close(board_fd)
        cluster = {**_cluster(), "totals": totals}
        loop: Any = SimpleNamespace(unwatch=lambda fd: None, forget=lambda box: None)
        self.server = Server(loop, self.board, cluster, Memory(1 << 40))
        self.template = Template(self)
        self.server.pool = self.template  # type: ignore[assignment]
        self._really_drain = self.server.audits._drain
        self.server.audits._drain = self._drain  # type: ignore[method-assign]

    def new_member(self, proc: int, job: int, slot: int = -1) -> Member:
        """A process the head can write to and read from."""
        inbox: Any = Box(self.wire, HEAD, proc)
        connection: Any = SimpleNamespace(fileno=lambda: -1, close=lambda: None)
        member = Member(proc, job, inbox, connection, slot)
        receiver: Any = _Receiver(self.wire, proc)
        member.receiver = receiver
        member.pid = proc
        self.server.members.add(member)
        self.wire.reachable.add(proc)
        return member

    def join(self) -> tuple[int, dict[str, Any]]:
        """A program joins: its number, and what its session is told."""
        members = self.server.members
        member = self.new_member(members.new_proc(), 0)
        job = members.new_job(member.proc, {})
        about = _About(namespace="shared", log_to_driver=False, sys_path=[], environ={})
        job.setup = setup_of(job, about, self.server.cluster)
        member.job = job.number
        self.server.prestart(job.number, (), 1)
        self.dirty = True
        return member.proc, {**job.setup, "env": ()}

    def deliver(self, proc: int, count: int = 1) -> None:
        """Reads what a process sent."""
        member = self.server.members.get(proc)
        if member is None:
            if self.wire.pending(proc, HEAD):
                self.wire.take(proc, HEAD)
            return
        receiver: Any = member.receiver
        receiver.allowed = count
        self.server.receive(member)
        receiver.allowed = 0
        self.dirty = True

    def turn(self) -> None:
        """Decides."""
        self.dirty = False
        with _time_of(self.clock):
            self.tick = self.server.turn()
        self.server.forget_ended_jobs()
        self.server.leases.check()
        self.server.actors.check()

    def gone(self, proc: int, status: int) -> None:
        """The template reaped a worker, or a program's life ended."""
        member = self.server.members.get(proc)
        if member is None:
            return
        receiver: Any = member.receiver
        receiver.allowed = 1 << 30
        with _time_of(self.clock):
            if member.is_program:
                self.server.receive(member)
                self.server.end_program(member)
            else:
                self.template.workers.pop(proc, None)
                self.server.worker_exited(member, status, 0)
        self.dirty = True

    def _drain(self, key: tuple[int, int]) -> list[int]:
        drained = self._really_drain(key)
        self.wire.pipe_of[self.server.queue_fds[key]].packets -= len(drained)
        return drained

    def holds_queue(self, owner: int, number: int) -> Any:
        """The lease book's page of a queue."""
        return self.server.leases.queues.get((owner, number))

    def close(self) -> None:
        """The end of the simulation: the queues' descriptors are the head's."""
        for fd in self.server.queue_fds.values():
            os.close(fd)


class _About(dict[str, Any]):
    """What a program says of itself; nothing here asks for the rest."""

    def __missing__(self, key: str) -> None:
        return None


class _time_of:
    """The server reads this clock instead of the machine's."""

    def __init__(self, clock: Clock) -> None:
        self._clock: Any = clock

    def __enter__(self) -> None:
        self._own = vars(server_module)
        self._real = self._own["time"]
        self._own["time"] = self._clock

    def __exit__(self, *_: object) -> None:
        self._own["time"] = self._real
