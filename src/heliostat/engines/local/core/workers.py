"""What the scheduler knows of workers, task queues, and actors to be placed.

```
          attach             detach              left
   IDLE --------> LEASED ------------> DETACHING ----> IDLE
    |               |                      |
    +---> ACTOR     | made its max_calls   |
    |         |     |                      |
    +---------+-----+--> RETIRING <--------+
```
"""

from __future__ import annotations

from enum import Enum

Amounts = tuple[tuple[str, int], ...]
QueueKey = tuple[int, int]
#: Environment variables a worker starts with; the key of its pool together with its job.
Env = tuple[tuple[str, str], ...]

#: One unit of a resource, such as a CPU.
UNIT = 10_000


class WorkerState(Enum):
    """Where a worker is in its life."""

    IDLE = "in the pool of its job"
    LEASED = "reads a task queue"
    DETACHING = "told to leave its queue after the present packet"
    ACTOR = "is an actor"
    RETIRING = "told to end, or about to by itself"


_MOVES = {
    WorkerState.IDLE: {WorkerState.LEASED, WorkerState.ACTOR, WorkerState.RETIRING},
    WorkerState.LEASED: {WorkerState.DETACHING, WorkerState.RETIRING},
    WorkerState.DETACHING: {WorkerState.IDLE, WorkerState.RETIRING},
    WorkerState.ACTOR: {WorkerState.RETIRING},
    WorkerState.RETIRING: set(),
}


class Worker:
    """A worker process as the scheduler sees it."""

    __slots__ = (
        "blocked",
        "env",
        "gpus",
        "held",
        "job",
        "proc",
        "queue",
        "rested",
        "since",
        "state",
    )

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
        self.rested = False

    def move(self, state: WorkerState, now: float) -> None:
        """Changes the state; an illegal move is a bug of the head."""
        if state not in _MOVES[self.state]:
            raise AssertionError(f"worker {self.proc}: {self.state.name} -> {state.name}")
        self.state = state
        self.since = now


class Queue:
    """An owner's task queue: what its workers need, and how many it wants."""

    __slots__ = (
        "attached",
        "demand",
        "depth",
        "env",
        "grown",
        "job",
        "key",
        "needs_cpu",
        "resources",
        "room",
    )

    def __init__(self, key: QueueKey, job: int, resources: Amounts, env: Env, depth: int) -> None:
        self.key = key
        self.job = job
        self.depth = depth
        self.resources = resources
        self.env = env
        self.demand = 0
        self.attached: dict[int, Worker] = {}
        self.needs_cpu = any(name == "CPU" for name, _ in resources)
        # Since when, and by how many workers more, it may grow now if it needs no CPU.
        self.grown = 0.0
        self.room = 0

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
