"""Entries, and who holds them: exports against a model of counts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from heliostat.engines.local.core.objects import FAILED, PENDING, READY, Entry, Exports

HOME: Any = SimpleNamespace(proc=1, uid=b"u" * 16, engine="engine")
PROCS = st.integers(2, 4)


class ExportsMachine(RuleBasedStateMachine):
    """Processes borrow, vouch for each other, give back and die."""

    def __init__(self) -> None:
        super().__init__()
        self.exports = Exports()
        self.entries = {number: Entry(HOME, number) for number in (1, 2)}
        #: Whatever was counted of live processes, whether the object is exported or not.
        self.counts: dict[int, dict[int, int]] = {1: {}, 2: {}}
        self.exported: set[int] = set()
        self.pinned: set[int] = set()
        self.dead: set[int] = set()

    @rule(number=st.integers(1, 2), proc=PROCS, count=st.integers(1, 3))
    def lend(self, number: int, proc: int, count: int) -> None:
        self.exports.borrow(self.entries[number], proc, count)
        if proc not in self.dead:
            self.exported.add(number)
            self._count(number, proc, count)

    @rule(number=st.integers(1, 2), proc=PROCS)
    def hear_of_a_borrower(self, number: int, proc: int) -> None:
        assert self.exports.borrow_number(number, proc, 1) == (number in self.exported)
        if proc not in self.dead:
            owed = self.counts[number].get(proc, 0) < 0
            if number in self.exported or owed:  # else it comes too late
                self._count(number, proc, 1)

    @rule(number=st.integers(1, 2), proc=PROCS, count=st.integers(1, 2))
    def give_back(self, number: int, proc: int, count: int) -> None:
        self.exports.give_back(number, proc, count)
        if proc not in self.dead:
            self._count(number, proc, -count)

    @rule(number=st.integers(1, 2))
    def pin(self, number: int) -> None:
        self.exports.pin(self.entries[number])
        self.pinned.add(number)
        self.exported.add(number)

    @precondition(lambda self: len(self.dead) < 2)
    @rule(proc=PROCS)
    def die(self, proc: int) -> None:
        held = [n for n in self.exported if proc in self.counts[n]]
        dropped = self.exports.drop_process(proc)
        assert sorted(entry.number for entry in dropped) == sorted(held)
        self.dead.add(proc)
        for number in (1, 2):
            self.counts[number].pop(proc, None)
            self._drop(number)

    @invariant()
    def agrees(self) -> None:
        self.exports.check()
        shown = {number: (borrows, pin) for number, borrows, pin in self.exports.holders()}
        assert shown == {n: (self.counts[n], n in self.pinned) for n in self.exported}
        assert len(self.exports) == len(self.exported)
        for number, entry in self.entries.items():
            assert self.exports.get(number) is (entry if number in self.exported else None)

    def _count(self, number: int, proc: int, count: int) -> None:
        counts = self.counts[number]
        counts[proc] = counts.get(proc, 0) + count
        if not counts[proc]:
            del counts[proc]
        self._drop(number)

    def _drop(self, number: int) -> None:
        """Nobody is left who holds it."""
        held = any(count > 0 for count in self.counts[number].values())
        if number not in self.pinned and not held:
            self.exported.discard(number)


TestExports = ExportsMachine.TestCase


def test_a_return_may_overtake_the_registration_by_a_third_process() -> None:
    exports = Exports()
    entry = Entry(HOME, 1)
    exports.borrow(entry, 2)  # the third process holds it
    exports.give_back(1, 3)  # process 3 returned what 2 has not registered yet
    assert exports.get(1) is entry
    exports.borrow_number(1, 3, 1)
    exports.give_back(1, 2)
    assert exports.get(1) is None


def test_what_only_returned_borrows_speak_of_is_held_by_nobody() -> None:
    exports = Exports()
    exports.borrow(Entry(HOME, 1), 2)
    exports.give_back(1, 3)
    exports.drop_process(2)  # it died before it registered 3
    assert exports.get(1) is None


def test_a_late_registration_settles_the_debt_of_an_object_that_was_exported_anew() -> None:
    exports = Exports()
    entry = Entry(HOME, 1)
    exports.borrow(entry, 3)
    exports.give_back(1, 3, 2)  # one of the two is not registered yet
    assert exports.get(1) is None
    exports.borrow(entry, 2)
    exports.borrow_number(1, 3, 1)
    exports.give_back(1, 2)
    assert exports.get(1) is None


def test_an_entry_has_its_value_once() -> None:
    entry = Entry(HOME, 7)
    assert entry.state == PENDING
    entry.complete(READY, "value")
    entry.complete(FAILED, "error")
    assert (entry.state, entry.payload) == (READY, "value")


def test_waiters_are_told_once_and_may_withdraw() -> None:
    entry = Entry(HOME, 7)
    told: list[str] = []

    def first(done: Entry) -> None:
        told.append(f"first {done.payload}")

    def second(done: Entry) -> None:
        told.append("second")

    for waiter in (first, second):
        entry.when_complete(waiter)
    entry.forget(second)
    entry.forget(second)
    entry.complete(READY, 3)
    entry.forget(first)
    assert told == ["first 3"]


def test_an_entry_knows_its_id_and_its_engine() -> None:
    entry = Entry(HOME, 7)
    assert entry.binary() == b"u" * 16 + b"\0" * 7 + b"\7" + b"\0" * 4
    assert entry.engine == "engine"
    assert repr(entry) == "<object 7 of process 1, pending>"
