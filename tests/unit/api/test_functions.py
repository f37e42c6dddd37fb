"""Remote functions: what .remote() hands to the engine, and what is refused before."""

from __future__ import annotations

import functools
import pickle
from typing import TYPE_CHECKING, Any

import cloudpickle
import pytest

import heliostat as ray
from heliostat.remote_function import RemoteFunction

if TYPE_CHECKING:
    from tests.unit.api.memory import MemoryEngine

pytestmark = pytest.mark.usefixtures("engine")


@ray.remote
def add(a: int, b: int = 1) -> int:
    """Adds."""
    return a + b


def test_a_call_reaches_the_engine_as_it_was_written(engine: MemoryEngine) -> None:
    ref = add.remote(1, b=2)
    ((_, template, args, kwargs),) = engine.calls
    assert (args, kwargs) == ((1,), {"b": 2})
    assert template.definition.name == "add"
    assert ray.get(ref) == 3


def test_each_way_of_giving_options_is_the_same(engine: MemoryEngine) -> None:
    def plain() -> None: ...

    ways = [
        ray.remote(num_cpus=2)(plain),
        ray.remote(plain).options(num_cpus=2),
        ray.remote(num_cpus=1)(plain).options(num_cpus=2),
    ]
    for way in ways:
        way.remote()
    assert {call[1].options.amounts for call in engine.calls} == {(("CPU", 20_000),)}


def test_options_leave_the_function_as_it_was_and_share_its_body(engine: MemoryEngine) -> None:
    other = add.options(num_returns=2, name="pair")
    with pytest.raises(TypeError):
        ray.get(other.remote(1))  # an int isn't two values
    add.remote(1)
    first, second = (call[1] for call in engine.calls if call[0] == "task")
    assert (first.options.num_returns, second.options.num_returns) == (2, 1)
    assert first.definition is second.definition


def test_the_number_of_results_decides_what_is_returned() -> None:
    @ray.remote(num_returns=2)
    def pair() -> tuple[int, int]:
        return 1, 2

    assert ray.get(pair.remote()) == [1, 2]
    silent: Any = ray.remote(num_returns=0)(lambda: None)
    assert silent.remote() is None


@pytest.mark.parametrize(
    ("args", "kwargs"), [((), {}), ((1, 2, 3), {}), ((1,), {"c": 1}), ((1,), {"a": 1})]
)
def test_arguments_that_do_not_fit_are_refused_at_once(
    engine: MemoryEngine, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    for _ in range(2):  # what was refused isn't remembered as fitting
        with pytest.raises(TypeError, match=r"add\(\): "):
            add.remote(*args, **kwargs)
    assert engine.calls == []


def test_calling_it_directly_says_how_to_call_it() -> None:
    with pytest.raises(TypeError, match=r"cannot be called directly.*add\.remote\(\)"):
        add(1)  # type: ignore[operator]


def test_it_looks_like_its_function() -> None:
    assert (add.__name__, add.__doc__, add.__module__) == ("add", "Adds.", __name__)
    assert add.__wrapped__(1) == 2
    assert isinstance(add, RemoteFunction)
    assert repr(add) == f"<remote function {__name__}.add>"


def test_graphs_are_not_there_and_say_so() -> None:
    with pytest.raises(NotImplementedError, match="bind"):
        add.bind(1)


def test_coroutines_are_refused_with_a_way_out() -> None:
    async def later() -> None: ...

    with pytest.raises(ValueError, match=r"asyncio\.run"):
        ray.remote(later)


def test_generators_stream_unless_told_otherwise(engine: MemoryEngine) -> None:
    def steps() -> Any:
        yield 1

    remote = ray.remote(steps)
    remote.remote()
    remote.options(num_returns=1).remote()
    remote.options(num_returns="dynamic").remote()
    templates = [call[1] for call in engine.calls if call[0] == "task"]
    assert [template.options.returns for template in templates] == [-1, 1, 1]
    assert [template.definition.target is steps for template in templates] == [True, True, False]


@pytest.mark.parametrize("target", [len, functools.partial(add.__wrapped__, 1), print, "abc".upper])
def test_only_functions_and_classes_become_remote(target: Any) -> None:
    with pytest.raises(TypeError, match="either a function or a class"):
        ray.remote(target)


@pytest.mark.parametrize("given", [(), (3,), (1, 2), (print, print)])
def test_a_wrong_use_of_the_decorator_shows_the_right_one(given: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match=r"@ray\.remote"):
        ray.remote(*given)


def test_an_unknown_option_names_its_like() -> None:
    with pytest.raises(ValueError, match="num_cpus"):
        ray.remote(num_cpu=1)(lambda: None)  # type: ignore[call-overload]
    with pytest.raises(NotImplementedError, match="scheduling_strategy"):
        ray.remote(scheduling_strategy="SPREAD")(lambda: None)


def test_it_survives_pickling_with_its_options(engine: MemoryEngine) -> None:
    here = 10

    @ray.remote(num_cpus=3)
    def closure(x: int, *, y: int = 1) -> int:
        """Doc."""
        return x + here + y

    copy = pickle.loads(cloudpickle.dumps(closure))
    assert ray.get(copy.remote(1, y=2)) == 13
    assert engine.calls[0][1].options.amounts == (("CPU", 30_000),)
    assert (copy.__name__, copy.__doc__) == ("closure", "Doc.")
    with pytest.raises(TypeError, match="missing"):
        copy.remote()


def test_a_function_that_names_itself_survives_pickling() -> None:
    names: dict[str, Any] = {"ray": ray, "__name__": "somewhere"}
    source = (
        "@ray.remote\ndef down(n, step=1):\n    return n if n == 0 else down.remote(n - step)\n"
    )
    exec(source, names)
    copy = pickle.loads(cloudpickle.dumps(names["down"]))
    inner = ray.get(copy.remote(2))
    assert ray.get(ray.get(inner)) == 0
    assert copy.__wrapped__.__globals__["down"] is copy


def test_many_names_are_not_all_remembered(engine: MemoryEngine) -> None:
    @ray.remote
    def anything(**kwargs: int) -> int:
        return len(kwargs)

    for n in range(200):
        anything.remote(**{f"k{n}": n})
    assert len(engine.calls) == 200
    assert len(anything._fitting) <= 64
