"""``num_returns="dynamic"``: what is yielded is gathered, and comes as one object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliostat.api.objects import put
from heliostat.engines.generators import DynamicObjectRefGenerator

if TYPE_CHECKING:
    from collections.abc import Callable


class Collecting:
    """A function that runs another one, which yields, to its end."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.__name__ = getattr(function, "__name__", "")
        self.__qualname__ = getattr(function, "__qualname__", "")
        self.__module__ = getattr(function, "__module__", "")

    def __call__(self, *args: Any, **kwargs: Any) -> DynamicObjectRefGenerator[Any]:
        return collect(self._function(*args, **kwargs))


def collect(items: Any) -> DynamicObjectRefGenerator[Any]:
    """References to all of the items, each an object of its own."""
    if not hasattr(items, "__next__"):
        raise TypeError(
            f"num_returns='dynamic' needs a generator; the function gave a {type(items).__name__}"
        )
    return DynamicObjectRefGenerator([put(item) for item in items])


def collect_from(actor: Any, method: str, *args: Any, **kwargs: Any) -> Any:
    """The same for a method, run by the actor."""
    return collect(getattr(actor, method)(*args, **kwargs))
