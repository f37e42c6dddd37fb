"""What really happened in a simulated session, for judging what its programs are told."""

from __future__ import annotations

from typing import Any

from heliostat.exceptions import (
    ActorDiedError,
    ActorUnavailableError,
    OwnerDiedError,
    RayTaskError,
    WorkerCrashedError,
)

Key = tuple[int, int]


class Violation(AssertionError):
    """The engine broke a promise."""


class ActorFact:
    """An actor that was created.

    Attributes:
        doomed: something happened that may end it for good.
        hurt: how many of its processes were killed.
        named: handles got by its name don't keep it alive.
    """

    def __init__(self, creator: int, deps: list[Fact], restarts: int) -> None:
        self.creator = creator
        self.deps = deps
        self.restarts = restarts
        self.doomed = False
        self.hurt = 0
        self.boom = False
        self.named = False


class Fact:
    """An object, and the task or call that makes it.

    Attributes:
        plan: the number its value shows.
        deps: what must be there before it can be.
        safe: a task that waits for nothing but its own safe tasks.
        order: for a call, its place among the caller's calls to this actor.
    """

    def __init__(self, plan: int, kind: str, deps: list[Fact], retries: int = 0) -> None:
        self.plan = plan
        self.kind = kind
        self.deps = deps
        self.retries = retries
        self.runs = 0
        self.kills = 0
        self.safe = False
        self.order = 0
        self.actor: ActorFact | None = None

    @property
    def boom(self) -> bool:
        """Its code raises."""
        return self.kind != "put" and self.plan % 13 == 0


class Truth:
    """All facts of a run."""

    def __init__(self) -> None:
        self.objects: dict[Key, Fact] = {}
        self.actors: dict[bytes, ActorFact] = {}
        self.dead: set[int] = set()
        self.ended = 0
        self.orders: dict[tuple[int, bytes], int] = {}

    def of(self, ref: Any) -> Fact:
        """The fact behind a reference."""
        entry = ref._entry
        return self.objects[entry.home.proc, entry.number]

    def began(self, owner: int, number: int) -> None:
        """A task or call runs."""
        fact = self.objects[owner, number]
        fact.runs += 1
        if fact.retries >= 0 and fact.runs > fact.retries + 1:
            raise Violation(f"task {owner}:{number} ran {fact.runs} times, {fact.retries} retries")

    def called(self, actor: Any, caller: int, number: int) -> None:
        """An actor runs a call: in each process of it, a caller's calls come in order."""
        self.began(caller, number)
        order = self.objects[caller, number].order
        if actor.seen.get(caller, -1) >= order:
            raise Violation(f"call {order} of {caller} came after call {actor.seen[caller]}")
        actor.seen[caller] = order

    def hosted(self, actor: bytes, incarnation: int) -> None:
        """An actor has a process."""
        restarts = self.actors[actor].restarts
        if 0 <= restarts < incarnation - 1:
            raise Violation(f"an actor was restarted {incarnation - 1} times, {restarts} allowed")

    def next_order(self, caller: int, actor: bytes) -> int:
        """The place of a new call."""
        order = self.orders[caller, actor] = self.orders.get((caller, actor), -1) + 1
        return order

    def unexpected(self, error: BaseException) -> None:
        """Code of ours raised what it never raises by itself."""
        raise Violation(f"a task failed with {type(error).__name__}: {error}") from error

    # -- judging --------------------------------------------------------------------------

    def judge_value(self, fact: Fact, value: Any) -> None:
        """A value must be the one that was made."""
        shown = value[0] if isinstance(value, list) else value
        if shown != fact.plan:
            raise Violation(f"the value of {fact.kind} {fact.plan} is {shown}")
        if fact.boom:
            raise Violation(f"{fact.kind} {fact.plan} raised, and has a value")

    def judge_error(self, ref: Any, error: BaseException) -> None:
        """An error must have a reason."""
        entry = ref._entry
        fact = self.of(ref)
        if entry.home.proc in self.dead and isinstance(error, OwnerDiedError):
            return
        if not self._may_fail(fact, error, set()):
            raise Violation(
                f"{fact.kind} {entry.home.proc}:{entry.number} (plan {fact.plan}, {fact.kills} "
                f"kills, {fact.retries} retries) failed with {type(error).__name__}: {error}"
            )

    def _may_fail(self, fact: Fact, error: BaseException, seen: set[int]) -> bool:
        if id(fact) in seen:
            return False
        seen.add(id(fact))
        actor = fact.actor
        if isinstance(error, RayTaskError) and fact.boom:
            return True
        if (
            isinstance(error, WorkerCrashedError)
            and fact.kills
            and fact.runs + fact.kills > fact.retries
        ):
            return True
        if isinstance(error, ActorUnavailableError) and actor is not None and actor.hurt:
            return True
        if isinstance(error, ActorDiedError) and actor is not None and self._may_die(actor):
            return True
        if isinstance(error, OwnerDiedError) and self.dead and fact.deps:
            return True
        return any(self._may_fail(dep, error, seen) for dep in fact.deps)

    def _may_die(self, actor: ActorFact) -> bool:
        return (
            actor.doomed
            or actor.boom
            or actor.named
            or actor.hurt > actor.restarts >= 0
            or actor.creator in self.dead
            or any(dep.boom or dep.kills or dep.deps or self.dead for dep in actor.deps)
        )
