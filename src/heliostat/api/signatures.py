"""What a call may be given: a function's parameters as plain values, and the check of a call.

A call that does not fit its function is refused where it is written, before anything is sent.
The shape travels with actor handles, so it is made of builtins alone. The common call (only
positional arguments, a number that fits) is decided by its caller with two comparisons on
``least`` and ``most``; everything else comes to ``check``. ``inspect`` is loaded only for
functions that carry a signature of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_VARARGS = 0x04
_VARKEYWORDS = 0x08
_GENERATOR = 0x20
_COROUTINE = 0x80
_ITERABLE_COROUTINE = 0x100
_ASYNC_GENERATOR = 0x200

#: More arguments than any call has.
UNBOUNDED = 1 << 60

#: The fields of a ``Shape`` as they travel.
PlainShape = tuple[tuple[str, ...], int, int, bool, tuple[str, ...], tuple[str, ...], bool]


class Shape(NamedTuple):
    """The parameters of a function.

    Attributes:
        names: the positional ones, in order.
        only: how many of them can't be given by name.
        needed: how many of them have no default.
        rest: whether ``*args`` takes more.
        keywords: those that are given by name alone.
        required: those of ``keywords`` without a default.
        others: whether ``**kwargs`` takes any other name.
    """

    names: tuple[str, ...]
    only: int
    needed: int
    rest: bool
    keywords: tuple[str, ...]
    required: tuple[str, ...]
    others: bool

    def bounds(self) -> tuple[int, int]:
        """The numbers of positional arguments that fit a call which names none.

        The lower one is out of reach where such a call must be checked in any case.
        """
        least = UNBOUNDED if self.required else self.needed
        return least, UNBOUNDED if self.rest else len(self.names)


#: Takes whatever it is given: for callables that don't say what they take.
ANYTHING = Shape((), 0, 0, True, (), (), True)

#: Takes no arguments.
NOTHING = Shape((), 0, 0, False, (), (), False)


def unwrap(function: Any) -> Any:
    """The function behind its decorators, as ``functools.wraps`` leaves them."""
    seen = {id(function)}
    while not hasattr(function, "__signature__"):
        inner = getattr(function, "__wrapped__", None)
        if inner is None or id(inner) in seen:
            break
        seen.add(id(inner))
        function = inner
    return function


def shape_of(function: Callable[..., Any], *, bound: bool = False) -> Shape:
    """The shape of a function; ``bound`` leaves out its first parameter, a method's ``self``."""
    function = unwrap(function)
    if hasattr(function, "__signature__"):
        shape = _shape_by_inspection(function)
    else:
        shape = _shape_by_code(function)
    if not bound:
        return shape
    if not shape.names:
        return shape
    return shape._replace(
        names=shape.names[1:], only=max(shape.only - 1, 0), needed=max(shape.needed - 1, 0)
    )


def _shape_by_code(function: Any) -> Shape:
    code = getattr(function, "__code__", None)
    if code is None:
        return ANYTHING
    positional: int = code.co_argcount
    names: tuple[str, ...] = code.co_varnames[:positional]
    keywords: tuple[str, ...] = code.co_varnames[positional : positional + code.co_kwonlyargcount]
    given = function.__kwdefaults__ or {}
    return Shape(
        names=names,
        only=code.co_posonlyargcount,
        needed=positional - len(function.__defaults__ or ()),
        rest=bool(code.co_flags & _VARARGS),
        keywords=keywords,
        required=tuple(name for name in keywords if name not in given),
        others=bool(code.co_flags & _VARKEYWORDS),
    )


def _shape_by_inspection(function: Any) -> Shape:
    import inspect

    parameters = list(inspect.signature(function).parameters.values())
    kinds = inspect.Parameter
    named = [p for p in parameters if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    keywords = [p for p in parameters if p.kind is kinds.KEYWORD_ONLY]
    return Shape(
        names=tuple(p.name for p in named),
        only=sum(p.kind is kinds.POSITIONAL_ONLY for p in named),
        needed=sum(p.default is p.empty for p in named),
        rest=any(p.kind is kinds.VAR_POSITIONAL for p in parameters),
        keywords=tuple(p.name for p in keywords),
        required=tuple(p.name for p in keywords if p.default is p.empty),
        others=any(p.kind is kinds.VAR_KEYWORD for p in parameters),
    )


def check(shape: Shape, called: str, count: int, kwargs: Mapping[str, Any]) -> None:
    """Raises what Python would raise for such a call, where it doesn't fit.

    Args:
        shape: what is called takes this.
        called: its name, for the message.
        count: how many positional arguments there are.
        kwargs: those given by name.

    Raises:
        TypeError: the arguments do not fit; says which.
    """
    names = shape.names
    if count > len(names) and not shape.rest:
        raise TypeError(
            f"{called}(): too many positional arguments: it takes {len(names)}, {count} were given"
        )
    for name in kwargs:
        if name in names[:count] and names.index(name) >= shape.only:
            raise TypeError(f"{called}(): multiple values for argument '{name}'")
        if not shape.others and name not in names[shape.only :] and name not in shape.keywords:
            raise TypeError(f"{called}(): got an unexpected keyword argument '{name}'")
    for place in range(count, shape.needed):
        if place < shape.only or names[place] not in kwargs:
            raise TypeError(f"{called}(): missing a required argument: '{names[place]}'")
    for name in shape.required:
        if name not in kwargs:
            raise TypeError(f"{called}(): missing a required argument: '{name}'")


def _flags(function: Any) -> int:
    function = unwrap(function)
    while hasattr(function, "func"):  # functools.partial
        function = function.func
    code = getattr(function, "__code__", None)
    return 0 if code is None else int(code.co_flags)


def is_coroutine(function: Any) -> bool:
    """Whether calling it gives an awaitable (``async def``)."""
    return bool(_flags(function) & (_COROUTINE | _ITERABLE_COROUTINE))


def is_generator(function: Any) -> bool:
    """Whether it yields."""
    return bool(_flags(function) & (_GENERATOR | _ASYNC_GENERATOR))


def close_names(name: str, known: Any) -> str:
    """``" Did you mean 'x'?"`` where something known resembles ``name``, else nothing."""
    import difflib

    close = difflib.get_close_matches(name, list(known), n=3)
    if not close:
        return ""
    return f" Did you mean {' or '.join(repr(one) for one in close)}?"
