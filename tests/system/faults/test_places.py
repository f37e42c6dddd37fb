"""Where programs run: long paths, other folders and interpreters, many sessions in a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import heliostat as ray
from tests.system.conftest import Program

Start = Callable[..., Program]


@ray.remote
def echo(value: Any) -> Any:
    return value


@ray.remote
class Counter:
    def __init__(self) -> None:
        self.calls = 0

    def add(self) -> int:
        self.calls += 1
        return self.calls


DAEMON = """
from heliostat.engines.local import launch
from heliostat.engines.settings import Settings
"""


def start_daemon(program: Start, env: dict[str, str]) -> None:
    program(DAEMON + "say(launch.start_head(Settings(num_cpus=2))['pid'])", env).end()


def stop_daemon(program: Start, env: dict[str, str]) -> None:
    made = program(DAEMON + "say(launch.stop_head())", env)
    assert made.line() == "True"
    made.end()


def test_a_session_directory_with_a_path_of_200_characters(program: Start, tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 100)
    folder = folder / ("e" * max(1, 200 - len(str(folder)) - 1))
    folder.mkdir(parents=True)
    env = {"HELIOSTAT_TMPDIR": str(folder)}
    use = """
    @ray.remote
    def shout():
        print("hello")
        return os.getcwd()

    say(ray.get(shout.remote()) == os.getcwd(), len(ray.get(ray.put(bytes(1 << 20)))))
    """
    private = program("    ray.init(address='local', num_cpus=1)\n" + use, env)
    assert "True 1048576" in private.end()

    start_daemon(program, env)
    joined = program("    ray.init(address='auto')\n" + use, env)
    assert "True 1048576" in joined.end()
    stop_daemon(program, env)
    left = [path for path in folder.rglob("*") if path.is_file()]
    assert not left


def test_ten_sessions_in_one_process() -> None:
    for number in range(10):
        ray.init(address="local", num_cpus=1)
        counter = Counter.remote()
        big = ray.put(bytes(1 << 20))
        assert ray.get([echo.remote(number), counter.add.remote()], timeout=10) == [number, 1]
        assert len(ray.get(echo.remote(big), timeout=10)) == 1 << 20
        if number % 2:
            del counter, big
        ray.shutdown()
        assert not ray.is_initialized()


def test_what_belongs_to_an_old_session_says_so() -> None:
    ray.init(address="local", num_cpus=1)
    old = echo.remote(1)
    actor = Counter.remote()
    ray.get([old, actor.add.remote()], timeout=10)
    ray.shutdown()
    with pytest.raises(RuntimeError, match="has ended"):
        ray.get(old)
    assert not ray.is_initialized()
    ray.init(address="local", num_cpus=1)
    try:
        for use in (
            lambda: ray.get(old),
            lambda: ray.wait([old]),
            lambda: ray.get(echo.remote(old)),
            lambda: ray.get(echo.remote([old])),
            lambda: ray.get(actor.add.remote()),
            lambda: ray.get(echo.remote(actor)),
        ):
            with pytest.raises((RuntimeError, ray.exceptions.RayError), match="session"):
                use()
        assert ray.get(echo.remote(2), timeout=10) == 2
    finally:
        ray.shutdown()


def test_init_twice_is_refused_and_harms_nothing(session: Any) -> None:
    for _ in range(2):
        with pytest.raises(RuntimeError, match="twice"):
            ray.init(address="local")
    assert ray.get(echo.remote(1), timeout=10) == 1


def test_programs_in_different_folders_share_a_head(program: Start, tmp_path: Path) -> None:
    env = {"HELIOSTAT_TMPDIR": str(tmp_path)}
    start_daemon(program, env)
    source = """
    with open("helper.py", "w") as file:
        file.write("WHO = %r" % os.getcwd())
    import helper
    ray.init(address="auto")

    @ray.remote
    def where():
        import helper
        return os.getcwd(), helper.WHO

    hear()
    say(ray.get([where.remote() for _ in range(5)]) == [(os.getcwd(), helper.WHO)] * 5)
    """
    programs = [program(source, env) for _ in range(2)]
    for made in programs:
        made.say()
    for made in programs:
        assert made.line() == "True"
        made.end()
    stop_daemon(program, env)


def test_a_module_edited_between_two_programs_runs_new(program: Start, tmp_path: Path) -> None:
    env = {"HELIOSTAT_TMPDIR": str(tmp_path), "PYTHONPATH": f"{tmp_path}/lib"}
    module = tmp_path / "lib" / "edited.py"
    module.parent.mkdir()
    start_daemon(program, env)
    source = """
    import edited
    ray.init(address="auto")
    say(ray.get(edited.decorated.remote()), ray.get(ray.remote(edited.plain).remote()),
        ray.get(edited.Actor.remote().call.remote()))
    """
    for version in ("first", "second"):
        module.write_text(
            "import heliostat as ray\n"
            f"def plain(): return {version!r}\n"
            "@ray.remote\n"
            f"def decorated(): return plain() + {version!r}\n"
            "@ray.remote\n"
            "class Actor:\n"
            f"    def call(self): return plain()\n"
        )
        made = program(source, env)
        assert made.line() == f"{version}{version} {version} {version}"
        made.end()
    stop_daemon(program, env)


def test_a_program_run_as_a_module(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "helper.py").write_text("def double(x): return 2 * x\n")
    (package / "__main__.py").write_text(
        "import heliostat as ray\n"
        "from package.helper import double\n"
        "class Local:\n"
        "    value = 3\n"
        "@ray.remote\n"
        "def run(x):\n"
        "    from package import helper\n"
        "    return helper.double(x.value), double(x.value)\n"
        "ray.init(address='local', num_cpus=1)\n"
        "print(ray.get(run.remote(Local())))\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "package"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout == "(6, 6)\n", done.stderr


def test_a_program_from_standard_input_and_from_the_command_line(tmp_path: Path) -> None:
    source = (
        "import heliostat as ray\n"
        "class Local:\n"
        "    value = 3\n"
        "ray.init(address='local', num_cpus=1)\n"
        "print(ray.get(ray.remote(lambda x: x.value + 1).remote(Local())))\n"
    )
    for command, text in (([sys.executable, "-"], source), ([sys.executable, "-c", source], "")):
        done = subprocess.run(
            command,
            input=text,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.stdout == "4\n", done.stderr


def test_two_virtual_environments_share_a_head(program: Start, tmp_path: Path) -> None:
    env = {"HELIOSTAT_TMPDIR": str(tmp_path)}
    start_daemon(program, env)
    other = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(other)], check=True)
    [site] = (other / "lib").glob("python*/site-packages")
    (site / "only_there.py").write_text("WHO = 'other'\n")
    paths = [path for path in sys.path if path and os.path.isdir(path)]
    (site / "ours.pth").write_text("\n".join(paths))
    script = tmp_path / "program.py"
    script.write_text(
        "import sys, heliostat as ray\n"
        "ray.init(address='auto')\n"
        "@ray.remote\n"
        "def who():\n"
        "    import only_there\n"
        "    return only_there.WHO, sys.prefix, sys.executable\n"
        "print(*ray.get(who.remote()))\n"
    )
    done = subprocess.run(
        [str(other / "bin" / "python"), str(script)],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.split() == ["other", str(other), str(other / "bin" / "python")], done.stderr
    stop_daemon(program, env)


def test_a_temporary_folder_that_can_not_be_written(program: Start) -> None:
    made = program(
        """
        try:
            ray.init(address="local", num_cpus=1)
        except OSError as error:
            say("/proc/nowhere" in str(error))
        """,
        {"HELIOSTAT_TMPDIR": "/proc/nowhere"},
    )
    assert made.line() == "True"
    made.end()
