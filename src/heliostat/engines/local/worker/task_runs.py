"""Running one task of a packet, and what may come of it: a value, an error, a stream of items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from heliostat.engines.local.core.tasks import LINKED
from heliostat.engines.local.owner.references import Lent
from heliostat.engines.local.store import values
from heliostat.engines.local.worker import outcome, streaming
from heliostat.engines.local.worker.streaming import Sender

if TYPE_CHECKING:
    from heliostat.engines.local.worker.process import WorkerProcess

#: Stands for the value of a task that was not run.
NOT_HERE = object()


class TaskRuns:
    """Runs tasks in the main thread. ``slot`` says which of them is to be interrupted."""

    def __init__(self, process: WorkerProcess, slot: memoryview) -> None:
        self._process = process
        self._slot = slot

    def plain(self, function: Callable[..., Any], call: tuple[Any, ...]) -> Any:
        """Runs a call whose arguments are plain scalars."""
        process = self._process
        try:
            process.task = call[0]  # from here on Ctrl-C is for the task
            value = function(*call[1])
            process.task = 0
            return value
        except BaseException as error:  # noqa: BLE001 - the user's
            process.task = 0
            return self._failed(function, call, error)

    def encoded(
        self,
        function: Callable[..., Any],
        call: tuple[Any, ...],
        results: list[Any],
        fds: list[int],
        lent: Lent,
    ) -> Any:
        """Runs a call whose arguments are pickled, or are results of its packet; ``NOT_HERE`` if
        such a result failed, is in shared memory or has references: its owner does better."""
        process = self._process
        if len(call) == LINKED and not values.is_simple(results[call[3]]):
            return NOT_HERE
        try:
            process.task = call[0]
            args, kwargs = outcome.arguments_of(process, call, results, fds, lent)
            value = function(*args, **kwargs)
            process.task = 0
            return value
        except BaseException as error:  # noqa: BLE001 - the user's
            process.task = 0
            return self._failed(function, call, error)

    def wired(
        self,
        function: Callable[..., Any],
        call: Sequence[Any],
        returns: int,
        value: Any,
        owner: int,
        fds: list[int],
    ) -> Any:
        """What a call gave, as it travels; of one that streams, what is left once it has."""
        if returns < 0:
            value = self._stream(function, call, returns, value, owner)
        return outcome.to_wire(self._process, value, returns, owner, fds)

    def _stream(
        self,
        function: Callable[..., Any],
        call: Sequence[Any],
        returns: int,
        items: Any,
        owner: int,
    ) -> Any:
        """Runs the generator that a call gave."""
        process = self._process
        process.task = call[0]
        sender = Sender(process, owner, call[0], returns)

        def failed(error: BaseException) -> outcome.Failure:
            process.task = 0
            return self._failed(function, call, error)

        try:
            return streaming.run(sender, items, failed, partial(self._is_cancelled, call[0]))
        finally:
            process.task = 0

    def _is_cancelled(self, number: int, error: BaseException) -> bool:
        return isinstance(error, KeyboardInterrupt) and self._slot[3] == number

    def _failed(self, function: Any, call: Sequence[Any], error: BaseException) -> outcome.Failure:
        if self._is_cancelled(call[0], error):
            return outcome.cancelled()
        return outcome.failed(self._process, function, error)
