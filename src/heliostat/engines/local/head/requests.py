"""Questions to the head outside the data path, and their answers."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from heliostat.engines.local.core.actors import Actor, NameTaken
from heliostat.engines.local.core.workers import UNIT
from heliostat.engines.local.head import status
from heliostat.engines.local.head.members import Member
from heliostat.engines.local.wire import messages

if TYPE_CHECKING:
    from heliostat.engines.local.head.server import Server


class Requests:
    """Answers ``messages.request`` by its verb."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._verbs: dict[str, Callable[..., Any]] = {
            "name": self._name,
            "find_or_name": self._find_or_name,
            "find": self._find,
            "named": self._named,
            "kill": self._kill,
            "resources": self._resources,
            "nodes": self._nodes,
            "status": self._status,
            "grant": self._grant,
            "ungrant": self._ungrant,
        }

    def answer(self, member: Member, number: int, verb: str, args: tuple[Any, ...]) -> None:
        """Answers a request; one that can't be met, with the error its asker is to raise."""
        try:
            value, ok = self._verbs[verb](member, *args), True
        except NameTaken as taken:
            value, ok = ("ActorAlreadyExistsError", _name_taken(taken.actor)), False
        except (ValueError, RuntimeError, MemoryError) as error:
            kind = "ObjectStoreFullError" if isinstance(error, MemoryError) else "ValueError"
            value, ok = (kind, str(error)), False
        if number:
            member.inbox.send(messages.reply(number, ok, value))

    def _name(self, member: Member, actor_id: bytes, spec: dict[str, Any]) -> None:
        self._server.actors.create(actor_id, member.proc, member.job, spec)

    def _find_or_name(self, member: Member, actor_id: bytes, spec: dict[str, Any]) -> Any:
        try:
            self._server.actors.create(actor_id, member.proc, member.job, spec)
        except NameTaken as taken:
            return _description(taken.actor)
        return None

    def _find(self, member: Member, namespace: str, name: str) -> Any:
        actor = self._server.actors.find(namespace, name)
        return None if actor is None else _description(actor)

    def _named(self, member: Member, namespace: str | None) -> list[tuple[str, str]]:
        names = self._server.actors.names
        return [key for key in names if namespace is None or key[0] == namespace]

    def _kill(self, member: Member, actor_id: bytes, no_restart: bool) -> None:
        self._server.actors.kill(actor_id, no_restart=no_restart, reason="kill")

    def _resources(self, member: Member) -> Any:
        return dict(self._server.leases.totals), self._server.leases.spare(self._server.is_idle)

    def _nodes(self, member: Member) -> list[dict[str, Any]]:
        totals = self._server.leases.totals
        resources = {name: amount / UNIT for name, amount in totals.items() if amount}
        host = os.uname().nodename
        return [
            {
                "NodeID": self._server.cluster["node"].hex(),
                "Alive": True,
                "NodeManagerAddress": "127.0.0.1",
                "NodeManagerHostname": host,
                "NodeName": host,
                "Resources": resources,
                "Labels": {},
                "alive": True,
            }
        ]

    def _status(self, member: Member) -> dict[str, Any]:
        return status.describe(self._server)

    def _grant(self, member: Member, size: int) -> None:
        self._server.memory.grant(member, size, self._server.members)

    def _ungrant(self, member: Member, size: int) -> None:
        self._server.memory.give_back(member, size)


def _name_taken(actor: Actor) -> str:
    """Who has the name, and what to do."""
    name, namespace = actor.spec["name"], actor.spec["namespace"]
    return (
        f"The name {name} (namespace={namespace}) is already taken by {actor.spec['meta'][0]}. "
        f"Please use a different name or get the existing actor using "
        f"heliostat.get_actor('{name}', namespace='{namespace}')"
    )


def _description(actor: Actor) -> tuple[Any, ...]:
    """What a handle is made of."""
    return actor.actor_id, actor.spec["traits"], actor.spec["meta"]
