"""Ray's ``ray.util.actor_pool``: work shared among a fixed set of actors."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

import heliostat
from heliostat.exceptions import ActorDiedError

if TYPE_CHECKING:
    from heliostat import ObjectRef
    from heliostat.actor import ActorHandle

    Work = Callable[[ActorHandle[Any], Any], Any]

__all__ = ["ActorPool"]

V = TypeVar("V")


class _Task:
    """What was submitted: its place in the order, who runs it, and what ``fn`` gave."""

    __slots__ = ("actor", "index", "result")

    def __init__(self, index: int, actor: ActorHandle[Any], result: Any) -> None:
        self.index = index
        self.actor = actor
        self.result = result

    @property
    def ref(self) -> ObjectRef[Any]:
        """One reference that is ready when the task is: results of one task come together."""
        ref: ObjectRef[Any] = self.result[0] if isinstance(self.result, list) else self.result
        return ref


class ActorPool(Generic[V]):
    """Gives each actor of a pool one thing to do at a time.

    Args:
        actors: their handles.

    Example:
        >>> import heliostat as ray
        >>> @ray.remote
        ... class Doubler:
        ...     def double(self, n):
        ...         return 2 * n
        >>> pool = ray.util.ActorPool([Doubler.remote(), Doubler.remote()])
        >>> list(pool.map(lambda actor, n: actor.double.remote(n), [1, 2, 3, 4]))
        [2, 4, 6, 8]

    Source: Ray's ``ray.util.ActorPool``.
    """

    def __init__(self, actors: Iterable[ActorHandle[Any]]) -> None:
        self._idle = list(actors)
        self._running: dict[int, _Task] = {}
        self._waiting: deque[tuple[Work, Any]] = deque()
        self._next_task = 0
        self._next_return = 0

    def map(self, fn: Callable[[ActorHandle[Any], V], Any], values: Iterable[V]) -> Iterator[Any]:
        """Applies ``fn`` to an actor and each value; gives the results in the order of values.

        What was submitted before is let run, and its results are dropped.

        Args:
            fn: takes an actor and a value, calls the actor and returns the ``ObjectRef``.
            values: read at once.

        Returns:
            An iterator; it must be read to its end for everything to be run.
        """
        self._start(fn, values)
        return self._read(self.get_next)

    def map_unordered(
        self, fn: Callable[[ActorHandle[Any], V], Any], values: Iterable[V]
    ) -> Iterator[Any]:
        """As ``map``, but gives each result when it is there.

        Args:
            fn: takes an actor and a value, calls the actor and returns the ``ObjectRef``.
            values: read at once.

        Returns:
            An iterator; it must be read to its end for everything to be run.
        """
        self._start(fn, values)
        return self._read(self.get_next_unordered)

    def _start(self, fn: Work, values: Iterable[Any]) -> None:
        while self._running:
            self._free(self._take(next(iter(self._running))))
        for value in values:
            self.submit(fn, value)

    def _read(self, get: Callable[[], Any]) -> Iterator[Any]:
        while self.has_next():
            yield get()

    def submit(self, fn: Callable[[ActorHandle[Any], V], Any], value: V) -> None:
        """Has an idle actor do something, or the first that becomes idle.

        Args:
            fn: takes an actor and the value, calls the actor and returns the ``ObjectRef``.
            value: what to give it.

        Raises:
            TypeError: ``fn`` returned no reference.
        """
        if not self._idle:
            self._waiting.append((fn, value))
            return
        actor = self._idle.pop()
        try:
            result = fn(actor, value)
            refs = result if isinstance(result, list) and result else [result]
            if not all(isinstance(ref, heliostat.ObjectRef) for ref in refs):
                raise TypeError(
                    f"the function given to ActorPool must return the ObjectRef of a call, not "
                    f"{type(result).__name__}"
                )
        except BaseException:
            self._idle.append(actor)
            raise
        self._running[self._next_task] = _Task(self._next_task, actor, result)
        self._next_task += 1

    def has_next(self) -> bool:
        """Whether there is a result that was not taken yet, perhaps not there yet."""
        return bool(self._running)

    def get_next(self, timeout: float | None = None, ignore_if_timedout: bool = False) -> Any:
        """The next result in the order of submission.

        Args:
            timeout: seconds to wait at most; None waits for ever.
            ignore_if_timedout: if the time is over, drops this result, so that the next call is
                about the one after it.

        Returns:
            The result; a list where ``fn`` returned a list.

        Raises:
            TimeoutError: the time is over.
            StopIteration: there is nothing left to wait for.
            ValueError: ``get_next_unordered`` has taken later results already.
            RayError: the call failed.
        """
        if not self.has_next():
            raise StopIteration("No more results to get")
        task = self._running.get(self._next_return)
        if task is None:
            raise ValueError("It is not allowed to call get_next() after get_next_unordered().")
        if timeout is not None and not heliostat.wait([task.ref], timeout=timeout)[0]:
            self._timed_out(task if ignore_if_timedout else None)
        return self._result(self._take(task.index))

    def get_next_unordered(
        self, timeout: float | None = None, ignore_if_timedout: bool = False
    ) -> Any:
        """Any result that is there, else the first that comes.

        Args:
            timeout: seconds to wait at most; None waits for ever.
            ignore_if_timedout: if the time is over, drops the result that was submitted first.

        Returns:
            The result; a list where ``fn`` returned a list.

        Raises:
            TimeoutError: the time is over.
            StopIteration: there is nothing left to wait for.
            RayError: the call failed.
        """
        if not self.has_next():
            raise StopIteration("No more results to get")
        tasks = {task.ref: task for task in self._running.values()}
        ready, _ = heliostat.wait(list(tasks), num_returns=1, timeout=timeout)
        if not ready:
            first = next(iter(self._running.values()))
            self._timed_out(first if ignore_if_timedout else None)
        return self._result(self._take(tasks[ready[0]].index))

    def _timed_out(self, ignored: _Task | None) -> NoReturn:
        if ignored is None:
            raise TimeoutError("Timed out waiting for result")
        self._free(self._take(ignored.index))
        raise TimeoutError(
            f"Timed out waiting for result. The task {ignored.result} has been ignored."
        )

    def _take(self, index: int) -> _Task:
        self._next_return = max(self._next_return, index + 1)
        return self._running.pop(index)

    def _result(self, task: _Task) -> Any:
        try:
            result = heliostat.get(task.result)
        except ActorDiedError:
            raise  # it is not given anything any more
        except BaseException:
            self._free(task)
            raise
        self._free(task)
        return result

    def _free(self, task: _Task) -> None:
        """Its actor has done what it was given, or is let alone with it."""
        self._idle.append(task.actor)
        self._begin_waiting()

    def _begin_waiting(self) -> None:
        if self._waiting and self._idle:
            self.submit(*self._waiting.popleft())

    def has_free(self) -> bool:
        """Whether an actor is idle and nothing waits for one."""
        return bool(self._idle) and not self._waiting

    def pop_idle(self) -> ActorHandle[Any] | None:
        """Takes an idle actor out of the pool.

        Returns:
            Its handle; None if none is idle.
        """
        return self._idle.pop() if self.has_free() else None

    def push(self, actor: ActorHandle[Any]) -> None:
        """Puts another actor into the pool.

        Args:
            actor: its handle.

        Raises:
            ValueError: it is in the pool already.
        """
        if actor in self._idle or any(actor == task.actor for task in self._running.values()):
            raise ValueError("Actor already belongs to current ActorPool")
        self._idle.append(actor)
        self._begin_waiting()
