"""The processes of a session as the head knows them, and its talk with each."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from heliostat.engines.local.wire.channel import Outbox
from heliostat.engines.local.wire.framing import Receiver, new_buffer

#: The head is single-threaded: one buffer for everybody's packets, not 200 KB a process.
_BUFFER = new_buffer()


class Member:
    """A process: a program or a worker.

    Attributes:
        proc: its number.
        job: the job it belongs to.
        pid: its process id, 0 while it is being forked.
        inbox: writes to it.
        receiver: reads what it sends to the head.
        slot: its slot on the board, -1 for a program.
        log: path of its log files without their suffix; empty for a program.
        reason: why it said or was told that it ends.
        known_by: processes that can write to it, and will be told of its death.
        granted: bytes of shared memory it may have.
        pidfd: watches a program's life; -1 for a worker, which its template watches.
        template: writes to that template; None for a program.
    """

    __slots__ = (
        "granted",
        "inbox",
        "job",
        "known_by",
        "log",
        "pid",
        "pidfd",
        "proc",
        "reason",
        "receiver",
        "slot",
        "template",
    )

    def __init__(
        self, proc: int, job: int, inbox: Outbox, connection: socket.socket, slot: int = -1
    ) -> None:
        self.proc = proc
        self.job = job
        self.pid = 0
        self.inbox = inbox
        self.receiver = Receiver(connection, plain=True, buffer=_BUFFER)
        self.slot = slot
        self.log = ""
        self.reason = ""
        self.known_by: set[int] = set()
        self.granted = 0
        self.pidfd = -1
        self.template: Outbox | None = None

    @property
    def is_program(self) -> bool:
        """Not a worker."""
        return self.slot < 0


class Job:
    """A program with all that runs on its behalf.

    Attributes:
        number: the job's number.
        proc: the program's.
        setup: what its workers start with.
    """

    __slots__ = ("number", "proc", "setup")

    def __init__(self, number: int, proc: int, setup: dict[str, Any]) -> None:
        self.number = number
        self.proc = proc
        self.setup = setup


class Members:
    """All processes of the session."""

    def __init__(self, forget: Callable[[Member], None]) -> None:
        """``forget`` takes a process's descriptors out of the poll set."""
        self._forget = forget
        self._members: dict[int, Member] = {}
        self.jobs: dict[int, Job] = {}
        self._next_proc = 1
        self._next_job = 1
        self._free_slots: list[int] = []
        self._slots = 0

    def __iter__(self) -> Any:
        return iter(list(self._members.values()))

    def __len__(self) -> int:
        return len(self._members)

    def get(self, proc: int) -> Member | None:
        """The process of that number, if it is alive."""
        return self._members.get(proc)

    def slot_of(self, proc: int) -> int:
        """A worker's slot of the board; -1 if it is gone."""
        member = self._members.get(proc)
        return -1 if member is None else member.slot

    def new_proc(self) -> int:
        """A number no process of the session ever had."""
        proc = self._next_proc
        self._next_proc = proc + 1
        return proc

    def new_job(self, proc: int, setup: dict[str, Any]) -> Job:
        """A job for a program."""
        job = Job(self._next_job, proc, setup)
        self._next_job += 1
        self.jobs[job.number] = job
        return job

    def new_slot(self) -> int:
        """A free slot of the board."""
        if self._free_slots:
            return self._free_slots.pop()
        self._slots += 1
        return self._slots - 1

    def add(self, member: Member) -> None:
        """A process belongs to the session from now on."""
        self._members[member.proc] = member

    def remove(self, member: Member) -> None:
        """A process is gone."""
        del self._members[member.proc]
        self._forget(member)
        member.receiver.close()
        member.inbox.dispose()
        if member.pidfd >= 0:
            os.close(member.pidfd)
        if member.slot >= 0:
            self._free_slots.append(member.slot)

    def tell(self, proc: int, message: Any, fds: Any = ()) -> None:
        """Sends to a process, if it is alive."""
        member = self._members.get(proc)
        if member is not None:
            member.inbox.send(message, fds)

    def introduce(self, proc: int, to: int) -> int | None:
        """The descriptor that ``to`` is about to be sent to write to ``proc`` with."""
        member = self._members.get(proc)
        if member is None:
            return None
        member.known_by.add(to)
        return member.inbox.fileno()
