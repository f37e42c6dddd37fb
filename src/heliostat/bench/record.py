"""Everything a run has shown, for the terminal, the chart and the JSON file alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from heliostat.bench import units
from heliostat.bench.plan import Plan
from heliostat.bench.results import Line, Outcome, Verdict, lines
from heliostat.bench.subjects import SUBJECTS

FORMAT: Final = 1


@dataclass(frozen=True)
class Record:
    """One run.

    Attributes:
        plan: What was to be measured.
        outcome: What was measured.
        machine: What it ran on.
        versions: The version of each subject.
        created: When it began, ISO 8601.
        lines: The rows with their ratios and verdicts.
    """

    plan: Plan
    outcome: Outcome
    machine: Mapping[str, str | int]
    versions: Mapping[str, str]
    created: str
    lines: list[Line]

    def tally(self) -> dict[Verdict, int]:
        """How many budgets stand how; rows without a budget don't count."""
        verdicts = [line.verdict for line in self.lines if line.verdict is not Verdict.NONE]
        return {verdict: verdicts.count(verdict) for verdict in Verdict if verdict in verdicts}


def make_record(
    plan: Plan, outcome: Outcome, machine: Mapping[str, str | int], created: str
) -> Record:
    """The record of a run that has ended."""
    versions = {name: SUBJECTS[name].version for name in plan.subjects}
    return Record(plan, outcome, machine, versions, created, lines(outcome, plan.rows))


def as_json(record: Record) -> dict[str, Any]:
    """The record as plain data, samples included: values in the row's unit, times in seconds."""
    plan, outcome = record.plan, record.outcome
    return {
        "format": FORMAT,
        "bench": "core",
        "created": record.created,
        "machine": dict(record.machine),
        "subjects": dict(record.versions),
        "absent": plan.absent,
        "dropped_rows": [row.key for row in plan.dropped],
        "quick": plan.quick,
        "interrupted": outcome.interrupted,
        "rows": [_line(line, outcome) for line in record.lines],
        "failures": [
            {"subject": failure.subject, "workload": failure.workload, "reason": failure.reason}
            for failure in outcome.failures
        ],
        "processes_left_behind": outcome.leftovers,
    }


def _line(line: Line, outcome: Outcome) -> dict[str, Any]:
    row = line.row
    return {
        "key": row.key,
        "title": row.title,
        "unit": row.unit,
        "more_is_better": row.more_is_better,
        "subjects": {
            name: {
                "median": figure.median,
                "least": figure.least,
                "most": figure.most,
                "samples": outcome.samples[row.key][name],
                "first_call": outcome.first_call(row.key, name),
            }
            for name, figure in line.figures.items()
        },
        "times_ahead": line.ratios,
        "budget": [
            {
                "text": units.budget(row, check.limit),
                "factor": check.limit.factor,
                "of": check.limit.of,
                "reference": check.reference,
                "target": check.target,
                "share": check.share,
                "verdict": check.verdict.value,
            }
            for check in line.checks
        ],
        "verdict": line.verdict.value,
    }
