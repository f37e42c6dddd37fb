"""``import heliostat`` stays light: it loads nothing that a first task doesn't need."""

from __future__ import annotations

import subprocess
import sys

#: Loaded by ``import heliostat``, any of these would cost more than all of it may.
BANNED = (
    "asyncio",
    "click",
    "cloudpickle",
    "concurrent.futures",
    "dataclasses",
    "http",
    "importlib.metadata",
    "inspect",
    "logging",
    "multiprocessing",
    "numpy",
    "psutil",
    "rich",
    "socketserver",
    "ssl",
    "urllib.request",
    "uuid",
)
_LOADED = "import sys; before = set(sys.modules); import heliostat; print(*sorted({names}))"


def test_importing_loads_no_banned_module() -> None:
    loaded = _run("set(sys.modules) - before")
    assert not [name for name in BANNED if name in loaded]


def test_importing_loads_nothing_of_an_engine() -> None:
    loaded = _run("n for n in sys.modules if n.startswith('heliostat.')")
    assert not [name for name in loaded if name.startswith("heliostat.engines.local")]


def _run(names: str) -> list[str]:
    command = _LOADED.replace("{names}", names)
    found = subprocess.run(
        [sys.executable, "-c", command], check=True, capture_output=True, text=True
    )
    return found.stdout.split()
