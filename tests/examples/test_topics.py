"""The tree of topics and the reading of a title's tag."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.classifier.topics import (
    LONGEST_TITLE,
    BadTitleError,
    Place,
    decode,
    places,
    read_config,
    split_title,
)


@pytest.mark.parametrize(
    ("title", "place"),
    [
        ("Spectral Measures on Local Fields [math.FA]", Place("math", "analysis")),
        ("Higher Topos Theory [math.CT]", Place("math", "logic and categories")),
        ("Emergence of scaling [cond-mat.dis-nn]", Place("physics", "condensed matter")),
        ("Observational Evidence from Supernovae [astro-ph]", Place("physics", "astrophysics")),
        ("Quantum Computing in the NISQ era and beyond [quant-ph]", Place("physics", "quantum")),
        ("Attention Is All You Need [cs.CL]", Place("compsci", "language")),
        ("Minimap2: pairwise alignment [q-bio.GN]", Place("bio", "genomics")),
        ("Limit Order Books [q-fin.TR]", Place("finance", "markets")),
        ("On [brackets] in titles [math.NT]", Place("math", "number theory")),
        ("Ends with a question? [cs.IT]", Place("compsci", "information theory")),
    ],
)
def test_the_tag_decides_the_place(title: str, place: Place) -> None:
    assert split_title(title) == (title, place)


def test_blanks_around_and_within_a_title_are_tidied() -> None:
    assert split_title("  A\t title \n over lines[math.NT]\n")[0] == "A title over lines[math.NT]"


@pytest.mark.parametrize(
    ("title", "reason"),
    [
        ("", "empty line"),
        (" \t\r\n", "empty line"),
        ("No tag at all", "no tag"),
        ("The tag [math.NT] stands inside", "no tag"),
        ("An empty tag []", "no tag"),
        ("Half a tag [math.", "no tag"),
        ("Not a category's form [math.NT.more]", "no tag"),
        ("[math.NT]", "a tag without a title"),
        ("A topic, no category [math]", "unknown category"),
        ("Case matters [math.nt]", "unknown category"),
        ("Nobody's [alchemy.AU]", "unknown category"),
        ("A" * 2**20 + " [math.NT]", "too long"),
    ],
)
def test_a_title_that_cannot_be_placed_says_why(title: str, reason: str) -> None:
    with pytest.raises(BadTitleError) as caught:
        split_title(title)
    assert str(caught.value) == reason


def test_the_longest_title_is_taken() -> None:
    title = "A" * (LONGEST_TITLE - len(" [math.NT]")) + " [math.NT]"
    assert split_title(title)[0] == title
    with pytest.raises(BadTitleError, match="too long"):
        split_title("A" + title)


def test_bytes_are_utf_8_or_refused() -> None:
    assert decode("Über Zahlen [math.NT]".encode()) == "Über Zahlen [math.NT]"
    with pytest.raises(BadTitleError, match="not UTF-8"):
        decode("Über Zahlen [math.NT]".encode("latin-1"))


def test_the_five_topics_are_those_of_the_report() -> None:
    config = read_config()
    assert list(config) == ["math", "physics", "compsci", "bio", "finance"]
    assert {"analysis", "algebra", "topology"} <= set(config["math"])


def test_every_category_of_the_archives_is_where_it_belongs() -> None:
    archives = {category.split(".")[0]: topic for category, (topic, _) in _known().items()}
    archive_of_physics = {"astro-ph", "cond-mat", "gr-qc", "hep-th", "nucl-ex", "quant-ph"}
    assert all(archives[archive] == "physics" for archive in archive_of_physics)
    assert archives["math"] == archives["stat"] == "math"
    assert archives["cs"] == archives["eess"] == "compsci"
    assert archives["q-bio"] == "bio"
    assert archives["q-fin"] == archives["econ"] == "finance"


def test_the_whole_taxonomy_of_arxiv_is_covered() -> None:
    # 155 categories, and the two archives that stood without subcategory before 2009.
    assert len(_known()) == 155 + 2


def test_a_category_in_two_places_is_refused() -> None:
    twice = {"math": {"analysis": ["math.FA"], "algebra": ["math.FA"]}}
    with pytest.raises(ValueError, match=r"math\.FA is both in .*analysis.* and in .*algebra"):
        places(twice)


def test_another_tree_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "topics.toml"
    file.write_text('[art]\npainting = ["art.PA"]\n', encoding="utf-8")
    assert places(read_config(file)) == {"art.PA": Place("art", "painting")}


def _known() -> dict[str, Place]:
    return places(read_config())
