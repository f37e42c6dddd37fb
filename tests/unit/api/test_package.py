"""The package finds its names at their first use, and says what it lacks."""

from __future__ import annotations

import subprocess
import sys

import pytest

import heliostat


def test_a_name_is_its_modules_own() -> None:
    from heliostat.api.objects import get

    assert heliostat.get is get
    assert heliostat.actor.ActorHandle.__module__ == "heliostat.api.handles"


def test_submodules_are_there_after_a_bare_import() -> None:
    program = "import heliostat as ray; print(ray.exceptions.RayError, ray.actor.exit_actor)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert "RayError" in done.stdout


def test_a_name_that_ray_has_is_told_from_one_that_nobody_has() -> None:
    with pytest.raises(AttributeError, match="'rllib': Ray has it, this release has not"):
        _ = heliostat.rllib  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"no attribute 'nothing'$"):
        _ = heliostat.nothing  # type: ignore[attr-defined]
    assert not hasattr(heliostat, "__wrapped__")
