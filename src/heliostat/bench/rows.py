"""What is measured, in which unit, and the budget of each row.

A row is one number a subject can have. Most rows are made by a workload of their own (same
key); a scenario makes several rows at once. Sizes are those of the budgets: 5,000 tasks mean
5,000 tasks in one pass. A row without a size is an operation repeated one after the other, and
the bench picks how often (see ``measure.calibrate``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

FLOOR: Final = "floor"
BEST_PEER: Final = "best peer"

MB: Final = 1_000_000
ARRAY_BYTES: Final = 100 * MB
PI_BLOCKS: Final = (4, 5, 10, 20, 100)


@dataclass(frozen=True)
class Limit:
    """One condition of a budget: a factor of a reference, or an absolute figure.

    Attributes:
        factor: What the reference is multiplied by; the limit itself without a reference.
        of: Key of a subject, ``FLOOR``, ``BEST_PEER``, or ``None`` for an absolute limit.
    """

    factor: float
    of: str | None = None


@dataclass(frozen=True)
class Row:
    """One line of the report.

    Attributes:
        key: Name on the command line and in the JSON.
        title: Name in the table.
        unit: ``"/s"`` and ``"GB/s"`` are rates (more is better); ``"s"``, ``"B"`` and ``"x"``
            are costs (less is better).
        limits: What heliostat has to reach; all of them, for the budget to be met.
        needs: The ability a subject must declare to have this row.
        workload: What makes the number; the row's own key unless it says otherwise.
        size: Operations in one pass; ``None`` for operations timed one by one.
        amount: How much of the unit one operation is (GB moved by one call).
        own_process: Whether the workload wants a fresh process (memory, start-up).
        apart: Whether the caller and all other processes are pinned on different cores, as the
            floor is: one call at a time is several times faster on one core than on two.
        requires: A module beside the subject's own that it takes.
        only: The subjects that can bear it; empty for all.
        repeat: Repetitions, where the run doesn't say otherwise.
    """

    key: str
    title: str
    unit: str
    limits: tuple[Limit, ...] = ()
    needs: str = "tasks"
    workload: str = ""
    size: int | None = None
    amount: float = 1.0
    own_process: bool = False
    apart: bool = False
    requires: str = ""
    only: tuple[str, ...] = ()
    repeat: int = 5

    @property
    def made_by(self) -> str:
        """The workload that makes this row."""
        return self.workload or self.key

    @property
    def more_is_better(self) -> bool:
        """Whether a greater number is the better one."""
        return self.unit.endswith("/s")


def _large(key: str, title: str, limit: Limit, needs: str = "tasks") -> Row:
    return Row(key, title, "GB/s", (limit,), needs, amount=ARRAY_BYTES / 1e9, requires="numpy")


def _scenario(
    key: str,
    title: str,
    unit: str,
    workload: str,
    *limits: Limit,
    needs: str = "tasks",
    only: tuple[str, ...] = (),
) -> Row:
    return Row(key, title, unit, limits, needs, workload, own_process=True, only=only)


# Filling the machine with a thousand actors or a million tasks says something about us, and would
# take a peer that needs 100 MB an actor an hour or the machine down.
_OURS: Final = ("heliostat",)

ROWS: Final[tuple[Row, ...]] = (
    _scenario("startup", "import + init + first task", "s", "startup", Limit(0.15)),
    _scenario("memory_idle", "memory, 2 idle workers (USS)", "B", "memory_idle", Limit(35 * MB)),
    _scenario("memory_idle_pss", "the same as PSS", "B", "memory_idle"),
    Row(
        "task_serial",
        "task, one at a time",
        "/s",
        (Limit(0.4, FLOOR), Limit(17, "ray")),
        apart=True,
    ),
    Row(
        "task_bulk",
        "5,000 tasks then get",
        "/s",
        (Limit(50, "ray"), Limit(2.5, "mp-pool")),
        size=5000,
    ),
    Row("task_dict", "5,000 tasks with a dict", "/s", (Limit(50, "ray"),), size=5000),
    Row("task_chain", "chain of 300 refs", "/s", (Limit(25, "ray"),), "chain", size=300),
    Row("task_nested", "nested: 2 x 500 tasks", "/s", (Limit(25, "ray"),), "ray", size=1000),
    Row(
        "actor_serial",
        "actor call, one at a time",
        "/s",
        (Limit(0.4, FLOOR),),
        "actors",
        apart=True,
    ),
    Row("actor_bulk", "5,000 actor calls then get", "/s", (Limit(30, "ray"),), "actors", size=5000),
    Row("actor_async", "async actor, 2,000 calls", "/s", (Limit(15, "ray"),), "actors", size=2000),
    Row("actor_create", "create actor + first answer", "/s", (Limit(150),), "actors"),
    Row("put_int", "put of an int", "/s", (Limit(75, "ray"),), "ray"),
    Row("get_int", "get of an int", "/s", (Limit(20, "ray"),), "ray"),
    _large("put_get_array", "put + get of 100 MB numpy", Limit(0.6, FLOOR), "ray"),
    _large("array_argument", "100 MB numpy as argument", Limit(0.6, FLOOR)),
    _large("array_return", "100 MB numpy returned", Limit(2, "ray")),
    Row("wait", "wait over 1,000 refs", "/s", (Limit(12, "ray"),), "ray", size=1000),
    *(
        Row(
            f"pi_{blocks}",
            f"Pi, 100 x 10^5, {blocks} blocks",
            "s",
            (Limit(1.02, BEST_PEER),),
            size=1,
            repeat=7,
        )
        for blocks in PI_BLOCKS
    ),
    _scenario("million_rate", "1,000,000 tasks at once", "/s", "million", only=_OURS),
    _scenario(
        "million_memory",
        "their peak memory in the driver",
        "B",
        "million",
        Limit(1000 * MB),
        only=_OURS,
    ),
    _scenario(
        "million_growth",
        "time a task, over that of 100,000",
        "x",
        "million",
        Limit(1.25),
        only=_OURS,
    ),
    _scenario("actors_30", "30 actors alive (USS)", "B", "actors_30", Limit(200 * MB), needs="ray"),
    _scenario(
        "actors_1000",
        "1,000 idle actors, each (USS)",
        "B",
        "actors_1000",
        Limit(6 * MB),
        only=_OURS,
    ),
    _scenario("actors_1000_time", "time to create them", "s", "actors_1000", Limit(10), only=_OURS),
)

ROW_OF: Final[dict[str, Row]] = {row.key: row for row in ROWS}


def chosen_rows(only: Sequence[str] = ()) -> list[Row]:
    """The rows whose key is, or starts with, one of the given words; all without words.

    Raises:
        ValueError: If a word chooses nothing, with the keys there are.
    """
    if not only:
        return list(ROWS)
    for word in only:
        if not any(row.key.startswith(word) for row in ROWS):
            raise ValueError(f"no row is called {word!r}; rows are: {', '.join(ROW_OF)}")
    return [row for row in ROWS if any(row.key.startswith(word) for word in only)]
