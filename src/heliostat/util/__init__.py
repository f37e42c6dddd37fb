"""Ray's ``ray.util``: small helpers over tasks and actors.

Each name is loaded when it is first asked for, and ``import heliostat`` makes ``heliostat.util``
reachable without loading it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.api.actors import list_named_actors as list_named_actors
    from heliostat.api.serialization import deregister_serializer as deregister_serializer
    from heliostat.api.serialization import register_serializer as register_serializer
    from heliostat.util import actor_pool as actor_pool
    from heliostat.util import check_serialize as check_serialize
    from heliostat.util import debug as debug
    from heliostat.util import queue as queue
    from heliostat.util.actor_pool import ActorPool as ActorPool
    from heliostat.util.check_serialize import inspect_serializability as inspect_serializability
    from heliostat.util.completion import as_completed as as_completed
    from heliostat.util.completion import map_unordered as map_unordered
    from heliostat.util.debug import disable_log_once_globally as disable_log_once_globally
    from heliostat.util.debug import enable_periodic_logging as enable_periodic_logging
    from heliostat.util.debug import log_once as log_once
    from heliostat.util.node import get_node_instance_id as get_node_instance_id
    from heliostat.util.node import get_node_ip_address as get_node_ip_address

_PUBLIC = {
    "ActorPool": "heliostat.util.actor_pool",
    "as_completed": "heliostat.util.completion",
    "deregister_serializer": "heliostat.api.serialization",
    "disable_log_once_globally": "heliostat.util.debug",
    "enable_periodic_logging": "heliostat.util.debug",
    "get_node_instance_id": "heliostat.util.node",
    "get_node_ip_address": "heliostat.util.node",
    "inspect_serializability": "heliostat.util.check_serialize",
    "list_named_actors": "heliostat.api.actors",
    "log_once": "heliostat.util.debug",
    "map_unordered": "heliostat.util.completion",
    "register_serializer": "heliostat.api.serialization",
}
# Ray has these at this place, this release has not.
_LACKING = (
    "collective",
    "dask",
    "get_current_placement_group",
    "get_placement_group",
    "joblib",
    "metrics",
    "multiprocessing",
    "placement_group",
    "placement_group_table",
    "remove_placement_group",
    "scheduling_strategies",
    "state",
)
_MODULES = ("actor_pool", "check_serialize", "debug", "queue")

__all__ = [
    "ActorPool",
    "actor_pool",
    "as_completed",
    "check_serialize",
    "debug",
    "deregister_serializer",
    "disable_log_once_globally",
    "enable_periodic_logging",
    "get_node_instance_id",
    "get_node_ip_address",
    "inspect_serializability",
    "list_named_actors",
    "log_once",
    "map_unordered",
    "queue",
    "register_serializer",
]


if not TYPE_CHECKING:  # else any name would do

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name in _MODULES:
            return import_module(f"heliostat.util.{name}")
        if name not in _PUBLIC:
            why = ": Ray has it, this release has not" if name in _LACKING else ""
            raise AttributeError(
                f"module 'heliostat.util' has no attribute '{name}'{why}", name=name
            )
        value = globals()[name] = getattr(import_module(_PUBLIC[name]), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
