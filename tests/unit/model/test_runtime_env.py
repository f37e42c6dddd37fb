"""A runtime environment holds what this release does, or is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.model.runtime_env import LACKING, key, merge, normalise

NAMES = st.text(min_size=1, max_size=5).filter(lambda text: "=" not in text and "\0" not in text)
VALUES = st.text(max_size=5).filter(lambda text: "\0" not in text)
ENVS = st.dictionaries(NAMES, VALUES).map(lambda variables: normalise({"env_vars": variables}))


@pytest.mark.parametrize("env", [None, {}, {"env_vars": None}, {"env_vars": {}}, {"pip": None}])
def test_nothing_asked_for_is_none(env: Any) -> None:
    assert normalise(env) is None


def test_variables_are_sorted_and_copied() -> None:
    given_ = {"env_vars": {"B": "2", "A": "1"}}
    env = normalise(given_)
    assert env == given_
    assert list(env["env_vars"]) == ["A", "B"]
    given_["env_vars"]["C"] = "3"
    assert "C" not in env["env_vars"]


@pytest.mark.parametrize("field", LACKING)
def test_what_this_release_lacks_is_refused_by_name(field: str) -> None:
    with pytest.raises(NotImplementedError, match=f"'{field}'.*it has 'env_vars'"):
        normalise({"env_vars": {"A": "1"}, field: ["x"]})


def test_rays_documented_fields_are_known() -> None:
    assert {
        "working_dir",
        "py_modules",
        "pip",
        "uv",
        "conda",
        "container",
        "config",
        "excludes",
        "worker_process_setup_hook",
    } <= set(LACKING)


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown field 'env_var'; known: 'env_vars'"):
        normalise({"env_var": {}})


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ([("env_vars", {})], "a runtime_env is a dict or None, not a list"),
        ({"env_vars": ["A"]}, "env_vars is a dict of strings, not a list"),
        ({"env_vars": {"A": 1}}, "env_vars maps strings to strings, but 'A' to a int"),
        ({"env_vars": {1: "A"}}, "env_vars maps strings to strings, but 1 to a str"),
    ],
)
def test_a_wrong_type_is_refused(env: Any, message: str) -> None:
    with pytest.raises(TypeError, match=f"^{message}$"):
        normalise(env)


@pytest.mark.parametrize("variables", [{"": "x"}, {"A=B": "x"}, {"A\0": "x"}, {"A": "x\0"}])
def test_what_no_environment_can_hold_is_refused(variables: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="env_vars has the name"):
        normalise({"env_vars": variables})


@given(ENVS, ENVS)
def test_the_tasks_own_variables_win(job: Any, own: Any) -> None:
    merged = merge(job, own)
    expected = {**(job or {}).get("env_vars", {}), **(own or {}).get("env_vars", {})}
    assert (merged or {}).get("env_vars", {}) == expected
    assert merged == normalise(merged)


@given(ENVS, ENVS)
def test_keys_are_equal_exactly_for_equal_environments(one: Any, other: Any) -> None:
    assert (key(one) == key(other)) is (one == other)


def test_a_key_is_stable() -> None:
    assert key(None) == b""
    assert key({"env_vars": {"A": "1"}}).hex() == "29d0d4c9ccf62b7023361928f849d5aa"


def test_neighbours_do_not_run_together() -> None:
    assert key({"env_vars": {"A": "BC"}}) != key({"env_vars": {"AB": "C"}})
