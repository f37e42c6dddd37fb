"""``python -m heliostat`` is the command ``heliostat``."""

from __future__ import annotations

import sys

from heliostat.cli import main

if __name__ == "__main__":
    sys.exit(main())
