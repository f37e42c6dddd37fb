"""How the user wants instances of some classes to be pickled in this process.

Engines that pickle look here, through ``serializers`` first, which is empty for most programs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Serializer = Callable[[Any], Any]

#: By exact class: what makes something picklable of an instance, and an instance of that.
serializers: dict[type, tuple[Serializer, Serializer]] = {}


def reduced(value: Any) -> tuple[Serializer, tuple[Any]]:
    """What pickle is to make of an instance of a registered class."""
    serialize, deserialize = serializers[type(value)]
    return deserialize, (serialize(value),)
