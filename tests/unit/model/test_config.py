"""The environment is read when asked, checked, and never changed behind the program's back."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

import pytest

from heliostat.model.config import SETTINGS, Config

if TYPE_CHECKING:
    from pathlib import Path


def test_defaults() -> None:
    config = Config.read({})
    assert {s.name: getattr(config, s.name) for s in SETTINGS} == {
        "address": None,
        "engine": None,
        "tmpdir": None,
        "runtime_dir": None,
        "system_tmp": "/tmp",
        "debug": False,
        "log_lines": 20,
        "visible_gpus": None,
        "cloud_instance_id": "",
    }


def test_every_setting_is_described() -> None:
    assert all(setting.meaning.endswith(".") for setting in SETTINGS)
    assert {setting.name for setting in SETTINGS} == set(Config.__slots__)


def test_the_environment_is_read_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Config.read().log_lines == 20
    monkeypatch.setenv("HELIOSTAT_LOG_LINES", "5")
    assert Config.read().log_lines == 5


def test_our_variable_goes_before_rays() -> None:
    both = {"HELIOSTAT_ADDRESS": "local", "RAY_ADDRESS": "auto"}
    assert Config.read(both).address == "local"
    assert Config.read({"RAY_ADDRESS": " auto "}).address == "auto"


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_variable_is_unset(text: str) -> None:
    config = Config.read(dict.fromkeys(("HELIOSTAT_ADDRESS", "HELIOSTAT_DEBUG"), text))
    assert (config.address, config.debug) == (None, False)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("1", True), ("true", True), ("Yes", True), ("ON", True)),
        *(("0", False), ("False", False), ("no", False), ("off", False)),
    ],
)
def test_switches(text: str, value: object) -> None:
    assert Config.read({"HELIOSTAT_DEBUG": text}).debug is value


@pytest.mark.parametrize(
    ("variable", "text", "accepted"),
    [
        ("HELIOSTAT_DEBUG", "maybe", "1 or 0"),
        ("HELIOSTAT_LOG_LINES", "-1", "a whole number of at least 0"),
        ("HELIOSTAT_LOG_LINES", "many", "a whole number of at least 0"),
        ("HELIOSTAT_TMPDIR", "here", "the absolute path of a folder"),
        ("HELIOSTAT_TMPDIR", "/tmp/\0", "the absolute path of a folder"),
    ],
)
def test_a_bad_value_is_refused_in_clear_words(variable: str, text: str, accepted: str) -> None:
    with pytest.raises(ValueError, match="environment variable") as caught:
        Config.read({variable: text})
    assert str(caught.value) == (
        f"the environment variable {variable}={text!r} isn't valid; accepted: {accepted}"
    )


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", ()),
        ("0,1", ("0", "1")),
        (" 2 , 3 ", ("2", "3")),
        ("-1", ()),
        ("0,-1,1", ("0",)),
        ("NoDevFiles", ()),
        ("GPU-8932f937,MIG-1", ("GPU-8932f937", "MIG-1")),
    ],
)
def test_visible_gpus_are_read_as_cuda_reads_them(text: str, ids: tuple[str, ...]) -> None:
    assert Config.read({"CUDA_VISIBLE_DEVICES": text}).visible_gpus == ids


def test_sessions_live_in_the_users_own_folder(tmp_path: Path) -> None:
    mine = f"heliostat-{os.getuid()}"
    assert Config(tmpdir="/a/b").session_root() == f"/a/b/{mine}"
    runtime = str(tmp_path)
    assert Config(runtime_dir=runtime).session_root() == f"{runtime}/{mine}"
    assert Config(tmpdir="/a", runtime_dir=runtime).session_root() == f"/a/{mine}"
    elsewhere = f"{tempfile.gettempdir()}/{mine}"
    assert Config(runtime_dir=f"{runtime}/gone").session_root() == elsewhere
    assert Config().session_root() == elsewhere


def test_a_config_cant_be_changed() -> None:
    config = Config(debug=True)
    with pytest.raises(AttributeError, match="a Config can't be changed"):
        config.debug = False
    assert config.debug


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(TypeError, match="Config has no colour, taste"):
        Config(taste=1, colour=2)


def test_it_shows_what_it_holds() -> None:
    assert "debug=True" in repr(Config(debug=True))
