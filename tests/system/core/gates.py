"""A place in a task where it stops until the test lets it go on: no test has to sleep."""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self


class Gate:
    """Two named pipes: through one whoever stops says so, through the other it is let go.

    Each end opens both ways, so that nobody waits for the other to open; what was written
    stays while the test holds the gate.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._held: list[int] = []

    @classmethod
    def make(cls, path: Path) -> Gate:
        """A closed gate. The test holds it; close it in the end."""
        made = cls(str(path))
        os.mkfifo(made._path + ".here")
        os.mkfifo(made._path + ".go")
        made._held = [os.open(made._path + end, os.O_RDWR) for end in (".here", ".go")]
        return made

    def pass_through(self) -> None:
        """In a task: says that it is here, and waits to be let through."""
        # What is in a pipe is gone when nobody has it open: open what is to be read first.
        go = os.open(self._path + ".go", os.O_RDWR)
        here = os.open(self._path + ".here", os.O_RDWR)
        try:
            os.write(here, b".")
            os.read(go, 1)
        finally:
            os.close(here)
            os.close(go)

    def await_arrivals(self, count: int = 1) -> None:
        """In the test: waits until ``count`` more have come."""
        for _ in range(count):
            os.read(self._held[0], 1)

    @staticmethod
    def await_either(*gates: Gate) -> Gate:
        """In the test: waits until one more has come to one of the gates; gives that gate."""
        here = {gate._held[0]: gate for gate in gates}
        ready, _, _ = select.select(list(here), [], [])
        os.read(ready[0], 1)
        return here[ready[0]]

    def let_through(self, count: int = 1) -> None:
        """In the test: lets ``count`` more pass, those to come included."""
        os.write(self._held[1], b"." * count)

    def close(self) -> None:
        """The test holds it no more: whoever still waits goes on, and who comes later fails."""
        if self._held:
            self.let_through(100)
            for end in (".here", ".go"):
                os.unlink(self._path + end)
        while self._held:
            os.close(self._held.pop())

    def __getstate__(self) -> str:
        return self._path

    def __setstate__(self, path: str) -> None:
        self.__init__(path)  # type: ignore[misc]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
