"""A pytest plugin: a test that leaves something behind fails, and says what.

Load it in the top ``conftest.py``::

    pytest_plugins = ["heliostat.testing.pytest_plugin"]

After each test there must be no process, thread, descriptor, mapped shared memory or file of
ours that wasn't there before it; after the last one, none that wasn't there before the first.
Fixtures of wider scope are set up before the first look, so what they hold is no leak of a
test; a module that lets it grow is looked at as a whole. Two markers, each for a test or (as
``pytestmark``) for a module:

* ``@pytest.mark.may_leak("why")``: no check;
* ``@pytest.mark.leaks_checked_per("module", "why")``: one check after the module's last test.

Two settings: ``leak_grace`` is the number of seconds that what is ending has to be gone, and
``leak_ignore`` a list of shell patterns for what libraries keep on purpose, one for each text
that the check prints.
"""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

import pytest

from heliostat.testing.leaks import GRACE, MARK, Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

_WATCH = pytest.StashKey[Watch]()
_MARKERS = (
    "may_leak(reason): what this test leaves behind is not looked for",
    "leaks_checked_per(scope, reason): look after the last test of the 'module', not after each",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the settings."""
    text = "seconds that a process, thread or descriptor has to be gone after a test"
    parser.addini("leak_grace", text, default=str(GRACE))
    parser.addini("leak_ignore", "shell patterns of leaks that are none", "linelist", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Marks this run, so that its processes can be told from all others."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    mark = uuid.uuid4().hex
    os.environ[MARK] = mark
    config.stash[_WATCH] = Watch(mark, ignore=config.getini("leak_ignore"))


def pytest_report_header(config: pytest.Config) -> str:
    """Says what is watched on this system."""
    return f"leaks: each test is checked for {config.stash[_WATCH].sees}"


@pytest.fixture(scope="session", autouse=True)
def _run_leaves_nothing_behind(pytestconfig: pytest.Config) -> Iterator[None]:
    yield from _checked(pytestconfig, "the whole run")


@pytest.fixture(scope="module", autouse=True)
def _module_leaves_nothing_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    if _argument(request.node, "leaks_checked_per") == "module":
        yield from _checked(request.config, "this module")
    else:
        yield


@pytest.fixture(autouse=True)
def _test_leaves_nothing_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    node = request.node
    if _argument(node, "may_leak") or _argument(node, "leaks_checked_per") == "module":
        yield
    else:
        yield from _checked(request.config, "the test")


def _checked(config: pytest.Config, what: str) -> Iterator[None]:
    watch = config.stash[_WATCH]
    before = watch.look()
    yield
    if leaks := watch.leaks(before, grace=float(config.getini("leak_grace"))):
        watch.end_processes(before)
        listed = "\n".join(f"* {leak}" for leak in leaks)
        pytest.fail(f"{what} left {len(leaks)} behind:\n{listed}", pytrace=False)


def _argument(node: pytest.Item | pytest.Collector, marker: str) -> str:
    """The first argument of a marker that must say why it is there; empty without the marker."""
    found = node.get_closest_marker(marker)
    if found is None:
        return ""
    wanted = {"may_leak": 1, "leaks_checked_per": 2}[marker]
    if len(found.args) != wanted or not all(found.args):
        message = f"{node.nodeid}: {marker} takes {wanted} text(s), of which the last says why"
        raise pytest.UsageError(message)
    return str(found.args[0])
