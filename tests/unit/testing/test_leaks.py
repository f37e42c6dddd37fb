"""A watch finds each kind of thing left behind, and nothing else."""

from __future__ import annotations

import contextlib
import mmap
import os
import select
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from heliostat.testing.leaks import MARK, Watch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Waits until its standard input is closed.
_WAITS = [sys.executable, "-c", "import sys; sys.stdin.read()"]
#: Starts one that waits on our pipe, prints its id and ends: the other is an orphan.
_ORPHANS = """
import subprocess, sys
print(subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdout=2).pid)
"""


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(os.environ[MARK], [tmp_path])


@contextlib.contextmanager
def orphan(environment: dict[str, str], *, own_session: bool) -> Iterator[int]:
    """A process whose parent is gone; its id. It ends with the block."""
    end, ours = os.pipe()
    try:
        found = subprocess.run(
            [sys.executable, "-c", _ORPHANS],
            stdin=end,
            stdout=subprocess.PIPE,
            check=True,
            env=environment,
            start_new_session=own_session,
        )
        os.close(end)
        pid = int(found.stdout)
        gone = os.pidfd_open(pid)
        yield pid
    finally:
        os.close(ours)
    select.select([gone], [], [])
    os.close(gone)


def test_nothing_new_is_no_leak(watch: Watch) -> None:
    assert watch.leaks(watch.look(), grace=0) == []


def test_a_child_is_found_and_named_by_its_command(watch: Watch) -> None:
    before = watch.look()
    with subprocess.Popen(_WAITS, stdin=subprocess.PIPE) as child:
        leaks = watch.leaks(before, grace=0)
        assert any(f"process {child.pid} " in leak and "sys.stdin.read()" in leak for leak in leaks)
    assert watch.leaks(before) == []


def test_a_child_that_ended_but_was_not_waited_for_is_found(watch: Watch) -> None:
    before = watch.look()
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert watch.leaks(before, grace=0) == [
        f"process {child.pid} ended, but was never waited for",
    ]
    child.wait()
    assert watch.leaks(before) == []


def test_an_orphan_with_our_mark_is_found_in_a_session_of_its_own(watch: Watch) -> None:
    before = watch.look()
    with orphan(dict(os.environ), own_session=True) as pid:
        assert watch.processes(before) == [pid]


def test_an_orphan_of_our_group_is_found_without_a_mark(watch: Watch) -> None:
    before = watch.look()
    with orphan({}, own_session=False) as pid:
        assert watch.processes(before) == [pid]


def test_an_orphan_of_somebody_else_is_not_ours(watch: Watch) -> None:
    before = watch.look()
    with orphan({MARK: "of another run"}, own_session=True):
        assert watch.processes(before) == []


def test_what_was_left_is_ended(watch: Watch) -> None:
    before = watch.look()
    child = subprocess.Popen(_WAITS, stdin=subprocess.PIPE)
    watch.end_processes(before)
    assert watch.processes(before) == []
    assert child.stdin is not None
    child.stdin.close()
    child.wait()


def test_a_thread_is_found_with_its_stack(watch: Watch) -> None:
    end = threading.Event()
    before = watch.look()
    thread = threading.Thread(target=end.wait, name="stays")
    thread.start()
    [leak] = watch.leaks(before, grace=0)
    assert leak.startswith("thread 'stays' runs:")
    assert "in wait" in leak
    end.set()
    thread.join()
    assert watch.leaks(before) == []


def test_a_descriptor_is_found_with_what_it_refers_to(watch: Watch, tmp_path: Path) -> None:
    before = watch.look()
    with open(tmp_path / "left", "w") as file:
        assert watch.leaks(before, grace=0) == [
            f"descriptor {file.fileno()} is open: {tmp_path / 'left'}"
        ]
    assert watch.leaks(before) == []


def test_what_is_to_be_ignored_is_no_leak(tmp_path: Path) -> None:
    watch = Watch(roots=[tmp_path], ignore=["descriptor * is open: */left"])
    before = watch.look()
    with open(tmp_path / "left", "w"), open(tmp_path / "other", "w"):
        [leak] = watch.leaks(before, grace=0)
        assert leak.endswith("/other")


def test_a_descriptor_held_by_a_cycle_only_is_no_leak(watch: Watch, tmp_path: Path) -> None:
    before = watch.look()
    fd = os.open(tmp_path, os.O_RDONLY)

    class Holder:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            os.close(fd)

    Holder()
    assert watch.leaks(before) == []


def test_shared_memory_still_mapped_is_found(watch: Watch) -> None:
    before = watch.look()
    fd = os.memfd_create("heliostat-test")
    os.ftruncate(fd, 4096)
    memory = mmap.mmap(fd, 4096)
    os.close(fd)
    leaks = watch.leaks(before, grace=0)
    assert any("shared memory is mapped: /memfd:heliostat-test" in leak for leak in leaks)
    memory.close()
    assert watch.leaks(before) == []


def test_files_of_ours_are_found_and_those_of_others_are_not(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "heliostat-0").mkdir()
    before = watch.look()
    (tmp_path / "other").write_text("")
    (tmp_path / "heliostat-0" / "session").mkdir()
    (tmp_path / "heliostat-0" / "session" / "socket").write_text("")
    assert watch.leaks(before, grace=0) == [
        f"file is there: {tmp_path}/heliostat-0/session",
        f"file is there: {tmp_path}/heliostat-0/session/socket",
    ]


def test_what_is_on_its_way_out_is_waited_for(watch: Watch) -> None:
    before = watch.look()
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    timer = threading.Timer(0.05, end.set)
    timer.start()
    assert watch.leaks(before) == []
    thread.join()
    timer.join()
