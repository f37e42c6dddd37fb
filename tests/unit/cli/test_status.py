"""A head's status in words."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from heliostat.cli.status import amount, amounts, duration, pending_lines, show_status


def text_of(status: dict[str, Any]) -> str:
    console = Console(file=io.StringIO(), width=120, highlight=False)
    show_status(status, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def rows_of(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_everything_a_head_may_say_is_shown() -> None:
    text = text_of(
        {
            "version": "0.1.0",
            "pid": 12,
            "uptime": 7300,
            "session_dir": "/tmp/s[1]",
            "nodes": [{"alive": True}, {"alive": False}],
            "resources": {"CPU": 4.0, "disk": 1.0},
            "available": {"CPU": 2.5, "disk": 1.0},
            "pending": [{"resources": {"CPU": 4.0}, "count": 3, "reason": "2.5 CPU are free"}],
            "actors": [
                {"class_name": "Sub", "state": "ALIVE", "pid": 15, "actor_id": "ab12"},
                {
                    "class_name": "Top[1]",
                    "name": "math",
                    "namespace": "arxiv",
                    "state": "RESTARTING",
                    "pid": None,
                    "actor_id": "cd34",
                },
            ],
        }
    )
    assert "Running heliostat 0.1.0, head pid 12, up 2 h 1 min, session /tmp/s[1]." in text
    assert "Nodes: 1 alive, 1 dead." in text
    assert ["CPU", "1.5", "4"] in rows_of(text)
    assert ["disk", "0", "1"] in rows_of(text)
    assert "  3 x CPU: 4 (2.5 CPU are free)" in text.splitlines()
    named = ["math", "arxiv", "Top[1]", "RESTARTING", "-", "cd34"]
    unnamed = ["-", "-", "Sub", "ALIVE", "15", "ab12"]
    assert rows_of(text).index(named) < rows_of(text).index(unnamed)


def test_what_a_head_does_not_say_is_not_shown() -> None:
    assert text_of({"pid": 12}).splitlines() == [
        "Running heliostat, head pid 12.",
        "Waiting: nothing.",
        "Actors: none.",
    ]


def test_many_actors_are_cut_short_and_counted() -> None:
    text = text_of({"actors": [{"name": f"a{i}"} for i in range(60)]})
    assert "Actors: 60." in text
    assert text.endswith("... and 10 more.\n")


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("CPU", 2.0, "2"),
        ("CPU", 0.25, "0.25"),
        ("CPU", 10.0, "10"),
        ("CPU", 0.0, "0"),
        ("disk", 0.0001, "0.0001"),
        ("memory", 2.5e9, "2.5 GB"),
        ("object_store_memory", 64e6, "64.0 MB"),
        ("memory", 2e3, "2.0 kB"),
        ("memory", 0.0, "0 B"),
    ],
)
def test_an_amount(name: str, value: float, shown: str) -> None:
    assert amount(name, value) == shown


def test_amounts_are_sorted_by_name() -> None:
    assert amounts({"disk": 1.0, "CPU": 0.5}) == "CPU: 0.5, disk: 1"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.4, "0 s"), (42, "42 s"), (60, "1 min"), (185, "3 min 5 s"), (7800, "2 h 10 min"),
     (90_000, "1 d 1 h")],
)  # fmt: skip
def test_a_duration_has_two_units(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_what_waits_for_no_resource_waits_for_a_worker() -> None:
    assert pending_lines([{"count": 2}]) == ["Waiting:", "  2 x nothing but a worker"]
