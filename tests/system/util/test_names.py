"""What ``util`` says of the cluster: named actors, the host."""

from __future__ import annotations

from typing import Any

import pytest

import heliostat as ray
from tests.system.core.books import settled

pytestmark = [
    pytest.mark.usefixtures("session"),
    pytest.mark.leaks_checked_per("module", "its tests share a session"),
]


@ray.remote
class Quiet:
    def ping(self) -> int:
        return 1


@ray.remote
def listed(everywhere: bool) -> list[Any]:
    return ray.util.list_named_actors(all_namespaces=everywhere)


class TestNamedActors:
    def test_are_listed_here_and_in_tasks(self) -> None:
        kept = [Quiet.options(name=name).remote() for name in ("one", "two")]
        assert sorted(ray.util.list_named_actors()) == ["one", "two"]
        assert sorted(ray.get(listed.remote(False))) == ["one", "two"]
        assert len(kept) == 2

    def test_of_other_namespaces_are_listed_if_asked(self) -> None:
        here = ray.get_runtime_context().namespace
        mine = Quiet.options(name="mine").remote()
        theirs = Quiet.options(name="theirs", namespace="other").remote()
        everywhere = [
            {"name": "mine", "namespace": here},
            {"name": "theirs", "namespace": "other"},
        ]
        assert ray.util.list_named_actors() == ["mine"]
        assert ray.util.list_named_actors(all_namespaces=True) == everywhere
        assert ray.get(listed.remote(True)) == everywhere
        del mine, theirs

    def test_without_a_name_or_dead_are_not_listed(self) -> None:
        unnamed, dead = Quiet.remote(), Quiet.options(name="dead").remote()
        assert ray.get([unnamed.ping.remote(), dead.ping.remote()]) == [1, 1]
        settled(lambda: ray.util.list_named_actors() == ["dead"])
        ray.kill(dead)
        assert ray.util.list_named_actors() == []


def test_the_host_has_the_address_that_nodes_tells() -> None:
    assert ray.util.get_node_ip_address() == ray.nodes()[0]["NodeManagerAddress"]
