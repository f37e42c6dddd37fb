"""The items of a streaming task against a model: a list, a place in it, and its end."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from heliostat.engines.local.core.objects import FAILED, PENDING, READY, Entry
from heliostat.engines.local.core.streams import Stream

END = "end of stream"


class Home:
    proc = 1
    uid = bytes(16)
    engine = None


def make_entry() -> Entry:
    return Entry(Home(), 1)


class StreamMachine(RuleBasedStateMachine):
    """Items come, perhaps twice, and are looked at and taken."""

    def __init__(self) -> None:
        super().__init__()
        self.stream = Stream(7, 0, make_entry, END)
        self.arrived = 0
        self.taken = 0
        self.ended = False
        self.awaited: list[tuple[int, Entry]] = []

    @precondition(lambda self: not self.ended)
    @rule(again=st.booleans())
    def arrive(self, again: bool) -> None:
        if again and self.arrived:
            assert not self.stream.add(self.arrived - 1, READY, "again")
            return
        assert self.stream.add(self.arrived, READY, self.arrived)
        self.arrived += 1

    @rule()
    def peek(self) -> None:
        entry = self.stream.peek()
        assert entry is self.stream.peek()
        self.awaited.append((self.taken, entry))

    @rule()
    def take(self) -> None:
        if self.taken == self.arrived and not self.ended:
            return
        entry = self.stream.take()
        if entry is None:
            assert self.ended
            assert self.taken == self.arrived
            return
        assert entry.payload in {self.taken, "broken"}
        self.taken += 1

    @precondition(lambda self: not self.ended)
    @rule(well=st.booleans())
    def end(self, well: bool) -> None:
        if well:
            self.stream.end()
        else:
            self.stream.fail("broken")
            self.arrived += 1
        self.ended = True
        self.stream.fail("later")

    @invariant()
    def what_was_awaited_is_right(self) -> None:
        assert self.stream.exhausted == (self.ended and self.taken == self.arrived)
        for index, entry in self.awaited:
            if index < self.arrived:
                assert entry.payload in {index, "broken"}
            elif self.ended:
                assert (entry.state, entry.payload) == (FAILED, END)
            else:
                assert entry.state == PENDING


TestStreams = StreamMachine.TestCase
