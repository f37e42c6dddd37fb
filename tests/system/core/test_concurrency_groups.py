"""Actors whose methods run in groups, each with a number of calls at once of its own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import heliostat as ray
from tests.system.core.gates import Gate

pytestmark = [
    pytest.mark.usefixtures("session"),
    pytest.mark.leaks_checked_per("module", "its tests share a session"),
]


@ray.remote(concurrency_groups={"io": 2, "compute": 1})
class Threaded:
    def __init__(self) -> None:
        self.seen: list[Any] = []

    @ray.method(concurrency_group="io")
    def read(self, gate: Gate) -> str:
        gate.pass_through()
        return "read"

    @ray.method(concurrency_group="compute")
    def compute(self, value: Any) -> list[Any]:
        self.seen.append(value)
        return list(self.seen)

    def plain(self) -> str:
        return "plain"


@ray.remote(concurrency_groups={"io": 2})
class Async:
    def __init__(self) -> None:
        self.events: dict[str, asyncio.Event] = {}

    def _event(self, name: str) -> asyncio.Event:
        return self.events.setdefault(name, asyncio.Event())

    @ray.method(concurrency_group="io")
    async def wait(self, gate: Gate, name: str) -> str:
        gate.pass_through()
        await self._event(name).wait()
        return name

    async def open(self, name: str) -> None:
        self._event(name).set()


def test_a_full_group_holds_up_no_other(gate: Gate) -> None:
    actor = Threaded.remote()
    reads = [actor.read.remote(gate) for _ in range(3)]
    gate.await_arrivals(2)
    assert ray.get([actor.plain.remote(), actor.compute.remote(1)]) == ["plain", [1]]
    assert ray.wait(reads, num_returns=3, timeout=0)[0] == []
    gate.let_through(3)
    gate.await_arrivals()
    assert ray.get(reads) == ["read"] * 3


def test_a_group_of_one_keeps_the_order() -> None:
    actor = Threaded.remote()
    seen = ray.get([actor.compute.remote(n) for n in range(50)])
    assert seen[-1] == list(range(50))


def test_a_call_may_choose_its_group(gate: Gate) -> None:
    actor = Threaded.remote()
    read = actor.read.options(concurrency_group="compute").remote(gate)
    gate.await_arrivals()
    behind = actor.compute.remote(1)
    assert ray.get(actor.plain.remote()) == "plain"
    assert ray.wait([behind], timeout=0)[0] == []
    gate.let_through()
    assert ray.get([read, behind]) == ["read", [1]]


def test_coroutines_have_groups_too(gate: Gate) -> None:
    actor = Async.remote()
    waits = [actor.wait.remote(gate, name) for name in "abc"]
    gate.let_through(3)
    gate.await_arrivals(2)
    ray.get(actor.open.remote("c"))
    assert ray.wait(waits, num_returns=3, timeout=0)[0] == []
    ray.get(actor.open.remote("a"))
    assert ray.get([waits[0], waits[2]]) == ["a", "c"]
    ray.get(actor.open.remote("b"))
    assert ray.get(waits[1]) == "b"


def test_a_group_that_is_not_there_is_named() -> None:
    actor = Threaded.remote()
    with pytest.raises(ValueError, match="no concurrency group 'disk'; it has: compute, io"):
        ray.get(actor.plain.options(concurrency_group="disk").remote())

    @ray.remote
    class Wrong:
        @ray.method(concurrency_group="io")
        def read(self) -> None:
            return None

    with pytest.raises(ValueError, match="concurrency_group='io' isn't one"):
        Wrong.remote()


def test_an_actor_out_of_order_runs_what_is_ready(gate: Gate) -> None:
    @ray.remote
    def later(value: int) -> int:
        gate.pass_through()
        return value

    @ray.remote(allow_out_of_order_execution=True)
    class Seen:
        def __init__(self) -> None:
            self.seen: list[int] = []

        def see(self, value: int) -> list[int]:
            self.seen.append(value)
            return list(self.seen)

    actor = Seen.remote()
    first = actor.see.remote(later.remote(1))
    gate.await_arrivals()
    assert ray.get(actor.see.remote(2)) == [2]
    gate.let_through()
    assert ray.get(first) == [2, 1]
