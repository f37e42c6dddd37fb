"""Ray's ``ray.runtime_context``."""

from __future__ import annotations

from heliostat.api.context import RuntimeContext, get_runtime_context

__all__ = ["RuntimeContext", "get_runtime_context"]
