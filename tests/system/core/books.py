"""What a process of a session holds: its books, which tests look into."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest

from heliostat.engines import registry
from heliostat.engines.local.store import values

#: Seconds that what a test let go of has to be gone.
_PATIENCE = 5.0


def settled(holds: Callable[[], bool], describe: Callable[[], str] = str) -> None:
    """Waits, reading messages, until ``holds()``; fails with ``describe()``."""
    pump = registry.require().session.pump  # type: ignore[attr-defined]
    for _ in range(int(_PATIENCE / 0.02)):
        gc.collect()
        if holds():
            return
        pump.wait(lambda: False, 0.02)
    pytest.fail(f"this does not settle: {describe()}")


def held(session: Any) -> dict[str, Any]:
    """What a process still holds or answers for: ``NOTHING`` once all was let go of.

    What was pinned, since its reference was captured or pickled by hand, does not count.
    """
    exports = session.references.exports
    pinned = [export.entry for export in exports._exports.values() if export.pinned]
    arenas = session.segments._arenas
    blocks = [entry.payload[1] for entry in pinned if _is_shared(entry.payload)]
    kept = sum(arenas[block.arena][0].used[block.offset] for block in blocks)
    return {
        "exports": {number: borrows for number, borrows, pin in exports.holders() if not pin},
        "bytes": session.segments.usage()[0] - kept,
        "creations": len(session.actors._creations),
        "active": len(session.actors._active),
        "granted": sum(map(len, session.releases.granted.values())),
    }


NOTHING = {"exports": {}, "bytes": 0, "creations": 0, "active": 0, "granted": 0}


def _is_shared(payload: Any) -> bool:
    return type(payload) is tuple and payload[0] == values.SHARED
