"""Runs the plan: a process a subject and repetition, subjects in turn, whatever some of them do.

Repetitions go round all subjects before the next one begins, and each round starts with another
subject, so a machine that gets slower or noisier for a while doesn't favour anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from heliostat.bench import floor, machine
from heliostat.bench.measure import Specification
from heliostat.bench.plan import Plan
from heliostat.bench.results import Failure, Outcome
from heliostat.bench.rows import FLOOR, Row
from heliostat.bench.session import Session
from heliostat.bench.subjects import SUBJECTS, Subject, load

WORKERS: Final = 2
_STARTUP: Final = "startup"

# What the program of the start-up row is given, to say when it had its first result.
_ANSWERED: Final = """
def answered():
    import time
    now = time.monotonic()
    with open({path!r}, "w") as file:
        file.write('{{"answered": %r}}\\n' % now)
"""


def can_do(row: Row, name: str, subject: Subject | None) -> bool:
    """Whether a subject (``None`` for the floor) has the row."""
    if subject is None:
        return row.key in floor.FLOORS or row.key == _STARTUP
    return row.needs in subject.provides and (not row.only or name in row.only)


class _Heard:
    """What a process has said of itself."""

    def __init__(self) -> None:
        self.started = False
        self.stopped = False
        self.done = 0
        self.failure = ""

    def note(self, message: dict[str, Any]) -> None:
        """Take in one message."""
        event = message["event"]
        if event == "started":
            self.started = True
        elif event == "values":
            self.done += 1
        elif event == "stopped":
            self.stopped = True
        elif event == "failed":
            self.failure = message["reason"]


def _silent(_line: str) -> None:
    """Nobody wants to know what goes on."""


class Runner:
    """One run of a plan.

    Args:
        plan: What to measure.
        tell: Is told what goes on, a short line each time.
    """

    def __init__(self, plan: Plan, tell: Callable[[str], None] = _silent) -> None:
        self._plan = plan
        self._tell = tell
        self._subjects = {name: None if name == FLOOR else load(name) for name in plan.subjects}
        self._rows = {
            name: [row for row in plan.rows if can_do(row, name, self._subjects[name])]
            for name in plan.subjects
        }
        # A workload that failed once isn't tried again: it would cost its time limit every time.
        self._failed: set[tuple[str, str]] = set()
        self._outcome = Outcome()

    def run(self) -> Outcome:
        """Measure everything; an interrupt ends it early with what there is."""
        rounds = max((self._plan.repetitions(row) for row in self._plan.rows), default=0)
        names = list(self._plan.subjects)
        with machine.on_cpus(machine.choose_cpus(WORKERS)):
            try:
                for number in range(rounds):
                    turn = number % max(len(names), 1)
                    for name in names[turn:] + names[:turn]:
                        self._repetition(name, number)
            except KeyboardInterrupt:
                self._outcome.interrupted = True
        return self._outcome

    def _repetition(self, name: str, number: int) -> None:
        due = [row for row in self._rows[name] if self._plan.repetitions(row) > number]
        alone = dict.fromkeys(row.made_by for row in due if row.own_process)
        together = dict.fromkeys(row.made_by for row in due if not row.own_process)
        for workload in alone:
            if workload == _STARTUP:
                self._startup(name, number)
            else:
                self._workloads(name, [workload], number)
        self._workloads(name, list(together), number)

    def _startup(self, name: str, number: int) -> None:
        if (name, _STARTUP) in self._failed:
            return
        self._announce(name, _STARTUP, number)
        subject = self._subjects[name]
        program = floor.STARTUP if subject is None else subject.startup
        with Session() as session:
            began = session.start(
                ["-c", _ANSWERED.format(path=str(session.messages_file)) + program]
            )
            answered = None
            try:
                for message in session.messages(self._plan.timeout):
                    answered = message["answered"]
                    self._outcome.add(_STARTUP, name, answered - began)
            except TimeoutError as error:
                session.end(kill=True)
                self._fail(name, _STARTUP, str(error))
            else:
                self._end(name, session)
                if answered is None:
                    self._fail(name, _STARTUP, session.why_ended())

    def _workloads(self, name: str, workloads: list[str], number: int) -> None:
        """Run them in one process; after a failure, go on with the next ones in a fresh one."""
        while todo := [key for key in workloads if (name, key) not in self._failed]:
            settled = self._process(name, todo, number)
            workloads = todo[settled:]

    def _process(self, name: str, workloads: list[str], number: int) -> int:
        """Run one process; returns how many of the workloads it has settled, well or not."""
        heard = _Heard()
        with Session() as session:
            spec = Specification(
                name,
                workloads,
                session.mark,
                WORKERS,
                self._plan.quick,
                str(session.messages_file),
            )
            session.start(["-m", "heliostat.bench.measure", spec.dumps()])
            try:
                for message in session.messages(self._plan.timeout):
                    heard.note(message)
                    if message["event"] == "begin":
                        self._announce(name, message["workload"], number)
                    elif message["event"] == "values":
                        for row, value in message["values"].items():
                            self._outcome.add(row, name, value, message.get("cold"))
            except TimeoutError as error:
                session.end(kill=True)
                heard.failure = str(error)
            else:
                self._end(name, session)
                if not heard.failure and not heard.stopped:
                    heard.failure = session.why_ended()
        return self._settle(name, workloads, heard)

    def _settle(self, name: str, workloads: list[str], heard: _Heard) -> int:
        """File what went wrong; returns how many of the workloads need not be tried again."""
        if not heard.failure:
            return heard.done
        if not heard.started:
            # It would fail the same way every time.
            self._fail(name, "start", heard.failure)
            self._failed |= {(name, row.made_by) for row in self._rows[name]}
            return len(workloads)
        if heard.done == len(workloads):
            self._fail(name, "stop", heard.failure)
            return heard.done
        self._fail(name, workloads[heard.done], heard.failure)
        return heard.done + 1

    def _announce(self, name: str, workload: str, number: int) -> None:
        self._tell(f"round {number + 1}, {SUBJECTS[name].title}: {workload}")

    def _end(self, name: str, session: Session) -> None:
        session.end()
        if session.leftovers:
            self._outcome.leftovers[name] = max(
                session.leftovers, self._outcome.leftovers.get(name, 0)
            )

    def _fail(self, name: str, workload: str, reason: str) -> None:
        failure = Failure(name, workload, reason)
        if (name, workload) not in self._failed:
            self._outcome.failures.append(failure)
        self._failed.add((name, workload))
