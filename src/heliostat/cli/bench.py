"""``heliostat bench core``: what to measure in, files and a report out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from heliostat.bench import machine
from heliostat.bench.chart import draw, require_matplotlib
from heliostat.bench.plan import Plan, make_plan
from heliostat.bench.record import Record, as_json, make_record
from heliostat.bench.report import show
from heliostat.bench.results import OURS
from heliostat.bench.rows import ROW_OF
from heliostat.bench.runner import WORKERS, Runner
from heliostat.bench.subjects import SUBJECTS

_INTERRUPTED: Final = 130
_LOG_WIDTH: Final = 180
_SMAPS: Final = Path("/proc/self/smaps_rollup")
_FILE: Final = click.Path(dir_okay=False, path_type=Path)


@click.group()
def bench() -> None:
    """Measure Heliostat beside its peers on this machine."""


def _words(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[str, ...]:
    """The words of a list separated by commas."""
    return tuple(word.strip() for word in (value or "").split(",") if word.strip())


@bench.command(
    epilog=f"Subjects: {', '.join(SUBJECTS)}.\n\nRows: {', '.join(ROW_OF)}.",
)
@click.option("--quick", is_flag=True, help="A tenth of the work, once: a look, no measurement.")
@click.option("--repeat", type=click.IntRange(1), help="Repetitions; by default 5, 7 of Pi.")
@click.option("--subjects", callback=_words, help="Some only, by commas; default: all installed.")
@click.option("--rows", callback=_words, help="Some only, by commas; a beginning is enough.")
@click.option(
    "--timeout",
    type=click.FloatRange(1),
    default=120.0,
    show_default=True,
    help="Seconds that one workload of a subject may take.",
)
@click.option("--json", "json_file", type=_FILE, help="Write everything, samples too, here.")
@click.option("--chart", "chart_file", type=_FILE, help="Draw the ratios into this PNG.")
def core(
    *,
    quick: bool,
    repeat: int | None,
    subjects: tuple[str, ...],
    rows: tuple[str, ...],
    timeout: float,
    json_file: Path | None,
    chart_file: Path | None,
) -> None:
    """Run the same workloads on every subject; show medians, ratios and budgets.

    Each subject runs in processes of its own, on the same two CPUs, in turn. All of it takes
    about half an hour; the machine should do nothing else.
    """
    try:
        plan = make_plan(rows=rows, subjects=subjects, repeat=repeat, quick=quick, timeout=timeout)
        check(plan, json_file, chart_file)
    except (ValueError, ModuleNotFoundError, OSError) as error:
        raise click.ClickException(str(error)) from error
    facts = machine.describe(machine.choose_cpus(WORKERS))
    created = datetime.now(timezone.utc).astimezone().isoformat(timespec="seconds")
    tell = _teller(Console(stderr=True, highlight=False))
    outcome = Runner(plan, tell).run()
    tell("")
    record = make_record(plan, outcome, facts, created)
    _write(record, json_file, chart_file)
    show(record, _wide_console())
    if outcome.interrupted:
        raise click.exceptions.Exit(_INTERRUPTED)
    if any(failure.subject == OURS for failure in outcome.failures):
        raise click.ClickException("heliostat failed a workload; see above")


def check(plan: Plan, json_file: Path | None, chart_file: Path | None) -> None:
    """Find out before the run what would spoil its end.

    Raises:
        ValueError: If nothing is left to measure, or to draw.
        ModuleNotFoundError: If the chart can't be drawn.
        OSError: If this isn't Linux, or a folder for the files can't be made.
    """
    if not _SMAPS.exists():
        raise OSError("heliostat bench weighs processes by /proc and pins them: it needs Linux")
    if not plan.subjects:
        titles = ", ".join(SUBJECTS[name].title for name in plan.absent)
        raise ValueError(f"not installed: {titles}; try: pip install 'heliostat[peers]'")
    if not plan.rows:
        raise ValueError("the rows need numpy; try: pip install 'heliostat[bench]'")
    if chart_file is not None:
        require_matplotlib()
        if OURS not in plan.subjects or len(plan.subjects) == 1:
            raise ValueError("--chart compares heliostat with others: it takes both as --subjects")
    for file in (json_file, chart_file):
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)


def _write(record: Record, json_file: Path | None, chart_file: Path | None) -> None:
    """The files come first: nothing that happens in the terminal afterwards can lose them."""
    if json_file is not None:
        json_file.write_text(json.dumps(as_json(record), indent=2, ensure_ascii=False) + "\n")
    if chart_file is not None:
        try:
            draw(record, chart_file)
        except ValueError as error:
            click.echo(f"No chart: {error}", err=True)


def _wide_console() -> Console:
    """Standard output; a file or a log has no width of its own, and gets what the tables need."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _LOG_WIDTH
    return console


def _teller(console: Console) -> Callable[[str], None]:
    """Shows what goes on: one changing line in a terminal, else a line a subject and round.

    Nothing ticks in between: a spinner would take its share of the two CPUs under test.
    """
    last = ""

    def tell(line: str) -> None:
        nonlocal last
        if console.is_terminal:
            console.print(line.ljust(console.width - 1)[: console.width - 1], end="\r")
        elif (head := line.partition(":")[0]) not in ("", last):
            last = head
            console.print(head)

    return tell
