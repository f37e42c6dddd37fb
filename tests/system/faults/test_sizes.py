"""Large things, and many: 2 GB in one argument, 64 MB of /dev/shm, echoes of 90 KB."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

import heliostat as ray
from heliostat.model.host import detect
from tests.system.conftest import Program

Start = Callable[..., Program]


@ray.remote
def echo(value: Any) -> Any:
    return value


@ray.remote
class Echo:
    def echo(self, value: Any) -> Any:
        return value


def test_2000_echoes_of_90_kb_by_tasks(session: Any) -> None:
    data = bytes(90_000)
    refs = [echo.remote(data) for _ in range(2000)]
    for ref in refs:
        assert ray.get(ref, timeout=30) == data


def test_2000_echoes_of_90_kb_by_an_actor(session: Any) -> None:
    actor = Echo.remote()
    data = bytes(90_000)
    refs = [actor.echo.remote(data) for _ in range(2000)]
    assert all(value == data for value in ray.get(refs, timeout=30))


def test_2000_echoes_of_90_kb_between_two_actors(session: Any) -> None:
    @ray.remote
    class Peer:
        def echo(self, value: bytes) -> bytes:
            return value

        def ask(self, other: Any, count: int) -> int:
            refs = [other.echo.remote(bytes(90_000)) for _ in range(count)]
            return sum(len(value) for value in ray.get(refs))

    # Both ask the other at once: each has to read while it writes.
    peers = [Peer.options(max_concurrency=2).remote() for _ in range(2)]  # type: ignore[attr-defined]
    asked = [peers[0].ask.remote(peers[1], 1000), peers[1].ask.remote(peers[0], 1000)]
    assert ray.get(asked, timeout=40) == [90_000_000] * 2


def test_more_large_objects_in_one_message_than_descriptors_fit(session: Any) -> None:
    @ray.remote
    def total(*values: bytes) -> int:
        return sum(map(len, values))

    @ray.remote(num_returns=400)
    def many() -> list[bytes]:
        return [bytes(150_000)] * 400

    @ray.remote
    class Total:
        def __init__(self, *values: bytes) -> None:
            self.first = sum(map(len, values))

        def total(self, *values: bytes) -> int:
            return self.first + sum(map(len, values))

    refs = [ray.put(bytes(150_000)) for _ in range(400)]
    assert ray.get(total.remote(*refs), timeout=20) == 60_000_000
    assert ray.get(total.remote(*many.remote()), timeout=20) == 60_000_000
    assert ray.get(Total.remote(*refs).total.remote(*refs), timeout=20) == 120_000_000
    # Short tasks share packets, and each of these has a descriptor.
    assert ray.get([total.remote(ref) for ref in refs * 3], timeout=20) == [150_000] * 1200


def test_an_argument_of_2_gb(program: Start) -> None:
    need = 8 << 30
    if detect(None).memory < need:
        pytest.skip(f"takes up to {need >> 30} GiB of memory")
    made = program(
        """
        size = (1 << 31) + 5
        ray.init(address="local", num_cpus=1, object_store_memory=5 << 30)

        @ray.remote
        def ends(data):
            return len(data), data[0], data[-1]

        data = bytearray(size)
        data[0], data[-1] = 1, 2
        import pickle
        say(ray.get(ends.remote(pickle.PickleBuffer(data))))
        """
    )
    assert made.line() == "(2147483653, 1, 2)"
    made.end()


def test_an_argument_larger_than_the_store_is_refused(program: Start) -> None:
    made = program(
        """
        ray.init(address="local", num_cpus=1, object_store_memory=80 << 20)

        @ray.remote
        def size(data):
            return len(data)

        for attempt in (lambda: size.remote(bytes(100 << 20)), lambda: ray.put(bytes(100 << 20))):
            try:
                attempt()
            except ray.exceptions.ObjectStoreFullError as error:
                say("MiB" in str(error), "object_store_memory" in str(error))
        say(ray.get(size.remote(bytes(30 << 20))))
        """
    )
    assert made.lines(3) == ["True True", "True True", str(30 << 20)]
    made.end()


def _may_unshare() -> bool:
    return os.system("unshare -m true 2>/dev/null") == 0


@pytest.mark.skipif(not _may_unshare(), reason="a mount namespace needs a privilege")
def test_a_small_dev_shm_bounds_nothing(program: Start) -> None:
    made = program(
        """
        say(os.statvfs("/dev/shm").f_blocks * os.statvfs("/dev/shm").f_frsize)
        ray.init(address="local", num_cpus=2)

        @ray.remote
        def double(data):
            return data + data

        say(len(ray.get(double.remote(bytes(100 << 20)))))
        refs = [ray.put(bytes(50 << 20)) for _ in range(6)]
        say(sum(map(len, ray.get(refs))))
        """,
        prefix=(
            "unshare",
            "-m",
            "sh",
            "-c",
            'mount -t tmpfs -o size=64m tmpfs /dev/shm && exec "$@"',
            "sh",
        ),
    )
    assert made.lines(3) == [str(64 << 20), str(200 << 20), str(300 << 20)]
    made.end()
