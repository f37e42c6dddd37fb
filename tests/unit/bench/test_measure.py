"""How often a workload is run, what is timed of it, and what the floor does."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heliostat.bench import measure as measure_module
from heliostat.bench.floor import FLOORS
from heliostat.bench.measure import Specification, calibrate, main, measure
from heliostat.bench.rows import Row
from heliostat.bench.workloads import WrongResultError, expect


class Clocked:
    """A workload that counts, and takes exactly so long by what times it."""

    def __init__(self, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[int] = []
        self._seconds = seconds
        monkeypatch.setattr(measure_module, "timed", self._timed)

    def __call__(self, n: int) -> None:
        self.calls.append(n)

    def _timed(self, run: Callable[[int], None], n: int) -> float:
        run(n)
        return n * self._seconds


def test_calibration_finds_how_many_fill_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Clocked(0.001, monkeypatch)
    assert calibrate(run, 0.5) == 500
    assert run.calls == [1, 4, 16, 64, 256]


def test_calibration_of_what_is_slow_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert calibrate(Clocked(3.0, monkeypatch), 0.5) == 1


def test_a_row_with_a_size_is_warmed_up_and_then_timed_at_that_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Clocked(0.000_1, monkeypatch)
    cold, rate = measure(Row("bulk", "bulk", "/s", size=2000), run, quick=False)
    assert cold == pytest.approx(0.0001)
    assert rate == pytest.approx(10_000)
    assert run.calls == [1, 2000, 2000, 2000, 2000]


def test_a_slow_row_is_timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Clocked(0.001, monkeypatch)
    measure(Row("bulk", "bulk", "/s", size=5000), run, quick=False)
    assert run.calls == [1, 5000, 5000]


def test_quick_is_a_tenth_of_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Clocked(0.001, monkeypatch)
    measure(Row("bulk", "bulk", "/s", size=5000), run, quick=True)
    assert run.calls == [1, 500, 500]


def test_a_cost_is_seconds_for_one_and_an_amount_scales_a_rate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert measure(Row("pi", "pi", "s", size=1), Clocked(0.7, monkeypatch), quick=False)[1] == (
        pytest.approx(0.7)
    )
    large = Row("copy", "copy", "GB/s", amount=0.1)
    assert measure(large, Clocked(0.02, monkeypatch), quick=False)[1] == pytest.approx(5.0)


@pytest.mark.parametrize("key", ["task_serial", "task_bulk", "task_dict", "actor_create"])
def test_a_floor_runs_to_its_end_at_any_size(key: str) -> None:
    before = os.sched_getaffinity(0)
    with FLOORS[key]() as run:
        for n in (1, 63, 64, 65, 20_000 if "bulk" in key else 300):
            run(n)
    assert os.sched_getaffinity(0) == before


def test_a_floor_forks_before_it_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("task_serial", "task_bulk", "pi_4"):
        with FLOORS[key]() as run, monkeypatch.context() as patched:
            patched.setattr(os, "fork", lambda: pytest.fail("forked while timed"))
            run(1)


def test_only_the_first_call_is_outside_of_the_steady_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Clocked(0.001, monkeypatch)
    entered: list[int] = []

    @contextlib.contextmanager
    def steady() -> Iterator[None]:
        entered.append(len(run.calls))
        yield

    measure(Row("bulk", "bulk", "/s", size=50), run, quick=False, steady=steady())
    assert entered == [1]
    assert len(run.calls) > 2


def test_a_wrong_result_is_an_error() -> None:
    expect([1], [1])
    with pytest.raises(WrongResultError, match=r"expected \[2\], got \[1\]"):
        expect([1], [2])


def test_the_process_of_a_subject_says_each_step(tmp_path: Path) -> None:
    output = tmp_path / "messages"
    spec = Specification("floor", ["task_serial"], "mark", 2, quick=True, output=str(output))
    assert main(spec.dumps()) == 0
    messages = [json.loads(line) for line in output.read_text().splitlines()]
    assert [message["event"] for message in messages] == ["started", "begin", "values", "stopped"]
    assert messages[2]["values"]["task_serial"] > 0
    assert messages[2]["cold"] > 0


def test_a_failure_is_said_before_it_ends_the_process(tmp_path: Path) -> None:
    output = tmp_path / "messages"
    spec = Specification("floor", ["wait"], "mark", 2, quick=True, output=str(output))
    with pytest.raises(KeyError):
        main(spec.dumps())
    assert json.loads(output.read_text().splitlines()[-1]) == {
        "event": "failed",
        "reason": "KeyError: 'wait'",
    }
