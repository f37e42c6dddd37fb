"""Figures as people read them."""

from __future__ import annotations

from typing import Final

from heliostat.bench.rows import BEST_PEER, MB, Limit, Row
from heliostat.bench.subjects import SUBJECTS

_SMALL_RATIO: Final = 10
_LARGE_RATIO: Final = 100


def quantity(value: float, unit: str) -> str:
    """A value in its unit: ``9,412/s``, ``7.13 GB/s``, ``0.118 s``, ``35.0 MB``, ``1.04 x``."""
    if unit == "/s":
        return f"{_digits(value)}/s"
    if unit == "B":
        return f"{_digits(value / MB)} MB"
    return f"{_digits(value)} {unit}"


def _digits(value: float) -> str:
    """At least three significant digits, all of those before the point, thousands apart."""
    size = abs(value)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:,.{decimals}f}"


def ratio(value: float) -> str:
    """How many times ahead: ``0.38 x``, ``4.1 x``, ``212 x``."""
    if value < 1:
        return f"{value:.2f} x"
    return f"{value:.1f} x" if value < _LARGE_RATIO else f"{value:,.0f} x"


def seconds(value: float) -> str:
    """A time in the unit that suits it: ``62 us``, ``3.1 ms``, ``1.24 s``."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "us")):
        if value * factor >= 1 or unit == "us":
            shown = value * factor
            return f"{shown:.2f} {unit}" if shown < _SMALL_RATIO else f"{shown:,.0f} {unit}"
    raise AssertionError("microseconds take whatever is left")


def budget(row: Row, limit: Limit) -> str:
    """A limit in words: ``at least 17 x Ray``, ``at most 35.0 MB``, ``best peer + 2 %``."""
    if limit.of == BEST_PEER:
        return f"best peer + {limit.factor - 1:.0%}".replace("%", " %")
    word = "at least" if row.more_is_better else "at most"
    if limit.of is None:
        return f"{word} {quantity(limit.factor, row.unit)}"
    return f"{word} {limit.factor:g} x {SUBJECTS[limit.of].title}"
