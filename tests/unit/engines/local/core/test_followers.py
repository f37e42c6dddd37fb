"""Chains of tasks: each waits for the one before it and may share its packet."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from heliostat.engines.local.core.tasks import Follow, Function, Task, TaskQueue

HELD = object()  #: stands for arguments that are all there


def make(number: int, function: Function, after: int | None = None, retries: int = 0) -> Task:
    call = (number, ()) if after is None else None
    task = Task(number, call, None, function, retries, None if after is None else HELD)
    if after is not None:
        task.follows = Follow(after, 0, (None,))
    return task


def quick() -> Function:
    function = Function(b"f", "f")
    function.measured(1e-5)
    return function


class Owner:
    """What an owner does with a queue, as far as results and arguments go."""

    def __init__(self, function: Function) -> None:
        self.queue = TaskQueue(1, 3)
        self.queue.set_attached([1, 2])
        self.function = function
        self.tasks: dict[int, Task] = {}
        self.after: dict[int, int] = {}
        self.done: dict[int, bool] = {}

    def submit(self, number: int, after: int | None, retries: int = 0) -> None:
        ready = after is None or after in self.done
        task = make(number, self.function, None if ready else after, retries)
        self.tasks[number] = task
        if ready and after is not None and not self.done[after]:
            self.complete(number, ok=False)
        elif ready:
            self.queue.backlog.append(task)
        elif after is not None:
            self.after[number] = after
            self.queue.follow(task)

    def complete(self, number: int, *, ok: bool) -> None:
        assert number not in self.done, "a task ended twice"
        self.done[number] = ok
        for other in [n for n, after in self.after.items() if after == number]:
            del self.after[other]
            task = self.tasks[other]
            if not self.queue.arrived(task):
                continue
            if ok:
                task.call = HELD
                self.queue.backlog.append(task)
            else:
                self.complete(other, ok=False)

    def fail_lost(self, packet: int, index: int) -> None:
        lost = self.queue.worker_lost(packet, index)
        for task in [task for task in lost if not self.queue.retry(task)]:
            self.complete(task.number, ok=False)


class FollowersMachine(RuleBasedStateMachine):
    """Every task ends once, after the one it waits for, whatever happens to packets."""

    def __init__(self) -> None:
        super().__init__()
        self.owner = Owner(quick())
        self.queue = self.owner.queue
        self.out: dict[int, list[Task]] = {}
        self.number = 0

    @rule(data=st.data(), retries=st.integers(0, 2), length=st.integers(1, 6))
    def chain(self, data: st.DataObject, retries: int, length: int) -> None:
        known = sorted(self.owner.tasks)
        after = data.draw(st.sampled_from([None, *known[-8:]]))
        for _ in range(length):
            self.number += 1
            self.owner.submit(self.number, after, retries)
            after = self.number

    @rule()
    def send(self) -> None:
        packet = self.queue.next_packet()
        if packet is None:
            return
        number, tasks = packet
        for index, task in enumerate(tasks):
            if type(task.call) is tuple and len(task.call) == 4:
                before = tasks[task.call[3]]
                assert task.call[3] < index
                assert task.follows is not None
                assert before.number == task.follows.number
            else:
                assert self.owner.after.get(task.number) is None, "sent before its argument"
        self.out[number] = list(tasks)

    @precondition(lambda self: self.out)
    @rule(data=st.data(), fails=st.booleans(), slow=st.booleans())
    def finish(self, data: st.DataObject, fails: bool, slow: bool) -> None:
        packet, tasks = self._some_packet(data)
        count = data.draw(st.integers(1, len(tasks)))
        tasks = self.queue.finish(packet, count, 1.0 if slow else 1e-6)
        for index, task in enumerate(tasks):
            # A worker stops before a task whose argument failed.
            self.owner.complete(task.number, ok=not (fails and index == len(tasks) - 1))
        self.owner.function.batch, self.owner.function.links = 8, True

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def part(self, data: st.DataObject) -> None:
        packet, tasks = self._some_packet(data)
        count = data.draw(st.integers(0, len(tasks) - 1))
        for task in self.queue.part(packet, count):
            self.owner.complete(task.number, ok=True)
        self.out[packet] = [tasks[count]]

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        packet, tasks = self._some_packet(data)
        self.owner.fail_lost(packet, data.draw(st.integers(0, len(tasks) - 1)))

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def lose_unseen(self, data: st.DataObject) -> None:
        packet, _ = self._some_packet(data)
        self.queue.audited([packet], [], 0)

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def recall(self, data: st.DataObject) -> None:
        packet, tasks = self._some_packet(data)
        index = data.draw(st.integers(1, len(tasks)))
        self.queue.recall(packet, index)
        self.out[packet] = tasks[:index]
        self.owner.function.batch = 8

    def _some_packet(self, data: st.DataObject) -> tuple[int, list[Task]]:
        number = data.draw(st.sampled_from(sorted(self.out)))
        return number, self.out.pop(number)

    @invariant()
    def nothing_is_lost(self) -> None:
        self.queue.check()
        there = {task.number for task in self.queue.unfinished()}
        for number in self.owner.tasks:
            if number in self.owner.done:
                assert number not in there, "an ended task is queued"
            else:
                assert number in there or number in self.owner.after, "a task is nowhere"

    def teardown(self) -> None:
        self.owner.function.batch, self.owner.function.links = 8, True
        self.queue.audited(list(self.out), [], 0)
        self.out.clear()
        while True:
            packet = self.queue.next_packet()
            if packet is None:
                break
            for task in self.queue.finish(packet[0], len(packet[1]), 1e-6):
                self.owner.complete(task.number, ok=True)
        assert set(self.owner.done) == set(self.owner.tasks)
        assert not self.queue._followers


TestFollowers = FollowersMachine.TestCase


def numbers(packet: tuple[int, list[Task]] | None) -> list[int]:
    assert packet is not None
    return [task.number for task in packet[1]]


def test_a_chain_of_short_tasks_is_one_packet() -> None:
    owner = Owner(quick())
    for number in range(1, 6):
        owner.submit(number, number - 1 or None)
    packet = owner.queue.next_packet()
    assert numbers(packet) == [1, 2, 3, 4, 5]
    assert packet is not None
    assert packet[1][1].call == (2, (None,), 0, 0)


def test_what_several_wait_for_takes_none_of_them_along() -> None:
    owner = Owner(quick())
    for number, after in ((1, None), (2, 1), (3, 1)):
        owner.submit(number, after)
    assert numbers(owner.queue.next_packet()) == [1]


def test_a_function_that_may_be_long_goes_alone() -> None:
    owner = Owner(Function(b"f", "f"))
    owner.submit(1, None)
    owner.submit(2, 1)
    assert numbers(owner.queue.next_packet()) == [1]


def test_results_that_a_worker_can_not_pass_on_end_the_attempts() -> None:
    owner = Owner(quick())
    owner.submit(1, None)
    owner.submit(2, 1)
    packet = owner.queue.next_packet()
    assert packet is not None
    owner.queue.finish(packet[0], 1, 1e-6)
    assert not owner.function.links


def test_a_follower_with_a_retry_left_outlives_the_last_failure_of_whom_it_followed() -> None:
    """It is told once, of the failure, and never runs."""
    owner = Owner(quick())
    owner.submit(1, None, retries=0)
    owner.submit(2, 1, retries=5)
    packet = owner.queue.next_packet()
    assert numbers(packet) == [1, 2]
    owner.fail_lost(1, 1)
    assert owner.done == {1: False, 2: False}
    assert owner.queue.idle
