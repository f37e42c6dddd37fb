"""The command line: ``heliostat start``, ``stop``, ``status`` and ``bench``.

It needs the extra ``cli``; without it the command says how to install it. Nothing else of the
package imports this.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Final

_NEEDED: Final = ("click", "rich")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give the exit code.

    Args:
        arguments: The words after the program's name; those of this process by default.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        print(missing_text(missing), file=sys.stderr)
        return 1

    # Late, as they need what has just been looked for.
    from heliostat.cli.app import run

    return run(arguments)


def missing_text(missing: Sequence[str]) -> str:
    """What to say when the command line lacks the packages it is made with."""
    verb = "isn't" if len(missing) == 1 else "aren't"
    return (
        f"heliostat: the command line needs {' and '.join(missing)}, which {verb} installed. "
        "Install with: pip install 'heliostat[cli]'"
    )
