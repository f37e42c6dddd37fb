"""``init``, ``shutdown`` and ``is_initialized``; and the start at first use.

One lock orders them. A forked child has no session (``engines.registry``) and may ``init``.
"""

from __future__ import annotations

import atexit
import os
import sys
from _thread import RLock
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from heliostat._version import __version__
from heliostat.engines import registry
from heliostat.engines.settings import Settings
from heliostat.model.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

    from heliostat.engines.base import Engine

_lock = RLock()


def _after_fork() -> None:
    # Another thread may have held it when this process was forked.
    global _lock  # noqa: PLW0603 - a lock is of one process
    _lock = RLock()


os.register_at_fork(after_in_child=_after_fork)

#: Ray's other parameters, and what may be given: this release does nothing about them.
_ONLY_DEFAULT: dict[str, tuple[Any, ...]] = {
    "labels": (None, {}),
    "include_dashboard": (None, False),
    "dashboard_host": ("127.0.0.1", "localhost"),
    "dashboard_port": (None,),
    "job_config": (None,),
    "logging_config": (None,),
    "enable_resource_isolation": (False,),
    "cgroup_path": (None,),
    "system_reserved_cpu": (None,),
    "system_reserved_memory": (None,),
    "proxy_server_url": (None,),
    "object_spilling_directory": (None,),
    "_enable_object_reconstruction": (False,),
    "_plasma_directory": (None,),
    "_node_ip_address": (None, "127.0.0.1"),
    "_driver_object_store_memory": (None,),
    "_memory": (None,),
    "_redis_username": (None, "default"),
    "_redis_password": (None,),
    "_temp_dir": (None,),
    "_metrics_export_port": (None,),
    "_system_config": (None, {}),
    "_tracing_startup_hook": (None,),
    "_node_name": (None,),
    "_skip_env_hook": (False,),
}


class RayContext(Mapping[str, Any]):
    """What ``init`` gives: where the session is, and a context manager that ends it.

    Attributes:
        address_info: what is known of the session: ``address``, ``gcs_address`` (the same),
            ``session_dir``, ``node_ip_address``, ``node_id``, ``webui_url``.
        dashboard_url: None in this release.
        python_version: of this process.
        ray_version: the Ray release whose API this is.
        heliostat_version: of this package; ours beyond Ray.

    Example:
        >>> import heliostat as ray
        >>> with ray.init(address="local", num_cpus=2) as context:
        ...     ray.get(ray.put(1))
        1
        >>> ray.is_initialized()
        False
    """

    def __init__(self, address_info: dict[str, Any]) -> None:
        self.address_info = address_info
        self.dashboard_url: str | None = None
        self.python_version = ".".join(map(str, sys.version_info[:3]))
        self.ray_version = "2.60.0"
        self.heliostat_version = __version__

    def __getitem__(self, key: str) -> Any:
        return self.address_info[key]

    def __len__(self) -> int:
        return len(self.address_info)

    def __iter__(self) -> Iterator[str]:
        return iter(self.address_info)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        shutdown()

    def disconnect(self) -> None:
        """Ends the session, as ``shutdown`` does."""
        shutdown()

    def __repr__(self) -> str:
        return (
            f"RayContext(address={self.address_info['address']!r}, "
            f"python_version={self.python_version!r}, ray_version={self.ray_version!r}, "
            f"heliostat_version={self.heliostat_version!r})"
        )


def init(
    address: str | None = None,
    *,
    num_cpus: int | None = None,
    num_gpus: int | None = None,
    resources: dict[str, float] | None = None,
    labels: dict[str, str] | None = None,
    object_store_memory: int | None = None,
    local_mode: bool = False,
    ignore_reinit_error: bool = False,
    include_dashboard: bool | None = None,
    dashboard_host: str = "127.0.0.1",
    dashboard_port: int | None = None,
    job_config: Any = None,
    configure_logging: bool = True,
    logging_level: int | str = "info",
    logging_format: str | None = None,
    logging_config: Any = None,
    log_to_driver: bool | None = None,
    namespace: str | None = None,
    runtime_env: dict[str, Any] | None = None,
    enable_resource_isolation: bool = False,
    cgroup_path: str | None = None,
    system_reserved_cpu: float | None = None,
    system_reserved_memory: int | None = None,
    proxy_server_url: str | None = None,
    engine: str | None = None,
    **kwargs: Any,
) -> RayContext:
    """Connects this program to a running cluster, or starts a private one.

    Not needed for a private one: the first ``.remote()`` or ``get`` does it with defaults.

    Args:
        address: ``"local"`` starts a private session; ``"auto"`` joins this user's running head
            (``heliostat start --head``) or raises; a path is the directory of a session. None
            takes ``HELIOSTAT_ADDRESS`` or ``RAY_ADDRESS``, else the running head, else starts a
            private session.
        num_cpus: logical CPUs of a session started here; by default those of the machine.
        num_gpus: its GPUs; by default those found.
        resources: its custom resources, by name.
        labels: not in this release.
        object_store_memory: bytes of shared memory for objects; 30 % of the memory by default.
        local_mode: gone from Ray; raises.
        ignore_reinit_error: a second ``init`` changes nothing and gives the session there is.
        include_dashboard: there is none in this release; True raises.
        dashboard_host: likewise.
        dashboard_port: likewise.
        job_config: not in this release.
        configure_logging: whether the next two take effect.
        logging_level: of the logger ``heliostat``.
        logging_format: of a handler on it; by default it has none of its own.
        logging_config: not in this release.
        log_to_driver: whether what workers print appears here; by default it does.
        namespace: where this program's named actors are; by default one of its own.
        runtime_env: for every task and actor of this program: ``{"env_vars": {name: value}}``.
        enable_resource_isolation: not in this release.
        cgroup_path: likewise.
        system_reserved_cpu: likewise.
        system_reserved_memory: likewise.
        proxy_server_url: likewise.
        engine: what runs the tasks: ``"local"`` is the one of this release, and the default
            where ``HELIOSTAT_ENGINE`` doesn't say another. Ours beyond Ray.
        **kwargs: Ray's hidden options; none is supported, each is accepted at its default.

    Returns:
        A ``RayContext``; as a context manager it ends the session.

    Raises:
        RuntimeError: called twice; an unknown parameter.
        ConnectionError: ``address="auto"`` and nothing runs.
        ValueError: a setting is wrong, or can't be given for a cluster that runs already.
        NotImplementedError: Ray has the setting, this release has not.

    Example:
        >>> import heliostat as ray
        >>> context = ray.init(address="local", num_cpus=4, namespace="docs")
        >>> ray.cluster_resources()["CPU"]
        4.0
        >>> ray.shutdown()
    """
    given = dict(locals(), **kwargs)
    _refuse(given, kwargs)
    settings = Settings(
        address=address,
        num_cpus=num_cpus,
        num_gpus=num_gpus,
        resources=resources,
        object_store_memory=object_store_memory,
        namespace=namespace,
        job_runtime_env=_normalised(runtime_env),
        log_to_driver=True if log_to_driver is None else log_to_driver,
    )
    with _lock:
        current = registry.current()
        if current is not None:
            if not ignore_reinit_error:
                raise RuntimeError(
                    "Maybe you called ray.init twice by accident? This error can be suppressed "
                    "by passing in 'ignore_reinit_error=True' or by calling 'ray.shutdown()' "
                    "prior to 'ray.init()'."
                )
            return _context(current)
        if configure_logging:
            _configure_logging(logging_level, logging_format)
        connected = _connect(settings, engine)
        try:
            return _context(connected)
        except BaseException:  # Ctrl-C in the last step: what raises has not connected
            shutdown()
            raise


def start_with_defaults() -> Engine:
    """The engine of this process, made by ``init()`` where there was none: the first use."""
    with _lock:
        return registry.current() or _connect(Settings(), None)


def shutdown(
    *,
    wait_for_processes: bool = False,  # noqa: ARG001 - it always does
    _exiting_interpreter: bool = False,
) -> None:
    """Ends this program's session; a private cluster ends with it.

    Called at the end of the program by itself. Does nothing where there is no session. After it,
    ``init`` starts a new one; references and handles of the old one raise.

    Args:
        wait_for_processes: as in Ray; here it always returns when they are gone.

    Example:
        >>> import heliostat as ray
        >>> context = ray.init(address="local")
        >>> ray.shutdown()
        >>> ray.is_initialized()
        False
    """
    with _lock:
        engine = registry.current()
        if engine is None:
            return
        try:
            engine.shutdown()
        finally:
            registry.set_current(None)


def is_initialized() -> bool:
    """Whether this process has a session.

    Example:
        >>> import heliostat as ray
        >>> ray.is_initialized()
        False
    """
    return registry.current() is not None


def _connect(settings: Settings, engine: str | None) -> Engine:
    name = engine or Config.read().engine or "local"
    if name != "local":
        raise NotImplementedError(
            f"there is no engine {name!r} in this release; it has 'local', the embedded one "
            "(the engine is chosen by init(engine=...) or HELIOSTAT_ENGINE)"
        )
    if sys.platform != "linux":
        raise NotImplementedError(
            f"the embedded engine runs on Linux only in this release, not on {sys.platform}"
        )
    from heliostat.engines.local.engine import connect

    connected: Engine = connect(settings)
    registry.set_current(connected)
    atexit.unregister(shutdown)
    atexit.register(shutdown)
    return connected


def _context(engine: Engine) -> RayContext:
    facts = engine.runtime_context()
    address = facts["address"]
    return RayContext(
        {
            "node_ip_address": "127.0.0.1",
            "address": address,
            "gcs_address": address,
            "session_dir": address,
            "node_id": facts["node_id"].hex(),
            "webui_url": None,
        }
    )


def _refuse(given: Mapping[str, Any], kwargs: Mapping[str, Any]) -> None:
    if given["local_mode"]:
        raise RuntimeError(
            "`local_mode` is no longer supported: Ray has removed it. A task can be tried by "
            "calling the function itself."
        )
    for name in kwargs:
        if name not in _ONLY_DEFAULT:
            _unknown(name)
    for name, accepted in _ONLY_DEFAULT.items():
        if name in given and given[name] not in accepted:
            raise NotImplementedError(
                f"init({name}={given[name]!r}) is not part of this release; leave it out"
            )


def _unknown(name: str) -> NoReturn:
    from heliostat.api.signatures import close_names

    known = [one for one in init.__annotations__ if one not in {"kwargs", "return"}]
    raise RuntimeError(f"Unknown keyword argument(s): {name}.{close_names(name, known)}")


def _normalised(runtime_env: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not runtime_env:
        return None
    from heliostat.model.runtime_env import normalise

    return normalise(runtime_env)


def _configure_logging(level: int | str, layout: str | None) -> None:
    if level == "info" and layout is None:
        return
    import logging

    logger = logging.getLogger("heliostat")
    logger.setLevel(level.upper() if isinstance(level, str) else level)
    if layout is not None:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter(layout))
        logger.handlers[:] = [handler]
