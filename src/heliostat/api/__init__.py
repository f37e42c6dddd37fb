"""The public functions and classes, over the contract of ``engines``.

``heliostat/__init__.py`` lists which of them are public.
"""

from __future__ import annotations

from heliostat.api.lifecycle import start_with_defaults
from heliostat.engines import marked, registry


def _show_bar(line: str) -> None:
    # What draws is above this package, and loaded when a worker has a bar to show.
    from importlib import import_module

    import_module("heliostat.experimental.tqdm_ray").show_line(line)


# Here, because whatever needs an engine has imported this package.
registry.set_starter(start_with_defaults)
marked.set_handler(_show_bar)
