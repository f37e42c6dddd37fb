"""The blocks of code in a Markdown page, and what the page says about each.

A comment in the lines before a fence says what the block is:

* nothing: a ``python`` block is a program of its own; a ``console`` block is a shell session,
  of which lines that begin with ``$ `` (and, continued, ``> ``) are typed and the others shown;
* ``<!-- continues -->``: the block goes on with the program of the ``python`` block before it;
* ``<!-- output -->``: the block shows what the ``python`` block before it prints;
* ``<!-- file: NAME -->``: the block is the file NAME, there for all later blocks of the page;
* ``<!-- not run: REASON -->``: the block isn't run.

In output that is shown, ``...`` stands for anything, as in doctest. Blocks in other languages
are not programs of ours and say nothing that could be run.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Languages whose blocks are run.
RUN = frozenset({"console", "python"})
_MARK = re.compile(r"<!--\s*(not run|file|continues|output)\s*(?::\s*(.*?))?\s*-->")
_FENCE = re.compile(r"^( *)(`{3,}|~{3,})\s*([\w+-]*)")


class Block(NamedTuple):
    """A fenced block: its language, text, first line in the page, and the mark before it."""

    language: str
    text: str
    line: int
    mark: str
    argument: str


class Snippet(NamedTuple):
    """Something to run, with what it needs.

    Attributes:
        page: the page's path.
        line: where it begins.
        language: ``python`` or ``console``.
        text: the program, or the shell session.
        shown: what a program prints by the page; None if the page doesn't say.
        files: the files that must be there, by name.
    """

    page: Path
    line: int
    language: str
    text: str
    shown: str | None
    files: dict[str, str]


class Command(NamedTuple):
    """A command typed in a shell session, and the output shown below it."""

    typed: str
    shown: str


class PageError(Exception):
    """A page uses a mark in a way that has no meaning."""


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    lines = iter(enumerate(text.splitlines(), 1))
    mark, argument = "", ""
    for number, line in lines:
        if found := _MARK.search(line):
            mark, argument = found[1], found[2] or ""
        elif fence := _FENCE.match(line):
            indent, ticks, language = fence.groups()
            body = []
            for _, inner in lines:
                if inner.strip() == ticks:
                    break
                body.append(inner.removeprefix(indent))
            yield Block(language, "".join(f"{line}\n" for line in body), number, mark, argument)
            mark, argument = "", ""
        elif line.strip():
            mark, argument = "", ""


def snippets(page: Path) -> list[Snippet]:
    """What there is to run in a page, in order."""
    found: list[Snippet] = []
    files: dict[str, str] = {}
    for block in blocks(page.read_text()):
        if block.mark == "file":
            files = {**files, _argument(page, block): block.text}
        elif block.mark == "output":
            found[-1] = _before(page, block, found)._replace(shown=block.text)
        elif block.mark == "continues":
            last = _before(page, block, found)
            found[-1] = last._replace(text=last.text + block.text)
        elif block.mark == "not run":
            _argument(page, block)
        elif block.language in RUN:
            found.append(Snippet(page, block.line, block.language, block.text, None, files))
    return found


def commands(session: str) -> list[Command]:
    """The commands of a shell session."""
    found: list[Command] = []
    for line in session.splitlines():
        if line.startswith("$ "):
            found.append(Command(line[2:], ""))
        elif not found:
            raise PageError(f"a console block begins with a command, '$ ...', not with {line!r}")
        elif line.startswith("> ") and not found[-1].shown:
            found[-1] = found[-1]._replace(typed=f"{found[-1].typed}\n{line[2:]}")
        else:
            found[-1] = found[-1]._replace(shown=f"{found[-1].shown}{line}\n")
    return found


def matches(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed; ends of lines and of the text don't count."""
    pattern = ".*".join(re.escape(part) for part in _trimmed(shown).split("..."))
    return re.fullmatch(pattern, _trimmed(printed), re.DOTALL) is not None


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _argument(page: Path, block: Block) -> str:
    if not block.argument:
        raise PageError(f"{page}:{block.line}: '{block.mark}:' wants its name or reason behind it")
    return block.argument


def _before(page: Path, block: Block, found: list[Snippet]) -> Snippet:
    if not found or found[-1].language != "python":
        raise PageError(f"{page}:{block.line}: '{block.mark}' with no python block before it")
    return found[-1]
