"""``heliostat start``, ``stop`` and ``status``: options in, one call to the engine, words out.

Names and meanings of the options are those of ``ray start`` and ``ray stop``. What the engine
refuses is one line on standard error and exit code 1.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final, Protocol, cast

import click
from rich.console import Console

from heliostat.cli.options import StartCommand, parse_resources
from heliostat.cli.status import show_started, show_status

ONE_HOST: Final = (
    "this release runs a cluster on one host, which `heliostat start --head` starts; programs on "
    'this host join it with heliostat.init(address="auto")'
)
NOTHING_RUNS: Final = "nothing is running for this user; start with: heliostat start --head"

_POLL_SECONDS: Final = 0.5


class Launcher(Protocol):
    """What of the embedded engine these commands use (``heliostat.engines.local.launch``)."""

    def start_head(self, settings: Any) -> dict[str, Any]:
        """Start the daemon; what :func:`~heliostat.cli.status.show_started` shows."""

    def stop_head(self, force: bool = False) -> bool:
        """Stop the daemon of this user; false if there was none."""

    def head_status(self) -> dict[str, Any] | None:
        """What the daemon of this user says of itself; ``None`` if there is none."""


@click.command(cls=StartCommand)
@click.option("--head", is_flag=True, help="Start the cluster of this host.")
@click.option("--address", help="A cluster to join, in Ray; not in this release.")
@click.option("--num-cpus", type=click.IntRange(0), help="CPUs it has; by default those there are.")
@click.option("--num-gpus", type=click.IntRange(0), help="GPUs it has; by default those there are.")
@click.option(
    "--resources",
    metavar="JSON",
    callback=parse_resources,
    help="""Custom resources, such as '{"disk": 2}'.""",
)
@click.option(
    "--object-store-memory",
    type=click.IntRange(1),
    metavar="BYTES",
    help="Shared memory that objects may take; by default a part of what there is.",
)
@click.option("--block", is_flag=True, help="Stay until the cluster ends; Ctrl-C stops it.")
@click.option("--disable-usage-stats", is_flag=True, hidden=True, expose_value=False)
@click.pass_context
def start(
    ctx: click.Context,
    /,
    *,
    head: bool,
    address: str | None,
    block: bool,
    **amounts: Any,
) -> None:
    """Start a cluster on this host that outlives the programs using it."""
    if address is not None:
        raise click.ClickException(f"--address {address}: {ONE_HOST}")
    if not head:
        raise click.ClickException(f"--head is missing: {ONE_HOST}")
    with _plain_errors():
        launcher = _launcher(ctx)
        started = launcher.start_head(_settings(amounts))
    show_started(started, Console(highlight=False))
    if block:
        _block(launcher, started)


@click.command()
@click.option("--force", is_flag=True, help="Kill at once instead of letting it end in order.")
@click.pass_context
def stop(ctx: click.Context, *, force: bool) -> None:
    """Stop this user's cluster, its actors and its workers."""
    with _plain_errors():
        stopped = _launcher(ctx).stop_head(force)
    click.echo("Stopped." if stopped else "Nothing to stop: no cluster of this user is running.")


@click.command()
@click.pass_context
def status(ctx: click.Context) -> None:
    """Show nodes, resources, what waits, and actors."""
    with _plain_errors():
        found = _launcher(ctx).head_status()
    if found is None:
        raise click.ClickException(NOTHING_RUNS)
    show_status(found, Console(highlight=False))


def _launcher(ctx: click.Context) -> Launcher:
    """The engine's launcher, or the one that the caller of the command gave."""
    if ctx.obj is not None:
        return cast(Launcher, ctx.obj)
    return cast(Launcher, import_module("heliostat.engines.local.launch"))


def _settings(amounts: Mapping[str, Any]) -> Any:
    settings: Any = import_module("heliostat.engines.settings").Settings
    return settings(**amounts)


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn what the engine refuses into one line and exit code 1; a bug keeps its traceback."""
    try:
        yield
    except (RuntimeError, ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error


def _block(launcher: Launcher, started: Mapping[str, Any]) -> None:
    """Stay until the head ends; an interrupt or SIGTERM stops it in order."""
    pid = int(started["pid"])
    # Both raise KeyboardInterrupt, so that a service manager stops it as a user does.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        wait_until_ended(pid)
    except KeyboardInterrupt:
        with _plain_errors():
            launcher.stop_head(force=False)
        click.echo("Stopped.")
    else:
        where = started.get("session_dir")
        hint = f"; its logs were in {where}" if where else ""
        raise click.ClickException(f"the head (pid {pid}) has ended{hint}")
    finally:
        signal.signal(signal.SIGTERM, before)


def wait_until_ended(pid: int) -> None:
    """Return when the process is gone; it need not be a child of ours."""
    if hasattr(os, "pidfd_open"):
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            try:
                select.select([descriptor], [], [])
            finally:
                os.close(descriptor)
        return
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.kill(pid, 0)
            time.sleep(_POLL_SECONDS)
