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
from enum import Enum
from typing import Any

Amounts = tuple[tuple[str, int], ...]
QueueKey = tuple[int, int]
#: Environment variables a worker starts with; the key of its pool together with its job.
Env = tuple[tuple[str, str], ...]

#: One unit of a resource, such as a CPU.
UNIT = 10_000
#: Seconds a queue may keep a worker while another queue has none.
SLICE = 0.1
#: Seconds an idle worker beyond the number of CPUs is kept.
IDLE_SECONDS = 1.0


class WorkerState(Enum):
    """Where a worker is in its life."""

    IDLE = "in the pool of its job"
    LEASED = "reads a task queue"
    DETACHING = "told to leave its queue after the present packet"
    ACTOR = "is an actor"
    RETIRING = "told to end"


_MOVES = {
    WorkerState.IDLE: {WorkerState.LEASED, WorkerState.ACTOR, WorkerState.RETIRING},
    WorkerState.LEASED: {WorkerState.DETACHING},
    WorkerState.DETACHING: {WorkerState.IDLE},
    WorkerState.ACTOR: {WorkerState.RETIRING},
    WorkerState.RETIRING: set(),
}


class Worker:
    """A worker process as the scheduler sees it."""

    __slots__ = ("blocked", "env", "gpus", "held", "job", "proc", "queue", "since", "state")

    def __init__(self, proc: int, job: int, env: Env, now: float) -> None:
        self.proc = proc
        self.job = job
        self.env = env
        self.state = WorkerState.IDLE
        self.since = now
        self.queue: Queue | None = None
        self.held: Amounts = ()
        self.gpus: tuple[tuple[int, int], ...] = ()
        self.blocked = False

    def move(self, state: WorkerState, now: float) -> None:
        """Changes the state; an illegal move is a bug of the head."""
        if state not in _MOVES[self.state]:
            raise AssertionError(f"worker {self.proc}: {self.state.name} -> {state.name}")
        self.state = state
        self.since = now


class Queue:
    """An owner's task queue: what its workers need, and how many it wants."""

    __slots__ = ("attached", "demand", "depth", "env", "job", "key", "resources")

    def __init__(self, key: QueueKey, job: int, resources: Amounts, env: Env, depth: int) -> None:
        self.key = key
        self.job = job
        self.depth = depth
        self.resources = resources
        self.env = env
        self.demand = 0
        self.attached: dict[int, Worker] = {}

    @property
    def running(self) -> int:
        """Attached workers that are neither blocked nor on their way out."""
        return sum(
            not worker.blocked and worker.state is WorkerState.LEASED
            for worker in self.attached.values()
        )

    @property
    def blocked(self) -> int:
        """Attached workers whose task waits for others."""
        return sum(worker.blocked for worker in self.attached.values())

    @property
    def missing(self) -> int:
        """Workers it wants and has not. The demand includes what a blocked one runs, and one
        on its way out: another for the same packet would find nothing to do."""
        return self.demand - len(self.attached)


class Placement:
    """An actor waiting for a process."""

    __slots__ = ("actor", "env", "job", "place", "run")

    def __init__(self, actor: bytes, job: int, env: Env, place: Amounts, run: Amounts) -> None:
        self.actor = actor
        self.job = job
        self.env = env
        self.place = place
        self.run = run


class Leases:
    """The aggregate of workers, queues and free resources of one host."""

    def __init__(self, totals: dict[str, int], new_proc: Callable[[], int]) -> None:
        self.totals = dict(totals)
        self.free = dict(totals)
        self.free_gpus = dict.fromkeys(range(totals.get("GPU", 0) // UNIT), UNIT)
        self.workers: dict[int, Worker] = {}
        self.queues: dict[QueueKey, Queue] = {}
        self.placements: dict[bytes, Placement] = {}
        self.actions: list[tuple[Any, ...]] = []
        #: Somebody's need could not be met when ``schedule`` was last called.
        self.waiting = False
        self._new_proc = new_proc
        self._next_surplus = 0.0
        self._ended_jobs: set[int] = set()

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
            self._give(_cpu_of(worker.held))
            self._tell(worker)

    def unblocked(self, proc: int) -> None:
        """The worker goes on; what is free may fall below zero."""
        worker = self.workers.get(proc)
        if worker is not None and worker.blocked:
            worker.blocked = False
            self._take(_cpu_of(worker.held))
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
                    self._detach(worker, now)

    def close_job(self, job: int, now: float) -> None:
        """A job ended: its workers end with it, actors' workers are the actors' business.

        What these still start for their own tasks ends as soon as it has none of them.
        """
        self._ended_jobs.add(job)
        for worker in self.workers.values():
            if worker.job == job and worker.state is not WorkerState.ACTOR:
                self.actions.append(("kill", worker.proc, "its job ended"))

    # -- the decision ---------------------------------------------------------------------

    def schedule(self, is_idle: Callable[[int], bool], now: float) -> None:
        """Grants and takes back leases until nothing more can be done now.

        ``is_idle(proc)`` tells whether a leased worker waits for a packet.
        """
        while self._overdrawn() and self._take_one_back(is_idle, now):
            pass
        self.waiting = self._overdrawn()
        if self.waiting:
            return
        stuck: list[Queue | Placement] = []
        while True:
            need = self._neediest(stuck)
            if need is None:
                break
            if not self._grant(need, now):
                stuck.append(need)
        self.waiting = bool(stuck)
        if stuck:
            self._make_room(stuck, is_idle, now)

    def surplus(self, now: float) -> None:
        """Ends workers idle for long beyond the number of CPUs; looks every quarter second."""
        if now < self._next_surplus:
            return
        self._next_surplus = now + IDLE_SECONDS / 4
        idle = [w for w in self.workers.values() if w.state is WorkerState.IDLE]
        keep = self.totals.get("CPU", 0) // UNIT
        for worker in sorted(idle, key=lambda w: w.since)[: max(0, len(idle) - keep)]:
            if now - worker.since >= IDLE_SECONDS:
                worker.move(WorkerState.RETIRING, now)
                self.actions.append(("retire", worker.proc))

    def spare(self, is_idle: Callable[[int], bool]) -> dict[str, int]:
        """Free resources, counting those of leased workers that have nothing to do."""
        spare = dict(self.free)
        for worker in self.workers.values():
            if worker.state is WorkerState.LEASED and not worker.blocked and is_idle(worker.proc):
                for name, amount in worker.held:
                    spare[name] = spare.get(name, 0) + amount
        return spare

    # -- granting -------------------------------------------------------------------------

    def _neediest(self, stuck: list[Queue | Placement]) -> Queue | Placement | None:
        """Whose turn it is: actors to be placed, then the job and queue that hold least."""
        for placement in self.placements.values():
            if placement not in stuck:
                return placement
        waiting = [q for q in self.queues.values() if q.missing > 0 and q not in stuck]
        if not waiting:
            return None
        usage = self._usage()
        # Deep queues first: a thousand tasks that each wait for a subtask then need a few
        # workers, not a thousand.
        return min(waiting, key=lambda q: (usage.get(q.job, 0), -q.depth, q.running), default=None)

    def _usage(self) -> dict[int, int]:
        """CPU held by each job."""
        usage: dict[int, int] = {}
        for worker in self.workers.values():
            if not worker.blocked:
                for name, amount in worker.held:
                    if name == "CPU":
                        usage[worker.job] = usage.get(worker.job, 0) + amount
        return usage

    def _grant(self, need: Queue | Placement, now: float) -> bool:
        place = need.place if isinstance(need, Placement) else need.resources
        if not self._fits(place):
            return False
        worker = self._idle_worker(need.job, need.env) or self._spawn(need.job, need.env, now)
        if isinstance(need, Placement):
            del self.placements[need.actor]
            worker.move(WorkerState.ACTOR, now)
            self._hold(worker, need.run)
            self.actions.append(("host", worker.proc, need.actor, worker.gpus))
        else:
            worker.move(WorkerState.LEASED, now)
            worker.queue = need
            need.attached[worker.proc] = worker
            self._hold(worker, need.resources)
            self.actions.append(("attach", worker.proc, need.key, worker.gpus))
        return True

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

    # -- taking back ----------------------------------------------------------------------

    def _make_room(
        self, stuck: list[Queue | Placement], is_idle: Callable[[int], bool], now: float
    ) -> None:
        """Takes one lease back for each that waits, but not more than already on their way.

        Who leaves only when its packet is done keeps nobody from taking an idle one instead.
        """
        idle, busy = self._leaving(is_idle)
        for need in stuck[idle:]:
            victim = self._idle_victim(need, is_idle)
            if victim is not None:
                self._detach(victim, now)
            elif busy:
                busy -= 1
            else:
                victim = self._busy_victim(need, now)
                if victim is not None:
                    self._detach(victim, now, idle=False)

    def _leaving(self, is_idle: Callable[[int], bool]) -> tuple[int, int]:
        """Workers on their way out: those that go at once, and those that run a packet first.
        One that is blocked has lent already what it would free."""
        leaving = [
            is_idle(w.proc)
            for w in self.workers.values()
            if w.state is WorkerState.DETACHING and not w.blocked
        ]
        return sum(leaving), len(leaving) - sum(leaving)

    def _idle_victim(
        self, need: Queue | Placement, is_idle: Callable[[int], bool]
    ) -> Worker | None:
        for worker in self._victims(need):
            if is_idle(worker.proc):
                return worker
        return None

    def _victims(self, need: Queue | Placement) -> list[Worker]:
        """Workers of others whose lease would help ``need``."""
        place = need.place if isinstance(need, Placement) else need.resources
        lacking = {name for name, amount in place if self.free.get(name, 0) < amount}
        lacking = lacking or {"GPU"}  # enough of them, but in parts too small
        return [
            worker
            for worker in self.workers.values()
            if worker.state is WorkerState.LEASED
            and not worker.blocked
            and worker.queue is not need
            and any(name in lacking for name, _ in worker.held)
        ]

    def _busy_victim(self, need: Queue | Placement, now: float) -> Worker | None:
        usage = self._usage()
        have = (usage.get(need.job, 0), need.running if isinstance(need, Queue) else 0)
        for worker in sorted(self._victims(need), key=lambda w: -usage.get(w.job, 0)):
            queue = worker.queue
            assert queue is not None
            cpu = dict(worker.held).get("CPU", 0)
            richer_job = worker.job != need.job and usage.get(worker.job, 0) - cpu > have[0]
            richer_queue = worker.job == need.job and queue.running - 1 > have[1]
            if richer_job or richer_queue or (have[1] == 0 and now - worker.since >= SLICE):
                return worker
        return None

    def _take_one_back(self, is_idle: Callable[[int], bool], now: float) -> bool:
        """Detaches one worker to balance the books; False when none is left to detach or the
        ones on their way out will do."""
        leaving = [
            (is_idle(w.proc), dict(w.held).get("CPU", 0))
            for w in self.workers.values()
            if w.state is WorkerState.DETACHING and not w.blocked
        ]
        free = self.free.get("CPU", 0) + sum(cpu for idle, cpu in leaving if idle)
        if free >= 0:
            return False
        leased = [
            w for w in self.workers.values() if w.state is WorkerState.LEASED and not w.blocked
        ]
        # The newest lease was granted out of what the unblocked task had lent.
        victim = max(leased, key=lambda w: (is_idle(w.proc), w.since), default=None)
        if victim is None or len(leased) <= 1:
            return False
        if not is_idle(victim.proc) and free + sum(cpu for idle, cpu in leaving if not idle) >= 0:
            return False
        self._detach(victim, now, idle=is_idle(victim.proc))
        return True

    def _detach(self, worker: Worker, now: float, *, idle: bool = True) -> None:
        queue = worker.queue
        worker.move(WorkerState.DETACHING, now)
        if idle and queue is not None:
            # Its owner has nothing for it: the demand was met.
            queue.demand = min(queue.demand, queue.running)
        self.actions.append(("detach", worker.proc))

    def _leave(self, worker: Worker) -> None:
        """Gives back what a worker held and takes it off its queue."""
        held = worker.held
        if worker.blocked:
            worker.blocked = False
            held = tuple((name, amount) for name, amount in held if name != "CPU")
        self._give(held)
        for index, amount in worker.gpus:
            self.free_gpus[index] += amount
        worker.held = ()
        worker.gpus = ()
        queue = worker.queue
        worker.queue = None
        if queue is not None:
            del queue.attached[worker.proc]
            self.actions.append(("tell", worker.proc, queue.key))

    # -- amounts --------------------------------------------------------------------------

    def _hold(self, worker: Worker, amounts: Amounts) -> None:
        worker.held = amounts
        self._take(amounts)
        worker.gpus = self._pick_gpus(dict(amounts).get("GPU", 0))

    def _pick_gpus(self, amount: int) -> tuple[tuple[int, int], ...]:
        """Devices for a request: a part of the fullest one that has room, else whole ones."""
        if not amount:
            return ()
        if amount < UNIT:
            room = [(free, index) for index, free in self.free_gpus.items() if free >= amount]
            picked = [(min(room)[1], amount)]
        else:
            whole = [index for index, free in sorted(self.free_gpus.items()) if free == UNIT]
            picked = [(index, UNIT) for index in whole[: amount // UNIT]]
        for index, part in picked:
            self.free_gpus[index] -= part
        return tuple(picked)

    def _fits(self, amounts: Amounts) -> bool:
        if any(self.free.get(name, 0) < amount for name, amount in amounts):
            return False
        gpus = dict(amounts).get("GPU", 0)
        if not gpus:
            return True
        if gpus < UNIT:
            return any(free >= gpus for free in self.free_gpus.values())
        return sum(free == UNIT for free in self.free_gpus.values()) >= gpus // UNIT

    def _take(self, amounts: Amounts) -> None:
        for name, amount in amounts:
            self.free[name] = self.free.get(name, 0) - amount

    def _give(self, amounts: Amounts) -> None:
        for name, amount in amounts:
            self.free[name] = self.free.get(name, 0) + amount

    def _overdrawn(self) -> bool:
        return self.free.get("CPU", 0) < 0

    # -- invariants -----------------------------------------------------------------------

    def check(self) -> None:
        """Asserts the invariants: the books balance, leases and queues agree."""
        held: dict[str, int] = {}
        for worker in self.workers.values():
            amounts = worker.held
            if worker.blocked:
                amounts = tuple(a for a in amounts if a[0] != "CPU")
            for name, amount in amounts:
                held[name] = held.get(name, 0) + amount
            leased = worker.state in (WorkerState.LEASED, WorkerState.DETACHING)
            assert leased == (worker.queue is not None), worker.proc
            if worker.queue is not None:
                assert worker.queue.attached[worker.proc] is worker
                assert worker.queue.job == worker.job, "a worker of another job"
                assert worker.queue.env == worker.env, "a worker of another environment"
            if worker.state is WorkerState.IDLE:
                assert not worker.held, "an idle worker holds resources"
        for name, total in self.totals.items():
            assert self.free[name] + held.get(name, 0) == total, (name, self.free, held)
            assert name == "CPU" or self.free[name] >= 0, f"{name} overdrawn"
        for queue in self.queues.values():
            for proc in queue.attached:
                assert self.workers[proc].queue is queue


def _cpu_of(amounts: Amounts) -> Amounts:
    return tuple(amount for amount in amounts if amount[0] == "CPU")
