"""Plain tasks: from ``.remote()`` to the last reply.

Tasks that need the same resources and environment share a queue (``core.tasks``): a packet
socket of which this process holds the writing end and every leased worker the reading one.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from heliostat.engines.local.core.objects import FAILED, READY, Entry
from heliostat.engines.local.core.tasks import Function, Task, TaskQueue
from heliostat.engines.local.owner import arguments, errors
from heliostat.engines.local.store import values
from heliostat.engines.local.wire import messages
from heliostat.engines.local.wire.channel import Outbox
from heliostat.engines.local.wire.framing import drain, socket_pair
from heliostat.engines.refs import ObjectRef

if TYPE_CHECKING:
    from heliostat.engines.definitions import TaskTemplate
    from heliostat.engines.local.owner.session import Session


class Queue(TaskQueue):
    """A task queue with its socket.

    Attributes:
        box: the writing end.
        suspect: the last packet sent when a worker of the queue was last reported dead.
        readers: the workers that read the queue, and ``slots`` their slots of the board.
        reading: a copy of the reading end, to take out again what nobody has read.
        ranks: some of its tasks had a priority.
    """

    def __init__(
        self, number: int, limit: int, box: Outbox, reading: socket.socket | None = None
    ) -> None:
        super().__init__(number, limit)
        self.box = box
        self.reading = reading
        self.readers: tuple[int, ...] = ()
        self.ranks = False
        self.suspect = 0
        self.slots: tuple[int, ...] = ()


def open_queue(session: Session, number: int, limit: int, amounts: Any, env: Any) -> Queue:
    """A new queue, whose reading end the head hands to the workers."""
    writing, reading = socket_pair()
    queue = Queue(number, limit, Outbox(writing, session.loop.send_later), reading)
    session.head.send(messages.open_queue(number, amounts, env), (reading.fileno(),))
    return queue


class Prepared:
    """A remote function made ready for a session: what its tasks have in common."""

    __slots__ = ("failure", "function", "queue", "retries", "tasks")

    def __init__(self, tasks: Tasks, template: TaskTemplate) -> None:
        options = template.options
        self.tasks = tasks
        self.function = Function(
            tasks.session.functions.key(template.definition, options.max_calls),
            options.name or template.definition.name,
            options.returns,
            options.retry_exceptions,
            options.name or "",
            options.timeout,
            options.priority,
        )
        self.retries = options.max_retries
        self.failure, self.queue = tasks.queue_for(options.amounts, options.runtime_env)


class Tasks:
    """The tasks this process submitted."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._lock = session.loop.lock
        self._queues: dict[int, Queue] = {}
        self._classes: dict[Any, tuple[Any, Queue | None]] = {}
        self._waiting: dict[Task, Queue] = {}
        self._next_queue = 1

    # -- going out ------------------------------------------------------------------------

    def submit(self, template: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Submits a task; returns what ``.remote()`` returns."""
        prepared: Prepared | None = template.prepared
        if prepared is None or prepared.tasks is not self:
            prepared = template.prepared = Prepared(self, template)
        function = prepared.function
        session = self.session
        objects = session.objects
        queue = prepared.queue
        if queue is None:
            return self._failed(function.returns, prepared.failure)
        # Under the lock runs no user code, and pickling may be the user's.
        if kwargs or not values.are_plain(args):
            content = arguments.encode(args, kwargs, objects.blob, objects.put_pickled)
        else:
            content = (args,)
        number, result = objects.results(function.returns)
        if type(content) is tuple:
            task = Task(number, (number, *content), result, function, prepared.retries, None)
        else:
            content.number = number
            task = Task(number, None, result, function, prepared.retries, content)
        stream = None
        if function.returns < 0:
            stream = session.streams.open(task.entry, -1 - function.returns)
        if session.running is not None:
            task.parent = session.running()
        with self._lock:
            if task.extra is not None:
                self._await_arguments(queue, task)
            elif function.priority or queue.ranks:
                self._enqueue(queue, task)
            else:
                queue.backlog.append(task)
                self._send_due(queue)
        if session.loop.interrupted:
            session.loop.raise_interrupt()
        return as_refs(result) if stream is None else stream

    def _await_arguments(self, queue: Queue, task: Task) -> None:
        """The task goes out as soon as every argument has its value."""
        extra = task.extra
        self.session.references.check_session([entry for _, entry in extra.slots])
        self._waiting[task] = queue
        if extra.await_slots(self.session.exchange, lambda: self._arrived(queue, task)):
            self._arrived(queue, task)
        elif task.function.links:
            task.follows = extra.follows(self.session.home)
            if task.follows is not None:
                queue.follow(task)

    def _arrived(self, queue: Queue, task: Task) -> None:
        """Every argument has its value."""
        if self._waiting.pop(task, None) is None or not queue.arrived(task):
            return  # cancelled, or it is on its way already
        failure = task.extra.failure()
        if failure is not None:
            complete(task, FAILED, failure)
            return
        task.call = task.extra
        self._enqueue(queue, task)

    def _enqueue(self, queue: Queue, task: Task) -> None:
        """Sends a task before those of a lower priority, also if they were sent and wait for a
        worker: they are taken out of the queue again."""
        priority = task.function.priority
        queue.ranks = queue.ranks or priority != 0
        if queue.ranks and queue.reading is not None and queue.outranked(priority):
            queue.unread([message[1] for message in drain(queue.reading)])
        queue.enqueue(task)
        self._send_due(queue)

    def _failed(self, returns: int, payload: Any) -> Any:
        _, result = self.session.objects.results(returns)
        for entry in result if isinstance(result, tuple) else (result,):
            entry.complete(FAILED, payload)
        if returns < 0 and isinstance(result, Entry):
            return self.session.streams.open(result, 0)
        return as_refs(result)

    def _send_due(self, queue: Queue) -> None:
        """Sends what should go at once: one task to an idle worker, or a whole packet."""
        backlog = queue.backlog
        if len(queue.packets) < queue.lively or len(backlog) >= backlog[0].function.batch:
            self.flush(queue)
        else:
            self.session.pump.work_outstanding()

    def flush(self, queue: Queue) -> None:
        """Sends all packets that may go now, and asks for workers if more could be used."""
        session = self.session
        references = session.references
        while queue.withdrawn:
            task = queue.withdrawn.pop()
            self._end(task, FAILED, errors.cancelled())
        while True:
            packet = queue.next_packet()
            if packet is None:
                break
            number, tasks = packet
            fds: list[int] = []
            calls = []
            for task in tasks:
                call = task.call
                calls.append(call if type(call) is tuple else call.wire(references, fds))
            function = tasks[0].function
            message = messages.tasks(
                number, function.key, function.called, function.returns, function.timeout, calls
            )
            queue.box.send(message, fds)
        if queue.demand < queue.most:
            wanted = queue.wanted()
            if wanted > queue.demand:
                queue.demand = wanted
                session.head.send(messages.demand(queue.number, wanted))
        session.pump.work_outstanding()

    # -- cancellation ---------------------------------------------------------------------

    def unfinished(self) -> list[tuple[Queue, Task]]:
        """Every task that has not ended."""
        sent = [(queue, task) for queue in self._queues.values() for task in queue.unfinished()]
        return sent + [(queue, task) for task, queue in self._waiting.items() if task.call is None]

    def find(self, entry: Entry) -> tuple[Queue, Task] | None:
        """The unfinished task that makes the object."""
        for queue, task in self.unfinished():
            if task.entry is entry or any(one is entry for one in task.entries()):
                return queue, task
        return None

    def stop_waiting(self, queue: Queue, task: Task) -> bool:
        """A task that waits for arguments waits no more; False if it doesn't."""
        if task.call is not None or self._waiting.pop(task, None) is None:
            return False
        queue.arrived(task)
        return True

    # -- queues in general ----------------------------------------------------------------

    @property
    def queues(self) -> Iterable[Queue]:
        """The task queues of this process."""
        return self._queues.values()

    def flush_all(self) -> None:
        """Sends whatever was held back."""
        for queue in self._queues.values():
            if queue.backlog:
                self.flush(queue)

    @property
    def starved(self) -> bool:
        """Tasks wait in a queue that no worker reads."""
        return any(not q.idle and not q.attached for q in self._queues.values())

    @property
    def outstanding(self) -> bool:
        """Some task has not ended."""
        return bool(self._waiting) or any(not queue.idle for queue in self._queues.values())

    # -- queues ---------------------------------------------------------------------------

    def queue_for(self, amounts: Any, runtime_env: Any) -> tuple[Any, Queue | None]:
        """The queue of a scheduling class; or the failure of its tasks if no node can ever
        run one."""
        env = self.session.env_of(runtime_env)
        key = (amounts, env)
        found = self._classes.get(key)
        if found is None:
            limit, text = self.session.limit_of(amounts)
            if text is not None:
                found = (errors.unschedulable_task(text), None)
            else:
                found = (None, self._open(key, limit))
            self._classes[key] = found
        return found

    def _open(self, key: Any, limit: int) -> Queue:
        with self._lock:
            number = self._next_queue
            self._next_queue = number + 1
            queue = self._queues[number] = open_queue(self.session, number, limit, *key)
        return queue

    # -- coming back ----------------------------------------------------------------------

    def on_done(
        self,
        number: int,
        packet: int,
        proc: int,
        elapsed: float,
        results: list[Any],
        kept: list[tuple[int, int]],
    ) -> None:
        """A worker ran the first tasks of a packet."""
        queue = self._queues[number]
        self._finish_all(queue, queue.finish(packet, len(results), elapsed), proc, results, kept)

    def on_parted(
        self, number: int, packet: int, proc: int, results: list[Any], kept: list[tuple[int, int]]
    ) -> None:
        """A worker ran the first tasks of a packet and waits in the next one."""
        queue = self._queues[number]
        self._finish_all(queue, queue.part(packet, len(results)), proc, results, kept)

    def _finish_all(
        self,
        queue: Queue,
        tasks: list[Task],
        proc: int,
        results: list[Any],
        kept: list[tuple[int, int]],
    ) -> None:
        references = self.session.references
        if kept:
            references.keep(kept, proc)
        for task, payload in zip(tasks, results):
            if task.extra is None and type(task.entry) is Entry and values.is_simple(payload):
                task.entry.complete(READY, payload)
            else:
                local = references.from_wire(payload, self.session.loop.take_fd)
                self._finish(queue, task, local)
        for payload in results[len(tasks) :]:
            # Of a packet given up for lost: what the result holds is taken over and let go of.
            references.from_wire(payload, self.session.loop.take_fd)
        if queue.backlog or queue.withdrawn:
            self.flush(queue)

    def _finish(self, queue: Queue, task: Task, payload: Any) -> None:
        if type(payload) is not tuple or payload[0] != values.ERROR:
            self._end(task, READY, payload)
            return
        wanted = task.function.retry_exceptions
        if not wanted or task.cancelled or 0 <= task.retries <= task.attempts:
            self._end(task, FAILED, payload)
        elif wanted is True:
            self._repeat(queue, task)
        else:
            # To look at the exception is to run user code: not under the lock.
            self._waiting[task] = queue
            self.session.loop.after.append(lambda: self._decide(queue, task, payload))

    def _decide(self, queue: Queue, task: Task, payload: Any) -> None:
        """Whether a task that raised runs again."""
        again = errors.is_instance(payload, task.function.retry_exceptions)
        with self._lock:
            self._waiting.pop(task, None)
            if again and not task.cancelled:
                self._repeat(queue, task)
            else:
                self._end(task, FAILED, payload)

    def _end(self, task: Task, state: int, payload: Any) -> None:
        if task.extra is not None:
            task.extra.release(self.session.references)
        complete(task, state, payload)

    def _repeat(self, queue: Queue, task: Task) -> None:
        task.attempts += 1
        if task.extra is not None:
            task.extra.release(self.session.references)
        queue.put_back([task])
        self.flush(queue)

    # -- workers --------------------------------------------------------------------------

    def on_workers(
        self, number: int, attached: tuple[tuple[int, int], ...], granted: int, blocked: int
    ) -> None:
        """The head attached or detached workers, or one of them blocked or went on."""
        queue = self._queues.get(number)
        if queue is not None:
            queue.set_attached([proc for proc, _ in attached], blocked)
            known = [(proc, slot) for proc, slot in attached if slot >= 0]
            queue.readers = tuple([proc for proc, _ in known])
            queue.slots = tuple([slot for _, slot in known])
            queue.demand = granted
            self.flush(queue)

    def on_worker_died(self, proc: int, death: dict[str, Any]) -> None:
        """A worker ended, perhaps with a packet of ours. Of another owner's worker hears whoever
        knows it, and that owner's queues and packets have the same numbers as ours."""
        if death.get("owner") != self.session.home.proc:
            return
        queue = self._queues.get(death["queue"])
        if queue is None:
            return
        queue.demand = 0  # it counted on that worker: let the flush below ask again
        queue.suspect = queue.last_packet
        lost = queue.worker_lost(death["packet"], death["index"])
        for task in lost:
            if errors.ran_out_of_time(task, death):
                task.retries = 0
            if task.extra is not None:
                self.session.references.taint([entry for _, entry in task.extra.slots])
                task.extra.release(self.session.references)
        # All go back before one fails: what follows it must be where it waits for it.
        for task in [task for task in lost if not queue.retry(task)]:
            if task.cancelled:
                complete(task, FAILED, errors.cancelled())
            elif errors.ran_out_of_time(task, death):
                complete(task, FAILED, errors.task_timeout(task))
            else:
                complete(task, FAILED, errors.worker_crashed(task, death))
        self.flush(queue)

    def on_audit(self, number: int, drained: list[int], claimed: list[int]) -> None:
        """What a dead worker may have taken with it unseen goes out again."""
        queue = self._queues[number]
        queue.audited(drained, claimed, queue.suspect)
        self.flush(queue)

    def fail_all(self, payload: Callable[[Task], Any]) -> None:
        """The session is over."""
        for queue in self._queues.values():
            for task in queue.take_all():
                complete(task, FAILED, payload(task))

    def check(self) -> None:
        """Asserts the invariants of every queue."""
        for queue in self._queues.values():
            queue.check()

    def forked(self) -> None:
        """In a forked child: closes the sockets, which the parent goes on using."""
        for queue in self._queues.values():
            queue.box.sock.close()
            if queue.reading is not None:
                queue.reading.close()

    def close(self) -> None:
        """Closes the queues' sockets."""
        for queue in self._queues.values():
            self.session.loop.forget(queue.box)
            if queue.reading is not None:
                queue.reading.close()


def as_refs(result: Entry | tuple[Entry, ...]) -> Any:
    """What ``.remote()`` gives back."""
    if type(result) is not tuple:
        return ObjectRef(result)
    return [ObjectRef(entry) for entry in result] or None


def complete(task: Task, state: int, payload: Any) -> None:
    """Gives the results of a task their values."""
    entry = task.entry
    if type(entry) is not tuple:
        entry.complete(state, payload)
    elif state == FAILED:
        for one in entry:
            one.complete(FAILED, payload)
    else:
        for one, part in zip(entry, payload[1]):
            one.complete(READY, part)
