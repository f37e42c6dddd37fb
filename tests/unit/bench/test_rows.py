"""The rows are those of the budget table, and words choose among them."""

from __future__ import annotations

import pytest

from heliostat.bench.floor import FLOORS
from heliostat.bench.rows import BEST_PEER, FLOOR, MB, ROW_OF, ROWS, Limit, chosen_rows
from heliostat.bench.scenarios import SCENARIOS
from heliostat.bench.subjects import SUBJECTS
from heliostat.bench.workloads import WORKLOADS

BUDGETS = {
    "startup": [Limit(0.15)],
    "memory_idle": [Limit(35 * MB)],
    "task_serial": [Limit(0.4, FLOOR), Limit(17, "ray")],
    "task_bulk": [Limit(50, "ray"), Limit(2.5, "mp-pool")],
    "task_dict": [Limit(50, "ray")],
    "task_chain": [Limit(25, "ray")],
    "task_nested": [Limit(25, "ray")],
    "actor_serial": [Limit(0.4, FLOOR)],
    "actor_bulk": [Limit(30, "ray")],
    "actor_async": [Limit(15, "ray")],
    "actor_create": [Limit(150)],
    "put_int": [Limit(75, "ray")],
    "get_int": [Limit(20, "ray")],
    "put_get_array": [Limit(0.6, FLOOR)],
    "array_argument": [Limit(0.6, FLOOR)],
    "array_return": [Limit(2, "ray")],
    "wait": [Limit(12, "ray")],
    "million_memory": [Limit(1000 * MB)],
    "actors_30": [Limit(200 * MB)],
    "actors_1000": [Limit(6 * MB)],
    "actors_1000_time": [Limit(10)],
}


@pytest.mark.parametrize("key", BUDGETS)
def test_a_row_has_the_budget_that_was_set(key: str) -> None:
    assert list(ROW_OF[key].limits) == BUDGETS[key]


@pytest.mark.parametrize("blocks", [4, 5, 10, 20, 100])
def test_pi_is_within_two_percent_of_the_best_peer_by_the_median_of_seven(blocks: int) -> None:
    row = ROW_OF[f"pi_{blocks}"]
    assert list(row.limits) == [Limit(1.02, BEST_PEER)]
    assert row.repeat == 7


def test_the_other_rows_are_measured_five_times() -> None:
    assert {row.repeat for row in ROWS if not row.key.startswith("pi_")} == {5}


def test_rows_of_one_call_at_a_time_are_pinned_as_their_floor_is() -> None:
    assert {row.key for row in ROWS if row.apart} == {"task_serial", "actor_serial"}


def test_keys_are_unique() -> None:
    assert len(ROW_OF) == len(ROWS)


def test_every_row_is_made_by_something() -> None:
    makers = {"startup", *WORKLOADS, *SCENARIOS}
    assert {row.made_by for row in ROWS} == makers


def test_every_limit_refers_to_a_column_of_the_report_or_the_best_of_them() -> None:
    references = {limit.of for row in ROWS for limit in row.limits} - {None, BEST_PEER}
    assert references <= set(SUBJECTS)


def test_a_row_whose_limit_is_a_part_of_the_floor_has_a_floor() -> None:
    keys = {row.key for row in ROWS for limit in row.limits if limit.of == FLOOR}
    assert keys <= set(FLOORS)


def test_the_sizes_are_those_of_the_titles() -> None:
    assert {
        key: ROW_OF[key].size for key in ("task_bulk", "actor_bulk", "actor_async", "wait")
    } == {
        "task_bulk": 5000,
        "actor_bulk": 5000,
        "actor_async": 2000,
        "wait": 1000,
    }


def test_without_words_all_rows_are_chosen() -> None:
    assert chosen_rows() == list(ROWS)


def test_a_word_chooses_by_the_beginning_in_the_order_of_the_report() -> None:
    assert [row.key for row in chosen_rows(["wait", "put"])] == ["put_int", "put_get_array", "wait"]


def test_a_word_that_chooses_nothing_is_answered_with_what_there_is() -> None:
    with pytest.raises(ValueError, match=r"no row is called 'tsk'; rows are: startup, memory_idle"):
        chosen_rows(["task", "tsk"])
