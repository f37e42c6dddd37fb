"""Medians, ratios and verdicts, from made-up samples."""

from __future__ import annotations

import pytest

from heliostat.bench.results import (
    Figure,
    Outcome,
    Verdict,
    ahead,
    best_peer,
    check,
    judge,
    lines,
)
from heliostat.bench.rows import BEST_PEER, FLOOR, Limit, Row

RATE = Row("rate", "a rate", "/s", (Limit(0.4, FLOOR), Limit(17, "ray")))
COST = Row("cost", "a cost", "s", (Limit(1.02, BEST_PEER),))


def figures(**medians: float) -> dict[str, Figure]:
    return {name: Figure.of([median]) for name, median in medians.items()}


def outcome_of(row: Row, **samples: list[float]) -> Outcome:
    outcome = Outcome()
    for name, values in samples.items():
        for value in values:
            outcome.add(row.key, name, value)
    return outcome


def test_a_figure_is_the_median_with_its_extremes() -> None:
    figure = Figure.of([10.0, 30.0, 20.0, 21.0, 5.0])
    assert (figure.median, figure.least, figure.most, figure.count) == (20.0, 5.0, 30.0, 5)


def test_the_spread_is_that_of_the_sample_farthest_from_the_median() -> None:
    assert Figure.of([20.0, 18.0, 30.0]).spread == pytest.approx(0.5)
    assert Figure.of([20.0, 8.0, 21.0]).spread == pytest.approx(0.6)
    assert Figure.of([0.0]).spread == 0.0


def test_ahead_is_above_one_for_the_greater_rate_and_for_the_smaller_cost() -> None:
    assert ahead(RATE, 200.0, 100.0) == 2.0
    assert ahead(COST, 0.5, 1.0) == 2.0
    assert ahead(COST, 2.0, 1.0) == 0.5


def test_a_cost_of_nothing_is_infinitely_ahead() -> None:
    assert ahead(COST, 0.0, 1.0) == float("inf")


def test_the_best_peer_is_neither_us_nor_the_floor() -> None:
    table = figures(heliostat=9.0, floor=99.0, ray=1.0, dask=2.0)
    assert best_peer(RATE, table) == "dask"
    assert best_peer(COST, table) == "ray"
    assert best_peer(RATE, figures(heliostat=9.0, floor=99.0)) is None


def test_a_rate_meets_its_limit_at_exactly_the_target() -> None:
    held = check(RATE, Limit(17, "ray"), figures(heliostat=1700.0, ray=100.0))
    assert (held.target, held.reference, held.share) == (1700.0, "ray", 1.0)
    assert held.verdict is Verdict.MET


def test_a_missed_limit_says_how_much_of_it_is_reached() -> None:
    held = check(RATE, Limit(0.4, FLOOR), figures(heliostat=3000.0, floor=10_000.0))
    assert held.verdict is Verdict.MISSED
    assert held.share == pytest.approx(0.75)


def test_an_absolute_cost_is_missed_above_it() -> None:
    row = Row("memory", "memory", "B", (Limit(35.0),))
    assert check(row, Limit(35.0), figures(heliostat=34.0)).verdict is Verdict.MET
    missed = check(row, Limit(35.0), figures(heliostat=70.0))
    assert (missed.verdict, missed.share, missed.reference) == (Verdict.MISSED, 0.5, None)


def test_the_best_peer_limit_names_the_peer_it_came_from() -> None:
    held = check(COST, COST.limits[0], figures(heliostat=1.01, ray=1.2, loky=1.0, floor=0.5))
    assert (held.reference, held.verdict) == ("loky", Verdict.MET)
    assert held.target == pytest.approx(1.02)


def test_without_its_reference_a_limit_is_not_judged() -> None:
    held = check(RATE, Limit(17, "ray"), figures(heliostat=1e9))
    assert (held.verdict, held.target, held.share) == (Verdict.NO_PEER, None, None)
    assert check(COST, COST.limits[0], figures(heliostat=1.0)).verdict is Verdict.NO_PEER


def test_without_us_a_limit_is_not_run_whatever_else_is_missing() -> None:
    assert check(RATE, Limit(17, "ray"), figures(ray=1.0)).verdict is Verdict.NOT_RUN
    assert check(RATE, Limit(17, "ray"), figures(dask=1.0)).verdict is Verdict.NOT_RUN


def test_one_missed_limit_decides_then_one_unknown() -> None:
    met = check(RATE, Limit(1.0), figures(heliostat=2.0))
    missed = check(RATE, Limit(3.0), figures(heliostat=2.0))
    unknown = check(RATE, Limit(17, "ray"), figures(heliostat=2.0))
    assert judge((met, missed, unknown)) is Verdict.MISSED
    assert judge((met, unknown)) is Verdict.NO_PEER
    assert judge((met, met)) is Verdict.MET
    assert judge(()) is Verdict.NONE


def test_a_line_has_ratios_to_all_others_and_names_the_losses_to_peers_alone() -> None:
    outcome = outcome_of(RATE, heliostat=[10.0, 12.0, 11.0], ray=[1.0], loky=[22.0], floor=[100.0])
    [line] = lines(outcome, [RATE])
    assert line.ratios == {"ray": 11.0, "loky": 0.5, "floor": pytest.approx(0.11)}
    assert line.losses == {"loky": 0.5}
    assert line.verdict is Verdict.MISSED


def test_without_us_there_are_no_ratios() -> None:
    [line] = lines(outcome_of(RATE, ray=[1.0]), [RATE])
    assert (line.ratios, line.losses, line.verdict) == ({}, {}, Verdict.NOT_RUN)


def test_a_row_that_nobody_has_is_no_line() -> None:
    assert lines(outcome_of(RATE, ray=[1.0]), [COST]) == []


def test_the_first_call_is_the_median_of_the_cold_ones() -> None:
    outcome = Outcome()
    for cold in (0.3, 0.1, 0.2):
        outcome.add("rate", "ray", 1.0, cold)
    outcome.add("cost", "ray", 1.0)
    assert outcome.first_call("rate", "ray") == 0.2
    assert outcome.first_call("cost", "ray") is None
