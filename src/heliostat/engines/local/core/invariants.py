"""What must hold of the head's leases after each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliostat.engines.local.core.workers import WorkerState

if TYPE_CHECKING:
    from heliostat.engines.local.core.leases import Leases


def check_leases(leases: Leases) -> None:
    """Asserts the invariants: the books balance, leases and queues agree."""
    held: dict[str, int] = {}
    for worker in leases.workers.values():
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
    for name, total in leases.totals.items():
        assert leases.free[name] + held.get(name, 0) == total, (name, leases.free, held)
        assert name == "CPU" or leases.free[name] >= 0, f"{name} overdrawn"
    for queue in leases.queues.values():
        for proc in queue.attached:
            assert leases.workers[proc].queue is queue
