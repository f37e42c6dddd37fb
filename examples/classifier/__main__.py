"""``python -m examples.classifier demo | feed | show | measure``; each has ``--help``."""

from __future__ import annotations

import sys
from importlib import import_module

PROGRAMS = {
    "demo": "start a cluster, run the three programs below in it, stop it",
    "feed": "feed titles to the actors, and exit",
    "show": "print the tree of titles that the actors hold",
    "measure": "measure the speed-up for several queue sizes and delays",
}


def main(arguments: list[str]) -> int:
    """Runs the program that the first argument names."""
    if not arguments or arguments[0] not in PROGRAMS:
        print("usage: python -m examples.classifier PROGRAM [options]\n", file=sys.stderr)
        for name, purpose in PROGRAMS.items():
            print(f"  {name:8} {purpose}", file=sys.stderr)
        return 2
    program = import_module(f"examples.classifier.{arguments[0]}")
    return int(program.main(arguments[1:]) or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
