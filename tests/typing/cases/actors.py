"""Actors in typed programs: @method on what is called, and the class named once."""

# ruff: noqa: F821 - reveal_type is the checkers' own

from __future__ import annotations

from typing import cast

import heliostat as ray
from heliostat.actor import ActorClass, ActorHandle, ActorProxy


class CounterImpl:
    def __init__(self, start: int = 0) -> None:
        self.value = start

    @ray.method
    def add(self, amount: int, *, twice: bool = False) -> int:
        self.value += amount * (2 if twice else 1)
        return self.value

    @ray.method(max_task_retries=2)
    async def name(self) -> str:
        reveal_type(self.add(1))  # R: int
        reveal_type(await self.name())  # R: str
        return "counter"

    @ray.method(num_returns=2)
    def both(self) -> tuple[int, int]:
        return self.value, self.value


Counter: ActorClass[CounterImpl] = ray.remote(CounterImpl)
counter = Counter.remote(start=3)

reveal_type(counter.add.remote(1))  # R: ObjectRef[int]
reveal_type(counter.add.remote(1, twice=True))  # R: ObjectRef[int]
reveal_type(counter.add.remote(ray.put(1)))  # R: ObjectRef[int]
reveal_type(counter.add.options(name="one").remote(1))  # R: ObjectRef[int]
reveal_type(counter.name.remote())  # R: ObjectRef[str]
reveal_type(ray.get(counter.name.remote()))  # R: str
reveal_type(counter.both.remote())  # R: list[ObjectRef[Any]]
reveal_type(ray.get([counter.add.remote(n) for n in range(3)]))  # R: list[int]
kept = Counter.options(name="c", lifetime="detached").remote()
reveal_type(kept.add.remote(1))  # R: ObjectRef[int]

counter.add.remote("1")  # E
counter.add.remote()  # E
counter.add.remote(ray.put("1"))  # E
counter.subtract.remote(1)  # E
counter.add(1)  # E
Counter(1)  # E
Counter.options(lifetime="for ever")  # E
Counter.options(nam="c")  # E


def use(proxy: ActorProxy[CounterImpl]) -> int:
    return ray.get(proxy.add.remote(1))


use(counter)
use(cast(ActorProxy[CounterImpl], ray.get_actor("counter")))
ray.kill(counter)


# Without @method and without a name for the class everything is allowed.
class PlainImpl:
    def work(self, x: int) -> int:
        return x


Plain = ray.remote(PlainImpl)
plain = Plain.remote()
plain.work.remote(1)
ray.kill(plain)
reveal_type(ray.get_actor("plain"))  # R: ActorHandle[Any]
reveal_type(ray.get_actor("plain").work.remote(1))  # R: ObjectRef[Any]


def passes_on(handle: ActorHandle) -> ActorHandle:
    reveal_type(handle.anything.remote(1, key=2))  # R: ObjectRef[Any]
    return handle


passes_on(plain)
passes_on(Plain.options(num_cpus=1).remote())


# mypy takes a decorated class for the class itself, whatever the decorator gives.
@ray.remote
class Decorated:
    def work(self) -> int:
        return 1


Decorated.remote()  # E mypy
