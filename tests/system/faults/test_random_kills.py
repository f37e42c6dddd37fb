"""Workers and actors killed at any moment, again and again: nothing is lost, nothing hangs."""

from __future__ import annotations

import os
import random
import signal
from typing import Any

import heliostat as ray


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # one that has ended since


@ray.remote(max_retries=-1)
def own_pid(number: int) -> tuple[int, int]:
    return number, os.getpid()


@ray.remote(max_retries=-1)
def made(number: int, size: int) -> tuple[bytes, int]:
    return bytes([number]) * size, os.getpid()


@ray.remote(max_restarts=-1, max_task_retries=-1)
class Echo:
    def own_pid(self, number: int) -> tuple[int, int]:
        return number, os.getpid()

    def echo(self, data: bytes) -> bytes:
        return data


def test_workers_in_the_middle_of_short_tasks(session: Any, seed: str) -> None:
    choice = random.Random(seed)
    pids: set[int] = set()
    for _ in range(80):
        refs = [own_pid.remote(i) for i in range(choice.randrange(1, 300))]
        if pids:
            kill(pids.pop())
        found = ray.get(refs, timeout=20)
        assert [number for number, _ in found] == list(range(len(refs)))
        pids = {pid for _, pid in found[-50:]}


def test_workers_that_make_large_results(session: Any, seed: str) -> None:
    choice = random.Random(seed)
    pids: set[int] = set()
    kept = []
    for _ in range(40):
        sizes = [choice.choice([10, 50_000, 150_000, 2_000_000]) for _ in range(12)]
        refs = [made.remote(i, size) for i, size in enumerate(sizes)]
        if pids:
            kill(pids.pop())
        found = ray.get(refs, timeout=20)
        for i, (data, _) in enumerate(found):
            assert data == bytes([i]) * sizes[i]
        pids = {pid for _, pid in found}
        kept.append((choice.randrange(12), sizes, refs))
    for i, sizes, refs in kept:  # what outlived its maker
        assert ray.get(refs[i], timeout=20)[0] == bytes([i]) * sizes[i]


def test_an_actor_in_the_middle_of_its_calls(session: Any, seed: str) -> None:
    choice = random.Random(seed)
    actor = Echo.remote()
    pid = 0
    for _ in range(40):
        refs = [actor.own_pid.remote(i) for i in range(choice.randrange(1, 100))]
        data = actor.echo.remote(bytes(choice.choice([10, 90_000, 300_000])))
        if pid:
            kill(pid)
        found = ray.get(refs, timeout=20)
        assert [number for number, _ in found] == list(range(len(refs)))
        assert set(ray.get(data, timeout=20)) == {0}
        pid = found[-1][1]


def test_owners_of_nested_tasks(session: Any, seed: str) -> None:
    @ray.remote(max_retries=-1)
    def nested(count: int) -> tuple[int, int]:
        found = ray.get([own_pid.remote(i) for i in range(count)])
        return sum(number for number, _ in found), os.getpid()

    choice = random.Random(seed)
    pids: set[int] = set()
    for _ in range(30):
        counts = [choice.randrange(1, 40) for _ in range(4)]
        refs = [nested.remote(count) for count in counts]
        if pids:
            kill(pids.pop())
        found = ray.get(refs, timeout=20)
        assert [total for total, _ in found] == [sum(range(count)) for count in counts]
        pids = {pid for _, pid in found}
