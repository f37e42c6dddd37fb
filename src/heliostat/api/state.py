"""``nodes``, ``cluster_resources`` and ``available_resources``: what the cluster has."""

from __future__ import annotations

from typing import Any

from heliostat.engines.registry import require


def nodes() -> list[dict[str, Any]]:
    """The hosts of the cluster, each as a dict with Ray's keys.

    Returns:
        One dict a host: ``NodeID``, ``Alive``, ``NodeManagerAddress``, ``NodeManagerHostname``,
        ``Resources``, ``Labels``, ...

    Example:
        >>> import heliostat as ray
        >>> [node["Alive"] for node in ray.nodes()]
        [True]
    """
    return require().nodes()


def cluster_resources() -> dict[str, float]:
    """Everything the cluster has, in use or not.

    Example:
        >>> import heliostat as ray
        >>> context = ray.init(address="local", num_cpus=2, resources={"licence": 1})
        >>> ray.cluster_resources()["CPU"], ray.cluster_resources()["licence"]
        (2.0, 1.0)
        >>> ray.shutdown()
    """
    return require().cluster_resources()


def available_resources() -> dict[str, float]:
    """What nothing is using now; a resource that is used up is left out, as in Ray.

    Example:
        >>> import heliostat as ray
        >>> context = ray.init(address="local", num_cpus=2)
        >>> ray.available_resources()["CPU"]
        2.0
        >>> ray.shutdown()
    """
    return require().available_resources()
