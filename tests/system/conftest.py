"""What tests with real processes share: a session in this process, and programs beside it.

Nothing here sleeps: a test and what it watches meet at exact steps, by a line on a pipe, a
packet on a socket or a file that appears.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING, Any

import pytest

import heliostat as ray
from tests.system.steps import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: Seconds in which a program must have said its next line. It has its stacks printed then.
PATIENCE = 25.0

#: What every program begins with.
PRELUDE = """\
import faulthandler, os, signal, sys, threading, time
faulthandler.register(signal.SIGUSR1, all_threads=True)
import heliostat as ray

def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\\n")  # at once: threads may say something too
    sys.stdout.flush()

def hear():
    line = sys.stdin.readline()
    if not line:
        raise EOFError("nobody speaks to this program any more")
    return line.strip()

"""


class Program:
    """A program in a process of its own, spoken to line by line over its standard streams.

    Attributes:
        pid: its process id.
        folder: its working directory.
    """

    def __init__(self, source: str, env: dict[str, str], folder: Path, prefix: list[str]) -> None:
        self.folder = folder
        script = folder / "program.py"
        script.write_text(PRELUDE + textwrap.dedent(source))
        self._errors = (folder / "stderr").open("w+b")
        self._process = subprocess.Popen(
            [*prefix, sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "PYTHONWARNINGS": "error", **env},
            cwd=folder,
        )
        self.pid = self._process.pid
        self._unread = b""

    def line(self) -> str:
        """The next line it prints, without its end."""
        while b"\n" not in self._unread:
            data = self._read()
            if not data:
                self.fail(f"ended without another line, but {self._unread!r}")
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()

    def lines(self, count: int) -> list[str]:
        """The next lines it prints."""
        return [self.line() for _ in range(count)]

    def number(self) -> int:
        """The next line, which is a number."""
        return int(self.line())

    def say(self, text: str = "") -> None:
        """A line for it to read."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n".encode())
        self._process.stdin.flush()

    def close_input(self) -> None:
        """Ends its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def signal(self, number: int) -> None:
        """Sends it a signal."""
        self._process.send_signal(number)

    def end(self, status: int = 0) -> str:
        """Waits for its end, which must have this exit status (minus a signal's number);
        what it printed until then."""
        while data := self._read():
            self._unread += data
        try:
            found: int | None = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            found = None
        if found != status:
            self.fail(f"ended with {found} (None: not at all) where {status} was expected")
        rest, self._unread = self._unread.decode(), b""
        return rest

    def errors(self) -> str:
        """What it wrote to its standard error until now."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

    def fail(self, why: str) -> None:
        """Fails the test, with what the program said last."""
        pytest.fail(f"the program {why}; its standard error:\n{self.errors()[-6000:]}")

    def close(self) -> None:
        """Ends it if it runs, and closes everything."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            assert stream is not None
            try:
                stream.close()
            except BrokenPipeError:  # lines it never read
                continue

    def _read(self) -> bytes:
        assert self._process.stdout is not None
        fd = self._process.stdout.fileno()
        if not select.select([fd], [], [], PATIENCE)[0]:
            self._process.send_signal(signal.SIGUSR1)
            select.select([fd], [], [], 1.0)
            self.fail(f"said nothing for {PATIENCE:g} s")
        return os.read(fd, 1 << 16)


@pytest.fixture(scope="module", autouse=True)
def _collections_are_quick() -> None:
    """What earlier tests left in memory is no garbage of these, which collect it often: in a run
    of all tests a collection took half a second."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Program]]:
    """``program(source, env, prefix)`` starts a program; one still running in the end is killed.

    The names ``ray``, ``say`` (prints a line) and ``hear`` (reads one) are there for it.
    """
    started: list[Program] = []

    def start(
        source: str, env: dict[str, str] | None = None, prefix: tuple[str, ...] = ()
    ) -> Program:
        made = Program(source, env or {}, tmp_path_factory.mktemp("program"), list(prefix))
        started.append(made)
        return made

    yield start
    for one in started:
        one.close()


@pytest.fixture
def session() -> Iterator[Any]:
    """A private session of this process with two CPUs."""
    yield ray.init(address="local", num_cpus=2)
    ray.shutdown()


@pytest.fixture
def await_end() -> Callable[..., None]:
    """``await_end(pid, ...)`` returns once all these processes have ended, and fails the test
    if one is there after two seconds."""

    def wait(*pids: int) -> None:
        deadline = time.monotonic() + 2.0
        for pid in pids:
            try:
                fd = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            with os.fdopen(fd, "rb", closefd=True) as file:
                left = max(0.0, deadline - time.monotonic())
                ended = bool(select.select([file], [], [], left)[0])
            assert ended, f"process {pid} is still there"

    return wait


@pytest.fixture
def step(tmp_path: Path) -> Callable[[str], Step]:
    """``step(name)`` is a ``Step`` of that name."""
    return lambda name: Step.make(f"{tmp_path}/{name}")
