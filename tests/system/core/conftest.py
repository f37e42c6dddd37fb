"""One private session for each module; after each test nothing of it may be left in there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import heliostat as ray
from heliostat.engines import registry
from tests.system.core.books import NOTHING, held, settled
from tests.system.core.gates import Gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def _module_session() -> Iterator[Any]:
    ray.init(address="local", num_cpus=2, resources={"tape": 2, "lamp": 1.5})
    yield registry.require()
    ray.shutdown()


@pytest.fixture
def session(_module_session: Any) -> Iterator[Any]:
    """The session of the driver, whose books must balance after the test."""
    yield _module_session.session
    found = registry.require().session  # a test may renew it
    settled(lambda: held(found) == NOTHING, lambda: f"left: {held(found)}")
    with found.loop.lock:
        found.check()
    settled(
        lambda: ray.available_resources() == ray.cluster_resources(),
        lambda: f"free is only {ray.available_resources()}",
    )


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
