"""The report in the terminal: who is ahead by how much, and how each budget stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from heliostat.bench import units
from heliostat.bench.record import Record
from heliostat.bench.results import OURS, Line, Verdict
from heliostat.bench.rows import FLOOR
from heliostat.bench.subjects import SUBJECTS

_PADDING: Final = 2
_NOTHING: Final = "[dim]-[/]"
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
        _section(
            console,
            "Medians, and how many times heliostat is ahead",
            figure_tables(record, console.width),
        )
        if record.outcome.cold:
            _section(
                console,
                "First calls, cold: what the medians leave out",
                first_call_tables(record, console.width),
            )
        _section(console, "Budgets", [budget_table(record)])
    for note in notes(record):
        console.print(note, highlight=False)


def _section(console: Console, title: str, tables: Iterable[Table]) -> None:
    console.print(f"[bold]{title}[/]")
    for table in tables:
        console.print(table)


def figure_tables(record: Record, width: int) -> Iterator[Table]:
    """Medians with their spread; below those of the others, how many times we are ahead."""
    return _tables(record.plan.subjects, record.lines, figure_cell, width)


def first_call_tables(record: Record, width: int) -> Iterator[Table]:
    """The first call of each row, which starts, ships and touches what later ones find ready."""

    def cell(line: Line, name: str) -> str:
        seconds = record.outcome.first_call(line.row.key, name)
        return _NOTHING if seconds is None else units.seconds(seconds)

    lines = [line for line in record.lines if line.row.key in record.outcome.cold]
    return _tables(record.plan.subjects, lines, cell, width)


def figure_cell(line: Line, name: str) -> str:
    """One subject's figure of one row."""
    figure = line.figures.get(name)
    if figure is None:
        return _NOTHING
    text = units.quantity(figure.median, line.row.unit)
    if figure.count > 1:
        text += f" [dim]±{figure.spread:.0%}[/]"
    if name in line.ratios:
        colour = "red" if name in line.losses else "green" if line.ratios[name] >= 1 else "dim"
        text += f"\n[{colour}]{units.ratio(line.ratios[name])}[/]"
    return text


def _tables(
    subjects: Sequence[str], lines: Sequence[Line], cell: Cell, width: int
) -> Iterator[Table]:
    """One table, in as many parts as the width asks for; our own column is in each of them."""
    cells = {name: [cell(line, name) for line in lines] for name in subjects}
    widths = {
        name: max(map(_width, [SUBJECTS[name].title, *texts])) + _PADDING
        for name, texts in cells.items()
    }
    ours = [name for name in subjects if name == OURS]
    others = [name for name in subjects if name != OURS]
    fixed = max(len(line.row.title) for line in lines) + _PADDING + sum(widths[n] for n in ours)
    for part in parts(others, widths, width - fixed):
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("", no_wrap=True)
        for name in ours + part:
            table.add_column(SUBJECTS[name].title, justify="right", no_wrap=True)
        for number, line in enumerate(lines):
            table.add_row(line.row.title, *(cells[name][number] for name in ours + part))
        yield table


def parts(names: Sequence[str], widths: Mapping[str, int], room: int) -> list[list[str]]:
    """The names in as few parts as fit, one name at least in each; one empty part of none."""
    filled: list[list[str]] = [[]]
    used = 0
    for name in names:
        if filled[-1] and used + widths[name] > room:
            filled.append([])
            used = 0
        filled[-1].append(name)
        used += widths[name]
    return filled


def _width(markup: str) -> int:
    """Columns that a cell takes."""
    return max(Text.from_markup(line).cell_len for line in markup.split("\n"))


def budget_table(record: Record) -> Table:
    """Every limit of every budget, what it asks for here, and what we have."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
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


def _above_floor(line: Line) -> str:
    """What to think of a figure above what two bare processes reach."""
    above = f"on {line.row.title} ({units.ratio(line.ratios[FLOOR])})"
    if line.row.apart:
        return (
            f"Above the floor {above}: the floor sleeps until a packet comes; who looks for one "
            "first is not bound by it."
        )
    return (
        f"[yellow]Above the floor[/] {above}: more than the machine gives to bare "
        "processes, so noise, or work that was not done; don't quote this figure."
    )


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
    for line in record.lines:
        if line.ratios.get(FLOOR, 0) > 1:
            yield _above_floor(line)
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
        yield "[yellow]Quick run[/]: a tenth of the work; a look, not a measurement."
    yield from _circumstances(record)


def _circumstances(record: Record) -> Iterator[str]:
    machine = record.machine
    counts = sorted({record.plan.repetitions(row) for row in record.plan.rows})
    repeated = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1])))) if counts else "0"
    yield (
        f"[dim]{record.created}; {machine['cpu']}, CPUs {machine['cpus_used']} of "
        f"{machine['cpus']}, {machine['memory']}; {machine['system']}; {machine['python']}; "
        f"load {machine['load_before']} before; repetitions: {repeated}, subjects in turn, "
        "2 workers each; floor: two processes pinned on two cores, as are "
        "caller and workers in the rows of one call at a time; "
        "± is the sample farthest from the median.[/]"
    )
    versions = ", ".join(
        f"{SUBJECTS[name].title} {version}" for name, version in record.versions.items()
    )
    yield f"[dim]{versions}[/]"
