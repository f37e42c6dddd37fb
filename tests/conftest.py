"""What every test of this project gets: the leak check, a stack dump on request, its seed.

``kill -USR1 <pid>`` makes a test run that seems to hang print the stack of each of its threads.
"""

from __future__ import annotations

import faulthandler
import os
import random
import shutil
import signal
import sys
import tempfile

import pytest
from hypothesis import settings

pytest_plugins = ["heliostat.testing.pytest_plugin", "pytester"]

#: Tests draw from generators made of this; printed, so that a failure can be run again.
SEED = int(os.environ.get("HELIOSTAT_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)

# A test that calls init() must not join a cluster that the developer has running, and what it
# leaves in the session directory must not be mistaken for that of another run.
for _name in ("HELIOSTAT_ADDRESS", "HELIOSTAT_ENGINE", "RAY_ADDRESS"):
    os.environ.pop(_name, None)
os.environ["HELIOSTAT_TMPDIR"] = tempfile.mkdtemp(prefix="tests-")
os.environ.setdefault("HELIOSTAT_DEBUG", "1")

# On a machine that others use too, how long an example took says nothing.
settings.register_profile("shared machine", deadline=None, print_blob=True)
settings.load_profile("shared machine")


def pytest_configure() -> None:
    """Makes SIGUSR1 show where a hanging run is."""
    faulthandler.register(signal.SIGUSR1, file=sys.__stderr__ or 2, all_threads=True)


def pytest_unconfigure() -> None:
    """Removes the session directories of this run."""
    shutil.rmtree(os.environ["HELIOSTAT_TMPDIR"], ignore_errors=True)


def pytest_report_header() -> str:
    """Says how to run these tests with the same random choices."""
    return f"seed: HELIOSTAT_TEST_SEED={SEED}"


@pytest.fixture(autouse=True)
def _seeded(request: pytest.FixtureRequest) -> None:
    """Each test has its own reproducible choices, whichever others run beside it."""
    random.seed(f"{SEED}:{request.node.nodeid}")


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> str:
    """A seed for generators of the test's own: of this run and this test."""
    return f"{SEED}:{request.node.nodeid}"
