"""``get_runtime_context``: what a program can ask about where it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliostat.api.handles import ActorHandle
from heliostat.engines import registry

if TYPE_CHECKING:
    from heliostat.model.ids import ActorID, JobID, NodeID, TaskID


class RuntimeContext:
    """Facts about the task, actor, process and session that ask.

    Ids are given in hexadecimal. What is about a task or an actor is None in a driver.

    Example:
        >>> import heliostat as ray
        >>> @ray.remote
        ... def whoami():
        ...     return ray.get_runtime_context().get_task_name()
        >>> ray.get(whoami.options(name="me").remote())
        'me'

    Source: Ray's ``ray.runtime_context.RuntimeContext``.
    """

    def get(self) -> dict[str, Any]:
        """The ids and the namespace in a dict; Ray's older form."""
        facts = _facts()
        context: dict[str, Any] = {
            "job_id": self.job_id,
            "node_id": self.node_id,
            "namespace": facts["namespace"],
        }
        if facts["task_id"] is not None:
            context["task_id"] = self.task_id
        if facts["actor_id"] is not None:
            context["actor_id"] = self.actor_id
        return context

    @property
    def job_id(self) -> JobID:
        """The id of this program; ``get_job_id`` is newer."""
        from heliostat.model.ids import JobID

        return JobID.from_int(_facts()["job_id"])

    @property
    def node_id(self) -> NodeID:
        """The id of this host; ``get_node_id`` is newer."""
        from heliostat.model.ids import NodeID

        return NodeID(_facts()["node_id"])

    @property
    def task_id(self) -> TaskID | None:
        """The id of the task that asks; ``get_task_id`` is newer."""
        from heliostat.model.ids import TaskID

        task_id = _facts()["task_id"]
        return None if task_id is None else TaskID(task_id)

    @property
    def actor_id(self) -> ActorID | None:
        """The id of the actor that asks; ``get_actor_id`` is newer."""
        from heliostat.model.ids import ActorID

        actor_id = _facts()["actor_id"]
        return None if actor_id is None else ActorID(actor_id)

    def get_job_id(self) -> str:
        """The id of this program (in a worker: of the program whose task it runs).

        Raises:
            RuntimeError: there is no session.
        """
        _needs_session("Job ID")
        return self.job_id.hex()

    def get_node_id(self) -> str:
        """The id of this host.

        Raises:
            RuntimeError: there is no session.
        """
        _needs_session("Node ID")
        return self.node_id.hex()

    def get_worker_id(self) -> str:
        """The id of this process.

        Raises:
            RuntimeError: there is no session.
        """
        _needs_session("Worker ID")
        facts = _facts()
        worker_id: bytes | None = facts["worker_id"]
        if worker_id is None:  # a driver has none of its own: its place among the processes
            worker_id = int(facts["proc"]).to_bytes(28, "big")
        return worker_id.hex()

    def get_session_name(self) -> str:
        """The name of the session.

        Raises:
            RuntimeError: there is no session.
        """
        _needs_session("Session name")
        return str(_facts()["address"]).rstrip("/").rpartition("/")[2]

    def get_temp_dir(self) -> str:
        """The directory of the session's files."""
        _needs_session("Temp directory")
        return str(_facts()["address"])

    def get_task_id(self) -> str | None:
        """The id of the task or method call that asks; None in a driver."""
        return _hex(_facts()["task_id"])

    def get_task_name(self) -> str | None:
        """Its name: ``options(name=...)``, by default that of the function."""
        name: str | None = _facts()["task_name"]
        return name

    def get_task_function_name(self) -> str | None:
        """Its function with the module: ``module.Class.method``."""
        name: str | None = _facts()["function_name"]
        return name

    def get_actor_id(self) -> str | None:
        """The id of the actor that asks; None outside of actors."""
        return _hex(_facts()["actor_id"])

    def get_actor_name(self) -> str | None:
        """Its name; empty where it has none, None outside of actors."""
        facts = _facts()
        return None if facts["actor_id"] is None else facts["actor_name"] or ""

    @property
    def namespace(self) -> str:
        """The namespace of this session."""
        return str(_facts()["namespace"])

    @property
    def was_current_actor_reconstructed(self) -> bool:
        """Whether the actor that asks has been restarted.

        Raises:
            RuntimeError: not asked in an actor.
        """
        facts = _facts()
        if facts["actor_id"] is None:
            raise RuntimeError("This method is only available in an actor.")
        return bool(facts["restarts"])

    @property
    def current_actor(self) -> ActorHandle[Any]:
        """A handle to the actor that asks.

        Raises:
            RuntimeError: not asked in an actor.
        """
        actor = _facts()["actor"]
        if actor is None:
            raise RuntimeError("This method is only available in an actor.")
        return ActorHandle(actor)

    def get_assigned_resources(self) -> dict[str, float]:
        """What is set aside for the task or actor that asks.

        Raises:
            RuntimeError: asked in a driver.
        """
        facts = _facts()
        if facts["task_id"] is None and facts["actor_id"] is None:
            raise RuntimeError("This method is only available when the process is a worker.")
        return dict(facts["resources"])

    def get_accelerator_ids(self) -> dict[str, list[str]]:
        """The accelerators it may use, by kind: ``{"GPU": ["0"]}``."""
        return {"GPU": [str(one) for one in _facts()["gpu_ids"]]}

    def get_resource_ids(self) -> dict[str, list[str]]:
        """Ray's older name of ``get_accelerator_ids``."""
        return self.get_accelerator_ids()

    @property
    def runtime_env(self) -> dict[str, Any]:
        """The runtime environment in force here."""
        return dict(_facts()["runtime_env"] or {})

    def get_runtime_env_string(self) -> str:
        """The same as JSON."""
        import json

        return json.dumps(self.runtime_env, sort_keys=True)

    @property
    def gcs_address(self) -> str:
        """The address of the cluster: what ``init(address=...)`` takes."""
        return str(_facts()["address"])

    @property
    def current_placement_group_id(self) -> None:
        """None: this release has no placement groups."""

    def get_placement_group_id(self) -> str | None:
        """None: this release has no placement groups."""
        return None

    def is_canceled(self) -> bool:
        """Whether the task or call that asks was cancelled: it may then end in its own way.

        Raises:
            RuntimeError: asked in a driver, or in an async actor, whose calls are cancelled as
                ``asyncio`` cancels.
        """
        ask = _facts()["is_cancelled"]
        if ask is None:
            raise RuntimeError("This method is only available when the process is a worker.")
        return bool(ask())

    @property
    def should_capture_child_tasks_in_placement_group(self) -> bool:
        """False: this release has no placement groups."""
        return False

    def get_node_labels(self) -> dict[str, str]:
        """Empty: this release has no node labels."""
        return {}


_context = RuntimeContext()


def get_runtime_context() -> RuntimeContext:
    """What can be asked about where the caller runs.

    Example:
        >>> import heliostat as ray
        >>> @ray.remote
        ... class Named:
        ...     def name(self):
        ...         return ray.get_runtime_context().get_actor_name()
        >>> ray.get(Named.options(name="n").remote().name.remote())
        'n'
    """
    return _context


def get_gpu_ids() -> list[int | str]:
    """The GPUs that the task or actor may use, those of ``CUDA_VISIBLE_DEVICES`` there: numbers,
    and names where the host's are called by names.

    Example:
        >>> import heliostat as ray
        >>> @ray.remote
        ... def mine():
        ...     return ray.get_gpu_ids()
        >>> ray.get(mine.remote())
        []
    """
    ids = map(str, _facts()["gpu_ids"])
    return [int(one) if one.isdecimal() else one for one in ids]


def _facts() -> dict[str, Any]:
    return registry.require().runtime_context()


def _needs_session(what: str) -> None:
    if registry.current() is None:
        raise RuntimeError(f"{what} is not available because Ray has not been initialized.")


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()
