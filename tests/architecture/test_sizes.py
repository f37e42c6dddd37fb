"""The sizes at which one looks for the second concept: module, class, function.

The docstring of a function isn't counted, so that none is cut short to stay within a limit. An
entry in ``ALLOWED`` says why the thing is one concept all the same.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from tests.architecture.source import modules

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULE_LINES = 500
CLASS_LINES = 300
FUNCTION_LINES = 60

#: "module" or "module:Class.method" -> why it may be longer.
ALLOWED: dict[str, str] = {
    "heliostat.engines.local.core.leases:Leases": "one set of books; its helpers are apart",
    "heliostat.engines.local.head.server:Server": "a handler for each message to the head",
    "heliostat.engines.local.owner.actors:Actors": "an actor's calls, from submission to answer",
    "heliostat.engines.local.owner.engine:LocalEngine": "a method for each of the contract's",
    "heliostat.engines.local.owner.submit:Tasks": "a task's way, from submission to its end",
}


def test_every_size_is_within_its_limit() -> None:
    long = [f"{name}: {lines} lines" for name, lines in _too_long() if name not in ALLOWED]
    assert not long, "split, or say in ALLOWED why it is one concept:\n" + "\n".join(long)


def test_the_allow_list_holds_nothing_that_became_short() -> None:
    assert set(ALLOWED) <= {name for name, _ in _too_long()}
    assert all(ALLOWED.values())


def _too_long() -> Iterator[tuple[str, int]]:
    for module in modules():
        if module.lines > MODULE_LINES:
            yield module.name, module.lines
        for name, node in _definitions(module.tree, ""):
            limit = CLASS_LINES if isinstance(node, ast.ClassDef) else FUNCTION_LINES
            lines = _lines(node)
            if not isinstance(node, ast.ClassDef) and ast.get_docstring(node) is not None:
                lines -= _lines(node.body[0])
            if lines > limit:
                yield f"{module.name}:{name}", lines


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _definitions(
    node: ast.AST, prefix: str
) -> Iterator[tuple[str, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + child.name, child
            yield from _definitions(child, f"{prefix}{child.name}.")
        else:
            yield from _definitions(child, prefix)
