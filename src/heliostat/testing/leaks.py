"""What a piece of code left behind: processes, threads, descriptors, mapped memory, files.

A ``Watch`` looks at this process before and after. A process counts as left behind if it began
after the first look and is ours, whoever its parent is by now: it descends from this process,
or carries the watch's mark in its environment, or is an orphan in our process group. What is
on its way out when the second look begins has ``GRACE`` seconds to be gone.

Processes, descriptors and mappings are read from ``/proc``; where there is none (macOS) only
threads and files are watched, and ``Watch.sees`` says so.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
import traceback
from fnmatch import fnmatchcase as fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heliostat.model.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Seconds that something which is ending has to be gone.
GRACE = 2.0
#: The variable that marks the environment of processes started under a watch.
MARK = "PYTEST_HELIOSTAT_MARK"

_PROC = Path("/proc")
_POLL = 0.005  # seconds between two looks while something is on its way out
_FRAMES = 12  # innermost frames of a thread that are shown
_OURS = "heliostat"


#: Standard input, output and error end here. They are whose turn it is: a test runner points them
#: elsewhere while a test runs.
_STANDARD = 2


class Snapshot:
    """What there was at one moment.

    Attributes:
        processes: ids of all processes of the machine.
        threads: the Python threads of this process.
        descriptors: what each open descriptor of this process refers to.
        mappings: how often each shared-memory file of ours is mapped into this process.
        files: the files of ours in shared memory and below the session directories.
    """

    __slots__ = ("descriptors", "files", "mappings", "processes", "threads")

    def __init__(
        self,
        processes: frozenset[int],
        threads: frozenset[threading.Thread],
        descriptors: dict[int, str],
        mappings: dict[str, int],
        files: frozenset[str],
    ) -> None:
        self.processes = processes
        self.threads = threads
        self.descriptors = descriptors
        self.mappings = mappings
        self.files = files


class Watch:
    """Finds what was left behind between two moments.

    Example:
        >>> from heliostat.testing.leaks import Watch
        >>> watch = Watch()
        >>> before = watch.look()
        >>> file = open("/dev/null")
        >>> [leak] = watch.leaks(before, grace=0)
        >>> "/dev/null" in leak
        True
        >>> file.close()
        >>> watch.leaks(before)
        []

    Args:
        mark: a text that no other watch uses. Processes whose environment has it in the variable
            ``PYTEST_HELIOSTAT_MARK`` are ours. Default: only descent tells.
        roots: where files of ours appear. Default: ``/dev/shm`` and the folder that holds the
            user's session directories by the environment of now.
        ignore: shell patterns of texts that ``leaks`` leaves out, such as
            ``"descriptor * is open: */fonts/*"`` for a library that keeps its fonts open.
    """

    def __init__(
        self, mark: str = "", roots: Iterable[Path] | None = None, ignore: Iterable[str] = ()
    ) -> None:
        self._mark = f"{MARK}={mark}".encode() if mark else b""
        self._roots = list(_default_roots() if roots is None else roots)
        self._ignore = tuple(ignore)

    @property
    def sees(self) -> str:
        """What is watched on this system, in words."""
        if _PROC.is_dir():
            return "processes, threads, descriptors, shared memory, files"
        return "threads and files only, since this system has no /proc"

    def look(self) -> Snapshot:
        """What there is now."""
        return Snapshot(
            frozenset(_process_ids()),
            frozenset(threading.enumerate()),
            _descriptors(),
            _mappings(),
            frozenset(_files(self._roots)),
        )

    def leaks(self, before: Snapshot, *, grace: float = GRACE) -> list[str]:
        """One text a thing that is there now and wasn't before; empty if nothing was left.

        Args:
            before: the first look.
            grace: seconds to wait for what is on its way out. Nothing is waited for if nothing
                was left.
        """
        deadline = time.monotonic() + grace
        collected = False
        while found := self._new(before):
            if not collected:  # what only a cycle holds was let go of
                gc.collect()
                collected = True
            elif time.monotonic() >= deadline:
                return found
            else:
                time.sleep(_POLL)
        return []

    def processes(self, before: Snapshot) -> list[int]:
        """The processes of ours that began after ``before`` and have not been waited for."""
        new = [pid for pid in _process_ids() if pid not in before.processes]
        return [pid for pid in new if self._is_ours(pid)] if new else []

    def end_processes(self, before: Snapshot) -> None:
        """Kills what ``processes`` finds, so that one leak doesn't disturb what comes next."""
        for pid in self.processes(before):
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                continue  # it ended by itself, or is not ours to wait for

    def _new(self, before: Snapshot) -> list[str]:
        now = self.look()
        kept = _helper_descriptors()
        found = [
            *(_Process(pid).describe() for pid in self.processes(before)),
            *(_describe(thread) for thread in now.threads - before.threads if _counts(thread)),
            *(
                f"descriptor {fd} is open: {target}"
                for fd, target in now.descriptors.items()
                if before.descriptors.get(fd) != target and fd not in kept and fd > _STANDARD
            ),
            *(
                f"shared memory is mapped: {name}, {count} times"
                for name, count in now.mappings.items()
                if count > before.mappings.get(name, 0)
            ),
            *(f"file is there: {name}" for name in sorted(now.files - before.files)),
        ]
        return [leak for leak in found if not any(fnmatch(leak, text) for text in self._ignore)]

    def _is_ours(self, pid: int) -> bool:
        if pid == _helper_process():
            return False
        process = _Process(pid)
        if not process.is_there or (process.is_dead and process.parent != os.getpid()):
            return False  # a dead orphan is for its new parent to wait for
        if self._mark and self._mark in process.environment():
            return True
        return _descends_from_us(process)


class _Process:
    """A process as ``/proc`` shows it; one that ended meanwhile is not ``is_there``."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        # The name, in brackets, may contain anything; the fields begin behind the last bracket.
        fields = _read(pid, "stat").rpartition(b")")[2].split()
        self.is_there = bool(fields)
        self.is_dead = fields[0] in {b"Z", b"X"} if fields else True
        self.parent = int(fields[1]) if fields else 0
        self.group = int(fields[2]) if fields else 0

    def environment(self) -> list[bytes]:
        return _read(self.pid, "environ").split(b"\0")

    def describe(self) -> str:
        if self.is_dead:
            return f"process {self.pid} ended, but was never waited for"
        command = _read(self.pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()
        name = _read(self.pid, "comm").decode(errors="replace").strip()
        waits = _read(self.pid, "wchan").decode(errors="replace").strip("0")
        parent = "this process" if self.parent == os.getpid() else f"process {self.parent}"
        where = f", waiting in {waits}" if waits else ""
        return f"process {self.pid} ({name}), child of {parent}{where}: {command[:300]}"


def _counts(thread: threading.Thread) -> bool:
    # A dummy stands for a thread that isn't Python's own, and stays when that has ended.
    return thread.is_alive() and not isinstance(thread, threading._DummyThread)


def _describe(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident or 0)
    stack = traceback.format_stack(frame)[-_FRAMES:] if frame else ["  (it just ended)"]
    kind = "daemon thread" if thread.daemon else "thread"
    return f"{kind} {thread.name!r} runs:\n{''.join(stack).rstrip()}"


def _descends_from_us(process: _Process) -> bool:
    ours, group = os.getpid(), os.getpgrp()
    seen = process
    while seen.is_there and seen.parent > 1:
        if seen.parent == ours:
            return True
        seen = _Process(seen.parent)
    # An orphan goes to the nearest reaper; a fork that called no setsid is still in our group.
    return process.group == group and _Process(process.parent).group != group


def _default_roots() -> tuple[Path, Path]:
    return Path("/dev/shm"), Path(Config.read().session_root()).parent  # noqa: S108 - Linux's own


def _process_ids() -> Iterator[int]:
    if _PROC.is_dir():
        yield from (int(name) for name in os.listdir(_PROC) if name.isdigit())


def _descriptors() -> dict[int, str]:
    found = {}
    for name in os.listdir("/proc/self/fd") if _PROC.is_dir() else ():
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue  # the one the listing itself used
    return found


def _mappings() -> dict[str, int]:
    counts: dict[str, int] = {}
    for line in _read(os.getpid(), "maps").splitlines():
        fields = line.split(None, 5)
        if len(fields) > 5 and _OURS.encode() in fields[5] and fields[1].endswith(b"s"):
            name = f"{fields[5].decode(errors='replace')}, inode {int(fields[4])}"
            counts[name] = counts.get(name, 0) + 1
    return counts


def _files(roots: Iterable[Path]) -> Iterator[str]:
    """The files of ours directly in a root, and all there is below the directories of ours."""
    for root in roots:
        for path in root.glob(f"*{_OURS}*"):
            if not path.is_dir():
                yield str(path)
            else:
                yield from (str(path) + "/" + name for name in _below(path))


def _below(folder: Path) -> Iterator[str]:
    for where, folders, files in os.walk(folder, onerror=None):
        inside = os.path.relpath(where, folder)
        yield from (os.path.normpath(os.path.join(inside, name)) for name in folders + files)


def _read(pid: int, name: str) -> bytes:
    """A file of ``/proc/<pid>``; empty if the process is gone, or another user's."""
    try:
        return (_PROC / str(pid) / name).read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""


def _helper() -> Any:
    """The standard library's resource tracker, which lives as long as this process once used."""
    module = sys.modules.get("multiprocessing.resource_tracker")
    return getattr(module, "_resource_tracker", None)


def _helper_process() -> int | None:
    return getattr(_helper(), "_pid", None)


def _helper_descriptors() -> set[int]:
    return {fd for fd in (getattr(_helper(), "_fd", None),) if fd is not None}
