"""Times 100 estimates of Pi in 4, 5, 10, 20 and 100 blocks, each block a task.

    python -m examples.pi [--points N] [--kinds plain vectorised]

This keeps the cores busy, where the classifier only waits: more blocks than cores cost little and
even out the end, when the last blocks run alone.
"""

from __future__ import annotations

import argparse
import time

from rich.console import Console
from rich.progress import track
from rich.table import Table

import heliostat as ray
from examples.pi.estimates import KINDS, blocks, mean_and_error

BLOCKS = [4, 5, 10, 20, 100]


@ray.remote
def run_block(kind: str, seeds: range, points: int) -> list[float]:
    """The estimates of one block, one after another."""
    return [KINDS[kind](seed, points) for seed in seeds]


def in_sequence(kind: str, estimates: int, points: int) -> list[float]:
    """All estimates in this process."""
    return [KINDS[kind](seed, points) for seed in range(estimates)]


def in_blocks(kind: str, estimates: int, points: int, count: int) -> list[float]:
    """All estimates, spread over ``count`` tasks."""
    refs = [run_block.remote(kind, seeds, points) for seeds in blocks(estimates, count)]
    return [value for block in ray.get(refs) for value in block]


def main(arguments: list[str] | None = None) -> None:
    """Measures and prints one row a way of computing."""
    parser = argparse.ArgumentParser(prog="python -m examples.pi")
    parser.add_argument("--estimates", type=int, default=100)
    parser.add_argument("--points", type=int, default=10**6, help="dots an estimate")
    parser.add_argument("--blocks", type=int, nargs="+", default=BLOCKS)
    parser.add_argument("--kinds", choices=KINDS, nargs="+", default=list(KINDS))
    given = parser.parse_args(arguments)
    if given.estimates < 2 or given.points < 1 or min(given.blocks) < 1:
        parser.error("it takes two estimates, a dot and a block at least")

    console = Console()
    result = Table(title=f"{given.estimates} estimates of Pi with {given.points:,} dots each")
    for name in ("kind", "blocks", "seconds", "speed-up", "Pi"):
        result.add_column(name, justify="left" if name == "kind" else "right")
    runs = [(kind, count) for kind in given.kinds for count in (0, *given.blocks)]
    sequential = 0.0
    ray.init()
    try:
        cpus = int(ray.cluster_resources()["CPU"])
        in_blocks(given.kinds[0], cpus, 1_000, cpus)  # starts the workers
        for kind, count in track(runs, description="Estimating", console=console, transient=True):
            start = time.perf_counter()
            if count:
                values = in_blocks(kind, given.estimates, given.points, count)
            else:
                values = in_sequence(kind, given.estimates, given.points)
                result.add_section()
            seconds = time.perf_counter() - start
            sequential = sequential if count else seconds
            mean, error = mean_and_error(values)
            result.add_row(
                kind,
                str(count) if count else "in sequence",
                f"{seconds:.2f}",
                f"{sequential / seconds:.2f}",
                f"{mean:.6f} ± {error:.6f}",
            )
    finally:
        ray.shutdown()
    console.print(result)
    console.print(f"{cpus} CPUs. Every block size gives the same estimates: their seeds decide.")


if __name__ == "__main__":
    main()
