"""Progress bars on a terminal: a pseudo terminal that the test reads."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

_PATIENCE = 30.0
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, folder: Path, source: str) -> None:
        script = folder / "program.py"
        script.write_text(textwrap.dedent(source))
        self._master, slave = pty.openpty()
        env = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "NO_COLOR": "1"}
        self._process = subprocess.Popen(
            [sys.executable, str(script)], stdin=slave, stdout=slave, stderr=slave, env=env
        )
        os.close(slave)

    def text(self) -> str:
        """Everything it wrote until its end."""
        written = b""
        try:
            while select.select([self._master], [], [], _PATIENCE)[0]:
                written += os.read(self._master, 65536)
        except OSError:  # the last one that had the terminal open closed it
            pass
        finally:
            os.close(self._master)
        assert self._process.wait(_PATIENCE) == 0, written.decode()
        return written.decode()


def plain(text: str) -> list[str]:
    """The lines, without what moves the cursor."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    return [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]


def test_bars_of_tasks_are_shown_and_what_is_printed_stays_whole(tmp_path: Path) -> None:
    program = Terminal(
        tmp_path,
        """
        import heliostat as ray
        from heliostat.experimental import tqdm_ray

        @ray.remote
        def work(name):
            for n in tqdm_ray.tqdm(range(20), desc=name, flush_interval_s=0):
                if n == 10:
                    print("half of", name)
            return name

        print(ray.get([work.remote("first"), work.remote("second")]))
        ray.shutdown()
        """,
    )
    lines = plain(program.text())
    for name in ("first", "second"):
        assert any(re.search(rf"\(pid=\d+\) {name}.*20/20", line) for line in lines), lines
        assert any(re.fullmatch(rf"\(work pid=\d+\) half of {name}", line) for line in lines), lines
    assert "['first', 'second']" in lines
    assert not any("magic" in line for line in lines)


def test_the_bar_of_a_program_itself_is_shown(tmp_path: Path) -> None:
    program = Terminal(
        tmp_path,
        """
        from heliostat.experimental import tqdm_ray

        bar = tqdm_ray.tqdm(total=3, desc="steps", unit="step", flush_interval_s=0)
        bar.update(2)
        bar.set_description("last")
        bar.update()
        bar.close()
        """,
    )
    lines = plain(program.text())
    assert any("last [step]" in line and "3/3" in line for line in lines), lines


@pytest.mark.parametrize("left", ["open", "killed"])
def test_a_bar_that_nobody_closes_leaves_the_terminal_as_it_was(tmp_path: Path, left: str) -> None:
    program = Terminal(
        tmp_path,
        f"""
        import os, signal
        import heliostat as ray
        from heliostat.experimental import tqdm_ray

        @ray.remote(max_retries=0)
        def work():
            bar = tqdm_ray.tqdm(total=20, desc="lost", flush_interval_s=0)
            bar.update(7)
            if {left == "killed"}:
                os.kill(os.getpid(), signal.SIGKILL)

        ray.wait([work.remote()])
        """,
    )
    text = program.text()
    assert "7/20" in text
    assert text.rfind(SHOW_CURSOR) > text.rfind(HIDE_CURSOR)
