"""What ``init`` and ``heliostat start`` ask of an engine, checked and in one record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What only the program that starts a cluster may say of it.
_OF_A_NEW_CLUSTER = ("num_cpus", "num_gpus", "resources", "object_store_memory")


class Settings:
    """What a session is asked to be.

    Attributes:
        address: ``"local"`` (private), ``"auto"`` (this user's running head), a session
            directory, or None: the environment's address, else the running head, else private.
        num_cpus: logical CPUs; None counts those of the machine.
        num_gpus: GPUs; None counts those of the machine.
        resources: custom resources by name.
        object_store_memory: bytes of shared memory for objects; None takes the default share.
        namespace: where named actors go; None makes an anonymous one.
        job_runtime_env: the runtime environment of every task and actor of the program.
        log_to_driver: whether prints of workers reach the driver.
    """

    __slots__ = (
        "address",
        "job_runtime_env",
        "log_to_driver",
        "namespace",
        "num_cpus",
        "num_gpus",
        "object_store_memory",
        "resources",
    )

    def __init__(
        self,
        *,
        address: str | None = None,
        num_cpus: float | None = None,
        num_gpus: float | None = None,
        resources: Mapping[str, float] | None = None,
        object_store_memory: int | None = None,
        namespace: str | None = None,
        job_runtime_env: Mapping[str, Any] | None = None,
        log_to_driver: bool = True,
    ) -> None:
        self.address = _address(address)
        self.num_cpus = _amount("num_cpus", num_cpus)
        self.num_gpus = _amount("num_gpus", num_gpus)
        self.resources = _resources(resources)
        self.object_store_memory = _bytes("object_store_memory", object_store_memory)
        self.namespace = _namespace(namespace)
        self.job_runtime_env = dict(job_runtime_env) if job_runtime_env else None
        self.log_to_driver = bool(log_to_driver)

    def refuse_for_existing(self) -> None:
        """Raises if a setting is for a cluster that is still to be started.

        Called by an engine whose address turned out to be that of a running cluster.

        Raises:
            ValueError: names the setting.
        """
        for name in _OF_A_NEW_CLUSTER:
            if getattr(self, name) is not None:
                raise ValueError(
                    f"When connecting to an existing cluster, {name} must not be provided. "
                    "Leave it out, or start a private session with address='local'."
                )


def _address(address: str | None) -> str | None:
    if address is None:
        return None
    if not isinstance(address, str):
        raise TypeError(f"address must be a string or None, got {type(address).__name__}")
    scheme, separator, _ = address.partition("://")
    if separator:
        raise NotImplementedError(
            f"address {address!r} asks for the engine {scheme!r}; this release has the engine "
            "'local' alone: use address='local' (private), 'auto' (the running head of this "
            "user) or the directory of a session"
        )
    return address


def _amount(name: str, value: float | None) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number or None, got {type(value).__name__}")
    if value < 0 or value != int(value):
        raise ValueError(f"{name} must be a whole number and not negative, got {value}")
    return value


def _resources(resources: Mapping[str, float] | None) -> dict[str, float] | None:
    if resources is None:
        return None
    if not hasattr(resources, "items"):
        raise TypeError(f"resources must be a dict or None, got {type(resources).__name__}")
    for name, value in resources.items():
        if name in {"CPU", "GPU", "object_store_memory"}:
            keyword = {"CPU": "num_cpus", "GPU": "num_gpus"}.get(name, name)
            raise ValueError(f"Use the '{keyword}' keyword instead of '{name}' in 'resources'.")
        if not isinstance(name, str) or not name:
            raise TypeError(f"the names of resources must be strings, got {name!r}")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
            raise ValueError(f"resource {name!r} must be a number and not negative, got {value!r}")
    return dict(resources)


def _bytes(name: str, value: int | None) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number of bytes or None, got {type(value).__name__}")
    if value <= 0:
        raise ValueError(f"{name} must be above 0, got {value}")
    return int(value)


def _namespace(namespace: str | None) -> str | None:
    if namespace is None:
        return None
    if not isinstance(namespace, str):
        raise TypeError("namespace must be None or a string.")
    if not namespace:
        raise ValueError('"" is not a valid namespace. Pass None to not specify a namespace.')
    return namespace
