"""A head's status in words."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from heliostat.cli.status import amount, amounts, show_status, waiting_lines


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
            "pid": 12,
            "session_dir": "/tmp/s[1]",
            "versions": {"heliostat": "0.1.0", "python": "3.11.7"},
            "total": {"CPU": 4.0, "disk": 1.0},
            "available": {"CPU": 2.5, "disk": 1.0},
            "object_store": {"granted": 64e6, "cap": 2e9},
            "programs": [{"pid": 40, "job": 1}, {"pid": 41, "job": 2}],
            "workers": [{"pid": 50, "idle": True}, {"pid": 51, "idle": False}],
            "waiting": [
                {
                    "kind": "actor",
                    "resources": {"CPU": 4.0},
                    "count": 3,
                    "reason": "waits for free resources",
                }
            ],
            "actors": [
                {"class": "Sub", "name": "", "state": "ALIVE", "actor_id": "ab12"},
                {
                    "class": "Top[1]",
                    "name": "math",
                    "namespace": "arxiv",
                    "state": "RESTARTING",
                    "detached": True,
                    "actor_id": "cd34",
                },
            ],
        }
    )
    assert "Running heliostat 0.1.0, head pid 12, session /tmp/s[1]." in text
    assert "Nodes: 1, this host." in text
    assert "Programs: pid 40, pid 41." in text
    assert "Workers: 2, 1 of them idle." in text
    assert ["CPU", "1.5", "4"] in rows_of(text)
    assert ["disk", "0", "1"] in rows_of(text)
    assert ["object_store_memory", "64.0", "MB", "2.0", "GB"] in rows_of(text)
    assert "  3 x actor with CPU: 4: waits for free resources" in text.splitlines()
    named = ["math", "arxiv", "Top[1]", "RESTARTING", "detached", "cd34"]
    unnamed = ["-", "-", "Sub", "ALIVE", "-", "ab12"]
    assert rows_of(text).index(named) < rows_of(text).index(unnamed)


def test_what_a_head_does_not_say_is_not_shown() -> None:
    assert text_of({"pid": 12}).splitlines() == [
        "Running heliostat, head pid 12.",
        "Nodes: 1, this host.",
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


def test_no_workers_and_no_programs_are_said_too() -> None:
    text = text_of({"pid": 12, "workers": [], "programs": []})
    assert "Workers: none." in text
    assert "Programs: none." in text


def test_the_shared_memory_is_shown_once_even_if_it_is_a_resource() -> None:
    status = {"total": {"object_store_memory": 2e9}, "object_store": {"granted": 0, "cap": 2e9}}
    assert text_of(status).count("object_store_memory") == 1


def test_what_waits_for_no_resource_says_so() -> None:
    assert waiting_lines([{"count": 2}]) == ["Waiting:", "  2 x task with no resources"]
