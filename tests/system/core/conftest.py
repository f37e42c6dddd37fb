"""One private session for each module; after each test nothing of it may be left in there."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest

import heliostat as ray
from heliostat.engines import registry
from tests.system.core.gates import Gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: Seconds that what a test let go of has to be gone.
_PATIENCE = 5.0


@pytest.fixture(scope="module")
def _module_session() -> Iterator[Any]:
    ray.init(address="local", num_cpus=2, resources={"tape": 2, "lamp": 1.5})
    yield registry.require()
    ray.shutdown()


@pytest.fixture
def session(_module_session: Any) -> Iterator[Any]:
    """The session of the driver, whose books must balance after the test."""
    found = _module_session.session
    before = _held(found)
    yield found
    settled(lambda: _held(found) == before, lambda: f"{_held(found)} was {before}")
    with found.loop.lock:
        found.check()
    settled(
        lambda: ray.available_resources() == ray.cluster_resources(),
        lambda: f"free is only {ray.available_resources()}",
    )


def settled(holds: Callable[[], bool], describe: Callable[[], str] = str) -> None:
    """Waits, reading messages, until ``holds()``; fails with ``describe()``."""
    pump = registry.require().session.pump  # type: ignore[attr-defined]
    for _ in range(int(_PATIENCE / 0.02)):
        gc.collect()
        if holds():
            return
        pump.wait(lambda: False, 0.02)
    pytest.fail(f"this does not settle: {describe()}")


def _held(session: Any) -> dict[str, Any]:
    """What others hold of ours, and the memory in use."""
    return {
        "exports": {
            number: borrows for number, borrows, pin in session.references.exports.holders()
            if not pin
        },
        "bytes": session.segments.usage()[0],
        "creations": len(session.actors._creations),
        "active": len(session.actors._active),
    }


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """A gate that tasks stop at."""
    with Gate.make(tmp_path / "gate") as made:
        yield made


@pytest.fixture
def gates(tmp_path: Path) -> Iterator[Callable[[str], Gate]]:
    """Makes gates by name."""
    made: list[Gate] = []

    def make(name: str) -> Gate:
        made.append(Gate.make(tmp_path / name))
        return made[-1]

    yield make
    for one in made:
        one.close()
