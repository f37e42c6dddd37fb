"""The floor: what this machine gives to two bare processes and a socket.

A ping-pong is bimodal: several times faster where the kernel puts both processes on one core, at
the price of all parallelism. So the floor pins its two processes on two different cores. Each
function here makes a ``run(n)`` that does n operations, as workloads do.
"""

from __future__ import annotations

import contextlib
import io
import mmap
import os
import pickle
import signal
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NoReturn

from heliostat.bench import payload, workloads
from heliostat.bench.rows import ARRAY_BYTES, PI_BLOCKS

Run = Callable[[int], None]

STARTUP: Final = "answered()"
_BATCH: Final = 64
_IN_FLIGHT: Final = 4
_LENGTH: Final = 4


def _cores() -> tuple[int, int]:
    """The first and the last core we may use; the same one twice where there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


@contextlib.contextmanager
def _forked(body: Callable[[], None]) -> Iterator[None]:
    """Run the body in a forked process on the second core, and go on here on the first."""
    allowed = os.sched_getaffinity(0)
    ours, other = _cores()
    pid = os.fork()
    if pid == 0:
        _run_and_exit(body, other)
    os.sched_setaffinity(0, {ours})
    try:
        yield
    except BaseException:
        # The other one waits for a message that won't come.
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        os.waitpid(pid, 0)
        os.sched_setaffinity(0, allowed)


def _run_and_exit(body: Callable[[], None], core: int) -> NoReturn:
    """A forked child must never return into its parent's code, whatever happens."""
    status = 1
    try:
        os.sched_setaffinity(0, {core})
        body()
        status = 0
    finally:
        os._exit(status)


def _receive_bytes(sock: socket.socket, size: int) -> bytes:
    chunks = bytearray()
    while len(chunks) < size:
        chunk = sock.recv(size - len(chunks))
        if not chunk:
            raise EOFError("the other process ended")
        chunks += chunk
    return bytes(chunks)


def ping_pong() -> Run:
    """Round trips of a small message between two processes."""

    def run(n: int) -> None:
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

        def echo() -> None:
            for _ in range(n):
                far.sendall(far.recv(64))

        with near, far, _forked(echo):
            for _ in range(n):
                near.sendall(b"call")
                near.recv(64)

    return run


def batched_calls(argument: Any = None) -> Run:
    """Pickled calls and replies, 64 to a message, with no bookkeeping at all."""

    def run(n: int) -> None:
        near, far = socket.socketpair()
        batches = [range(start, min(start + _BATCH, n)) for start in range(0, n, _BATCH)]

        def answer() -> None:
            for _ in batches:
                _send(far, [(serial, argument) for serial, _name, argument in _receive(far)])

        with near, far, _forked(answer):
            # Not all at once: two full sockets would block both processes for good.
            for ahead, batch in enumerate(batches):
                _send(near, [(serial, "echo", argument) for serial in batch])
                if ahead >= _IN_FLIGHT:
                    _receive(near)
            answered = sum(len(_receive(near)) for _ in batches[-_IN_FLIGHT:])
            assert answered == sum(map(len, batches[-_IN_FLIGHT:]))

    return run


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


def copy_memory() -> Run:
    """Copies of 100 MB into warm shared memory; the first one, the cold figure, is into fresh."""
    source = memoryview(bytearray(ARRAY_BYTES))
    target = memoryview(mmap.mmap(-1, ARRAY_BYTES))

    def run(n: int) -> None:
        for _ in range(n):
            target[:] = source

    return run


def forks() -> Run:
    """Processes forked, ended and reaped, one after the other."""

    def run(n: int) -> None:
        for _ in range(n):
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)

    return run


def pi() -> Run:
    """Pi in two halves in two pinned processes: the work itself, with nothing to distribute it."""

    def run(n: int) -> None:
        half = workloads.PI_ESTIMATES // 2
        for _ in range(n):
            with _forked(lambda: _half(half)):
                _half(half)

    def _half(estimates: int) -> None:
        payload.estimate_pi(estimates, workloads.PI_POINTS)

    return run


FLOORS: Final[dict[str, Callable[[], Run]]] = {
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
