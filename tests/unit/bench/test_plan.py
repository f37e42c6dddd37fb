"""What is asked for becomes what is measured, and what can't be is named."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec

import pytest

from heliostat.bench import plan as plan_module
from heliostat.bench import subjects as subjects_module
from heliostat.bench.plan import Plan, make_plan
from heliostat.bench.rows import ROW_OF
from heliostat.bench.runner import can_do
from heliostat.bench.subjects import SUBJECTS, load


def without(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    def find_spec(name: str) -> ModuleSpec | None:
        return None if name in missing else importlib.util.find_spec(name)

    monkeypatch.setattr(plan_module, "find_spec", find_spec)
    monkeypatch.setattr(subjects_module, "find_spec", find_spec)


def test_peers_that_are_not_installed_are_left_out_and_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "ray", "distributed", "parsl", "loky")
    plan = make_plan()
    assert plan.subjects == ["heliostat", "mp-pool", "executor", "floor"]
    assert plan.absent == ["ray", "dask", "parsl", "loky"]


def test_rows_that_take_numpy_are_left_out_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "numpy")
    plan = make_plan(rows=["array", "wait"])
    assert [row.key for row in plan.rows] == ["wait"]
    assert [row.key for row in plan.dropped] == ["array_argument", "array_return"]


def test_subjects_come_in_the_order_of_the_report() -> None:
    plan = make_plan(subjects=["floor", "executor", "mp-pool"])
    assert plan.subjects == ["mp-pool", "executor", "floor"]


def test_an_unknown_subject_is_answered_with_those_there_are() -> None:
    with pytest.raises(
        ValueError, match="no subject is called 'rya'; subjects are: heliostat, ray"
    ):
        make_plan(subjects=["rya"])


@pytest.mark.parametrize(
    ("plan", "serial", "pi"),
    [
        (Plan(), 5, 7),
        (Plan(quick=True), 1, 1),
        (Plan(repeat=3), 3, 3),
        (Plan(quick=True, repeat=2), 2, 2),
    ],
)
def test_repetitions_are_the_rows_own_unless_told(plan: Plan, serial: int, pi: int) -> None:
    assert plan.repetitions(ROW_OF["task_serial"]) == serial
    assert plan.repetitions(ROW_OF["pi_4"]) == pi


def test_a_subject_has_the_rows_it_has_the_abilities_for() -> None:
    pool, ours = load("mp-pool"), load("heliostat")
    assert can_do(ROW_OF["task_bulk"], "mp-pool", pool)
    assert not can_do(ROW_OF["task_chain"], "mp-pool", pool)
    assert not can_do(ROW_OF["actor_serial"], "mp-pool", pool)
    assert all(can_do(row, "heliostat", ours) for row in ROW_OF.values())


def test_what_would_take_a_peer_an_hour_is_ours_alone() -> None:
    assert not can_do(ROW_OF["million_rate"], "ray", load("ray"))
    assert can_do(ROW_OF["actors_30"], "ray", load("ray"))


def test_the_floor_has_the_rows_with_a_floor() -> None:
    assert can_do(ROW_OF["task_serial"], "floor", None)
    assert can_do(ROW_OF["startup"], "floor", None)
    assert not can_do(ROW_OF["wait"], "floor", None)


def test_subjects_can_be_listed_with_their_versions() -> None:
    assert SUBJECTS["executor"].installed
    assert SUBJECTS["executor"].version.startswith("Python 3.")
