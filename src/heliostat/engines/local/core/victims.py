"""Who must give a worker back when somebody else waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from heliostat.engines.local.core.workers import Placement, Queue, Worker, WorkerState

if TYPE_CHECKING:
    from heliostat.engines.local.core.leases import Leases

#: Seconds a queue may keep a worker while another queue has none.
SLICE = 0.1


class Victims:
    """The third rule of ``core.leases``."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases

    def make_room(
        self, stuck: list[Queue | Placement], is_idle: Callable[[int], bool], now: float
    ) -> None:
        """Takes one lease back for each that waits, but not more than already on their way.

        Who leaves only when its packet is done keeps nobody from taking an idle one instead.
        """
        idle, busy = self._leaving(is_idle)
        for need in stuck[idle:]:
            victim = self._idle_victim(need, is_idle)
            if victim is not None:
                self._leases.detach(victim, now)
            elif busy:
                busy -= 1
            else:
                victim = self._busy_victim(need, now)
                if victim is not None:
                    self._leases.detach(victim, now, idle=False)

    def _leaving(self, is_idle: Callable[[int], bool]) -> tuple[int, int]:
        """Workers on their way out: those that go at once, and those that run a packet first.
        One that is blocked has lent already what it would free."""
        leaving = [
            is_idle(w.proc)
            for w in self._leases.workers.values()
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
        lacking = {name for name, amount in place if self._leases.books.free.get(name, 0) < amount}
        lacking = lacking or {"GPU"}  # enough of them, but in parts too small
        return [
            worker
            for worker in self._leases.workers.values()
            if worker.state is WorkerState.LEASED
            and not worker.blocked
            and worker.queue is not need
            and any(name in lacking for name, _ in worker.held)
        ]

    def _busy_victim(self, need: Queue | Placement, now: float) -> Worker | None:
        usage = self._leases.usage()
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

    def balance(self, is_idle: Callable[[int], bool], now: float) -> bool:
        """Detaches one worker to balance the books; False when none is left to detach or the
        ones on their way out will do."""
        leaving = [
            (is_idle(w.proc), dict(w.held).get("CPU", 0))
            for w in self._leases.workers.values()
            if w.state is WorkerState.DETACHING and not w.blocked
        ]
        free = self._leases.books.free.get("CPU", 0) + sum(cpu for idle, cpu in leaving if idle)
        if free >= 0:
            return False
        leased = [
            w
            for w in self._leases.workers.values()
            if w.state is WorkerState.LEASED and not w.blocked and dict(w.held).get("CPU")
        ]
        # The newest lease was granted out of what the unblocked task had lent.
        victim = max(leased, key=lambda w: (is_idle(w.proc), w.since), default=None)
        if victim is None or (len(leased) <= 1 and not is_idle(victim.proc)):
            return False
        if not is_idle(victim.proc) and free + sum(cpu for idle, cpu in leaving if not idle) >= 0:
            return False
        self._leases.detach(victim, now, idle=is_idle(victim.proc))
        return True
