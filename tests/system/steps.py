"""Where a test and the processes it watches wait for each other. Can be pickled."""

from __future__ import annotations

import os


class Step:
    """A named pipe: ``tell`` and ``hear`` block until the other one is called, in any process."""

    def __init__(self, path: str) -> None:
        self.path = path

    @classmethod
    def make(cls, path: str) -> Step:
        """A new one at ``path``."""
        os.mkfifo(path)
        return cls(path)

    def tell(self, *words: object) -> None:
        """Blocks until somebody hears; gives him the words."""
        with open(self.path, "w", encoding="utf-8") as pipe:
            pipe.write(" ".join(map(str, words)))

    def hear(self) -> str:
        """Blocks until somebody tells; his words."""
        with open(self.path, encoding="utf-8") as pipe:
            return pipe.read()


def count(path: str) -> int:
    """How often this was called with ``path`` so far, in all processes, this time included."""
    with open(path, "ab") as file:
        file.write(b".")
        file.flush()
        return file.tell()
