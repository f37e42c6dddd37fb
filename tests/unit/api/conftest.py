"""Each test has an engine of its own in memory, and leaves none behind."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from heliostat.engines import registry
from tests.unit.api.memory import MemoryEngine

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def engine() -> Iterator[MemoryEngine]:
    """The current engine of the process."""
    made = MemoryEngine()
    registry.set_current(made)
    yield made
    registry.set_current(None)


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[MemoryEngine]]:
    """Puts engines in memory where ``init`` finds the embedded one; lists those it made."""
    made: list[MemoryEngine] = []

    def connect(settings: object) -> MemoryEngine:
        made.append(MemoryEngine(settings))  # type: ignore[arg-type]
        return made[-1]

    module = ModuleType("heliostat.engines.local.engine")
    module.connect = connect  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    yield made
    registry.set_current(None)
