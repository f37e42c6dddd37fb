"""The examples as users run them: whole programs in processes of their own, on a real cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from examples.classifier.demo import separate_environment
from examples.classifier.lines import TITLES_FILE, read_lines

pytestmark = pytest.mark.leaks_checked_per(
    "module", "the cluster keeps workers and detached actors between its tests"
)

QUICK = ("--delays", "0.02", "--queue-sizes", "0", "4", "--documents", "8")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which ``heliostat start`` and the examples meet, away from all others."""
    environment = separate_environment(str(tmp_path_factory.mktemp("s")))
    return {**environment, "COLUMNS": "250"}


@pytest.fixture(scope="module")
def run(environment: dict[str, str]) -> Run:
    def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            env=environment, capture_output=True, text=True, timeout=50, check=False,
        )  # fmt: skip
        assert done.returncode == code, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture(scope="module")
def _cluster(run: Run) -> Iterator[None]:
    run("heliostat", "start", "--head", "--num-cpus", "16")
    yield
    run("heliostat", "stop")


@pytest.fixture
def cluster(_cluster: None, run: Run) -> Iterator[None]:
    """A cluster in which no topic has an actor when the test begins and when it ends."""
    run("tests.examples.forget")
    yield
    run("tests.examples.forget")


@pytest.mark.usefixtures("cluster")
def test_a_second_program_shows_what_the_first_one_fed(run: Run) -> None:
    fed = run("examples.classifier", "feed", "--delay", "0.01", "--with-bad-lines").stdout
    titles = [line.decode() for line in read_lines(TITLES_FILE)]
    assert f"Filed {len(titles)} titles; 5 could not be placed." in fed
    for reason in ("empty line", "no tag", "not UTF-8", "too long", "unknown category"):
        assert f"  1 x {reason}" in fed

    shown = run("examples.classifier", "show").stdout
    assert f"arXiv ({len(titles)} titles)" in shown
    assert [title for title in titles if title not in shown] == []


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("policy", ["empty", "refill"])
def test_every_policy_files_every_title(run: Run, policy: str, tmp_path: Path) -> None:
    file = tmp_path / "titles.txt"
    file.write_text("".join(f"Title {i} [math.NT]\n" for i in range(30)), encoding="utf-8")
    options = ("--policy", policy, "--queue-size", "7", "--delay", "0.005")
    assert (
        "Filed 30 titles; 0 could" in run("examples.classifier", "feed", *options, str(file)).stdout
    )
    assert "number theory (30)" in run("examples.classifier", "show").stdout


@pytest.mark.usefixtures("cluster")
def test_titles_fed_again_or_at_once_by_two_programs_stand_once(
    run: Run, environment: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "examples.classifier", "feed", "--delay", "0.002"]
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=50)[0].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    run("examples.classifier", "feed", "--delay", "0")
    count = len(list(read_lines(TITLES_FILE)))
    assert all(f"Filed {count} titles" in output for output in outputs)
    assert f"arXiv ({count} titles)" in run("examples.classifier", "show").stdout


@pytest.mark.usefixtures("cluster")
def test_a_topic_whose_actor_was_ended_gets_a_new_one(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "titles.txt"
    file.write_text("Some title [math.NT]\nOther [cs.CL]\n", encoding="utf-8")
    run("examples.classifier", "feed", "--delay", "0", str(file))
    run("tests.examples.forget", "math")
    assert "arXiv (1 titles)" in run("examples.classifier", "show").stdout
    run("examples.classifier", "feed", "--delay", "0", str(file))
    assert "arXiv (2 titles)" in run("examples.classifier", "show").stdout


@pytest.mark.usefixtures("cluster")
def test_showing_before_feeding_shows_an_empty_tree(run: Run) -> None:
    assert "arXiv (0 titles)" in run("examples.classifier", "show").stdout


@pytest.mark.usefixtures("cluster")
def test_the_measurement_prints_its_table_and_writes_its_chart(run: Run, tmp_path: Path) -> None:
    chart = tmp_path / "charts" / "speedup.png"
    printed = run("examples.classifier", "measure", *QUICK, "--chart", str(chart)).stdout
    assert "8 documents on 16 logical CPUs" in printed
    assert printed.count("│ all") == 2
    assert printed.count("│ one") == 1
    assert "A document costs at most" in printed
    assert chart.read_bytes().startswith(b"\x89PNG")
    assert "arXiv (0 titles)" in run("examples.classifier", "show").stdout


def test_the_demonstration_does_it_all_and_stops_its_cluster(run: Run, tmp_path: Path) -> None:
    chart = tmp_path / "speedup.png"
    printed = run("examples.classifier", "demo", *QUICK, "--chart", str(chart)).stdout
    steps = ["A cluster starts", "Filed ", "arXiv (", "of ideal", "Stopped.", "Done in "]
    places = [printed.find(step) for step in steps]
    assert -1 not in places
    assert places == sorted(places)
    assert chart.exists()


def test_a_step_that_fails_stops_the_cluster_too(run: Run) -> None:
    done = run("examples.classifier", "demo", "--documents", "many", code=1)
    assert "invalid int value: 'many'" in done.stderr
    assert "This step failed with exit code 2: -m examples.classifier measure" in done.stderr
    assert "Stopped." in done.stdout


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_demonstration_stops_its_cluster(
    environment: dict[str, str], signum: signal.Signals
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "examples.classifier", "demo"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        before = list(until("How much faster", process.stdout))
        assert "How much faster" in before[-1], "it ended early:\n" + "".join(before)
        if signum == signal.SIGINT:
            os.killpg(process.pid, signum)  # as a terminal does
        else:
            process.send_signal(signum)
        after = process.stdout.read()
    assert "Stopped." in after
    assert process.returncode == 128 + signum


def until(text: str, lines: Iterable[str]) -> Iterator[str]:
    """The lines up to the one with ``text`` in it, or all."""
    for line in lines:
        yield line
        if text in line:
            return


def test_without_a_cluster_the_feeder_says_how_to_start_one(
    run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lonely = separate_environment(str(tmp_path_factory.mktemp("none")))
    done = subprocess.run(
        [sys.executable, "-m", "examples.classifier", "feed"],
        env=lonely, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "heliostat start --head" in done.stderr
    assert "Traceback" not in done.stderr


def test_pi_prints_one_row_a_way_of_computing(run: Run) -> None:
    options = ("--estimates", "10", "--points", "1000", "--blocks", "2", "5")
    printed = run("examples.pi", *options).stdout
    rows = [line for line in printed.splitlines() if "±" in line]
    assert len(rows) == 2 * 3
    # How the estimates are spread over blocks changes none of them.
    for kind in ("plain", "vectorised"):
        assert len({row.split("│")[-2] for row in rows if kind in row}) == 1
