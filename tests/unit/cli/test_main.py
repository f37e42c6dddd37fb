"""The command itself: its version, its help, and what it says where its packages are missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import heliostat.cli
from heliostat._version import __version__
from heliostat.cli import main, missing_text


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"heliostat {__version__}\n"


def test_the_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for command in ("bench", "start", "status", "stop"):
        assert f"\n  {command} " in shown


def test_an_unknown_command_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["strat"]) == 2
    assert "strat" in capsys.readouterr().err


def test_it_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "heliostat", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"heliostat {__version__}\n"


def test_without_its_packages_it_names_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(heliostat.cli, "find_spec", lambda name: None if name == "rich" else name)
    assert main(["status"]) == 1
    assert capsys.readouterr().err == (
        "heliostat: the command line needs rich, which isn't installed. "
        "Install with: pip install 'heliostat[cli]'\n"
    )


def test_several_missing_packages_are_named_together() -> None:
    assert missing_text(["click", "rich"]).startswith(
        "heliostat: the command line needs click and rich, which aren't installed."
    )
