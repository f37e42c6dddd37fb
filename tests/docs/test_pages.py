"""Every program and every shell session in the pages runs, and prints what the page shows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.snippets import Snippet, commands, matches, snippets

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("examples/**/*.md")),
]
#: Printed between two commands of a session, so that it can be told which printed what.
_BETWEEN = "\x1e"


def _name(snippet: Snippet) -> str:
    return f"{snippet.page.relative_to(ROOT)}:{snippet.line}"


@pytest.mark.parametrize("snippet", [s for page in PAGES for s in snippets(page)], ids=_name)
def test_a_snippet_does_what_its_page_shows(snippet: Snippet, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for name, text in snippet.files.items():
        (tmp_path / name).write_text(text)
    if snippet.language == "console":
        _run_session(snippet, tmp_path)
    else:
        _run_program(snippet, tmp_path)


def _run_program(snippet: Snippet, folder: Path) -> None:
    if ">>> " in snippet.text:
        (folder / "snippet.txt").write_text(snippet.text)
        printed = _run([sys.executable, "-m", "doctest", "-o", "ELLIPSIS", "snippet.txt"], folder)
        assert not printed, printed
        return
    (folder / "snippet.py").write_text(snippet.text)
    printed = _run([sys.executable, "snippet.py"], folder)
    if snippet.shown is not None:
        assert matches(snippet.shown, printed), _difference(snippet.shown, printed)


def _run_session(snippet: Snippet, folder: Path) -> None:
    session = commands(snippet.text)
    script = "".join(f"{command.typed}\nprintf '\\x1e'\n" for command in session)
    parts = _run(["bash", "-e", "-c", script], folder).split(_BETWEEN)
    assert len(parts) == len(session) + 1
    for command, printed in zip(session, parts, strict=False):
        if command.shown:
            text = f"$ {command.typed}\n{_difference(command.shown, printed)}"
            assert matches(command.shown, printed), text


def _run(command: list[str], folder: Path) -> str:
    """What a command prints, its errors among it; it must succeed."""
    programs = os.path.dirname(sys.executable)
    found = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "100"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=50,
    )
    assert found.returncode == 0, f"exit code {found.returncode}:\n{found.stdout}"
    return found.stdout


def _difference(shown: str, printed: str) -> str:
    return f"the page shows:\n{shown}\nbut it printed:\n{printed}"
