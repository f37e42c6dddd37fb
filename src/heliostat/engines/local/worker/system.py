"""Linux calls Python lacks, and killing by group."""

from __future__ import annotations

import os

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, value: int) -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), "prctl")


def die_with_parent(number: int) -> None:
    """Sends this process ``number`` when its parent ends. Compare ``getppid`` afterwards: the
    parent may be gone already."""
    _prctl(_PR_SET_PDEATHSIG, number)


def become_subreaper() -> None:
    """Orphans among this process's descendants become its children."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def kill_group(pid: int, number: int) -> None:
    """Signals a process and the group it leads; one that is gone is no error."""
    for send in (os.killpg, os.kill):
        try:
            send(pid, number)
        except (ProcessLookupError, PermissionError):
            continue
