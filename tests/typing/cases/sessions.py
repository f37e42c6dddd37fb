"""init, the state of the cluster and the runtime context."""

# ruff: noqa: F821 - reveal_type is the checkers' own

from __future__ import annotations

import heliostat as ray

with ray.init(address="local", num_cpus=2, namespace="typed") as context:
    reveal_type(context.address_info)  # R: dict[str, Any]

reveal_type(ray.is_initialized())  # R: bool
reveal_type(ray.cluster_resources())  # R: dict[str, float]
reveal_type(ray.get_runtime_context().get_actor_id())  # R: str | None
reveal_type(ray.get_gpu_ids())  # R: list[int | str]
reveal_type(ray.JobID.from_int(1))  # R: JobID

ray.init(num_cpus="2")  # E
ray.shutdown(now=True)  # E
print(ray.no_such_name)  # E
