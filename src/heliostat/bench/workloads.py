"""The workloads: one function a row, the same code for every subject.

A workload prepares what belongs to the preparation (wrap the function, name the method) and
returns ``run(n)``, which does n operations to the end and is what the bench times. What the
workers run is in :mod:`.payload`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from heliostat.bench import payload
from heliostat.bench.rows import ARRAY_BYTES, PI_BLOCKS
from heliostat.bench.subjects import ActorSubject, RaySubject, Subject

Run = Callable[[int], None]

DICT: Final = {
    "name": "heliostat",
    "size": 3,
    "weights": [0.25, 0.5, 0.25],
    "nested": {"on": True, "key": None},
}
PI_ESTIMATES: Final = 100
PI_POINTS: Final = 100_000


class WrongResultError(Exception):
    """A subject gave back something else than was asked for."""


def expect(got: object, wanted: object) -> None:
    """Compare a result with what it has to be.

    Raises:
        WrongResultError: If it isn't.
    """
    if got != wanted:
        raise WrongResultError(f"expected {wanted!r:.80}, got {got!r:.80}")


# Tasks.


def task_serial(subject: Subject) -> Run:
    """Send a task, wait for it, send the next."""
    send, gather = subject.task(payload.nothing), subject.gather

    def run(n: int) -> None:
        for _ in range(n):
            gather([send()])

    return run


def task_bulk(subject: Subject) -> Run:
    """Send all, then wait for all."""
    send, gather = subject.task(payload.nothing), subject.gather

    def run(n: int) -> None:
        gather([send() for _ in range(n)])

    return run


def task_dict(subject: Subject) -> Run:
    """The same, with a small dictionary as argument and result."""
    send, gather = subject.task(payload.echo), subject.gather

    def run(n: int) -> None:
        expect(gather([send(DICT) for _ in range(n)])[-1], DICT)

    return run


def task_chain(subject: Subject) -> Run:
    """Each task takes the handle of the one before."""
    send, gather = subject.task(payload.echo), subject.gather

    def run(n: int) -> None:
        handle = send(1)
        for _ in range(n - 1):
            handle = send(handle)
        expect(gather([handle]), [1])

    return run


def task_nested(subject: RaySubject) -> Run:
    """Two tasks that submit half of the tasks each."""
    send, gather = subject.task(payload.submit_many), subject.gather

    def run(n: int) -> None:
        half = max(n // 2, 1)
        expect(gather([send(subject.api_name, half), send(subject.api_name, half)]), [half, half])

    return run


# Actors.


def actor_serial(subject: ActorSubject) -> Run:
    """Call an actor, wait for it, call again."""
    actor = subject.actor(payload.Counter)
    send, gather = subject.method(actor, "increment"), subject.gather

    def run(n: int) -> None:
        for _ in range(n):
            gather([send()])

    return run


def actor_bulk(subject: ActorSubject) -> Run:
    """Send all calls, then wait for all; the counts show that none was lost."""
    return _calls(subject, payload.Counter)


def actor_async(subject: ActorSubject) -> Run:
    """The same with an actor of coroutines."""
    return _calls(subject, payload.AsyncCounter)


def _calls(subject: ActorSubject, cls: type) -> Run:
    actor = subject.actor(cls)
    send, gather = subject.method(actor, "increment"), subject.gather

    def run(n: int) -> None:
        counts = gather([send() for _ in range(n)])
        expect(max(counts) - min(counts), n - 1)

    return run


def actor_create(subject: ActorSubject) -> Run:
    """Create an actor, get its first answer, let it go; one after the other."""

    def run(n: int) -> None:
        for _ in range(n):
            actor = subject.actor(payload.Counter)
            expect(subject.gather([subject.method(actor, "increment")()]), [1])

    return run


# Objects.


def put_int(subject: RaySubject) -> Run:
    """Put small objects, hold them all, let them go."""
    put = subject.api.put

    def run(n: int) -> None:
        refs = [put(i) for i in range(n)]
        del refs

    return run


def get_int(subject: RaySubject) -> Run:
    """Get small objects that were put, each by a ``get`` of its own."""
    get = subject.api.get
    refs = [subject.api.put(i) for i in range(1000)]

    def run(n: int) -> None:
        for i in range(n):
            get(refs[i % 1000])

    return run


def put_get_array(subject: RaySubject) -> Run:
    """Put 100 MB and get it back."""
    ray, array = subject.api, payload.make_array(ARRAY_BYTES)

    def run(n: int) -> None:
        for number in range(n):
            array[0] = array[-1] = number
            ref = ray.put(array)
            array[0] = -1
            # What was put, not what the caller has made of it since: it really was copied.
            expect(payload.ends(ray.get(ref)), (ARRAY_BYTES, number, number))

    return run


def array_argument(subject: Subject) -> Run:
    """Hand 100 MB to a task."""
    send, gather, array = (
        subject.task(payload.ends),
        subject.gather,
        payload.make_array(ARRAY_BYTES),
    )

    def run(n: int) -> None:
        for number in range(n):
            array[0] = array[-1] = number
            expect(gather([send(array)]), [(ARRAY_BYTES, number, number)])

    return run


def array_return(subject: Subject) -> Run:
    """Get 100 MB that a task made."""
    send, gather = subject.task(payload.make_array), subject.gather

    def run(n: int) -> None:
        for _ in range(n):
            [array] = gather([send(ARRAY_BYTES)])
            expect(payload.ends(array), (ARRAY_BYTES, 1, 1))

    return run


def wait(subject: RaySubject) -> Run:
    """Submit all, then take the ready ones one by one."""
    send, ray = subject.task(payload.nothing), subject.api

    def run(n: int) -> None:
        pending = [send() for _ in range(n)]
        while pending:
            _ready, pending = ray.wait(pending)

    return run


# Real work.


def pi(subject: Subject, blocks: int) -> Run:
    """100 estimates of Pi, divided into blocks; their mean is off by 0.05 never in a lifetime."""
    send, gather = subject.task(payload.estimate_pi), subject.gather

    def run(n: int) -> None:
        for _ in range(n):
            means = gather([send(PI_ESTIMATES // blocks, PI_POINTS) for _ in range(blocks)])
            expect(round(sum(means) / blocks, 1), 3.1)

    return run


def _pi(blocks: int) -> Callable[[Subject], Run]:
    return lambda subject: pi(subject, blocks)


WORKLOADS: Final[dict[str, Callable[[Any], Run]]] = {
    workload.__name__: workload
    for workload in (
        *(task_serial, task_bulk, task_dict, task_chain, task_nested),
        *(actor_serial, actor_bulk, actor_async, actor_create),
        *(put_int, get_int, put_get_array, array_argument, array_return, wait),
    )
} | {f"pi_{blocks}": _pi(blocks) for blocks in PI_BLOCKS}
"""Every workload by the key of its row."""
