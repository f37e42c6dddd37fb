"""Actors between the decisions on them (``core.actors``) and the processes of the session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliostat.engines.local.core.actors import Actor
from heliostat.engines.local.core.workers import Placement
from heliostat.engines.local.head.members import Member
from heliostat.engines.local.wire import messages

if TYPE_CHECKING:
    from heliostat.engines.local.head.server import Server


class ActorShell:
    """Carries out what is decided on actors, and says what they and their callers report."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def carry_out(self, action: tuple[Any, ...]) -> None:
        """Does what an action of ``core.actors`` says."""
        getattr(self, action[0])(*action[1:])

    def on_create(self, member: Member, actor: bytes, spec: Any, call: Any) -> None:
        """A process creates an actor, or says what its constructor is called with."""
        if actor not in self._server.actors.actors:
            self._server.actors.create(actor, member.proc, member.job, spec)
        self._server.actors.supply(actor, call)

    def on_ready(
        self, member: Member, actor: bytes, incarnation: int, error: Any, kept: Any
    ) -> None:
        """An actor's process ran its constructor."""
        self._server.actors.constructed(actor, incarnation, error, kept)

    def on_kill(self, member: Member, actor: bytes, no_restart: bool, reason: str) -> None:
        """A process ends an actor."""
        self._server.actors.kill(actor, no_restart=no_restart, reason=reason)

    def place(self, actor: Actor) -> None:
        """An actor needs a process."""
        spec = actor.spec
        self._server.leases.place_actor(
            Placement(actor.actor_id, actor.job, spec["env"], spec["place"], spec["run"])
        )

    def unplace(self, actor: bytes) -> None:
        """It needs none any more."""
        self._server.leases.forget_actor(actor)

    def tell(self, actor: Actor, procs: tuple[int, ...], keeper: int, kept: list[Any]) -> None:
        """Tells ``procs`` the actor's state; its creator also what the process ``keeper`` keeps."""
        about = {**actor.death, "name": actor.spec["name"]}
        restartable = bool(actor.spec["max_restarts"])
        creators = {**about, "kept": kept, "proc": keeper, "restartable": restartable}
        for proc in procs:
            fds: tuple[int, ...] = ()
            if actor.proc:
                inbox = self._server.members.introduce(actor.proc, proc)
                if inbox is None:
                    continue
                fds = (inbox,)
            message = messages.actor(
                actor.actor_id,
                actor.state.name,
                actor.incarnation,
                actor.proc,
                creators if proc == actor.creator else about,
            )
            self._server.members.tell(proc, message, fds)

    def unknown(self, actor: bytes, proc: int, reason: str) -> None:
        """A process has a handle to an actor that never came to be."""
        death = {"reason": reason}
        self._server.members.tell(proc, messages.actor(actor, "DEAD", 0, 0, death))

    def kill(self, proc: int, reason: str) -> None:
        """Ends an actor's process at once."""
        self._server.kill(proc, reason)

    def retire(self, proc: int, reason: str) -> None:
        """Ends an actor's process once it has done what it was sent."""
        self._server.retire(proc, reason)
