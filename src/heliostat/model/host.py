"""What this host has: the CPUs, GPUs and memory that the program may use.

All reading is in ``Probe``; ``detect`` decides, and tests give it a probe of their own. What
can't be read counts as no limit, or as not there.
"""

from __future__ import annotations

import os


class Probe:
    """Reads the facts from the running system."""

    __slots__ = ()

    def text(self, path: str) -> str | None:
        """The content of a small file, or None."""
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return None

    def names(self, folder: str) -> list[str]:
        """The entries of a folder; none if it can't be listed."""
        try:
            return os.listdir(folder)
        except OSError:
            return []

    def cpus(self) -> int:
        """CPUs this process may be scheduled on."""
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1

    def memory(self) -> int:
        """Bytes of memory the machine has."""
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


class Host:
    """What was found.

    Attributes:
        cpus: whole CPUs, at least 1.
        gpus: ids of the GPUs, as ``CUDA_VISIBLE_DEVICES`` takes them.
        memory: bytes.
    """

    __slots__ = ("cpus", "gpus", "memory")

    def __init__(self, cpus: int, gpus: tuple[str, ...], memory: int) -> None:
        self.cpus = cpus
        self.gpus = gpus
        self.memory = memory


def detect(visible_gpus: tuple[str, ...] | None = None, probe: Probe | None = None) -> Host:
    """What the program may use of this host.

    CPUs are those of its affinity, but no more than the quota of its cgroup allows; memory is
    the machine's or its cgroup's, whichever is less. GPUs are NVIDIA's device files.

    Args:
        visible_gpus: ``Config.visible_gpus``; None allows all.
        probe: what reads the facts.
    """
    probe = probe or Probe()
    cpus, memory = probe.cpus(), probe.memory()
    for folder in _cgroup_folders(probe):
        quota = _cpu_quota(probe, folder)
        if quota is not None:
            cpus = min(cpus, int(quota))
        limit = _memory_limit(probe, folder)
        if limit is not None:
            memory = min(memory, limit)
    return Host(max(1, cpus), _gpus(probe, visible_gpus), memory)


def _cgroup_folders(probe: Probe) -> list[str]:
    """The process's own cgroups and those around them, each of which limits it."""
    folders = []
    for line in (probe.text("/proc/self/cgroup") or "0::/").splitlines():
        _, controllers, path = line.split(":", 2)
        names = controllers.split(",")
        # Version 2 has one tree and names no controllers; version 1 has a tree for each.
        tree = next((name for name in ("", "cpu", "memory") if name in names), None)
        if tree is None:
            continue
        folder = f"/sys/fs/cgroup/{tree}".rstrip("/")
        folders.append(folder)
        # ".." means that the path begins outside of what is mounted here.
        for part in path.split("/") if ".." not in path else ():
            if part:
                folder = f"{folder}/{part}"
                folders.append(folder)
    return folders


def _cpu_quota(probe: Probe, folder: str) -> float | None:
    """CPUs' worth of time that a cgroup gets, as either version writes it."""
    words = (probe.text(f"{folder}/cpu.max") or "").split()
    if not words:
        names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        words = [(probe.text(f"{folder}/{name}") or "").strip() for name in names]
    if len(words) != 2 or not all(word.isdecimal() and int(word) for word in words):
        return None  # "max", -1 or nothing
    return int(words[0]) / int(words[1])


def _memory_limit(probe: Probe, folder: str) -> int | None:
    """Bytes that a cgroup may use, as either version writes it."""
    for name in ("memory.max", "memory.limit_in_bytes"):
        text = (probe.text(f"{folder}/{name}") or "").strip()
        if text.isdecimal() and int(text):
            return int(text)
    return None


def _gpus(probe: Probe, visible: tuple[str, ...] | None) -> tuple[str, ...]:
    prefix = "nvidia"
    names = probe.names("/dev")
    count = sum(n.startswith(prefix) and n[len(prefix) :].isdecimal() for n in names)
    if visible is None:
        return tuple(map(str, range(count)))
    return visible[:count]
