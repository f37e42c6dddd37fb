"""The tree of commands. Each is loaded when it is used, so that ``--help`` is quick."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Final, cast

import click

from heliostat._version import __version__

_COMMANDS: Final = {"bench": "bench", "start": "cluster", "status": "cluster", "stop": "cluster"}


class _Commands(click.Group):
    """Commands by the module here that has them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, as ``--help`` lists them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, loaded now."""
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"heliostat.cli.{_COMMANDS[cmd_name]}")
        return cast(click.Command, getattr(module, cmd_name))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="heliostat", message="%(prog)s %(version)s")
def app() -> None:
    """Run, look at and measure Heliostat on this host."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give the exit code."""
    try:
        app.main(args=arguments, prog_name="heliostat")
    except SystemExit as end:
        # Click ends the process itself, always with a number.
        return int(end.code or 0)
