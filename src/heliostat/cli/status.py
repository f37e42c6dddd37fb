"""What a head says of itself, as people read it. Pure but for the console it prints to.

``head_status()`` gives a dictionary with these keys; what is missing isn't shown::

    version, pid, session_dir, uptime       text, number, text, seconds
    nodes                                   [{node_id, alive, resources}]
    resources, available                    {name: amount}
    pending                                 [{resources, count, reason}]
    actors                                  [{class_name, name, namespace, state, pid, actor_id}]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

_BYTES: Final = ("memory", "object_store_memory")
_ACTORS_SHOWN: Final = 50


def show_started(started: Mapping[str, Any], console: Console) -> None:
    """Say that the head runs, and what to do with it."""
    console.print(f"Started {_identity(started)}.", soft_wrap=True)
    resources = started.get("resources")
    if resources:
        console.print(f"It has {escape(amounts(resources))}.", soft_wrap=True)
    console.print('Programs on this host join it with heliostat.init(address="auto").')
    console.print("Look at it with: heliostat status. Stop it with: heliostat stop")


def show_status(status: Mapping[str, Any], console: Console) -> None:
    """Print the whole status."""
    console.print(f"Running {_identity(status)}.", soft_wrap=True)
    nodes = status.get("nodes", ())
    if nodes:
        alive = sum(bool(node.get("alive", True)) for node in nodes)
        dead = f", {len(nodes) - alive} dead" if alive < len(nodes) else ""
        console.print(f"Nodes: {alive} alive{dead}.")
    if status.get("resources"):
        console.print(usage_table(status["resources"], status.get("available", {})))
    for line in pending_lines(status.get("pending", ())):
        console.print(escape(line), soft_wrap=True)
    actors = status.get("actors", ())
    console.print(f"Actors: {len(actors) or 'none'}.")
    if actors:
        console.print(actor_table(actors[:_ACTORS_SHOWN]))
    if len(actors) > _ACTORS_SHOWN:
        console.print(f"... and {len(actors) - _ACTORS_SHOWN} more.")


def _identity(of: Mapping[str, Any]) -> str:
    """Who it is: version, process, age and directory, as far as known."""
    version = of.get("version")
    parts = [f"heliostat {version}" if version else "heliostat"]
    if "pid" in of:
        parts.append(f"head pid {of['pid']}")
    if "uptime" in of:
        parts.append(f"up {duration(of['uptime'])}")
    if of.get("session_dir"):
        parts.append(f"session {of['session_dir']}")
    return escape(", ".join(parts))


def amount(name: str, value: float) -> str:
    """An amount of a resource: ``2``, ``0.5``, ``1.2 GB`` for memory."""
    if name not in _BYTES:
        return f"{value:.4f}".rstrip("0").rstrip(".")
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= factor:
            return f"{value / factor:.1f} {unit}"
    return f"{value:.0f} B"


def amounts(resources: Mapping[str, float]) -> str:
    """Several amounts on one line: ``CPU: 2, disk: 0.5``."""
    return ", ".join(f"{name}: {amount(name, value)}" for name, value in sorted(resources.items()))


def duration(seconds: float) -> str:
    """A length of time by its two greatest units: ``42 s``, ``3 min 5 s``, ``2 h 10 min``."""
    whole = int(seconds)
    sizes = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    for place, (unit, size) in enumerate(sizes[:-1]):
        if whole >= size:
            smaller, smaller_size = sizes[place + 1]
            rest = whole % size // smaller_size
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def usage_table(total: Mapping[str, float], available: Mapping[str, float]) -> Table:
    """How much of each resource is in use."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("resource")
    for heading in ("in use", "of"):
        table.add_column(heading, justify="right")
    for name, all_of_it in sorted(total.items()):
        used = all_of_it - available.get(name, 0.0)
        table.add_row(escape(name), amount(name, used), amount(name, all_of_it))
    return table


def pending_lines(pending: Sequence[Mapping[str, Any]]) -> list[str]:
    """What waits for resources, and why."""
    if not pending:
        return ["Waiting: nothing."]
    lines = ["Waiting:"]
    for demand in pending:
        wants = amounts(demand.get("resources", {})) or "nothing but a worker"
        reason = demand.get("reason")
        lines.append(f"  {demand.get('count', 1)} x {wants}" + (f" ({reason})" if reason else ""))
    return lines


def actor_table(actors: Sequence[Mapping[str, Any]]) -> Table:
    """The actors, named ones first."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("name", "namespace", "class", "state", "pid", "id"):
        table.add_column(heading, justify="right" if heading == "pid" else "left")
    for actor in sorted(actors, key=lambda actor: (not actor.get("name"), actor.get("name") or "")):
        keys = ("name", "namespace", "class_name", "state", "pid", "actor_id")
        table.add_row(*(escape(str(actor.get(key) or "-")) for key in keys))
    return table
