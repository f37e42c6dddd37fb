"""The tree of commands."""

from __future__ import annotations

from collections.abc import Sequence

import click

from heliostat._version import __version__
from heliostat.cli.bench import bench
from heliostat.cli.cluster import start, status, stop


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="heliostat", message="%(prog)s %(version)s")
def app() -> None:
    """Run, look at and measure Heliostat on this host."""


for command in (start, stop, status, bench):
    app.add_command(command)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give the exit code."""
    try:
        app.main(args=arguments, prog_name="heliostat")
    except SystemExit as end:
        # Click ends the process itself, always with a number.
        return int(end.code or 0)
