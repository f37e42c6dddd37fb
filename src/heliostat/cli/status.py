"""What a head says of itself, as people read it.

``head_status()`` gives a dictionary with these keys; what is missing isn't shown::

    address, pid, session_dir, versions     text, number, text, {"heliostat": text, ...}
    total, available                        {resource: amount}
    object_store                            {granted, cap}: bytes
    programs                                [{pid, job}]
    workers                                 [{pid, job, state, idle}]
    waiting                                 [{kind, resources, count, reason}]
    actors                                  [{actor_id, class, name, namespace, state, detached}]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

_STORE: Final = "object_store_memory"
_BYTES: Final = ("memory", _STORE)
_ACTORS_SHOWN: Final = 50


def show_started(started: Mapping[str, Any], console: Console) -> None:
    """Say that the head runs, and what to do with it."""
    console.print(f"Started {_identity(started)}.", soft_wrap=True)
    if started.get("total"):
        console.print(f"It has {escape(amounts(started['total']))}.", soft_wrap=True)
    console.print('Programs on this host join it with heliostat.init(address="auto").')
    console.print("Look at it with: heliostat status. Stop it with: heliostat stop")


def show_status(status: Mapping[str, Any], console: Console) -> None:
    """Print the whole status of the one node there is."""
    console.print(f"Running {_identity(status)}.", soft_wrap=True)
    console.print("Nodes: 1, this host.")
    if "programs" in status:
        pids = ", ".join(f"pid {program['pid']}" for program in status["programs"])
        console.print(f"Programs: {pids or 'none'}.", soft_wrap=True)
    if "workers" in status:
        console.print(f"Workers: {worker_counts(status['workers'])}.", soft_wrap=True)
    if status.get("total"):
        console.print(usage_table(status["total"], status.get("available", {}), _store(status)))
    for line in waiting_lines(status.get("waiting", ())):
        console.print(escape(line), soft_wrap=True)
    actors = status.get("actors", ())
    console.print(f"Actors: {len(actors) or 'none'}.")
    if actors:
        console.print(actor_table(_named_first(actors)[:_ACTORS_SHOWN]))
    if len(actors) > _ACTORS_SHOWN:
        console.print(f"... and {len(actors) - _ACTORS_SHOWN} more.")


def _identity(of: Mapping[str, Any]) -> str:
    """Who it is: version, process and directory, as far as known."""
    version = of.get("versions", {}).get("heliostat")
    parts = [f"heliostat {version}" if version else "heliostat"]
    if "pid" in of:
        parts.append(f"head pid {of['pid']}")
    if of.get("session_dir"):
        parts.append(f"session {of['session_dir']}")
    return escape(", ".join(parts))


def _store(status: Mapping[str, Any]) -> tuple[float, float] | None:
    """Bytes of shared memory in use, and the most there may be."""
    store = status.get("object_store")
    return (store["granted"], store["cap"]) if store else None


def worker_counts(workers: Sequence[Mapping[str, Any]]) -> str:
    """How many workers there are, and how many of them have nothing to do."""
    if not workers:
        return "none"
    idle = sum(bool(worker.get("idle")) for worker in workers)
    return f"{len(workers)}, {idle} of them idle"


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


def usage_table(
    total: Mapping[str, float],
    available: Mapping[str, float],
    store: tuple[float, float] | None = None,
) -> Table:
    """How much of each resource, and of the shared memory, is in use."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("resource")
    for heading in ("in use", "of"):
        table.add_column(heading, justify="right")
    for name, all_of_it in sorted(total.items()):
        used = all_of_it - available.get(name, 0.0)
        if not (store and name == _STORE):
            table.add_row(escape(name), amount(name, used), amount(name, all_of_it))
    if store:
        table.add_row(_STORE, *(amount(_STORE, value) for value in store))
    return table


def waiting_lines(waiting: Sequence[Mapping[str, Any]]) -> list[str]:
    """What waits, for what and why."""
    if not waiting:
        return ["Waiting: nothing."]
    lines = ["Waiting:"]
    for demand in waiting:
        wants = amounts(demand.get("resources", {})) or "no resources"
        reason = demand.get("reason")
        line = f"  {demand.get('count', 1)} x {demand.get('kind', 'task')} with {wants}"
        lines.append(f"{line}: {reason}" if reason else line)
    return lines


def actor_table(actors: Sequence[Mapping[str, Any]]) -> Table:
    """The actors, in the order given."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("name", "namespace", "class", "state", "lifetime", "id"):
        table.add_column(heading)
    for actor in actors:
        table.add_row(
            *(
                escape(str(actor.get(key) or "-"))
                for key in ("name", "namespace", "class", "state")
            ),
            "detached" if actor.get("detached") else "-",
            escape(str(actor.get("actor_id") or "-")),
        )
    return table


def _named_first(actors: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(actors, key=lambda actor: (not actor.get("name"), actor.get("name") or ""))
