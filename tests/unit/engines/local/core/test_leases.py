"""The head's leases: a machine that does what workers and owners may do, and examples of each
rule."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from heliostat.engines.local.core.leases import IDLE_SECONDS, Leases
from heliostat.engines.local.core.victims import SLICE
from heliostat.engines.local.core.workers import UNIT, Placement, WorkerState

ONE = (("CPU", UNIT),)
HALF = (("CPU", UNIT // 2),)
GPU = (("CPU", UNIT), ("GPU", UNIT))
THIRD_GPU = (("GPU", UNIT // 3),)
SHAPES = st.sampled_from([ONE, HALF, (), GPU, THIRD_GPU, (("R", UNIT),), (("CPU", 2 * UNIT),)])


class LeasesMachine(RuleBasedStateMachine):
    """Owners demand; workers work, block, leave and die; actors come and go."""

    def __init__(self) -> None:
        super().__init__()
        procs = itertools.count(100)
        totals = {"CPU": 2 * UNIT, "GPU": 2 * UNIT, "R": UNIT}
        self.leases = Leases(totals, lambda: next(procs))
        self.now = 0.0
        self.busy: set[int] = set()
        self.leaving: set[int] = set()
        self.actors = 0
        self.queue = 0

    @rule(job=st.integers(1, 2), resources=SHAPES)
    def open_queue(self, job: int, resources: Any) -> None:
        self.queue += 1
        self.leases.open_queue((job, self.queue), job, resources, ())

    @precondition(lambda self: self.leases.queues)
    @rule(data=st.data(), workers=st.integers(0, 3))
    def demand(self, data: st.DataObject, workers: int) -> None:
        key = data.draw(st.sampled_from(sorted(self.leases.queues)))
        self.leases.demand(key, workers)

    @rule(job=st.integers(1, 2), run=SHAPES)
    def place_actor(self, job: int, run: Any) -> None:
        self.actors += 1
        place = run or ONE
        self.leases.place_actor(Placement(self.actors.to_bytes(16, "big"), job, (), place, run))

    @precondition(lambda self: self.leased)
    @rule(data=st.data(), busy=st.booleans())
    def work(self, data: st.DataObject, busy: bool) -> None:
        proc = data.draw(st.sampled_from(self.leased))
        if busy:
            self.busy.add(proc)
        elif not self.leases.workers[proc].blocked:
            self.busy.discard(proc)

    @precondition(lambda self: self.busy)
    @rule(data=st.data())
    def block_or_go_on(self, data: st.DataObject) -> None:
        proc = data.draw(st.sampled_from(sorted(self.busy)))
        if self.leases.workers[proc].blocked:
            self.leases.unblocked(proc)
        else:
            self.leases.blocked(proc)

    @rule()
    def leave(self) -> None:
        for proc in sorted(self.leaving - self.busy):
            self.leaving.discard(proc)
            self.leases.detached(proc, self.now)

    @precondition(lambda self: self.leases.workers)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        proc = data.draw(st.sampled_from(sorted(self.leases.workers)))
        self.busy.discard(proc)
        self.leaving.discard(proc)
        worker = self.leases.died(proc)
        assert worker is not None
        assert not worker.held
        self.leases.close_owner(proc, self.is_idle, self.now)

    @rule(job=st.integers(1, 2))
    def end_owner(self, job: int) -> None:
        self.leases.close_owner(job, self.is_idle, self.now)
        assert not [key for key in self.leases.queues if key[0] == job]

    @rule(seconds=st.sampled_from([0.01, 0.2, 2.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.leases.surplus(self.is_idle, self.now)

    @invariant()
    def schedule(self) -> None:
        self.leases.check()
        self.leases.schedule(self.is_idle, self.now)
        self.leases.check()
        for name, *fields in self.leases.actions:
            if name == "detach":
                self.leaving.add(fields[0])
            elif name == "retire":
                assert self.leases.workers[fields[0]].state is WorkerState.RETIRING
        self.leases.actions.clear()
        self._nothing_more_can_be_granted()

    def _nothing_more_can_be_granted(self) -> None:
        leases = self.leases
        if leases.free["CPU"] < 0:
            return
        for queue in leases.queues.values():
            assert queue.missing <= 0 or not leases.books.fits(queue.resources)
        for placement in leases.placements.values():
            assert not leases.books.fits(placement.place)

    def is_idle(self, proc: int) -> bool:
        return proc not in self.busy

    @property
    def leased(self) -> list[int]:
        workers = self.leases.workers.values()
        return sorted(w.proc for w in workers if w.state is WorkerState.LEASED)


TestLeases = LeasesMachine.TestCase


class Host:
    """Leases with what a shell would do to them."""

    def __init__(self, **totals: int) -> None:
        procs = itertools.count(100)
        self.leases = Leases({k: v * UNIT for k, v in totals.items()}, lambda: next(procs))
        self.idle: set[int] = set()

    def queue(
        self, owner: int, number: int, demand: int, resources: Any = ONE, job: int = 1
    ) -> Any:
        key = (owner, number)
        self.leases.open_queue(key, job, resources, ())
        self.leases.demand(key, demand)
        return self.leases.queues[key]

    def schedule(self, now: float = 0.0) -> list[tuple[Any, ...]]:
        self.leases.schedule(self.idle.__contains__, now)
        actions = list(self.leases.actions)
        self.leases.actions.clear()
        self.leases.check()
        return actions

    def detach(self, proc: int) -> None:
        self.idle.discard(proc)
        self.leases.detached(proc, 0.0)


def test_a_queue_gets_what_it_demands_and_no_more_than_there_is() -> None:
    host = Host(CPU=2)
    queue = host.queue(1, 1, 3)
    kinds = [action[0] for action in host.schedule()]
    assert kinds == ["spawn", "attach", "spawn", "attach"]
    assert queue.running == 2
    assert host.leases.waiting


def test_a_blocked_worker_lends_its_cpu_and_nothing_else() -> None:
    host = Host(CPU=1, R=1)
    queue = host.queue(1, 1, 1, (("CPU", UNIT), ("R", UNIT)))
    host.schedule()
    (proc,) = queue.attached
    host.leases.blocked(proc)
    assert host.leases.free == {"CPU": UNIT, "R": 0}
    nested = host.queue(proc, 1, 1)
    host.schedule()
    assert nested.running == 1


def test_one_that_goes_on_overdraws_and_nothing_is_granted_until_the_balance_is_whole() -> None:
    host = Host(CPU=1)
    queue = host.queue(1, 1, 1)
    host.schedule()
    (first,) = queue.attached
    host.leases.blocked(first)
    nested = host.queue(first, 1, 1)
    host.schedule(1.0)
    (second,) = nested.attached
    host.leases.unblocked(first)
    assert host.leases.free["CPU"] == -UNIT
    other = host.queue(1, 2, 1)
    assert ("detach", second) in host.schedule(2.0)
    assert not other.attached
    host.detach(second)
    assert host.leases.free["CPU"] == 0


def test_nested_tasks_run_on_one_cpu_at_any_depth() -> None:
    host = Host(CPU=1)
    queue = host.queue(1, 1, 1)
    for _ in range(30):
        host.schedule()
        (proc,) = queue.attached
        host.leases.blocked(proc)
        queue = host.queue(proc, 1, 1)
    assert len(host.leases.workers) == 30


def test_an_idle_worker_goes_to_who_needs_it_at_once() -> None:
    host = Host(CPU=1)
    first = host.queue(1, 1, 1)
    host.schedule()
    (proc,) = first.attached
    host.idle.add(proc)
    second = host.queue(1, 2, 1)
    assert host.schedule() == [("tell", proc, first.key), ("detach", proc)]
    assert first.demand == 0, "its owner had nothing for the worker, and is told so"
    host.detach(proc)
    host.schedule()
    assert list(second.attached) == [proc]


def test_a_busy_worker_goes_to_another_queue_only_after_its_slice() -> None:
    host = Host(CPU=1)
    first = host.queue(1, 1, 1)
    host.schedule()
    (proc,) = first.attached
    host.queue(1, 2, 1)
    assert host.schedule(SLICE / 2) == []
    assert host.schedule(SLICE * 2) == [("detach", proc)]


def test_the_job_that_holds_more_gives_to_the_one_that_holds_less() -> None:
    host = Host(CPU=4)
    rich = host.queue(1, 1, 4)
    host.schedule()
    poor = host.queue(2, 1, 4, job=2)
    for _ in range(4):
        for action in host.schedule():
            if action[0] == "detach":
                host.detach(action[1])
    assert (rich.running, poor.running) == (2, 2)


def test_a_worker_on_its_way_out_is_not_replaced_for_the_packet_it_still_runs() -> None:
    host = Host(CPU=2)
    queue = host.queue(1, 1, 1, HALF)
    host.schedule()
    (proc,) = queue.attached
    host.leases.detach(host.leases.workers[proc], 0.0, idle=False)
    host.leases.actions.clear()
    assert host.schedule() == []


def test_an_overdraft_is_not_balanced_by_whoever_holds_no_cpu() -> None:
    host = Host(CPU=1)
    queue = host.queue(1, 1, 1)
    host.queue(1, 2, 1, ())
    host.schedule()
    (first,) = queue.attached
    host.leases.blocked(first)
    nested = host.queue(first, 1, 1)
    host.schedule(1.0)
    (second,) = nested.attached
    host.queue(1, 3, 1, ())
    host.schedule(2.0)
    host.leases.unblocked(first)
    detached = [action[1] for action in host.schedule(3.0) if action[0] == "detach"]
    assert detached == [second]


def test_an_overdraft_takes_even_the_last_worker_if_it_is_idle_but_not_if_it_runs() -> None:
    for idle in (True, False):
        host = Host(CPU=2)
        waiting = host.queue(1, 1, 1, (("CPU", 2 * UNIT),))
        host.schedule()
        (first,) = waiting.attached
        host.leases.blocked(first)
        other = host.queue(1, 2, 1)
        host.schedule(1.0)
        (second,) = other.attached
        host.leases.detach(host.leases.workers[second], 1.0, idle=False)
        host.leases.actions.clear()
        host.leases.unblocked(first)
        host.leases.actions.clear()
        if idle:
            host.idle.add(first)
        detached = [action[1] for action in host.schedule(2.0) if action[0] == "detach"]
        assert detached == ([first] if idle else [])


def test_fractions_share_a_gpu_and_whole_ones_have_their_own() -> None:
    host = Host(CPU=4, GPU=2)
    host.queue(1, 1, 3, THIRD_GPU)
    attached = [action for action in host.schedule() if action[0] == "attach"]
    assert {index for *_, gpus in attached for index, _ in gpus} == {0}
    host.queue(1, 2, 2, GPU)
    attached = [action for action in host.schedule() if action[0] == "attach"]
    assert [gpus for *_, gpus in attached] == [((1, UNIT),)]


def test_an_actor_needs_a_cpu_to_be_placed_and_none_to_run() -> None:
    host = Host(CPU=1)
    host.leases.place_actor(Placement(b"a", 1, (), ONE, ()))
    assert [action[0] for action in host.schedule()] == ["spawn", "host"]
    assert host.leases.free["CPU"] == UNIT
    host.queue(1, 1, 1)
    host.schedule()
    host.leases.place_actor(Placement(b"b", 1, (), ONE, ()))
    assert "host" not in [action[0] for action in host.schedule()]


def test_a_placement_can_be_withdrawn() -> None:
    host = Host(CPU=0)
    host.leases.place_actor(Placement(b"a", 1, (), ONE, ()))
    host.schedule()
    assert host.leases.waiting
    host.leases.forget_actor(b"a")
    host.schedule()
    assert not host.leases.waiting


def test_workers_of_another_job_or_environment_are_not_taken() -> None:
    host = Host(CPU=2)
    host.leases.prestart(2, (), 1, 0.0)
    host.leases.prestart(1, (("A", "1"),), 1, 0.0)
    host.leases.actions.clear()
    host.queue(1, 1, 1, job=1)
    assert [action[0] for action in host.schedule()] == ["spawn", "attach"]


def test_workers_idle_for_long_beyond_the_cpus_are_retired() -> None:
    host = Host(CPU=1)
    host.leases.prestart(1, (), 3, 0.0)
    host.leases.actions.clear()
    host.leases.surplus(lambda _: True, IDLE_SECONDS / 2)
    assert host.leases.actions == []
    host.leases.surplus(lambda _: True, IDLE_SECONDS * 2)
    assert [action[0] for action in host.leases.actions] == ["retire", "retire"]


def test_the_workers_that_run_a_dead_owners_tasks_are_killed_and_the_idle_ones_kept() -> None:
    host = Host(CPU=2)
    queue = host.queue(1, 1, 2)
    host.schedule()
    first, second = queue.attached
    host.leases.close_owner(1, lambda proc: proc == second, 0.0)
    assert ("kill", first, "its owner died") in host.leases.actions
    assert ("detach", second) in host.leases.actions
    assert len([action for action in host.leases.actions if action[0] != "tell"]) == 2


def test_a_worker_on_its_way_out_of_a_dead_owners_queue_is_killed_too() -> None:
    host = Host(CPU=1)
    queue = host.queue(1, 1, 1)
    host.schedule()
    (proc,) = queue.attached
    host.leases.detach(host.leases.workers[proc], 0.0, idle=False)
    host.leases.actions.clear()
    host.leases.close_owner(1, lambda _: False, 0.0)
    assert host.leases.actions == [("kill", proc, "its owner died")]


def test_a_job_takes_its_workers_along_even_those_that_start_after_it_ended() -> None:
    host = Host(CPU=2)
    queue = host.queue(1, 1, 1)
    host.schedule()
    (proc,) = queue.attached
    nested = host.queue(proc, 1, 1)
    host.leases.close_job(1, 0.0)
    assert ("kill", proc, "its job ended") in host.leases.actions
    host.schedule()  # the worker isn't dead yet: its own queue gets one
    (late,) = nested.attached
    host.leases.died(proc)
    host.leases.close_owner(proc, lambda _: True, 0.0)
    host.leases.actions.clear()
    host.detach(late)
    assert ("retire", late) in host.leases.actions


def test_a_worker_that_ends_with_its_job_becomes_no_actor_before() -> None:
    host = Host(CPU=2)
    host.leases.prestart(1, (), 1, 0.0)
    (proc,) = host.leases.workers
    host.leases.close_job(1, 0.0)
    host.leases.place_actor(Placement(b"detached", 1, (), ONE, ()))
    host.schedule()
    states = {worker.proc: worker.state for worker in host.leases.workers.values()}
    assert states.pop(proc) is WorkerState.RETIRING
    assert list(states.values()) == [WorkerState.ACTOR]


def test_what_is_idle_counts_as_spare() -> None:
    host = Host(CPU=2)
    host.queue(1, 1, 2)
    host.schedule()
    assert host.leases.spare(lambda _: True) == {"CPU": 2 * UNIT}
    assert host.leases.spare(lambda _: False) == {"CPU": 0}
