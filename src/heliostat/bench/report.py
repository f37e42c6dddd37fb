"""The report in the terminal: who is ahead by how much, and how each budget stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from heliostat.bench import units
from heliostat.bench.record import Record
from heliostat.bench.results import OURS, Line, Verdict
from heliostat.bench.subjects import SUBJECTS

_TITLE_WIDTH: Final = 36
_COLUMN_WIDTH: Final = 16
_COLOURS: Final = {
    Verdict.MET: "green",
    Verdict.MISSED: "red",
    Verdict.NO_PEER: "yellow",
    Verdict.NOT_RUN: "yellow",
}

Cell = Callable[[Line, str], str]


def show(record: Record, console: Console) -> None:
    """Print the whole report."""
    if record.lines:
        for table in figure_tables(record, console.width):
            console.print(table)
        for table in first_call_tables(record, console.width):
            console.print(table)
        console.print(budget_table(record))
    for note in notes(record):
        console.print(note, highlight=False)


def figure_tables(record: Record, width: int) -> Iterator[Table]:
    """Medians with their spread; below those of the others, how many times we are ahead."""
    yield from _tables(record, width, "Medians, and how many times heliostat is ahead", figure_cell)


def first_call_tables(record: Record, width: int) -> Iterator[Table]:
    """The first call of each row, which starts, ships and touches what later ones find ready."""
    if record.outcome.cold:
        yield from _tables(
            record,
            width,
            "First calls, cold (not part of the medians)",
            lambda line, name: _first_call(record, line, name),
            [line for line in record.lines if line.row.key in record.outcome.cold],
        )


def figure_cell(line: Line, name: str) -> str:
    """One subject's figure of one row."""
    figure = line.figures.get(name)
    if figure is None:
        return "[dim]-[/]"
    text = units.quantity(figure.median, line.row.unit)
    if figure.count > 1:
        text += f" [dim]±{figure.spread:.0%}[/]"
    if name in line.ratios:
        colour = "red" if name in line.losses else "green" if line.ratios[name] >= 1 else "dim"
        text += f"\n[{colour}]{units.ratio(line.ratios[name])}[/]"
    return text


def _first_call(record: Record, line: Line, name: str) -> str:
    cold = record.outcome.first_call(line.row.key, name)
    return "[dim]-[/]" if cold is None else units.seconds(cold)


def _tables(
    record: Record, width: int, title: str, cell: Cell, lines: Sequence[Line] = ()
) -> Iterator[Table]:
    """The table, in as many parts as the terminal needs; our own column is in each of them."""
    names = record.plan.subjects
    ours = [name for name in names if name == OURS]
    others = [name for name in names if name != OURS]
    room = max((width - _TITLE_WIDTH) // _COLUMN_WIDTH - len(ours), 1)
    for start in range(0, max(len(others), 1), room):
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("", no_wrap=True)
        shown = ours + others[start : start + room]
        for name in shown:
            table.add_column(SUBJECTS[name].title, justify="right", no_wrap=True)
        for line in lines or record.lines:
            table.add_row(line.row.title, *(cell(line, name) for name in shown))
        yield table


def budget_table(record: Record) -> Table:
    """Every limit of every budget, what it asks for here, and what we have."""
    table = Table(title="Budgets", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    table.add_column("budget")
    for heading in ("here", "heliostat"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict")
    for line in record.lines:
        figure = line.figures.get(OURS)
        for number, check in enumerate(line.checks):
            table.add_row(
                line.row.title if number == 0 else "",
                units.budget(line.row, check.limit),
                "-" if check.target is None else units.quantity(check.target, line.row.unit),
                "-" if figure is None else units.quantity(figure.median, line.row.unit),
                verdict(check.verdict, check.share),
            )
    return table


def verdict(word: Verdict, share: float | None) -> str:
    """A verdict, with how far from the budget we are: 1.00 is the budget itself."""
    colour = _COLOURS.get(word, "dim")
    reached = "" if share is None else f" ({share:.2f} of the budget)"
    return f"[{colour}]{word.value}[/]{reached}"


def notes(record: Record) -> Iterator[str]:
    """What the tables don't say: losses, failures, what was left out, and on what it ran."""
    plan, outcome = record.plan, record.outcome
    tally = record.tally()
    if tally:
        counts = ", ".join(f"{count} {word.value}" for word, count in tally.items())
        yield f"Budgets: {counts}."
    for line in record.lines:
        if line.losses:
            beaten = ", ".join(
                f"{SUBJECTS[name].title} ({units.ratio(ratio)})"
                for name, ratio in line.losses.items()
            )
            yield f"[red]Behind[/] on {line.row.title}: {escape(beaten)}"
    for failure in outcome.failures:
        title = SUBJECTS[failure.subject].title
        yield f"[red]Failed[/]: {title}, {failure.workload}: {escape(failure.reason)}"
    for name, count in outcome.leftovers.items():
        yield f"{SUBJECTS[name].title} left {count} processes behind; they were killed."
    if plan.absent:
        titles = ", ".join(SUBJECTS[name].title for name in plan.absent)
        yield (
            f"Not installed, so left out: {titles}. They come with: "
            + escape("pip install 'heliostat[peers]'")
        )
    for module in sorted({row.requires for row in plan.dropped}):
        keys = ", ".join(row.key for row in plan.dropped if row.requires == module)
        yield (
            f"Left out for want of {module}: {keys}. It comes with: "
            + escape("pip install 'heliostat[bench]'")
        )
    if outcome.interrupted:
        yield "[yellow]Interrupted[/]: these are the repetitions that had ended."
    if plan.quick:
        yield "[yellow]Quick run[/]: a tenth of the work, once; a look, not a measurement."
    yield from _circumstances(record)


def _circumstances(record: Record) -> Iterator[str]:
    machine = record.machine
    counts = sorted({record.plan.repetitions(row) for row in record.plan.rows})
    repeated = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1])))) if counts else "0"
    yield (
        f"[dim]{record.created}; {machine['cpu']}, CPUs {machine['cpus_used']} of "
        f"{machine['cpus']}, {machine['memory']}; {machine['system']}; {machine['python']}; "
        f"load {machine['load_before']} before; {repeated} repetitions, subjects in turn, "
        "2 workers each; floor: two processes pinned on two cores; "
        "± is the sample farthest from the median.[/]"
    )
    versions = ", ".join(
        f"{SUBJECTS[name].title} {version}" for name, version in record.versions.items()
    )
    yield f"[dim]{versions}[/]"
