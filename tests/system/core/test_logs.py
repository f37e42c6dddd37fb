"""What workers print reaches the driver of their job, with a prefix that says who."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from typing import Any

import pytest

import heliostat as ray
from tests.system.core.books import settled

pytestmark = [
    pytest.mark.usefixtures("session"),
    pytest.mark.leaks_checked_per("module", "its tests share a session"),
]


@ray.remote
def say(*lines: str, to: int = 1) -> int:
    for line in lines:
        print(line, file=sys.stdout if to == 1 else sys.stderr)
    return os.getpid()


@ray.remote
class Speaker:
    def say(self, line: str) -> int:
        print(line)
        return os.getpid()

    async def say_later(self, line: str) -> int:
        print(line)
        return os.getpid()


class TestPrints:
    def test_are_there_before_the_result(self, capsys: Any) -> None:
        pid = ray.get(say.remote("hello"))
        assert capsys.readouterr().out == f"(say pid={pid}) hello\n"

    def test_of_several_lines(self, capsys: Any) -> None:
        pid = ray.get(say.remote("one", "two\nthree"))
        prefix = f"(say pid={pid})"
        assert capsys.readouterr().out == f"{prefix} one\n{prefix} two\n{prefix} three\n"

    def test_to_standard_error(self, capsys: Any) -> None:
        pid = ray.get(say.remote("oops", to=2))
        captured = capsys.readouterr()
        assert captured.err == f"(say pid={pid}) oops\n"
        assert captured.out == ""

    def test_of_an_actor(self, capsys: Any) -> None:
        speaker = Speaker.remote()
        pid = ray.get(speaker.say.remote("sync"))
        assert ray.get(speaker.say_later.remote("async")) == pid
        assert capsys.readouterr().out == f"(Speaker pid={pid}) sync\n(Speaker pid={pid}) async\n"

    def test_of_a_nested_task(self, capsys: Any) -> None:
        @ray.remote
        def outer() -> int:
            return ray.get(say.remote("inner"))

        pid = ray.get(outer.remote())
        settled(lambda: f"(say pid={pid}) inner\n" in capsys.readouterr().out)

    def test_without_an_end_of_line(self, capsys: Any) -> None:
        @ray.remote
        def part() -> None:
            print("begun, ", end="")
            print("done")

        ray.get(part.remote())
        assert capsys.readouterr().out.endswith(") begun, done\n")

    def test_of_logging(self, capsys: Any) -> None:
        @ray.remote
        def log() -> None:
            logging.getLogger("user").warning("careful")

        ray.get(log.remote())
        assert "careful" in capsys.readouterr().err

    def test_of_any_characters(self, capsys: Any) -> None:
        ray.get(say.remote("ünï\udc80 €"))
        assert "ünï" in capsys.readouterr().out

    def test_of_many_lines_are_all_there_or_counted(self, capsys: Any) -> None:
        @ray.remote
        def many() -> None:
            for i in range(100_000):
                print(i)

        ray.get(many.remote())
        captured = capsys.readouterr()
        lines = [int(line.split(")")[1]) for line in captured.out.splitlines()]
        assert lines == sorted(lines)
        assert len(lines) == 100_000 or "more lines" in captured.err

    def test_streams_look_like_streams(self) -> None:
        @ray.remote
        def look() -> Any:
            print("flushed", flush=True)
            sys.stdout.write("x\n")
            sys.stdout.writelines(["a\n", "b\n"])
            sys.stdout.buffer.write(b"bytes\n")
            return sys.stdout.fileno(), sys.stdout.isatty(), sys.stdout.encoding

        assert ray.get(look.remote()) == (1, False, "utf-8")


class TestSwitchedOff:
    def test_nothing_is_printed(self, tmp_path: Any) -> None:
        program = tmp_path / "quiet.py"
        program.write_text(
            "import heliostat as ray\n"
            "ray.init(address='local', num_cpus=1, log_to_driver=False)\n"
            "ray.get(ray.remote(lambda: print('hidden')).remote())\n"
        )
        done = subprocess.run(
            [sys.executable, str(program)], capture_output=True, text=True, check=True
        )
        assert (done.stdout, done.stderr) == ("", "")

    def test_on_by_default_and_complete_at_the_end(self, tmp_path: Any) -> None:
        program = tmp_path / "loud.py"
        program.write_text(
            "import heliostat as ray\n"
            "ray.init(address='local', num_cpus=1)\n"
            "@ray.remote\n"
            "def speak(): print('shown')\n"
            "ray.get(speak.remote())\n"
        )
        done = subprocess.run(
            [sys.executable, str(program)], capture_output=True, text=True, check=True
        )
        assert done.stdout.startswith("(speak pid=")
        assert done.stdout.endswith(") shown\n")

    def test_escaped_for_a_terminal_that_lacks_the_letters(self, tmp_path: Any) -> None:
        program = tmp_path / "letters.py"
        program.write_text(
            "import heliostat as ray\n"
            "ray.init(address='local', num_cpus=1)\n"
            "ray.get(ray.remote(lambda: print('\\u20ac')).remote())\n"
        )
        done = subprocess.run(
            [sys.executable, str(program)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
        )
        assert done.stdout.endswith("\\u20ac\n")
