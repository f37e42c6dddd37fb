"""Facts about the host: ``get_node_ip_address`` and ``get_node_instance_id``."""

from __future__ import annotations

import heliostat
from heliostat.model.config import Config

#: What a process without a session calls itself: nothing of ours listens anywhere else.
_LOOPBACK = "127.0.0.1"


def get_node_ip_address(address: str | None = None) -> str:  # noqa: ARG001 - see below
    """The address of this host in its cluster.

    Args:
        address: of a service that must be reachable from the host, ``"host:port"``; as in Ray it
            makes no difference where there is a session, and here nowhere.

    Returns:
        The address; ``"127.0.0.1"`` without a session, and on an engine for one host.

    Example:
        >>> import heliostat as ray
        >>> ray.util.get_node_ip_address()
        '127.0.0.1'
    """
    if not heliostat.is_initialized():
        return _LOOPBACK
    here = heliostat.get_runtime_context().get_node_id()
    for node in heliostat.nodes():
        if node["NodeID"] == here:
            return str(node["NodeManagerAddress"])
    return _LOOPBACK


def get_node_instance_id() -> str:
    """What the cloud calls this host: the environment variable ``RAY_CLOUD_INSTANCE_ID``.

    Returns:
        The variable's value; empty where it isn't set.

    Example:
        >>> import heliostat as ray
        >>> ray.util.get_node_instance_id()
        ''
    """
    return Config.read().cloud_instance_id
