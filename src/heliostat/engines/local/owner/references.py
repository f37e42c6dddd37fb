"""References and values crossing the border of this process.

Going out, an entry's payload becomes its wire form and whoever receives it is counted as a
borrower of the references inside; coming in, wire forms become entries and blocks. What the
counts mean and why they can't fail is told in ``core.objects``; here they are moved:

* A reference sent to a known process is registered with its owner for that process before
  the message goes out: locally if it is ours, else by ``borrow`` on the owner's inbox.
* Arguments of a task go to whichever worker takes them: the task holds them until its reply
  (``lend``), and the reply names those the worker goes on holding.
* What is let go of is only noted, in ``dropped`` (``__del__`` may run anywhere), and acted
  upon by ``settle`` under the lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakValueDictionary

from heliostat.engines.local.core.objects import FAILED, PENDING, READY, Entry, Exports
from heliostat.engines.local.owner.peers import Peers
from heliostat.engines.local.store import values
from heliostat.engines.local.store.segments import Block, Segments
from heliostat.engines.local.wire import messages

#: A ready value up to this many bytes travels along with a reference to it.
CARRY_BYTES = 8192


class Home:
    """A process that owns objects, as the entries know it."""

    __slots__ = ("engine", "proc", "uid")

    def __init__(self, proc: int, session_uid: bytes, engine: Any) -> None:
        self.proc = proc
        self.uid = session_uid + proc.to_bytes(4, "big")
        self.engine = engine


class Borrowed(Entry):
    """An object of another process, held here.

    Attributes:
        counted: borrows its owner has on its books for us.
        requested: we asked for its value.
    """

    __slots__ = ("counted", "dropped", "requested")

    def __init__(self, home: Home, number: int, dropped: Callable[[Any], None]) -> None:
        super().__init__(home, number)
        self.counted = 0
        self.requested = False
        self.dropped = dropped

    def __del__(self) -> None:
        if self.counted:
            self.dropped((self.home.proc, self.number, self.counted))


class References:
    """The objects of this process and those it borrows. Used under the loop's lock."""

    def __init__(
        self, home: Home, session_uid: bytes, peers: Peers, segments: Segments
    ) -> None:
        self.home = home
        self.exports = Exports()
        self.dropped: deque[tuple[Any, ...]] = deque()
        self.granted: dict[int, set[tuple[int, int]]] = {}
        self.returned_bytes: Callable[[int], None] = lambda _: None
        self._session_uid = session_uid
        self._peers = peers
        self._segments = segments
        self._homes: dict[int, Home] = {home.proc: home}
        self._borrowed: WeakValueDictionary[tuple[int, int], Entry] = WeakValueDictionary()

    # -- going out ------------------------------------------------------------------------

    def to_wire(self, payload: Any, dest: int | None, fds: list[int], lent: list[Entry]) -> Any:
        """The wire form of a payload; descriptors to send along are appended to ``fds``.

        ``dest`` is the receiver, or None for a task's arguments: then entries of ours that
        must be findable by number meanwhile are appended to ``lent``.
        """
        if type(payload) is not tuple:
            return payload
        kind = payload[0]
        if kind == values.MANY:
            return (kind, [self.to_wire(part, dest, fds, lent) for part in payload[1]])
        refs = payload[-1]
        if refs:
            refs = tuple(self.ref_to_wire(entry, dest, lent) for entry in refs)
        if kind == values.SHARED:
            block, lengths = payload[1], payload[2]
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
        return (*payload[:-1], refs)

    def ref_to_wire(self, entry: Entry, dest: int | None, lent: list[Entry]) -> tuple[Any, ...]:
        """The wire form of a reference inside a value; see ``to_wire``."""
        owner = entry.home.proc
        if entry.state == READY and _is_light(entry.payload):
            return (owner, entry.number, entry.payload)
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
        return (owner, entry.number)

    def take_back(self, lent: Sequence[Entry]) -> None:
        """A task that held these is over."""
        for entry in lent:
            if entry.home is self.home:
                self.exports.give_back(entry.number, self.home.proc)

    def keep(self, kept: Sequence[tuple[int, int]], proc: int) -> None:
        """A worker goes on holding these after its task."""
        for owner, number in kept:
            if owner == self.home.proc:
                self.exports.borrow_number(number, proc, 1)
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
        self, payload: Any, take_fd: Callable[[], int], *, counted: bool, entry: Entry | None
    ) -> Any:
        """The local form of a payload that arrived.

        ``counted``: the sender registered us as borrowers of the references inside.
        ``entry``: the object it is the value of: another process's, whose memory we read, or
        ours, made in another process's arena; None if it has no identity.
        """
        if type(payload) is not tuple:
            return payload
        kind = payload[0]
        if kind == values.MANY:
            return (kind, [self.from_wire(p, take_fd, counted=counted, entry=entry) for p in payload[1]])
        refs = payload[-1]
        if refs:
            refs = tuple(self.ref_from_wire(ref, counted=counted) for ref in refs)
        if kind == values.SEGMENT:
            _, holder, arena, offset, size, lengths, _ = payload
            self._segments.adopt(holder, arena, take_fd())
            mapping = self._segments.mapping(holder, arena)
            mine = entry is None or entry.home is self.home
            block = Block(
                holder,
                arena,
                offset,
                size,
                mapping,
                self.dropped.append if mine else None,
                None if mine else entry,
            )
            return (values.SHARED, block, lengths, refs)
        return (*payload[:-1], refs)

    def ref_from_wire(self, ref: tuple[Any, ...], *, counted: bool) -> Entry:
        """The entry of a reference that arrived inside a value."""
        owner, number = ref[0], ref[1]
        if owner == self.home.proc:
            entry = self.exports.get(number)
            if counted and len(ref) == 2:
                self.exports.give_back(number, owner)
            if entry is None:
                entry = Entry(self.home, number)
                if len(ref) == 3:
                    entry.complete(READY, ref[2])
                else:
                    entry.complete(FAILED, lost_payload(entry))
            return entry
        entry = self.borrowed(owner, number)
        if len(ref) == 3:
            entry.complete(READY, ref[2])
        elif counted:
            entry.counted += 1
        return entry

    def borrowed(self, owner: int, number: int) -> Borrowed:
        """The entry of another process's object, one for each object."""
        entry = self._borrowed.get((owner, number))
        if entry is None:
            home = self._homes.get(owner)
            if home is None:
                home = self._homes[owner] = Home(owner, self._session_uid, self.home.engine)
            entry = Borrowed(home, number, self.dropped.append)
            self._borrowed[owner, number] = entry
            if self._peers.is_gone(owner):
                entry.complete(FAILED, owner_died_payload(entry))
        assert isinstance(entry, Borrowed)
        return entry

    def find(self, owner: int, number: int) -> Entry:
        """The entry behind a reference that is being unpickled."""
        if owner != self.home.proc:
            return self.borrowed(owner, number)
        entry = self.exports.get(number)
        if entry is None:
            entry = Entry(self.home, number)
            entry.complete(FAILED, lost_payload(entry))
        return entry

    def request(self, entry: Entry) -> None:
        """Asks for the value of a pending object of another process, once."""
        if isinstance(entry, Borrowed) and not entry.requested and entry.state == PENDING:
            entry.requested = True
            self._peers.send(entry.home.proc, messages.want(entry.number, self.home.proc))

    # -- messages -------------------------------------------------------------------------

    def on_want(self, number: int, proc: int) -> None:
        """Another process asks for a value of ours."""
        entry = self.exports.get(number)
        if entry is None:
            entry = Entry(self.home, number)
            entry.complete(FAILED, lost_payload(entry))
        if entry.state == PENDING:
            entry.when_complete(lambda done: self._send_value(done, proc))
        else:
            self._send_value(entry, proc)

    def _send_value(self, entry: Entry, proc: int) -> None:
        fds: list[int] = []
        payload = self.to_wire(entry.payload, proc, fds, [])
        message = messages.value(self.home.proc, entry.number, entry.state, payload)
        self._peers.send(proc, message, fds)

    def on_value(
        self, owner: int, number: int, state: int, payload: Any, take_fd: Callable[[], int]
    ) -> None:
        """A value we asked for."""
        entry = self.borrowed(owner, number)
        entry.complete(
            state, self.from_wire(payload, take_fd, counted=True, entry=entry)
        )

    def on_borrow(self, number: int, proc: int, count: int) -> None:
        """Another process tells that ``proc`` holds an object of ours."""
        self.exports.borrow_number(number, proc, count)

    def on_return(self, number: int, proc: int, count: int) -> None:
        """A borrower lets go."""
        self.exports.give_back(number, proc, count)

    def on_free(self, arena: int, offset: int, clean: bool) -> None:
        """The owner of a result made here needs its memory no more."""
        for blocks in self.granted.values():
            blocks.discard((arena, offset))
        self._free(arena, offset, reuse=clean)

    def process_died(self, proc: int) -> None:
        """A process is gone: its borrows end, its objects are lost, its memory is not reused."""
        self.taint(self.exports.drop_process(proc))
        for arena, offset in self.granted.pop(proc, ()):
            self._free(arena, offset, reuse=False)
        for (owner, _), entry in list(self._borrowed.items()):
            if owner == proc:
                entry.complete(FAILED, owner_died_payload(entry))

    # -- letting go -----------------------------------------------------------------------

    def settle(self) -> None:
        """Acts on what was let go of since the last time."""
        dropped = self.dropped
        while dropped:
            item = dropped.popleft()
            if len(item) == 3:
                owner, number, count = item
                message = messages.return_borrow(number, self.home.proc, count)
                self._peers.send(owner, message)
            else:
                holder, arena, offset, clean = item
                if holder == self.home.proc:
                    self._free(arena, offset, reuse=clean)
                else:
                    self._peers.send(holder, messages.free_block(arena, offset, clean))

    def _free(self, arena: int, offset: int, *, reuse: bool) -> None:
        returned = self._segments.free(arena, offset, reuse=reuse)
        if returned:
            self.returned_bytes(returned)


def _is_light(payload: Any) -> bool:
    """Whether a ready value may travel with a reference to it."""
    if type(payload) is not tuple:
        return not isinstance(payload, (str, bytes)) or len(payload) <= CARRY_BYTES
    if payload[0] != values.BLOB or payload[-1]:
        return False
    return len(payload[1]) + sum(map(len, payload[2])) <= CARRY_BYTES


def error_payload(error: BaseException) -> tuple[Any, ...]:
    """The payload of a failed object."""
    pickled = values.dumps(error)
    return (values.ERROR, pickled.data, ())


def lost_payload(entry: Entry) -> tuple[Any, ...]:
    """The object's value is gone."""
    from heliostat.exceptions import ObjectLostError

    return error_payload(ObjectLostError(entry.binary().hex(), None, ""))


def owner_died_payload(entry: Entry) -> tuple[Any, ...]:
    """The process that owned the object is gone."""
    from heliostat.exceptions import OwnerDiedError

    return error_payload(OwnerDiedError(entry.binary().hex(), None, ""))
