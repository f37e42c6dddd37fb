"""The tree of topics, read from ``topics.toml``, and the reading of a title's tag.

Pure functions: a title such as ``Spectral Measures on Local Fields [math.FA]`` carries its arXiv
category as a tag, and the tag decides topic and subtopic. A title that can't be placed raises
``BadTitleError``, whose text is the reason that the report at the end counts.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TOPICS_FILE = Path(__file__).with_name("topics.toml")

#: Longer titles are refused: the longest on arXiv have a few hundred characters.
LONGEST_TITLE = 1_000

_TAG = re.compile(r"\[([A-Za-z]+(?:-[A-Za-z]+)*(?:\.[A-Za-z]+(?:-[A-Za-z]+)*)?)\]$")


class BadTitleError(ValueError):
    """A title that can't be placed; its text says why."""


class Place(NamedTuple):
    """Where a category's papers belong."""

    topic: str
    subtopic: str


def read_config(file: Path = TOPICS_FILE) -> dict[str, dict[str, list[str]]]:
    """The tree in ``file``: topic, then subtopic, then the categories that map to it."""
    with file.open("rb") as stream:
        return tomllib.load(stream)


def places(config: dict[str, dict[str, list[str]]]) -> dict[str, Place]:
    """The place of each category of ``config``.

    Raises:
        ValueError: a category stands in two places.
    """
    found: dict[str, Place] = {}
    for topic, subtopics in config.items():
        for subtopic, categories in subtopics.items():
            for category in categories:
                place = Place(topic, subtopic)
                if category in found:
                    raise ValueError(f"{category} is both in {found[category]} and in {place}")
                found[category] = place
    return found


@lru_cache(maxsize=1)
def _known_places() -> dict[str, Place]:
    return places(read_config())


def decode(line: bytes) -> str:
    """The text of a line read from a file.

    Raises:
        BadTitleError: the line isn't UTF-8.
    """
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        raise BadTitleError("not UTF-8") from None


def split_title(title: str) -> tuple[str, Place]:
    """The title with its blanks tidied, and the place that its tag gives it.

    Raises:
        BadTitleError: the title is empty, too long, has no tag or an unknown category.
    """
    if len(title) > LONGEST_TITLE:
        raise BadTitleError("too long")
    title = " ".join(title.split())
    if not title:
        raise BadTitleError("empty line")
    tag = _TAG.search(title)
    if tag is None:
        raise BadTitleError("no tag")
    if tag.start() == 0:
        raise BadTitleError("a tag without a title")
    place = _known_places().get(tag.group(1))
    if place is None:
        raise BadTitleError("unknown category")
    return title, place
