"""A daemon and its programs: who finds it, what outlives whom, and how they share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import heliostat as ray
from heliostat.engines.local import launch
from heliostat.engines.settings import Settings
from tests.system.core.books import settled
from tests.system.core.gates import Gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COUNTER = """
@ray.remote
class Counter:
    def __init__(self, n=0): self.n = n
    def add(self): self.n += 1; return self.n
    def pid(self): return os.getpid()
"""


@pytest.fixture
def daemon(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A running head with two CPUs, in a directory of its own."""
    monkeypatch.setenv("HELIOSTAT_TMPDIR", str(tmp_path))
    yield launch.start_head(Settings(num_cpus=2, resources={"tape": 1}))
    ray.shutdown()
    launch.stop_head()


def status() -> dict[str, Any]:
    found = launch.head_status()
    assert found is not None
    return found


class TestNothingRuns:
    @pytest.fixture(autouse=True)
    def _empty(self, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HELIOSTAT_TMPDIR", str(tmp_path))

    def test_auto_says_how_to_start(self) -> None:
        with pytest.raises(ConnectionError, match="heliostat start --head"):
            ray.init(address="auto")
        assert not ray.is_initialized()

    def test_a_directory_without_one(self, tmp_path: Any) -> None:
        with pytest.raises(ConnectionError, match="nowhere"):
            ray.init(address=str(tmp_path / "nowhere"))

    def test_stop_and_status(self) -> None:
        assert launch.stop_head() is False
        assert launch.head_status() is None

    def test_a_bare_init_is_private(self) -> None:
        with ray.init(num_cpus=1):
            assert ray.cluster_resources()["CPU"] == 1
        assert launch.head_status() is None


class TestStart:
    def test_twice_says_what_runs(self, daemon: dict[str, Any]) -> None:
        with pytest.raises(launch.AlreadyRuns, match=f"pid {daemon['pid']}, 2 CPUs"):
            launch.start_head(Settings(num_cpus=4))

    def test_by_command(self, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HELIOSTAT_TMPDIR", str(tmp_path))

        def command(*words: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "heliostat", *words],
                capture_output=True,
                text=True,
                check=False,
            )

        assert command("start", "--head", "--num-cpus", "3").returncode == 0
        again = command("start", "--head")
        assert again.returncode != 0
        assert "runs already" in again.stdout + again.stderr
        with ray.init(address="auto"):
            assert ray.cluster_resources()["CPU"] == 3
        assert command("status").returncode == 0
        assert command("stop").returncode == 0
        assert launch.head_status() is None

    def test_again_after_stop(self, daemon: dict[str, Any]) -> None:
        assert launch.stop_head() is True
        assert launch.start_head(Settings(num_cpus=1))["pid"] != daemon["pid"]
        with ray.init(address="auto"):
            assert ray.cluster_resources()["CPU"] == 1

    def test_in_place_of_one_that_was_killed(self, daemon: dict[str, Any]) -> None:
        os.kill(daemon["pid"], signal.SIGKILL)
        os.waitpid(daemon["pid"], 0)
        with pytest.raises(ConnectionError):
            ray.init(address="auto")
        assert launch.start_head(Settings(num_cpus=1))["pid"] != daemon["pid"]
        with ray.init(address="auto"):
            assert ray.get(ray.remote(lambda: 5).remote()) == 5


@pytest.mark.usefixtures("daemon")
class TestJoining:
    def test_every_way_of_naming_it(
        self, daemon: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for address in ("auto", None, daemon["address"]):
            with ray.init(address=address) as context:
                assert context["address"] == daemon["address"]
        monkeypatch.setenv("RAY_ADDRESS", "auto")
        with ray.init() as context:
            assert context["address"] == daemon["address"]
        monkeypatch.setenv("HELIOSTAT_ADDRESS", "local")
        with ray.init(num_cpus=1) as context:
            assert context["address"] != daemon["address"]

    def test_a_private_session_beside_it(self, daemon: dict[str, Any]) -> None:
        with ray.init(address="local", num_cpus=1) as context:
            assert context["address"] != daemon["address"]

    def test_what_only_a_new_cluster_can_be_told(self) -> None:
        with pytest.raises(ValueError, match="num_cpus"):
            ray.init(address="auto", num_cpus=4)

    def test_twice(self) -> None:
        ray.init(address="auto")
        with pytest.raises(RuntimeError, match="twice"):
            ray.init(address="auto")
        ray.init(address="auto", ignore_reinit_error=True)

    def test_again_and_again(self) -> None:
        for i in range(5):
            with ray.init(address="auto"):
                assert ray.get(ray.remote(lambda i=i: i).remote()) == i

    def test_the_job_has_its_environment(self) -> None:
        look = ray.remote(lambda: os.environ.get("COLOUR"))
        with ray.init(address="auto", runtime_env={"env_vars": {"COLOUR": "red"}}):
            assert ray.get(look.remote()) == "red"
        with ray.init(address="auto"):
            assert ray.get(look.remote()) is None

    def test_programs_are_jobs_of_their_own(self, program: Callable[..., Any]) -> None:
        source = """
            ray.init(address="auto")
            @ray.remote
            def job(): return ray.get_runtime_context().get_job_id(), os.getcwd()
            number, folder = ray.get(job.remote())
            assert number == ray.get_runtime_context().get_job_id()
            assert folder == os.getcwd(), folder
            say(number)
            hear()
        """
        first, second = program(source), program(source)
        assert first.line() != second.line()
        for one in (first, second):
            one.say()
            one.end()


@pytest.mark.usefixtures("daemon")
class TestDetachedActors:
    def test_are_found_by_the_next_program(self, program: Callable[..., Any]) -> None:
        first = program(
            COUNTER
            + """
ray.init(address="auto", namespace="shared")
Counter.options(name="c", lifetime="detached").remote(40)
say(ray.get(ray.get_actor("c").add.remote()))
"""
        )
        assert first.line() == "41"
        first.end()
        second = program(
            """
            ray.init(address="auto", namespace="shared")
            say(ray.get(ray.get_actor("c").add.remote()))
            ray.shutdown()
            ray.init(address="auto")
            try:
                ray.get_actor("c")
            except ValueError:
                say("not in this namespace")
            say(ray.get(ray.get_actor("c", namespace="shared").add.remote()))
            """
        )
        assert second.lines(3) == ["42", "not in this namespace", "43"]
        second.end()
        with ray.init(address="auto", namespace="shared"):
            actor = ray.get_actor("c")
            assert ray.get(actor.add.remote()) == 44
            ray.kill(actor)
            with pytest.raises(ValueError, match="c"):
                ray.get_actor("c")

    def test_use_their_own_modules_and_start_tasks(self, program: Callable[..., Any]) -> None:
        first = program(
            """
            ray.init(address="auto", namespace="n")
            FACTOR = 3
            @ray.remote
            def times(n): return n * FACTOR
            @ray.remote
            class Multiplier:
                def run(self, n): return ray.get([times.remote(i) for i in range(n)])
            Multiplier.options(name="m", lifetime="detached").remote()
            """
        )
        first.end()
        with ray.init(address="auto", namespace="n"):
            assert ray.get(ray.get_actor("m").run.remote(4)) == [0, 3, 6, 9]

    def test_outlive_a_program_that_was_killed(self, program: Callable[..., Any]) -> None:
        first = program(
            COUNTER
            + """
ray.init(address="auto", namespace="n")
Counter.options(name="c", lifetime="detached", num_cpus=1).remote(0)
other = Counter.options(name="short").remote()
say(ray.get(ray.get_actor("c").add.remote()), ray.get(other.pid.remote()))
hear()
"""
        )
        assert first.line().startswith("1 ")
        first.signal(signal.SIGKILL)
        first.end(-signal.SIGKILL)
        with ray.init(address="auto", namespace="n"):
            assert ray.get(ray.get_actor("c").add.remote()) == 2
            settled(lambda: _is_free("short"))
            assert ray.available_resources()["CPU"] == 1

    def test_lose_what_its_creator_owned(self, program: Callable[..., Any]) -> None:
        first = program(
            """
            ray.init(address="auto", namespace="n")
            @ray.remote
            class Keeper:
                def keep(self, refs): self.refs = refs
                def size(self): return len(ray.get(self.refs[0]))
            @ray.remote
            def never(): threading.Event().wait()
            keeper = Keeper.options(name="k", lifetime="detached").remote()
            ray.get(keeper.keep.remote([ray.put(b"x" * 200_000)]))
            say(ray.get(keeper.size.remote()))
            ray.get(keeper.keep.remote([never.remote()]))
            """
        )
        assert first.line() == "200000"
        first.end()
        ray.init(address="auto", namespace="n")
        with pytest.raises(ray.exceptions.OwnerDiedError):
            ray.get(ray.get_actor("k").size.remote())


@pytest.mark.usefixtures("daemon")
class TestSharing:
    def test_a_killed_program_frees_what_it_held(
        self, program: Callable[..., Any], tmp_path: Any
    ) -> None:
        with Gate.make(tmp_path / "gate") as gate:
            holder = program(
                f"""
                sys.path.insert(0, {os.getcwd()!r})
                from tests.system.core.gates import Gate
                ray.init(address="auto")
                gate = Gate({gate._path!r})
                @ray.remote(resources={{"tape": 0.5}})
                def stop(): gate.pass_through()
                @ray.remote(num_cpus=1)
                class Holder:
                    def ok(self): return 1
                holder = Holder.remote()
                ray.get(holder.ok.remote())
                data = ray.put(b"x" * 10_000_000)
                refs = [stop.remote() for _ in range(4)]
                say("holds")
                hear()
                """
            )
            assert holder.line() == "holds"
            gate.await_arrivals()
            with ray.init(address="auto"):
                settled(lambda: ray.available_resources().get("CPU", 0) == 0)
                assert ray.available_resources()["tape"] == 0.5
                holder.signal(signal.SIGKILL)
                holder.end(-signal.SIGKILL)
                settled(lambda: ray.available_resources() == ray.cluster_resources())
                settled(lambda: len(status()["workers"]) <= 2)
                assert ray.get(ray.remote(lambda: 3).options(num_cpus=2).remote()) == 3

    def test_two_programs_each_get_a_share(self, program: Callable[..., Any], gates: Any) -> None:
        first_two, rest, other = [gates("a"), gates("b")], gates("rest"), gates("other")
        source = """
            sys.path.insert(0, {path!r})
            from tests.system.core.gates import Gate
            ray.init(address="auto")
            @ray.remote
            def stop(path): Gate(path).pass_through()
            refs = [stop.remote(path) for path in {paths!r}]
            say("submitted")
            ray.get(refs)
            say("done")
        """
        paths = [gate._path for gate in (*first_two, *[rest] * 28)]
        first = program(source.format(path=os.getcwd(), paths=paths))
        assert first.line() == "submitted"
        for gate in first_two:
            gate.await_arrivals()
        second = program(source.format(path=os.getcwd(), paths=[other._path] * 30))
        assert second.line() == "submitted"
        settled_by_status(lambda: any(w["state"] == "DETACHING" for w in status()["workers"]))
        # Each of the first one's two tasks ends: one of the two workers is for the second one.
        for gate in first_two:
            gate.let_through()
        other.await_arrivals()
        rest.await_arrivals()
        other.let_through(30)
        rest.let_through(28)
        for one in (first, second):
            assert one.line() == "done"
            one.end()

    def test_an_idle_program_keeps_nothing_from_another(self, program: Callable[..., Any]) -> None:
        idle = program(
            """
            ray.init(address="auto")
            ray.get([ray.remote(lambda: 1).remote() for _ in range(50)])
            say("idle")
            hear()
            """
        )
        assert idle.line() == "idle"
        with ray.init(address="auto"):
            assert ray.get(ray.remote(lambda: 2).options(num_cpus=2).remote(), timeout=10) == 2
        idle.say()
        idle.end()

    def test_prints_go_to_the_program_they_belong_to(self, program: Callable[..., Any]) -> None:
        source = """
            ray.init(address="auto")
            @ray.remote
            def speak(text): print(text)
            hear()
            ray.get(speak.remote({0!r}))
        """
        programs = {name: program(source.format(name)) for name in ("one", "two")}
        for one in programs.values():
            one.say()
        for name, one in programs.items():
            out = one.end()
            assert out.startswith("(speak pid=")
            assert out.endswith(f") {name}\n")
            assert out.count("\n") == 1


def settled_by_status(holds: Callable[[], bool]) -> None:
    """Asks the head until ``holds()``; the test's time limit ends it otherwise."""
    while not holds():
        pass


def _is_free(name: str) -> bool:
    try:
        ray.get_actor(name)
    except ValueError:
        return True
    return False
