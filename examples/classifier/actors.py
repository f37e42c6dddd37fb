"""The network of actors: one ``Classifier`` in front, one detached ``SubClassifier`` a topic.

``Classifier.send`` reads a title's tag, finds the topic's actor by its name or creates it, and
runs ``compute_subclass`` as a task, which files the title with that actor. The topic actors are
detached: they stay in the cluster, with what they hold, when the program that fed them ends, and
any program in the same namespace finds them with ``ray.get_actor("math")``.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import heliostat as ray
from examples.classifier.policies import POLICIES
from examples.classifier.topics import BadTitleError, decode, read_config, split_title

#: The namespace that the feeding and the showing program share.
NAMESPACE = "arxiv"


@dataclass
class Tally:
    """What became of the titles sent: how many were filed, and how many not, by reason."""

    filed: int = 0
    refused: Counter[str] = field(default_factory=Counter)


@ray.remote(num_cpus=0)
class SubClassifier:
    """Holds the titles of one topic by subtopic. It leaves the CPUs to the classifying tasks."""

    def __init__(self, topic: str) -> None:
        self.titles: dict[str, list[str]] = {name: [] for name in read_config()[topic]}

    def send(self, title: str) -> None:
        """Files a title. Filing it again changes nothing, so a retried task does no harm."""
        title, place = split_title(title)
        shelf = self.titles[place.subtopic]
        if title not in shelf:
            shelf.append(title)

    def get_classification(self) -> dict[str, list[str]]:
        """The titles of each subtopic, in the order of their arrival."""
        return self.titles


def find_or_create(topic: str) -> Any:
    """The actor named ``topic``: found if it lives, created if not.

    ``get_if_exists`` does both in one step, so two classifiers that need a new topic at the same
    moment get the same actor.
    """
    detached = SubClassifier.options(  # type: ignore[attr-defined]  # mypy ignores the decorator
        name=topic, lifetime="detached", get_if_exists=True
    )
    return detached.remote(topic)


@ray.remote(num_cpus=1)
def compute_subclass(topic_actor: Any, title: str, delay: float) -> None:
    """Finds the subtopic of a title and files it there.

    The delay stands for a model's work. It holds one CPU of the cluster, so 16 logical CPUs
    work on 16 documents at once. The answer itself comes from the tag. The task ends when the
    title is filed: waiting for its future is waiting for that.
    """
    time.sleep(delay)
    ray.get(topic_actor.send.remote(title))


@ray.remote(num_cpus=0)
class Classifier:
    """Hands titles on to the topics, with at most ``queue_size`` documents in work at once.

    A title that can't be placed, or whose task fails, is counted; the rest goes on.
    """

    def __init__(self, queue_size: int, delay: float, policy: str = "empty") -> None:
        self.delay = delay
        self.in_flight = POLICIES[policy](queue_size, ray.wait)
        self.topic_actors: dict[str, Any] = {}
        self.tally = Tally()

    def send(self, line: bytes) -> None:
        """Takes one line, starts its classification, and waits only as the policy asks."""
        try:
            title, place = split_title(decode(line))
        except BadTitleError as problem:
            self.tally.refused[str(problem)] += 1
            return
        if place.topic not in self.topic_actors:
            self.topic_actors[place.topic] = find_or_create(place.topic)
        future = compute_subclass.remote(self.topic_actors[place.topic], title, self.delay)
        self.count(self.in_flight.add(future))

    def finish(self) -> Tally:
        """Waits for the documents in work; returns what became of all titles sent so far."""
        self.count(self.in_flight.empty())
        return self.tally

    def count(self, ended: list[Any]) -> None:
        """Counts documents that have ended, well or badly."""
        for future in ended:
            try:
                ray.get(future)
            except ray.exceptions.RayError as error:
                self.tally.refused[f"failed: {type(error).__name__}"] += 1
                self.topic_actors.clear()  # one may have ended: find or create them anew
            else:
                self.tally.filed += 1
