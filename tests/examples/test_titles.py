"""The papers in ``titles.csv`` and the lines that are read from files."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from examples.classifier.lines import TITLES_FILE, bad_lines, read_lines
from examples.classifier.topics import BadTitleError, decode, places, read_config, split_title

SINCE_2007 = re.compile(r"(\d\d)(0[1-9]|1[0-2])\.(\d{4,5})")
BEFORE = re.compile(r"([a-z-]+)/(\d\d)(0[1-9]|1[0-2])\d{3}")
# The archives that papers before 2007 name in their identifier, by how the category begins.
ARCHIVES = {"astro-ph", "cond-mat", "gr-qc", "hep-ex", "hep-lat", "hep-ph", "hep-th", "math",
            "nucl-ex", "nucl-th", "physics", "quant-ph"}  # fmt: skip


def papers() -> list[dict[str, str]]:
    with TITLES_FILE.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_there_are_papers_enough() -> None:
    assert len(papers()) >= 150


def test_every_paper_has_a_place_and_all_topics_have_papers() -> None:
    known = places(read_config())
    topics = Counter(known[paper["category"]].topic for paper in papers())
    assert set(topics) == set(read_config())
    assert min(topics.values()) >= 20


def test_most_subtopics_have_papers() -> None:
    known = places(read_config())
    filled = {known[paper["category"]] for paper in papers()}
    assert len(filled) >= 0.8 * len(set(known.values()))


def test_identifiers_are_well_formed() -> None:
    for paper in papers():
        identifier, category = paper["arxiv_id"], paper["category"]
        new = SINCE_2007.fullmatch(identifier)
        if new:
            month, number = new.group(1) + new.group(2), new.group(3)
            assert month >= "0704", identifier
            assert len(number) == (5 if month >= "1501" else 4), identifier
            continue
        old = BEFORE.fullmatch(identifier)
        assert old, identifier
        assert old.group(1) in ARCHIVES, identifier
        assert category.split(".")[0] == old.group(1), identifier


def test_no_paper_stands_twice() -> None:
    for column in ("arxiv_id", "title"):
        counts = Counter(paper[column].casefold() for paper in papers())
        assert not [value for value, count in counts.items() if count > 1]


def test_titles_are_tidy() -> None:
    for paper in papers():
        assert paper["title"] == " ".join(paper["title"].split())
        assert split_title(f"{paper['title']} [{paper['category']}]")


def test_a_csv_gives_tagged_lines() -> None:
    lines = list(read_lines(TITLES_FILE))
    assert len(lines) == len(papers())
    assert b"Attention Is All You Need [cs.CL]" in lines


def test_a_text_file_gives_its_lines_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "titles.txt"
    file.write_bytes(b"One [math.NT]\n\n\xff\xfe\nTwo [cs.CL]")
    assert list(read_lines(file)) == [b"One [math.NT]\n", b"\n", b"\xff\xfe\n", b"Two [cs.CL]"]


def test_a_bad_csv_reaches_the_classifier_as_bytes(tmp_path: Path) -> None:
    file = tmp_path / "titles.csv"
    long = b"A" * 2**20
    file.write_bytes(
        b"title,category\n"
        b"Op\xe9rateurs,math.FA\n" + long + b",math.NT\n"
        b"nul \0 byte,cs.CL\nshort row\n,math.NT\n"
    )
    assert list(read_lines(file)) == [
        b"Op\xe9rateurs [math.FA]",
        long + b" [math.NT]",
        b"nul   byte [cs.CL]",
        b"short row [None]",
        b" [math.NT]",
    ]


def test_a_csv_without_the_columns_says_so(tmp_path: Path) -> None:
    file = tmp_path / "titles.csv"
    file.write_text("name,category\nOne,math.NT\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"titles\.csv has no column 'title' in its first line"):
        list(read_lines(file))


def test_each_bad_line_is_bad_in_its_own_way() -> None:
    reasons = set()
    for line in bad_lines():
        with pytest.raises(BadTitleError) as caught:
            split_title(decode(line))
        reasons.add(str(caught.value))
    assert reasons == {"no tag", "unknown category", "empty line", "too long", "not UTF-8"}
