"""Functions and classes by content hash, from those who define them to those who run them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliostat.engines.local.head.members import Member
from heliostat.engines.local.wire import messages

if TYPE_CHECKING:
    from heliostat.engines.local.head.server import Server


class Code:
    """What the session's processes run, as bytes the head never opens."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._functions: dict[bytes, bytes] = {}
        self._wanted: dict[bytes, list[Member]] = {}

    def on_sys_path(self, member: Member, path: list[str]) -> None:
        """A program's import path changed: so does its workers'."""
        self._server.members.jobs[member.job].setup["sys_path"] = path
        for worker in self._server.pool.workers.values():
            if worker.job == member.job:
                worker.inbox.send(messages.sys_path(path))

    def on_put(self, member: Member, key: bytes, blob: bytes) -> None:
        """A process makes a function or class known."""
        if key not in self._functions:
            self._functions[key] = blob
        for waiting in self._wanted.pop(key, ()):
            self._server.members.tell(waiting.proc, messages.function(key, blob))

    def on_want(self, member: Member, key: bytes) -> None:
        """A worker asks for one; it is told as soon as it is known."""
        blob = self._functions.get(key)
        if blob is None:
            self._wanted.setdefault(key, []).append(member)
        else:
            member.inbox.send(messages.function(key, blob))
