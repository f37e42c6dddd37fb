"""What must hold of a simulated session when nothing is under way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliostat.engines.local.store import values
from tests.simulation.process import Process
from tests.simulation.truth import Violation

if TYPE_CHECKING:
    from tests.simulation.world import World


def complain(world: World, process: Process, queue: Any, page: Any, spare: Any) -> None:
    if page.resources or queue.limit > len(page.attached):
        raise Violation(
            f"queue {queue.number} of process {process.proc} has {len(queue.backlog)} tasks "
            f"and {queue.box.packets} packets waiting, demand {page.demand} "
            f"({queue.demand} as its owner sees it), {page.running} running of "
            f"{[(w.proc, w.state.name, w.blocked) for w in page.attached.values()]}, while "
            f"{spare} is spare"
        )


def compare_books(world: World) -> None:
    """With nothing under way, owners have registered every hold that others count.

    A lender that dies just after a call's reply may take the registration with it.
    """
    if world.truth.dead:
        return
    exports = {
        proc: {number: counts for number, counts, _ in process.session.references.exports.holders()}
        for proc, process in world.processes.items()
    }
    for proc, process in world.processes.items():
        for (owner, number), entry in list(process.session.references._known.items()):
            if owner == proc or owner not in exports:
                continue
            counted = entry.stake.counted  # type: ignore[attr-defined]
            registered = exports[owner].get(number, {}).get(proc, 0)
            if registered < counted:
                raise Violation(
                    f"process {proc} counts {counted} holds of object {number} of {owner}, "
                    f"who knows of {registered}"
                )


def holds_itself(world: World) -> bool:
    """Whether objects of several processes hold each other in a circle. A task's result may
    hold what holds the result; counting references never frees such."""
    holds: dict[Any, list[Any]] = {}
    for process in world.processes.values():
        for key, entry in list(process.session.references._known.items()):
            inside = values.refs_of(entry.payload)
            holds.setdefault(key, []).extend((e.home.proc, e.number) for e in inside)
    while True:  # what holds nothing is on no circle, nor what holds only such
        free = [key for key, inside in holds.items() if not any(i in holds for i in inside)]
        if not free:
            return bool(holds)
        for key in free:
            del holds[key]


def leftovers(world: World) -> list[str]:
    left = []
    for proc, process in world.processes.items():
        session = process.session
        process.settle()
        if len(session.references.exports):
            left.append(f"{proc} exports {list(session.references.exports.holders())}")
        if session.tasks.outstanding:
            left.append(f"{proc} has unfinished tasks")
        if session.actors.outstanding:
            left.append(f"{proc} has unanswered calls or unfinished creations")
        if session.segments.usage()[0]:
            left.append(f"{proc} has {session.segments.usage()[0]} bytes in use")
        known = dict(session.references._known)
        if known:
            left.append(f"{proc} knows {known}")
    server = world.head.server
    left += [f"actor {a.actor_id.hex()} lives" for a in server.actors.living()]
    left += [f"name {name} is taken" for name in server.actors.names]
    if server.leases.placements:
        left.append("actors wait for a place")
    spare = server.leases.spare(server.is_idle)
    if spare != server.leases.totals:
        left.append(f"{spare} is spare of {server.leases.totals}")
    return left
