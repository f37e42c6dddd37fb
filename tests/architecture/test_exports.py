"""What a module says it exports is true, and what users import is described."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest

import heliostat
from heliostat.experimental.tqdm_ray import tqdm
from heliostat.util.queue import Queue
from tests.architecture.source import modules

#: Without an example of their own: "name" -> why.
NO_EXAMPLE: dict[str, str] = {
    "__version__": "a text",
}
#: Importing these starts something, or needs what may not be installed.
NOT_IMPORTED = ("heliostat.__main__", "heliostat.bench.", "heliostat.cli.", "heliostat.testing.")

#: Read by name, since the package finds its names at their first use.
PUBLIC: list[str] = sorted(vars(heliostat)["__all__"])

#: The public things of the packages above it, by the name they are asked for.
_ABOVE: dict[str, Any] = {
    "experimental.tqdm_ray.tqdm": tqdm,
    "util.queue.Queue": Queue,
    **{f"util.{name}": getattr(heliostat.util, name) for name in vars(heliostat.util)["__all__"]},
}

_NAMES = sorted(
    module.name
    for module in modules()
    if not (module.name + ".").startswith(NOT_IMPORTED) and not module.name.endswith("__main__")
)


@pytest.mark.parametrize("name", _NAMES)
def test_a_module_has_what_it_says_it_exports(name: str) -> None:
    module = importlib.import_module(name)
    exported = list(getattr(module, "__all__", ()))
    assert len(exported) == len(set(exported))
    assert [name for name in exported if not hasattr(module, name)] == []


def test_the_lazy_names_are_those_that_tools_see() -> None:
    assert set(PUBLIC) <= set(dir(heliostat))


@pytest.mark.parametrize(
    "name",
    [n for n in PUBLIC if n not in NO_EXAMPLE and not inspect.ismodule(getattr(heliostat, n))],
)
def test_a_public_name_is_described_with_an_example(name: str) -> None:
    text = inspect.getdoc(getattr(heliostat, name)) or ""
    assert text, f"{name} has no docstring"
    assert ">>> " in text, f"the docstring of {name} has no example"


@pytest.mark.parametrize("name", [n for n in PUBLIC if inspect.isclass(getattr(heliostat, n))])
def test_a_public_class_describes_each_of_its_methods(name: str) -> None:
    kind = getattr(heliostat, name)
    members = {key: inspect.getattr_static(kind, key) for key in dir(kind) if key[0] != "_"}
    bare = [
        key
        for key, member in members.items()
        if _is_method(member) and not inspect.getdoc(getattr(kind, key))
    ]
    assert not bare, f"{name} has methods without a docstring: {bare}"


@pytest.mark.parametrize("name", [n for n, v in _ABOVE.items() if not inspect.ismodule(v)])
def test_a_utility_is_described_with_an_example_and_so_is_each_method(name: str) -> None:
    value = _ABOVE[name]
    assert ">>> " in (inspect.getdoc(value) or ""), f"the docstring of {name} has no example"
    if inspect.isclass(value):
        members = [key for key, member in vars(value).items() if key[0] != "_"]
        bare = [key for key in members if not inspect.getdoc(getattr(value, key))]
        assert not bare, f"{name} has methods without a docstring: {bare}"


def test_each_exception_from_the_rule_is_a_public_name() -> None:
    assert set(NO_EXAMPLE) <= set(PUBLIC)


def _is_method(member: object) -> bool:
    return inspect.isroutine(member) or isinstance(member, property)
