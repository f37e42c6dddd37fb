"""get, put and wait keep the types of what references refer to."""

# ruff: noqa: F821 - reveal_type is the checkers' own

from __future__ import annotations

import heliostat as ray
from heliostat import ObjectRef


@ray.remote
def square(x: int) -> int:
    return x * x


refs = [square.remote(n) for n in range(3)]

reveal_type(ray.get(square.remote(2)))  # R: int
reveal_type(ray.get(refs))  # R: list[int]
reveal_type(ray.get(refs, timeout=1.5))  # R: list[int]
reveal_type(ray.put({"a": 1.0}))  # R: ObjectRef[dict[str, float]]
reveal_type(ray.wait(refs))  # R: tuple[list[ObjectRef[int]], list[ObjectRef[int]]]

ready, rest = ray.wait(refs, num_returns=2, timeout=0, fetch_local=False)
reveal_type(ray.get(ready))  # R: list[int]
reveal_type(ray.get(ray.get(ray.put(refs[0]))))  # R: int


async def awaited(ref: ObjectRef[str]) -> None:
    reveal_type(await ref)  # R: str
    reveal_type(ref.future().result())  # R: str


def takes_text(value: str) -> None:
    del value


takes_text(ray.get(refs[0]))  # E
ray.get(3)  # E
ray.get(refs, timeout="1")  # E
ray.wait(refs[0])  # E
ray.wait(refs, 2)  # E
