"""Taking exceptions apart and putting them together, whatever their constructors take.

pickle calls an exception's class with its ``args``, which fails for every class whose
constructor takes something else. Here no constructor of the user's runs: the builtin layer is
made from the args, then slots and attributes are set past any ``__setattr__``. A class that
says itself how it is pickled is taken at its word; if that fails where it is unpickled, the
exception's text takes its place.
"""

from __future__ import annotations

from typing import Any

Fields = tuple[type[BaseException], tuple[Any, ...], dict[str, Any], dict[str, Any]]

_HEAP_TYPE = 1 << 9
_PICKLING = ("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__")


def fields(error: BaseException) -> Fields:
    """Class, args, slots (those of its builtin layers too) and attributes of ``error``."""
    slots: dict[str, Any] = {}
    for base in type(error).__mro__[:-2]:  # all but BaseException and object
        for name, member in vars(base).items():
            if name.startswith("__") or not _is_slot(member):
                continue
            try:
                value = member.__get__(error)
            except AttributeError:
                continue  # never filled
            if base is AttributeError and name == "obj":
                continue  # may be anything, of any size, and pickle leaves it out too
            if value is not None or base.__flags__ & _HEAP_TYPE:  # a builtin's None means unset
                slots.setdefault(name, value)
    state = dict(object.__getattribute__(error, "__dict__"))
    return type(error), _ARGS.__get__(error), slots, state


def rebuild(
    made: type[BaseException], args: tuple[Any, ...], slots: dict[str, Any], state: dict[str, Any]
) -> Any:
    """The exception of class ``made`` with these fields."""
    layer: Any = made
    while layer.__flags__ & _HEAP_TYPE:
        layer = layer.__base__
    if layer.__name__ == "BaseExceptionGroup":
        error = layer.__new__(made, slots["message"], slots["exceptions"])
    else:
        error = layer.__new__(made, *args)
    _ARGS.__set__(error, args)
    left = dict(slots)
    for base in made.__mro__:
        for name in [name for name in left if _is_slot(vars(base).get(name))]:
            try:
                vars(base)[name].__set__(error, left.pop(name))
            except AttributeError:
                continue  # read-only: the builtin layer has it from its constructor
    # A class that came by value may have lost its slots on the way; what they held is kept.
    object.__getattribute__(error, "__dict__").update({**left, **state})
    return error


_ARGS: Any = vars(BaseException)["args"]


def _is_slot(member: Any) -> bool:
    return type(member).__name__ in ("member_descriptor", "getset_descriptor")


def message(cause: BaseException | str | None) -> str:
    """What the exception says, for people."""
    if cause is None or isinstance(cause, str):
        return cause or ""
    name = type(cause).__name__
    try:
        return str(cause) or name
    except Exception as error:  # noqa: BLE001 - __str__ is the user's code
        return f"{name} (its __str__ raised {type(error).__name__})"


class _Carried:
    """Stands for an exception while it is pickled; what is unpickled is the exception."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __reduce__(self) -> tuple[Any, ...]:
        error = self.error
        mro = type(error).__mro__
        if not any(name in vars(b) for b in mro if b.__flags__ & _HEAP_TYPE for name in _PICKLING):
            made, args, slots, state = fields(error)
            return rebuild, (made, *map(carry, (args, slots, state)))
        text = f"{type(error).__name__}: {message(error)}"
        try:
            reduced = error.__reduce_ex__(4)
        except Exception:  # noqa: BLE001 - __reduce__ is the user's code
            return str, (text,)
        if isinstance(reduced, str):
            return str, (text,)
        return _call_reduced, (text, *reduced[:3])


def carry(value: Any) -> Any:
    """``value`` with the exceptions directly in it made safe to pickle."""
    if isinstance(value, BaseException):
        return _Carried(value)
    if type(value) in (tuple, list):
        return type(value)(map(carry, value))
    if type(value) is dict:
        return {name: carry(item) for name, item in value.items()}
    return value


def _call_reduced(text: str, function: Any, args: tuple[Any, ...], state: Any = None) -> Any:
    """Does what a class's own ``__reduce__`` asked for; ``text`` if that fails."""
    try:
        error = function(*args)
        if state is not None:
            error.__setstate__(state)
    except Exception:  # noqa: BLE001 - the user's code
        return text
    return error if isinstance(error, BaseException) else text
