"""Actor classes, handles and methods."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import cloudpickle
import pytest

import heliostat as ray
from heliostat.actor import (
    ActorClassInheritanceException,
    ActorHandle,
    ActorMethod,
    exit_actor,
)

if TYPE_CHECKING:
    from tests.unit.api.memory import MemoryEngine

pytestmark = pytest.mark.usefixtures("engine")


class Base:
    limit = 10

    def __init__(self, start: int = 0) -> None:
        self.value = start

    def inherited(self) -> str:
        return "base"

    def shadowed(self) -> None: ...


class CounterImpl(Base):
    """Counts."""

    shadowed = None  # type: ignore[assignment]

    def add(self, amount: int = 1) -> int:
        self.value += amount
        return self.value

    @ray.method(num_returns=2, max_task_retries=3)
    def both(self) -> tuple[int, int]:
        return self.value, -self.value

    async def later(self) -> None: ...

    def steps(self) -> Any:
        yield 1

    @staticmethod
    def double(x: int) -> int:
        return 2 * x

    @classmethod
    def make(cls, x: int) -> int:
        return x

    def __call__(self, x: int) -> int:
        return x


Counter = ray.remote(CounterImpl)


def test_an_actor_is_made_and_called(engine: MemoryEngine) -> None:
    counter = Counter.remote(start=3)
    assert ray.get(counter.add.remote(amount=2)) == 5
    assert ray.get(counter.inherited.remote()) == "base"
    assert ray.get(counter.double.remote(4)) == 8
    assert ray.get(counter.make.remote(4)) == 4
    assert ray.get(counter.__call__.remote(6)) == 6
    _, definition, _, args, kwargs = engine.calls[0]
    assert (definition.target, args, kwargs) == (CounterImpl, (), {"start": 3})


def test_each_actor_can_do_what_ray_gives_all() -> None:
    counter = Counter.remote(1)
    assert ray.get(counter.__ray_ready__.remote()) is True
    assert ray.get(counter.__ray_call__.remote(lambda self, n: self.value + n, 4)) == 5
    with pytest.raises(TypeError, match="missing a required argument: 'fn'"):
        counter.__ray_call__.remote()
    with pytest.raises(TypeError, match="too many"):
        counter.__ray_terminate__.remote(1)


def test_the_options_of_a_method_reach_its_calls(engine: MemoryEngine) -> None:
    counter = Counter.remote()
    assert ray.get(counter.both.remote()) == [0, 0]
    counter.both.options(max_task_retries=1, name="b").remote()
    options = [call[3] for call in engine.calls if call[0] == "call"]
    assert [(o.num_returns, o.max_task_retries, o.name) for o in options] == [
        (2, 3, ""),
        (2, 1, "b"),
    ]


def test_exceptions_worth_a_retry_reach_the_calls(engine: MemoryEngine) -> None:
    class OwnError(Exception):
        pass

    class Flaky:
        @ray.method(max_task_retries=1, retry_exceptions=[OwnError, KeyError])
        def work(self) -> None: ...

    ray.remote(Flaky).remote().work.remote()
    assert engine.calls[-1][3].retry_exceptions == (OwnError, KeyError)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.add.remote(1, 2), r"CounterImpl\.add\(\): too many positional"),
        (lambda c: c.add.remote(by=2), r"CounterImpl\.add\(\): got an unexpected keyword"),
        (lambda c: c.add(1), r"cannot be called directly.*object\.add\.remote\(\)"),
        (lambda _: Counter.remote(1, 2), r"CounterImpl\(\): too many positional"),
        (lambda _: Counter(), r"'CounterImpl\(\)', use 'CounterImpl\.remote\(\)'"),  # type: ignore[operator]
    ],
)
def test_a_wrong_call_is_refused_at_once(call: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call(Counter.remote())


def test_an_unknown_method_names_its_like() -> None:
    counter = Counter.remote()
    with pytest.raises(AttributeError, match=r"has no such method\. Did you mean 'inherited'"):
        counter.inherit.remote()
    assert not hasattr(counter, "shadowed")
    assert not hasattr(counter, "limit")
    assert not hasattr(counter, "__len__")


def test_generators_stream_and_graphs_are_not_there(engine: MemoryEngine) -> None:
    counter = Counter.remote()
    counter.steps.remote()
    assert engine.calls[-1][3].returns == -1
    with pytest.raises(NotImplementedError, match="bind"):
        counter.add.bind()
    with pytest.raises(NotImplementedError, match="bind"):
        Counter.bind()


def test_a_handle_lists_compares_and_shows_itself() -> None:
    one, two = Counter.remote(), Counter.remote()
    again = pickle.loads(pickle.dumps(one))
    assert {"add", "both", "__ray_ready__"} <= set(dir(one))
    assert one == again
    assert hash(one) == hash(again)
    assert one != two
    assert one != 3
    assert repr(two) == f"Actor(CounterImpl, {1:032x})"
    assert two._actor_id.hex() == f"{1:032x}"
    assert copy.copy(one) == one


def test_methods_and_handles_survive_pickling() -> None:
    counter = Counter.remote(1)
    method = pickle.loads(pickle.dumps(counter.both.options(name="n")))
    assert isinstance(method, ActorMethod)
    assert ray.get(method.remote()) == [1, -1]
    assert method._options.name == "n"


def test_a_method_is_made_once_and_keeps_the_actor_but_not_the_handle() -> None:
    counter = Counter.remote()
    assert counter.add is counter.add
    assert ray.get(Counter.remote(4).add.remote()) == 5


def test_a_class_survives_pickling_with_its_options(engine: MemoryEngine) -> None:
    class Local:
        def me(self) -> Any:
            return Remote

    Remote = ray.remote(num_cpus=2)(Local)
    copied = pickle.loads(cloudpickle.dumps(Remote))
    assert ray.get(copied.remote().me.remote()) is copied
    assert engine.calls[0][2].amounts == (("CPU", 20_000),)


def test_options_are_those_of_the_call(engine: MemoryEngine) -> None:
    Counter.options(name="c", namespace="n", max_restarts=2, lifetime="detached").remote()
    options = engine.calls[0][2]
    assert (options.name, options.namespace, options.max_restarts) == ("c", "n", 2)
    assert options.detached
    with pytest.raises(ValueError, match="max_restarts"):
        Counter.options(max_restart=1)  # type: ignore[call-arg]


def test_class_attributes_are_those_of_the_class() -> None:
    assert Counter.limit == 10
    assert Counter.double(2) == 4
    assert Counter.__name__ == "CounterImpl"
    assert Counter.__doc__ == "Counts."
    assert Counter.__ray_actor_class__ is CounterImpl
    assert repr(Counter) == "ActorClass(CounterImpl)"
    with pytest.raises(AttributeError):
        _ = Counter.nothing


def test_inheriting_from_an_actor_class_is_refused_with_a_way_out() -> None:
    with pytest.raises(ActorClassInheritanceException, match=r"'Sub' of actor class 'CounterImpl'"):

        class Sub(Counter):  # type: ignore[misc, valid-type]
            pass


def test_an_actor_class_is_not_made_directly() -> None:
    with pytest.raises(TypeError, match="decorator"):
        ray.actor.ActorClass("X", (), {})


@pytest.mark.parametrize("given", [(), (3,), (print, print)])
def test_a_wrong_use_of_method_shows_the_right_one(given: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match=r"@ray\.method"):
        ray.method(*given)


def test_a_wrong_option_of_a_method_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match="num_returns"):
        ray.method(num_return=2)  # type: ignore[call-overload]


def test_a_bare_method_is_left_as_it_is() -> None:
    def plain(self: Any) -> None: ...

    assert ray.method(plain) is plain  # type: ignore[comparison-overlap]


def test_an_actor_is_found_by_name() -> None:
    counter = Counter.options(name="c").remote()
    assert ray.get_actor("c") == counter
    with pytest.raises(ValueError, match="no actor 'd'"):
        ray.get_actor("d")
    with pytest.raises(ValueError, match="non-empty"):
        ray.get_actor("")
    with pytest.raises(ValueError, match="not a valid namespace"):
        ray.get_actor("c", namespace="")
    with pytest.raises(TypeError, match="namespace"):
        ray.get_actor("c", namespace=3)  # type: ignore[arg-type]


def test_only_actors_are_killed(engine: MemoryEngine) -> None:
    counter = Counter.remote()
    ray.kill(counter, no_restart=False)
    assert engine.calls[-1][0::2] == ("kill", False)
    with pytest.raises(ValueError, match="only supported for actors"):
        ray.kill(ray.put(1))  # type: ignore[arg-type]


def test_an_actor_is_left_only_from_inside(engine: MemoryEngine) -> None:
    with pytest.raises(TypeError, match="non-actor"):
        exit_actor()
    engine.facts["actor_id"] = b"a" * 16
    with pytest.raises(SystemExit):
        exit_actor()


def test_a_class_without_a_constructor_takes_nothing() -> None:
    class Empty:
        pass

    class Made:
        def __new__(cls, x: int) -> Any:
            assert x == 1
            return super().__new__(cls)

    assert isinstance(ray.remote(Empty).remote(), ActorHandle)
    assert isinstance(ray.remote(Made).remote(1), ActorHandle)
    with pytest.raises(TypeError, match="too many"):
        ray.remote(Empty).remote(1)
    with pytest.raises(TypeError, match="missing"):
        ray.remote(Made).remote()
