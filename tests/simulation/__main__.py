"""Runs the simulation by itself: ``python -m tests.simulation --seed N`` replays a failure."""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from tests.simulation.world import World


def main() -> int:
    """Runs seeds; 1 if one of them failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="the only seed to run")
    parser.add_argument("--first", type=int, default=0, help="the first of several seeds")
    parser.add_argument("--count", type=int, default=2000, help="how many")
    args = parser.parse_args()
    first, count = (args.first, args.count) if args.seed is None else (args.seed, 1)
    failed = 0
    steps = 0
    began = time.perf_counter()
    for seed in range(first, first + count):
        world = World(seed)
        world.story = [] if args.seed is not None else None
        try:
            world.run()
        except Exception as error:
            failed += 1
            if count == 1:
                print("\n".join(world.story or ()))
                traceback.print_exc()
            print(f"seed {seed}: {type(error).__name__}: {error}"[:600])
        steps += world.steps
    seconds = time.perf_counter() - began
    print(f"{count} seeds, {failed} failed, {steps} steps, {seconds:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
