"""The head's book of actors against a model: names, states, processes, who is told what."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from heliostat.engines.local.core.actors import Actor, Actors, ActorState, NameTaken, creator_of

CREATORS = st.integers(1, 3)


def spec_of(**given: Any) -> dict[str, Any]:
    spec = {"name": "", "namespace": "n", "detached": False, "max_restarts": 0, "call": None}
    return {**spec, **given}


def id_of(creator: int, count: int) -> bytes:
    return b"uuuu" + count.to_bytes(4, "big") + creator.to_bytes(4, "big") + b"jjjj"


class ActorsMachine(RuleBasedStateMachine):
    """Actors are created, placed, constructed, killed, lost and restarted."""

    actors: Bundle[bytes] = Bundle("actors")

    def __init__(self) -> None:
        super().__init__()
        self.book = Actors()
        self.count = 0
        self.proc = 100
        self.names: dict[str, bytes] = {}
        self.told: dict[bytes, list[ActorState]] = {}
        self.placed: list[bytes] = []
        self.gone: set[int] = set()
        self.supplied: set[bytes] = set()

    @rule(
        target=actors,
        creator=CREATORS,
        name=st.sampled_from(["", "", "a", "b"]),
        detached=st.booleans(),
        restarts=st.integers(-1, 2),
    )
    def create(self, creator: int, name: str, detached: bool, restarts: int) -> bytes:
        self.count += 1
        actor_id = id_of(creator, self.count)
        if creator in self.gone:
            return actor_id
        spec = spec_of(name=name, detached=detached, max_restarts=restarts)
        if name in self.names:
            with pytest.raises(NameTaken) as taken:
                self.book.create(actor_id, creator, 1, spec)
            assert taken.value.actor.actor_id == self.names[name]
            return actor_id
        self.book.create(actor_id, creator, 1, spec)
        if name:
            self.names[name] = actor_id
        return actor_id

    @rule(actor=actors)
    def supply(self, actor: bytes) -> None:
        if actor not in self.supplied:
            self.supplied.add(actor)
            self.book.supply(actor, "call")

    @precondition(lambda self: self.placed)
    @rule()
    def host(self) -> None:
        self.proc += 1
        actor_id = self.placed.pop(0)
        actor = self.book.actors[actor_id]
        incarnation = actor.incarnation
        hosted = self.book.hosted(actor_id, self.proc)
        if hosted is None:
            assert actor.state is ActorState.DEAD
        else:
            assert actor.incarnation == incarnation + 1
            assert actor.proc == self.proc

    @rule(actor=actors, fails=st.booleans(), late=st.integers(0, 1))
    def construct(self, actor: bytes, fails: bool, late: int) -> None:
        known = self.book.actors.get(actor)
        if known is not None:
            before = known.state
            error = "error" if fails else None
            self.book.constructed(actor, known.incarnation - late, error, [])
            if late or before is not ActorState.STARTING:
                assert known.state is before

    @precondition(lambda self: self.book.by_proc)
    @rule(data=st.data(), reason=st.sampled_from(["", "", "exit_actor", "exit"]))
    def lose_process(self, data: st.DataObject, reason: str) -> None:
        proc = data.draw(st.sampled_from(sorted(self.book.by_proc)))
        actor = self.book.by_proc[proc]
        left = actor.restarts_left
        self.book.process_died(proc, {"reason": reason, "status": 9})
        if left and not reason:
            assert actor.state is ActorState.RESTARTING
            assert actor.restarts_left == (left if left < 0 else left - 1)
        else:
            assert actor.state is ActorState.DEAD
            assert actor.death["status"] == 9

    @rule(actor=actors, reason=st.sampled_from(["kill", "out of scope"]))
    def kill(self, actor: bytes, reason: str) -> None:
        known = self.book.actors.get(actor)
        self.book.kill(actor, no_restart=True, reason=reason)
        if known is not None and (reason == "kill" or not known.detached):
            assert known.state is ActorState.DEAD
            assert self.book.names.get(("n", known.spec["name"])) is not known

    @rule(actor=actors, proc=st.integers(10, 12))
    def watch(self, actor: bytes, proc: int) -> None:
        self.book.watch(actor, proc)

    @precondition(lambda self: len(self.gone) < 2)
    @rule(creator=CREATORS)
    def lose_creator(self, creator: int) -> None:
        self.gone.add(creator)
        self.book.creator_died(creator)
        for actor in self.book.living():
            assert actor.creator != creator or actor.detached

    @invariant()
    def agrees(self) -> None:
        self.book.check()
        for action in self.book.actions:
            if action[0] == "place":
                self.placed.append(action[1].actor_id)
            elif action[0] == "unplace":
                self.placed = [actor for actor in self.placed if actor != action[1]]
        self.book.actions.clear()
        living = {a.actor_id for a in self.book.living()}
        self.names = {name: actor for name, actor in self.names.items() if actor in living}
        assert {name: a.actor_id for (_, name), a in self.book.names.items()} == self.names
        for name, actor_id in self.names.items():
            found = self.book.find("n", name)
            assert found is not None
            assert found.actor_id == actor_id


TestActors = ActorsMachine.TestCase


def alive(book: Actors, **given: Any) -> Actor:
    """An actor of process 1 that runs in process 20."""
    actor = book.create(id_of(1, 1), 1, 1, spec_of(**given))
    book.supply(actor.actor_id, "call")
    book.hosted(actor.actor_id, 20)
    book.constructed(actor.actor_id, 1, None, [])
    book.actions.clear()
    return actor


def test_an_actor_is_told_of_from_place_to_death() -> None:
    book = Actors()
    actor = book.create(id_of(1, 1), 1, 1, spec_of())
    assert book.actions == []
    book.supply(actor.actor_id, "call")
    assert book.actions == [("place", actor)]
    book.hosted(actor.actor_id, 20)
    book.constructed(actor.actor_id, 1, None, [(1, 5)])
    assert book.actions[1:] == [("tell", actor, (1,), 20, []), ("tell", actor, (1,), 20, [(1, 5)])]
    book.actions.clear()
    book.kill(actor.actor_id, no_restart=True, reason="kill")
    assert ("kill", 20, "kill") in book.actions
    assert actor.death == {"reason": "kill"}


def test_a_killed_actor_frees_its_name_at_once() -> None:
    book = Actors()
    actor = alive(book, name="ann")
    book.kill(actor.actor_id, no_restart=True, reason="kill")
    assert book.find("n", "ann") is None
    book.create(id_of(1, 2), 1, 1, spec_of(name="ann"))


def test_a_kill_that_allows_a_restart_only_ends_the_process() -> None:
    book = Actors()
    actor = alive(book, max_restarts=1)
    book.kill(actor.actor_id, no_restart=False, reason="kill")
    assert book.actions == [("kill", 20, "kill")]
    book.process_died(20, {"reason": "kill"})
    assert actor.state is ActorState.RESTARTING


def test_an_actor_that_left_on_purpose_is_not_restarted() -> None:
    book = Actors()
    actor = alive(book, max_restarts=-1)
    book.process_died(20, {"reason": "exit_actor"})
    assert actor.state is ActorState.DEAD


def test_out_of_scope_lets_it_finish_and_spares_the_detached() -> None:
    book = Actors()
    actor = alive(book)
    book.kill(actor.actor_id, no_restart=True, reason="out of scope")
    assert ("retire", 20, "out of scope") in book.actions
    detached = alive(Actors(), detached=True, name="d")
    assert detached.state is ActorState.ALIVE


def test_a_restart_needs_the_constructors_arguments_and_nothing_else_does() -> None:
    restartable = alive(Actors(), max_restarts=1)
    assert restartable.spec["call"] == "call"
    assert alive(Actors()).spec["call"] is None


def test_a_handle_may_be_faster_than_its_actor() -> None:
    book = Actors()
    book.watch(id_of(1, 1), 7)
    assert book.actions == []
    actor = alive(book)
    assert actor.watchers == {1, 7}


def test_an_actor_ended_before_it_came_never_runs() -> None:
    book = Actors()
    book.watch(id_of(1, 1), 7)
    book.kill(id_of(1, 1), no_restart=True, reason="out of scope")
    told = [("unknown", id_of(1, 1), proc, "out of scope") for proc in (1, 7)]
    assert book.actions == told
    book.watch(id_of(1, 1), 8)
    assert book.actions[2:] == [("unknown", id_of(1, 1), 8, "out of scope")]
    actor = book.create(id_of(1, 1), 1, 1, spec_of())
    assert actor.state is ActorState.DEAD
    book.supply(actor.actor_id, "call")
    assert not any(action[0] == "place" for action in book.actions)


def test_who_waits_for_an_actor_whose_creator_ended_is_told() -> None:
    book = Actors()
    book.watch(id_of(1, 1), 7)
    book.creator_died(1)
    assert book.actions == [("unknown", id_of(1, 1), 7, "its creator ended")]
    book.watch(id_of(1, 2), 7)
    assert book.actions[1:] == [("unknown", id_of(1, 2), 7, "its creator ended")]


def test_an_unplaceable_actor_says_why() -> None:
    book = Actors()
    actor = book.create(id_of(1, 1), 1, 1, spec_of())
    book.unplaceable(actor.actor_id, "no such resource")
    assert actor.death == {"reason": "unschedulable", "text": "no such resource"}


def test_an_id_names_its_creator() -> None:
    assert creator_of(id_of(77, 3)) == 77
