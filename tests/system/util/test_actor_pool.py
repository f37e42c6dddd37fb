"""``util.ActorPool``: work shared among actors."""

from __future__ import annotations

from typing import Any

import pytest

import heliostat as ray
from heliostat.exceptions import ActorDiedError
from heliostat.util import ActorPool
from tests.system.core.books import settled
from tests.system.core.gates import Gate

pytestmark = [
    pytest.mark.usefixtures("session"),
    pytest.mark.leaks_checked_per("module", "its tests share a session"),
]


@ray.remote
class Worker:
    def __init__(self) -> None:
        self.calls = 0

    def double(self, n: int) -> int:
        self.calls += 1
        return 2 * n

    def two(self, n: int) -> tuple[int, int]:
        return n, -n

    def fail(self, n: int) -> None:
        raise KeyError(n)

    def stop_at(self, gate: Gate, n: int) -> int:
        gate.pass_through()
        return n

    def count(self) -> int:
        return self.calls


def double(actor: Any, n: int) -> Any:
    return actor.double.remote(n)


def pool(size: int = 2) -> ActorPool:
    return ActorPool([Worker.remote() for _ in range(size)])


class TestMap:
    def test_gives_results_in_order(self) -> None:
        assert list(pool().map(double, range(10))) == [2 * n for n in range(10)]

    def test_unordered_gives_each_once(self) -> None:
        assert sorted(pool().map_unordered(double, range(10))) == [2 * n for n in range(10)]

    def test_unordered_gives_what_is_there_first(self, gate: Gate) -> None:
        workers = [Worker.remote() for _ in range(2)]

        def work(actor: Any, n: int) -> Any:
            return actor.stop_at.remote(gate, n) if n == 0 else actor.double.remote(n)

        results = ActorPool(workers).map_unordered(work, [0, 1, 2, 3])
        assert [next(results) for _ in range(3)] == [2, 4, 6]
        gate.let_through()
        assert list(results) == [0]

    def test_drops_what_was_submitted_before_and_lets_it_run(self) -> None:
        workers = [Worker.remote()]
        shared = ActorPool(workers)
        for n in range(4):
            shared.submit(double, n)
        assert list(shared.map(double, [10, 11])) == [20, 22]
        assert ray.get(workers[0].count.remote()) == 6

    def test_of_nothing(self) -> None:
        assert list(pool().map(double, [])) == []

    def test_gives_the_values_to_all_actors(self) -> None:
        workers = [Worker.remote() for _ in range(2)]
        list(ActorPool(workers).map(double, range(20)))
        counts = ray.get([worker.count.remote() for worker in workers])
        assert sum(counts) == 20
        assert min(counts) > 0


class TestSubmit:
    def test_gives_results_one_by_one(self) -> None:
        shared = pool()
        for n in range(4):
            shared.submit(double, n)
        assert [shared.get_next() for _ in range(4)] == [0, 2, 4, 6]
        assert not shared.has_next()

    def test_of_several_results(self) -> None:
        shared = pool()
        shared.submit(lambda actor, n: actor.two.options(num_returns=2).remote(n), 3)
        shared.submit(lambda actor, n: actor.two.options(num_returns=2).remote(n), 4)
        assert shared.get_next(timeout=20) == [3, -3]
        assert shared.get_next_unordered() == [4, -4]

    def test_of_no_reference_is_an_error_and_costs_no_actor(self) -> None:
        shared = pool(1)
        with pytest.raises(TypeError, match="must return the ObjectRef of a call, not int"):
            shared.submit(lambda actor, n: n, 1)
        shared.submit(double, 2)
        assert shared.get_next() == 4

    def test_an_error_is_raised_in_its_place_and_costs_no_actor(self) -> None:
        shared = pool(1)
        shared.submit(lambda actor, n: actor.fail.remote(n), 1)
        shared.submit(double, 2)
        with pytest.raises(KeyError, match="1"):
            shared.get_next()
        assert shared.get_next() == 4

    def test_an_actor_that_died_is_given_nothing_more(self) -> None:
        workers = [Worker.remote() for _ in range(2)]
        ray.get([worker.count.remote() for worker in workers])
        ray.kill(workers[1])

        def has_ended() -> bool:  # until the kill has come through, it may still answer
            try:
                return not ray.get(workers[1].count.remote())
            except ActorDiedError:
                return True

        settled(has_ended)
        shared = ActorPool(workers)
        for n in range(3):
            shared.submit(double, n)
        with pytest.raises(ActorDiedError):
            shared.get_next()
        assert [shared.get_next(), shared.get_next()] == [2, 4]
        assert shared.pop_idle() == workers[0]
        assert shared.pop_idle() is None


class TestGetNext:
    def test_of_nothing(self) -> None:
        with pytest.raises(StopIteration):
            pool().get_next()
        with pytest.raises(StopIteration):
            pool().get_next_unordered()

    @pytest.mark.parametrize("get", ["get_next", "get_next_unordered"])
    def test_has_a_timeout(self, gate: Gate, get: str) -> None:
        shared = pool(1)
        shared.submit(lambda actor, n: actor.stop_at.remote(gate, n), 5)
        with pytest.raises(TimeoutError):
            getattr(shared, get)(timeout=0.01)
        gate.let_through()
        assert getattr(shared, get)() == 5

    @pytest.mark.parametrize("get", ["get_next", "get_next_unordered"])
    def test_can_drop_what_is_late(self, gate: Gate, get: str) -> None:
        shared = pool(1)
        shared.submit(lambda actor, n: actor.stop_at.remote(gate, n), 5)
        shared.submit(double, 6)
        with pytest.raises(TimeoutError, match="has been ignored"):
            getattr(shared, get)(timeout=0.01, ignore_if_timedout=True)
        gate.let_through()
        assert getattr(shared, get)() == 12

    def test_in_order_is_refused_after_one_out_of_order(self, gate: Gate) -> None:
        shared = pool()
        shared.submit(lambda actor, n: actor.stop_at.remote(gate, n), 0)
        shared.submit(double, 1)
        assert shared.get_next_unordered() == 2
        with pytest.raises(ValueError, match=r"get_next\(\) after get_next_unordered\(\)"):
            shared.get_next()
        gate.let_through()
        assert shared.get_next_unordered() == 0


class TestActors:
    def test_are_free_until_they_have_something_to_do(self) -> None:
        shared = pool(1)
        assert shared.has_free()
        shared.submit(double, 1)
        assert not shared.has_free()
        assert shared.pop_idle() is None
        assert shared.get_next() == 2
        assert shared.has_free()

    def test_can_be_added_and_taken(self) -> None:
        first, second = Worker.remote(), Worker.remote()
        shared = ActorPool([first])
        shared.submit(double, 1)
        shared.submit(double, 2)
        shared.push(second)
        for known in (first, second):
            with pytest.raises(ValueError, match="already belongs"):
                shared.push(known)
        assert [shared.get_next(), shared.get_next()] == [2, 4]
        assert {shared.pop_idle(), shared.pop_idle()} == {first, second}
        assert not shared.has_free()
