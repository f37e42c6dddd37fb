"""What a new cluster has, and how it is called."""

from __future__ import annotations

import os
from typing import Any

from heliostat.engines.local.session_dir import DAEMON
from heliostat.model.config import Config
from heliostat.model.host import detect
from heliostat.model.resources import UNIT

#: Share of the memory that objects may take, as in Ray.
STORE_SHARE = 0.3


def describe_cluster(settings: dict[str, Any], session_dir: str) -> tuple[dict[str, Any], int]:
    """The cluster's facts, and the bytes of its object store.

    ``settings`` is what ``link.cluster_settings`` made of the user's wishes; what it leaves
    open is what the host has.
    """
    config = Config.read()
    host = detect(config.visible_gpus)
    cpus = host.cpus if settings["num_cpus"] is None else settings["num_cpus"]
    gpus = len(host.gpus) if settings["num_gpus"] is None else settings["num_gpus"]
    totals = {"CPU": round(cpus * UNIT), "GPU": round(gpus * UNIT)}
    store = settings["object_store_memory"] or int(host.memory * STORE_SHARE)
    totals["memory"] = (host.memory - store) * UNIT
    for name, amount in settings["resources"].items():
        totals[name] = round(amount * UNIT)
    cluster = {
        "uid": os.urandom(12),
        "node": os.urandom(28),
        "totals": totals,
        "gpu_ids": host.gpus,
        "session_dir": session_dir,
        "address": session_dir,
        "shared": os.path.basename(session_dir).startswith(DAEMON),
        "pid": os.getpid(),
        "versions": None,
        "log_lines": config.log_lines,
    }
    return cluster, store
