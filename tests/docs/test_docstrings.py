"""The examples in the docstrings of what users import run as they stand."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

import heliostat

if TYPE_CHECKING:
    from pathlib import Path

_MODULES = ["heliostat.exceptions", "heliostat.testing.clock", "heliostat.testing.leaks"]
_UTILITIES = [
    "heliostat.experimental.tqdm_ray.tqdm",
    "heliostat.util.debug.reset_log_once",
    "heliostat.util.queue.Queue",
    *(
        f"heliostat.util.{name}"
        for name in sorted(vars(heliostat.util)["__all__"])
        if not isinstance(getattr(heliostat.util, name), ModuleType)  # their names are there
    ),
]
_NAMES = [
    *_MODULES,
    *(f"heliostat.{name}" for name in sorted(vars(heliostat)["__all__"])),
    *_UTILITIES,
]

# A process each, since examples begin sessions. Their functions are of `__main__`, as in the
# interactive interpreter.
_PROGRAM = """
import doctest, pkgutil, sys
subject = pkgutil.resolve_name(sys.argv[1])
runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
for test in doctest.DocTestFinder().find(subject, sys.argv[1], globs={"__name__": "__main__"}):
    runner.run(test)
sys.exit(runner.failures > 0)
"""


@pytest.mark.parametrize("name", _NAMES)
def test_the_examples_of_a_public_name_run(name: str, tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-c", _PROGRAM, name],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=50,
    )
    assert found.returncode == 0, found.stdout
