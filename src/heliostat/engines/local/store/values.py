"""How the user's values become bytes and back.

On the wire and in an entry a value is a *payload*:

* a plain scalar, as itself: it is pickled with the message around it, or not at all;
* ``(BLOB, data, buffers, refs)``: a pickle with its out-of-band buffers, in the message;
* ``(SEGMENT, holder, arena, offset, size, lengths, refs)``: the same, in shared memory;
  on arrival it becomes ``(SHARED, block, lengths, refs)``;
* ``(ERROR, data, refs)``: a pickled exception for ``get`` to raise;
* ``(MANY, payloads)``: the results of a task with several.

``refs`` are the references the value contains. On the wire each is ``(owner, number)``, or
``(owner, number, payload)`` where a small value that was ready travels along; on arrival they
become entries, which the payload keeps alive whether or not it is ever unpickled.

Values go through the C pickler of the standard library when everything in them can be
imported by a worker, else through cloudpickle: 1.3 us against 5.4. The pickler finds out as
it goes: its ``reducer_override`` is called for what isn't a builtin, and trips over classes
and functions of ``__main__``, which plain pickle would name instead of carrying.
"""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Callable, Sequence
from types import CodeType, FunctionType
from typing import Any

from heliostat.engines import registry
from heliostat.engines.refs import ObjectRef
from heliostat.engines.serializers import reduced, serializers

BLOB = 1
SEGMENT = 2
SHARED = 3
ERROR = 4
MANY = 5

#: Immutable and self-contained: need no copy when submitted and no pickle of their own.
SCALARS = frozenset({int, float, bool, type(None), complex})
#: The same if short.
TEXTS = frozenset({str, bytes})
SHORT = 4096

#: Largest pickle that travels in messages; above, it goes to shared memory.
INLINE_BYTES = 100 * 1024

Payload = Any
_IN_BAND = 1024  # buffers below this are cheaper inside the pickle


class _NeedsCloudpickle(Exception):
    """Something in the value can't be imported by a worker."""


def is_plain(value: Any) -> bool:
    """Whether the value travels as itself."""
    kind = type(value)
    return kind in SCALARS or (kind in TEXTS and len(value) <= SHORT)


def are_plain(values: Sequence[Any]) -> bool:
    """Whether all of them do."""
    if SCALARS.issuperset(map(type, values)):
        return True
    return all(map(is_plain, values))


class Pickled:
    """A pickle: its bytes, its large buffers, and the references found inside."""

    __slots__ = ("buffers", "data", "refs")

    def __init__(
        self, data: bytes, buffers: Sequence[memoryview], refs: Sequence[ObjectRef[Any]]
    ) -> None:
        self.data = data
        self.buffers = buffers
        self.refs = refs

    @property
    def size(self) -> int:
        """Bytes altogether."""
        size = len(self.data)
        for buffer in self.buffers:
            size += buffer.nbytes
        return size


def dumps(value: Any) -> Pickled:
    """Pickles any value.

    Raises:
        TypeError: neither pickle nor cloudpickle can; says what in the value is to blame.
    """
    try:
        pickler = _spare.pop()
    except IndexError:
        pickler = _FastPickler()
    try:
        pickler.dump(value)
    except RecursionError:
        raise
    except Exception:  # noqa: BLE001 - whatever the reason, cloudpickle has the last word
        return _dumps_by_value(value)
    return pickler.take()


def _dumps_by_value(value: Any) -> Pickled:
    buffers: list[memoryview] = []
    output = io.BytesIO()
    pickler = _cloud_pickler()(output, lambda buffer: _keeps_in(buffer, buffers))
    try:
        pickler.dump(value)
    except Exception as error:
        raise TypeError(_blame(value, error)) from error
    return Pickled(output.getvalue(), buffers, pickler.refs)


def _keeps_in(buffer: pickle.PickleBuffer, buffers: list[memoryview]) -> bool:
    """Whether pickle is to copy the buffer; else it is appended to ``buffers``."""
    try:
        raw = buffer.raw()
    except BufferError:  # not contiguous
        return True
    if raw.nbytes < _IN_BAND:
        return True
    buffers.append(raw)
    return False


def dumps_code(value: Any) -> Pickled:
    """Pickles a function or class with everything in band, as the head stores it.

    Always by cloudpickle: the name of what was decorated stands for the remote function that
    came of it, so a worker couldn't find the plain one by it.
    """
    output = io.BytesIO()
    pickler = _cloud_pickler()(output, None)
    try:
        pickler.dump(value)
    except Exception as error:
        raise TypeError(_blame(value, error)) from error
    return Pickled(output.getvalue(), [], pickler.refs)


def inline(payload: Payload) -> Payload:
    """The payload with its shared memory copied into it."""
    if type(payload) is not tuple or payload[0] != SHARED:
        return payload
    parts = [bytes(part) for part in _parts(payload[1].view(), payload[2])]
    return (BLOB, parts[0], tuple(parts[1:]), payload[3])


def blob(pickled: Pickled, refs: tuple[Any, ...]) -> Payload:
    """The payload of a small pickle; ``refs`` are the entries of its references."""
    buffers = pickled.buffers
    return (BLOB, pickled.data, tuple(map(bytes, buffers)) if buffers else (), refs)


def is_simple(payload: Payload) -> bool:
    """Whether nothing needs care when the payload travels: no memory, no references."""
    if type(payload) is not tuple:
        return True
    return payload[0] == BLOB and not payload[3]


def loads(data: bytes | memoryview, buffers: Sequence[Any] = ()) -> Any:
    """Unpickles what ``dumps`` made."""
    return pickle.loads(data, buffers=buffers) if buffers else pickle.loads(data)


def decode(payload: Payload) -> Any:
    """The value of a payload that is not an error.

    Buffers inside, numpy arrays among them, are read-only at every size.
    """
    if type(payload) is not tuple:
        return payload
    kind = payload[0]
    if kind == BLOB:
        return loads(payload[1], payload[2])
    if kind == SHARED:
        parts = _parts(payload[1].view(), payload[2])
        return loads(parts[0], parts[1:])
    if kind == MANY:
        return [decode(part) for part in payload[1]]
    raise AssertionError(f"payload of kind {kind}")


def _parts(view: memoryview, lengths: Sequence[int]) -> list[memoryview]:
    parts = []
    offset = 0
    for length in lengths:
        parts.append(view[offset : offset + length])
        offset = aligned(offset + length)
    return parts


def aligned(offset: int) -> int:
    """Where the next buffer of a segment begins: on a cache line, as numpy likes it."""
    return (offset + 63) & ~63


def segment_size(pickled: Pickled) -> int:
    """Bytes of a block that holds a pickle and its buffers."""
    offset = aligned(len(pickled.data))
    for buffer in pickled.buffers:
        offset = aligned(offset + buffer.nbytes)
    return offset


def fill_segment(pickled: Pickled, write: Callable[[int, Any], None]) -> tuple[int, ...]:
    """Writes a pickle and its buffers by ``write(offset, data)``; returns their lengths."""
    write(0, pickled.data)
    lengths = [len(pickled.data)]
    offset = aligned(len(pickled.data))
    for buffer in pickled.buffers:
        write(offset, buffer)
        lengths.append(buffer.nbytes)
        offset = aligned(offset + buffer.nbytes)
    return tuple(lengths)


def refs_of(payload: Payload) -> Sequence[Any]:
    """The references a payload contains."""
    if type(payload) is not tuple or payload[0] == MANY:
        return ()
    refs: Sequence[Any] = payload[-1]
    return refs


def _reduce_ref(ref: ObjectRef[Any]) -> tuple[Any, ...]:
    entry = ref._entry
    return (_load_ref, (entry.home.uid, entry.home.proc, entry.number))


def _load_ref(uid: bytes, owner: int, number: int) -> Any:
    return registry.load_ref(uid, owner, number)


def _load_code(make: Callable[..., CodeType], args: Sequence[Any], file: str) -> CodeType:
    """A function's code. Since 3.1.3 cloudpickle forgets the file it came from, which a traceback
    shows lines of."""
    return make(*args).replace(co_filename=file)


class _FastPickler(pickle.Pickler):
    """The C pickler; gives up on what a worker could not import.

    Used again and again: making one takes 1 us, of a whole dump's 1.5.
    """

    def __init__(self) -> None:
        self._output = io.BytesIO()
        self._buffers: list[memoryview] = []
        self.refs: list[ObjectRef[Any]] = []
        buffers = self._buffers
        super().__init__(self._output, 5, buffer_callback=lambda buffer: _keeps_in(buffer, buffers))

    def take(self) -> Pickled:
        """What was dumped; the pickler is ready for the next value."""
        output = self._output
        pickled = Pickled(output.getvalue(), (), ())
        if self._buffers:
            pickled.buffers = self._buffers[:]
            self._buffers.clear()
        if self.refs:
            pickled.refs = self.refs[:]
            self.refs.clear()
        self.clear_memo()
        output.seek(0)
        output.truncate()
        _spare.append(self)
        return pickled

    def reducer_override(self, value: Any) -> Any:
        kind = type(value)
        if kind is ObjectRef:
            self.refs.append(value)
            return _reduce_ref(value)
        if serializers and kind in serializers:
            return reduced(value)
        if kind is FunctionType or isinstance(value, type):
            if _travels_by_value(value.__module__):
                raise _NeedsCloudpickle
        elif _travels_by_value(kind.__module__):
            raise _NeedsCloudpickle
        return NotImplemented


#: Picklers that nobody is using; taking and giving back are atomic.
_spare: list[_FastPickler] = []

_IMPORTABLE: set[str] = {"builtins"}


def _travels_by_value(module: str | None) -> bool:
    """Whether functions and classes of ``module`` must be carried, not named."""
    if module in _IMPORTABLE:
        return False
    if module is None or module in ("__main__", "__mp_main__"):
        return True
    found = sys.modules.get(module)
    if found is None or getattr(found, "__spec__", None) is None:
        return True
    cloudpickle = sys.modules.get("cloudpickle.cloudpickle")
    if cloudpickle is not None and cloudpickle._PICKLE_BY_VALUE_MODULES:
        return True  # registered by the user: cloudpickle knows which
    _IMPORTABLE.add(module)
    return False


_cloud_pickler_class: Any = None


def _cloud_pickler() -> Any:
    """Cloudpickle's pickler, taught about references; imported at first need (20 ms)."""
    global _cloud_pickler_class  # noqa: PLW0603 - a class, made late
    if _cloud_pickler_class is None:
        import cloudpickle

        class CloudPickler(cloudpickle.Pickler):  # type: ignore[misc]
            def __init__(self, output: Any, keep_out: Any) -> None:
                super().__init__(output, 5, buffer_callback=keep_out)
                self.refs: list[ObjectRef[Any]] = []

            def reducer_override(self, value: Any) -> Any:
                kind = type(value)
                if kind is ObjectRef:
                    self.refs.append(value)
                    return _reduce_ref(value)
                if serializers and kind in serializers:
                    return reduced(value)
                if kind is CodeType:
                    made = self.dispatch_table[CodeType](value)
                    return _load_code, (*made, value.co_filename)
                return super().reducer_override(value)

        _cloud_pickler_class = CloudPickler
    return _cloud_pickler_class


def _blame(value: Any, error: Exception) -> str:
    """What can't be pickled and, one level down, which part of it."""
    text = f"Could not serialize {_describe(value)}: {type(error).__name__}: {error}"
    parts: list[tuple[str, Any]] = []
    if isinstance(value, (tuple, list)):
        parts = [(f"[{i}]", part) for i, part in enumerate(value)]
    elif isinstance(value, dict):
        parts = [(f"[{key!r}]", part) for key, part in value.items()]
    elif isinstance(value, FunctionType):
        names = value.__code__.co_freevars
        cells = value.__closure__ or ()
        parts = [(f"captured variable {n!r}", c.cell_contents) for n, c in zip(names, cells)]
        used = [n for n in value.__code__.co_names if n in value.__globals__]
        parts += [(f"global {n!r}", value.__globals__[n]) for n in used]
    elif hasattr(value, "__dict__"):
        parts = [(f"attribute {key!r}", part) for key, part in vars(value).items()]
    for where, part in parts[:50]:
        output = io.BytesIO()
        try:
            _cloud_pickler()(output, None).dump(part)
        except Exception:  # noqa: BLE001 - the point is to find the part that raises
            return f"{text}. The cause is {where}: {_describe(part)}"
    return text


def _describe(value: Any) -> str:
    if isinstance(value, FunctionType):
        return f"the function {value.__qualname__}"
    return f"an object of type {type(value).__module__}.{type(value).__qualname__}"
