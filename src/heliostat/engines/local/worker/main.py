"""A worker from its fork to its end."""

from __future__ import annotations

import os
import random
import signal
import sys
from typing import Any

from heliostat.engines.local.store.board import Board
from heliostat.engines.local.wire.framing import adopt_socket
from heliostat.engines.local.worker.process import WorkerProcess


def work(proc: int, board: Board, slot: int, setup: dict[str, Any], inbox: int, head: int) -> int:
    """Runs a worker in the process just forked; returns its exit status."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _redirect(setup["log"])
    _take_over(setup)
    process = WorkerProcess(proc, adopt_socket(inbox), adopt_socket(head), board, slot, setup)
    process.output.install()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored until now
    process.session.loop.may_interrupt = process.may_interrupt
    process.session.interrupts.install()
    try:
        process.run()
    except SystemExit as error:
        process.leave(process.exit_by(error))
    _run_exit_functions()
    return process.exit_status


def _redirect(log: str) -> None:
    """Standard output and error go to the worker's log files."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for number, suffix in ((1, ".out"), (2, ".err")):
        file = os.open(log + suffix, flags, 0o600)
        os.dup2(file, number)
        os.close(file)


def _take_over(setup: dict[str, Any]) -> None:
    """Makes the process look like one the job's program started itself."""
    sys.path[:] = setup["sys_path"]
    sys.argv = setup["argv"]
    try:
        os.chdir(setup["cwd"])
    except OSError as error:
        print(f"the working directory {setup['cwd']} can't be used: {error}", file=sys.stderr)
    os.environ.clear()
    os.environ.update(setup["environ"])
    os.environ.update(setup["env"])
    random.seed()
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        torch.seed()


def _run_exit_functions() -> None:
    """What the user registered for the end of the program; threads are not waited for."""
    import atexit

    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # closed by the user's code
            continue
