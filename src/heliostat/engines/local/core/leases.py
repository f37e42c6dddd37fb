"""The head's decisions on who may use which worker: leases, lending, fairness.

A lease attaches a worker to a task queue; from then on the worker draws packets from that
queue until the head detaches it, which takes effect between two packets and needs nobody's
cooperation but the worker's. The rules:

1. A queue gets a worker while its demand is above the workers it has running and its
   resources are free. Owners raise their demand; nobody lowers it but the head, when it
   takes an idle worker away.
2. A worker blocked in ``get`` lends its CPU (nothing else). On unblocking it goes on at once;
   while that leaves less than nothing free, the head grants nothing and takes leases back.
3. Resources go first to the job that holds least, in it to the queue whose owner is nested
   deepest, then to the one that holds least. When somebody waits,
   idle workers of other queues are detached at once; a busy worker of whoever holds more than
   the waiting one would, at the end of its packet; and one that has had its queue for
   ``SLICE`` seconds for a queue that has none.
4. A worker belongs to one job and one environment; an actor's worker to that actor.

Amounts are integers, ten-thousandths of a unit. Inputs are method calls with the time passed
in; outputs are the tuples appended to ``actions``, which the shell drains.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from heliostat.engines.local.core.books import Books
from heliostat.engines.local.core.invariants import check_leases
from heliostat.engines.local.core.victims import Victims
from heliostat.engines.local.core.workers import (
    UNIT,
    Amounts,
    Env,
    Placement,
    Queue,
    QueueKey,
    Worker,
    WorkerState,
)

#: Seconds an idle worker beyond the number of CPUs is kept.
IDLE_SECONDS = 1.0
#: Seconds in which the workers of tasks that need no CPU may double.
RAMP = 0.02


class Leases:
    """The aggregate of workers, queues and free resources of one host."""

    def __init__(self, totals: dict[str, int], new_proc: Callable[[], int]) -> None:
        self.books = Books(totals)
        self.workers: dict[int, Worker] = {}
        self.queues: dict[QueueKey, Queue] = {}
        self.placements: dict[bytes, Placement] = {}
        self.actions: list[tuple[Any, ...]] = []
        #: Somebody's need could not be met when ``schedule`` was last called.
        self.waiting = False
        self._new_proc = new_proc
        self._victims = Victims(self)
        self._next_surplus = 0.0
        self._ended_jobs: set[int] = set()
        #: When an actor was last given a process, by the job and environment of that.
        self._placed: dict[tuple[int, Env], float] = {}

    @property
    def totals(self) -> dict[str, int]:
        """What the host has."""
        return self.books.totals

    @property
    def free(self) -> dict[str, int]:
        """What nobody holds."""
        return self.books.free

    # -- jobs, queues, demand -------------------------------------------------------------

    def prestart(self, job: int, env: Env, count: int, now: float) -> None:
        """Starts ``count`` idle workers, so that the first tasks find them."""
        for _ in range(count):
            self._spawn(job, env, now)

    def open_queue(self, key: QueueKey, job: int, resources: Amounts, env: Env) -> None:
        """An owner opened a task queue; a worker's is one deeper than the queue it serves."""
        owner = self.workers.get(key[0])
        depth = owner.queue.depth + 1 if owner is not None and owner.queue is not None else 0
        self.queues[key] = Queue(key, job, resources, env, depth)

    def demand(self, key: QueueKey, workers: int) -> None:
        """The owner could use ``workers`` workers."""
        queue = self.queues.get(key)
        if queue is not None:
            queue.demand = workers

    def place_actor(self, placement: Placement) -> None:
        """An actor needs a process."""
        self.placements[placement.actor] = placement

    def forget_actor(self, actor: bytes) -> None:
        """The actor no longer needs to be placed."""
        self.placements.pop(actor, None)

    # -- what workers report --------------------------------------------------------------

    def blocked(self, proc: int) -> None:
        """The worker waits in ``get``: its CPU is free for others."""
        worker = self.workers.get(proc)
        if worker is not None and not worker.blocked:
            worker.blocked = True
            self.books.give(_cpu_of(worker.held))
            self._tell(worker)

    def unblocked(self, proc: int) -> None:
        """The worker goes on; what is free may fall below zero."""
        worker = self.workers.get(proc)
        if worker is not None and worker.blocked:
            worker.blocked = False
            self.books.take(_cpu_of(worker.held))
            self._tell(worker)

    def _tell(self, worker: Worker) -> None:
        """Its queue's owner may have more tasks out while some of them wait."""
        if worker.queue is not None:
            self.actions.append(("tell", worker.proc, worker.queue.key))

    def detached(self, proc: int, now: float) -> None:
        """The worker left its queue, as told."""
        worker = self.workers.get(proc)
        if worker is not None and worker.state is WorkerState.DETACHING:
            self._leave(worker)
            worker.move(WorkerState.IDLE, now)
            if worker.job in self._ended_jobs:
                worker.move(WorkerState.RETIRING, now)
                self.actions.append(("retire", worker.proc))

    def leaving(self, proc: int, now: float) -> None:
        """The worker takes no more packets and ends by itself."""
        worker = self.workers.get(proc)
        if worker is not None and worker.queue is not None:
            self._leave(worker)
            worker.move(WorkerState.RETIRING, now)

    def died(self, proc: int) -> Worker | None:
        """The worker's process ended: whatever it held is free."""
        worker = self.workers.pop(proc, None)
        if worker is not None:
            self._leave(worker)
        return worker

    def close_owner(self, owner: int, is_idle: Callable[[int], bool], now: float) -> None:
        """An owner is gone: its queues close, and the workers running its tasks are killed."""
        for key in [key for key in self.queues if key[0] == owner]:
            queue = self.queues.pop(key)
            for worker in list(queue.attached.values()):
                if not is_idle(worker.proc):
                    self.actions.append(("kill", worker.proc, "its owner died"))
                elif worker.state is WorkerState.LEASED:
                    self.detach(worker, now)

    def close_job(self, job: int, now: float) -> None:
        """A job ended: its workers end with it, actors' workers are the actors' business.

        What these still start for their own tasks ends as soon as it has none of them.
        """
        self._ended_jobs.add(job)
        self._placed = {key: when for key, when in self._placed.items() if key[0] != job}
        for worker in self.workers.values():
            if worker.job == job and worker.state is not WorkerState.ACTOR:
                if worker.state is WorkerState.IDLE:
                    # A detached actor of the job may be waiting for a worker, but not for this.
                    worker.move(WorkerState.RETIRING, now)
                self.actions.append(("kill", worker.proc, "its job ended"))

    # -- the decision ---------------------------------------------------------------------

    def schedule(self, is_idle: Callable[[int], bool], now: float) -> None:
        """Grants and takes back leases until nothing more can be done now.

        ``is_idle(proc)`` tells whether a leased worker waits for a packet.
        """
        while self.books.overdrawn and self._victims.balance(is_idle, now):
            pass
        self.waiting = self.books.overdrawn
        if self.waiting:
            return
        stuck: list[Queue | Placement] = []
        held_back: list[Queue | Placement] = []
        while True:
            need = self._neediest(stuck + held_back)
            if need is None:
                break
            if isinstance(need, Queue) and not self._may_grow(need, is_idle, now):
                if need.missing > 0:
                    held_back.append(need)
            elif not self._grant(need, now):
                stuck.append(need)
        self.waiting = bool(stuck or held_back)
        if stuck:
            self._victims.make_room(stuck, is_idle, now)

    def surplus(self, is_idle: Callable[[int], bool], now: float) -> None:
        """Ends workers idle for long beyond the number of CPUs; looks every quarter second."""
        if now < self._next_surplus:
            return
        self._next_surplus = now + IDLE_SECONDS / 4
        idle = [w for w in self.workers.values() if w.state is WorkerState.IDLE]
        leased = self._resting(is_idle)
        excess = max(0, len(idle) + len(leased) - self.totals.get("CPU", 0) // UNIT)
        for worker in sorted(idle, key=lambda w: w.since)[:excess]:
            if now - worker.since >= IDLE_SECONDS:
                worker.move(WorkerState.RETIRING, now)
                self.actions.append(("retire", worker.proc))
        for worker in leased[: max(0, excess - len(idle))]:
            self.detach(worker, now)

    def _resting(self, is_idle: Callable[[int], bool]) -> list[Worker]:
        """Leased workers that had nothing to do at this look nor at the last."""
        resting = []
        for worker in self.workers.values():
            rests = worker.state is WorkerState.LEASED and is_idle(worker.proc)
            if rests and worker.rested:
                resting.append(worker)
            worker.rested = rests
        return resting

    def spare(self, is_idle: Callable[[int], bool]) -> dict[str, int]:
        """Free resources, counting those of leased workers that have nothing to do."""
        spare = dict(self.free)
        for worker in self.workers.values():
            if worker.state is WorkerState.LEASED and not worker.blocked and is_idle(worker.proc):
                for name, amount in worker.held:
                    spare[name] = spare.get(name, 0) + amount
        return spare

    def usage(self) -> dict[int, int]:
        """CPU held by each job."""
        usage: dict[int, int] = {}
        for worker in self.workers.values():
            if not worker.blocked:
                for name, amount in worker.held:
                    if name == "CPU":
                        usage[worker.job] = usage.get(worker.job, 0) + amount
        return usage

    # -- granting -------------------------------------------------------------------------

    def _neediest(self, stuck: list[Queue | Placement]) -> Queue | Placement | None:
        """Whose turn it is: actors to be placed, then the job and queue that hold least."""
        for placement in self.placements.values():
            if placement not in stuck:
                return placement
        waiting = [q for q in self.queues.values() if q.missing > 0 and q not in stuck]
        if not waiting:
            return None
        usage = self.usage()
        # Deep queues first: a thousand tasks that each wait for a subtask then need a few
        # workers, not a thousand.
        return min(waiting, key=lambda q: (usage.get(q.job, 0), -q.depth, q.running), default=None)

    def _may_grow(self, queue: Queue, is_idle: Callable[[int], bool], now: float) -> bool:
        """Whether the queue may have one more worker, as far as it itself is concerned.

        Any number of tasks that need no CPU may wait at once for something else, and each
        needs a worker. But there may also be a million that end at once; so beyond a worker a
        CPU they double at most, as long as they are busy.
        """
        running = queue.running
        if queue.needs_cpu or running < self.totals.get("CPU", 0) // UNIT:
            return True
        if any(is_idle(proc) for proc in queue.attached):
            # The demand was met. Its owner raises it again if there is more to do.
            queue.demand = len(queue.attached)
            self.actions.append(("tell", 0, queue.key))
            return False
        if now - queue.grown >= RAMP:
            queue.grown = now
            queue.room = running or 1
        queue.room -= 1
        return queue.room >= 0

    def _grant(self, need: Queue | Placement, now: float) -> bool:
        place = need.place if isinstance(need, Placement) else need.resources
        if not self.books.fits(place):
            return False
        worker = self._idle_worker(need.job, need.env) or self._spawn(need.job, need.env, now)
        if isinstance(need, Placement):
            del self.placements[need.actor]
            worker.move(WorkerState.ACTOR, now)
            self._hold(worker, need.run)
            self.actions.append(("host", worker.proc, need.actor, worker.gpus))
            self._keep_spare(need.job, need.env, now)
        else:
            worker.move(WorkerState.LEASED, now)
            worker.queue = need
            need.attached[worker.proc] = worker
            self._hold(worker, need.resources)
            self.actions.append(("attach", worker.proc, need.key, worker.gpus))
        return True

    def _keep_spare(self, job: int, env: Env, now: float) -> None:
        """Where one actor is created after the other, the next one finds its process started: it
        answers after 4.8 ms where it took 6.2. A spare that nobody took ends as any idle worker."""
        last = self._placed.get((job, env))
        self._placed[job, env] = now
        lately = last is not None and now - last < IDLE_SECONDS
        if lately and job not in self._ended_jobs and self._idle_worker(job, env) is None:
            self._spawn(job, env, now)

    def _idle_worker(self, job: int, env: Env) -> Worker | None:
        """The idle worker used last: its memory is the warmest."""
        idle = [
            w
            for w in self.workers.values()
            if w.state is WorkerState.IDLE and w.job == job and w.env == env
        ]
        return max(idle, key=lambda w: w.since, default=None)

    def _spawn(self, job: int, env: Env, now: float) -> Worker:
        worker = Worker(self._new_proc(), job, env, now)
        self.workers[worker.proc] = worker
        self.actions.append(("spawn", worker.proc, job, env))
        return worker

    def detach(self, worker: Worker, now: float, *, idle: bool = True) -> None:
        """Tells a worker to leave its queue after the present packet."""
        queue = worker.queue
        worker.move(WorkerState.DETACHING, now)
        if idle and queue is not None and queue.demand > queue.running:
            # Its owner has nothing for it: the demand was met. It is told, since it may have
            # sent something meanwhile and counts on what it demanded.
            queue.demand = queue.running
            self.actions.append(("tell", worker.proc, queue.key))
        self.actions.append(("detach", worker.proc))

    def _leave(self, worker: Worker) -> None:
        """Gives back what a worker held and takes it off its queue."""
        held = worker.held
        if worker.blocked:
            worker.blocked = False
            held = tuple((name, amount) for name, amount in held if name != "CPU")
        self.books.give(held)
        self.books.return_gpus(worker.gpus)
        worker.held = ()
        worker.gpus = ()
        queue = worker.queue
        worker.queue = None
        if queue is not None:
            del queue.attached[worker.proc]
            self.actions.append(("tell", worker.proc, queue.key))

    def _hold(self, worker: Worker, amounts: Amounts) -> None:
        worker.held = amounts
        self.books.take(amounts)
        worker.gpus = self.books.pick_gpus(dict(amounts).get("GPU", 0))

    def check(self) -> None:
        """Asserts the invariants; see ``core.invariants``."""
        check_leases(self)


def _cpu_of(amounts: Amounts) -> Amounts:
    return tuple(amount for amount in amounts if amount[0] == "CPU")
