"""What ``heliostat status`` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heliostat.engines.local.head.server import Server


def describe(server: Server) -> dict[str, Any]:
    """The cluster as plain values."""
    leases = server.leases
    programs = [m for m in server.members if m.is_program]
    waiting: list[dict[str, Any]] = [
        {
            "kind": "task",
            "resources": _readable(queue.resources),
            "count": queue.missing,
            "reason": "waits for free resources",
        }
        for queue in leases.queues.values()
        if queue.missing > 0
    ]
    waiting += [
        {
            "kind": "actor",
            "resources": _readable(placement.place),
            "count": 1,
            "reason": "waits for free resources",
        }
        for placement in leases.placements.values()
    ]
    return {
        "address": server.cluster["address"],
        "pid": server.cluster["pid"],
        "session_dir": server.cluster["session_dir"],
        "node_id": server.cluster["node"].hex(),
        "versions": server.cluster["versions"],
        "total": _readable(tuple(leases.totals.items())),
        "available": _readable(tuple(leases.spare(server.is_idle).items())),
        "object_store": {"granted": server.memory.granted, "cap": server.memory.cap},
        "programs": [{"pid": m.pid, "job": m.job} for m in programs],
        "workers": [
            {
                "pid": server.members.get(w.proc).pid,  # type: ignore[union-attr]
                "job": w.job,
                "state": w.state.name,
                "idle": server.is_idle(w.proc),
            }
            for w in leases.workers.values()
            if server.members.get(w.proc) is not None
        ],
        "actors": [
            {
                "actor_id": actor.actor_id.hex(),
                "class": actor.spec["meta"][0],
                "name": actor.spec["name"],
                "namespace": actor.spec["namespace"],
                "state": actor.state.name,
                "detached": actor.detached,
                "job": actor.job,
            }
            for actor in server.actors.living()
        ],
        "waiting": waiting,
    }


def _readable(amounts: Any) -> dict[str, float]:
    return {name: amount / 10_000 for name, amount in amounts if amount}
