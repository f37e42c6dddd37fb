"""One made-up run, as JSON, in the terminal and as a chart."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from heliostat.bench.chart import compared, draw, require_matplotlib
from heliostat.bench.plan import Plan
from heliostat.bench.record import Record, as_json, make_record
from heliostat.bench.report import parts, show
from heliostat.bench.results import Failure, Outcome, Verdict
from heliostat.bench.rows import ROW_OF

MACHINE: dict[str, str | int] = {
    "system": "Linux 6.1 x86_64",
    "cpu": "Some CPU",
    "cpus": 4,
    "cpus_used": "0,1",
    "memory": "8.0 GiB",
    "load_before": "0.05",
    "python": "CPython 3.11.7",
}


@pytest.fixture
def record() -> Record:
    plan = Plan(
        rows=[ROW_OF["startup"], ROW_OF["task_serial"], ROW_OF["pi_4"]],
        subjects=["heliostat", "mp-pool", "executor", "floor"],
        repeat=3,
        absent=["ray", "dask"],
        dropped=[ROW_OF["array_argument"]],
    )
    outcome = Outcome()
    for ours, pool, floor in ((9000, 3000, 20_000), (9500, 3100, 21_000), (9900, 2900, 22_000)):
        outcome.add("task_serial", "heliostat", ours, 0.0031)
        outcome.add("task_serial", "mp-pool", pool, 0.0008)
        outcome.add("task_serial", "floor", floor, 0.002)
    outcome.add("startup", "heliostat", 0.3)
    outcome.add("pi_4", "heliostat", 0.9, 1.0)
    outcome.add("pi_4", "executor", 0.72, 1.0)
    outcome.failures.append(Failure("executor", "task_serial", "ended with signal SIGKILL"))
    outcome.leftovers["executor"] = 2
    return make_record(plan, outcome, MACHINE, "2030-01-02T03:04:05+00:00")


_DRAW = """
import pathlib, pickle, sys
from heliostat.bench.chart import draw
draw(pickle.load(sys.stdin.buffer), pathlib.Path(sys.argv[1]))
"""


def text_of(record: Record, width: int = 160) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    show(record, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_json_holds_samples_ratios_and_verdicts(record: Record) -> None:
    data = json.loads(json.dumps(as_json(record)))
    startup, serial, pi = data["rows"]
    assert serial["subjects"]["heliostat"] == {
        "median": 9500,
        "least": 9000,
        "most": 9900,
        "samples": [9000, 9500, 9900],
        "first_call": 0.0031,
    }
    assert serial["times_ahead"]["mp-pool"] == pytest.approx(9500 / 3000)
    assert [limit["verdict"] for limit in serial["budget"]] == ["met", "no peer"]
    assert serial["budget"][0]["target"] == pytest.approx(8400)
    assert serial["verdict"] == "no peer"
    assert (startup["verdict"], startup["budget"][0]["share"]) == ("missed", 0.5)
    assert startup["subjects"]["heliostat"]["first_call"] is None
    assert pi["budget"][0]["reference"] == "executor"


def test_the_json_says_on_what_it_ran_and_what_is_missing(record: Record) -> None:
    data = as_json(record)
    assert data["machine"] == MACHINE
    assert list(data["subjects"]) == ["heliostat", "mp-pool", "executor", "floor"]
    assert data["absent"] == ["ray", "dask"]
    assert data["dropped_rows"] == ["array_argument"]
    assert data["failures"] == [
        {
            "subject": "executor",
            "workload": "task_serial",
            "reason": "ended with signal SIGKILL",
        }
    ]
    assert data["processes_left_behind"] == {"executor": 2}


def test_the_tally_counts_rows_by_verdict(record: Record) -> None:
    assert record.tally() == {Verdict.MISSED: 2, Verdict.NO_PEER: 1}


def test_the_terminal_shows_medians_spread_ratios_and_cold_calls(record: Record) -> None:
    text = text_of(record)
    assert "9,500/s ±5%" in text
    assert "3.2 x" in text
    assert "0.45 x" in text
    assert "3.10 ms" in text


def test_the_terminal_says_how_far_a_missed_budget_is(record: Record) -> None:
    text = text_of(record)
    assert "missed (0.50 of the budget)" in text
    assert "met (1.13 of the budget)" in text
    assert "Budgets: 2 missed, 1 no peer." in text


def test_the_terminal_is_honest_about_losses_failures_and_absences(record: Record) -> None:
    text = text_of(record)
    assert "Behind on Pi, 100 x 10^5, 4 blocks: Executor (0.80 x)" in text
    assert "Failed: Executor, task_serial: ended with signal SIGKILL" in text
    assert "Executor left 2 processes behind" in text
    assert "Not installed, so left out: Ray, Dask. They come with: pip install" in text
    assert "Left out for want of numpy: array_argument." in text
    assert "'heliostat[bench]'" in text
    assert "Behind on task, one at a time" not in text


def test_a_figure_above_the_floor_is_called_into_question(record: Record) -> None:
    assert "Above the floor" not in text_of(record)
    record.outcome.samples["pi_4"]["floor"] = [1000.0]
    again = make_record(record.plan, record.outcome, MACHINE, "now")
    text = " ".join(text_of(again).split())
    assert "Above the floor on Pi, 100 x 10^5, 4 blocks" in text
    assert "don't quote this figure" in text


def test_one_at_a_time_may_be_above_a_floor_that_sleeps(record: Record) -> None:
    record.outcome.samples["task_serial"]["floor"] = [4000.0]
    again = make_record(record.plan, record.outcome, MACHINE, "now")
    text = " ".join(text_of(again).split())
    assert "Above the floor on task, one at a time (2.4 x): the floor sleeps" in text
    assert "don't quote this figure" not in text


def test_the_terminal_states_machine_versions_and_repetitions(record: Record) -> None:
    text = " ".join(text_of(record).split())
    assert "Some CPU, CPUs 0,1 of 4, 8.0 GiB" in text
    assert "repetitions: 3" in text
    assert "Executor Python 3." in text


def test_a_narrow_terminal_gets_the_columns_in_parts_with_ours_in_each(record: Record) -> None:
    text = text_of(record, width=60)
    assert text.count("9,500/s") == text_of(record).count("9,500/s") + 2
    assert max(len(line.rstrip()) for line in text.split("Budgets")[0].splitlines()) <= 60


def test_a_run_with_nothing_in_it_still_says_why() -> None:
    outcome = Outcome(failures=[Failure("mp-pool", "start", "OSError: [no] room")])
    empty = make_record(Plan(rows=[], subjects=["mp-pool"]), outcome, MACHINE, "now")
    assert "Failed: mp.Pool, start: OSError: [no] room" in text_of(empty)


def test_quick_and_interrupted_runs_say_so(record: Record) -> None:
    record.outcome.interrupted = True
    plan = Plan(rows=record.plan.rows, subjects=record.plan.subjects, quick=True)
    text = text_of(make_record(plan, record.outcome, MACHINE, "now"))
    assert "Interrupted: these are the repetitions that had ended." in text
    assert "Quick run: a tenth of the work; a look, not a measurement." in text


def test_columns_are_packed_and_one_too_wide_stands_alone() -> None:
    widths = {"a": 5, "b": 5, "c": 20, "d": 3}
    assert parts(["a", "b", "c", "d"], widths, 10) == [["a", "b"], ["c"], ["d"]]
    assert parts([], {}, 10) == [[]]


def test_the_chart_is_a_picture_of_the_rows_with_ratios(record: Record, tmp_path: Path) -> None:
    target = tmp_path / "chart.png"
    # In a process of its own: matplotlib keeps the files of its fonts open as long as it lives.
    subprocess.run(
        [sys.executable, "-c", _DRAW, target], input=pickle.dumps(record), check=True, timeout=50
    )
    assert target.read_bytes().startswith(b"\x89PNG\r\n")
    assert [line.row.key for line in compared(record)] == ["task_serial", "pi_4"]


def test_a_chart_of_nothing_is_refused(tmp_path: Path) -> None:
    empty = make_record(Plan(rows=[], subjects=["mp-pool"]), Outcome(), MACHINE, "now")
    with pytest.raises(ValueError, match="nothing to draw"):
        draw(empty, tmp_path / "chart.png")


def test_without_matplotlib_the_chart_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heliostat.bench.chart.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'heliostat\[bench\]'"):
        require_matplotlib()
