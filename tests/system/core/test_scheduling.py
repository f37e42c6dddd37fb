"""Who runs when: resources, lending, and that no task waits while a core is idle."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest

import heliostat as ray
from heliostat.engines import registry
from heliostat.exceptions import ActorUnschedulableError, TaskUnschedulableError
from tests.system.core.books import settled
from tests.system.core.gates import Gate
from tests.system.steps import count

pytestmark = [
    pytest.mark.usefixtures("session"),
    pytest.mark.leaks_checked_per("module", "its tests share a session"),
]


@ray.remote
def identity(value: Any = None) -> Any:
    return value


@ray.remote
def stop_at(gate: Gate, value: Any = None) -> Any:
    gate.pass_through()
    return value


@ray.remote
def perhaps_stop(gate: Gate | None) -> int:
    if gate is not None:
        gate.pass_through()
    return os.getpid()


@ray.remote
class Holder:
    def resources(self) -> Any:
        return ray.get_runtime_context().get_assigned_resources()

    def stop_at(self, gate: Gate) -> None:
        gate.pass_through()


class TestNoTaskWaits:
    def test_behind_a_slow_one(self, gate: Gate) -> None:
        slow = stop_at.remote(gate)
        gate.await_arrivals()
        assert ray.get([identity.remote(i) for i in range(500)], timeout=20) == list(range(500))
        gate.let_through()
        ray.get(slow)

    def test_behind_one_of_a_function_that_was_fast(self, gate: Gate) -> None:
        ray.get([perhaps_stop.remote(None) for _ in range(2000)])
        refs = [perhaps_stop.remote(gate if i == 3 else None) for i in range(200)]
        gate.await_arrivals()
        others = [ref for i, ref in enumerate(refs) if i != 3]
        # Those in its packet behind it wait for it; that is a millisecond of work at most.
        ready, _ = ray.wait(others, num_returns=len(others) - 150, timeout=20)
        assert len(ready) >= len(others) - 150
        gate.let_through()
        ray.get(refs)

    def test_new_ones_behind_one_that_became_slow(self, gate: Gate) -> None:
        ray.get([perhaps_stop.remote(None) for _ in range(2000)])
        slow = perhaps_stop.remote(gate)
        gate.await_arrivals()
        assert ray.get([perhaps_stop.remote(None) for _ in range(200)], timeout=20)
        gate.let_through()
        ray.get(slow)

    def test_two_slow_ones_run_at_once(self, gate: Gate) -> None:
        refs = [stop_at.remote(gate) for _ in range(2)]
        gate.await_arrivals(2)
        gate.let_through(2)
        ray.get(refs)

    def test_two_slow_ones_of_two_functions_run_at_once(self, gate: Gate) -> None:
        refs = [stop_at.remote(gate), perhaps_stop.remote(gate)]
        gate.await_arrivals(2)
        gate.let_through(2)
        ray.get(refs)

    def test_while_a_worker_waits_in_get(self, gate: Gate) -> None:
        @ray.remote
        def waiter(refs: list[Any]) -> Any:
            return ray.get(refs)

        slow = stop_at.options(num_cpus=0).remote(gate, 1)
        waiting = [waiter.remote([slow]) for _ in range(6)]
        gate.await_arrivals()
        assert ray.get([identity.remote(i) for i in range(100)], timeout=20) == list(range(100))
        gate.let_through()
        assert ray.get(waiting) == [[1]] * 6

    def test_behind_a_hundred_that_wait_for_it(self) -> None:
        @ray.remote
        def waiter(box: Any) -> Any:
            return ray.get(ray.get(box.wait.remote()))

        @ray.remote(max_concurrency=200)
        class Box:
            def __init__(self) -> None:
                self.there = threading.Event()

            def put(self, refs: list[Any]) -> None:
                self.refs = refs
                self.there.set()

            def wait(self) -> list[Any]:
                self.there.wait()
                return self.refs

        box = Box.remote()
        waiting = [waiter.remote(box) for _ in range(100)]
        assert ray.wait(waiting, timeout=0.05)[0] == []
        ray.get(box.put.remote([identity.remote(7)]))
        assert ray.get(waiting) == [[7]] * 100

    def test_of_another_kind_while_one_kind_fills_the_queue(self, gates: Any) -> None:
        first, second = gates("first"), gates("second")
        many = [stop_at.remote(first) for _ in range(20)]
        first.await_arrivals(2)
        other = stop_at.options(resources={"tape": 1}).remote(second)
        settled(lambda: any(w["state"] == "DETACHING" and not w["idle"] for w in _workers()))
        # One at a time: with two, the worker that stays could pass twice and the other not at all.
        first.let_through()
        while Gate.await_either(first, second) is first:
            first.let_through()
        second.let_through()
        first.let_through(20)
        ray.get([other, *many])


class TestResources:
    def test_of_the_cluster(self) -> None:
        total = ray.cluster_resources()
        assert (total["CPU"], total["tape"], total["lamp"]) == (2.0, 2.0, 1.5)
        settled(lambda: ray.available_resources()["CPU"] == 2.0)

    def test_more_tasks_than_fit_wait(self, gate: Gate) -> None:
        refs = [stop_at.options(num_cpus=2).remote(gate) for _ in range(3)]
        gate.await_arrivals()
        settled(lambda: ray.available_resources().get("CPU", 0) == 0)
        assert ray.wait(refs, timeout=0)[0] == []
        for _ in range(2):
            gate.let_through()
            gate.await_arrivals()
        gate.let_through()
        ray.get(refs)

    def test_fractions(self, gate: Gate) -> None:
        refs = [stop_at.options(num_cpus=0.25).remote(gate) for _ in range(8)]
        gate.await_arrivals(8)
        settled(lambda: ray.available_resources().get("CPU", 0) == 0)
        gate.let_through(8)
        ray.get(refs)

    def test_custom_ones(self, gate: Gate) -> None:
        refs = [stop_at.options(num_cpus=0, resources={"tape": 1}).remote(gate) for _ in range(3)]
        gate.await_arrivals(2)
        settled(lambda: "tape" not in ray.available_resources())
        gate.let_through()
        gate.await_arrivals()
        gate.let_through(2)
        ray.get(refs)

    def test_fractions_of_custom_ones(self, gate: Gate) -> None:
        half = stop_at.options(num_cpus=0, resources={"lamp": 0.5})
        refs = [half.remote(gate) for _ in range(3)]
        gate.await_arrivals(3)
        gate.let_through(3)
        ray.get(refs)

    def test_of_no_cpu_run_beside_a_full_house(self, gate: Gate) -> None:
        full = [stop_at.remote(gate) for _ in range(2)]
        gate.await_arrivals(2)
        free = [stop_at.options(num_cpus=0).remote(gate) for _ in range(3)]
        gate.await_arrivals(3)
        gate.let_through(5)
        ray.get([*full, *free])

    def test_of_no_cpu_may_wait_in_large_numbers(self, gate: Gate) -> None:
        many = [stop_at.options(num_cpus=0).remote(gate) for _ in range(40)]
        gate.await_arrivals(40)
        gate.let_through(40)
        ray.get(many)
        settled(lambda: len(_workers()) <= 4)

    def test_of_no_cpu_that_are_short_need_few_workers(self) -> None:
        short = identity.options(num_cpus=0)
        ray.get([short.remote(i) for i in range(3000)])
        assert len(_workers()) <= 16

    def test_assigned_to_a_task(self) -> None:
        @ray.remote
        def assigned() -> Any:
            return ray.get_runtime_context().get_assigned_resources()

        assert ray.get(assigned.remote()) == {"CPU": 1.0}
        half = assigned.options(num_cpus=0.5, resources={"tape": 2})
        assert ray.get(half.remote()) == {"CPU": 0.5, "tape": 2.0}
        assert ray.get(assigned.options(num_cpus=0).remote()) == {}

    def test_a_large_request_is_not_starved_by_small_ones(self, gate: Gate) -> None:
        small = [stop_at.remote(gate) for _ in range(10)]
        gate.await_arrivals(2)
        large = identity.options(num_cpus=2).remote("large")
        gate.let_through(10)
        assert ray.get(large, timeout=20) == "large"
        ray.get(small)


class TestActors:
    def test_need_a_cpu_to_be_placed_and_none_to_run(self) -> None:
        holders = [Holder.remote() for _ in range(4)]
        assert ray.get([holder.resources.remote() for holder in holders]) == [{}] * 4
        settled(lambda: ray.available_resources()["CPU"] == 2)

    def test_hold_what_they_were_told_to(self) -> None:
        holder = Holder.options(num_cpus=1, resources={"tape": 1}).remote()
        assert ray.get(holder.resources.remote()) == {"CPU": 1.0, "tape": 1.0}
        assert ray.available_resources()["CPU"] == 1
        assert ray.available_resources()["tape"] == 1
        ray.kill(holder)
        settled(lambda: ray.available_resources()["CPU"] == 2)

    def test_of_no_cpu_are_placed_in_a_full_house(self, gate: Gate) -> None:
        full = [stop_at.remote(gate) for _ in range(2)]
        gate.await_arrivals(2)
        holder = Holder.options(num_cpus=0).remote()
        assert ray.get(holder.resources.remote()) == {}
        waiting = Holder.remote()
        asked = waiting.resources.remote()
        assert ray.wait([asked], timeout=0)[0] == []
        gate.let_through(2)
        assert ray.get(asked) == {}
        ray.get(full)

    def test_wait_until_there_is_room(self) -> None:
        first = [Holder.options(num_cpus=1).remote() for _ in range(2)]
        ray.get([holder.resources.remote() for holder in first])
        second = Holder.options(num_cpus=1).remote()
        asked = second.resources.remote()
        assert ray.wait([asked], timeout=0)[0] == []
        ray.kill(first.pop())
        assert ray.get(asked) == {"CPU": 1.0}


class TestInfeasible:
    def test_tasks_fail_at_once(self) -> None:
        for options in ({"num_cpus": 3}, {"resources": {"disk": 1}}, {"num_gpus": 1}):
            ref = identity.options(**options).remote()
            assert ray.wait([ref], timeout=0)[0] == [ref]
            with pytest.raises(TaskUnschedulableError, match="No node can ever provide"):
                ray.get(ref)

    def test_actors_fail_at_once(self) -> None:
        holder = Holder.options(resources={"tape": 3}).remote()
        with pytest.raises(ActorUnschedulableError, match="tape"):
            ray.get(holder.resources.remote())

    def test_a_name_is_free_again(self) -> None:
        Holder.options(name="much", num_cpus=99).remote()
        settled(lambda: _is_free("much"))


class TestLending:
    def test_a_task_in_get_lends_its_cpu(self, gate: Gate) -> None:
        @ray.remote
        def outer(gate: Gate) -> Any:
            return ray.get(stop_at.remote(gate, 1))

        refs = [outer.remote(gate) for _ in range(4)]
        gate.await_arrivals(2)
        gate.let_through(4)
        assert ray.get(refs) == [1] * 4

    def test_only_cpus_are_lent(self, gate: Gate) -> None:
        @ray.remote(resources={"tape": 2})
        def outer(gate: Gate) -> Any:
            return ray.get(stop_at.remote(gate, 1))

        ref = outer.remote(gate)
        gate.await_arrivals()
        assert "tape" not in ray.available_resources()
        gate.let_through()
        assert ray.get(ref) == 1

    def test_hundreds_that_wait_need_few_workers(self) -> None:
        @ray.remote
        def outer(n: int) -> Any:
            return ray.get(identity.remote(n))

        assert ray.get([outer.remote(i) for i in range(300)]) == list(range(300))
        settled(lambda: len(_workers()) <= 4)

    def test_an_actor_that_holds_a_cpu_lends_it(self) -> None:
        @ray.remote(num_cpus=2)
        class Greedy:
            def ask(self) -> Any:
                return ray.get(identity.remote(5))

        assert ray.get(Greedy.remote().ask.remote()) == 5


class TestRetries:
    """Of plain tasks: on system failure, and where asked for on exceptions."""

    def test_a_crash_is_tried_again(self, tmp_path: Any) -> None:
        @ray.remote
        def crash_until(path: str, attempts: int) -> int:
            with open(path, "a", encoding="utf-8") as file:
                file.write("x")
            if os.path.getsize(path) < attempts:
                os._exit(1)
            return os.path.getsize(path)

        assert ray.get(crash_until.remote(str(tmp_path / "a"), 4)) == 4
        with pytest.raises(ray.exceptions.WorkerCrashedError):
            ray.get(crash_until.options(max_retries=1).remote(str(tmp_path / "b"), 4))
        with pytest.raises(ray.exceptions.WorkerCrashedError):
            ray.get(crash_until.options(max_retries=0).remote(str(tmp_path / "c"), 2))
        assert ray.get(crash_until.options(max_retries=-1).remote(str(tmp_path / "d"), 7)) == 7

    @pytest.mark.parametrize(
        ("options", "tries"),
        [
            ({}, 1),
            ({"retry_exceptions": True}, 4),
            ({"retry_exceptions": True, "max_retries": 1}, 2),
            ({"retry_exceptions": [KeyError], "max_retries": 2}, 3),
            ({"retry_exceptions": [LookupError], "max_retries": 2}, 3),
            ({"retry_exceptions": [OSError]}, 1),
            ({"retry_exceptions": [OSError, KeyError], "max_retries": 0}, 1),
        ],
    )
    def test_exceptions(self, options: Any, tries: int, tmp_path: Any) -> None:
        @ray.remote
        def fail(path: str) -> None:
            with open(path, "a", encoding="utf-8") as file:
                file.write("x")
            raise KeyError("again")

        path = tmp_path / "tries"
        with pytest.raises(KeyError, match="again"):
            ray.get(fail.options(**options).remote(str(path)))
        assert len(path.read_text()) == tries

    def test_of_a_task_with_references(self, tmp_path: Any) -> None:
        @ray.remote(retry_exceptions=True)
        def fail_once(path: str, inside: list[Any], top: bytes) -> int:
            if not os.path.exists(path):
                with open(path, "w", encoding="utf-8"):
                    raise KeyError
            return len(ray.get(inside[0])) + len(top)

        ref = fail_once.remote(
            str(tmp_path / "x"), [ray.put(b"a" * 300_000)], ray.put(b"b" * 300_000)
        )
        assert ray.get(ref) == 600_000


class TestWorkers:
    def test_max_calls(self) -> None:
        def pid() -> int:
            return os.getpid()

        once = ray.remote(max_calls=1)(pid)
        assert len(set(ray.get([once.remote() for _ in range(5)]))) == 5
        thrice = ray.get([task.remote() for task in [ray.remote(max_calls=3)(pid)] * 30])
        assert len(set(thrice)) >= 10
        assert max(map(thrice.count, thrice)) <= 3

    def test_max_calls_lets_objects_live(self) -> None:
        @ray.remote(max_calls=1)
        def make() -> Any:
            return os.getpid(), ray.put(b"x" * 200_000), identity.remote(5)

        pid, data, task = ray.get(make.remote())
        assert len(ray.get(identity.remote(data))) == 200_000
        assert ray.get(task) == 5
        del data, task
        settled(lambda: not os.path.exists(f"/proc/{pid}"))

    def test_surplus_ones_end(self, gate: Gate) -> None:
        many = [stop_at.options(num_cpus=0).remote(gate) for _ in range(8)]
        gate.await_arrivals(8)
        assert len(_workers()) >= 8
        gate.let_through(8)
        ray.get(many)
        settled(lambda: len(_workers()) <= 4)


class TestGpus:
    @pytest.fixture
    def gpus(self) -> Any:
        ray.shutdown()
        ray.init(address="local", num_cpus=4, num_gpus=4)
        yield
        ray.shutdown()
        ray.init(address="local", num_cpus=2, resources={"tape": 2, "lamp": 1.5})

    def test_are_handed_out(self, gpus: Any, gates: Any) -> None:
        gate = gates("gpus")

        @ray.remote
        def visible(gate: Gate | None = None) -> Any:
            if gate is not None:
                gate.pass_through()
            return os.environ.get("CUDA_VISIBLE_DEVICES"), ray.get_gpu_ids()

        assert ray.get(visible.remote())[1] == []
        one = [visible.options(num_gpus=1).remote(gate) for _ in range(4)]
        gate.await_arrivals(4)
        gate.let_through(4)
        found = ray.get(one)
        assert sorted(text for text, _ in found) == ["0", "1", "2", "3"]
        assert all(text == ",".join(map(str, ids)) for text, ids in found)
        text, ids = ray.get(visible.options(num_gpus=2).remote())
        assert len(ids) == 2
        assert text == ",".join(map(str, ids))
        half = [visible.options(num_gpus=0.5).remote(gate) for _ in range(2)]
        gate.await_arrivals(2)
        gate.let_through(2)
        assert len({text for text, _ in ray.get(half)}) == 1

        @ray.remote(num_gpus=2)
        class Trainer:
            def visible(self) -> Any:
                return os.environ["CUDA_VISIBLE_DEVICES"], ray.get_gpu_ids()

        trainers = [Trainer.remote() for _ in range(2)]
        found = ray.get([trainer.visible.remote() for trainer in trainers])
        assert sorted(i for _, ids in found for i in ids) == [0, 1, 2, 3]
        del trainers


def _workers() -> list[Any]:
    workers: list[Any] = registry.require().status()["workers"]  # type: ignore[attr-defined]
    return workers


def _is_free(name: str) -> bool:
    try:
        ray.get_actor(name)
    except ValueError:
        return True
    return False


def test_the_death_of_another_owners_worker_repeats_no_task(gate: Gate, tmp_path: Any) -> None:
    """Each owner numbers its queues and packets: those of two have the same numbers."""

    @ray.remote
    def once() -> int:
        runs = count(str(tmp_path / "runs"))
        gate.pass_through()
        return runs

    ref = once.remote()
    gate.await_arrivals()
    session: Any = registry.require()
    session = session.session
    queue, packet = next((q.number, p) for q in session.tasks.queues for p in q.packets)
    death = {"owner": session.home.proc + 1, "queue": queue, "packet": packet, "index": 0}
    with session.loop.lock:
        session.tasks.on_worker_died(session.home.proc + 2, death)
    gate.let_through(2)
    assert ray.get(ref) == 1
    settled(lambda: ray.available_resources()["CPU"] == 2.0)
    assert (tmp_path / "runs").stat().st_size == 1
