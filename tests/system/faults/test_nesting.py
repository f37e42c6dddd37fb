"""Tasks that wait for tasks, at any depth, and requests that can never be met."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import heliostat as ray


@pytest.fixture
def one_cpu() -> Iterator[Any]:
    yield ray.init(address="local", num_cpus=1)
    ray.shutdown()


@ray.remote
def depth(levels: int) -> int:
    return 0 if levels == 0 else 1 + ray.get(depth.remote(levels - 1))


@ray.remote
def add(a: int, b: int) -> int:
    return a + b


@pytest.mark.timeout(60)
def test_100_levels_on_one_cpu(one_cpu: Any) -> None:
    assert ray.get(depth.remote(100), timeout=50) == 100


def test_a_tree_on_one_cpu(one_cpu: Any) -> None:
    @ray.remote
    def leaves(levels: int) -> int:
        if not levels:
            return 1
        return sum(map(int, ray.get([leaves.remote(levels - 1) for _ in range(3)])))

    assert ray.get(leaves.remote(4), timeout=50) == 81


def test_waiting_in_every_way_lends_the_cpu(one_cpu: Any) -> None:
    @ray.remote
    def by_wait() -> int:
        [done], _ = ray.wait([add.remote(1, 2)])
        return int(ray.get(done))

    @ray.remote
    def by_actor() -> int:
        @ray.remote
        class Adder:
            def add(self, a: int, b: int) -> int:
                return int(ray.get(add.remote(a, b)))

        found: Any = ray.get(Adder.remote().add.remote(1, 2))
        return int(found)

    @ray.remote
    def by_argument() -> int:
        return int(ray.get(add.remote(add.remote(0, 1), add.remote(1, 1))))

    for task in (by_wait, by_actor, by_argument):
        assert ray.get(task.remote(), timeout=15) == 3


def test_deep_tasks_and_plain_ones_share_the_cpu(one_cpu: Any) -> None:
    refs = [add.remote(i, i) for i in range(100)]
    deep = [depth.remote(5) for _ in range(5)]
    more = [add.remote(i, 1) for i in range(100)]
    assert ray.get(refs, timeout=20) == [2 * i for i in range(100)]
    assert ray.get(deep, timeout=20) == [5] * 5
    assert ray.get(more, timeout=20) == [i + 1 for i in range(100)]


def test_an_infeasible_task_fails_at_once_and_says_what_there_is(one_cpu: Any) -> None:
    for options in ({"num_cpus": 2}, {"num_gpus": 1000}, {"resources": {"wings": 2}}):
        ref = add.options(**options).remote(1, 2)
        with pytest.raises(ray.exceptions.TaskUnschedulableError, match="1 CPU"):
            ray.get(ref, timeout=5)
        with pytest.raises(ray.exceptions.TaskUnschedulableError):
            ray.get(add.remote(ref, 1), timeout=5)
    assert ray.get(add.remote(1, 2), timeout=5) == 3


def test_an_infeasible_actor_fails_at_once(one_cpu: Any) -> None:
    @ray.remote(resources={"wings": 2})
    class Bird:
        def fly(self) -> None:
            pass

    for actor in (Bird.remote(), Bird.options(name="bird").remote()):  # type: ignore[attr-defined]
        with pytest.raises(ray.exceptions.ActorUnschedulableError, match="wings"):
            ray.get(actor.fly.remote(), timeout=5)
    with pytest.raises(ValueError, match="bird"):
        ray.get_actor("bird")
