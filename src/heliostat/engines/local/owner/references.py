"""References and values crossing the border of this process.

Going out, an entry's payload becomes its wire form and whoever receives it is counted as a
borrower of the references inside; coming in, wire forms become entries and blocks. What the
counts mean and why they can't fail is told in ``core.objects``; here they are moved:

* A reference sent to a known process is registered with its owner for that process before
  the message goes out: locally if it is ours, else by ``borrow`` on the owner's inbox.
* Arguments of a task go to whichever worker takes them: the task holds them until its reply
  (``lend``), and the reply names those the worker goes on holding.
* What is let go of is given back by ``owner.releases``.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakValueDictionary

from heliostat.engines.local.core.objects import FAILED, READY, Entry, Exports
from heliostat.engines.local.owner import errors
from heliostat.engines.local.owner.peers import Peers
from heliostat.engines.local.owner.releases import Releases
from heliostat.engines.local.store import values
from heliostat.engines.local.store.segments import Block, Segments
from heliostat.engines.local.wire import messages
from heliostat.engines.refs import ObjectRef

#: A ready value up to this many bytes travels along with a reference to it.
CARRY_BYTES = 8192
#: Up to so many references in a value bring segments with them: a descriptor each.
CARRY_SEGMENTS = 8


class Home:
    """A process that owns objects, as the entries know it."""

    __slots__ = ("engine", "proc", "uid")

    def __init__(self, proc: int, session_uid: bytes, engine: Any) -> None:
        self.proc = proc
        self.uid = session_uid + proc.to_bytes(4, "big")
        self.engine = engine


class Stake:
    """This process's hold on an object of another one: given back when nothing needs it.

    An entry has one, and so has every block of memory read on the object's behalf, which may
    outlive the entry.

    Attributes:
        counted: borrows its owner has on its books for us.
    """

    __slots__ = ("__weakref__", "counted", "dropped", "number", "proc")

    def __init__(self, proc: int, number: int, dropped: Callable[[Any], None]) -> None:
        self.proc = proc
        self.number = number
        self.counted = 0
        self.dropped = dropped

    def __del__(self) -> None:
        if self.counted:
            self.dropped((self.proc, self.number, self.counted))


class Borrowed(Entry):
    """An object of another process, held here.

    Attributes:
        stake: our hold on it.
        requested: we asked for its value.
    """

    __slots__ = ("requested", "stake")

    def __init__(self, home: Home, number: int, stake: Stake) -> None:
        super().__init__(home, number)
        self.stake = stake
        self.requested = False


#: Stakes that arrived with a call and that its sender holds until the reply.
Lent = list["weakref.ref[Stake]"]


class References:
    """The objects of this process and those it borrows. Used under the loop's lock."""

    def __init__(
        self,
        home: Home,
        session_uid: bytes,
        peers: Peers,
        segments: Segments,
        releases: Releases,
    ) -> None:
        self.home = home
        self.exports = Exports()
        self.releases = releases
        self._session_uid = session_uid
        self._peers = peers
        self._segments = segments
        self._homes: dict[int, Home] = {home.proc: home}
        # Every borrowed entry, and those of ours that were ever pickled.
        self._known: WeakValueDictionary[tuple[int, int], Entry] = WeakValueDictionary()
        self._pinned: list[Entry] = []

    # -- going out ------------------------------------------------------------------------

    def to_wire(
        self, payload: Any, dest: int | None, fds: list[int] | None, lent: list[Entry]
    ) -> Any:
        """The wire form of a payload; descriptors to send along are appended to ``fds``, or if
        that is None, none is sent: the payload itself is in no shared memory then.

        ``dest`` is the receiver, or None for a task's arguments: then entries of ours that
        must be findable by number meanwhile are appended to ``lent``.
        """
        if values.is_simple(payload):
            return payload
        kind = payload[0]
        if kind == values.MANY:
            return (kind, [self.to_wire(part, dest, fds, lent) for part in payload[1]])
        refs = payload[-1]
        if refs:
            few = fds is not None and len(refs) <= CARRY_SEGMENTS
            refs = tuple([self._ref_to_wire(entry, dest, fds, lent, few) for entry in refs])
        if kind == values.SHARED:
            return _segment(payload, fds, refs)
        return (*payload[:-1], refs)

    def _ref_to_wire(
        self, entry: Entry, dest: int | None, fds: Any, lent: list[Entry], few: bool
    ) -> tuple[Any, ...]:
        """The wire form of a reference inside a value: ``(owner, number)``, and the value if it
        is there and light. Where they are ``few`` a large value comes too, as its segment:
        then nobody needs to ask the owner, who may be busy."""
        payload = entry.payload
        if entry.state == READY and _is_light(payload):
            return (entry.home.proc, entry.number, payload)
        self._register(entry, dest, lent)
        if few and entry.state == READY and payload[0] == values.SHARED and not payload[-1]:
            return (entry.home.proc, entry.number, _segment(payload, fds, ()))
        return (entry.home.proc, entry.number)

    def _register(self, entry: Entry, dest: int | None, lent: list[Entry]) -> None:
        """Makes the receiver a borrower with the owner, or lends to it."""
        owner = entry.home.proc
        if owner == self.home.proc:
            if dest is None:
                self.exports.borrow(entry, owner)
                lent.append(entry)
            else:
                self.exports.borrow(entry, dest)
        elif dest is None:
            lent.append(entry)
        else:
            self._peers.send(owner, messages.borrow(entry.number, dest, 1))

    def lend(self, entry: Entry, lent: list[Entry]) -> None:
        """Whoever gets the memory of ``entry`` may go on reading it: see ``to_wire``."""
        payload = entry.payload
        if type(payload) is tuple and payload[0] == values.SHARED:
            if entry.home is self.home:
                self.exports.borrow(entry, self.home.proc)
            lent.append(entry)

    def pickled(self, refs: Sequence[ObjectRef[Any]]) -> tuple[Entry, ...]:
        """The entries of references found in a pickle, findable from now on.

        Raises:
            RuntimeError: a reference belongs to a session that ended.
        """
        entries = tuple([ref._entry for ref in refs])
        self.check_session(entries)
        for entry in entries:
            self._known[entry.home.proc, entry.number] = entry
        return entries

    def check_session(self, entries: Sequence[Entry]) -> None:
        """Raises RuntimeError if one of the objects belongs to another session."""
        for entry in entries:
            if entry.home.engine is not self.home.engine:
                raise errors.foreign(entry)

    def pin(self, entry: Entry) -> None:
        """The reference leaves by ways we can't see: hold the object to the end."""
        if entry.home is self.home:
            self.exports.pin(entry)
        else:
            self._pinned.append(entry)
        self._known[entry.home.proc, entry.number] = entry

    def take_back(self, lent: Sequence[Entry]) -> None:
        """A task that held these is over."""
        for entry in lent:
            if entry.home is self.home:
                self.exports.give_back(entry.number, self.home.proc)

    def keep(self, kept: Sequence[tuple[int, int]], proc: int) -> None:
        """A worker goes on holding these after its task."""
        for owner, number in kept:
            if owner == self.home.proc:
                self.on_borrow(number, proc, 1)
            else:
                self._peers.send(owner, messages.borrow(number, proc, 1))

    def taint(self, entries: Sequence[Entry]) -> None:
        """A process that could read these died uncleanly: their memory is never reused."""
        for entry in entries:
            payload = entry.payload
            if type(payload) is tuple and payload[0] == values.SHARED:
                payload[1].tainted = True

    # -- coming in ------------------------------------------------------------------------

    def from_wire(
        self,
        payload: Any,
        take_fd: Callable[[], int],
        lent: Lent | None = None,
        stake: Stake | None = None,
    ) -> Any:
        """The local form of a payload that arrived.

        ``lent`` gathers the references inside when they are only lent to us for a call; with
        None the sender has registered us as their borrower. ``stake`` is what keeps the
        payload's memory from being reused while we read it; without one the object is ours.
        """
        if values.is_simple(payload):
            return payload
        kind = payload[0]
        if kind == values.MANY:
            return (kind, [self.from_wire(part, take_fd, lent, stake) for part in payload[1]])
        refs = payload[-1]
        if refs:
            refs = tuple([self._ref_from_wire(ref, take_fd, lent) for ref in refs])
        if kind == values.SEGMENT:
            _, holder, arena, offset, size, lengths, _ = payload
            self._segments.adopt(holder, arena, take_fd())
            mapping = self._segments.mapping(holder, arena)
            dropped = self.releases.note if stake is None else None
            block = Block(holder, arena, offset, size, mapping, dropped, stake)
            return (values.SHARED, block, lengths, refs)
        return (*payload[:-1], refs)

    def slot_from_wire(
        self, owner: int, number: int, payload: Any, take_fd: Callable[[], int], lent: Lent
    ) -> Any:
        """The value of an argument that was passed by reference.

        An object that is here already, with its memory, is not made a second time.
        """
        entry = self.own(number) if owner == self.home.proc else self.borrowed(owner, number)
        if type(payload) is not tuple:
            return payload
        if payload[0] == values.SEGMENT and entry.state == READY:
            os.close(take_fd())
            return entry.payload
        stake = None
        if isinstance(entry, Borrowed):
            stake = entry.stake
            if payload[0] == values.SEGMENT:  # the sender lends what has memory
                lent.append(weakref.ref(stake))
        return self.from_wire(payload, take_fd, lent, stake)

    def _ref_from_wire(
        self, ref: tuple[Any, ...], take_fd: Callable[[], int], lent: Lent | None
    ) -> Entry:
        """The entry of a reference that arrived inside a value."""
        owner, number = ref[0], ref[1]
        carried = ref[2] if len(ref) == 3 else None
        is_segment = type(carried) is tuple and carried[0] == values.SEGMENT
        if owner == self.home.proc:
            if len(ref) == 3 and not is_segment:
                return self._returned(number, carried)
            if is_segment:
                os.close(take_fd())
            entry = self.own(number)
            if lent is None:
                self.exports.give_back(number, owner)
            return entry
        borrowed = self.borrowed(owner, number)
        if len(ref) == 3 and not is_segment:
            borrowed.complete(READY, carried)
            return borrowed
        if lent is None:
            borrowed.stake.counted += 1
        else:
            lent.append(weakref.ref(borrowed.stake))
        if is_segment and borrowed.state == READY:
            os.close(take_fd())
        elif is_segment:
            borrowed.complete(READY, self.from_wire(carried, take_fd, lent, borrowed.stake))
        return borrowed

    def discard(self, payload: Any, take_fd: Callable[[], int]) -> None:
        """Lets go of a payload that arrived for nobody, unread: its memory may be reused."""
        if type(payload) is tuple:
            for ref in values.refs_of(payload):
                self._ref_from_wire(ref, take_fd, None)
            if payload[0] == values.SEGMENT:
                os.close(take_fd())

    def kept(self, lent: Lent, lender: int) -> list[tuple[int, int]]:
        """Those of the ``lent`` that we go on holding. The lender registers us for them, or if
        it is gone we do."""
        kept = {}
        for reference in lent:
            stake = reference()
            if stake is not None and (stake.proc, stake.number) not in kept:
                stake.counted += 1
                kept[stake.proc, stake.number] = True
        if self._peers.is_gone(lender):
            self.keep(list(kept), self.home.proc)
        return list(kept)

    def is_gone(self, proc: int) -> bool:
        """Whether the process is known to be dead."""
        return self._peers.is_gone(proc)

    def own(self, number: int) -> Entry:
        """Our object of that number; if it is gone, a failed one."""
        entry = self._known.get((self.home.proc, number)) or self.exports.get(number)
        if entry is None:
            entry = Entry(self.home, number)
            entry.complete(FAILED, errors.lost(entry))
        return entry

    def _returned(self, number: int, payload: Any) -> Entry:
        """An object of ours that comes home with its value: who had that held no borrow of it,
        so that it may be gone from here."""
        entry = self._known.get((self.home.proc, number)) or self.exports.get(number)
        if entry is None:
            entry = self._known[self.home.proc, number] = Entry(self.home, number)
            entry.complete(READY, payload)
        return entry

    def known(self, owner: int, number: int) -> Entry | None:
        """An object held here, if it still is."""
        return self._known.get((owner, number))

    def borrowed(self, owner: int, number: int) -> Borrowed:
        """The entry of another process's object, one for each object."""
        entry = self._known.get((owner, number))
        if entry is None:
            home = self._homes.get(owner)
            if home is None:
                home = self._homes[owner] = Home(owner, self._session_uid, self.home.engine)
            entry = Borrowed(home, number, Stake(owner, number, self.releases.note))
            self._known[owner, number] = entry
            if self._peers.is_gone(owner):
                entry.complete(FAILED, errors.owner_died(entry))
        assert isinstance(entry, Borrowed)
        return entry

    def find(self, owner: int, number: int) -> Entry:
        """The entry behind a reference that is being unpickled."""
        return self.own(number) if owner == self.home.proc else self.borrowed(owner, number)

    # -- messages -------------------------------------------------------------------------

    def on_borrow(self, number: int, proc: int, count: int) -> None:
        """``proc`` holds an object of ours: its death must come to our ears."""
        if self.exports.borrow_number(number, proc, count) and proc != self.home.proc:
            self._peers.watch(proc)

    def on_return(self, number: int, proc: int, count: int) -> None:
        """A borrower lets go."""
        self.exports.give_back(number, proc, count)

    def process_died(self, proc: int) -> None:
        """A process is gone: its borrows end, its objects are lost, its memory is not reused."""
        self.taint(self.exports.drop_process(proc))
        self.releases.drop_process(proc)
        for (owner, _), entry in list(self._known.items()):
            if owner == proc:
                entry.complete(FAILED, errors.owner_died(entry))

    def fail_borrowed(self, payload: Any) -> None:
        """The session is over: values of others won't come."""
        for entry in list(self._known.values()):
            if entry.home is not self.home:
                entry.complete(FAILED, payload)


def _segment(payload: Any, fds: list[int] | None, refs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The wire form of shared memory; its descriptor is appended to ``fds``."""
    assert fds is not None, "shared memory on a way that takes no descriptors"
    _, block, lengths, _ = payload
    fds.append(block.mapping.fd)
    return (
        values.SEGMENT,
        block.holder,
        block.arena,
        block.offset,
        block.size,
        lengths,
        refs,
    )


def _is_light(payload: Any) -> bool:
    """Whether a ready value may travel with a reference to it."""
    if type(payload) is not tuple:
        return not isinstance(payload, (str, bytes)) or len(payload) <= CARRY_BYTES
    if payload[0] != values.BLOB or payload[-1]:
        return False
    return len(payload[1]) + sum(map(len, payload[2])) <= CARRY_BYTES
