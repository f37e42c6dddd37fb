"""``heliostat.util`` is there after a bare import, and loads what is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import heliostat
from heliostat.util import debug


def _run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    return done.stdout.strip()


def test_everything_is_there_after_a_bare_import() -> None:
    program = (
        "import heliostat as ray\n"
        "names = [ray.util.ActorPool, ray.util.queue.Queue, ray.util.log_once]\n"
        "print(*(name.__name__ for name in names), ray.experimental.tqdm_ray.tqdm.__name__)"
    )
    assert _run(program) == "ActorPool Queue log_once tqdm"


def test_importing_heliostat_does_not_load_it() -> None:
    program = "import sys, heliostat; print('heliostat.util' in sys.modules)"
    assert _run(program) == "False"


def test_a_queue_costs_no_asyncio() -> None:
    program = "import sys, heliostat; heliostat.util.queue.Queue; print('asyncio' in sys.modules)"
    assert _run(program) == "False"


def test_names_come_from_the_table() -> None:
    assert set(heliostat.util.__all__) <= set(dir(heliostat.util))
    assert heliostat.util.log_once is debug.log_once
    assert heliostat.util.queue.Queue.__module__ == "heliostat.util.queue"
    assert "util" in dir(heliostat)


def test_a_name_that_ray_has_is_told_from_one_that_nobody_has() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'nothing'$"):
        _ = heliostat.util.nothing  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = heliostat.experimental.nothing  # type: ignore[attr-defined]
    for name in vars(heliostat.util)["_LACKING"]:
        with pytest.raises(AttributeError, match=f"'{name}': Ray has it, this release has not"):
            getattr(heliostat.util, name)
