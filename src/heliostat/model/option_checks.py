"""What an option may be: each check returns what the program uses or says what it expected.

A check raises ``TypeError`` or ``ValueError`` whose text is what is accepted; ``options`` puts
the option's name and the value before it. None never reaches a check: it means the default.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from heliostat.model import resources, runtime_env

Check = Callable[[Any], Any]


def count(least: int) -> Check:
    """Whole numbers from ``least``; -1 stands for no limit where ``least`` is -1."""
    accepted = (
        "None, -1 for no limit, 0 or a positive integer"
        if least < 0
        else f"None or an integer of at least {least}"
    )

    def check(value: Any) -> int:
        if not isinstance(value, int):
            raise TypeError(accepted)
        if value < least:
            raise ValueError(accepted)
        return int(value)

    return check


def limit(value: Any) -> int:
    """A limit of which 0 and -1 both mean none, as in Ray."""
    return count(-1)(value) or -1


def quantity(*, whole_above_one: bool = False) -> Check:
    """A quantity of a resource, in ten-thousandths."""

    def check(value: Any) -> int:
        return resources.units(value, whole_above_one=whole_above_one)

    return check


def custom_resources(value: Any) -> resources.Amounts:
    """A dict of quantities by name."""
    if not isinstance(value, dict):
        raise TypeError("a dict of quantities by name of resource")
    try:
        return resources.custom(value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"a dict of quantities by name of resource; {error}") from None


def environment(value: Any) -> dict[str, Any] | None:
    """A ``runtime_env``, normalised."""
    try:
        return runtime_env.normalise(value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"a dict like {{'env_vars': {{'NAME': 'value'}}}}; {error}") from None


def boolean(value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise TypeError("True or False")
    return value


def text(value: Any) -> str:
    """Any string."""
    if not isinstance(value, str):
        raise TypeError("None or a string")
    return value


def actor_name(value: Any) -> str:
    """A string that can be looked up."""
    if not isinstance(value, str):
        raise TypeError("None or a string")
    if not value:
        raise ValueError("None or a string that isn't empty")
    return value


def one_of(*accepted: str) -> Check:
    """One of a few strings."""
    names = f"None, {' or '.join(map(repr, accepted))}"

    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError(names)
        if value not in accepted:
            raise ValueError(names)
        return value

    return check


def result_count(value: Any) -> int | str:
    """How many refs a call gives, or in which other way."""
    accepted = "None, 0, a positive integer, 'streaming' or 'dynamic'"
    if isinstance(value, str):
        if value not in {"dynamic", "streaming"}:
            raise ValueError(accepted)
        return value
    if not isinstance(value, int):
        raise TypeError(accepted)
    if value < 0:
        raise ValueError(accepted)
    return int(value)


def seconds(value: Any) -> float:
    """A time limit."""
    accepted = "None or a positive number of seconds"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(accepted)
    if not 0 < value < 1e9:
        raise ValueError(accepted)
    return float(value)


def integer(value: Any) -> int:
    """Any whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("an integer")
    return value


def items_ahead(value: Any) -> int:
    """How many items a generator may be ahead; 0 for any number."""
    accepted = "None, -1 or a positive integer"
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(accepted)
    if value < 1 and value != -1:
        raise ValueError(accepted)
    return max(0, value)


def exception_classes(value: Any) -> bool | tuple[type[BaseException], ...]:
    """Whether to retry on exceptions, or on which classes of them."""
    accepted = "True, False or a list of exception classes"
    if isinstance(value, bool):
        return value
    if not isinstance(value, (list, tuple)):
        raise TypeError(accepted)
    if not all(isinstance(item, type) and issubclass(item, Exception) for item in value):
        raise ValueError(accepted)
    return tuple(value)


def groups(value: Any) -> dict[str, int]:
    """Concurrency groups: ``{"io": 2}``, or Ray's ``[{"name": "io", "max_concurrency": 2}]``."""
    accepted = "a dict of calls at once (at least 1) by name of group"
    if not isinstance(value, (dict, list)):
        raise TypeError(accepted)
    if isinstance(value, list):
        if not all(isinstance(g, dict) and set(g) == {"name", "max_concurrency"} for g in value):
            raise ValueError(accepted)
        value = {group["name"]: group["max_concurrency"] for group in value}
    for name, calls in value.items():
        if not isinstance(name, str) or not isinstance(calls, int):
            raise TypeError(accepted)
        if not name or calls < 1:
            raise ValueError(accepted)
    return dict(value)
