"""A task queue against a model of where each task is."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from heliostat.engines.local.core.tasks import PACKET_TASKS, WINDOW, Function, Task, TaskQueue

LIMIT = 3


def make(number: int, function: Function, retries: int = 0) -> Task:
    return Task(number, (number, ()), None, function, retries, None)


class QueueMachine(RuleBasedStateMachine):
    """Tasks are submitted, packed, run, handed back, lost and repeated."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = TaskQueue(1, LIMIT)
        self.functions = [Function(b"f", "f"), Function(b"g", "g")]
        self.number = 0
        self.waiting: list[int] = []
        self.out: dict[int, list[int]] = {}
        self.ended: set[int] = set()
        self.losses: dict[int, int] = {}
        self.retries: dict[int, int] = {}

    @rule(which=st.integers(0, 1), retries=st.integers(-1, 2), count=st.integers(1, 40))
    def submit(self, which: int, retries: int, count: int) -> None:
        for _ in range(count):
            self.number += 1
            self.retries[self.number] = retries
            self.waiting.append(self.number)
            self.queue.backlog.append(make(self.number, self.functions[which], retries))

    @rule()
    def send(self) -> None:
        packet = self.queue.next_packet()
        if packet is None:
            part = (
                len(self.waiting) < self.queue.backlog[0].function.batch if self.waiting else True
            )
            enough = len(self.out) >= self.queue.lively
            assert not self.waiting or len(self.out) >= WINDOW or (part and enough)
            return
        number, tasks = packet
        numbers = [task.number for task in tasks]
        assert numbers == self.waiting[: len(numbers)], "tasks left in the order they came"
        assert len({task.function for task in tasks}) == 1
        assert len(tasks) <= PACKET_TASKS
        self.out[number] = numbers
        del self.waiting[: len(numbers)]

    @precondition(lambda self: self.out)
    @rule(data=st.data(), seconds=st.sampled_from([1e-6, 2e-5, 5e-4, 0.1]))
    def finish(self, data: st.DataObject, seconds: float) -> None:
        packet = data.draw(st.sampled_from(sorted(self.out)))
        numbers = self.out.pop(packet)
        count = data.draw(st.integers(1, len(numbers)))
        finished = self.queue.finish(packet, count, seconds * count)
        assert [task.number for task in finished] == numbers[:count]
        self.ended.update(numbers[:count])
        self.waiting[:0] = numbers[count:]

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        packet = data.draw(st.sampled_from(sorted(self.out)))
        numbers = self.out.pop(packet)
        index = data.draw(st.integers(0, len(numbers) - 1))
        begun = self.queue.worker_lost(packet, index)
        assert [task.number for task in begun] == numbers[: index + 1]
        self.waiting[:0] = numbers[index + 1 :]
        for task in begun:
            self.losses[task.number] = self.losses.get(task.number, 0) + 1
            allowed = self.retries[task.number]
            again = self.queue.retry(task)
            assert again == (allowed < 0 or self.losses[task.number] <= allowed)
            if again:
                self.waiting.insert(0, task.number)
            else:
                self.ended.add(task.number)

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def part(self, data: st.DataObject) -> None:
        packet = data.draw(st.sampled_from(sorted(self.out)))
        numbers = self.out[packet]
        count = data.draw(st.integers(0, len(numbers) - 1))
        finished = self.queue.part(packet, count)
        assert [task.number for task in finished] == numbers[:count]
        self.ended.update(numbers[:count])
        self.waiting[:0] = numbers[count + 1 :]
        self.out[packet] = [numbers[count]]

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def recall(self, data: st.DataObject) -> None:
        packet = data.draw(st.sampled_from(sorted(self.out)))
        numbers = self.out[packet]
        index = data.draw(st.integers(1, len(numbers) + 1))
        assert self.queue.recall(packet, index) == (index < len(numbers))
        self.waiting[:0] = numbers[index:]
        self.out[packet] = numbers[:index]

    @rule(packet=st.integers(0, 400))
    def hear_of_an_unknown_packet(self, packet: int) -> None:
        if packet not in self.out:
            assert self.queue.finish(packet, 1, 0.1) == []
            assert self.queue.worker_lost(packet, 0) == []
            assert self.queue.part(packet, 0) == []
            assert not self.queue.recall(packet, 0)

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def audit(self, data: st.DataObject) -> None:
        numbers = sorted(self.out)
        unread = data.draw(st.integers(0, len(numbers)))
        drained = numbers[len(numbers) - unread :]
        claimed = data.draw(st.sets(st.sampled_from(numbers)))
        until = data.draw(st.sampled_from(numbers))
        self.queue.audited(drained, claimed, until)
        back = [n for n in numbers if n in drained or (n <= until and n not in claimed)]
        self.waiting[:0] = [task for packet in back for task in self.out.pop(packet)]

    @rule(attached=st.sets(st.integers(1, 9)), data=st.data())
    def hear_of_workers(self, attached: set[int], data: st.DataObject) -> None:
        blocked = data.draw(st.integers(0, len(attached)))
        self.queue.set_attached(attached, blocked)
        assert self.queue.attached == attached

    @invariant()
    def agrees(self) -> None:
        self.queue.check()
        assert [task.number for task in self.queue.backlog] == self.waiting
        assert {n: [t.number for t in p] for n, p in self.queue.packets.items()} == self.out
        assert self.queue.idle == (not self.waiting and not self.out)
        assert 0 <= self.queue.wanted() <= self.queue.most
        assert len(self.out) <= WINDOW
        numbers = [task.number for task in self.queue.unfinished()]
        assert sorted([*numbers, *self.ended]) == list(range(1, self.number + 1))


TestTaskQueue = QueueMachine.TestCase


def test_an_unmeasured_function_goes_singly() -> None:
    queue = TaskQueue(1, LIMIT)
    function = Function(b"f", "f")
    queue.backlog.extend(make(n, function) for n in range(10))
    packet = queue.next_packet()
    assert packet is not None
    assert len(packet[1]) == 1


def test_a_short_function_is_sent_by_the_packet() -> None:
    function = Function(b"f", "f")
    function.measured(10e-6)
    queue = TaskQueue(1, LIMIT)
    queue.backlog.extend(make(n, function) for n in range(1000))
    packet = queue.next_packet()
    assert packet is not None
    assert len(packet[1]) == function.batch > 50


def test_a_packet_never_holds_what_an_idle_worker_could_do() -> None:
    function = Function(b"f", "f")
    function.measured(1e-6)
    queue = TaskQueue(1, LIMIT)
    queue.set_attached({1, 2, 3})
    queue.backlog.extend(make(n, function) for n in range(8))
    packet = queue.next_packet()
    assert packet is not None
    assert len(packet[1]) == 2


def test_a_function_that_became_long_goes_singly_again() -> None:
    function = Function(b"f", "f")
    function.measured(1e-6)
    assert function.batch == PACKET_TASKS
    function.measured(1.0)
    assert function.batch == 1


def test_everything_unfinished_can_be_taken_out() -> None:
    queue = TaskQueue(1, LIMIT)
    function = Function(b"f", "f")
    queue.backlog.extend(make(n, function) for n in range(4))
    queue.next_packet()
    assert [task.number for task in queue.take_all()] == [0, 1, 2, 3]
    assert queue.idle


def test_the_entries_of_a_task_are_those_of_its_results() -> None:
    function = Function(b"f", "f", 2)
    first, second = object(), object()
    assert Task(1, (), (), function, 0, None).entries() == ()
    assert Task(1, (), (first, second), function, 0, None).entries() == (first, second)
    assert Task(1, (), first, function, 0, None).entries() == (first,)
