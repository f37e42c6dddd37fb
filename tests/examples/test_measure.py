"""What the measurement makes of its times, without measuring."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from examples.classifier.measure import DELAYS, QUEUE_SIZES, Cell, plan, table, verdict


@pytest.fixture
def cells() -> list[Cell]:
    """The plan of the demonstration, as if each document cost 1 ms beyond its delay."""
    return [
        replace(cell, seconds=cell.ideal_seconds + cell.documents * 0.001)
        for cell in plan(QUEUE_SIZES, DELAYS, documents=40, cpus=16)
    ]


def test_the_plan_has_every_queue_size_and_delay() -> None:
    cells = plan(QUEUE_SIZES, DELAYS, documents=40, cpus=16)
    report = {(c.queue_size, c.delay) for c in cells if c.policy == "empty"}
    assert report == {(size, delay) for size in (0, 1, 5, 10, 20) for delay in (0.05, 0.1, 0.2)}
    other = {c.queue_size for c in cells if c.policy == "refill"}
    assert other == {5, 10, 20}  # with one in flight there is nothing to refill


def test_the_plan_leaves_time_within_the_minute_of_the_demonstration() -> None:
    cells = plan(QUEUE_SIZES, DELAYS, documents=40, cpus=16)
    first = sum(cell.delay for cell in cells)  # a batch before each clock starts
    assert sum(cell.ideal_seconds for cell in cells) + first < 45


def test_the_figures_of_a_cell() -> None:
    cell = Cell("empty", queue_size=20, delay=0.2, documents=40, cpus=16, seconds=1.0)
    assert cell.ideal_seconds == pytest.approx(0.8)
    assert cell.ideal_speedup == pytest.approx(10)
    assert cell.of_ideal == pytest.approx(0.8)
    assert cell.overhead == pytest.approx(0.005)


def test_the_table_shows_each_cell_beside_the_sequential_time(cells: list[Cell]) -> None:
    text = printed(table(cells))
    assert "40 documents on 16 logical CPUs" in text
    rows = [line.split() for line in text.splitlines() if " ms" in line]
    assert len(rows) == len(cells)
    # 40 x (0.2 + 0.001) s over 4 x 0.2 + 0.04 s
    row = next(row for row in rows if {"all", "20", "0.2"} <= set(row))
    assert {"0.840", "9.57", "10.00", "95.2%", "1.00"} <= set(row)


def test_the_verdict_names_the_worst_cells(cells: list[Cell]) -> None:
    slow = replace(cells[-1], seconds=cells[-1].ideal_seconds + 40 * 0.002)
    assert verdict([*cells, slow]) == (
        "At a delay of 0.2 s every cell reaches at least 88.2% of its ideal. "
        "A document costs at most 2.00 ms beyond its delay."
    )


def printed(renderable: object) -> str:
    console = Console(file=StringIO(), width=120)
    console.print(renderable)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()
