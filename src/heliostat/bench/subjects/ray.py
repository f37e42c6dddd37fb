"""Ray, without its dashboard: the configuration that is kindest to its times and memory."""

from __future__ import annotations

from typing import Any, ClassVar

from heliostat.bench.subjects._ray_shaped import RayShaped, startup


class Ray(RayShaped):
    """A local Ray."""

    api_name: ClassVar[str] = "ray"
    options: ClassVar[dict[str, Any]] = {"include_dashboard": False, "log_to_driver": False}
    startup: ClassVar[str] = startup(
        "ray", "address='local', num_cpus=2, include_dashboard=False, log_to_driver=False"
    )


def create() -> Ray:
    """The subject, not yet started."""
    return Ray()
