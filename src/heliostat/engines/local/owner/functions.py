"""Functions and classes on their way to the workers: pickled once, stored at the head.

The head keeps them by content hash and hands one to each worker that meets it for the first
time, so a function edited and decorated again is another function.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from heliostat.engines.local.store import values
from heliostat.engines.local.wire import messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from heliostat.engines.definitions import Definition
    from heliostat.engines.local.owner.loop import Loop
    from heliostat.engines.local.owner.references import References
    from heliostat.engines.local.wire.channel import Outbox


def content_hash(blob: bytes) -> bytes:
    """16 bytes that name ``blob``."""
    # The builtin module: hashlib loads OpenSSL, 4 ms of a program's start.
    from _blake2 import blake2b

    digest: bytes = blake2b(blob, digest_size=16).digest()
    return digest


class Limited:
    """A function whose tasks a worker runs ``max_calls`` times, and then ends."""

    def __init__(self, function: Callable[..., Any], max_calls: int) -> None:
        self.function = function
        self.max_calls = max_calls


def _pickled(target: Any) -> tuple[bytes, bytes, Any]:
    done = values.dumps_code(target)
    return content_hash(done.data), done.data, done.refs


class Functions:
    """Makes functions and classes known to the session."""

    def __init__(self, loop: Loop, head: Outbox, references: References) -> None:
        self._loop = loop
        self._head = head
        self._references = references
        self._sent: set[bytes] = set()
        #: ``sys.path`` as the workers have it; None in a worker, which follows its program.
        self.path: list[str] | None = None

    def key(self, definition: Definition, max_calls: int = 0) -> bytes:
        """The key under which the workers find the function or class.

        With ``max_calls`` a worker ends after as many of the function's tasks.

        Raises:
            TypeError: it can't be pickled; names the captured variable to blame.
        """
        pickled: tuple[bytes, bytes, Any] | None = definition.pickled
        if max_calls:
            pickled = _pickled(Limited(definition.target, max_calls))
        elif pickled is None:
            pickled = definition.pickled = _pickled(definition.target)
        key, blob, refs = pickled
        if key not in self._sent:
            with self._loop.lock:
                # A captured reference is used whenever the function runs, if ever: keep it.
                for entry in self._references.pickled(refs):
                    self._references.pin(entry)
                self._sent.add(key)
                self._send_path()
                self._head.send(messages.put_function(key, blob))
        return key

    def _send_path(self) -> None:
        """The function may be found by a path the program added since it joined."""
        if self.path is not None:
            path = import_path()
            if path != self.path:
                self.path = path
                self._head.send(messages.sys_path(path))


def import_path() -> list[str]:
    """``sys.path``, meaning the same in any working directory."""
    return [os.path.abspath(path) for path in sys.path]
