"""Both type checkers see through the public API as ``cases/`` says.

A case is a program with its expectations in comments: ``# R: type`` is what ``reveal_type``
shows there, ``# E`` means that the line is refused. ``# R mypy: type`` and ``# E pyright`` are
of one checker alone. Every other line is accepted.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest

CASES = Path(__file__).parent / "cases"
ROOT = Path(__file__).parents[2]
_OLDEST_PYTHON = "3.10"
_EXPECTED = re.compile(r"#\s(?P<kind>[RE])(?:\s(?P<checker>mypy|pyright))?(?::\s(?P<type>.+))?$")
_REVEALED = re.compile(r'(?:Revealed type is|Type of .* is) "(.*)"$')
_MODULES = re.compile(r"\b(?:\w+\.)+(?=\w)")


class Seen(NamedTuple):
    """What a checker says of a case: types revealed by line, and lines refused."""

    types: dict[int, str]
    refused: set[int]


Report = dict[str, Seen]


@pytest.fixture(scope="module")
def mypy(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """What mypy says of all cases."""
    cache = tmp_path_factory.mktemp("mypy")
    found = _run(
        "mypy",
        "--strict",
        "--config-file=",
        f"--python-version={_OLDEST_PYTHON}",
        f"--cache-dir={cache}",
        "--no-error-summary",
        "--output=json",
    )
    report = _empty()
    for one in map(json.loads, found.splitlines()):
        _file(report, one["file"], one["line"], one["severity"] == "error", one["message"])
    return report


@pytest.fixture(scope="module")
def pyright() -> Report:
    """What pyright says of all cases."""
    found = _run("pyright", "--outputjson", f"--pythonversion={_OLDEST_PYTHON}")
    report = _empty()
    for one in json.loads(found)["generalDiagnostics"]:
        line = one["range"]["start"]["line"] + 1
        _file(report, one["file"], line, one["severity"] != "information", one["message"])
    return report


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.glob("*.py")))
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_checker_sees_what_the_case_says(
    case: str, checker: str, request: pytest.FixtureRequest
) -> None:
    seen: Seen = request.getfixturevalue(checker)[case]
    expected = _expectations(CASES / case, checker)
    assert seen.types == expected.types
    assert seen.refused == expected.refused


def _run(checker: str, *options: str) -> str:
    program = Path(sys.executable).with_name(checker)
    done = subprocess.run(
        [str(program), *options, *sorted(map(str, CASES.glob("*.py")))],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(ROOT / "src")},
        text=True,
    )
    assert done.returncode in {0, 1}, done.stderr or done.stdout
    return done.stdout


def _empty() -> Report:
    return defaultdict(lambda: Seen({}, set()))


def _file(report: Report, file: str, line: int, refused: bool, message: str) -> None:
    path = ROOT / file
    if path.parent != CASES:
        return
    revealed = _REVEALED.search(message)
    if refused:
        report[path.name].refused.add(line)
    elif revealed:
        report[path.name].types[line] = _MODULES.sub("", revealed[1])


def _expectations(path: Path, checker: str) -> Seen:
    expected = Seen({}, set())
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = _EXPECTED.search(line)
        if found is None or found["checker"] not in {None, checker}:
            continue
        if found["kind"] == "E":
            expected.refused.add(number)
        else:
            expected.types[number] = found["type"]
    return expected
