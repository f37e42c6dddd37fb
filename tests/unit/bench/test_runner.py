"""Processes of subjects: started, listened to, weighed and ended, whatever they do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from heliostat.bench import machine, processes
from heliostat.bench.plan import Plan
from heliostat.bench.results import Failure
from heliostat.bench.rows import ROW_OF
from heliostat.bench.runner import Runner, _Heard
from heliostat.bench.session import Session

ROLLUP = """55d0c2a00000-7ffd12bff000 ---p 00000000 00:00 0   [rollup]
Rss:               10240 kB
Pss:                6000 kB
Private_Clean:       100 kB
Private_Dirty:      4000 kB
"""


def small_plan(**changes: object) -> Plan:
    rows = [ROW_OF["startup"], ROW_OF["task_chain"], ROW_OF["task_bulk"]]
    return Plan(rows=rows, subjects=["mp-pool", "floor"], quick=True, **changes)  # type: ignore[arg-type]


def test_a_run_brings_a_figure_for_each_row_a_subject_has_and_leaves_nothing() -> None:
    told: list[str] = []
    outcome = Runner(small_plan(), told.append).run()
    assert outcome.failures == []
    assert {row: set(found) for row, found in outcome.samples.items()} == {
        "startup": {"mp-pool", "floor"},
        "task_bulk": {"mp-pool", "floor"},
    }
    assert all(value > 0 for found in outcome.samples.values() for [value] in found.values())
    assert set(outcome.cold) == {"task_bulk"}
    assert told[0] == "round 1, mp.Pool: startup"


def test_each_round_begins_with_another_subject() -> None:
    told: list[str] = []
    plan = Plan(rows=[ROW_OF["startup"]], subjects=["mp-pool", "floor"], repeat=2)
    Runner(plan, told.append).run()
    assert [line.partition(",")[0] + line[8:12] for line in told] == [
        "round 1 mp.",
        "round 1 flo",
        "round 2 flo",
        "round 2 mp.",
    ]


@pytest.mark.parametrize(
    ("started", "done", "settled", "where"),
    [
        (False, 0, 2, "start"),
        (True, 0, 1, "task_chain"),
        (True, 1, 2, "task_bulk"),
        (True, 2, 2, "stop"),
    ],
)
def test_a_failure_is_filed_where_it_happened_and_the_rest_goes_on(
    started: bool, done: int, settled: int, where: str
) -> None:
    runner = Runner(small_plan())
    heard = _Heard()
    heard.started, heard.done, heard.failure = started, done, "it broke"
    assert runner._settle("mp-pool", ["task_chain", "task_bulk"], heard) == settled
    assert runner._outcome.failures == [Failure("mp-pool", where, "it broke")]


def test_a_workload_that_failed_is_not_tried_again() -> None:
    runner = Runner(small_plan())
    runner._failed |= {("mp-pool", "task_bulk"), ("mp-pool", "startup")}
    runner._repetition("mp-pool", 0)
    assert runner._outcome.samples == {}


def test_a_session_says_how_its_process_ended() -> None:
    with Session() as session:
        session.start(["-c", "print('last words'); raise SystemExit(3)"])
        assert list(session.messages(30)) == []
        session.end()
        assert session.why_ended() == "ended with exit code 3: last words"


def test_a_session_names_the_signal() -> None:
    with Session() as session:
        session.start(["-c", "import os; os.kill(os.getpid(), 9)"])
        assert list(session.messages(30)) == []
        session.end()
        assert session.why_ended() == "ended with signal SIGKILL"


def test_a_silent_process_is_given_up_and_killed() -> None:
    with Session() as session:
        session.start(["-c", "import signal; signal.pause()"])
        with pytest.raises(TimeoutError, match=r"no answer within 0\.2 s"):
            list(session.messages(0.2))
        session.end(kill=True)
        assert processes.family(session.mark) == set()


def test_a_process_that_hid_in_a_session_of_its_own_is_found_counted_and_killed() -> None:
    hide = (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'],"
        " start_new_session=True)\n"
    )
    with Session() as session:
        session.start(["-c", hide])
        assert list(session.messages(30)) == []
        assert len(processes.family(session.mark)) == 1
        assert processes.end_all(session.mark, 0.0) == 1
        assert processes.family(session.mark) == set()


def test_a_session_hides_clusters_that_run_already(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    monkeypatch.setenv("HELIOSTAT_ADDRESS", "auto")
    code = (
        "import json, os, sys\n"
        "names = [name for name in os.environ if name.endswith('_ADDRESS')]\n"
        "open('messages', 'a').write(json.dumps({'names': names}) + '\\n')\n"
    )
    with Session() as session:
        session.start(["-c", code])
        assert list(session.messages(30)) == [{"names": []}]


def test_the_caller_and_the_others_are_pinned_apart_and_freed_again() -> None:
    allowed = os.sched_getaffinity(0)
    with Session() as session:
        session.start(["-c", "import signal; signal.pause()"])
        [other] = processes.family(session.mark)
        with processes.apart(session.mark):
            if len(allowed) > 1:
                assert os.sched_getaffinity(0) == {min(allowed)}
                assert os.sched_getaffinity(other) == allowed - {min(allowed)}
        assert os.sched_getaffinity(0) == os.sched_getaffinity(other) == allowed
        session.end(kill=True)


def test_memory_is_read_from_the_rollup() -> None:
    sizes = processes.parse_rollup(ROLLUP)
    assert sizes["Private_Dirty"] == 4000 * 1024
    assert sizes["Pss"] == 6000 * 1024


def test_the_memory_of_a_process_is_its_own_and_that_of_a_gone_one_nothing() -> None:
    ours = processes.memory_of({os.getpid()})
    assert 1_000_000 < ours.unique <= ours.proportional
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert processes.memory_of({child.pid}) == processes.Memory(0, 0)
    assert processes.peak_memory() > ours.unique


def test_cpus_come_from_different_cores_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1, 2, 3})
    monkeypatch.setattr(machine, "_core_of", lambda cpu: "0-1" if cpu < 2 else "2-3")
    assert machine.choose_cpus(2) == [0, 2]
    assert machine.choose_cpus(3) == [0, 1, 2]
    assert machine.choose_cpus(9) == [0, 1, 2, 3]


def test_the_cpus_are_given_back() -> None:
    before = os.sched_getaffinity(0)
    with machine.on_cpus(machine.choose_cpus(1)):
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_the_machine_is_described() -> None:
    facts = machine.describe([0])
    assert facts["cpus_used"] == "0"
    assert str(facts["memory"]).endswith(" GiB")
    assert str(facts["python"]).endswith(".".join(map(str, sys.version_info[:3])))
