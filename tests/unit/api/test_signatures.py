"""A call fits a function exactly when Python says so."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.api.signatures import (
    ANYTHING,
    check,
    close_names,
    is_coroutine,
    is_generator,
    shape_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

FUNCTIONS: list[Callable[..., Any]] = [
    lambda: None,
    lambda a: a,
    lambda a, b=1: a,
    lambda a=0, b=1: a,
    lambda a, /, b: a,
    lambda a, b=1, /, c=2: a,
    lambda *a: a,
    lambda a, *b: a,
    lambda a, *, b: a,
    lambda a, *, b=1: a,
    lambda **a: a,
    lambda a, /, **b: a,
    lambda a, b=1, *c, d, e=2, **f: a,
]
NAMES = ["a", "b", "c", "d", "e", "g"]


@given(
    st.sampled_from(FUNCTIONS),
    st.integers(0, 4),
    st.sets(st.sampled_from(NAMES), max_size=4),
)
def test_what_fits_is_what_python_binds(
    function: Callable[..., Any], count: int, names: set[str]
) -> None:
    kwargs = dict.fromkeys(names)
    shape = shape_of(function)
    try:
        inspect.signature(function).bind(*range(count), **kwargs)
    except TypeError:
        with pytest.raises(TypeError):
            check(shape, "f", count, kwargs)
        fits = False
    else:
        check(shape, "f", count, kwargs)
        fits = True
    if not kwargs:
        least, most = shape.bounds()
        assert (least <= count <= most) <= fits


@pytest.mark.parametrize(
    ("function", "count", "kwargs", "message"),
    [
        (lambda a, b: a, 1, {}, "f(): missing a required argument: 'b'"),
        (
            lambda a: a,
            3,
            {},
            "f(): too many positional arguments: it takes 1, 3 were given",
        ),
        (lambda a: a, 1, {"z": 1}, "f(): got an unexpected keyword argument 'z'"),
        (lambda a: a, 1, {"a": 1}, "f(): multiple values for argument 'a'"),
        (lambda *, k: k, 0, {}, "f(): missing a required argument: 'k'"),
    ],
)
def test_a_misfit_says_which_argument(
    function: Callable[..., Any], count: int, kwargs: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError) as refused:
        check(shape_of(function), "f", count, kwargs)
    assert str(refused.value) == message


def test_a_wrapper_takes_what_the_wrapped_function_takes() -> None:
    def inner(a: int, b: int = 0) -> int:
        return a + b

    @functools.wraps(inner)
    def outer(*args: Any, **kwargs: Any) -> int:
        return inner(*args, **kwargs)

    assert shape_of(outer) == shape_of(inner)


def test_a_signature_of_its_own_counts() -> None:
    def function(*args: Any) -> None:
        del args

    parameter = inspect.Parameter("x", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    function.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]
    assert shape_of(function) == shape_of(lambda x: x)


def test_a_method_is_counted_without_its_first_parameter() -> None:
    class Thing:
        def method(self, a: int, /, b: int = 1) -> None: ...

    assert shape_of(Thing.method, bound=True) == shape_of(lambda a, /, b=1: a)


def test_what_does_not_say_what_it_takes_takes_anything() -> None:
    assert shape_of(len) == ANYTHING
    check(ANYTHING, "len", 9, {"x": 1})


def test_kinds_of_functions_are_told_apart_through_their_decorators() -> None:
    async def coroutine() -> None: ...

    def generator() -> Any:
        yield 1

    async def both() -> Any:
        yield 1

    wrapped = functools.wraps(generator)(lambda: None)
    assert is_coroutine(coroutine)
    assert not is_coroutine(lambda: None)
    assert is_generator(generator)
    assert is_generator(both)
    assert is_generator(wrapped)
    assert not is_generator(coroutine)


def test_close_names_are_offered() -> None:
    assert close_names("incremnt", ["increment", "read"]) == " Did you mean 'increment'?"
    assert close_names("zzz", ["increment"]) == ""
