"""A process of a simulated session: the real owner's parts over the simulated wire."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from heliostat.engines import registry
from heliostat.engines.local.core.objects import PENDING
from heliostat.engines.local.owner.actors import Actors
from heliostat.engines.local.owner.engine import LocalEngine
from heliostat.engines.local.owner.functions import Functions
from heliostat.engines.local.owner.objects import Objects
from heliostat.engines.local.owner.peers import Peers
from heliostat.engines.local.owner.references import Home, References
from heliostat.engines.local.owner.session import Session
from heliostat.engines.local.owner.submit import Queue, Tasks
from heliostat.engines.local.store.segments import Segments
from heliostat.engines.local.wire import messages
from tests.simulation.head import HEAD
from tests.simulation.wire import Box

if TYPE_CHECKING:
    from tests.simulation.world import World

#: A thread of a process: runs until it yields what it waits for, or None to let others run.
Thread = Generator[Callable[[], Any] | None, None, None]


class _Loop:
    """Files messages when the scheduler delivers them."""

    def __init__(self) -> None:
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

    def __init__(self, process: Process) -> None:
        self._process = process
        self.readers = 0
        self.before_wait: Callable[[], None] = lambda: None
        self.outstanding: Callable[[], bool] = lambda: False

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

    def __init__(self, world: World, proc: int, loop: Any, head: Any) -> None:
        super().__init__(loop, head)
        self._world = world
        self._proc = proc

    def add(self, proc: int, fd: Any) -> None:
        if proc in self._boxes or proc in self._gone:
            return
        box: Any = Box(self._world.wire, self._proc, proc)
        self._boxes[proc] = box
        for message, fds in self._unconnected.pop(proc, ()):
            box.send(message, fds)
            for copy in fds:
                os.close(copy)


class _Tasks(Tasks):
    """Opens its queues on simulated pipes."""

    def __init__(self, session: Session, world: World) -> None:
        super().__init__(session)
        self._world = world

    def _open(self, key: Any, limit: int) -> Queue:
        amounts, env = key
        number = self._next_queue
        self._next_queue = number + 1
        pipe: Any = self._world.wire.new_pipe()
        queue = self._queues[number] = Queue(number, limit, pipe)
        self.session.head.send(messages.open_queue(number, amounts, env), (pipe,))
        return queue


class SimulatedSession(Session):
    """The parts of a process put together as in a real one."""

    def __init__(self, process: Process, about: dict[str, Any]) -> None:
        world = process.world
        loop: Any = _Loop()
        pump: Any = _Pump(process)
        head: Any = Box(world.wire, process.proc, HEAD)
        self.engine = process.engine
        self.about = about
        self.namespace = about["namespace"]
        self.env = dict(about["env"])
        self.over = None
        self.futures = 0
        self.handlers = {}
        self.loop = loop
        self.head = head
        self.home = Home(process.proc, about["uid"], self.engine)
        self.peers = _Peers(world, process.proc, loop, head)
        self.segments = Segments(process.proc, 1 << 16, 1 << 18)
        self.references = References(self.home, about["uid"], self.peers, self.segments)
        self.pump = pump
        self.objects = Objects(loop, self.references, self.segments, self._grant_memory)
        self.functions = Functions(loop, head, self.references)
        self.tasks = _Tasks(self, world)
        self.actors = Actors(self)
        self.on_log = lambda *_: None
        self._questions = {}
        self._next_question = 1
        self._actor_count = 0
        pump.before_wait = self._before_wait
        pump.outstanding = self._outstanding
        self.references.nudge = pump.nudge
        self.references.returned_bytes = self._return_memory
        loop.settle.append(self.references.settle)
        self._register()


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
        self.session = self.engine.session = SimulatedSession(self, about)
        #: References that outlive tasks, as in a module's global variables.
        self.globals: list[Any] = []

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
        for settle in loop.settle:
            settle()
        loop.run_after()
        self.dirty = True
        self.check()

    def pump(self) -> None:
        """What the background thread does."""
        self.enter()
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
        self.session.segments.close()
