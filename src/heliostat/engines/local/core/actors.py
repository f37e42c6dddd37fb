"""The head's decisions on actors: their life, their names, their restarts.

```
            place                constructed
  PENDING ---------> STARTING ----------------> ALIVE
     ^                  |                         |
     |   process lost, restarts left              |
     +------ RESTARTING <-------------------------+
                        |                         |
                        +------> DEAD <-----------+
```

A handle holds the actor's id only; whoever uses one watches the actor and is told each
state with its incarnation, so calls meant for a process that has gone are never taken for
calls to its successor. A name belongs to its actor until the actor is dead, and is free
again before ``kill`` returns. A detached actor belongs to the head; any other dies with the
process that created it.
"""

from __future__ import annotations

from enum import Enum
from typing import Any


class ActorState(Enum):
    """Where an actor is in its life."""

    PENDING = "waits for its arguments or for resources"
    STARTING = "its process runs the constructor"
    ALIVE = "takes calls"
    RESTARTING = "its process was lost and is being replaced"
    DEAD = "ended for good"


_MOVES = {
    ActorState.PENDING: {ActorState.STARTING, ActorState.DEAD},
    ActorState.STARTING: {ActorState.ALIVE, ActorState.RESTARTING, ActorState.DEAD},
    ActorState.ALIVE: {ActorState.RESTARTING, ActorState.DEAD},
    ActorState.RESTARTING: {ActorState.STARTING, ActorState.DEAD},
    ActorState.DEAD: set(),
}


class Actor:
    """One actor.

    Attributes:
        spec: what its creator asked for, plain values; ``owner.actors`` makes it.
        incarnation: how many processes it has had.
        proc: its present process, 0 for none.
        death: the cause of its end, fields of ``ActorDiedError``.
    """

    __slots__ = (
        "actor_id",
        "creator",
        "death",
        "incarnation",
        "job",
        "proc",
        "restarts_left",
        "spec",
        "state",
        "watchers",
    )

    def __init__(self, actor_id: bytes, creator: int, job: int, spec: dict[str, Any]) -> None:
        self.actor_id = actor_id
        self.creator = creator
        self.job = job
        self.spec = spec
        self.state = ActorState.PENDING
        self.incarnation = 0
        self.proc = 0
        self.restarts_left: int = spec["max_restarts"]
        self.death: dict[str, Any] = {}
        self.watchers: set[int] = set()

    @property
    def detached(self) -> bool:
        """It outlives its creator."""
        return bool(self.spec["detached"])

    def move(self, state: ActorState) -> None:
        """Changes the state; an illegal move is a bug of the head."""
        if state not in _MOVES[self.state]:
            raise AssertionError(f"actor {self.actor_id.hex()}: {self.state} -> {state}")
        self.state = state


class NameTaken(ValueError):
    """The name is in use; ``actor`` has it."""

    def __init__(self, actor: Actor) -> None:
        super().__init__(actor.spec["name"])
        self.actor = actor


def creator_of(actor_id: bytes) -> int:
    """The process that gave an actor its id."""
    return int.from_bytes(actor_id[8:12], "big")


class Actors:
    """All actors of a session. Outputs: ``actions``, drained by the shell.

    An actor without a name comes here once its arguments are ready. Its handles may be faster:
    who watches it is remembered until then, and so is that it was ended.
    """

    def __init__(self) -> None:
        self.actors: dict[bytes, Actor] = {}
        self.names: dict[tuple[str, str], Actor] = {}
        self.by_proc: dict[int, Actor] = {}
        self.actions: list[tuple[Any, ...]] = []
        self._awaited: dict[bytes, set[int]] = {}
        self._stillborn: dict[bytes, str] = {}
        self._gone: set[int] = set()

    # -- creation -------------------------------------------------------------------------

    def create(self, actor_id: bytes, creator: int, job: int, spec: dict[str, Any]) -> Actor:
        """Registers an actor; it is placed once ``supply`` brings what its constructor needs.

        Raises:
            NameTaken: another living actor of the namespace has the name.
        """
        actor = Actor(actor_id, creator, job, spec)
        name = spec["name"]
        if name:
            key = (spec["namespace"], name)
            holder = self.names.get(key)
            if holder is not None:
                raise NameTaken(holder)
            self.names[key] = actor
        self.actors[actor_id] = actor
        actor.watchers.add(creator)
        actor.watchers |= self._awaited.pop(actor_id, set())
        reason = self._stillborn.pop(actor_id, None)
        if reason is not None:
            self._end(actor, {"reason": reason}, None)
        return actor

    def supply(self, actor_id: bytes, call: Any) -> None:
        """The arguments of its constructor, as pickled by its creator: it can be placed."""
        actor = self.actors.get(actor_id)
        if actor is not None and actor.state is ActorState.PENDING:
            actor.spec["call"] = call
            self._place(actor)

    def find(self, namespace: str, name: str) -> Actor | None:
        """The living actor of that name."""
        return self.names.get((namespace, name))

    def living(self) -> list[Actor]:
        """All actors that are not dead."""
        return [a for a in self.actors.values() if a.state is not ActorState.DEAD]

    def watch(self, actor_id: bytes, proc: int) -> None:
        """Tells ``proc`` the actor's state, now and at each change."""
        actor = self.actors.get(actor_id)
        if actor is None:
            reason = self._stillborn.get(actor_id)
            if reason is not None or creator_of(actor_id) in self._gone:
                self._tell_never(actor_id, {proc}, reason)
            else:
                self._awaited.setdefault(actor_id, set()).add(proc)
            return
        actor.watchers.add(proc)
        self.actions.append(("tell", actor, (proc,), actor.proc, []))

    # -- life -----------------------------------------------------------------------------

    def hosted(self, actor_id: bytes, proc: int) -> Actor | None:
        """The leases gave it a process."""
        actor = self.actors.get(actor_id)
        if actor is None or actor.state is ActorState.DEAD:
            return None
        actor.move(ActorState.STARTING)
        actor.incarnation += 1
        actor.proc = proc
        self.by_proc[proc] = actor
        self._tell(actor)
        return actor

    def constructed(self, actor_id: bytes, incarnation: int, error: Any, kept: list[Any]) -> None:
        """Its constructor returned, or raised ``error``: then it is dead, whatever its restarts.

        ``kept`` are the creator's objects it goes on holding.
        """
        actor = self.actors.get(actor_id)
        if actor is None or actor.incarnation != incarnation:
            return
        if actor.state is not ActorState.STARTING:
            return
        if error is None:
            actor.move(ActorState.ALIVE)
            self._tell(actor, kept)
            if not actor.spec["max_restarts"]:
                actor.spec["call"] = None  # it won't be constructed again
        else:
            self._end(actor, {"reason": "constructor", "error": error}, "retire")

    def process_died(self, proc: int, death: dict[str, Any]) -> None:
        """Its process ended: it is restarted if it may be and did not leave on purpose."""
        actor = self.by_proc.pop(proc, None)
        if actor is None or actor.state is ActorState.DEAD:
            return
        actor.proc = 0
        on_purpose = death.get("reason") in ("exit_actor", "exit")
        if actor.restarts_left and not on_purpose:
            actor.restarts_left -= actor.restarts_left > 0
            actor.move(ActorState.RESTARTING)
            actor.death = death
            self._tell(actor)
            self._place(actor)
        else:
            self._end(actor, death, None)

    def kill(self, actor_id: bytes, *, no_restart: bool, reason: str) -> None:
        """Ends the actor: at once for ``"kill"``, after its calls for ``"out of scope"``."""
        actor = self.actors.get(actor_id)
        if actor is None and no_restart and creator_of(actor_id) not in self._gone:
            self._stillborn[actor_id] = reason
            asking = self._awaited.pop(actor_id, set())
            self._tell_never(actor_id, asking | {creator_of(actor_id)}, reason)
        if actor is None or actor.state is ActorState.DEAD:
            return
        if reason == "out of scope":
            if not actor.detached:
                self._end(actor, {"reason": reason}, "retire")
        elif no_restart:
            self._end(actor, {"reason": reason}, "kill")
        elif actor.proc:
            # Its death will be reported, and restarts it if it may be restarted.
            self.actions.append(("kill", actor.proc, reason))

    def creator_died(self, proc: int) -> None:
        """A process is gone; actors it created and that aren't detached go with it."""
        self._gone.add(proc)
        for procs in self._awaited.values():
            procs.discard(proc)
        for actor_id in [a for a in self._awaited if creator_of(a) == proc]:
            self._tell_never(actor_id, self._awaited.pop(actor_id), None)
        for actor_id in [a for a in self._stillborn if creator_of(a) == proc]:
            del self._stillborn[actor_id]
        for actor in list(self.actors.values()):
            actor.watchers.discard(proc)
            if actor.creator == proc and not actor.detached:
                self._end(actor, {"reason": "its creator ended"}, "kill")

    def unplaceable(self, actor_id: bytes, why: str) -> None:
        """No node can ever hold it."""
        actor = self.actors.get(actor_id)
        if actor is not None:
            self._end(actor, {"reason": "unschedulable", "text": why}, None)

    def _place(self, actor: Actor) -> None:
        self.actions.append(("place", actor))

    def _tell(self, actor: Actor, kept: list[Any] | None = None) -> None:
        # What the process kept goes with its number: when this is carried out it may be gone.
        self.actions.append(("tell", actor, tuple(actor.watchers), actor.proc, kept or []))

    def _tell_never(self, actor_id: bytes, procs: set[int], reason: str | None) -> None:
        """An actor won't come to be."""
        reason = reason or "its creator ended"
        self.actions.extend(("unknown", actor_id, proc, reason) for proc in sorted(procs))

    def _end(self, actor: Actor, death: dict[str, Any], how: str | None) -> None:
        if actor.state is ActorState.DEAD:
            return
        actor.move(ActorState.DEAD)
        actor.death = death
        key = (actor.spec["namespace"], actor.spec["name"])
        if self.names.get(key) is actor:
            del self.names[key]
        self.actions.append(("unplace", actor.actor_id))
        self._tell(actor)
        if actor.proc and how is not None:
            self.actions.append((how, actor.proc, death["reason"]))
        self.by_proc.pop(actor.proc, None)
        actor.proc = 0
        # What a restart would have needed is needed no more.
        actor.spec = {**actor.spec, "call": None}

    def check(self) -> None:
        """Asserts the invariants: names and processes belong to living actors, one each."""
        for key, actor in self.names.items():
            assert actor.state is not ActorState.DEAD, f"a dead actor keeps the name {key}"
            assert key == (actor.spec["namespace"], actor.spec["name"])
        for proc, actor in self.by_proc.items():
            assert actor.proc == proc
            assert actor.state in (ActorState.STARTING, ActorState.ALIVE), actor.state
        for actor in self.actors.values():
            if actor.proc:
                assert self.by_proc[actor.proc] is actor, "a process without its actor"
