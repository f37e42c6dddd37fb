"""The fixtures of tests/system/core: a session a module, after which nothing is left."""

from __future__ import annotations

from tests.system.core.conftest import _module_session, gate, gates, session

__all__ = ["_module_session", "gate", "gates", "session"]
