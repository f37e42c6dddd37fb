"""Quantities of resources: what users write, and the whole numbers everything else uses.

An amount is in ten-thousandths of a unit, so that sums are exact. ``Amounts`` name the
resources that something needs or a host has: sorted by name, zeros left out, so that equal
needs are equal tuples. Pure.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Amounts in one unit of a resource.
UNIT = 10_000
#: Resources by name, in ten-thousandths of a unit, sorted, without zeros.
Amounts = tuple[tuple[str, int], ...]

#: Resources that options of their own ask for, and which.
RESERVED = {
    "CPU": "num_cpus",
    "GPU": "num_gpus",
    "memory": "memory",
    "object_store_memory": "object_store_memory",
}


def units(quantity: float, *, whole_above_one: bool = False) -> int:
    """A quantity in ten-thousandths, rounded to the nearest.

    Args:
        quantity: what the user wrote.
        whole_above_one: whether it must be whole from 1 on, as for GPUs.

    Raises:
        TypeError, ValueError: it isn't a quantity; the message says what is.
    """
    if not isinstance(quantity, (int, float)):
        raise TypeError("a number of at least 0")
    if quantity < 0 or (isinstance(quantity, float) and not isfinite(quantity)):
        raise ValueError("a number of at least 0")
    amount = round(quantity * UNIT)
    if quantity and quantity * UNIT < 1:
        raise ValueError("0 or at least 0.0001, the smallest share of a resource")
    if whole_above_one and amount > UNIT and amount % UNIT:
        raise ValueError("a fraction of 1 or a whole number: above 1, GPUs are whole")
    return amount


def amounts(quantities: Mapping[str, float]) -> Amounts:
    """The amounts of ``quantities``.

    Raises:
        TypeError, ValueError: the message names the resource.

    Example:
        >>> amounts({"GPU": 0.5, "CPU": 2, "spare": 0})
        (('CPU', 20000), ('GPU', 5000))
    """
    result = {}
    for name, quantity in quantities.items():
        if not isinstance(name, str):
            raise TypeError(f"the name of a resource is a string, not {name!r}")
        try:
            result[name] = units(quantity, whole_above_one=name == "GPU")
        except (TypeError, ValueError) as error:
            raise type(error)(f"{quantity!r} of resource {name!r}: expected {error}") from None
    return pack(result)


def custom(quantities: Mapping[str, float]) -> Amounts:
    """The amounts of a ``resources=`` option, which may not name what has an option.

    Raises:
        TypeError, ValueError: the message names the resource.
    """
    for name, option in RESERVED.items():
        if name in quantities:
            raise ValueError(f"use the option {option!r} instead of {name!r} in 'resources'")
    return amounts(quantities)


def pack(by_name: Mapping[str, int]) -> Amounts:
    """Amounts from a mapping of them."""
    return tuple(sorted((name, amount) for name, amount in by_name.items() if amount))


def quantity(amount: int) -> float:
    """An amount as the number users know."""
    return amount / UNIT


def quantities(of: Amounts) -> dict[str, float]:
    """Amounts as Ray reports them.

    Example:
        >>> quantities((("CPU", 20000),))
        {'CPU': 2.0}
    """
    return {name: amount / UNIT for name, amount in of}


def describe(of: Amounts) -> str:
    """Amounts for a message.

    Example:
        >>> describe((("CPU", 20000), ("GPU", 5000)))
        '2 CPU, 0.5 GPU'
    """
    return ", ".join(f"{_plain(amount)} {name}" for name, amount in of) or "nothing"


def fits(need: Amounts, there: Mapping[str, int]) -> bool:
    """Whether ``there`` has all of ``need``."""
    return all(there.get(name, 0) >= amount for name, amount in need)


def _plain(amount: int) -> str:
    whole, part = divmod(amount, UNIT)
    return f"{whole}.{part:04}".rstrip("0").rstrip(".") if part else str(whole)
