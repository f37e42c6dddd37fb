"""Linux calls Python lacks, and killing by group and by descent."""

from __future__ import annotations

import os
import signal

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


def kill_children(*, spare_own_group: bool = False) -> None:
    """Kills the children of this process, in a subreaper also theirs as they become ours, and
    waits for each.

    With ``spare_own_group`` those in this process's group are left alone.
    """
    own = os.getpgrp()
    while True:
        doomed = _children()
        if spare_own_group:
            doomed = [pid for pid in doomed if os.getpgid(pid) != own]
        if not doomed:
            return
        for pid in doomed:
            os.kill(pid, signal.SIGKILL)
        for pid in doomed:
            os.waitpid(pid, 0)


def _children() -> list[int]:
    """Not waited for, so none of these numbers can be another process's by now."""
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
        return [int(pid) for pid in file.read().split()]


def kill_group(pid: int, number: int) -> None:
    """Signals a process and the group it leads; one that is gone is no error."""
    for send in (os.killpg, os.kill):
        try:
            send(pid, number)
        except (ProcessLookupError, PermissionError):
            continue
