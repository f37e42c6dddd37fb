"""What workers print, in quantities nobody reads."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

import heliostat as ray
from tests.system.conftest import Program

Start = Callable[..., Program]


def test_100_mb_of_output_hold_nobody_up(program: Start) -> None:
    made = program(
        """
        ray.init(address="local", num_cpus=1)

        @ray.remote
        def shout():
            for _ in range(100):
                print("x" * 999_999)
            for _ in range(20_000):
                print("a short line")
            print("the last line")
            return "done"

        @ray.remote
        def raw():
            for _ in range(100):
                os.write(1, b"y" * 1_000_000)
            return "done"

        answers = ray.get([shout.remote(), raw.remote()])
        with open("said", "w") as file:
            # Not getrusage: it counts what the process that started this one had.
            [peak] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
            print(*answers, peak.split()[1], file=file)
        """
    )
    printed = made.end()
    first, second, peak_kib = (made.folder / "said").read_text().split()
    assert (first, second) == ("done", "done")
    assert int(peak_kib) < 200_000, "the program keeps what its workers print"
    assert len(printed) < 5_000_000


def test_log_files_are_capped(session: Any) -> None:
    @ray.remote
    def shout() -> int:
        sys.stdout.flush()
        for _ in range(100):
            os.write(1, b"z" * 1_000_000)
            os.write(2, b"z" * 1_000_000)
        return 1

    @ray.remote(num_cpus=0)
    def size(folder: str) -> int:
        return sum(entry.stat().st_size for entry in os.scandir(folder))

    assert ray.get(shout.remote(), timeout=30) == 1
    # The head looks every two seconds.
    deadline = time.monotonic() + 5
    while ray.get(size.remote(session["session_dir"]), timeout=10) > 40_000_000:
        assert time.monotonic() < deadline, "the log files grow without bound"


def test_a_worker_may_close_its_streams(session: Any) -> None:
    @ray.remote
    def close() -> str:
        sys.stdout.close()
        sys.stderr.close()
        os.close(1)
        os.close(2)
        return "closed"

    assert ray.get(close.remote(), timeout=10) == "closed"
    assert ray.get(close.options(max_retries=0, num_cpus=0).remote(), timeout=10) == "closed"


def test_a_program_whose_standard_output_is_gone_goes_on(program: Start) -> None:
    made = program(
        """
        ray.init(address="local", num_cpus=1)

        @ray.remote
        def shout():
            print("hello")
            return 5

        os.close(1)
        value = ray.get(shout.remote())
        ray.shutdown()
        os._exit(value)
        """
    )
    assert made.end(5) == ""


def test_the_last_words_of_a_killed_worker_are_told(session: Any) -> None:
    @ray.remote(max_retries=0)
    def die() -> None:
        for number in range(10_000):
            print("line", number, file=sys.stderr)
        os.kill(os.getpid(), 9)

    with pytest.raises(ray.exceptions.WorkerCrashedError, match="line 9999"):
        ray.get(die.remote(), timeout=10)
