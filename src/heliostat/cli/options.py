"""Options of ``heliostat start``: those that Ray has too, and what its others are answered with."""

from __future__ import annotations

import json
import math
from typing import Final, NoReturn, cast

import click

# Options of `ray start` that this release has no counterpart for. They are refused, never ignored.
RAY_ONLY: Final = frozenset(
    [
        "--node-ip-address",
        "--port",
        "--node-name",
        "--redis-username",
        "--redis-password",
        "--redis-max-memory",
        "--object-manager-port",
        "--node-manager-port",
        "--gcs-server-port",
        "--min-worker-port",
        "--max-worker-port",
        "--worker-port-list",
        "--ray-client-server-port",
        "--memory",
        "--include-dashboard",
        "--dashboard-host",
        "--dashboard-port",
        "--dashboard-agent-listen-port",
        "--dashboard-agent-grpc-port",
        "--dashboard-grpc-port",
        "--runtime-env-agent-port",
        "--plasma-directory",
        "--object-spilling-directory",
        "--autoscaling-config",
        "--no-redirect-output",
        "--plasma-store-socket-name",
        "--raylet-socket-name",
        "--temp-dir",
        "--system-config",
        "--enable-object-reconstruction",
        "--metrics-export-port",
        "--no-monitor",
        "--tracing-startup-hook",
        "--ray-debugger-external",
        "--labels",
        "--labels-file",
        "--include-log-monitor",
        "--log-style",
        "--log-color",
        "--verbose",
        "--autoscaler-v2",
    ]
)


_OWN_OPTION: Final = {
    "CPU": "--num-cpus",
    "GPU": "--num-gpus",
    "object_store_memory": "--object-store-memory",
}


class StartCommand(click.Command):
    """A command that knows which options only Ray has, and says so."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as usual; an option that is Ray's alone gets an error of its own."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name in RAY_ONLY:
                raise click.UsageError(
                    f"`ray start` has {error.option_name}, this release of Heliostat doesn't. "
                    "Leave it out; `heliostat start --help` lists what there is.",
                    ctx,
                ) from None
            raise


def parse_resources(
    ctx: click.Context | None, param: click.Parameter | None, value: str | None
) -> dict[str, float] | None:
    """The custom resources of ``--resources``.

    Raises:
        click.BadParameter: If it is no JSON object of amounts, or names what has its own option.
    """
    if value is None:
        return None
    try:
        given = json.loads(value)
    except json.JSONDecodeError as error:
        _bad_resources(f"this is no JSON ({error})", ctx, param)
    if not isinstance(given, dict):
        _bad_resources("this is no JSON object", ctx, param)
    for name, amount in given.items():
        if name in _OWN_OPTION:
            _bad_resources(f"give {name} as {_OWN_OPTION[name]}", ctx, param)
        if not name:
            _bad_resources("a resource needs a name", ctx, param)
        if isinstance(amount, bool) or not isinstance(amount, (int, float)):
            _bad_resources(f"the amount of {name!r} is no number: {amount!r}", ctx, param)
        if not math.isfinite(amount) or amount < 0:
            _bad_resources(f"the amount of {name!r} can't be {amount!r}", ctx, param)
    return cast(dict[str, float], given)


def _bad_resources(
    reason: str, ctx: click.Context | None, param: click.Parameter | None
) -> NoReturn:
    raise click.BadParameter(f"{reason}; it takes, for example: '{{\"disk\": 2}}'", ctx, param)
