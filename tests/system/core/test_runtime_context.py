"""What ``get_runtime_context`` says in the driver, in tasks, in actors and without a session."""

from __future__ import annotations

import os
from typing import Any

import pytest

import heliostat as ray
from tests.system.core.books import settled

pytestmark = [
    pytest.mark.usefixtures("session"),
    pytest.mark.leaks_checked_per("module", "its tests share a session"),
]


@ray.remote
def facts() -> dict[str, Any]:
    context = ray.get_runtime_context()
    return {
        **context.get(),
        "job": context.get_job_id(),
        "node": context.get_node_id(),
        "worker": context.get_worker_id(),
        "task": context.get_task_id(),
        "actor": context.get_actor_id(),
        "env": context.runtime_env,
        "pid": os.getpid(),
    }


@ray.remote
class Asked:
    def __init__(self) -> None:
        context = ray.get_runtime_context()
        self.at_first = (context.get_actor_id(), context.get_actor_name(), context.namespace)

    def facts(self) -> dict[str, Any]:
        context = ray.get_runtime_context()
        return {
            "first": self.at_first,
            "actor": context.get_actor_id(),
            "name": context.get_actor_name(),
            "task": context.get_task_id(),
            "reconstructed": context.was_current_actor_reconstructed,
        }

    def me(self) -> Any:
        return ray.get_runtime_context().current_actor


class TestDriver:
    def test_ids(self) -> None:
        context = ray.get_runtime_context()
        assert context.get_task_id() is None
        assert context.get_actor_id() is None
        assert context.get_actor_name() is None
        assert len(context.get_job_id()) == 8
        assert context.get_node_id() == ray.nodes()[0]["NodeID"]
        assert set(context.get()) == {"job_id", "node_id", "namespace"}

    def test_what_is_only_for_workers(self) -> None:
        context = ray.get_runtime_context()
        with pytest.raises(RuntimeError, match="actor"):
            context.current_actor  # noqa: B018
        with pytest.raises(RuntimeError, match="worker"):
            context.get_assigned_resources()


class TestTasks:
    def test_ids(self) -> None:
        ref = facts.remote()
        found = ray.get(ref)
        assert found["job"] == ray.get_runtime_context().get_job_id()
        assert found["node"] == ray.get_runtime_context().get_node_id()
        assert found["actor"] is None
        assert ref.hex().startswith(found["task"])
        assert ref.task_id().hex() == found["task"]
        assert found["worker"] != ray.get_runtime_context().get_worker_id()

    def test_of_each_task_another(self) -> None:
        found = ray.get([facts.remote() for _ in range(20)])
        assert len({each["task"] for each in found}) == 20
        by_pid = {(each["pid"], each["worker"]) for each in found}
        assert len({pid for pid, _ in by_pid}) == len(by_pid)

    def test_the_environment(self) -> None:
        env = {"env_vars": {"COLOUR": "red"}}
        assert ray.get(facts.options(runtime_env=env).remote())["env"] == env
        assert ray.get(facts.remote())["env"] == {}


class TestActors:
    def test_ids(self) -> None:
        actor = Asked.options(name="asked").remote()
        first, second = ray.get([actor.facts.remote(), actor.facts.remote()])
        assert first["actor"] == second["actor"] == actor._actor_id.hex()
        assert first["first"][:2] == (first["actor"], "asked")
        assert first["first"][2] == ray.get_runtime_context().namespace
        assert first["task"] != second["task"]
        assert first["reconstructed"] is False

    def test_its_own_handle(self) -> None:
        actor = Asked.remote()
        me = ray.get(actor.me.remote())
        assert me == actor
        assert ray.get(me.facts.remote())["name"] == ""
        del actor, me


class TestCluster:
    def test_nodes(self) -> None:
        [node] = ray.nodes()
        assert node["Alive"]
        assert node["Resources"]["CPU"] == 2.0
        assert node["NodeManagerAddress"] == "127.0.0.1"

    def test_asked_by_a_task(self) -> None:
        @ray.remote
        def ask() -> Any:
            return ray.cluster_resources(), ray.available_resources(), len(ray.nodes())

        total, free, nodes = ray.get(ask.remote())
        assert total == ray.cluster_resources()
        assert free["CPU"] == 1.0
        assert nodes == 1
        settled(lambda: ray.available_resources() == total)
