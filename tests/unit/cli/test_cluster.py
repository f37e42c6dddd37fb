"""``start``, ``stop`` and ``status``: what reaches the engine, and what is said of its answers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from heliostat.cli import cluster
from heliostat.cli.app import app
from heliostat.engines.settings import Settings

STARTED: dict[str, Any] = {
    "versions": {"heliostat": "0.1.0"},
    "pid": 4242,
    "session_dir": "/tmp/heliostat-1000/session-x",
    "total": {"CPU": 2.0, "object_store_memory": 2.5e9},
}


class Recorded:
    """A launcher that answers what it is told to, and keeps what it was asked."""

    def __init__(self, answer: Any = None, error: Exception | None = None) -> None:
        self.answer = answer
        self.error = error
        self.settings: Settings | None = None
        self.stopped: list[bool] = []

    def start_head(self, settings: Settings) -> Any:
        self.settings = settings
        return self._give()

    def stop_head(self, force: bool = False) -> Any:
        self.stopped.append(force)
        return self._give()

    def head_status(self) -> Any:
        return self._give()

    def _give(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.answer


def call(launcher: Recorded, *arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), obj=launcher)


def test_start_hands_its_options_to_the_engine_and_says_how_to_go_on() -> None:
    launcher = Recorded(STARTED)
    result = call(
        launcher,
        *("start", "--head", "--num-cpus", "4", "--num-gpus", "1", "--disable-usage-stats"),
        *("--resources", '{"disk": 2, "port": 0.5}', "--object-store-memory", "1000000"),
    )
    assert result.exit_code == 0
    assert launcher.settings is not None
    given = launcher.settings
    assert (given.num_cpus, given.num_gpus, given.object_store_memory) == (4, 1, 1_000_000)
    assert given.resources == {"disk": 2, "port": 0.5}
    assert result.stdout.splitlines() == [
        "Started heliostat 0.1.0, head pid 4242, session /tmp/heliostat-1000/session-x.",
        "It has CPU: 2, object_store_memory: 2.5 GB.",
        'Programs on this host join it with heliostat.init(address="auto").',
        "Look at it with: heliostat status. Stop it with: heliostat stop",
    ]


def test_start_leaves_the_rest_to_the_engine() -> None:
    launcher = Recorded(STARTED)
    assert call(launcher, "start", "--head").exit_code == 0
    assert launcher.settings is not None
    given = launcher.settings
    assert [given.num_cpus, given.num_gpus, given.resources, given.object_store_memory] == [
        None
    ] * 4


def test_a_refusal_of_the_engine_is_one_line_and_exit_code_1() -> None:
    refusal = RuntimeError("a head is running already (pid 7); stop it with: heliostat stop")
    result = call(Recorded(error=refusal), "start", "--head")
    assert result.exit_code == 1
    assert result.stderr == f"Error: {refusal}\n"
    assert result.stdout == ""


def test_a_bug_keeps_its_traceback() -> None:
    result = call(Recorded(error=KeyError("pid")), "start", "--head")
    assert isinstance(result.exception, KeyError)


@pytest.mark.parametrize(
    ("arguments", "named"), [(["--address", "10.0.0.1:6379"], "--address 10.0.0.1"), ([], "--head")]
)
def test_start_says_that_this_release_runs_on_one_host(arguments: list[str], named: str) -> None:
    launcher = Recorded(STARTED)
    result = call(launcher, "start", *arguments)
    assert result.exit_code == 1
    assert named in result.stderr
    assert "this release runs a cluster on one host" in result.stderr
    assert launcher.settings is None


def test_an_option_that_only_ray_has_is_refused_by_name() -> None:
    result = call(Recorded(STARTED), "start", "--head", "--port=6379")
    assert result.exit_code == 2
    assert "`ray start` has --port, this release of Heliostat doesn't." in result.stderr


def test_an_option_that_nobody_has_is_unknown() -> None:
    result = call(Recorded(STARTED), "start", "--head", "--num-cups=3")
    assert result.exit_code == 2
    assert "--num-cups" in result.stderr
    assert "ray start" not in result.stderr


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("{disk: 2}", "this is no JSON"),
        ("[1]", "this is no JSON object"),
        ('{"CPU": 2}', "give CPU as --num-cpus"),
        ('{"GPU": 2}', "give GPU as --num-gpus"),
        ('{"disk": "two"}', "the amount of 'disk' is no number: 'two'"),
        ('{"disk": true}', "the amount of 'disk' is no number: True"),
        ('{"disk": -1}', "the amount of 'disk' can't be -1"),
        ('{"disk": NaN}', "the amount of 'disk' can't be nan"),
        ('{"": 1}', "a resource needs a name"),
    ],
)
def test_bad_resources_are_refused_with_the_reason_and_an_example(given: str, reason: str) -> None:
    result = call(Recorded(STARTED), "start", "--head", "--resources", given)
    assert result.exit_code == 2
    text = " ".join(result.stderr.split())
    assert reason in text
    assert """'{"disk": 2}'""" in text


def test_stop_says_whether_there_was_something_to_stop() -> None:
    assert call(Recorded(answer=True), "stop").stdout == "Stopped.\n"
    nothing = call(Recorded(answer=False), "stop")
    assert (nothing.exit_code, nothing.stdout) == (
        0,
        "Nothing to stop: no cluster of this user is running.\n",
    )


def test_stop_hands_force_on() -> None:
    launcher = Recorded(answer=True)
    call(launcher, "stop")
    call(launcher, "stop", "--force")
    assert launcher.stopped == [False, True]


def test_status_with_nothing_running_says_how_to_start() -> None:
    result = call(Recorded(answer=None), "status")
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: nothing is running for this user; start with: heliostat start --head\n"
    )


def test_status_shows_what_the_head_says() -> None:
    result = call(Recorded({**STARTED, "available": {"CPU": 1.5}}), "status")
    assert result.exit_code == 0
    assert "Running heliostat 0.1.0, head pid 4242, session /tmp" in result.stdout


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    code = "import sys; print(flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:  # type: ignore[call-overload]
        yield process
        process.kill()


def test_waiting_ends_with_the_process(sleeper: subprocess.Popen[bytes]) -> None:
    assert sleeper.stdin is not None
    sleeper.stdin.close()
    cluster.wait_until_ended(sleeper.pid)
    assert sleeper.wait() == 0
    cluster.wait_until_ended(sleeper.pid)


def test_block_reports_a_head_that_ended(sleeper: subprocess.Popen[bytes]) -> None:
    sleeper.kill()
    result = call(Recorded({**STARTED, "pid": sleeper.pid}), "start", "--head", "--block")
    assert result.exit_code == 1
    assert f"the head (pid {sleeper.pid}) has ended; its logs were in /tmp" in result.stderr


def test_block_stops_the_head_at_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(
        cluster, "wait_until_ended", lambda _pid: os.kill(os.getpid(), signal.SIGTERM)
    )
    launcher = Recorded(STARTED)
    result = call(launcher, "start", "--head", "--block")
    assert result.exit_code == 0
    assert launcher.stopped == [False]
    assert result.stdout.endswith("Stopped.\n")
    assert signal.getsignal(signal.SIGTERM) is before
