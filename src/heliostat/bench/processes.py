"""Processes of a subject: found, weighed and ended, whatever they did to hide.

Some peers leave daemons behind that belong to another session, or whose parent is gone. So every
process of a subject carries a mark in its environment, which its descendants inherit.
Linux only: it reads /proc.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MARK: Final = "HELIOSTAT_BENCH_MARK"
_PROC: Final = Path("/proc")
_KILL_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Memory:
    """What processes weigh, in bytes.

    Attributes:
        unique: USS: pages no other process has; what would be freed if they ended.
        proportional: PSS: the same plus their part of shared pages.
    """

    unique: int
    proportional: int


def _parents() -> dict[int, int]:
    """The parent of every process that is not a zombie."""
    parents: dict[int, int] = {}
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if state not in "ZX":
                parents[int(entry.name)] = int(parent)
    return parents


def _has_mark(pid: int, mark: bytes) -> bool:
    try:
        return mark in (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def family(mark: str, root: int | None = None) -> set[int]:
    """Living processes that carry the mark or descend from one that does, without the root.

    Args:
        mark: The value of the mark.
        root: A process whose descendants count too, and which doesn't count itself.
    """
    parents = _parents()
    wanted = f"{MARK}={mark}".encode()
    found = {pid for pid in parents if _has_mark(pid, wanted)}
    if root is not None:
        found.add(root)
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found - {root, os.getpid()}


@contextlib.contextmanager
def apart(mark: str) -> Iterator[None]:
    """Pin this process on one CPU, and all others with the mark on the remaining ones.

    Every thread of each, and so what they start meanwhile too. Undone at the end. With one CPU
    there is nothing to pin.
    """
    allowed = os.sched_getaffinity(0)
    ours = {min(allowed)}
    others = allowed - ours
    if not others:
        yield
        return
    _pin({os.getpid()}, ours)
    _pin(family(mark), others)
    try:
        yield
    finally:
        _pin({os.getpid(), *family(mark)}, allowed)


def _pin(pids: set[int], cpus: set[int]) -> None:
    for pid in pids:
        # A process or a thread may end while we look.
        with contextlib.suppress(OSError):
            for thread in (_PROC / str(pid) / "task").iterdir():
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(int(thread.name), cpus)


def memory_of(pids: set[int]) -> Memory:
    """The memory of these processes; one that ended meanwhile counts as nothing."""
    unique = proportional = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            sizes = parse_rollup((_PROC / str(pid) / "smaps_rollup").read_text())
            unique += sizes["Private_Clean"] + sizes["Private_Dirty"]
            proportional += sizes["Pss"]
    return Memory(unique, proportional)


def parse_rollup(text: str) -> dict[str, int]:
    """The sizes in a ``smaps_rollup``, in bytes."""
    sizes: dict[str, int] = {}
    for line in text.splitlines()[1:]:
        name, size, *_unit = line.split()
        sizes[name.rstrip(":")] = int(size) * 1024
    return sizes


def peak_memory() -> int:
    """The most memory this process ever had resident, in bytes."""
    for line in (_PROC / "self" / "status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("this kernel doesn't report VmHWM")


def end_all(mark: str, patience: float) -> int:
    """Wait for the marked processes to end, then kill those that don't.

    Args:
        mark: The value of the mark.
        patience: Seconds they have to end by themselves.

    Returns:
        How many had to be killed.
    """
    deadline = time.monotonic() + patience
    while family(mark) and time.monotonic() < deadline:
        time.sleep(0.02)
    killed: set[int] = set()
    deadline = time.monotonic() + _KILL_SECONDS
    # Again and again: a supervisor may start a new child between the look and the kill.
    while (left := family(mark)) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        killed |= left
        time.sleep(0.02)
    return len(killed)
