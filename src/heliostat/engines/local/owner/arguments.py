"""The arguments of a task or call, from the user's objects to the wire and back.

Top-level references among the arguments stand for their values: the task waits until each is
ready, and the worker finds the value in its place. References deeper inside travel as
references. On the wire a call that has any argument but plain scalars is

    ``(number, payload, slots)``

where ``payload`` is the pickled ``(args, kwargs)`` with holes, and each slot
``(where, owner, number, payload)`` fills one: ``where`` is a position, a keyword, or None if
the slot is the whole of ``(args, kwargs)``, as when arguments are large. One that takes the
result of an earlier one in its packet is ``(number, args, where, index)``: ``args`` are plain
scalars but for the hole at ``where``, where the result of the packet's call ``index`` goes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from heliostat.engines.local.core.objects import FAILED, PENDING, Entry
from heliostat.engines.local.core.tasks import Follow
from heliostat.engines.local.owner.exchange import Exchange
from heliostat.engines.local.owner.references import References
from heliostat.engines.local.store import values
from heliostat.engines.refs import ObjectRef


class Arguments:
    """What a task holds until its last reply.

    Attributes:
        payload: the pickled arguments that are no references.
        plain: in their place, where the others are plain scalars: positional arguments with
            holes. If the values of the references turn out plain too, nothing is pickled.
        slots: where each reference goes, and its entry.
        missing: slots whose value isn't there yet.
        lent: entries registered for the worker that has the task, to be taken back.
        number: the task's.
        method: the method an actor is to run, as on the wire; None for a plain task.
    """

    __slots__ = ("lent", "method", "missing", "number", "payload", "plain", "slots")

    def __init__(self, payload: Any, slots: list[tuple[Any, Entry]]) -> None:
        self.number = 0
        self.method: Any = None
        self.payload = payload
        self.plain: list[Any] | None = None
        self.slots = slots
        self.lent: list[Entry] = []
        self.missing = 0

    def await_slots(self, exchange: Exchange, ready: Callable[[], None]) -> bool:
        """True if every value is there; else ``ready`` is called once it is."""

        def arrived(_: Entry) -> None:
            self.missing -= 1
            if not self.missing:
                ready()

        for _, entry in self.slots:
            if entry.state == PENDING:
                self.missing += 1
                exchange.request(entry)
                entry.when_complete(arrived)
        return not self.missing

    def follows(self, home: Any) -> Follow | None:
        """What the task follows (``core.tasks``): the one object missing, if it is of this process
        and all other arguments are plain."""
        if self.plain is None or self.missing != 1:
            return None
        args = self.plain[:]
        found = None
        for where, entry in self.slots:
            if entry.state == PENDING:
                found = (entry, where)
            elif type(entry.payload) is tuple:
                return None
            else:
                args[where] = entry.payload
        assert found is not None
        entry, where = found
        return Follow(entry.number, where, tuple(args)) if entry.home is home else None

    def failure(self) -> Any:
        """The payload of the first argument that failed, or None."""
        for _, entry in self.slots:
            if entry.state == FAILED:
                return entry.payload
        return None

    def wire(self, references: References, fds: list[int]) -> tuple[Any, ...]:
        """The call's tuple; its descriptors are appended to ``fds``, and what the receiver
        may ask for by number is lent to it."""
        if self.plain is not None:
            call = self._wire_plain()
            if call is not None:
                return call
        lent = self.lent
        payload = references.to_wire(self.payload, None, fds, lent)
        slots = [
            (
                where,
                entry.home.proc,
                entry.number,
                references.to_wire(entry.payload, None, fds, lent),
            )
            for where, entry in self.slots
        ]
        # A view of a slot's memory may outlive the task: its reader asks us for it by number.
        for _, entry in self.slots:
            references.lend(entry, lent)
        if self.method is None:
            return (self.number, payload, slots)
        return (self.number, self.method, payload, slots)

    def _wire_plain(self) -> tuple[Any, ...] | None:
        """The call's tuple if every argument is a plain scalar; a chain of such tasks runs a
        third faster."""
        args = self.plain
        assert args is not None
        for where, entry in self.slots:
            if type(entry.payload) is tuple:
                self.payload = values.blob(values.dumps((args, {})), ())
                self.plain = None
                return None
            args[where] = entry.payload
        if self.method is None:
            return (self.number, tuple(args))
        return (self.number, self.method, tuple(args))

    def wire_inline(self, references: References) -> tuple[Any, ...]:
        """As ``wire``, everything in band: for the head, which keeps it."""
        if self.plain is not None:
            self.payload = values.blob(values.dumps((self.plain, {})), ())
        payload = references.to_wire(values.inline(self.payload), None, None, self.lent)
        slots = [
            (
                where,
                entry.home.proc,
                entry.number,
                references.to_wire(values.inline(entry.payload), None, None, self.lent),
            )
            for where, entry in self.slots
        ]
        return (payload, slots)

    def release(self, references: References) -> None:
        """The receiver is through with the call."""
        references.take_back(self.lent)
        self.lent.clear()


def encode(
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    store: Callable[[values.Pickled], Any],
    put: Callable[[Any], Entry],
) -> Any:
    """What a call brings of arguments that aren't all plain: the rest of its tuple on the wire, if
    nothing in them needs care when it is sent or ends; for the few others, ``Arguments``.

    Runs user code, so not under the lock. Parameters and errors as in ``encode_any``.
    """
    if ObjectRef not in map(type, args) and ObjectRef not in map(type, kwargs.values()):
        pickled = values.dumps((args, kwargs))
        if pickled.size <= values.INLINE_BYTES and not pickled.refs:
            return (store(pickled), ())
        return _held(pickled, [], store, put)
    return encode_any(args, kwargs, store, put)


def encode_any(
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    store: Callable[[values.Pickled], Any],
    put: Callable[[Any], Entry],
) -> Arguments:
    """Pickles the arguments of a call.

    Args:
        args: positional arguments.
        kwargs: keyword arguments.
        store: makes the payload of a small pickle.
        put: makes an object of a large one.

    Raises:
        TypeError: an argument can't be pickled.
    """
    slots: list[tuple[Any, Entry]] = []
    holes = list(args)
    for index, value in enumerate(args):
        if type(value) is ObjectRef:
            slots.append((index, value._entry))
            holes[index] = None
    for key, value in list(kwargs.items()):
        if type(value) is ObjectRef:
            slots.append((key, value._entry))
            kwargs = {**kwargs, key: None}
    if slots and not kwargs and values.are_plain(holes):
        plain = Arguments(None, slots)
        plain.plain = holes
        return plain
    return _held(values.dumps((holes, kwargs)), slots, store, put)


def _held(
    pickled: values.Pickled,
    slots: list[tuple[Any, Entry]],
    store: Callable[[values.Pickled], Any],
    put: Callable[[Any], Entry],
) -> Arguments:
    if pickled.size <= values.INLINE_BYTES:
        return Arguments(store(pickled), slots)
    return Arguments(None, [(None, put(pickled)), *slots])


def decode(payload: Any, slots: Sequence[tuple[Any, Any]]) -> tuple[Any, dict[str, Any]]:
    """The arguments of a call that arrived; ``slots`` are pairs of place and payload.

    Runs user code (unpickling).
    """
    args: Any = ()
    kwargs: dict[str, Any] = {}
    if payload is not None:
        args, kwargs = values.decode(payload)
    for where, content in slots:
        value = values.decode(content)
        if where is None:
            args, kwargs = value
        elif type(where) is int:
            args[where] = value
        else:
            kwargs[where] = value
    return args, kwargs
