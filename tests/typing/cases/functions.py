"""Remote functions: parameters are checked by name, results keep their type."""

# ruff: noqa: F821 - reveal_type is the checkers' own

from __future__ import annotations

from collections.abc import Iterator

import heliostat as ray
from heliostat import ObjectRef


@ray.remote
def area(width: int, height: float, *, unit: str = "m") -> float:
    return width * height


@ray.remote(num_cpus=2, max_retries=0)
def words(text: str, count: int = 1) -> list[str]:
    return [text] * count


@ray.remote
def nothing() -> None:
    return None


@ray.remote(num_returns=2)
def pair() -> tuple[int, str]:
    return 1, "a"


@ray.remote(num_returns=0)
def silent() -> None:
    return None


def plain(x: int) -> str:
    return str(x)


called = ray.remote(plain)
with_options = ray.remote(num_gpus=0.5, resources={"licence": 1})(plain)

reveal_type(area.remote(2, 1.5))  # R: ObjectRef[float]
reveal_type(area.remote(2, height=1.5, unit="cm"))  # R: ObjectRef[float]
reveal_type(words.remote("a"))  # R: ObjectRef[list[str]]
reveal_type(words.options(num_cpus=1, name="w").remote("a", 2))  # R: ObjectRef[list[str]]
reveal_type(words.options(num_returns=3).remote("a", 3))  # R: list[ObjectRef[Any]]
reveal_type(nothing.remote())  # R: ObjectRef[None]
reveal_type(pair.remote())  # R: list[ObjectRef[Any]]
reveal_type(called.remote(1))  # R: ObjectRef[str]
reveal_type(with_options.remote(x=1))  # R: ObjectRef[str]
left, right = pair.remote()
reveal_type(left)  # R: ObjectRef[Any]
silent.remote()

# References stand for their values, where they are given by position.
number = ray.put(2)
half = ray.put(0.5)
text = ray.put("text")
reveal_type(number)  # R: ObjectRef[int]
reveal_type(area.remote(number, half))  # R: ObjectRef[float]
reveal_type(area.remote(2, half))  # R: ObjectRef[float]
reveal_type(words.remote(text))  # R: ObjectRef[list[str]]
reveal_type(called.remote(number))  # R: ObjectRef[str]

area.remote(2)  # E
area.remote("2", 1.5)  # E
area.remote(2, 1.5, "cm")  # E
area.remote(2, 1.5, colour="red")  # E
area.remote(text, half)  # E
words.remote(number)  # E
nothing.remote(1)  # E
words.options(num_cpu=1)  # E
ray.remote(num_cpu=1)  # E
ray.remote(3)  # E
plain.remote(1)  # E
area(2, 1.5)  # E


def total(parts: list[ObjectRef[float]]) -> float:
    return sum(ray.get(parts))


reveal_type(total([area.remote(1, 2.0)]))  # R: float


@ray.remote
def counting(n: int) -> Iterator[int]:
    yield from range(n)


# What yields gives a generator of references.
reveal_type(counting.options(num_returns="streaming").remote(3))  # R: ObjectRefGenerator[Any]
gathered = counting.options(num_returns="dynamic").remote(3)
reveal_type(gathered)  # R: ObjectRef[DynamicObjectRefGenerator[Any]]
counting.remote("3")  # E
