"""The caller's side of an actor: its calls in order, across restarts.

A caller is a process. It sends its calls to the actor's process in the order they were made;
for an actor that runs one call at a time a call whose argument isn't ready holds back those
behind it, since order is what the user relies on, while an actor that runs many at once gets
each as soon as it is ready. When the actor's process is lost, unanswered calls that may be
repeated go first to its successor, in order; the others fail.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from heliostat.engines.local.core.tasks import Task

#: Unanswered calls up to which each goes out at once; beyond, they are sent by the batch.
EAGER = 8
#: Calls in a batch.
BATCH = 64


class ActorCalls:
    """The calls of this process to one actor.

    Attributes:
        proc: the actor's process, 0 while it has none.
        incarnation: which of its processes that is.
        death: why it is dead, or None.
        unavailable: the cause its last process was lost with, while it restarts.
        timed_out: number of the call of ours that ran out of time, and its process with it.
    """

    __slots__ = (
        "_unready",
        "actor_id",
        "death",
        "incarnation",
        "max_pending",
        "ordered",
        "pending",
        "proc",
        "sent",
        "timed_out",
        "unavailable",
    )

    def __init__(self, actor_id: bytes, *, ordered: bool, max_pending: int) -> None:
        self.actor_id = actor_id
        self.ordered = ordered
        self.max_pending = max_pending
        self.proc = 0
        self.incarnation = 0
        self.death: dict[str, Any] | None = None
        self.unavailable: dict[str, Any] | None = None
        self.timed_out = 0
        self.pending: deque[Task] = deque()
        self.sent: dict[int, Task] = {}
        self._unready = 0

    @property
    def count(self) -> int:
        """Calls made and not answered."""
        return len(self.pending) + len(self.sent)

    def submit(self, task: Task) -> bool:
        """Takes a call; True if it should be sent now rather than with the next batch."""
        self.pending.append(task)
        if task.call is None:
            self._unready += 1
        return self.proc != 0 and (len(self.sent) < EAGER or len(self.pending) >= BATCH)

    def withdraw(self, task: Task) -> bool:
        """Takes a call out that was not sent yet; False if it was. Its arguments may still come."""
        try:
            self.pending.remove(task)
        except ValueError:
            return False
        if task.call is None:
            self._unready -= 1
            task.call = ()
        return True

    def ready(self) -> None:
        """A pending call got its arguments (``call`` was set)."""
        self._unready -= 1

    def next_batch(self) -> list[Task]:
        """Takes the calls that may go out now, at most ``BATCH`` of them."""
        if not self.proc:
            return []
        batch: list[Task] = []
        pending = self.pending
        if not self._unready:
            while pending and len(batch) < BATCH:
                batch.append(pending.popleft())
        elif self.ordered:
            while pending and pending[0].call is not None and len(batch) < BATCH:
                batch.append(pending.popleft())
        else:
            unready: deque[Task] = deque()
            while pending and len(batch) < BATCH:
                task = pending.popleft()
                (unready if task.call is None else batch).append(task)
            pending.extendleft(reversed(unready))
        sent = self.sent
        for task in batch:
            sent[task.number] = task
        return batch

    def finish(self, number: int) -> Task | None:
        """A call was answered; None if it is not known any more."""
        return self.sent.pop(number, None)

    def connected(self, proc: int, incarnation: int) -> None:
        """The actor has a process to send to."""
        if incarnation > self.incarnation:
            self.proc = proc
            self.incarnation = incarnation
            self.unavailable = None

    def note_timeout(self, own: int, cause: dict[str, Any]) -> None:
        """The actor's process is gone: the board says which call's alarm was set, if one was.
        ``own`` is the number of our process."""
        number = cause.get("packet", 0)
        if cause.get("index") == own and number in self.sent:
            self.timed_out = number
            self.sent[number].retries = 0

    def lost(self, incarnation: int, cause: dict[str, Any]) -> tuple[list[Task], list[Task]]:
        """The process of ``incarnation`` is gone and will be replaced.

        Returns the unanswered calls that fail, and those that will be made again.
        """
        if incarnation < self.incarnation or not self.proc:
            return [], []
        self.proc = 0
        self.unavailable = cause
        failed: list[Task] = []
        again: list[Task] = []
        for task in self.sent.values():
            task.attempts += 1
            may_run_again = task.retries < 0 or task.attempts <= task.retries
            if task.cancelled:
                may_run_again = False
            (again if may_run_again else failed).append(task)
        self.sent.clear()
        self.pending.extendleft(reversed(again))
        return failed, again

    def died(self, cause: dict[str, Any]) -> list[Task]:
        """The actor is dead for good. Returns every unanswered call: all fail."""
        self.proc = 0
        if self.death is None:  # the first to say why knows best
            self.death = cause
        failed = [*self.sent.values(), *self.pending]
        self.sent.clear()
        self.pending.clear()
        self._unready = 0
        return failed

    def check(self) -> None:
        """Asserts the invariants."""
        numbers = [t.number for t in self.pending] + list(self.sent)
        assert len(numbers) == len(set(numbers)), "a call is queued twice"
        assert self._unready == sum(t.call is None for t in self.pending)
        assert not (self.death and numbers), "a dead actor has calls"
        assert all(t.call is not None for t in self.sent.values())
