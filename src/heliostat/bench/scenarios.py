"""Workloads that want a fresh session of their own and give several numbers at once."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from heliostat.bench import payload, processes, workloads
from heliostat.bench.subjects import ActorSubject, Subject

_SETTLE_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Scene:
    """Where a scenario plays.

    Attributes:
        mark: What the subject's processes carry.
        workers: How many workers the subject was started with.
        quick: Whether to do a tenth of the work.
    """

    mark: str
    workers: int
    quick: bool

    def memory(self) -> processes.Memory:
        """What the subject's processes weigh now, beyond this one."""
        time.sleep(_SETTLE_SECONDS)
        return processes.memory_of(processes.family(self.mark))


def memory_idle(subject: Subject, scene: Scene) -> dict[str, float]:
    """All workers have worked once and are idle."""
    send = subject.task(payload.pause)
    subject.gather([send(0.2) for _ in range(scene.workers)])
    memory = scene.memory()
    return {"memory_idle": memory.unique, "memory_idle_pss": memory.proportional}


def actors_30(subject: ActorSubject, scene: Scene) -> dict[str, float]:
    """Thirty actors that have answered once."""
    _actors, memory, _seconds = _actors_alive(subject, scene, 30)
    return {"actors_30": memory.unique}


def actors_1000(subject: ActorSubject, scene: Scene) -> dict[str, float]:
    """A thousand actors that have answered once."""
    count = 100 if scene.quick else 1000
    _actors, memory, seconds = _actors_alive(subject, scene, count)
    return {"actors_1000": memory.unique / count, "actors_1000_time": seconds * 1000 / count}


def _actors_alive(
    subject: ActorSubject, scene: Scene, count: int
) -> tuple[list[Any], processes.Memory, float]:
    began = time.perf_counter()
    actors = [subject.actor(payload.Counter) for _ in range(count)]
    answers = subject.gather([subject.method(actor, "increment")() for actor in actors])
    seconds = time.perf_counter() - began
    workloads.expect(answers, [1] * count)
    return actors, scene.memory(), seconds


def million(subject: Subject, scene: Scene) -> dict[str, float]:
    """A million tasks in flight at once; the time a task must not grow with their number."""
    many = 100_000 if scene.quick else 1_000_000
    run = workloads.task_bulk(subject)
    run(many // 100)
    few_seconds = _seconds(run, many // 10)
    many_seconds = _seconds(run, many)
    return {
        "million_rate": many / many_seconds,
        "million_growth": many_seconds / (10 * few_seconds),
        "million_memory": processes.peak_memory(),
    }


def _seconds(run: Callable[[int], None], n: int) -> float:
    gc.collect()
    began = time.perf_counter()
    run(n)
    return time.perf_counter() - began


SCENARIOS: Final[dict[str, Callable[[Any, Scene], dict[str, float]]]] = {
    scenario.__name__: scenario for scenario in (memory_idle, actors_30, actors_1000, million)
}
"""Every scenario by the name its rows use."""
