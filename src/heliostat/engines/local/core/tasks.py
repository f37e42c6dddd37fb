"""The owner's side of plain tasks: which go out in the next packet, and what a death costs.

All leased workers of a scheduling class read packets from one shared socket: whoever is idle
takes the next one. So no task waits behind a running one, whatever its owner or the other
workers are doing, and a worker that blocks has nothing queued behind it. What is decided here
is how many tasks go into a packet: one, until the function has been measured under a
millisecond, then as many as take about a millisecond, so that packets cost little beside
their tasks and the last ones end together.

A task that waits for nothing but the result of one other task, and is the only one to wait for it,
*follows* that one: it may go out in the same packet, behind it, and the worker fills in the result.
A chain of short tasks then takes a packet a millisecond instead of a round trip a link.

A task is a record, not a machine with a story: a whole task may cost 11 us and an enum
transition alone costs 1.2.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from heliostat.engines.local.core.objects import Entry

#: Seconds of work a packet should hold.
PACKET_SECONDS = 0.001
#: Most tasks in a packet: beyond 128 the cost of a packet is below 0.1 us a task.
PACKET_TASKS = 128
#: Most packets out at once. Workers draw from them on their own, so an owner that computes
#: without pumping keeps them busy for as long as this lasts.
WINDOW = 64


#: Parts of a call that takes an argument from an earlier one in its packet.
LINKED = 4


class Function:
    """A remote function as one owner sees it: its key, and how long its tasks take.

    Attributes:
        key: content hash under which the workers know it.
        name: for messages.
        called: what the user calls its tasks; empty: as the function.
        returns: results of a task.
        batch: tasks to send in one packet.
        timeout: seconds a task may run, or None.
        priority: its tasks go ahead of those of a lower one.
        links: its results are of a kind that a worker can pass on within a packet.
        retry_exceptions: what its author wants repeated: all or none of its own exceptions,
            or those of the given types.
    """

    __slots__ = (
        "batch",
        "called",
        "key",
        "links",
        "name",
        "priority",
        "retry_exceptions",
        "returns",
        "seconds",
        "timeout",
    )

    def __init__(
        self,
        key: bytes,
        name: str,
        returns: int = 1,
        retry_exceptions: Any = False,
        called: str = "",
        timeout: float | None = None,
        priority: int = 0,
    ) -> None:
        self.key = key
        self.returns = returns
        self.name = name
        self.called = called
        self.retry_exceptions = retry_exceptions
        self.timeout = timeout
        self.priority = priority
        self.seconds: float | None = None
        self.batch = 1
        self.links = returns == 1

    def measured(self, seconds: float) -> None:
        """Takes the mean run time of a packet's tasks into account."""
        old = self.seconds
        self.seconds = seconds if old is None else (old + seconds) / 2
        # One that may be killed for its time takes nobody with it.
        if self.seconds >= PACKET_SECONDS or self.timeout is not None:
            self.batch = 1
        else:
            self.batch = min(PACKET_TASKS, int(PACKET_SECONDS / (self.seconds + 1e-6)) or 1)


class Task:
    """A task from its submission to its last reply.

    Attributes:
        number: number of its (first) result.
        call: the tuple that goes on the wire, or what makes it when the task is sent; None
            while an argument isn't ready.
        entry: the result's entry, or a tuple of them if they are any other number than one.
        retries: how often it may be repeated after a failure; -1 = for ever.
        attempts: how often it has failed.
        actor: for a call, the handle it keeps alive.
        follows: the task whose result is the only argument missing, or None.
        parent: what ran here when it was submitted, None in a driver; see ``owner.cancel``.
        cancelled: it is to end as soon as can be, and is not repeated.
        extra: what the arguments hold while the task lives (``owner.arguments``), or None.
    """

    __slots__ = (
        "actor",
        "attempts",
        "call",
        "cancelled",
        "entry",
        "extra",
        "follows",
        "function",
        "number",
        "parent",
        "retries",
    )

    def __init__(
        self, number: int, call: Any, entry: Any, function: Function, retries: int, extra: Any
    ) -> None:
        self.number = number
        self.call = call
        self.entry = entry
        self.function = function
        self.retries = retries
        self.attempts = 0
        self.extra = extra
        self.actor: Any = None
        self.follows: Follow | None = None
        self.parent: Any = None
        self.cancelled = False

    def entries(self) -> tuple[Entry, ...]:
        """The entries of its results."""
        entry = self.entry
        if type(entry) is tuple:
            return entry
        return (entry,)


class Follow:
    """How a task depends on the one before it.

    Attributes:
        number: of the other task.
        where: position of its result among the arguments.
        args: the arguments, with a hole there.
    """

    __slots__ = ("args", "number", "where")

    def __init__(self, number: int, where: int, args: tuple[Any, ...]) -> None:
        self.number = number
        self.where = where
        self.args = args


class TaskQueue:
    """The tasks of one scheduling class of one owner: same resources, same environment.

    Attributes:
        backlog: ready tasks not sent yet.
        packets: packets out, by number: the tasks each holds.
        attached: workers reading the queue, by the head's latest word.
        most: workers it may demand: ``limit``, and one for each whose task only waits.
        lively: packets out below which a single task is sent at once: one for each worker
            to run and one for it to find when it is done; those whose tasks only wait, and
            maybe for the very task that is to be sent, come on top.
        window: most packets out, counted likewise.
        demand: workers last asked of the head.
        withdrawn: cancelled tasks that came back unbegun, for the owner to end.
    """

    def __init__(self, number: int, limit: int) -> None:
        """``limit``: workers that could run at once if nobody else wanted any."""
        self.number = number
        self.limit = limit
        self.most = limit
        self.backlog: deque[Task] = deque()
        self.packets: dict[int, list[Task]] = {}
        self.attached: frozenset[int] = frozenset()
        self.lively = 2
        self.window = WINDOW
        self.demand = 0
        self.withdrawn: list[Task] = []
        self._next_packet = 1
        # By number of the task followed; None where several wait for it, which then follow nobody.
        self._followers: dict[int, Task | None] = {}

    def set_attached(self, workers: Iterable[int], blocked: int = 0) -> None:
        """The head's word on who reads the queue, and how many of them wait in ``get``."""
        self.attached = frozenset(workers)
        self.lively = 2 * (len(self.attached) - blocked or 1) + blocked
        self.window = WINDOW + blocked
        self.most = self.limit + blocked

    # -- going out ------------------------------------------------------------------------

    def next_packet(self) -> tuple[int, list[Task]] | None:
        """Takes the next packet out of the backlog, if one should go now.

        A part-filled packet waits while the workers have packets enough: tasks submitted
        meanwhile join it.
        """
        backlog = self.backlog
        out = len(self.packets)
        if not backlog or out >= self.window:
            return None
        function = backlog[0].function
        size = function.batch
        workers = len(self.attached) or 1
        if len(backlog) < size and out >= self.lively:
            return None
        if size == 1:
            taken = [backlog.popleft()]
        else:
            # The rest is shared out evenly: a packet never holds what an idle worker could do.
            size = min(size, -(-len(backlog) // (workers + 1)))
            taken = []
            while len(taken) < size and backlog and backlog[0].function is function:
                taken.append(backlog.popleft())
            if self._followers:
                self._add_followers(taken)
        number = self._next_packet
        self._next_packet = number + 1
        self.packets[number] = taken
        return number, taken

    def enqueue(self, task: Task) -> None:
        """A ready task waits to be sent: behind all others but those of a lower priority."""
        backlog = self.backlog
        at = len(backlog)
        priority = task.function.priority
        while at and backlog[at - 1].function.priority < priority:
            at -= 1
        backlog.insert(at, task)

    def outranked(self, priority: int) -> bool:
        """Whether tasks that were sent are of a lower priority."""
        return any(tasks[0].function.priority < priority for tasks in self.packets.values())

    def follow(self, task: Task) -> None:
        """The task waits for the one that it ``follows``, alone."""
        follows = task.follows
        assert follows is not None
        number = follows.number
        self._followers[number] = None if number in self._followers else task

    def arrived(self, task: Task) -> bool:
        """The arguments a task waits for are there. False if it followed so closely that it is
        in a packet already."""
        self._unfollow(task)
        return task.call is None

    def _unfollow(self, task: Task) -> None:
        if task.follows is not None:
            self._followers.pop(task.follows.number, None)
            task.follows = None

    def _add_followers(self, taken: list[Task]) -> None:
        """Those that follow a task of a packet join it, while it has room. They cost no idle
        worker anything: nobody else could begin them."""
        function = taken[0].function
        size = function.batch if function.links else 0
        for index, task in enumerate(taken):
            if len(taken) >= size:
                return
            follower = self._followers.get(task.number)
            if follower is not None and follower.function is function:
                follows = follower.follows
                assert follows is not None
                follower.call = (follower.number, follows.args, follows.where, index)
                taken.append(follower)

    def put_back(self, tasks: list[Task]) -> None:
        """These were sent and go out again, ahead of everything else; who followed another one
        waits for its result again, if that isn't there yet."""
        for task in reversed(tasks):
            if task.cancelled:
                self._unfollow(task)
                self.withdrawn.append(task)
                continue
            if _is_linked(task):
                task.call = None if task.follows is not None else task.extra
            if task.call is not None:
                self.backlog.appendleft(task)

    def wanted(self) -> int:
        """Workers this queue could keep busy."""
        busy = len(self.packets) + len(self.backlog)
        return min(busy, self.most)

    # -- coming back ----------------------------------------------------------------------

    def finish(self, packet: int, count: int, elapsed: float) -> list[Task]:
        """The first ``count`` tasks of ``packet`` ran in ``elapsed`` seconds together.

        Returns the finished tasks; those the worker handed back go to the front of the
        backlog. A packet not known any more gives nothing: it was given up for lost.
        """
        tasks = self.packets.pop(packet, None)
        if tasks is None:
            return []
        if count < len(tasks):
            if elapsed < PACKET_SECONDS and _is_linked(tasks[count]):
                tasks[0].function.links = False
            self.put_back(tasks[count:])
            del tasks[count:]
        if count:
            tasks[0].function.measured(elapsed / count)
        return tasks

    def part(self, packet: int, count: int) -> list[Task]:
        """The worker of ``packet`` waits in the task after the first ``count``, perhaps for
        others of the same packet. Returns those, finished; the ones behind it go out again."""
        tasks = self.packets.get(packet)
        if tasks is None:
            return []
        self.put_back(tasks[count + 1 :])
        self.packets[packet] = [tasks[count]]
        return tasks[:count]

    def worker_lost(self, packet: int, index: int) -> list[Task]:
        """The worker holding ``packet`` died while running its task ``index``.

        The tasks after that one never began and simply go out again. Returns those that
        began, the finished ones among them included, since their results died unsent.
        """
        tasks = self.packets.pop(packet, None)
        if tasks is None:
            return []
        self.put_back(tasks[index + 1 :])
        return tasks[: index + 1]

    @property
    def last_packet(self) -> int:
        """The packet sent last."""
        return self._next_packet - 1

    def audited(self, drained: Iterable[int], claimed: Iterable[int], until: int) -> None:
        """A worker died with no packet to its name, perhaps just after it read one.

        The head took the ``drained`` packets, which nobody had read, out of the queue, and saw
        the ``claimed`` ones on the board. What was sent up to ``until``, the last packet when the
        death became known, and is neither of these nor finished, is lost. No task of a lost
        packet began: all go out again.
        """
        accounted = set(claimed)
        back = set(drained)
        self.unread([n for n in self.packets if n in back or (n <= until and n not in accounted)])

    def recall(self, packet: int, index: int) -> bool:
        """Takes back the tasks of a packet from ``index`` on: its worker, still at one before
        them, has been told to stop there. They go out again, one by one: what was thought
        short is not. False if there are none."""
        tasks = self.packets.get(packet)
        if tasks is None or len(tasks) <= index:
            return False
        self.put_back(tasks[index:])
        del tasks[index:]
        tasks[0].function.batch = 1
        return True

    def retry(self, task: Task) -> bool:
        """Counts a loss; True if the task goes out again, ahead of everything else."""
        task.attempts += 1
        if task.cancelled or 0 <= task.retries < task.attempts:
            self._unfollow(task)
            return False
        self.put_back([task])
        return True

    # -- cancellation ---------------------------------------------------------------------

    def withdraw(self, task: Task) -> bool:
        """Takes a task out of the backlog; False if it was sent, or waits for arguments."""
        try:
            self.backlog.remove(task)
        except ValueError:
            return False
        return True

    def place(self, task: Task) -> tuple[int, int] | None:
        """The packet a task is in, and its index there."""
        for number, tasks in self.packets.items():
            if task in tasks:
                return number, tasks.index(task)
        return None

    def unread(self, packets: Iterable[int]) -> None:
        """These packets were taken out of the queue again before a worker read them."""
        for number in sorted(packets, reverse=True):
            self.put_back(self.packets.pop(number, []))

    def take_all(self) -> list[Task]:
        """Empties the queue: every unfinished task, oldest first."""
        tasks = [task for packet in self.packets.values() for task in packet]
        tasks.extend(self.backlog)
        self.packets.clear()
        self.backlog.clear()
        return tasks

    @property
    def idle(self) -> bool:
        """Nothing is unfinished."""
        return not self.packets and not self.backlog

    def unfinished(self) -> Iterator[Task]:
        """Every task sent or about to be sent."""
        for packet in self.packets.values():
            yield from packet
        yield from self.backlog

    def check(self) -> None:
        """Asserts the invariants: no task twice, no empty packet, bounded window."""
        seen = [task.number for task in self.unfinished()]
        assert len(seen) == len(set(seen)), "a task is queued twice"
        assert all(self.packets.values()), "an empty packet is out"
        assert all(task.call is not None for task in self.unfinished()), "unready task queued"
        assert not any(map(_is_linked, self.backlog)), "a link without its packet"
        assert not any(task.cancelled for task in self.backlog), "a cancelled task waits"


def _is_linked(task: Task) -> bool:
    """Whether the task takes an argument from another one in its packet."""
    return type(task.call) is tuple and len(task.call) == LINKED
