"""References wherever they may travel: nothing is freed early, and nothing leaks.

The session fixture checks the latter after each test: that nobody holds anything of the
driver's, and that no memory is in use.
"""

from __future__ import annotations

import asyncio
import gc
import pickle
import threading
from typing import Any

import pytest

import heliostat as ray
from heliostat.engines.local.owner.references import CARRY_SEGMENTS
from tests.system.core.books import held, settled
from tests.system.core.gates import Gate

pytestmark = [
    pytest.mark.usefixtures("session"),
    pytest.mark.leaks_checked_per("module", "its tests share a session"),
]

LARGE = b"large" * 100_000


@ray.remote
def identity(value: Any) -> Any:
    return value


@ray.remote
def get_all(refs: Any) -> Any:
    return ray.get(refs)


@ray.remote
def stop_at(gate: Gate, value: Any = None) -> Any:
    gate.pass_through()
    return value


@ray.remote
class Keeper:
    """Keeps what it is given after the call."""

    def __init__(self, kept: Any = None) -> None:
        self.kept = kept

    def keep(self, value: Any) -> None:
        self.kept = value

    def drop(self) -> None:
        self.kept = None

    def give(self) -> Any:
        return self.kept

    def value(self) -> Any:
        return ray.get(self.kept)

    def make(self, value: Any, count: int = 1) -> Any:
        self.kept = [ray.put(value) for _ in range(count)]
        return self.kept


class TestArguments:
    def test_at_the_top_become_values(self) -> None:
        assert ray.get(identity.remote(ray.put(5))) == 5
        assert ray.get(identity.remote(value=ray.put(5))) == 5

    def test_inside_stay_references(self) -> None:
        ref = ray.put(5)
        [found] = ray.get(identity.remote([ref]))
        assert isinstance(found, ray.ObjectRef)

    def test_of_a_task_that_is_not_ready(self, gate: Gate) -> None:
        slow = stop_at.remote(gate, 7)
        late = identity.remote(slow)
        gate.let_through()
        assert ray.get(late) == 7

    def test_of_a_task_that_fails(self) -> None:
        @ray.remote
        def fail() -> None:
            raise KeyError("argument")

        with pytest.raises(KeyError, match="argument"):
            ray.get(identity.remote(fail.remote()))

    @pytest.mark.parametrize("value", [5, b"x" * 50_000, LARGE], ids=["small", "blob", "large"])
    def test_dropped_right_after_submission(self, value: Any, gate: Gate) -> None:
        @ray.remote
        def late(gate: Gate, top: Any, inside: Any) -> Any:
            gate.pass_through()
            return top, ray.get(inside["ref"])

        ref = late.remote(gate, ray.put(value), {"ref": ray.put(value)})
        gc.collect()
        gate.let_through()
        assert ray.get(ref) == (value, value)

    def test_a_chain(self) -> None:
        @ray.remote
        def more(n: int) -> int:
            return n + 1

        ref = more.remote(0)
        for _ in range(200):
            ref = more.remote(ref)
        assert ray.get(ref) == 201

    def test_the_same_many_times(self) -> None:
        @ray.remote
        def total(*parts: Any) -> int:
            return sum(len(part) for part in parts)

        ref = ray.put(LARGE)
        assert ray.get(total.remote(*[ref] * 50)) == 50 * len(LARGE)

    @pytest.mark.parametrize("value", [3, LARGE], ids=["small", "large"])
    def test_nested_containers(self, value: Any) -> None:
        refs = {"a": [ray.put(value)], "b": ({"c": ray.put(value)},)}

        @ray.remote
        def dig(refs: Any) -> Any:
            return ray.get(refs["a"][0]), ray.get(refs["b"][0]["c"])

        assert ray.get(dig.remote(refs)) == (value, value)


class TestContainers:
    def test_a_value_holds_its_references(self) -> None:
        outer = ray.put([ray.put(LARGE)])
        gc.collect()
        assert ray.get(ray.get(outer)[0]) == LARGE

    def test_three_deep(self) -> None:
        outer = ray.put({"b": ray.put([ray.put(LARGE)])})
        gc.collect()
        middle = ray.get(outer)["b"]
        del outer
        [inner] = ray.get(middle)
        del middle
        assert ray.get(inner) == LARGE

    def test_held_though_never_opened(self) -> None:
        keeper = Keeper.remote()
        ray.get(keeper.keep.remote([ray.put([ray.put(LARGE)])]))
        [middle] = ray.get(keeper.give.remote())
        ray.get(keeper.drop.remote())
        [inner] = ray.get(middle)
        assert ray.get(inner) == LARGE

    def test_in_an_object_of_a_class(self) -> None:
        class Box:
            def __init__(self, ref: Any) -> None:
                self.ref = ref

        @ray.remote
        def open_box(box: Any) -> Any:
            return ray.get(box.ref)

        assert ray.get(open_box.remote(Box(ray.put(LARGE)))) == LARGE


class TestResults:
    @pytest.mark.parametrize("value", [5, LARGE], ids=["small", "large"])
    def test_of_what_a_task_put(self, value: Any) -> None:
        @ray.remote
        def make(value: Any) -> Any:
            return [ray.put(value)]

        [ref] = ray.get(make.remote(value))
        assert ray.get(ref) == value

    def test_of_a_nested_task(self) -> None:
        @ray.remote
        def outer() -> Any:
            return [identity.remote(LARGE)]

        [ref] = ray.get(outer.remote())
        gc.collect()
        assert ray.get(ref) == LARGE

    def test_passed_on_unopened(self) -> None:
        @ray.remote
        def make() -> Any:
            return [ray.put(LARGE)]

        assert ray.get(get_all.remote(make.remote())) == [LARGE]

    def test_to_a_third_process_while_its_maker_is_idle(self) -> None:
        keeper = Keeper.remote()
        ref = ray.get(keeper.make.remote(LARGE))
        ray.get(keeper.drop.remote())
        other = Keeper.remote()
        ray.get(other.keep.remote(ref))
        del ref
        gc.collect()
        assert ray.get(other.value.remote()) == [LARGE]

    def test_returned_bare(self) -> None:
        @ray.remote
        def make() -> Any:
            return ray.put(8)

        inner = ray.get(make.remote())
        assert isinstance(inner, ray.ObjectRef)
        assert ray.get(inner) == 8

    def test_several_results(self) -> None:
        @ray.remote(num_returns=2)
        def make() -> Any:
            return ray.put(1), [ray.put(LARGE)]

        one, two = make.remote()
        assert ray.get(ray.get(one)) == 1
        assert ray.get(ray.get(two)) == [LARGE]


class TestActors:
    @pytest.mark.parametrize("value", [5, LARGE], ids=["small", "large"])
    def test_kept_after_the_call(self, value: Any) -> None:
        keeper = Keeper.remote()
        ref = ray.put(value)
        ray.get(keeper.keep.remote([ref]))
        del ref
        gc.collect()
        assert ray.get(keeper.value.remote()) == [value]

    def test_kept_from_the_constructor(self) -> None:
        keeper = Keeper.remote([ray.put(LARGE)])
        gc.collect()
        assert ray.get(keeper.value.remote()) == [LARGE]

    def test_kept_from_a_task_not_ready(self, gate: Gate) -> None:
        keeper = Keeper.remote()
        ray.get(keeper.keep.remote([stop_at.remote(gate, LARGE)]))
        gc.collect()
        value = keeper.value.remote()
        gate.let_through()
        assert ray.get(value) == [LARGE]

    def test_handed_from_one_to_another(self) -> None:
        keepers = [Keeper.remote() for _ in range(3)]
        ray.get(keepers[0].keep.remote([ray.put(LARGE)]))
        for one, other in zip(keepers, keepers[1:]):
            ray.get(other.keep.remote(one.give.remote()))
            ray.get(one.drop.remote())
        gc.collect()
        assert ray.get(keepers[-1].value.remote()) == [LARGE]

    def test_let_go_of(self, session: Any) -> None:
        keeper = Keeper.remote()
        ray.get(keeper.keep.remote([ray.put(LARGE)]))
        assert len(session.references.exports) > 0
        assert session.segments.usage()[0] >= len(LARGE)
        ray.get(keeper.drop.remote())
        settled(lambda: session.segments.usage()[0] == 0)

    def test_let_go_of_when_the_actor_is_killed(self, session: Any) -> None:
        keeper = Keeper.remote()
        ray.get(keeper.keep.remote([ray.put(LARGE)]))
        ray.kill(keeper)
        settled(lambda: held(session)["exports"] == {})

    def test_an_object_of_an_actor_ends_with_it(self, session: Any) -> None:
        keeper = Keeper.remote()
        many = ray.get(keeper.make.remote(LARGE, CARRY_SEGMENTS + 1))
        ray.kill(keeper)
        settled(lambda: session.peers.is_gone(many[0]._entry.home.proc))
        with pytest.raises(ray.exceptions.OwnerDiedError):
            ray.get(many)

    def test_a_reference_brings_the_value_that_is_there(self, session: Any) -> None:
        keeper = Keeper.remote()
        [ref] = ray.get(keeper.make.remote(LARGE))
        ray.kill(keeper)
        settled(lambda: session.peers.is_gone(ref._entry.home.proc))
        assert ray.get(ref) == LARGE

    def test_a_result_outlives_its_actor(self) -> None:
        keeper = Keeper.remote()
        ref = keeper.give.remote()
        ray.get(keeper.keep.remote(LARGE))
        large = keeper.give.remote()
        ray.wait([large])
        ray.kill(keeper)
        assert ray.get(ref) is None
        assert ray.get(large) == LARGE

    def test_views_of_an_argument_kept(self, session: Any) -> None:
        numpy = pytest.importorskip("numpy")

        @ray.remote
        class Part:
            def keep(self, array: Any) -> None:
                self.part = array[10:20]

            def total(self) -> int:
                return int(self.part.sum())

        part = Part.remote()
        ray.get(part.keep.remote(ray.put(numpy.ones(1_000_000))))
        gc.collect()
        for fill in range(3):
            ray.put(numpy.full(1_000_000, fill))
        assert ray.get(part.total.remote()) == 10

    def test_views_of_a_large_argument_by_value_kept(self) -> None:
        numpy = pytest.importorskip("numpy")

        @ray.remote
        class Part:
            def keep(self, array: Any) -> None:
                self.part = array[10:20]

            def total(self) -> int:
                return int(self.part.sum())

        part = Part.remote()
        ray.get(part.keep.remote(numpy.ones(1_000_000)))
        for fill in range(3):
            ray.put(numpy.full(1_000_000, fill))
        assert ray.get(part.total.remote()) == 10


class TestLetGoOfWhileIdle:
    """By a thread or coroutine of the user's, in a worker where nothing else happens."""

    def test_by_a_thread(self, gate: Gate, session: Any) -> None:
        @ray.remote
        class Dropper:
            def start(self, kept: list[Any], gate: Gate) -> None:
                def drop() -> None:
                    gate.pass_through()
                    kept.clear()

                threading.Thread(target=drop).start()

        dropper = Dropper.remote()
        ray.get(dropper.start.remote([ray.put(LARGE)], gate))
        gate.await_arrivals()
        assert held(session)["exports"] != {}
        gate.let_through()
        settled(lambda: held(session)["exports"] == {})

    def test_by_a_coroutine(self, session: Any) -> None:
        @ray.remote
        class Dropper:
            async def start(self, kept: list[Any]) -> None:
                self.task = asyncio.get_running_loop().call_later(0.05, kept.clear)

        dropper = Dropper.remote()
        ray.get(dropper.start.remote([ray.put(LARGE)]))
        settled(lambda: held(session)["exports"] == {})


class TestClosures:
    def test_captured_by_a_function(self) -> None:
        ref = ray.put(LARGE)

        @ray.remote
        def work() -> int:
            return len(ray.get(ref))

        assert ray.get([work.remote() for _ in range(3)]) == [len(LARGE)] * 3

    def test_captured_and_dropped_before_it_runs(self) -> None:
        def make() -> Any:
            ref = ray.put(b"x" * 20_000)

            @ray.remote
            def work() -> int:
                return len(ray.get(ref))

            return work

        work = make()
        gc.collect()
        assert ray.get(work.remote()) == 20_000


class TestPickledByHand:
    """What leaves by ways nobody sees is held until its owner ends."""

    def test_and_loaded_in_a_task(self) -> None:
        @ray.remote
        def load(data: bytes) -> Any:
            return ray.get(pickle.loads(data))

        data = pickle.dumps(ray.put(b"y" * 20_000))
        gc.collect()
        assert ray.get(load.remote(data)) == b"y" * 20_000

    def test_and_loaded_here(self) -> None:
        ref = ray.put([1])
        same = pickle.loads(pickle.dumps(ref))
        assert same == ref
        assert ray.get(same) == [1]

    def test_by_an_actor(self) -> None:
        @ray.remote
        class Secretive:
            def write(self) -> bytes:
                return pickle.dumps(ray.put(b"z" * 20_000))

        actor = Secretive.remote()
        data = ray.get(actor.write.remote())
        assert ray.get(pickle.loads(data)) == b"z" * 20_000

    def test_a_handle(self) -> None:
        keeper = Keeper.remote(5)
        other = pickle.loads(pickle.dumps(keeper))
        assert ray.get(other.give.remote()) == 5
        ray.kill(keeper)


class TestBooks:
    """Counts after much traffic."""

    def test_thousands_of_references_in_results(self, session: Any) -> None:
        @ray.remote
        def make(n: int) -> Any:
            return [ray.put([i] * 10) for i in range(n)]

        refs = [ref for refs in ray.get([make.remote(50) for _ in range(20)]) for ref in refs]
        assert len(ray.get(refs)) == 1000

    def test_thousands_of_references_in_arguments(self, session: Any) -> None:
        refs = [ray.put(str(i) * 5000) for i in range(200)]
        assert (
            ray.get([get_all.remote(refs) for _ in range(4)])
            == [[str(i) * 5000 for i in range(200)]] * 4
        )
        del refs
        settled(lambda: held(session)["exports"] == {})

    def test_ping_pong_of_one_reference(self, session: Any) -> None:
        keepers = [Keeper.remote() for _ in range(2)]
        box = [ray.put(LARGE)]
        for i in range(40):
            box = ray.get(keepers[i % 2].keep.remote(box)) or ray.get(keepers[i % 2].give.remote())
        assert ray.get(box[0]) == LARGE

    def test_results_of_many_sizes(self, session: Any) -> None:
        @ray.remote
        def make(size: int) -> bytes:
            return b"r" * size

        sizes = [10**k + d for k in range(7) for d in range(5)]
        assert [len(value) for value in ray.get([make.remote(size) for size in sizes])] == sizes

    def test_workers_hold_nothing_when_nobody_does(self, session: Any) -> None:
        @ray.remote
        def usage() -> Any:
            from heliostat.engines import registry

            mine = registry.require().session  # type: ignore[attr-defined]
            mine.check()
            return mine.segments.usage()[0], len(mine.references.exports)

        @ray.remote
        def make() -> Any:
            return [ray.put(LARGE), identity.remote(LARGE)]

        for _ in range(5):
            ray.get(ray.get(make.remote()))
        settled(lambda: ray.get([usage.remote() for _ in range(8)]) == [(0, 0)] * 8)


class TestOldSessions:
    @pytest.mark.may_leak("it changes sessions")
    def test_their_references_raise(self) -> None:
        old = ray.put(1)
        small = identity.remote(2)
        ray.get(small)
        ray.shutdown()
        ray.init(address="local", num_cpus=2, resources={"tape": 2, "lamp": 1.5})
        with pytest.raises(RuntimeError, match="session"):
            ray.get(identity.remote(old))
        with pytest.raises(RuntimeError, match="session"):
            ray.get(identity.remote([small]))
