"""Ray's ``ray.actor``: the classes around actors, and ``exit_actor``."""

from __future__ import annotations

from heliostat.api.actors import ActorClass, ActorClassInheritanceException, exit_actor
from heliostat.api.handles import ActorHandle, ActorMethod, ActorProxy
from heliostat.api.methods import method
from heliostat.exceptions import ActorAlreadyExistsError, AsyncioActorExit

__all__ = [
    "ActorAlreadyExistsError",
    "ActorClass",
    "ActorClassInheritanceException",
    "ActorHandle",
    "ActorMethod",
    "ActorProxy",
    "AsyncioActorExit",
    "exit_actor",
    "method",
]
