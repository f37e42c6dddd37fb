"""get, put and wait refuse what Ray refuses, in its words, and pass on the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import heliostat as ray
from heliostat.exceptions import GetTimeoutError

if TYPE_CHECKING:
    from tests.unit.api.memory import MemoryEngine

pytestmark = pytest.mark.usefixtures("engine")


def test_one_or_many_values() -> None:
    one, two = ray.put(1), ray.put([2])
    assert ray.get(one) == 1
    assert ray.get([two, one, two]) == [[2], 1, [2]]
    assert ray.get([]) == []


def test_a_timeout_is_passed_on(engine: MemoryEngine) -> None:
    with pytest.raises(GetTimeoutError):
        ray.get(engine.pending(), timeout=0)
    assert engine.calls[-1][2] == 0


@pytest.mark.parametrize("value", [3, (1, 2), None, {1: 2}, iter([])])
def test_get_takes_a_reference_or_a_list(value: Any) -> None:
    with pytest.raises(ValueError, match="Invalid type of object refs"):
        ray.get(value)


def test_get_says_what_in_the_list_is_no_reference() -> None:
    with pytest.raises(TypeError, match=r"Attempting to call `get` on the value 3"):
        ray.get([ray.put(1), 3])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"Attempting to call `get` on the value \["):
        ray.get([[ray.put(1)]])  # type: ignore[arg-type]


def test_what_only_ray_has_is_named() -> None:
    with pytest.raises(NotImplementedError, match="_use_object_store"):
        ray.get(ray.put(1), _use_object_store=True)
    with pytest.raises(NotImplementedError, match="_tensor_transport"):
        ray.put(1, _tensor_transport="nixl")
    with pytest.raises(ValueError, match="_owner"):
        ray.put(1, _owner=3)  # type: ignore[arg-type]


def test_a_reference_is_not_put() -> None:
    with pytest.raises(TypeError, match="in a list and call"):
        ray.put(ray.put(1))


def test_wait_splits_in_order(engine: MemoryEngine) -> None:
    refs = [ray.put(1), engine.pending(), ray.put(2)]
    assert ray.wait(refs, num_returns=2, timeout=0.5, fetch_local=False) == (
        [refs[0], refs[2]],
        [refs[1]],
    )
    assert engine.calls[-1][2:] == (2, 0.5, False)
    assert ray.wait([]) == ([], [])


@pytest.mark.parametrize(
    ("wrong", "options", "error", "message"),
    [
        ("one", {}, TypeError, "got a single"),
        ("tuple", {}, TypeError, "got <class 'tuple'>"),
        ("int", {}, TypeError, "got list containing <class 'int'>"),
        ("twice", {}, ValueError, "unique"),
        ("list", {"timeout": -1}, ValueError, "nonnegative"),
        ("list", {"num_returns": 0}, ValueError, "Invalid number of objects to return 0"),
        ("list", {"num_returns": 2}, ValueError, "cannot be greater"),
    ],
)
def test_wait_refuses_what_ray_refuses(
    wrong: str, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    ref = ray.put(1)
    given: Any = {
        "one": ref,
        "tuple": (ref,),
        "int": [ref, 3],
        "twice": [ref, ref],
        "list": [ref],
    }[wrong]
    with pytest.raises(error, match=message):
        ray.wait(given, **options)
