"""The process of one subject: start it, measure the rows asked for, say each as it is known.

``python -m heliostat.bench.measure SPECIFICATION`` writes one JSON object a line to a file that
the runner reads; standard output belongs to the subject. One failure ends the process, since a
subject that raised may be in any state: the runner goes on with a fresh one.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from heliostat.bench.rows import FLOOR, ROW_OF, Row

_PASS_SECONDS: Final = 0.5
_QUICK_PASS_SECONDS: Final = 0.05
_PASSES: Final = 3


@dataclass(frozen=True)
class Specification:
    """What one process has to do.

    Attributes:
        subject: The subject's key.
        workloads: The workloads, in order.
        mark: What the subject's processes carry.
        workers: Workers to start it with.
        quick: Whether to do a tenth of the work once.
        output: The file the messages go to.
    """

    subject: str
    workloads: list[str]
    mark: str
    workers: int
    quick: bool
    output: str

    def dumps(self) -> str:
        """The specification as an argument of the command line."""
        return json.dumps(asdict(self))


def timed(run: Callable[[int], None], n: int) -> float:
    """Seconds that n operations take."""
    began = time.perf_counter()
    run(n)
    return time.perf_counter() - began


def calibrate(run: Callable[[int], None], seconds: float) -> int:
    """How many operations fill a pass of about so many seconds; warms up on the way."""
    n = 1
    while True:
        elapsed = timed(run, n)
        if elapsed >= seconds / 4:
            return max(1, round(n * seconds / elapsed))
        n *= 4


def measure(
    row: Row,
    run: Callable[[int], None],
    *,
    quick: bool,
    steady: AbstractContextManager[None] | None = None,
) -> tuple[float, float]:
    """One repetition of a row.

    The first operation is timed alone (it starts workers, ships code, touches fresh memory), then
    a pass warms up, then up to three passes are timed: fewer for a subject that is slow. All but
    the first call happens inside ``steady``.

    Returns:
        The first call in seconds, and the median of the passes in the row's unit.
    """
    cold = timed(run, 1)
    with steady or nullcontext():
        return cold, _passes(row, run, quick=quick)


def _passes(row: Row, run: Callable[[int], None], *, quick: bool) -> float:
    """The median of the passes."""
    budget = _QUICK_PASS_SECONDS if quick else _PASS_SECONDS
    if row.size is None:
        size = calibrate(run, budget)
    else:
        size = max(1, row.size // 10) if quick else row.size
        if size > 1:
            run(size)
    values: list[float] = []
    total = 0.0
    while not values or (total < budget and len(values) < _PASSES):
        elapsed = timed(run, size)
        total += elapsed
        values.append(
            size * row.amount / elapsed if row.more_is_better else elapsed / (size * row.amount)
        )
    return statistics.median(values)


class _Messages:
    """Lines of JSON for the runner, each on disk before the next step begins."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def say(self, **message: Any) -> None:
        """Write one message."""
        self._file.write(json.dumps(message) + "\n")
        self._file.flush()


def _measure_floor(spec: Specification, messages: _Messages) -> None:
    from heliostat.bench.floor import FLOORS

    messages.say(event="started")
    for key in spec.workloads:
        messages.say(event="begin", workload=key)
        with FLOORS[key]() as run:
            cold, value = measure(ROW_OF[key], run, quick=spec.quick)
        messages.say(event="values", workload=key, values={key: value}, cold=cold)


def _measure_subject(spec: Specification, messages: _Messages) -> None:
    # Late, as none of it is the floor's business, and the imports of a peer are seen as its own.
    from heliostat.bench.processes import apart
    from heliostat.bench.scenarios import SCENARIOS, Scene
    from heliostat.bench.subjects import load
    from heliostat.bench.workloads import WORKLOADS

    subject = load(spec.subject)
    scene = Scene(spec.mark, spec.workers, spec.quick)
    subject.start(spec.workers)
    messages.say(event="started")
    for key in spec.workloads:
        messages.say(event="begin", workload=key)
        if key in SCENARIOS:
            messages.say(event="values", workload=key, values=SCENARIOS[key](subject, scene))
        else:
            row = ROW_OF[key]
            steady = apart(spec.mark) if row.apart else None
            run = WORKLOADS[key](subject)
            cold, value = measure(row, run, quick=spec.quick, steady=steady)
            # The workload's own actors and refs, before what the rows left behind is collected.
            del run
            messages.say(event="values", workload=key, values={key: value}, cold=cold)
        # What the row left behind (refs, actors) must not be a burden on the next one.
        gc.collect()
    subject.stop()


def main(argument: str) -> int:
    """Do what the specification says."""
    spec = Specification(**json.loads(argument))
    work = _measure_floor if spec.subject == FLOOR else _measure_subject
    with Path(spec.output).open("a") as file:
        messages = _Messages(file)
        try:
            work(spec, messages)
        except Exception as error:  # whatever a peer may raise goes into the report, and on
            messages.say(event="failed", reason=f"{type(error).__name__}: {error}")
            raise
        messages.say(event="stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
