"""The current engine of this process, and where engines are found by name.

The current engine is the one piece of global state in Heliostat. It belongs to one process:
in a forked child it is gone, and ``init`` starts anew.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from heliostat.engines.base import Engine
    from heliostat.engines.refs import ObjectRef

_current: Engine | None = None
_forked_from: int | None = None
_starter: Callable[[], Engine] | None = None


def current() -> Engine | None:
    """The engine of this process, or None before ``init`` and after ``shutdown``."""
    return _current


def require() -> Engine:
    """The engine of this process, started with defaults at first use, as Ray does."""
    if _current is not None:
        return _current
    if _starter is None:
        raise RuntimeError("heliostat.api is not loaded")
    return _starter()


def require_for(ref: ObjectRef[Any]) -> Engine:
    """The engine of this process, to use ``ref`` with. None is started for it: a reference that
    is older than the session belongs to another one.

    Raises:
        RuntimeError: this process has no session; says what became of the reference's.
    """
    if _current is not None:
        return _current
    if _forked_from is None:
        why = "the session it belongs to has ended"
    else:
        why = f"this process was forked from process {_forked_from}, which has its session"
    raise RuntimeError(f"{ref!r} can't be used: {why}")


def set_current(engine: Engine | None) -> None:
    """Makes ``engine`` the one that ``remote``, ``get`` and the rest use."""
    global _current, _forked_from
    _current = engine
    _forked_from = None


def set_starter(starter: Callable[[], Engine]) -> None:
    """``starter`` is called when an engine is needed and there is none."""
    global _starter
    _starter = starter


def forked_from() -> int | None:
    """The process this one was forked from with a session open, if it has none of its own."""
    return _forked_from


def load_ref(session: bytes, owner: int, number: int) -> Any:
    """Rebuilds an ``ObjectRef`` while a value is unpickled."""
    engine = _current
    if engine is None:
        raise RuntimeError(
            "an ObjectRef can only be unpickled in a program that is connected to its session: "
            "call heliostat.init() first"
        )
    return engine.load_ref(session, owner, number)


def _after_fork() -> None:
    global _current, _forked_from
    engine = _current
    if engine is not None:
        _current = None
        _forked_from = os.getppid()
        engine.forked()


def _after_fork_in_parent() -> None:
    if _current is not None:
        _current.has_forked()


os.register_at_fork(after_in_child=_after_fork, after_in_parent=_after_fork_in_parent)
