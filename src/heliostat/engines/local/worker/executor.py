"""Runs packets of tasks: the main loop of a worker that isn't an actor.

An idle worker waits for two things at once: messages in its inbox, and a packet on the task
queue it is leased to, which it shares with other workers; the kernel wakes one of them for
each packet. What it is doing stands on the board, for whoever must know without asking.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from heliostat.engines.local.owner.functions import Limited
from heliostat.engines.local.owner.references import Lent
from heliostat.engines.local.store import values
from heliostat.engines.local.store.board import NO_LIMIT
from heliostat.engines.local.wire import messages
from heliostat.engines.local.wire.framing import Receiver, adopt_socket
from heliostat.engines.local.wire.spin import Spin
from heliostat.engines.local.worker import alarm, outcome
from heliostat.engines.local.worker.task_runs import NOT_HERE, TaskRuns

if TYPE_CHECKING:
    from heliostat.engines.local.worker.process import WorkerProcess

#: Seconds after which a packet's remaining tasks are handed back: they were thought short.
_HAND_BACK = 0.005
#: Seconds between looks of a worker that ends as soon as nobody needs its objects.
_LOOK = 0.05
#: Why a worker says it ends when it has run a function as often as it may.
MAX_CALLS = "max_calls"


class Executor:
    """Takes packets from the queue the worker is attached to, and runs them."""

    def __init__(self, process: WorkerProcess, slot: memoryview) -> None:
        self._process = process
        self._session = process.session
        self._slot = slot
        self._runs = TaskRuns(process, slot)
        self._idle = select.epoll()
        self._spin = Spin(self._idle.poll)
        self._idle.register(self._session.loop.fileno(), select.EPOLLIN)
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._idle.register(self._wake, select.EPOLLIN)
        self._thread = threading.get_ident()
        self._functions: dict[bytes, Callable[..., Any]] = {}
        self._receiver: Receiver | None = None
        self._queue = 0
        self.owner = 0
        self._detaching = False
        self._left: dict[bytes, int] = {}
        self._spent = False
        self._function: Any = None
        self._called = ""
        #: The packet that runs and what came of it so far, while more than one task is in it.
        self._open: tuple[int, list[Any], Lent, list[int]] | None = None

    # -- leases ---------------------------------------------------------------------------

    def on_attach(self, queue: int, owner: int, env: dict[str, Any]) -> None:
        """The head leased this worker to a queue."""
        take_fd = self._session.loop.take_fd
        self._receiver = Receiver(adopt_socket(take_fd()))
        self._session.peers.add(owner, take_fd())
        self._queue = queue
        self.owner = owner
        self._process.assign(env)
        self._idle.register(self._receiver.sock.fileno(), select.EPOLLIN | select.EPOLLEXCLUSIVE)

    def on_detach(self) -> None:
        """The head takes the lease back, effective before the next packet."""
        self._detaching = True
        self.wake()

    def wake(self) -> None:
        """There is something to do. Any thread that waits may have read the message, a thread
        of the user's too; then the main one, which may be waiting itself, must be told."""
        if threading.get_ident() != self._thread:
            os.eventfd_write(self._wake, 1)

    def _detach(self) -> None:
        self._detaching = False
        self._close_receiver()
        with self._session.loop.lock:
            self._session.head.send(messages.detached())

    def _close_receiver(self) -> None:
        receiver = self._receiver
        if receiver is not None:
            self._idle.unregister(receiver.sock.fileno())
            receiver.close()
            self._receiver = None

    # -- the loop -------------------------------------------------------------------------

    def run(self) -> None:
        """Runs packets until the process is to end or becomes an actor."""
        session = self._session
        process = self._process
        pump = session.pump
        inbox = session.loop.fileno()
        pump.readers += 1
        while not process.ending and process.actor is None:
            offered = False
            # What lets a spent worker end may be read by another thread: it looks again.
            for fd, _ in self._spin.poll(_LOOK if self._spent else -1.0):
                if fd == inbox:
                    pump.turn(0)
                elif fd == self._wake:
                    os.eventfd_read(self._wake)
                else:
                    offered = True
            # Not before the messages: one of them may say that this packet is for others.
            if offered and not self._detaching and not process.ending:
                packet = self._take()
                if packet is not None:
                    pump.readers -= 1
                    self._run_timed(*packet)
                    pump.readers += 1
            if self._detaching:
                self._detach()
            if self._spent and not pump.outstanding():
                process.leave(MAX_CALLS)
        pump.readers -= 1

    def _take(self) -> tuple[Any, ...] | None:
        receiver = self._receiver
        if receiver is None:
            return None
        try:
            received = receiver.receive()
        except BlockingIOError:  # another worker was faster
            return None
        if received is None:
            # The owner closed the queue; the head will detach us.
            self._close_receiver()
            return None
        (message,), fds = received
        self._slot[2] = NO_LIMIT
        self._slot[3] = 0
        self._slot[1] = 0
        self._slot[0] = message[1]
        return (*message[1:], fds)

    def _run_timed(
        self,
        packet: int,
        key: bytes,
        called: str,
        returns: int,
        timeout: float | None,
        calls: list[tuple[Any, ...]],
        fds: list[int],
    ) -> None:
        """Runs a packet, of one task if that has a time limit."""
        if timeout is None:
            self._run_packet(packet, key, called, returns, calls, fds)
            return
        alarm.start(timeout)
        try:
            self._run_packet(packet, key, called, returns, calls, fds)
        finally:
            alarm.stop()

    def _run_packet(
        self,
        packet: int,
        key: bytes,
        called: str,
        returns: int,
        calls: list[tuple[Any, ...]],
        fds: list[int],
    ) -> None:
        slot = self._slot
        runs = self._runs
        results: list[Any] = []
        lent: Lent = []
        out_fds: list[int] = []
        function = self._functions.get(key)
        if function is None:
            function = self._fetch(key)
        self._function = function
        self._called = called
        self._session.before_user_code()
        left = self._left.get(key)
        if left is not None:
            calls = calls[:left]
        clock = time.perf_counter
        began = clock()
        begun = 0
        last = len(calls) - 1
        self._open = (packet, results, lent, out_fds) if last else None
        for index, call in enumerate(calls):
            slot[1] = index
            if index >= slot[2]:  # its owner has taken the rest back, or is about to
                break
            if len(call) == 2:
                value = runs.plain(function, call)
            else:
                value = runs.encoded(function, call, results, fds, lent)
                if value is NOT_HERE:
                    break
            begun = index + 1
            if returns != 1 or not values.is_plain(value):
                value = runs.wired(function, call, returns, value, self.owner, out_fds)
            results.append(value)
            value = None
            if index < last and (self._open is None or clock() - began > _HAND_BACK):
                break
        self._open = None
        elapsed = clock() - began
        for fd in fds:
            os.close(fd)
        self._reply(packet, elapsed, results, lent, out_fds)
        # Not before the kernel has the reply: what the board doesn't show can't be missed.
        slot[0] = 0
        if left is not None:
            self._left[key] = left - begun
            if self._left[key] <= 0:
                self._stop_reading()

    def _stop_reading(self) -> None:
        """The ``max_calls`` of a function are made: no more tasks, and the end as soon as nobody
        needs an object of this process and its own tasks have ended."""
        self._spent = True
        self._close_receiver()
        with self._session.loop.lock:
            self._session.head.send(messages.leaving(MAX_CALLS))

    def part(self) -> None:
        """The task running waits for others, perhaps of its own packet: hands back those behind
        it, and the results of those before it. Other threads of the user's wait for themselves.
        """
        if self._open is None or threading.get_ident() != self._thread:
            return
        packet, results, lent, fds = self._open
        self._open = None
        self._reply(packet, None, results, lent, fds)
        results.clear()
        lent.clear()
        fds.clear()

    def _reply(
        self, packet: int, elapsed: float | None, results: list[Any], lent: Lent, fds: list[int]
    ) -> None:
        """What came of a packet; without ``elapsed``, of its first part."""
        session = self._session
        process = self._process
        with session.loop.lock:
            process.output.send_lines()
            kept = session.references.kept(lent, self.owner) if lent else []
            proc = session.home.proc
            if elapsed is None:
                message = messages.parted(self._queue, packet, proc, results, kept)
            else:
                message = messages.done(self._queue, packet, proc, elapsed, results, kept)
            session.peers.send(self.owner, message, fds)
            for fd in fds:
                os.close(fd)
            session.releases.settle()
        box = session.peers.box(self.owner)
        if box is not None and box.waiting:
            session.pump.wait(lambda: not box.waiting)

    # -- functions ------------------------------------------------------------------------

    def _fetch(self, key: bytes) -> Callable[..., Any]:
        """The function of a content hash, asked of the head and unpickled once."""
        blob = self._process.fetch_code(key)
        try:
            function: Callable[..., Any] = values.loads(blob)
        except BaseException as error:  # noqa: BLE001 - the user's
            function = outcome.unloadable(error)
        if isinstance(function, Limited):
            self._left[key] = function.max_calls
            function = function.function
        self._functions[key] = function
        return function

    @property
    def name(self) -> str:
        """What the task running is called."""
        return self._called or getattr(self._function, "__qualname__", "") or repr(self._function)

    @property
    def label(self) -> str:
        """The same in short."""
        return self._called or getattr(self._function, "__name__", "")

    @property
    def full_name(self) -> str:
        """Its function with the module."""
        function = self._function
        qualname = getattr(function, "__qualname__", "") or repr(function)
        return f"{getattr(function, '__module__', '')}.{qualname}"

    def note(self, packet: int, index: int) -> None:
        """Notes on the board what an actor does; see ``core.calls.note_timeout``."""
        self._slot[1] = index
        self._slot[0] = packet

    @property
    def cancelled(self) -> int:
        """The task that its owner wants to be interrupted; 0 for none."""
        return self._slot[3]

    def close(self) -> None:
        """Closes what it holds open."""
        if self._receiver is not None:
            self._receiver.close()
        self._idle.close()
        os.close(self._wake)
