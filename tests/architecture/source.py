"""The source of the package, read and not imported, for the tests of its shape."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
TESTS = ROOT / "tests"


class Import(NamedTuple):
    """One imported name: ``from a import b`` is ``a`` and ``b``, ``import a`` is ``a`` alone."""

    module: str
    name: str
    line: int
    late: bool  # inside a function
    typing: bool  # under TYPE_CHECKING


class Module(NamedTuple):
    """A module of the package, by its dotted name."""

    name: str
    path: Path
    tree: ast.Module
    lines: int

    @property
    def where(self) -> str:
        """Its path below the root of the project."""
        return str(self.path.relative_to(ROOT))

    def imports(self) -> Iterator[Import]:
        """Every import in it, wherever it stands."""
        yield from _imports(self.tree, late=False, typing=False)


@cache
def modules(folder: Path = SOURCE) -> tuple[Module, ...]:
    """All modules below a folder."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        names = path.relative_to(folder).with_suffix("").parts
        text = path.read_text()
        name = ".".join(names[:-1] if names[-1] == "__init__" else names)
        found.append(Module(name, path, ast.parse(text, str(path)), text.count("\n")))
    return tuple(found)


def known(target: Import, names: frozenset[str]) -> str | None:
    """The module of ours that an import loads, or None if it isn't one of ``names``."""
    whole = f"{target.module}.{target.name}"
    if target.name and whole in names:
        return whole
    return target.module if target.module in names else None


def _imports(node: ast.AST, *, late: bool, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, "", child.lineno, late, typing)
        elif isinstance(child, ast.ImportFrom):
            for alias in child.names:
                yield Import(child.module or "", alias.name, child.lineno, late, typing)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            for branch in child.body:
                yield from _imports(_wrapped(branch), late=late, typing=True)
            for branch in child.orelse:
                yield from _imports(_wrapped(branch), late=late, typing=typing)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, late=late or inside, typing=typing)


def _wrapped(node: ast.stmt) -> ast.AST:
    return ast.Module(body=[node], type_ignores=[])
