"""A process of a simulated session: the real owner's parts over the simulated wire."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from heliostat.engines import registry
from heliostat.engines.local.core.objects import PENDING
from heliostat.engines.local.owner import session as session_module
from heliostat.engines.local.owner.engine import LocalEngine
from heliostat.engines.local.owner.peers import Peers
from heliostat.engines.local.owner.session import Session
from heliostat.engines.local.owner.submit import Queue, Tasks
from heliostat.engines.local.wire import messages
from tests.simulation.head import HEAD
from tests.simulation.wire import Box

if TYPE_CHECKING:
    from tests.simulation.world import World

#: A thread of a process: runs until it yields what it waits for, or None to let others run.
Thread = Generator[Callable[[], Any] | None, None, None]


class _Loop:
    """Files messages when the scheduler delivers them. The process stands for its inbox."""

    def __init__(self, inbox: Any, handlers: Any) -> None:
        self.process: Process = inbox
        self.lock = threading.RLock()
        self.fds: deque[Any] = deque()
        self.after: deque[Callable[[], None]] = deque()
        self.settle: list[Callable[[], None]] = []
        self.interrupted = False
        self.poisoned = None

    def take_fd(self) -> Any:
        return self.fds.popleft()

    def send_later(self, box: Any) -> None:
        raise AssertionError("a simulated box keeps nothing back")

    def forget(self, box: Any) -> None:
        """There is nothing to close."""

    def run_after(self) -> None:
        while self.after:
            self.after.popleft()()


class _Pump:
    """Notes that the background thread has something to do."""

    def __init__(self, loop: _Loop) -> None:
        self._process = loop.process
        self.readers = 0
        self.before_wait: Callable[[], None] = lambda: None
        self.outstanding: Callable[[], bool] = lambda: False
        self.each_tick: Callable[[], None] = lambda: None

    def work_outstanding(self) -> None:
        self._process.dirty = True

    nudge = work_outstanding

    def wait(self, ready: Callable[[], Any], timeout: float | None = None) -> bool:
        """Only questions to the head wait here: they are answered ahead of all else."""
        while not ready():
            self._process.world.converse(self._process)
        return True


class _Peers(Peers):
    """Sends to processes by number; a descriptor of an inbox is only a number here."""

    def add(self, proc: int, fd: Any) -> None:
        if proc in self._boxes or proc in self._gone:
            return
        loop: Any = self._loop
        box: Any = Box(loop.process.world.wire, loop.process.proc, proc)
        self._boxes[proc] = box
        for message, fds in self._unconnected.pop(proc, ()):
            box.send(message, fds)
            for copy in fds:
                os.close(copy)


class _Tasks(Tasks):
    """Opens its queues on simulated pipes."""

    def _open(self, key: Any, limit: int) -> Queue:
        amounts, env = key
        number = self._next_queue
        self._next_queue = number + 1
        loop: Any = self.session.loop
        pipe: Any = loop.process.world.wire.new_pipe()
        queue = self._queues[number] = Queue(number, limit, pipe)
        self.session.head.send(messages.open_queue(number, amounts, env), (pipe,))
        return queue


#: What a session is made of here instead.
_PARTS = {
    "Loop": _Loop,
    "Outbox": lambda box, _: box,
    "Peers": _Peers,
    "Pump": _Pump,
    "Tasks": _Tasks,
    "ARENA_BYTES": 1 << 16,
    "WARM_BYTES": 1 << 18,
}


def _session(process: Process, about: dict[str, Any]) -> Session:
    """A real session of simulated parts."""
    own: Any = vars(session_module)
    kept = {name: own[name] for name in _PARTS}
    own.update(_PARTS)
    try:
        inbox: Any = process
        head: Any = Box(process.world.wire, process.proc, HEAD)
        return Session(process.engine, process.proc, inbox, head, about)
    finally:
        own.update(kept)


class Process:
    """A process and its threads.

    Attributes:
        threads: what runs here, each with the condition it waits for.
        dirty: the background thread has something to do.
        lends: a wait lends its CPU.
    """

    def __init__(self, world: World, proc: int, about: dict[str, Any]) -> None:
        self.world = world
        self.proc = proc
        self.dirty = False
        self.lends = False
        self.threads: list[tuple[Thread, Callable[[], Any] | None]] = []
        self.engine = LocalEngine()
        self.session = self.engine.session = _session(self, about)
        self.session.recall.board = world.head.board
        #: References that outlive tasks, as in a module's global variables.
        self.globals: list[Any] = []
        #: Remote functions by options and name: tasks of one share packets.
        self.templates: dict[tuple[int, str], Any] = {}

    def enter(self) -> None:
        """Code of this process runs next."""
        registry.set_current(self.engine)

    def start(self, thread: Thread) -> None:
        """A thread begins."""
        self.threads.append((thread, None))

    def runnable(self) -> list[int]:
        """Threads that can go on."""
        return [i for i, (_, ready) in enumerate(self.threads) if ready is None or ready()]

    def step(self, index: int) -> None:
        """A thread goes on to its next wait."""
        self.enter()
        thread, _ = self.threads[index]
        try:
            ready = next(thread)
        except StopIteration:
            del self.threads[index]
        else:
            self.threads[index] = (thread, ready)
        self.session.loop.run_after()
        self.check()

    def deliver(self, message: Any, fds: list[Any]) -> None:
        """Files a message, as the loop does."""
        self.enter()
        loop: Any = self.session.loop
        loop.fds.extend(fds)
        self.session.handlers[message[0]](*message[1:])
        while loop.fds:
            fd = loop.fds.popleft()
            if isinstance(fd, int) and fd >= 0:
                os.close(fd)
        self.settle()
        loop.run_after()
        self.dirty = True
        self.check()

    def settle(self) -> None:
        """What the loop does after each filing."""
        for settle in self.session.loop.settle:
            settle()

    def pump(self) -> None:
        """What the background thread does."""
        self.enter()
        self.session.pump.each_tick()
        self.session._before_wait()
        self.session.loop.run_after()
        self.dirty = False

    def get(self, entries: list[Any]) -> Generator[Any, None, None]:
        """Waits as ``get`` does; a wait that lasts lends the CPU."""

        def ready() -> bool:
            return all(entry.state != PENDING for entry in entries)

        if ready():
            return
        self.session.want(entries)
        self.session._before_wait()
        yield None
        if ready():
            return
        if self.lends:
            self.on_blocked()
            self.session.head.send(messages.blocked())
        yield ready
        if self.lends:
            self.session.head.send(messages.unblocked())

    def on_blocked(self) -> None:
        """A worker hands back what is queued behind a task that waits."""

    def check(self) -> None:
        """The invariants of every part."""
        self.session.check()
        for calls in self.session.actors._active.values():
            calls.check()

    def __str__(self) -> str:
        return f"process {self.proc}"

    def close(self) -> None:
        """The process is gone."""
        self.threads.clear()
        self.globals.clear()
        self.session.peers.close()
        self.session.segments.close()
