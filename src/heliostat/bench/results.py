"""From samples to medians, ratios and verdicts. Pure: no process, no clock, no terminal."""

from __future__ import annotations

import enum
import statistics
from dataclasses import dataclass, field

from heliostat.bench.rows import BEST_PEER, FLOOR, ROWS, Limit, Row

OURS = "heliostat"


@dataclass(frozen=True)
class Figure:
    """A subject's samples of one row, summed up."""

    median: float
    least: float
    most: float
    count: int

    @property
    def spread(self) -> float:
        """How far the farthest sample is from the median, as a part of it."""
        if not self.median:
            return 0.0
        return max(self.most - self.median, self.median - self.least) / self.median

    @classmethod
    def of(cls, samples: list[float]) -> Figure:
        """Sum up at least one sample."""
        return cls(statistics.median(samples), min(samples), max(samples), len(samples))


@dataclass(frozen=True)
class Failure:
    """A workload that a subject didn't finish."""

    subject: str
    workload: str
    reason: str


@dataclass
class Outcome:
    """Everything a run brought, row by subject."""

    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    cold: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    leftovers: dict[str, int] = field(default_factory=dict)
    interrupted: bool = False

    def add(self, row: str, subject: str, value: float, cold: float | None = None) -> None:
        """File one repetition; ``cold`` is its first call, in seconds."""
        self.samples.setdefault(row, {}).setdefault(subject, []).append(value)
        if cold is not None:
            self.cold.setdefault(row, {}).setdefault(subject, []).append(cold)

    def figures(self, row: str) -> dict[str, Figure]:
        """The subjects that have the row."""
        return {
            subject: Figure.of(samples) for subject, samples in self.samples.get(row, {}).items()
        }

    def first_call(self, row: str, subject: str) -> float | None:
        """Median of the cold first calls in seconds, where they were timed."""
        samples = self.cold.get(row, {}).get(subject)
        return statistics.median(samples) if samples else None


class Verdict(enum.Enum):
    """How a limit, or a whole budget, stands."""

    MET = "met"
    MISSED = "missed"
    NO_PEER = "no peer"
    """What it is measured by wasn't measured."""
    NOT_RUN = "not run"
    """We weren't measured."""
    NONE = ""
    """The row has no budget."""


@dataclass(frozen=True)
class Check:
    """One limit, held against the figures.

    Attributes:
        limit: The condition.
        target: The number we have to reach; ``None`` without a reference.
        reference: The subject it came from; ``None`` for an absolute limit.
        share: How much of the target we reach; 1 or more meets it. ``None`` if one is unknown.
        verdict: How it stands.
    """

    limit: Limit
    target: float | None
    reference: str | None
    share: float | None
    verdict: Verdict


@dataclass(frozen=True)
class Line:
    """A row of the report with all that is derived from it."""

    row: Row
    figures: dict[str, Figure]
    ratios: dict[str, float]
    """How many times we are ahead of each other subject; below 1 we lose."""
    checks: tuple[Check, ...]
    verdict: Verdict

    @property
    def losses(self) -> dict[str, float]:
        """The peers that beat us, with the ratio. The floor is no peer: nobody gets under it."""
        return {
            subject: ratio
            for subject, ratio in self.ratios.items()
            if ratio < 1 and subject != FLOOR
        }


def ahead(row: Row, ours: float, theirs: float) -> float:
    """How many times better ours is."""
    better, worse = (ours, theirs) if row.more_is_better else (theirs, ours)
    return better / worse if worse else float("inf")


def best_peer(row: Row, figures: dict[str, Figure]) -> str | None:
    """The best subject that is neither us nor the floor."""
    peers = [subject for subject in figures if subject not in (OURS, FLOOR)]
    if not peers:
        return None
    choose = max if row.more_is_better else min
    return choose(peers, key=lambda subject: figures[subject].median)


def check(row: Row, limit: Limit, figures: dict[str, Figure]) -> Check:
    """Hold one limit against the figures."""
    reference = best_peer(row, figures) if limit.of == BEST_PEER else limit.of
    if limit.of is None:
        target: float | None = limit.factor
    elif reference in figures:
        target = limit.factor * figures[reference].median
    else:
        target = None
    if OURS not in figures:
        return Check(limit, target, reference, None, Verdict.NOT_RUN)
    if target is None:
        return Check(limit, None, reference, None, Verdict.NO_PEER)
    share = ahead(row, figures[OURS].median, target)
    return Check(limit, target, reference, share, Verdict.MET if share >= 1 else Verdict.MISSED)


def judge(checks: tuple[Check, ...]) -> Verdict:
    """A budget is met when all its limits are; one that is missed decides, then one unknown."""
    verdicts = {check.verdict for check in checks}
    for decisive in (Verdict.MISSED, Verdict.NOT_RUN, Verdict.NO_PEER, Verdict.MET):
        if decisive in verdicts:
            return decisive
    return Verdict.NONE


def lines(outcome: Outcome, rows: list[Row] | None = None) -> list[Line]:
    """The report, row by row: those rows that somebody has."""
    report = []
    for row in ROWS if rows is None else rows:
        figures = outcome.figures(row.key)
        if not figures:
            continue
        ratios = {
            subject: ahead(row, figures[OURS].median, figure.median)
            for subject, figure in figures.items()
            if OURS in figures and subject != OURS
        }
        checks = tuple(check(row, limit, figures) for limit in row.limits)
        report.append(Line(row, figures, ratios, checks, judge(checks)))
    return report
