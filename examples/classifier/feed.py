"""Program one: feeds titles to the network of actors, says what became of them, and exits.

    python -m examples.classifier feed [--with-bad-lines] [FILE ...]

Its classifier ends with it. The topic actors stay.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.progress import track

import heliostat as ray
from examples.classifier.actors import NAMESPACE, Classifier, Tally
from examples.classifier.lines import TITLES_FILE, bad_lines, read_lines
from examples.classifier.policies import POLICIES
from examples.classifier.session import joined


def feed(lines: list[bytes], queue_size: int, delay: float, policy: str, console: Console) -> Tally:
    """Sends the lines one after another to a new classifier and waits until all are filed."""
    classifier = Classifier.remote(  # type: ignore[attr-defined]  # mypy ignores the decorator
        queue_size, delay, policy
    )
    for line in track(lines, description="Feeding titles", console=console):
        ray.get(classifier.send.remote(line))
    tally: Tally = ray.get(classifier.finish.remote())
    return tally


def report(tally: Tally, console: Console) -> None:
    """Prints what became of the titles."""
    console.print(f"Filed {tally.filed} titles; {tally.refused.total()} could not be placed.")
    for reason, count in sorted(tally.refused.items()):
        console.print(f"  {count} x {reason}", highlight=False)


def main(arguments: list[str]) -> None:
    """Reads the arguments and feeds."""
    parser = argparse.ArgumentParser(prog="python -m examples.classifier feed")
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        default=[TITLES_FILE],
        metavar="FILE",
        help="a .csv with title and category, or one tagged title a line",
    )
    parser.add_argument("--queue-size", type=int, default=16, help="documents in work at once")
    parser.add_argument("--delay", type=float, default=0.1, help="seconds a document takes")
    parser.add_argument("--policy", choices=POLICIES, default="refill")
    parser.add_argument(
        "--with-bad-lines",
        action="store_true",
        help="add one line for each thing that can be wrong with a line",
    )
    given = parser.parse_args(arguments)

    lines = [line for file in given.files for line in read_lines(file)]
    if given.with_bad_lines:
        lines += bad_lines()
    console = Console()
    with joined(NAMESPACE):
        tally = feed(lines, given.queue_size, given.delay, given.policy, console)
    report(tally, console)
