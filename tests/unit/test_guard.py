"""The guard of the unit tests refuses what starts an engine, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_HEAD = [sys.executable, "-m", "heliostat.engines.local.head"]


def test_starting_a_part_of_an_engine_is_refused() -> None:
    with pytest.raises(pytest.fail.Exception, match="a unit test started an engine"):
        subprocess.Popen(_HEAD)


def test_spawning_one_is_refused() -> None:
    with pytest.raises(pytest.fail.Exception, match="a unit test started an engine"):
        os.posix_spawn(sys.executable, _HEAD, {})


def test_other_programs_start() -> None:
    assert subprocess.run([sys.executable, "-c", ""], check=False).returncode == 0
