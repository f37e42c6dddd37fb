"""One process of a subject, from its start until nothing is left of it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from heliostat.bench import processes

if TYPE_CHECKING:
    from typing_extensions import Self

_POLL_SECONDS: Final = 0.05
_PATIENCE_SECONDS: Final = 3.0

# A cluster that runs already, or an engine chosen by the user, must not be measured instead.
_DROPPED: Final = ("RAY_ADDRESS", "HELIOSTAT_ADDRESS", "HELIOSTAT_ENGINE")


class Session:
    """A child process with a directory and a mark of its own.

    As a context manager: whatever the child started is gone when the block ends, in its process
    group or out of it, and so is the directory.
    """

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        self.leftovers = 0
        self._process: subprocess.Popen[bytes] | None = None
        # A short path: some peers put Unix sockets (at most 107 bytes) deep under it.
        self._directory = Path(tempfile.mkdtemp(prefix="hb-"))
        self.messages_file = self._directory / "messages"
        self.messages_file.touch()
        self._log = self._directory / "output"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end(kill=kind is not None)
        shutil.rmtree(self._directory, ignore_errors=True)

    def start(self, arguments: list[str]) -> float:
        """Start Python with these arguments; returns the moment before, on the monotonic clock."""
        environment = {key: value for key, value in os.environ.items() if key not in _DROPPED}
        if path := environment.get("PYTHONPATH"):
            environment["PYTHONPATH"] = os.pathsep.join(
                map(os.path.abspath, path.split(os.pathsep))
            )
        # As in an activated environment: some peers look for their own programs on the path.
        programs = str(Path(sys.executable).parent)
        environment["PATH"] = os.pathsep.join([programs, environment.get("PATH", os.defpath)])
        environment |= {
            processes.MARK: self.mark,
            "TMPDIR": str(self._directory),
            "HELIOSTAT_TMPDIR": str(self._directory),
            "RAY_TMPDIR": str(self._directory),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        with self._log.open("wb") as log:
            began = time.monotonic()
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self._directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return began

    def messages(self, timeout: float) -> Iterator[dict[str, Any]]:
        """What the child says, until it ends.

        Raises:
            TimeoutError: If it neither says anything nor ends for that long.
        """
        assert self._process is not None, "start it first"
        deadline = time.monotonic() + timeout
        with self.messages_file.open() as file:
            while True:
                ended = self._process.poll() is not None
                while line := file.readline():
                    yield json.loads(line)
                    deadline = time.monotonic() + timeout
                if ended:
                    return
                if time.monotonic() > deadline:
                    raise TimeoutError(f"no answer within {timeout:g} s; killed")
                time.sleep(_POLL_SECONDS)

    def end(self, *, kill: bool = False) -> None:
        """See to it that no process is left; without ``kill`` they get a moment to end first."""
        if self._process is None:
            return
        if kill:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.poll()
        killed = processes.end_all(self.mark, 0.0 if kill else _PATIENCE_SECONDS)
        if not kill:
            self.leftovers = killed
        self._process.wait()

    def why_ended(self) -> str:
        """The exit code or signal, and the last line the child printed."""
        assert self._process is not None, "start it first"
        code = self._process.returncode
        cause = (
            f"signal {signal.Signals(-code).name}"
            if code is not None and code < 0
            else f"exit code {code}"
        )
        printed = self._log.read_text(errors="replace").strip().splitlines()
        return f"ended with {cause}" + (f": {printed[-1].strip()}" if printed else "")
