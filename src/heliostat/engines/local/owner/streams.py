"""The streaming tasks of this process: what they yield is filed here until somebody takes it."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from heliostat.engines.generators import ObjectRefGenerator
from heliostat.engines.local.core.objects import FAILED, PENDING, READY, Entry
from heliostat.engines.local.core.streams import Stream
from heliostat.engines.local.owner import errors
from heliostat.engines.local.store import values
from heliostat.engines.local.wire import messages
from heliostat.engines.refs import ObjectRef

if TYPE_CHECKING:
    from heliostat.engines.local.owner.session import Session


class Streams:
    """Streams by the number of their task, as long as somebody has the generator."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._streams: WeakValueDictionary[int, Stream] = WeakValueDictionary()
        #: The processes that the latest items came from, for those with a limit.
        self._makers: dict[int, int] = {}

    def open(self, result: Entry, ahead: int) -> ObjectRefGenerator[Any]:
        """The generator of a task that is about to be sent; ``result`` is ready when it ends."""
        stream = Stream(result.number, ahead, self._session.objects.new, errors.end_of_stream())
        with self._session.loop.lock:
            self._streams[result.number] = stream
            reference = weakref.ref(stream)

            def ended(entry: Entry) -> None:
                self._makers.pop(entry.number, None)
                there = reference()
                if there is not None and entry.state == FAILED:
                    there.fail(entry.payload)

            if result.state == PENDING:
                result.when_complete(ended)
            else:
                ended(result)
        return ObjectRefGenerator(LocalStream(self._session, stream, result))

    def on_items(
        self, number: int, proc: int, first: int, items: list[Any], last: bool, ahead: bool
    ) -> None:
        """A task of ours has yielded; with ``ahead`` it must know when these are taken."""
        session = self._session
        stream = self._streams.get(number)
        for index, wired in enumerate(items, first):
            payload = session.references.from_wire(wired, session.loop.take_fd)
            if stream is not None:
                failed = type(payload) is tuple and payload[0] == values.ERROR
                stream.add(index, FAILED if failed else READY, payload)
        if stream is not None and last:
            stream.end()
        if ahead:
            self._makers[number] = proc
            self._tell_taken(number, -1 if stream is None else stream.taken)

    def _tell_taken(self, number: int, taken: int) -> None:
        proc = self._makers.get(number)
        if proc is not None:
            self._session.peers.send(proc, messages.taken(number, self._session.home.proc, taken))

    def take(self, stream: Stream) -> Entry | None:
        """Takes the next item of a stream."""
        with self._session.loop.lock:
            entry = stream.take()
            if entry is not None and stream.ahead:
                self._tell_taken(stream.number, stream.taken)
            return entry

    def abandoned(self, number: int) -> None:
        """Nobody has the generator any more: its task need not wait."""
        self._tell_taken(number, -1)


class LocalStream:
    """What is behind an ``ObjectRefGenerator`` on this engine."""

    __slots__ = ("_result", "_session", "_stream")

    def __init__(self, session: Session, stream: Stream, result: Entry) -> None:
        self._session = session
        self._stream = stream
        self._result = result

    @property
    def engine(self) -> Any:
        """The engine the task runs on."""
        return self._session.engine

    @property
    def completed(self) -> ObjectRef[Any]:
        """Ready once the task has ended."""
        return ObjectRef(self._result)

    @property
    def exhausted(self) -> bool:
        """Every item was taken, and there will be no more."""
        return self._stream.exhausted

    def peek(self) -> ObjectRef[Any]:
        """The next item, there or not."""
        with self._session.loop.lock:
            return ObjectRef(self._stream.peek())

    def take(self) -> ObjectRef[Any] | None:
        """Takes the next item."""
        entry = self._session.streams.take(self._stream)
        return None if entry is None else ObjectRef(entry)

    def __del__(self) -> None:
        if self._stream.ahead:
            self._session.releases.note(("stream", self._stream.number))
