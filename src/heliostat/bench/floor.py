"""The floor: what this machine gives to two bare processes and a socket.

A ping-pong is bimodal: several times faster where the kernel puts both processes on one core, at
the price of all parallelism. So the floor pins its two processes on two different cores. Each
function here is a context whose ``run(n)`` does n operations, as that of a workload does. The
second process is there before the first of them: a fork takes as long as a thousand batched
calls, and a floor that paid for it would flatter everybody else.
"""

from __future__ import annotations

import contextlib
import io
import mmap
import os
import pickle
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Final, NoReturn

from heliostat.bench import payload, workloads
from heliostat.bench.rows import ARRAY_BYTES, PI_BLOCKS

Run = Callable[[int], None]

STARTUP: Final = "answered()"
_BATCH: Final = 64
_IN_FLIGHT: Final = 4
_LENGTH: Final = 4


@contextlib.contextmanager
def _partner(serve: Callable[[socket.socket], None], kind: int) -> Iterator[socket.socket]:
    """A forked process on another core that serves a socket until it is closed."""
    allowed = os.sched_getaffinity(0)
    near, far = socket.socketpair(socket.AF_UNIX, kind)
    pid = os.fork()
    if pid == 0:
        near.close()
        _serve_and_exit(serve, far, max(allowed))
    far.close()
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield near
    finally:
        near.close()
        os.waitpid(pid, 0)
        os.sched_setaffinity(0, allowed)


def _serve_and_exit(
    serve: Callable[[socket.socket], None], far: socket.socket, core: int
) -> NoReturn:
    """A forked child must never return into its parent's code, whatever happens."""
    status = 1
    try:
        os.sched_setaffinity(0, {core})
        with contextlib.suppress(EOFError):
            serve(far)
        status = 0
    finally:
        os._exit(status)


@contextlib.contextmanager
def ping_pong() -> Iterator[Run]:
    """Round trips of a small message between two processes."""

    def echo(far: socket.socket) -> None:
        while message := far.recv(64):
            far.send(message)

    with _partner(echo, socket.SOCK_SEQPACKET) as near:

        def run(n: int) -> None:
            for _ in range(n):
                near.send(b"call")
                near.recv(64)

        yield run


@contextlib.contextmanager
def batched_calls(argument: Any = None) -> Iterator[Run]:
    """Pickled calls and replies, 64 to a message, with no bookkeeping at all."""

    def answer(far: socket.socket) -> None:
        while True:
            _send(far, [(serial, argument) for serial, _name, argument in _receive(far)])

    with _partner(answer, socket.SOCK_STREAM) as near:

        def run(n: int) -> None:
            waited_for = 0
            # Not all at once: two full sockets would block both processes for good.
            for start in range(0, n, _BATCH):
                batch = range(start, min(start + _BATCH, n))
                _send(near, [(serial, "echo", argument) for serial in batch])
                if start >= _IN_FLIGHT * _BATCH:
                    waited_for += len(_receive(near))
            while waited_for < n:
                waited_for += len(_receive(near))

        yield run


def _send(sock: socket.socket, calls: Iterable[tuple[Any, ...]]) -> None:
    # A pickle of its own for each, as calls come one by one, and as they share nothing.
    body = b"".join([pickle.dumps(call, pickle.HIGHEST_PROTOCOL) for call in calls])
    sock.sendall(len(body).to_bytes(_LENGTH, "little") + body)


def _receive(sock: socket.socket) -> list[tuple[Any, ...]]:
    size = int.from_bytes(_receive_bytes(sock, _LENGTH), "little")
    body = io.BytesIO(_receive_bytes(sock, size))
    calls: list[tuple[Any, ...]] = []
    while body.tell() < size:
        calls.append(pickle.load(body))
    return calls


def _receive_bytes(sock: socket.socket, size: int) -> bytes:
    chunks = bytearray()
    while len(chunks) < size:
        chunk = sock.recv(size - len(chunks))
        if not chunk:
            raise EOFError("the other process ended")
        chunks += chunk
    return bytes(chunks)


@contextlib.contextmanager
def copy_memory() -> Iterator[Run]:
    """Copies of 100 MB into warm shared memory; the first one, the cold figure, is into fresh."""
    source = memoryview(bytearray(ARRAY_BYTES))
    target = memoryview(mmap.mmap(-1, ARRAY_BYTES))

    def run(n: int) -> None:
        for _ in range(n):
            target[:] = source

    yield run


@contextlib.contextmanager
def forks() -> Iterator[Run]:
    """Processes forked, ended and reaped, one after the other."""

    def run(n: int) -> None:
        for _ in range(n):
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)

    yield run


@contextlib.contextmanager
def pi() -> Iterator[Run]:
    """Pi in two halves in two pinned processes: the work itself, with nothing to distribute it."""

    def work() -> None:
        payload.estimate_pi(workloads.PI_ESTIMATES // 2, workloads.PI_POINTS)

    def work_when_told(far: socket.socket) -> None:
        while far.recv(64):
            work()
            far.send(b"done")

    with _partner(work_when_told, socket.SOCK_SEQPACKET) as near:

        def run(n: int) -> None:
            for _ in range(n):
                near.send(b"go")
                work()
                near.recv(64)

        yield run


FLOORS: Final[dict[str, Callable[[], AbstractContextManager[Run]]]] = {
    "task_serial": ping_pong,
    "task_bulk": batched_calls,
    "task_dict": lambda: batched_calls(workloads.DICT),
    "actor_serial": ping_pong,
    "actor_bulk": batched_calls,
    "actor_create": forks,
    "put_get_array": copy_memory,
    "array_argument": copy_memory,
    "array_return": copy_memory,
    **{f"pi_{blocks}": pi for blocks in PI_BLOCKS},
}
"""The floor of each row that has one."""
