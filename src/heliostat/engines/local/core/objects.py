"""What a process knows of an object: its entry, and who else holds it.

An object belongs to the process that created it. In that process plain reachability is the
reference count: an ``ObjectRef`` points to the ``Entry``, so do tasks in flight that need it
and containers that hold it, and when nobody points to it any more it is gone. That costs a
plain task nothing. Only what leaves the process is counted, in ``Exports``: a count for each
borrowing process, and the entry stays alive while any is above zero.

Counts of one process may be short of zero for a moment: a borrower's return can overtake the
registration that a third process sent on its behalf. That third process still holds a borrow
of its own, given back after the registration on the same socket, so the sum over all
processes is never zero too early.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

#: States of an entry. Plain integers, since every task changes one (an enum transition with
#: its story costs 1.2 us of a task's 11 us).
PENDING = 0  #: no value yet
READY = 1  #: ``payload`` is the value
FAILED = 2  #: ``payload`` is an error that ``get`` raises


class Home(Protocol):
    """The process an object belongs to, as seen from here."""

    proc: int
    uid: bytes
    engine: Any


#: Told, under the owner's lock, that an entry has its value; runs no user code.
Waiter = Callable[["Entry"], None]


class Entry:
    """One object: its number in its owner, its state, and its payload once there is one."""

    __slots__ = ("__weakref__", "home", "number", "payload", "state", "waiters")

    def __init__(self, home: Home, number: int) -> None:
        self.home = home
        self.number = number
        self.state = PENDING
        self.payload: Any = None
        self.waiters: list[Waiter] | None = None

    def complete(self, state: int, payload: Any) -> None:
        """Sets the value, once; tells the waiters."""
        if self.state != PENDING:
            return
        self.payload = payload
        self.state = state
        waiters = self.waiters
        if waiters is not None:
            self.waiters = None
            for waiter in waiters:
                waiter(self)

    def when_complete(self, waiter: Waiter) -> None:
        """Calls ``waiter`` once the entry has its value; the caller made sure it has none."""
        if self.waiters is None:
            self.waiters = [waiter]
        else:
            self.waiters.append(waiter)

    def forget(self, waiter: Waiter) -> None:
        """Withdraws a waiter whose owner gave up waiting."""
        if self.waiters is not None and waiter in self.waiters:
            self.waiters.remove(waiter)

    @property
    def engine(self) -> Any:
        """The engine of the session the object was made in."""
        return self.home.engine

    def binary(self) -> bytes:
        """Its id: 16 bytes of its owner, 8 of its number, 4 unused."""
        return self.home.uid + self.number.to_bytes(8, "big") + b"\0\0\0\0"

    def __repr__(self) -> str:
        state = ("pending", "ready", "failed")[self.state]
        return f"<object {self.number} of process {self.home.proc}, {state}>"


class Export:
    """An object of ours that other processes hold."""

    __slots__ = ("borrows", "entry", "pinned", "tainted")

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.borrows: dict[int, int] = {}
        self.pinned = False
        self.tainted = False

    @property
    def unused(self) -> bool:
        """Nobody outside holds it. A count below zero holds nothing: see ``Exports``."""
        return not self.pinned and not any(count > 0 for count in self.borrows.values())


class Exports:
    """The objects of this process which others hold, and how often each of them does.

    What a process returned before it was registered for it is remembered as its debt, whether
    or not the object is still exported; it is never settled if who should have registered it
    died first.
    """

    def __init__(self) -> None:
        self._exports: dict[int, Export] = {}
        self._debts: dict[int, dict[int, int]] = {}
        self._departed: set[int] = set()

    def __len__(self) -> int:
        return len(self._exports)

    def get(self, number: int) -> Entry | None:
        """The entry of an exported object."""
        export = self._exports.get(number)
        return export.entry if export is not None else None

    def borrow(self, entry: Entry, proc: int, count: int = 1) -> None:
        """``proc`` holds ``count`` more borrows; a process known to be dead holds none."""
        if proc in self._departed:
            return
        export = self._exports.get(entry.number) or self._open(entry)
        self._change(export, proc, count)

    def borrow_number(self, number: int, proc: int, count: int) -> bool:
        """As ``borrow`` for an object named by another process; False if it is gone."""
        export = self._exports.get(number)
        if proc not in self._departed:
            if export is None:
                self._owe(number, proc, count)
            else:
                self._change(export, proc, count)
        return export is not None

    def give_back(self, number: int, proc: int, count: int = 1) -> None:
        """``proc`` drops ``count`` borrows."""
        export = self._exports.get(number)
        if proc in self._departed:
            return
        if export is None:
            self._owe(number, proc, -count)
        else:
            self._change(export, proc, -count)

    def pin(self, entry: Entry) -> None:
        """Holds the object until this process ends: its reference left by ways we can't see."""
        export = self._exports.get(entry.number) or self._open(entry)
        export.pinned = True

    def drop_process(self, proc: int) -> list[Entry]:
        """Forgets a dead process. Returns the entries it held: their memory may still be
        mapped by children it left, so it must not be reused."""
        self._departed.add(proc)
        for number in list(self._debts):
            self._owe(number, proc, -self._debts[number].get(proc, 0))
        held = [export for export in self._exports.values() if proc in export.borrows]
        for export in held:
            export.tainted = True
            del export.borrows[proc]
            self._drop_if_unused(export)
        return [export.entry for export in held]

    def _change(self, export: Export, proc: int, count: int) -> None:
        total = export.borrows.get(proc, 0) + count
        if total:
            export.borrows[proc] = total
        else:
            export.borrows.pop(proc, None)
        if total <= 0:
            self._drop_if_unused(export)

    def _drop_if_unused(self, export: Export) -> None:
        if not export.unused or export.entry.number not in self._exports:
            return
        del self._exports[export.entry.number]
        if export.borrows:
            self._debts[export.entry.number] = export.borrows

    def _open(self, entry: Entry) -> Export:
        export = self._exports[entry.number] = Export(entry)
        export.borrows = self._debts.pop(entry.number, {})
        return export

    def _owe(self, number: int, proc: int, count: int) -> None:
        """Changes the debt of ``proc`` for an object that isn't exported. What is registered
        beyond its debt comes too late: nobody held the object any more."""
        debts = self._debts.setdefault(number, {})
        debt = debts.pop(proc, 0) + count
        if debt < 0:
            debts[proc] = debt
        if not debts:
            del self._debts[number]

    def holders(self) -> Iterable[tuple[int, dict[int, int], bool]]:
        """Number, borrows by process and pin of every export, for the state API."""
        for number, export in self._exports.items():
            yield number, dict(export.borrows), export.pinned

    def check(self) -> None:
        """Asserts the invariants: every export is held by somebody, by live processes only."""
        for number, export in self._exports.items():
            assert export.entry.number == number, (number, export.entry)
            assert not export.unused, f"object {number} is exported to nobody"
            assert all(export.borrows.values()), export.borrows
            assert not self._departed.intersection(export.borrows), export.borrows
