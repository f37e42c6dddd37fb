"""A story keeps the last events and tells them when asked."""

from __future__ import annotations

from typing import NoReturn

from hypothesis import given
from hypothesis import strategies as st

from heliostat.model.story import Story, make_story


def test_it_tells_what_happened_to_whom() -> None:
    story = Story()
    story.add(1, "worker 3", "leased", "queue", 7)
    story.add(2.5, "worker 4", "died")
    story.add(3, "worker 3", "idle")
    assert story.tell() == (
        "  1.000000  worker 3: leased queue 7\n"
        "  2.500000  worker 4: died\n"
        "  3.000000  worker 3: idle"
    )
    assert story.tell("worker 4") == "  2.500000  worker 4: died"
    assert story.tell("worker 5") == "  (nothing happened)"


@given(st.integers(1, 20), st.integers(0, 60))
def test_it_forgets_the_oldest_and_says_so(size: int, count: int) -> None:
    story = Story(size)
    for number in range(count):
        story.add(number, "it", "moved", number)
    kept = list(range(count))[-size:]
    assert len(story) == len(kept)
    lines = story.tell().splitlines()
    if count > size:
        assert lines.pop(0) == f"  ({count - size} earlier events are forgotten)"
    if count:
        assert [line.rsplit(" ", 1)[1] for line in lines] == [str(number) for number in kept]


def test_nothing_is_put_into_words_before_somebody_asks() -> None:
    class Loud:
        def __str__(self) -> NoReturn:
            raise AssertionError("too early")

    story = Story()
    story.add(1, "it", "moved", Loud())
    assert len(story) == 1


def test_an_empty_story_is_still_one() -> None:
    assert Story()
    assert Story().tell() == "  (nothing happened)"


def test_there_is_none_where_stories_are_off() -> None:
    assert make_story(on=False) is None
    story = make_story(on=True, size=1)
    assert isinstance(story, Story)
    story.add(1, "a", "b")
    story.add(2, "c", "d")
    assert len(story) == 1
