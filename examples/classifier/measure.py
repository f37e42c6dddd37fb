"""Measures how much faster than one document at a time the classifier gets.

    python -m examples.classifier measure [--chart speedup.png]

Each cell of the table is one run: a new classifier, 40 documents sent one after another, until
all are filed. The delay is that of one document. Every cell is measured, sequential ones too.

What a cell can reach at best is what its policy and the CPUs allow: so many delays one after
another (``rounds``), and nothing else. "of ideal" is that time divided by the measured one, and
the overhead is the difference, shared among the documents.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import heliostat as ray
from examples.classifier.actors import Classifier, Tally
from examples.classifier.lines import TITLES_FILE, read_lines
from examples.classifier.policies import POLICIES
from examples.classifier.session import joined
from examples.classifier.topics import read_config

QUEUE_SIZES = [0, 1, 5, 10, 20]
DELAYS = [0.05, 0.1, 0.2]


@dataclass(frozen=True)
class Cell:
    """One run to make, or made."""

    policy: str
    queue_size: int
    delay: float
    documents: int
    cpus: int
    seconds: float = 0.0

    @property
    def ideal_seconds(self) -> float:
        """The time that the policy allows at best."""
        rounds = POLICIES[self.policy].rounds(self.documents, self.queue_size, self.cpus)
        return rounds * self.delay

    @property
    def ideal_speedup(self) -> float:
        """The speed-up that the policy allows at best."""
        return self.documents * self.delay / self.ideal_seconds

    @property
    def of_ideal(self) -> float:
        """1.0 where the run took no longer than it must."""
        return self.ideal_seconds / self.seconds

    @property
    def overhead(self) -> float:
        """Seconds a document beyond what the policy allows at best."""
        return (self.seconds - self.ideal_seconds) / self.documents

    def measured(self) -> Cell:
        """This cell with its time, taken now.

        As many documents as will be in work at once go first, before the clock starts, so that
        the workers which the new classifier needs are there.
        """
        lines = list(islice(read_lines(TITLES_FILE), self.documents))
        classifier = Classifier.remote(  # type: ignore[attr-defined]  # mypy ignores the decorator
            self.queue_size, self.delay, self.policy
        )
        first = lines[: min(max(1, self.queue_size), self.cpus)]
        send(classifier, first)
        start = time.perf_counter()
        tally = send(classifier, lines)
        seconds = time.perf_counter() - start
        if tally.filed != len(first) + self.documents:
            raise RuntimeError(f"some of {self.documents} titles were not filed: {tally}")
        return replace(self, seconds=seconds)


def send(classifier: Any, lines: list[bytes]) -> Tally:
    """Sends the lines one after another and waits until all are filed."""
    for line in lines:
        ray.get(classifier.send.remote(line))
    tally: Tally = ray.get(classifier.finish.remote())
    return tally


def plan(queue_sizes: list[int], delays: list[float], documents: int, cpus: int) -> list[Cell]:
    """The cells to measure.

    With one document in flight the two policies do the same, so the refilling one starts at 2.
    """
    return [
        Cell(policy, queue_size, delay, documents, cpus)
        for policy in POLICIES
        for queue_size in queue_sizes
        for delay in delays
        if policy == "empty" or queue_size > 1
    ]


def run(cells: list[Cell], console: Console) -> list[Cell]:
    """Measures the cells, one after another."""
    done = []
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("Measuring", total=sum(cell.ideal_seconds for cell in cells))
        for cell in cells:
            done.append(cell.measured())
            progress.advance(bar, cell.ideal_seconds)
    return done


def sequential_seconds(cells: Iterable[Cell]) -> dict[float, float]:
    """The measured time of one document after another, by delay."""
    return {cell.delay: cell.seconds for cell in cells if cell.queue_size == 0}


def table(cells: list[Cell]) -> Table:
    """Seconds, speed-up and overhead of each cell."""
    first = cells[0]
    result = Table(title=f"{first.documents} documents on {first.cpus} logical CPUs")
    for name in (
        "wait for",
        "queue",
        "delay",
        "seconds",
        "speed-up",
        "ideal",
        "of ideal",
        "overhead",
    ):
        result.add_column(name, justify="left" if name == "wait for" else "right")
    sequential = sequential_seconds(cells)
    names = {"empty": "all", "refill": "one"}
    for before, cell in zip([first, *cells], cells, strict=False):
        if (before.policy, before.queue_size) != (cell.policy, cell.queue_size):
            result.add_section()
        result.add_row(
            names[cell.policy],
            str(cell.queue_size),
            f"{cell.delay:g} s",
            f"{cell.seconds:.3f}",
            f"{sequential[cell.delay] / cell.seconds:.2f}",
            f"{cell.ideal_speedup:.2f}",
            f"{cell.of_ideal:.1%}",
            f"{cell.overhead * 1000:.2f} ms",
        )
    return result


def verdict(cells: list[Cell]) -> str:
    """The worst cells in a line."""
    longest = max(cell.delay for cell in cells)
    worst = min((cell for cell in cells if cell.delay == longest), key=lambda cell: cell.of_ideal)
    most = max(cells, key=lambda cell: cell.overhead)
    return (
        f"At a delay of {longest:g} s every cell reaches at least {worst.of_ideal:.1%} of its "
        f"ideal. A document costs at most {most.overhead * 1000:.2f} ms beyond its delay."
    )


def draw(cells: list[Cell], file: Path) -> None:
    """Writes the chart: measured speed-up over queue size, and what each policy allows."""
    sequential = sequential_seconds(cells)
    delays = sorted(sequential)
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for panel, policy, title in zip(
        axes, POLICIES, ("Wait for all when full", "Wait for one when full"), strict=True
    ):
        # One at a time is the same run under both policies.
        mine = [cell for cell in cells if cell.policy == policy or cell.queue_size <= 1]
        sizes = list(range(max(cell.queue_size for cell in cells) + 1))
        ideal = [Cell(policy, size, 1.0, mine[0].documents, mine[0].cpus) for size in sizes]
        panel.plot(sizes, [cell.ideal_speedup for cell in ideal], "--", color="0.6", label="ideal")
        for delay in delays:
            points = [cell for cell in mine if cell.delay == delay]
            panel.plot(
                [cell.queue_size for cell in points],
                [sequential[delay] / cell.seconds for cell in points],
                "o",
                label=f"delay {delay:g} s",
            )
        panel.set(title=title, xlabel="queue size", xticks=sorted({c.queue_size for c in mine}))
        panel.grid(alpha=0.3)
    axes[0].set_ylabel("speed-up over one at a time")
    axes[0].legend()
    figure.suptitle(f"{cells[0].documents} documents on {cells[0].cpus} logical CPUs")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=150)


def forget_titles() -> None:
    """Ends the topic actors of this namespace: the measurement leaves nothing behind."""
    for topic in read_config():
        try:
            ray.kill(ray.get_actor(topic))
        except ValueError:
            continue


def main(arguments: list[str]) -> None:
    """Measures, prints the table and writes the chart."""
    parser = argparse.ArgumentParser(prog="python -m examples.classifier measure")
    parser.add_argument("--queue-sizes", type=int, nargs="+", default=QUEUE_SIZES)
    parser.add_argument("--delays", type=float, nargs="+", default=DELAYS, help="seconds")
    parser.add_argument("--documents", type=int, default=40, help="documents a cell")
    parser.add_argument("--chart", type=Path, default=Path("speedup.png"))
    given = parser.parse_args(arguments)
    if 0 not in given.queue_sizes:
        given.queue_sizes.insert(0, 0)  # the speed-up is over this one

    console = Console()
    with joined("arxiv-measurement"):
        try:
            cpus = int(ray.cluster_resources()["CPU"])
            cells = run(plan(given.queue_sizes, given.delays, given.documents, cpus), console)
        finally:
            forget_titles()
    console.print(table(cells))
    console.print(verdict(cells), highlight=False, soft_wrap=True)
    draw(cells, given.chart)
    console.print(f"Chart: {given.chart}", highlight=False, soft_wrap=True)
