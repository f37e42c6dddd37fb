"""The whole demonstration in one command, within a minute.

    python -m examples.classifier demo [options of measure, such as --chart PATH]

Starts a cluster of its own with 16 logical CPUs, lets one program feed it and end, lets a second
program show what the actors hold, measures, and stops the cluster whatever happens. The cluster
lives in a temporary directory, so one that you run already is neither used nor disturbed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

import psutil
from rich.console import Console

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = "examples.classifier"
CPUS = 16


def separate_environment(directory: str) -> dict[str, str]:
    """An environment whose cluster lives in ``directory``, apart from any other of this user.

    An address given by the user is left out: it would lead the programs to another cluster.
    """
    addresses = ("HELIOSTAT_ADDRESS", "RAY_ADDRESS")
    environment = {name: os.environ[name] for name in os.environ if name not in addresses}
    environment["HELIOSTAT_TMPDIR"] = directory
    path = [str(REPOSITORY), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    return environment


def program(*arguments: str, environment: dict[str, str]) -> None:
    """Runs ``python -m arguments`` as a process of its own; raises if it fails."""
    subprocess.run([sys.executable, "-m", *arguments], env=environment, check=True)


def end_children() -> None:
    """Ends a program that was just being started when a signal came; else there is none."""
    for child in psutil.Process().children():
        child.kill()
        child.wait()


@contextmanager
def cluster(environment: dict[str, str]) -> Iterator[None]:
    """A cluster that runs inside the ``with`` block and is stopped after it, always."""
    try:
        program("heliostat", "start", "--head", "--num-cpus", str(CPUS), environment=environment)
        yield
    finally:
        end_children()
        program("heliostat", "stop", environment=environment)


def demonstrate(measure_arguments: list[str], console: Console) -> None:
    """Feeds, shows and measures in a fresh cluster."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="heliostat-demo-") as directory:
        environment = separate_environment(directory)
        console.rule("A cluster starts")
        with cluster(environment):
            console.rule("One program feeds titles to the actors, and ends")
            program(EXAMPLE, "feed", "--with-bad-lines", environment=environment)
            console.rule("A second program finds the actors")
            program(EXAMPLE, "show", environment=environment)
            console.rule("How much faster than one at a time")
            program(EXAMPLE, "measure", *measure_arguments, environment=environment)
            console.rule("The cluster stops")
    console.print(f"Done in {time.perf_counter() - start:.1f} s.", highlight=False)


def main(arguments: list[str]) -> int:
    """Runs the demonstration; a failed step is reported in one line."""

    def end(signum: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + signum)

    signal.signal(signal.SIGTERM, end)  # so that the cluster is stopped then, too
    try:
        demonstrate(arguments, Console())
    except subprocess.CalledProcessError as error:
        step = " ".join(error.cmd[1:])
        print(f"This step failed with exit code {error.returncode}: {step}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
