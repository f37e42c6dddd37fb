"""Ray's ``ray.remote_function``."""

from __future__ import annotations

from heliostat.api.functions import RemoteFunction

__all__ = ["RemoteFunction"]
