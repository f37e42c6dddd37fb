"""Ray's ``ray.util.check_serialize``: what in an object can't be pickled."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator
from types import CodeType, FunctionType, MethodType
from typing import Any

import cloudpickle

import heliostat
from heliostat.actor import ActorHandle
from heliostat.engines.serializers import reduced, serializers

__all__ = ["FailureTuple", "inspect_serializability"]

#: Characters of an object's ``repr`` that are printed.
_SHOWN = 100


class FailureTuple:
    """An object that can't be pickled, and the way to it.

    Attributes:
        obj: the object.
        path: names of variables, attributes and places, from the outermost object to this one.
        parent: the object it was found in; None for the outermost.
    """

    def __init__(self, obj: Any, path: tuple[str, ...], parent: Any) -> None:
        self.obj = obj
        self.path = path
        self.parent = parent

    def __repr__(self) -> str:
        name = self.path[-1] if self.path else "unknown"
        path = " -> ".join(map(str, self.path))
        return (
            f"FailTuple({name} [path={path}, obj={_shown(self.obj)}, parent={_shown(self.parent)}])"
        )


def inspect_serializability(
    base_obj: Any, name: str | None = None, depth: int = 3, print_file: Any = None
) -> tuple[bool, set[FailureTuple]]:
    """Finds out whether an object can be sent to a task or actor, and if not, what is to blame.

    Looks into functions (what they capture, the globals they use, their defaults), methods,
    classes, containers and attributes. What it finds it prints.

    Args:
        base_obj: the object.
        name: what to call it.
        depth: how many levels to look into.
        print_file: where to print, as ``print`` takes it; standard output by default.

    Returns:
        Whether it can be pickled; and the innermost objects found that can't.

    Example:
        >>> import threading
        >>> import heliostat as ray
        >>> lock = threading.Lock()
        >>> def work():
        ...     with lock:
        ...         pass
        >>> ok, failures = ray.util.inspect_serializability(work, name="work")
        work = <function work at 0x...> can't be pickled: TypeError: ...
            lock = <unlocked _thread.lock object at 0x...> can't be pickled: TypeError: ...
        To blame: work -> lock
        >>> ok, [failure.path for failure in failures]
        (False, [('work', 'lock')])

    Source: Ray's ``ray.util.inspect_serializability``.
    """
    inspector = _Inspector(print_file)
    path = () if name is None else (name,)
    if inspector.inspect(base_obj, path, None, depth):
        inspector.print(0, f"{_named(path)}{_shown(base_obj)} can be pickled")
        return True, set()
    for failure in inspector.failures:
        way = " -> ".join(failure.path) or _shown(failure.obj)
        inspector.print(0, f"To blame: {way}")
    return False, set(inspector.failures)


class _Inspector:
    """One look into an object."""

    def __init__(self, print_file: Any) -> None:
        self.failures: list[FailureTuple] = []
        self._file = print_file
        self._seen: set[int] = set()

    def print(self, level: int, text: str) -> None:
        """Prints a line."""
        print(f"{'    ' * level}{text}", file=self._file)

    def inspect(
        self, value: Any, path: tuple[str, ...], parent: Any, depth: int, level: int = 0
    ) -> bool:
        """Whether an object can be pickled; if not, its parts are looked at."""
        self._seen.add(id(value))
        error = _failure(value)
        if error is None:
            return True
        reason = f"{type(error).__name__}: {error}"
        self.print(level, f"{_named(path)}{_shown(value)} can't be pickled: {reason}")
        # What an object says of itself is looked at only if its parts are innocent.
        for parts in (_parts, _reduced) if depth > 0 else ():
            known = len(self.failures)
            for name, part in parts(value):
                if id(part) not in self._seen:
                    self.inspect(part, (*path, name), value, depth - 1, level + 1)
            if len(self.failures) > known:
                return False
        self.failures.append(FailureTuple(value, path, parent))
        return False


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What an object is made of, with a name each."""
    if isinstance(value, FunctionType):
        yield from _captured(value)
    elif isinstance(value, MethodType):
        yield "__self__", value.__self__
        yield "__func__", value.__func__
    elif isinstance(value, functools.partial):
        yield "func", value.func
        yield "args", value.args
        yield "keywords", value.keywords
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from ((f"[{index}]", part) for index, part in enumerate(value))
    elif isinstance(value, dict):
        yield from ((f"key {key!r}", key) for key in value)
        yield from ((f"[{key!r}]", part) for key, part in value.items())
    elif isinstance(value, type):
        yield from ((base.__name__, base) for base in value.__bases__ if base is not object)
        for name, part in vars(value).items():
            if name not in {"__dict__", "__weakref__"}:  # every class makes its own
                yield name, _bare(part)
    else:
        yield from _attributes(value)


def _captured(function: FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    for name in _names(function.__code__):
        if name in function.__globals__:
            yield name, function.__globals__[name]
    for index, default in enumerate(function.__defaults__ or ()):
        yield f"default {index}", default
    for name, default in (function.__kwdefaults__ or {}).items():
        yield f"default of {name}", default
    yield from vars(function).items()


def _names(code: CodeType) -> Iterator[str]:
    """The globals that code may use, functions inside it included."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _bare(member: Any) -> Any:
    """The function in a static or class method."""
    return getattr(member, "__func__", member)


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    state = dict(getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name):
                state[name] = getattr(value, name)
    yield from state.items()
    yield "__class__", type(value)


def _reduced(value: Any) -> Iterator[tuple[str, Any]]:
    """What an object's ``__reduce__`` makes of it."""
    if isinstance(value, (FunctionType, type)):
        return
    try:
        parts = value.__reduce_ex__(5)
    except Exception:  # noqa: BLE001 - that it raises is why we are here
        return
    if isinstance(parts, tuple):
        yield from ((f"__reduce__()[{at}]", part) for at, part in enumerate(parts) if part)


class _Trial(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles as an engine does, but that references and handles are not counted."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, (heliostat.ObjectRef, ActorHandle)):
            return object, ()
        if type(value) in serializers:
            return reduced(value)
        return super().reducer_override(value)


def _failure(value: Any) -> Exception | None:
    """Why an object can't be pickled."""
    try:
        # Large buffers need no copy to be known to work.
        _Trial(io.BytesIO(), 5, buffer_callback=lambda _: False).dump(value)
    except Exception as error:  # noqa: BLE001 - whatever a user's __reduce__ raises
        return error
    return None


def _named(path: tuple[str, ...]) -> str:
    return f"{path[-1]} = " if path else ""


def _shown(value: Any) -> str:
    """An object in short, whatever its ``__repr__`` does."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a user's __repr__
        text = object.__repr__(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
