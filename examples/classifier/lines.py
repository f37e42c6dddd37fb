"""Where the lines come from: a CSV of papers, a text file of titles, or deliberately bad ones.

A line is bytes as read from a file. What is wrong with it is for the classifier to find.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

TITLES_FILE = Path(__file__).with_name("titles.csv")


def read_lines(file: Path) -> Iterator[bytes]:
    """The lines of ``file``, as ``Title [category]``.

    A ``.csv`` has the columns ``title`` and ``category``; any other file has one title a line,
    with its tag. Bytes that aren't UTF-8 come through unchanged.
    """
    if file.suffix != ".csv":
        with file.open("rb") as stream:
            yield from stream
        return
    csv.field_size_limit(sys.maxsize)  # a title of any length is the classifier's to refuse
    with file.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
        for paper in csv.DictReader(text.replace("\0", " ") for text in stream):
            try:
                line = f"{paper['title']} [{paper['category']}]"
            except KeyError as missing:
                raise ValueError(f"{file} has no column {missing} in its first line") from None
            yield line.encode("utf-8", "surrogateescape")


def bad_lines() -> list[bytes]:
    """Lines that a classifier must survive, one for each thing that can be wrong."""
    return [
        b"A title without a tag",
        b"A title of an unknown category [alchemy.AU]",
        b"\n",
        b"A" * 2**20 + b" [math.NT]",
        b"Sur les op\xe9rateurs [math.FA]",
    ]
