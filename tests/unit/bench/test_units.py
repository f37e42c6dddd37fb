"""Figures read as people write them."""

from __future__ import annotations

import pytest

from heliostat.bench import units
from heliostat.bench.rows import BEST_PEER, FLOOR, MB, Limit, Row


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (9412.4, "/s", "9,412/s"),
        (2.13, "/s", "2.13/s"),
        (57.25, "/s", "57.2/s"),
        (7.128, "GB/s", "7.13 GB/s"),
        (0.1184, "s", "0.118 s"),
        (35 * MB, "B", "35.0 MB"),
        (2_166_013_952, "B", "2,166 MB"),
        (1.04, "x", "1.04 x"),
    ],
)
def test_a_quantity_has_three_digits_and_its_unit(value: float, unit: str, shown: str) -> None:
    assert units.quantity(value, unit) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.381, "0.38 x"), (4.12, "4.1 x"), (1.0, "1.0 x"), (212.3, "212 x"), (1234.0, "1,234 x")],
)
def test_a_ratio(value: float, shown: str) -> None:
    assert units.ratio(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.000_062, "62 us"), (0.0031, "3.10 ms"), (1.24, "1.24 s"), (75.0, "75 s"), (0.0, "0.00 us")],
)
def test_a_time_has_the_unit_that_suits_it(value: float, shown: str) -> None:
    assert units.seconds(value) == shown


@pytest.mark.parametrize(
    ("unit", "limit", "shown"),
    [
        ("/s", Limit(17, "ray"), "at least 17 x Ray"),
        ("/s", Limit(2.5, "mp-pool"), "at least 2.5 x mp.Pool"),
        ("GB/s", Limit(0.6, FLOOR), "at least 0.6 x floor"),
        ("/s", Limit(150), "at least 150/s"),
        ("B", Limit(35 * MB), "at most 35.0 MB"),
        ("s", Limit(1.02, BEST_PEER), "best peer + 2 %"),
    ],
)
def test_a_budget_in_words(unit: str, limit: Limit, shown: str) -> None:
    assert units.budget(Row("key", "title", unit), limit) == shown
