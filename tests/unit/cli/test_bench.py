"""``heliostat bench core``: choices, files, and what is found out before a run begins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from heliostat.bench.plan import Plan
from heliostat.bench.rows import ROW_OF
from heliostat.cli import bench as bench_module
from heliostat.cli.app import app
from heliostat.cli.bench import check


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["bench", "core", *arguments])


def test_a_small_run_shows_and_writes_what_it_found(tmp_path: Path) -> None:
    target = tmp_path / "new" / "bench.json"
    result = call(
        *("--quick", "--rows", "startup, task_serial", "--subjects", "executor,floor"),
        *("--json", str(target)),
    )
    assert result.exit_code == 0, result.output
    assert "task, one at a time" in result.stdout
    assert "Quick run" in result.stdout
    assert result.stderr.split("\n")[:2] == ["round 1, Executor", "round 1, floor"]
    data = json.loads(target.read_text())
    assert [row["key"] for row in data["rows"]] == ["startup", "task_serial"]
    assert set(data["subjects"]) == {"executor", "floor"}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--rows", "tsk"], "no row is called 'tsk'; rows are: startup"),
        (["--subjects", "rya"], "no subject is called 'rya'; subjects are: heliostat"),
        (["--subjects", "loky", "--chart", "x.png"], "--chart compares heliostat with others"),
        (["--subjects", "heliostat", "--chart", "x.png"], "--chart compares heliostat with others"),
    ],
)
def test_what_cannot_be_done_is_said_before_the_run(arguments: list[str], text: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 1
    assert text in result.stderr
    assert "round 1" not in result.stderr


def test_a_repetition_less_than_one_is_a_wrong_use() -> None:
    assert call("--repeat", "0").exit_code == 2


def test_subjects_that_are_all_absent_come_with_the_command() -> None:
    plan = Plan(rows=[ROW_OF["wait"]], subjects=[], absent=["ray", "parsl"])
    with pytest.raises(ValueError, match=r"not installed: Ray, Parsl; try: pip install 'heliostat"):
        check(plan, None, None)


def test_rows_that_all_take_numpy_come_with_the_command() -> None:
    plan = Plan(rows=[], subjects=["floor"], dropped=[ROW_OF["array_argument"]])
    with pytest.raises(ValueError, match=r"pip install 'heliostat\[bench\]'"):
        check(plan, None, None)


def test_the_bench_says_that_it_needs_linux(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bench_module, "_SMAPS", tmp_path / "absent")
    result = call("--quick")
    assert result.exit_code == 1
    assert "it needs Linux" in result.stderr


def test_the_help_names_rows_and_subjects() -> None:
    shown = call("--help").stdout
    assert "mp-pool" in shown
    assert "actors_1000" in shown
