"""Quantities become whole amounts and come back, by Ray's rules."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.model import resources
from heliostat.model.resources import amounts, custom, describe, fits, pack, quantities, units

NAMES = st.text(min_size=1, max_size=8)
AMOUNTS = st.integers(0, 10**12)


@given(AMOUNTS)
def test_every_amount_has_a_quantity_that_gives_it(amount: int) -> None:
    assert units(resources.quantity(amount)) == amount


@given(st.dictionaries(NAMES, AMOUNTS))
def test_amounts_round_trip(by_name: dict[str, int]) -> None:
    packed = pack(by_name)
    assert dict(packed) == {name: amount for name, amount in by_name.items() if amount}
    assert list(packed) == sorted(packed)
    by_name.pop("GPU", None)
    assert amounts(quantities(pack(by_name))) == pack(by_name)


@given(st.dictionaries(NAMES, AMOUNTS))
def test_the_order_a_user_writes_in_means_nothing(by_name: dict[str, int]) -> None:
    assert pack(by_name) == pack(dict(reversed(by_name.items())))


@given(st.floats(0.0001, 1e6))
def test_a_quantity_is_rounded_to_the_nearest_share(quantity: float) -> None:
    assert abs(units(quantity) - quantity * resources.UNIT) <= 0.5


@given(st.integers(1, 1000))
def test_equal_shares_of_one_fit_into_it(parts: int) -> None:
    share = units(1 / parts)
    assert share >= 1
    assert abs(share * parts - resources.UNIT) <= parts / 2


@pytest.mark.parametrize(
    ("quantity", "amount"),
    [
        (0, 0),
        (0.0, 0),
        (1, 10_000),
        (True, 10_000),
        (0.5, 5_000),
        (0.0001, 1),
        (0.0003, 3),
        (1 / 3, 3_333),
        (2.5, 25_000),
        (10**400, 10**404),
    ],
)
def test_a_quantity_in_ten_thousandths(quantity: float, amount: int) -> None:
    assert units(quantity) == amount


@pytest.mark.parametrize("quantity", [-1, -0.1, math.inf, -math.inf, math.nan])
def test_what_is_no_quantity_is_refused(quantity: float) -> None:
    with pytest.raises(ValueError, match=r"^a number of at least 0$"):
        units(quantity)


@pytest.mark.parametrize("quantity", ["1", None, [1], 1j])
def test_what_is_no_number_is_refused(quantity: Any) -> None:
    with pytest.raises(TypeError, match=r"^a number of at least 0$"):
        units(quantity)


@pytest.mark.parametrize("quantity", [0.00009, 1e-9, 5e-324])
def test_too_small_a_share_is_refused(quantity: float) -> None:
    with pytest.raises(ValueError, match=r"^0 or at least 0.0001, the smallest share"):
        units(quantity)


@pytest.mark.parametrize("quantity", [1.5, 2.0001])
def test_more_than_one_gpu_is_whole(quantity: float) -> None:
    with pytest.raises(ValueError, match="above 1, GPUs are whole"):
        units(quantity, whole_above_one=True)
    with pytest.raises(ValueError, match=r"of resource 'GPU'.*above 1, GPUs are whole"):
        amounts({"GPU": quantity})
    assert units(quantity) > resources.UNIT


@pytest.mark.parametrize("quantity", [0.25, 1, 1.0, 4, 4.0])
def test_a_share_of_one_gpu_or_whole_ones_are_fine(quantity: float) -> None:
    assert units(quantity, whole_above_one=True) == quantity * resources.UNIT


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("CPU", "num_cpus"),
        ("GPU", "num_gpus"),
        ("memory", "memory"),
        ("object_store_memory", "object_store_memory"),
    ],
)
def test_what_has_an_option_is_no_custom_resource(name: str, option: str) -> None:
    with pytest.raises(ValueError, match=f"use the option '{option}' instead of '{name}'"):
        custom({"spare": 1, name: 1})


def test_a_bad_custom_resource_is_named() -> None:
    with pytest.raises(ValueError, match=r"^-1 of resource 'spare': expected a number of at least"):
        custom({"spare": -1})
    with pytest.raises(TypeError, match=r"^'1' of resource 'spare': expected a number of at least"):
        custom({"spare": "1"})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="the name of a resource is a string, not 3"):
        custom({3: 1})  # type: ignore[dict-item]


def test_messages_show_plain_numbers() -> None:
    needs = amounts({"CPU": 2, "GPU": 0.5, "spare": 0.0001, "big": 10})
    assert describe(needs) == "2 CPU, 0.5 GPU, 10 big, 0.0001 spare"
    assert describe(()) == "nothing"


@given(st.dictionaries(NAMES, AMOUNTS), st.dictionaries(NAMES, AMOUNTS))
def test_a_need_fits_where_all_of_it_is(need: dict[str, int], there: dict[str, int]) -> None:
    expected = all(there.get(name, 0) >= amount for name, amount in need.items())
    assert fits(pack(need), there) is expected
