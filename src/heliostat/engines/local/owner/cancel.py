"""Cancelling tasks and calls: what is done depends on where one is.

* It waits for arguments, or in this process: it is taken out and never runs.
* It is in a packet nobody has read: the owner takes all such packets out of the queue again,
  itself, so that no worker can begin them, and sends the others anew.
* It is in a worker's packet behind another task: the worker is told, on the board, to stop there,
  and hands the rest back.
* It runs: the board says which task is meant, and the head has the worker interrupted (SIGINT), or
  killed with ``force``. A worker that is at another task by then ignores the interrupt.
* It is an actor's call: the actor's process takes it out of its queue, cancels its coroutine, or
  sets the flag that ``is_canceled`` reads.

What a cancelled task submitted is found by its ``parent``, in the process that ran it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from heliostat.engines.local.core.objects import FAILED, PENDING, Entry
from heliostat.engines.local.core.tasks import Task
from heliostat.engines.local.owner import errors
from heliostat.engines.local.owner.actors import Calls
from heliostat.engines.local.owner.submit import Queue, complete
from heliostat.engines.local.wire import messages
from heliostat.engines.local.wire.framing import drain

if TYPE_CHECKING:
    from heliostat.engines.local.owner.session import Session

#: Looks for a packet that a worker read and has not noted on the board yet: some microseconds.
_LOOKS = 200


class Cancels:
    """Cancels what this process submitted. Used under the loop's lock."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def is_call(self, entry: Entry) -> bool:
        """Whether the object is the result of an actor's call of this process, not yet there."""
        return self._find_call(entry) is not None

    def cancel(self, entry: Entry, *, force: bool, recursive: bool) -> None:
        """Cancels the task or call that makes the object; nothing if it is there already."""
        session = self._session
        if entry.state != PENDING:
            return
        if entry.home is not session.home:
            message = messages.cancel(entry.number, force, recursive)
            session.peers.send(entry.home.proc, message)
            return
        found = session.tasks.find(entry)
        if found is not None:
            self._cancel_task(*found, force=force, recursive=recursive)
            return
        call = self._find_call(entry)
        if call is not None:
            self._cancel_call(*call, recursive=recursive)

    def on_cancel(self, number: int, force: bool, recursive: bool) -> None:
        """A process that borrows an object of ours cancels its task."""
        entry = self._session.references.known(self._session.home.proc, number)
        if entry is not None:
            self.cancel(entry, force=force, recursive=recursive)

    def on_cancel_children(self, parent: Any, force: bool) -> None:
        """What ran here as ``parent`` was cancelled: so is what it submitted."""
        session = self._session
        for queue, task in session.tasks.unfinished():
            if task.parent == parent:
                self._cancel_task(queue, task, force=force, recursive=True)
        for calls, task in session.actors.unfinished():
            if task.parent == parent:
                self._cancel_call(calls, task, recursive=True)

    # -- tasks ----------------------------------------------------------------------------

    def _cancel_task(self, queue: Queue, task: Task, *, force: bool, recursive: bool) -> None:
        tasks = self._session.tasks
        task.cancelled = True
        if tasks.stop_waiting(queue, task) or queue.withdraw(task):
            self._end(task)
            return
        place = queue.place(task)
        if place is None:
            return
        packet, index = place
        for _ in range(_LOOKS):
            proc, slot, at = self._reader(queue, packet)
            if slot >= 0:
                self._stop(proc, slot, (packet, index, at), task, force, recursive)
                return
            if queue.reading is not None:
                queue.unread([message[1] for message in drain(queue.reading)])
            if packet not in queue.packets:
                tasks.flush(queue)  # ends what was withdrawn
                return
            os.sched_yield()

    def _reader(self, queue: Queue, packet: int) -> tuple[int, int, int]:
        """The worker that holds a packet, its slot, and the index of its task; or slot -1."""
        board = self._session.recall.board
        if board is not None:
            for proc, slot in zip(queue.readers, queue.slots):
                running, index = board.running(slot)
                if running == packet:
                    return proc, slot, index
        return 0, -1, 0

    def _stop(
        self,
        proc: int,
        slot: int,
        where: tuple[int, int, int],
        task: Task,
        force: bool,
        recursive: bool,
    ) -> None:
        """The task's packet is at a worker."""
        session = self._session
        board = session.recall.board
        assert board is not None
        packet, index, at = where
        if at < index:
            board.set_limit(slot, min(index, board.limit(slot)))
        elif at == index:
            board.cancel(slot, task.number)
            if recursive:
                session.peers.send(proc, messages.cancel_children(task.number, force))
            session.head.send(messages.interrupt(proc, packet, index, force))

    # -- calls ----------------------------------------------------------------------------

    def _find_call(self, entry: Entry) -> tuple[Calls, Task] | None:
        for calls, task in self._session.actors.unfinished():
            if any(one is entry for one in task.entries()):
                return calls, task
        return None

    def _cancel_call(self, calls: Calls, task: Task, *, recursive: bool) -> None:
        task.cancelled = True
        if calls.withdraw(task):
            self._end(task)
            self._session.actors.flush(calls)
            return
        message = messages.cancel_call(self._session.home.proc, task.number, recursive)
        self._session.peers.send(calls.proc, message)

    def _end(self, task: Task) -> None:
        """It never runs."""
        task.actor = None
        if task.extra is not None:
            task.extra.release(self._session.references)
        complete(task, FAILED, errors.cancelled())
