"""Taking tasks back that wait in a packet behind a long one while a worker is idle.

A packet holds several tasks only of functions known to be short; but the next one may be long.
Every few milliseconds the background thread looks at the board, which asks nothing of the
worker: it may be in C, holding its GIL. What still waits is an owner that holds its own.
"""

from __future__ import annotations

from heliostat.engines.local.owner.submit import Queue, Tasks
from heliostat.engines.local.store.board import Board


class Recall:
    """Looks for stuck packets of a process's tasks."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self.board: Board | None = None

    def look(self) -> None:
        """Called under the lock every few milliseconds."""
        if self.board is None:
            return
        for queue in self._tasks.queues:
            has_idle_workers = len(queue.packets) < len(queue.slots)
            if queue.packets and has_idle_workers and not queue.backlog:
                self._look_at(queue, self.board)

    def _look_at(self, queue: Queue, board: Board) -> None:
        """The first time a worker is told where to stop; if the next time it is still at the
        task before, the rest is ours."""
        recalled = False
        for slot in queue.slots:
            packet, index = board.running(slot)
            tasks = queue.packets.get(packet)
            if tasks is None or len(tasks) <= index + 1:
                continue
            if board.limit(slot) == index + 1:
                recalled = queue.recall(packet, index + 1) or recalled
            else:
                board.set_limit(slot, index + 1)
        if recalled:
            self._tasks.flush(queue)

    def close(self) -> None:
        """The session ends: nobody's board any more."""
        if self.board is not None:
            self.board.close()
            self.board = None
