"""What a host has, from the files that real hosts and containers show."""

from __future__ import annotations

import os

import pytest

from heliostat.model.host import Probe, detect

GIB = 2**30


class Fake(Probe):
    """A host made of texts."""

    __slots__ = ("_cpus", "_files", "_names")

    def __init__(self, files: dict[str, str], cpus: int = 16, names: tuple[str, ...] = ()) -> None:
        self._files = files
        self._cpus = cpus
        self._names = names

    def text(self, path: str) -> str | None:
        return self._files.get(path)

    def names(self, folder: str) -> list[str]:
        return list(self._names) if folder == "/dev" else []

    def cpus(self) -> int:
        return self._cpus

    def memory(self) -> int:
        return 64 * GIB


V2 = {"/proc/self/cgroup": "0::/user.slice/job\n"}


def test_a_host_without_limits() -> None:
    host = detect(probe=Fake({}))
    assert (host.cpus, host.gpus, host.memory) == (16, (), 64 * GIB)


@pytest.mark.parametrize(
    ("quota", "cpus"),
    [
        ("max 100000\n", 16),
        ("200000 100000\n", 2),
        ("250000 100000\n", 2),
        ("50000 100000\n", 1),
        ("9900000 100000\n", 16),
        ("nonsense", 16),
        ("", 16),
    ],
)
def test_cpus_within_a_quota_are_whole_and_at_least_one(quota: str, cpus: int) -> None:
    assert detect(probe=Fake({"/sys/fs/cgroup/cpu.max": quota})).cpus == cpus


def test_affinity_counts_where_it_is_narrower() -> None:
    assert detect(probe=Fake({"/sys/fs/cgroup/cpu.max": "800000 100000"}, cpus=3)).cpus == 3


def test_each_cgroup_around_the_process_limits_it() -> None:
    files = {
        **V2,
        "/sys/fs/cgroup/user.slice/cpu.max": "300000 100000",
        "/sys/fs/cgroup/user.slice/job/cpu.max": "max 100000",
        "/sys/fs/cgroup/user.slice/memory.max": "max",
        "/sys/fs/cgroup/user.slice/job/memory.max": f"{2 * GIB}\n",
    }
    host = detect(probe=Fake(files))
    assert (host.cpus, host.memory) == (3, 2 * GIB)


def test_a_cgroup_outside_of_what_is_mounted_is_left_out() -> None:
    files = {"/proc/self/cgroup": "0::/../other\n", "/sys/fs/cgroup/memory.max": str(GIB)}
    assert detect(probe=Fake(files)).memory == GIB


def test_version_1() -> None:
    files = {
        "/proc/self/cgroup": "5:memory:/docker/a\n4:cpu,cpuacct:/docker/a\n1:name=systemd:/\n",
        "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
        "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        "/sys/fs/cgroup/cpu/docker/a/cpu.cfs_quota_us": "400000\n",
        "/sys/fs/cgroup/cpu/docker/a/cpu.cfs_period_us": "100000\n",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "/sys/fs/cgroup/memory/docker/a/memory.limit_in_bytes": f"{8 * GIB}\n",
    }
    host = detect(probe=Fake(files))
    assert (host.cpus, host.memory) == (4, 8 * GIB)


DEVICES = ("null", "nvidia0", "nvidia1", "nvidia3", "nvidiactl", "nvidia-uvm", "nvidia-caps")


@pytest.mark.parametrize(
    ("visible", "gpus"),
    [
        (None, ("0", "1", "2")),
        ((), ()),
        (("1",), ("1",)),
        (("GPU-a", "GPU-b"), ("GPU-a", "GPU-b")),
        (("0", "1", "2", "3"), ("0", "1", "2")),
    ],
)
def test_gpus_are_device_files_that_the_program_may_see(
    visible: tuple[str, ...] | None, gpus: tuple[str, ...]
) -> None:
    assert detect(visible, Fake({}, names=DEVICES)).gpus == gpus


def test_no_device_file_means_no_gpu() -> None:
    assert detect(("0",), Fake({})).gpus == ()


def test_this_host() -> None:
    host = detect()
    assert 1 <= host.cpus <= (os.cpu_count() or 1)
    assert host.memory > 2**20


def test_what_cant_be_read_is_not_there() -> None:
    probe = Probe()
    assert probe.text("/no/such/file") is None
    assert probe.text("/") is None
    assert probe.names("/no/such/folder") == []
    assert "stdin" in probe.names("/dev") or probe.names("/dev") == []
