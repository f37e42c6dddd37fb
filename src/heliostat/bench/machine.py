"""What the bench ran on, and the CPUs every subject gets."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path

_SYS_CPU = Path("/sys/devices/system/cpu")


def _core_of(cpu: int) -> str:
    """A name for the physical core a CPU belongs to; its own where the kernel doesn't say."""
    try:
        return (_SYS_CPU / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)


def choose_cpus(count: int) -> list[int]:
    """So many of the CPUs we may use, one from each physical core as long as there are cores."""
    allowed = sorted(os.sched_getaffinity(0))
    first_of_core: dict[str, int] = {}
    for cpu in allowed:
        first_of_core.setdefault(_core_of(cpu), cpu)
    firsts = list(first_of_core.values())
    return sorted((firsts + [cpu for cpu in allowed if cpu not in firsts])[:count])


@contextlib.contextmanager
def on_cpus(cpus: list[int]) -> Iterator[None]:
    """Confine this process, and all it starts meanwhile, to these CPUs."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(cpus))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def describe(cpus: list[int]) -> dict[str, str | int]:
    """The machine in a few facts, for the report."""
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": _field(Path("/proc/cpuinfo"), "model name") or platform.processor() or "unknown",
        "cpus": os.cpu_count() or 1,
        "cpus_used": ",".join(map(str, cpus)),
        "memory": _gibibytes(_field(Path("/proc/meminfo"), "MemTotal")),
        "load_before": f"{os.getloadavg()[0]:.2f}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def _field(path: Path, name: str) -> str:
    """The value of the first ``name: value`` line of a file of /proc."""
    with contextlib.suppress(OSError):
        for line in path.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    return ""


def _gibibytes(kilobytes: str) -> str:
    """An amount of /proc/meminfo, such as ``16384000 kB``, as people say it."""
    number = kilobytes.partition(" ")[0]
    return f"{int(number) / 2**20:.1f} GiB" if number.isdigit() else "unknown"
