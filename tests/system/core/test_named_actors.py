"""Names and namespaces, ``get_if_exists``, detached actors of a private session."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import heliostat as ray
from heliostat.exceptions import ActorAlreadyExistsError, ActorDiedError
from tests.system.core.books import settled
from tests.system.core.gates import Gate

pytestmark = [
    pytest.mark.usefixtures("session"),
    pytest.mark.leaks_checked_per("module", "its tests share a session"),
]


@ray.remote
class Counter:
    def __init__(self, n: int = 0) -> None:
        self.n = n

    def add(self) -> int:
        self.n += 1
        return self.n

    def name(self) -> Any:
        context = ray.get_runtime_context()
        return context.get_actor_name(), context.namespace


@ray.remote
def add_by_name(name: str, namespace: str | None = None) -> int:
    return int(ray.get(ray.get_actor(name, namespace).add.remote()))


@ray.remote
def stop_at(gate: Gate, value: Any = None) -> Any:
    gate.pass_through()
    return value


class TestNames:
    def test_are_found_here_and_in_tasks(self) -> None:
        counter = Counter.options(name="found").remote(1)
        assert ray.get(ray.get_actor("found").add.remote()) == 2
        assert ray.get(add_by_name.remote("found")) == 3
        assert ray.get_actor("found") == counter

    def test_at_once(self) -> None:
        kept = [Counter.options(name=f"n{i}").remote(i) for i in range(10)]
        assert ray.get([ray.get_actor(f"n{i}").add.remote() for i in range(10)]) == [*range(1, 11)]
        assert len(kept) == 10

    def test_that_nobody_has(self) -> None:
        with pytest.raises(ValueError, match="nobody"):
            ray.get_actor("nobody")
        with pytest.raises(ValueError, match="non-empty"):
            ray.get_actor("")

    def test_that_are_taken(self) -> None:
        counter = Counter.options(name="taken").remote()
        for error in (ValueError, ActorAlreadyExistsError):
            with pytest.raises(error, match="taken"):
                Counter.options(name="taken").remote()
        assert ray.get(counter.add.remote()) == 1

    def test_known_to_the_actor(self) -> None:
        counter = Counter.options(name="knows", namespace="other").remote()
        assert ray.get(counter.name.remote()) == ("knows", "other")
        nameless = Counter.remote()
        assert ray.get(nameless.name.remote())[0] == ""

    def test_may_be_given_again_as_soon_as_it_was_killed(self) -> None:
        for i in range(10):
            counter = Counter.options(name="again").remote(i)
            assert ray.get(counter.add.remote()) == i + 1
            ray.kill(counter)

    def test_are_free_when_the_actor_left(self) -> None:
        counter = Counter.options(name="left").remote()
        with pytest.raises(ActorDiedError):
            ray.get(counter.__ray_terminate__.remote())
        again = Counter.options(name="left").remote(5)
        assert ray.get(again.add.remote()) == 6

    def test_are_free_when_the_constructor_failed(self) -> None:
        @ray.remote
        class Bad:
            def __init__(self) -> None:
                raise KeyError

        bad = Bad.options(name="failed").remote()
        with pytest.raises(ActorDiedError):
            ray.get(bad.__ray_ready__.remote())
        assert ray.get(Counter.options(name="failed").remote().add.remote()) == 1

    def test_a_handle_by_name_keeps_nothing_alive(self) -> None:
        counter = Counter.options(name="short").remote()
        found = ray.get_actor("short")
        ray.get(found.add.remote())
        del counter
        with pytest.raises(ActorDiedError, match="last handle"):
            settled(lambda: ray.get(found.add.remote()) == 0)

    def test_survive_restarts(self) -> None:
        counter = Counter.options(name="lasting", max_restarts=1, max_task_retries=-1).remote(3)
        ray.get(counter.add.remote())
        ray.kill(counter, no_restart=False)
        settled(lambda: ray.get(ray.get_actor("lasting").add.remote()) == 4)


class TestNamespaces:
    def test_keep_names_apart(self) -> None:
        one = Counter.options(name="same", namespace="one").remote(10)
        two = Counter.options(name="same", namespace="two").remote(20)
        assert ray.get(ray.get_actor("same", namespace="one").add.remote()) == 11
        assert ray.get(add_by_name.remote("same", "two")) == 21
        with pytest.raises(ValueError, match="same"):
            ray.get_actor("same")
        assert one != two

    def test_wrong_ones(self) -> None:
        with pytest.raises(TypeError, match="string"):
            ray.get_actor("x", namespace=1)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="not a valid namespace"):
            ray.get_actor("x", namespace="")

    def test_of_the_session_is_that_of_its_tasks(self) -> None:
        @ray.remote
        def namespace() -> str:
            return ray.get_runtime_context().namespace

        assert ray.get(namespace.remote()) == ray.get_runtime_context().namespace


class TestGetIfExists:
    def test_makes_then_finds(self) -> None:
        options = Counter.options(name="one", get_if_exists=True)
        first = options.remote(1)
        second = options.remote(100)
        assert first == second
        assert ray.get([first.add.remote(), second.add.remote()]) == [2, 3]

    def test_many_at_once_make_one(self) -> None:
        @ray.remote
        def join(name: str) -> tuple[str, int]:
            counter = Counter.options(
                name=name, get_if_exists=True, lifetime="detached", num_cpus=0
            ).remote()
            return counter._actor_id.hex(), ray.get(counter.add.remote())

        for i in range(5):
            found = ray.get([join.remote(f"race{i}") for _ in range(8)])
            assert len({actor for actor, _ in found}) == 1
            assert sorted(n for _, n in found) == list(range(1, 9))
            ray.kill(ray.get_actor(f"race{i}"))

    def test_from_threads(self) -> None:
        options = Counter.options(name="threads", get_if_exists=True)
        found: list[Any] = []
        threads = [
            threading.Thread(target=lambda: found.append(options.remote())) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({handle._actor_id for handle in found}) == 1
        assert sorted(ray.get([handle.add.remote() for handle in found])) == list(range(1, 9))

    def test_of_one_whose_argument_is_late(self, gate: Gate) -> None:
        options = Counter.options(name="late", get_if_exists=True)
        first = options.remote(stop_at.remote(gate, 5))
        second = options.remote()
        added = second.add.remote()
        gate.let_through()
        assert ray.get(added) == 6
        assert first == second

    def test_needs_a_name(self) -> None:
        with pytest.raises(ValueError, match="name"):
            Counter.options(get_if_exists=True).remote()


class TestDetached:
    def test_need_no_handle(self) -> None:
        Counter.options(name="alone", lifetime="detached").remote(1)
        assert ray.get(ray.get_actor("alone").add.remote()) == 2
        assert ray.get(add_by_name.remote("alone")) == 3
        ray.kill(ray.get_actor("alone"))

    def test_outlive_the_worker_that_made_them(self) -> None:
        @ray.remote
        class Maker:
            def make(self) -> None:
                Counter.options(name="child", lifetime="detached").remote(3)

        maker = Maker.remote()
        ray.get(maker.make.remote())
        ray.kill(maker)
        child = ray.get_actor("child")
        assert ray.get(child.add.remote()) == 4
        ray.kill(child)

    def test_are_restarted(self, session: Any) -> None:
        @ray.remote(max_restarts=-1, max_task_retries=-1)
        class Holder:
            def __init__(self, data: bytes) -> None:
                self.data = data

            def size(self) -> int:
                return len(self.data)

        Holder.options(name="holder", lifetime="detached").remote(b"x" * 300_000)
        holder = ray.get_actor("holder")
        assert ray.get(holder.size.remote()) == 300_000
        ray.kill(holder, no_restart=False)
        assert ray.get(holder.size.remote()) == 300_000
        ray.kill(holder)
