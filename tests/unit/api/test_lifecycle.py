"""init, shutdown and the start at first use, over an engine in memory."""

from __future__ import annotations

import inspect
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import heliostat as ray
from heliostat.engines.settings import Settings

if TYPE_CHECKING:
    from tests.unit.api.memory import MemoryEngine


def test_the_first_use_starts_a_session(connected: list[MemoryEngine]) -> None:
    assert not ray.is_initialized()
    assert ray.get(ray.put(1)) == 1
    assert ray.is_initialized()
    assert len(connected) == 1
    ray.shutdown()
    assert connected[0].closed
    assert not ray.is_initialized()
    ray.shutdown()


def test_init_hands_its_settings_to_the_engine(connected: list[MemoryEngine]) -> None:
    ray.init(
        "local",
        num_cpus=3,
        num_gpus=1,
        resources={"licence": 2},
        object_store_memory=10**8,
        namespace="n",
        runtime_env={"env_vars": {"A": "b"}},
        log_to_driver=False,
    )
    settings = connected[0].settings
    assert isinstance(settings, Settings)
    assert {name: getattr(settings, name) for name in Settings.__slots__} == {
        "address": "local",
        "num_cpus": 3,
        "num_gpus": 1,
        "resources": {"licence": 2},
        "object_store_memory": 10**8,
        "namespace": "n",
        "job_runtime_env": {"env_vars": {"A": "b"}},
        "log_to_driver": False,
    }


def test_the_context_describes_the_session_and_ends_it(connected: list[MemoryEngine]) -> None:
    with ray.init() as context:
        assert context.address_info["address"] == "/sessions/one"
        assert context["node_id"] == (b"n" * 28).hex()
        assert dict(context) == context.address_info
        assert len(context) == len(context.address_info)
        assert "RayContext(address='/sessions/one'" in repr(context)
    assert connected[0].closed
    ray.init().disconnect()
    assert connected[1].closed


def test_a_second_init_is_refused_unless_told(connected: list[MemoryEngine]) -> None:
    first = ray.init()
    with pytest.raises(RuntimeError, match=r"called ray\.init twice"):
        ray.init()
    assert ray.init(ignore_reinit_error=True) == first
    assert len(connected) == 1


def test_a_session_that_fails_to_end_is_over(connected: list[MemoryEngine]) -> None:
    ray.init()

    def fail() -> None:
        raise OSError("no")

    connected[0].shutdown = fail  # type: ignore[method-assign]
    with pytest.raises(OSError, match="no"):
        ray.shutdown()
    assert not ray.is_initialized()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"num_cpu": 2}, RuntimeError, r"Unknown keyword argument\(s\): num_cpu.*'num_cpus'"),
        ({"include_dashboard": True}, NotImplementedError, "include_dashboard"),
        ({"labels": {"a": "b"}}, NotImplementedError, "labels"),
        ({"_temp_dir": "/x"}, NotImplementedError, "_temp_dir"),
        ({"local_mode": True}, RuntimeError, "local_mode"),
        ({"engine": "dask"}, NotImplementedError, "no engine 'dask' in this release"),
        ({"address": "ray://host:1"}, NotImplementedError, "engine 'ray'"),
        ({"address": 3}, TypeError, "address"),
        ({"num_cpus": -1}, ValueError, "num_cpus"),
        ({"num_cpus": 1.5}, ValueError, "num_cpus"),
        ({"num_cpus": "2"}, TypeError, "num_cpus"),
        ({"num_gpus": True}, TypeError, "num_gpus"),
        ({"resources": {"CPU": 1}}, ValueError, "'num_cpus' keyword"),
        ({"resources": {"x": -1}}, ValueError, "'x'"),
        ({"resources": {"": 1}}, TypeError, "names of resources"),
        ({"resources": [1]}, TypeError, "resources"),
        ({"object_store_memory": 0}, ValueError, "object_store_memory"),
        ({"namespace": ""}, ValueError, "namespace"),
        ({"runtime_env": {"pip": ["x"]}}, NotImplementedError, "pip"),
    ],
)
def test_what_init_can_not_do_is_named(
    connected: list[MemoryEngine],
    options: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        ray.init(**options)
    assert connected == []


def test_what_ray_has_is_accepted_at_its_default(connected: list[MemoryEngine]) -> None:
    ray.init(include_dashboard=False, dashboard_port=None, labels=None, _temp_dir=None)
    assert len(connected) == 1


def test_the_environment_may_name_the_engine(
    connected: list[MemoryEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELIOSTAT_ENGINE", "parsl")
    with pytest.raises(NotImplementedError, match="HELIOSTAT_ENGINE"):
        ray.put(1)
    ray.init(engine="local")
    assert len(connected) == 1


def test_the_parameters_are_rays() -> None:
    parameters = inspect.signature(ray.init).parameters
    given = {"address": None, "logging_level": "info", "dashboard_host": "127.0.0.1"}
    assert {name: parameters[name].default for name in given} == given
    assert [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD] == ["address"]
    assert "proxy_server_url" in parameters


def test_logging_is_set_up_as_asked(connected: list[MemoryEngine]) -> None:
    logger = logging.getLogger("heliostat")
    before = logger.level, list(logger.handlers)
    try:
        ray.init(logging_level=logging.ERROR, logging_format="%(message)s!")
        assert logger.level == logging.ERROR
        assert [h.formatter._fmt for h in logger.handlers if h.formatter] == ["%(message)s!"]
    finally:
        logger.level, logger.handlers = before


def test_only_a_new_cluster_takes_its_size() -> None:
    Settings(address="auto", namespace="n").refuse_for_existing()
    with pytest.raises(ValueError, match="num_cpus must not be provided"):
        Settings(num_cpus=1).refuse_for_existing()


def test_a_forked_child_has_no_session(connected: list[MemoryEngine]) -> None:
    import os

    ray.init()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        answer = {"initialized": ray.is_initialized()}
        os.write(writer, json.dumps(answer).encode())
        os._exit(0)
    os.close(writer)
    with Path(f"/dev/fd/{reader}").open(encoding="utf-8") as answers:
        assert json.load(answers) == {"initialized": False}
    os.close(reader)
    os.waitpid(child, 0)
    assert ray.is_initialized()
