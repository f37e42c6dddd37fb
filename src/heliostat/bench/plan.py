"""What a run measures: which rows, on which subjects, how often. Decided before anything starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec

from heliostat.bench.rows import ROWS, Row, chosen_rows
from heliostat.bench.subjects import SUBJECTS


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        rows: The rows.
        subjects: Keys of the subjects, all of them installed.
        repeat: Repetitions of every row; ``None`` for each row's own number.
        quick: Whether to do a tenth of the work, once.
        timeout: Seconds one workload may take before its subject is killed.
        absent: Subjects left out because they aren't installed.
        dropped: Rows left out because a module they take isn't installed.
    """

    rows: list[Row] = field(default_factory=lambda: list(ROWS))
    subjects: list[str] = field(default_factory=lambda: installed(list(SUBJECTS)))
    repeat: int | None = None
    quick: bool = False
    timeout: float = 120.0
    absent: list[str] = field(default_factory=list)
    dropped: list[Row] = field(default_factory=list)

    def repetitions(self, row: Row) -> int:
        """How often a row is measured."""
        return self.repeat or (1 if self.quick else row.repeat)


def make_plan(
    *,
    rows: Sequence[str] = (),
    subjects: Sequence[str] = (),
    repeat: int | None = None,
    quick: bool = False,
    timeout: float = 120.0,
) -> Plan:
    """The plan for what was asked on the command line.

    Args:
        rows: Keys of rows, or how they begin; all of them by default.
        subjects: Keys of subjects; by default every one that is installed.
        repeat: Repetitions of every row instead of each row's own number.
        quick: A tenth of the work, once.
        timeout: Seconds one workload may take.

    Raises:
        ValueError: If a word names no row or no subject, with those there are.
    """
    wanted = chosen_subjects(subjects)
    rows_wanted = chosen_rows(rows)
    dropped = [row for row in rows_wanted if row.requires and find_spec(row.requires) is None]
    present = installed(wanted)
    return Plan(
        rows=[row for row in rows_wanted if row not in dropped],
        subjects=present,
        repeat=repeat,
        quick=quick,
        timeout=timeout,
        absent=[name for name in wanted if name not in present],
        dropped=dropped,
    )


def chosen_subjects(only: Sequence[str]) -> list[str]:
    """The subjects of these names, in the order of the report; all without names.

    Raises:
        ValueError: If there is none of a name, with the names there are.
    """
    for word in only:
        if word not in SUBJECTS:
            raise ValueError(f"no subject is called {word!r}; subjects are: {', '.join(SUBJECTS)}")
    return [name for name in SUBJECTS if not only or name in only]


def installed(names: Sequence[str]) -> list[str]:
    """Those of the subjects that can run here."""
    return [name for name in names if SUBJECTS[name].installed]
