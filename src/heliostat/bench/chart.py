"""The chart: how many times heliostat is ahead of everybody, row by row, as a PNG."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from heliostat.bench.record import Record
from heliostat.bench.results import OURS, Line, Verdict
from heliostat.bench.rows import FLOOR
from heliostat.bench.subjects import SUBJECTS

_MARKS: Final = {
    "ray": ("o", "#d1495b"),
    "dask": ("s", "#edae49"),
    "parsl": ("D", "#66a182"),
    "mp-pool": ("^", "#00798c"),
    "executor": ("v", "#2e4057"),
    "loky": ("P", "#8d6a9f"),
    FLOOR: ("|", "#000000"),
}
_VERDICTS: Final = {Verdict.MET: "#2a7f2a", Verdict.MISSED: "#b3202c"}
_INCHES_A_ROW: Final = 0.32


def require_matplotlib() -> None:
    """Find out before the run, not after it, that the chart can't be drawn.

    Raises:
        ModuleNotFoundError: If matplotlib isn't installed, with the command that installs it.
    """
    if find_spec("matplotlib") is None:
        raise ModuleNotFoundError(
            "the chart needs matplotlib, which isn't installed: pip install 'heliostat[bench]'",
            name="matplotlib",
        )


def compared(record: Record) -> list[Line]:
    """The rows that have something to compare us with."""
    return [line for line in record.lines if line.ratios]


def draw(record: Record, path: Path) -> None:
    """Write the chart.

    Args:
        record: The run.
        path: Where to; the suffix decides the format.

    Raises:
        ValueError: If heliostat shares no row with another subject.
    """
    lines = compared(record)
    if not lines:
        raise ValueError("there is nothing to draw: heliostat shares no row with another subject")
    figure_module: Any = import_module("matplotlib.figure")
    figure = figure_module.Figure(figsize=(10, 1.6 + _INCHES_A_ROW * len(lines)))
    axes = figure.subplots()
    _points(axes, record, lines)
    _dress(axes, record, lines)
    figure.savefig(path, dpi=150, bbox_inches="tight")


def _points(axes: Any, record: Record, lines: list[Line]) -> None:
    """One mark a subject and row."""
    for name in record.plan.subjects:
        places = [
            (line.ratios[name], place) for place, line in enumerate(lines) if name in line.ratios
        ]
        if name == OURS or not places:
            continue
        marker, colour = _MARKS[name]
        axes.scatter(
            [ratio for ratio, _ in places],
            [place for _, place in places],
            marker=marker,
            color=colour,
            s=60,
            label=SUBJECTS[name].title,
            zorder=3,
        )


def _dress(axes: Any, record: Record, lines: list[Line]) -> None:
    """Axes, titles in the colour of their verdict, and what it ran on."""
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(lines)), [line.row.title for line in lines])
    for label, line in zip(axes.get_yticklabels(), lines, strict=True):
        label.set_color(_VERDICTS.get(line.verdict, "black"))
    axes.invert_yaxis()
    axes.grid(visible=True, axis="x", which="major", color="#dddddd")
    axes.set_xlabel("times heliostat is ahead (left of 1: behind); log scale")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    quick = "quick run, a tenth of the work once\n" if record.plan.quick else ""
    axes.set_title(
        f"heliostat bench core\n{quick}green: budget met, red: missed\n"
        f"{record.machine['cpu']}, {record.machine['python']}, {record.created}",
        loc="left",
        fontsize=9,
    )
