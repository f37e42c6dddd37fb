"""The two policies: in which order they take and return futures, how many are in flight."""

from __future__ import annotations

from collections import deque
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.classifier.policies import POLICIES, EmptyWhenFull, Policy, RefillAsEachEnds


class Cluster:
    """Stands for the tasks and ``ray.wait``: the future in ``order`` first ends first."""

    def __init__(self, order: list[int]) -> None:
        self.order = deque(order)
        self.ended: set[int] = set()
        self.started: set[int] = set()
        self.most_in_flight = 0

    def start(self, future: int) -> int:
        self.started.add(future)
        self.most_in_flight = max(self.most_in_flight, len(self.started - self.ended))
        return future

    def wait(self, futures: list[int], *, num_returns: int) -> tuple[list[int], list[int]]:
        assert len(set(futures)) == len(futures) >= num_returns >= 1
        while len(self.ended.intersection(futures)) < num_returns:
            ending = next(future for future in self.order if future in self.started - self.ended)
            self.ended.add(ending)
        ready = [future for future in futures if future in self.ended][:num_returns]
        return ready, [future for future in futures if future not in ready]


def drive(policy: Policy, cluster: Cluster, count: int) -> list[list[int]]:
    """What ``add`` returned for each of ``count`` futures, then what ``empty`` did."""
    returned = [policy.add(cluster.start(future)) for future in range(count)]
    return [*returned, policy.empty()]


def test_the_report_s_policy_empties_a_full_list() -> None:
    cluster = Cluster(order=[2, 1, 0, 4, 3])
    returned = drive(EmptyWhenFull(3, cluster.wait), cluster, 5)
    assert returned == [[], [], [0, 1, 2], [], [], [3, 4]]
    assert cluster.most_in_flight == 3


def test_the_other_policy_refills_as_each_ends() -> None:
    cluster = Cluster(order=[2, 1, 0, 4, 3])
    returned = drive(RefillAsEachEnds(3, cluster.wait), cluster, 5)
    assert returned == [[], [], [2], [1], [0], [3, 4]]
    assert cluster.most_in_flight == 3


@pytest.mark.parametrize("policy", POLICIES.values())
@pytest.mark.parametrize("queue_size", [0, 1])
def test_a_queue_of_none_or_one_is_one_at_a_time(policy: type[Policy], queue_size: int) -> None:
    cluster = Cluster(order=[0, 1, 2])
    assert drive(policy(queue_size, cluster.wait), cluster, 3) == [[0], [1], [2], []]
    assert cluster.most_in_flight == 1


@pytest.mark.parametrize("policy", POLICIES.values())
def test_emptying_an_empty_list_waits_for_nothing(
    policy: type[Policy],
) -> None:
    assert policy(5, Cluster([]).wait).empty() == []


@given(
    name=st.sampled_from(sorted(POLICIES)),
    queue_size=st.integers(0, 12),
    order=st.integers(0, 40).flatmap(lambda count: st.permutations(range(count))),
)
def test_each_future_is_returned_once_and_the_bound_holds(
    name: str, queue_size: int, order: list[int]
) -> None:
    cluster = Cluster(order)
    returned = drive(POLICIES[name](queue_size, cluster.wait), cluster, len(order))
    assert sorted(chain.from_iterable(returned)) == sorted(order)
    assert cluster.most_in_flight == min(max(1, queue_size), len(order))


@pytest.mark.parametrize(
    ("policy", "queue_size", "rounds"),
    [
        (EmptyWhenFull, 0, 40),
        (EmptyWhenFull, 1, 40),
        (EmptyWhenFull, 5, 8),
        (EmptyWhenFull, 10, 4),
        (EmptyWhenFull, 16, 3),  # 16, 16 and 8
        (EmptyWhenFull, 20, 4),  # twice 16 and then 4: the report's ideal of 10
        (EmptyWhenFull, 40, 3),
        (RefillAsEachEnds, 0, 40),
        (RefillAsEachEnds, 5, 8),
        (RefillAsEachEnds, 10, 4),
        (RefillAsEachEnds, 20, 3),
    ],
)
def test_what_forty_documents_take_at_best_on_16_cpus(
    policy: type[Policy], queue_size: int, rounds: int
) -> None:
    assert policy.rounds(40, queue_size, cpus=16) == rounds
