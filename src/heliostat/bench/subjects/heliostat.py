"""heliostat on its embedded engine."""

from __future__ import annotations

from typing import ClassVar

from heliostat.bench.subjects._ray_shaped import RayShaped, startup


class Heliostat(RayShaped):
    """heliostat, as a user would start it."""

    api_name: ClassVar[str] = "heliostat"
    startup: ClassVar[str] = startup("heliostat", "address='local', num_cpus=2")


def create() -> Heliostat:
    """The subject, not yet started."""
    return Heliostat()
