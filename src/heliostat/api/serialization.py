"""``register_serializer`` and ``deregister_serializer``: the user's own way to pickle a class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from heliostat.engines.serializers import serializers

T = TypeVar("T")

#: Python pickles these before it asks anybody.
_BUILTIN = (
    *(type(None), bool, int, float, complex, str, bytes, bytearray),
    *(tuple, list, dict, set, frozenset),
)


def register_serializer(
    cls: type[T], *, serializer: Callable[[T], Any], deserializer: Callable[[Any], T]
) -> None:
    """Sets how instances of a class are pickled from now on, in this process.

    It holds for arguments, results, ``put``, and whatever is inside other objects. It is a
    matter of each process, as in Ray: a worker that is to return instances must register as
    well. Who receives one need not. Registering a class again replaces what was there.

    Args:
        cls: the class; instances of its subclasses are not meant.
        serializer: takes an instance, returns something that pickles.
        deserializer: takes that, returns an instance; it travels with the value.

    Raises:
        TypeError: ``cls`` is no class, or one that Python pickles before it asks anybody (int,
            str, list, ...); or the others can't be called.

    Example:
        >>> import threading
        >>> import heliostat as ray
        >>> class Account:
        ...     def __init__(self, owner):
        ...         self.owner = owner
        ...         self.lock = threading.Lock()  # it can't be pickled
        >>> ray.util.register_serializer(
        ...     Account, serializer=lambda account: account.owner, deserializer=Account
        ... )
        >>> ray.get(ray.put(Account("Ada"))).owner
        'Ada'

    Source: Ray's ``ray.util.register_serializer``.
    """
    _check_class(cls)
    for name, given in (("serializer", serializer), ("deserializer", deserializer)):
        if not callable(given):
            raise TypeError(f"{name} must be a function, not {given!r}")
    serializers[cls] = (serializer, deserializer)


def deregister_serializer(cls: type) -> None:
    """Takes back what ``register_serializer`` said of a class, in this process.

    Nothing happens if there is nothing to take back.

    Args:
        cls: the class.

    Raises:
        TypeError: ``cls`` is no class.

    Example:
        >>> import heliostat as ray
        >>> class Point:
        ...     pass
        >>> ray.util.deregister_serializer(Point)

    Source: Ray's ``ray.util.deregister_serializer``.
    """
    _check_class(cls)
    serializers.pop(cls, None)


def _check_class(cls: Any) -> None:
    if not isinstance(cls, type):
        raise TypeError(f"cls must be a class, not {cls!r}")
    if cls in _BUILTIN:
        raise TypeError(
            f"Python pickles {cls.__name__} by itself and would never ask a serializer: register "
            "a class of your own"
        )
