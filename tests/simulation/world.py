"""A simulated session: its processes, the scheduler that moves them, faults, and what must hold.

One seed decides everything: which message arrives when, who runs next, who is killed where.
Time is virtual and moves when the head waits for it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from random import Random
from typing import Any

from heliostat.engines import registry
from heliostat.engines.local.store import values
from heliostat.engines.local.wire import messages
from heliostat.model.options import TaskOptions
from tests.simulation import program
from tests.simulation.checks import compare_books, complain, holds_itself, leftovers
from tests.simulation.head import HEAD, Head
from tests.simulation.process import Process
from tests.simulation.truth import Truth, Violation
from tests.simulation.wire import Wire, opened
from tests.simulation.worker import Worker

#: Bytes above which values go to shared memory here.
INLINE = 300
#: Steps after which a run has surely gone astray.
MOST_STEPS = 40_000

_CPU = 10_000
#: Seconds a step takes.
_STEP = 50e-6
Event = tuple[Callable[..., None], tuple[Any, ...]]


class World:
    """A session and everything that happens in it."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = Random(seed)
        rng = self.rng
        self.cpus = rng.choice((1, 1, 2, 3))
        self.bursts = 1
        self.truth = Truth()
        self.wire = Wire()
        self.head = Head(self.wire, {"CPU": self.cpus * _CPU, "R": _CPU})
        self.processes: dict[int, Process] = {}
        self.drivers: list[int] = []
        self.gone: list[int] = []
        self.steps = 0
        self.story: list[str] | None = None
        self.faults = rng.choice((0, 0, 1, 2, 4))
        self.frozen = False
        self.excused = False
        self._plans = 0
        self._held: dict[tuple[int, int], int] = {}
        self._options: dict[tuple[Any, ...], TaskOptions] = {}
        for _ in range(rng.choice((1, 1, 2))):
            self._join(rng.choice((4, 10, 25)))

    def _join(self, steps: int) -> None:
        proc, about = self.head.join()
        process = self.processes[proc] = Process(self, proc, about)
        self.drivers.append(proc)
        process.start(program.drive(process, self.new_plan(), steps))

    def new_plan(self) -> int:
        """A number that no other task, call or object has."""
        self._plans += 1
        return self._plans * 1_000_003 + self.seed * 7919

    def name_taken(self, name: str) -> bool:
        """Whether a living actor has the name."""
        return self.head.server.actors.find("shared", name) is not None

    def task_options(self, rng: Random) -> tuple[TaskOptions, Any]:
        """Options and function of a random task."""
        cpus = rng.choice((1, 1, 1, 1, 0, 0.5, min(2, self.cpus)))
        retries = rng.choice((0, 1, 3, -1))
        again = retries >= 0 and rng.random() < 0.2
        key = (cpus, retries, again)
        if key not in self._options:
            given = {"num_cpus": cpus, "max_retries": retries, "retry_exceptions": again}
            self._options[key] = TaskOptions.make(given)
        return self._options[key], program.FAST if rng.random() < 0.6 else program.SLOW

    # -- the run --------------------------------------------------------------------------

    def run(self) -> None:
        """Runs to the end and checks that nothing is left."""
        inline, values.INLINE_BYTES = values.INLINE_BYTES, INLINE
        gc.disable()  # when it runs depends on more than the seed
        try:
            self._run_programs()
            self._let_go()
            self._end_programs()
        finally:
            values.INLINE_BYTES = inline
            gc.enable()
            registry.set_current(None)
            self._close()

    def _run_programs(self) -> None:
        looks = sorted(self.rng.randrange(600) for _ in range(2))
        while any(p in self.processes and self.processes[p].threads for p in self.drivers):
            if self.faults and self.rng.random() < 0.01:
                self._fault()
            if not self.step():
                self._wait_for_time()
            if looks and self.steps >= looks[0]:
                looks.pop(0)
                self._look_for_idle_cpus()

    def step(self) -> bool:
        """One event of the scheduler's choice; False if only time can help."""
        events = self._events()
        if not events:
            return False
        self.steps += 1
        self.head.clock.now += _STEP
        if self.steps > MOST_STEPS:
            raise Violation("the run doesn't end")
        act, args = events[self.rng.randrange(len(events))]
        self.tell(act.__name__, *args)
        act(*args)
        return True

    def tell(self, *what: Any) -> None:
        """A line of the story, for whoever replays a seed."""
        if self.story is not None:
            self.story.append(f"{self.steps} " + " ".join(map(str, what)))

    def _events(self) -> list[Event]:
        events: list[Event] = []
        head = self.head
        ready = [pair for pair in self._deliverable() if self._held.get(pair, 0) <= self.steps]
        events += [(self._deliver, pair) for pair in ready]
        if not ready:
            self._held.clear()
        for process in self.processes.values():
            if process.dirty:
                events.append((process.pump, ()))
            runnable = [] if self.frozen and self._runs_code(process) else process.runnable()
            events += [(self._step_process, (process, index)) for index in runnable]
        if head.template.orders:
            events.append((self._obey, ()))
        if self.gone:
            events.append((self._reap, ()))
        if head.dirty:
            events.append((head.turn, ()))
        return events or [(self._deliver, pair) for pair in self._deliverable()]

    def _deliverable(self) -> list[tuple[int, int]]:
        """Channels with a message for somebody who can read it."""
        channels = self.wire.channels.items()
        return [p for p, sent in channels if sent and (p[1] == HEAD or p[1] in self.processes)]

    def _runs_code(self, process: Process) -> bool:
        """User code runs there, which a look at the schedule must not take further."""
        if not isinstance(process, Worker):
            return True
        return bool(process.task)

    def _wait_for_time(self) -> None:
        """Nothing happens until the head looks again."""
        for _ in range(100):
            if self.head.tick < 0:
                break
            self.head.clock.now += self.head.tick
            self.head.turn()
            if self._events():
                return
        raise Violation("nothing can happen any more, and the programs haven't ended")

    # -- events ---------------------------------------------------------------------------

    def _deliver(self, sender: int, receiver: int) -> None:
        if self.rng.random() < 0.02:
            self._held[sender, receiver] = self.steps + self.rng.randrange(200)
            return
        if self.story is not None:
            self.tell("   ", opened(self.wire.channels[sender, receiver][0]))
        if receiver == HEAD:
            self.head.deliver(sender)
            if self.rng.random() < 0.5:
                self.head.turn()
        else:
            message, fds = self.wire.take(sender, receiver)
            if message[0] == messages.AUDIT:
                # The head looked at the board, which shows a packet until its reply is sent.
                self._deliver_all(list(self.processes), [receiver])
            self.processes[receiver].deliver(message, fds)

    def _deliver_all(self, senders: list[int], receivers: list[int]) -> None:
        """Delivers what some processes have sent to others."""
        for pair in [(sender, receiver) for sender in senders for receiver in receivers]:
            while pair[1] in self.processes and self.wire.pending(*pair):
                if self.story is not None:
                    self.tell("    ahead:", opened(self.wire.channels[pair][0]))
                self.processes[pair[1]].deliver(*self.wire.take(*pair))

    def converse(self, process: Process) -> None:
        """Lets a process and the head have their messages from each other."""
        while self.wire.pending(process.proc, HEAD):
            self.head.deliver(process.proc)
        while self.wire.pending(HEAD, process.proc):
            process.deliver(*self.wire.take(HEAD, process.proc))
        process.enter()

    def _step_process(self, process: Process, index: int) -> None:
        process.step(index)
        if isinstance(process, Worker) and process.finished:
            self._end(process, 0)
        elif isinstance(process, Worker) and process.doomed:
            self.tell("fault: kill", process, "between taking a packet and noting it")
            self.kill(process.proc)

    def _obey(self) -> None:
        """The template carries out the head's next order."""
        order = self.head.template.orders.popleft()
        proc = order[1]
        if order[0] == "spawn":
            self.processes[proc] = Worker(self, proc, order[2], order[3])
        elif proc in self.processes:
            self.kill(proc)

    def kill(self, proc: int) -> None:
        """A process ends where it stands."""
        process = self.processes[proc]
        if isinstance(process, Worker):
            for key in process.taken:
                self.truth.objects[key].kills += 1
            # It registered borrows for the receivers of answers that it won't send any more.
            unsent = process.taken or process.session.peers._unconnected
            self.excused |= bool(unsent) and proc in self.wire.vouchers
        self._end(process, 9)

    def _end(self, process: Process, status: int) -> None:
        del self.processes[process.proc]
        self.wire.cut(process.proc)
        self.truth.dead.add(process.proc)
        process.close()
        self.gone.append(process.proc)

    def _reap(self) -> None:
        """The kernel's word on a death reaches the head; what it wrote before was read before."""
        proc = self.gone.pop(0)
        self._deliver_all([proc], list(self.processes))
        actor = self.head.server.actors.by_proc.get(proc)
        if actor is not None:
            self.truth.actors[actor.actor_id].hurt += 1
        self.head.gone(proc, 9)

    def strikes(self) -> bool:
        """Whether a worker is killed where it takes some microseconds only."""
        strikes = self.faults > 0 and self.rng.random() < 0.03
        self.faults -= strikes
        return strikes

    def _fault(self) -> None:
        """Kills a worker, or sometimes a program that isn't the last."""
        workers = [p for p, process in self.processes.items() if isinstance(process, Worker)]
        drivers = [p for p in self.drivers if p in self.processes]
        if len(drivers) > 1 and self.rng.random() < 0.1:
            workers = drivers[1:]
        if workers:
            self.faults -= 1
            victim = self.rng.choice(workers)
            self.tell("fault: kill", victim)
            self.kill(victim)

    # -- what must hold -------------------------------------------------------------------

    def _look_for_idle_cpus(self) -> None:
        """While all user code stands still: no task waits where one more could run."""
        self.frozen = True
        try:
            for _ in range(20):
                steps = self.steps
                while self.step():
                    if self.steps - steps > 5000:
                        raise Violation("the schedule doesn't settle")
                if self.head.tick < 0:
                    break
                self.head.clock.now += self.head.tick
                self.head.turn()
        finally:
            self.frozen = False
        leases = self.head.server.leases
        spare = leases.spare(self.head.server.is_idle)
        if spare["CPU"] < 0:
            return  # who went on after lending its CPU: nothing is granted until that is settled
        for process in self.processes.values():
            for queue in process.session.tasks._queues.values():
                pipe: Any = queue.box
                if queue.backlog or pipe.packets:
                    page = self.head.holds_queue(process.proc, queue.number)
                    if all(spare.get(name, 0) >= need for name, need in page.resources):
                        complain(self, process, queue, page, spare)

    def _let_go(self) -> None:
        """Nobody holds anything any more: every object and actor must go."""
        self._settle()
        compare_books(self)
        for process in self.processes.values():
            process.enter()
            process.globals.clear()
        self._settle()
        if leftovers(self):
            gc.collect()  # an exception's traceback may have held a frame
            self._settle()
        left = leftovers(self)
        if left and not self.excused and not holds_itself(self):
            raise Violation("left at the end: " + "; ".join(left))

    def _settle(self) -> None:
        for process in self.processes.values():
            process.dirty = True
        for _ in range(30):
            while self.step():
                pass
            if self.head.tick < 0:
                return
            self.head.clock.now += self.head.tick
            self.head.turn()

    def _end_programs(self) -> None:
        """The programs end: their workers go, and everything they had."""
        for proc in self.drivers:
            if proc in self.processes:
                self.kill(proc)
        self._settle()
        leases = self.head.server.leases
        if self.processes or leases.workers or leases.queues or leases.free != leases.totals:
            raise Violation(f"after the programs: {list(self.processes)}, {leases.workers}")

    def _close(self) -> None:
        for process in self.processes.values():
            process.close()
        self.head.close()
        self.wire.close()
