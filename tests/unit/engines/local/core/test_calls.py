"""An actor's calls against a model: order, restarts, and nothing twice."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from heliostat.engines.local.core.calls import BATCH, EAGER, ActorCalls
from heliostat.engines.local.core.tasks import Function, Task

FUNCTION = Function(b"", "call")


def make(number: int, *, ready: bool = True, retries: int = 0) -> Task:
    return Task(number, (number, "m", ()) if ready else None, None, FUNCTION, retries, None)


class CallsMachine(RuleBasedStateMachine):
    """Calls are made, become ready, are sent, answered and lost."""

    ordered = True

    def __init__(self) -> None:
        super().__init__()
        self.calls = ActorCalls(b"a" * 16, ordered=self.ordered, max_pending=-1)
        self.number = 0
        self.tasks: dict[int, Task] = {}
        self.waiting: list[int] = []
        self.sent: list[int] = []
        self.ended: set[int] = set()
        self.incarnation = 0

    @precondition(lambda self: self.calls.death is None)
    @rule(ready=st.booleans(), retries=st.integers(-1, 2))
    def submit(self, ready: bool, retries: int) -> None:
        self.number += 1
        task = self.tasks[self.number] = make(self.number, ready=ready, retries=retries)
        self.waiting.append(self.number)
        self.calls.submit(task)

    @rule(data=st.data())
    def argument_arrives(self, data: st.DataObject) -> None:
        unready = [n for n in self.waiting if self.tasks[n].call is None]
        if unready:
            number = data.draw(st.sampled_from(unready))
            self.tasks[number].call = (number, "m", ())
            self.calls.ready()

    @rule()
    def send(self) -> None:
        batch = [task.number for task in self.calls.next_batch()]
        ready = [n for n in self.waiting if self.tasks[n].call is not None]
        if not self.calls.proc:
            assert batch == []
        elif self.ordered:
            blocked = next((n for n in self.waiting if self.tasks[n].call is None), None)
            front = self.waiting if blocked is None else self.waiting[: self.waiting.index(blocked)]
            assert batch == front[:BATCH]
        else:
            assert batch == ready[:BATCH]
        self.waiting = [n for n in self.waiting if n not in batch]
        self.sent += batch

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(self.sent))
        task = self.calls.finish(number)
        assert task is self.tasks[number]
        assert self.calls.finish(number) is None
        self.sent.remove(number)
        self.ended.add(number)

    @precondition(lambda self: self.calls.death is None)
    @rule()
    def connect(self) -> None:
        if not self.calls.proc:
            self.incarnation += 1
        self.calls.connected(100 + self.incarnation, self.incarnation)
        assert self.calls.proc == 100 + self.incarnation
        assert self.calls.unavailable is None

    @rule()
    def hear_late_of_an_earlier_process(self) -> None:
        before = self.calls.proc
        self.calls.connected(99, self.incarnation - 1)
        assert self.calls.lost(self.incarnation - 1, {}) == ([], [])
        assert self.calls.proc == before

    @precondition(lambda self: self.calls.proc)
    @rule()
    def lose(self) -> None:
        failed, again = self.calls.lost(self.incarnation, {"status": 9})
        assert [t.number for t in [*failed, *again]] == sorted(self.sent, key=failed_first(failed))
        for task in failed:
            assert 0 <= task.retries < task.attempts
            self.ended.add(task.number)
        for task in again:
            assert task.retries < 0 or task.attempts <= task.retries
        numbers = [task.number for task in again]
        assert numbers == [n for n in self.sent if n in numbers], "resent in order"
        self.waiting[:0] = numbers
        self.sent = []
        assert self.calls.unavailable == {"status": 9}

    @precondition(lambda self: self.calls.death is None)
    @rule()
    def die(self) -> None:
        failed = self.calls.died({"reason": "kill"})
        assert [task.number for task in failed] == [*self.sent, *self.waiting]
        self.ended.update([*self.sent, *self.waiting])
        self.sent, self.waiting = [], []

    @invariant()
    def agrees(self) -> None:
        self.calls.check()
        assert [task.number for task in self.calls.pending] == self.waiting
        assert list(self.calls.sent) == self.sent
        assert self.calls.count == len(self.waiting) + len(self.sent)
        assert {*self.waiting, *self.sent, *self.ended} == set(range(1, self.number + 1))


def failed_first(failed: list[Task]) -> Callable[[int], bool]:
    numbers = [task.number for task in failed]
    return lambda number: number not in numbers


class ManyAtOnceMachine(CallsMachine):
    """The same for an actor that runs many calls at once."""

    ordered = False


TestOrderedCalls = CallsMachine.TestCase
TestUnorderedCalls = ManyAtOnceMachine.TestCase


def test_few_calls_go_at_once_and_many_by_the_batch() -> None:
    calls = ActorCalls(b"a" * 16, ordered=True, max_pending=-1)
    assert not calls.submit(make(0)), "there is no process yet"
    calls.connected(5, 1)
    calls.next_batch()
    sent_at_once = []
    for number in range(1, EAGER + BATCH + 1):
        now = calls.submit(make(number))
        sent_at_once.append(now)
        if now:
            calls.next_batch()
    assert sent_at_once[: EAGER - 1] == [True] * (EAGER - 1)
    assert not any(sent_at_once[EAGER : EAGER + 10])
    assert any(sent_at_once[EAGER + 10 :])


def test_an_unready_argument_holds_back_only_an_actor_that_runs_one_call_at_a_time() -> None:
    sent = {}
    for ordered in (True, False):
        calls = ActorCalls(b"a" * 16, ordered=ordered, max_pending=-1)
        calls.connected(5, 1)
        calls.submit(make(1, ready=False))
        calls.submit(make(2))
        sent[ordered] = [task.number for task in calls.next_batch()]
    assert sent == {True: [], False: [2]}
