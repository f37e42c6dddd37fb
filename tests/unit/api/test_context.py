"""The runtime context and the state of the cluster."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import heliostat as ray
from heliostat.engines import registry

if TYPE_CHECKING:
    from tests.unit.api.memory import MemoryEngine

TASK = b"t" * 24
ACTOR = b"a" * 16


def test_a_driver_is_no_task_and_no_actor(engine: MemoryEngine) -> None:
    context = ray.get_runtime_context()
    assert context.get_job_id() == "01000000"
    assert context.get_node_id() == (b"n" * 28).hex()
    assert context.get_worker_id() == (b"w" * 28).hex()
    assert context.namespace == "default"
    assert context.gcs_address == context.get_temp_dir() == "/sessions/one"
    assert context.get_session_name() == "one"
    assert context.get_task_id() is None
    assert context.get_task_name() is None
    assert context.get_task_function_name() is None
    assert context.get_actor_id() is None
    assert context.get_actor_name() is None
    assert context.task_id is None
    assert context.actor_id is None
    assert set(context.get()) == {"job_id", "node_id", "namespace"}
    assert ray.get_gpu_ids() == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda c: c.get_assigned_resources(),
        lambda c: c.current_actor,
        lambda c: c.was_current_actor_reconstructed,
        lambda c: c.is_canceled(),
    ],
)
def test_what_a_driver_has_not_raises(engine: MemoryEngine, ask: object) -> None:
    assert callable(ask)
    with pytest.raises(RuntimeError, match="only available"):
        ask(ray.get_runtime_context())


def test_an_actor_knows_itself(engine: MemoryEngine) -> None:
    class Impl:
        pass

    handle = ray.remote(Impl).options(name="it").remote()
    engine.facts.update(
        task_id=TASK,
        actor_id=ACTOR,
        actor=engine.actors[0],
        actor_name="it",
        task_name="Impl.work",
        function_name="module.Impl.work",
        resources={"CPU": 1.0},
        gpu_ids=[1],
        runtime_env={"env_vars": {"A": "b"}},
        restarts=1,
        is_cancelled=lambda: False,
    )
    context = ray.get_runtime_context()
    assert context.get_task_id() == TASK.hex()
    assert context.get_task_name() == "Impl.work"
    assert context.get_task_function_name() == "module.Impl.work"
    assert context.get_actor_id() == ACTOR.hex()
    assert context.get_actor_name() == "it"
    assert context.current_actor == handle
    assert context.was_current_actor_reconstructed
    assert context.get_assigned_resources() == {"CPU": 1.0}
    assert context.get_accelerator_ids() == context.get_resource_ids() == {"GPU": ["1"]}
    assert context.runtime_env == {"env_vars": {"A": "b"}}
    assert json.loads(context.get_runtime_env_string()) == context.runtime_env
    assert not context.is_canceled()
    assert set(context.get()) == {"job_id", "node_id", "namespace", "task_id", "actor_id"}
    engine.facts["actor_name"] = None
    assert context.get_actor_name() == ""


def test_ids_need_a_session() -> None:
    registry.set_current(None)
    with pytest.raises(RuntimeError, match="Job ID is not available"):
        ray.get_runtime_context().get_job_id()


def test_the_cluster_is_described_by_the_engine(engine: MemoryEngine) -> None:
    assert ray.cluster_resources() == {"CPU": 4.0}
    assert ray.available_resources() == {"CPU": 3.0}
    assert ray.nodes()[0]["Alive"]
