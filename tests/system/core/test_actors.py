"""Actors: state, order, options, lifetimes and ends."""

from __future__ import annotations

import gc
import os
import threading
from typing import Any

import pytest

import heliostat as ray
from heliostat.actor import exit_actor
from heliostat.exceptions import ActorDiedError, ActorUnavailableError, RayActorError
from tests.system.core.books import settled
from tests.system.core.gates import Gate

pytestmark = [
    pytest.mark.usefixtures("session"),
    pytest.mark.leaks_checked_per("module", "its tests share a session"),
]


@ray.remote
def identity(value: Any) -> Any:
    return value


@ray.remote
def stop_at(gate: Gate, value: Any = None) -> Any:
    gate.pass_through()
    return value


@ray.remote
class Counter:
    def __init__(self, start: int = 0, *, step: int = 1) -> None:
        self.n = start
        self.step = step

    def add(self, times: int = 1) -> int:
        self.n += self.step * times
        return self.n

    def pid(self) -> int:
        return os.getpid()

    def stop_at(self, gate: Gate) -> int:
        gate.pass_through()
        return self.n

    def crash(self) -> None:
        os._exit(3)

    def leave(self) -> None:
        exit_actor()

    def fail(self) -> None:
        raise KeyError("failed")

    def me(self) -> Any:
        return ray.get_runtime_context().current_actor


@ray.remote
class Log:
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def add(self, item: Any) -> None:
        self.seen.append(item)

    def all(self) -> list[Any]:
        return self.seen


@ray.remote
class Fragile:
    """Writes down each process and each try, then dies as often as it is told."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.note("born")

    def note(self, text: str) -> int:
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(text + "\n")
        with open(self.path, encoding="utf-8") as file:
            return file.read().split().count(text)

    def die_until(self, attempts: int) -> int:
        tried = self.note("tried")
        if tried < attempts:
            os._exit(5)
        return tried

    def fail_until(self, attempts: int) -> int:
        tried = self.note("failed")
        if tried < attempts:
            raise ValueError(tried)
        return tried

    def ok(self) -> str:
        return "ok"


class TestState:
    def test_is_kept_between_calls(self) -> None:
        counter = Counter.remote(5, step=2)
        assert ray.get([counter.add.remote(), counter.add.remote(times=3)]) == [7, 13]

    def test_of_two_is_apart(self) -> None:
        one, other = Counter.remote(), Counter.remote(100)
        assert ray.get([one.add.remote(), other.add.remote()]) == [1, 101]
        assert ray.get(one.pid.remote()) != ray.get(other.pid.remote())

    def test_a_failed_call_changes_nothing_else(self) -> None:
        counter = Counter.remote()
        with pytest.raises(KeyError, match="failed"):
            ray.get(counter.fail.remote())
        assert ray.get(counter.add.remote()) == 1

    def test_thousands_of_calls(self) -> None:
        counter = Counter.remote()
        assert ray.get([counter.add.remote() for _ in range(5000)]) == list(range(1, 5001))


class TestClasses:
    def test_inheritance_static_and_class_methods(self) -> None:
        class Base:
            def base(self) -> str:
                return "base"

        @ray.remote
        class Child(Base):
            size = 3

            @staticmethod
            def fixed() -> str:
                return "static"

            @classmethod
            def made(cls) -> str:
                return cls.__name__

            def __call__(self) -> str:
                return "called"

            def _private(self) -> str:
                return "private"

        child = Child.remote()
        methods = (child.base, child.fixed, child.made, child.__call__, child._private)
        assert ray.get([method.remote() for method in methods]) == [
            "base",
            "static",
            "Child",
            "called",
            "private",
        ]

    def test_with_options_and_called(self) -> None:
        class Plain:
            def one(self) -> int:
                return 1

        assert ray.get(ray.remote(Plain).remote().one.remote()) == 1
        assert ray.get(ray.remote(num_cpus=1)(Plain).remote().one.remote()) == 1

    def test_a_class_that_names_itself(self) -> None:
        @ray.remote
        class Node:
            def __init__(self, depth: int) -> None:
                self.child = Node.remote(depth - 1) if depth else None

            def depth(self) -> int:
                return 1 + ray.get(self.child.depth.remote()) if self.child else 1

        assert ray.get(Node.remote(3).depth.remote()) == 4

    def test_method_options(self) -> None:
        @ray.remote
        class Pair:
            @ray.method(num_returns=2)
            def both(self) -> tuple[int, int]:
                return 1, 2

            def three(self) -> tuple[int, int, int]:
                return 1, 2, 3

        pair = Pair.remote()
        assert ray.get(pair.both.remote()) == [1, 2]
        assert ray.get(pair.three.options(num_returns=3).remote()) == [1, 2, 3]
        assert ray.get(pair.both.options(num_returns=1).remote()) == (1, 2)
        assert pair.three.options(num_returns=0).remote() is None

    def test_names_of_calls(self) -> None:
        @ray.remote
        class Named:
            def names(self) -> Any:
                context = ray.get_runtime_context()
                return context.get_task_name(), context.get_task_function_name()

        actor = Named.remote()
        own = f"{__name__}.Named.names"
        assert ray.get(actor.names.remote()) == ("Named.names", own)
        assert ray.get(actor.names.options(name="x").remote()) == ("x", own)

    def test_wrong_use(self) -> None:
        counter = Counter.remote()
        with pytest.raises(TypeError, match="directly"):
            Counter()
        with pytest.raises(TypeError, match="directly"):
            counter.add()
        with pytest.raises(AttributeError, match="nothing"):
            counter.nothing  # noqa: B018
        with pytest.raises(TypeError, match="too many"):
            counter.add.remote(1, 2, 3)
        with pytest.raises(TypeError, match="unexpected"):
            Counter.remote(wrong=1)
        with pytest.raises(TypeError, match="non-actor"):
            exit_actor()
        with pytest.raises(ValueError, match="only supported for actors"):
            ray.kill("counter")  # type: ignore[arg-type]


class TestOrder:
    def test_of_calls_whose_argument_is_late(self, gate: Gate) -> None:
        log = Log.remote()
        log.add.remote(1)
        log.add.remote(stop_at.remote(gate, 2))
        log.add.remote(3)
        seen = log.all.remote()
        gate.await_arrivals()
        assert ray.wait([seen], timeout=0)[0] == []
        gate.let_through()
        assert ray.get(seen) == [1, 2, 3]

    def test_of_calls_made_before_the_constructor_ran(self, gate: Gate) -> None:
        @ray.remote
        class Slow:
            def __init__(self, gate: Gate) -> None:
                gate.pass_through()
                self.seen: list[int] = []

            def add(self, n: int) -> list[int]:
                self.seen.append(n)
                return self.seen

        slow = Slow.remote(gate)
        refs = [slow.add.remote(i) for i in range(10)]
        gate.let_through()
        assert ray.get(refs[-1]) == list(range(10))

    def test_of_each_caller(self) -> None:
        @ray.remote
        def fill(log: Any, name: str) -> None:
            ray.get([log.add.remote((name, i)) for i in range(100)])

        log = Log.remote()
        ray.get([fill.remote(log, name) for name in "ab"])
        seen = ray.get(log.all.remote())
        for name in "ab":
            assert [i for who, i in seen if who == name] == list(range(100))

    def test_of_several_threads_of_a_caller(self) -> None:
        log = Log.remote()

        def fill(name: int) -> None:
            for i in range(100):
                log.add.remote((name, i))

        threads = [threading.Thread(target=fill, args=(name,)) for name in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seen = ray.get(log.all.remote())
        for name in range(3):
            assert [i for who, i in seen if who == name] == list(range(100))

    def test_a_failed_argument_fails_its_call_alone(self) -> None:
        @ray.remote
        def fail() -> None:
            raise KeyError("argument")

        log = Log.remote()
        log.add.remote(1)
        failed = log.add.remote(fail.remote())
        log.add.remote(3)
        assert ray.get(log.all.remote()) == [1, 3]
        with pytest.raises(KeyError, match="argument"):
            ray.get(failed)

    def test_of_handles_that_went_round(self) -> None:
        log = Log.remote()
        other = ray.get(identity.remote(log))
        for i in range(20):
            (log if i % 2 else other).add.remote(i)
        assert ray.get(log.all.remote()) == list(range(20))


class TestConstructors:
    def test_that_raise(self) -> None:
        @ray.remote
        class Bad:
            def __init__(self, text: str) -> None:
                raise KeyError(text)

            def method(self) -> None: ...

        bad = Bad.remote("constructor")
        for _ in range(2):
            with pytest.raises(ActorDiedError, match="constructor") as caught:
                ray.get(bad.method.remote())
            assert caught.value.actor_init_failed

    def test_that_raise_are_not_restarted(self, tmp_path: Any) -> None:
        @ray.remote(max_restarts=3)
        class Bad:
            def __init__(self, path: str) -> None:
                with open(path, "a", encoding="utf-8") as file:
                    file.write("x")
                raise KeyError

        with pytest.raises(ActorDiedError):
            ray.get(Bad.remote(str(tmp_path / "tries")).__ray_ready__.remote())
        assert (tmp_path / "tries").read_text() == "x"

    def test_with_references(self) -> None:
        late = identity.remote(20)
        assert ray.get(Counter.remote(late, step=ray.put(3)).add.remote()) == 23

    def test_with_a_late_argument(self, gate: Gate) -> None:
        counter = Counter.remote(stop_at.remote(gate, 4))
        added = counter.add.remote()
        gate.let_through()
        assert ray.get(added) == 5

    def test_with_a_failed_argument(self) -> None:
        @ray.remote
        def fail() -> None:
            raise KeyError("creation")

        counter = Counter.remote(fail.remote())
        with pytest.raises(ActorDiedError, match="creation"):
            ray.get(counter.add.remote())

    def test_with_a_large_argument(self) -> None:
        @ray.remote
        class Holder:
            def __init__(self, data: bytes) -> None:
                self.data = data

            def size(self) -> int:
                return len(self.data)

        assert ray.get(Holder.remote(b"x" * 1_000_000).size.remote()) == 1_000_000


class TestSpecialMethods:
    def test_ready(self) -> None:
        assert ray.get(Counter.remote().__ray_ready__.remote()) is True

    def test_call(self) -> None:
        counter = Counter.remote(4)
        assert ray.get(counter.__ray_call__.remote(lambda self, x: self.n + x, 1)) == 5

    def test_terminate_runs_what_was_sent_first(self) -> None:
        counter = Counter.remote()
        refs = [counter.add.remote() for _ in range(10)]
        ended = counter.__ray_terminate__.remote()
        assert ray.get(refs) == list(range(1, 11))
        with pytest.raises(RayActorError):
            ray.get(ended)
        with pytest.raises(ActorDiedError, match="exit_actor"):
            ray.get(counter.add.remote())

    def test_exit_actor(self) -> None:
        counter = Counter.remote()
        with pytest.raises(ActorDiedError, match="exit_actor"):
            ray.get(counter.leave.remote())

    def test_exit_actor_is_final(self) -> None:
        counter = Counter.options(max_restarts=-1, max_task_retries=-1).remote()
        for method in (counter.leave, counter.add):
            with pytest.raises(ActorDiedError):
                ray.get(method.remote())

    @pytest.mark.parametrize("how", ["terminate", "exit_actor", "out of scope"])
    def test_shutdown_and_exit_functions_run(self, how: str, tmp_path: Any) -> None:
        @ray.remote
        class Closing:
            def __init__(self, path: str) -> None:
                import atexit

                self.path = path
                atexit.register(self.note, "atexit")

            def note(self, text: str) -> None:
                with open(self.path, "a", encoding="utf-8") as file:
                    file.write(text + "\n")

            def leave(self) -> None:
                exit_actor()

            def __ray_shutdown__(self) -> None:
                self.note("shutdown")

        path = tmp_path / "notes"
        closing = Closing.remote(str(path))
        ray.get(closing.__ray_ready__.remote())
        if how == "terminate":
            closing.__ray_terminate__.remote()
        elif how == "exit_actor":
            closing.leave.remote()
        del closing
        settled(lambda: path.exists() and path.read_text() == "shutdown\natexit\n")

    def test_kill_runs_neither(self, tmp_path: Any, session: Any) -> None:
        @ray.remote
        class Closing:
            def __init__(self, path: str) -> None:
                self.path = path

            def proc(self) -> Any:
                return ray.get_runtime_context().get_worker_id()

            def __ray_shutdown__(self) -> None:
                with open(self.path, "a", encoding="utf-8") as file:
                    file.write("x")

        closing = Closing.remote(str(tmp_path / "notes"))
        proc = int(ray.get(closing.proc.remote())[24:32], 16)
        ray.kill(closing)
        settled(lambda: session.peers.is_gone(proc))
        assert not (tmp_path / "notes").exists()


class TestKill:
    def test_of_a_busy_actor(self, gate: Gate) -> None:
        counter = Counter.remote()
        ref = counter.stop_at.remote(gate)
        gate.await_arrivals()
        ray.kill(counter)
        with pytest.raises(ActorDiedError, match="kill"):
            ray.get(ref)
        with pytest.raises(ActorDiedError, match="kill"):
            ray.get(counter.add.remote())

    def test_twice(self) -> None:
        counter = Counter.remote()
        ray.kill(counter)
        ray.kill(counter)

    def test_before_it_is_there(self) -> None:
        counter = Counter.remote()
        added = counter.add.remote()
        ray.kill(counter)
        with pytest.raises(ActorDiedError):
            ray.get(added)

    def test_while_its_argument_is_late(self, gate: Gate) -> None:
        counter = Counter.remote(stop_at.remote(gate, 1))
        gate.await_arrivals()
        ray.kill(counter)
        with pytest.raises(ActorDiedError):
            ray.get(counter.add.remote())
        gate.let_through()

    def test_by_another_process(self) -> None:
        @ray.remote
        def kill(actor: Any) -> None:
            ray.kill(actor)

        counter = Counter.remote()
        ray.get(kill.remote(counter))
        with pytest.raises(ActorDiedError):
            ray.get(counter.add.remote())


class TestRestarts:
    def test_a_crash_without(self) -> None:
        counter = Counter.remote()
        with pytest.raises(ActorDiedError, match="exited with code 3"):
            ray.get(counter.crash.remote())
        with pytest.raises(ActorDiedError):
            ray.get(counter.add.remote())

    def test_begin_anew_with_the_same_arguments(self) -> None:
        counter = Counter.options(max_restarts=1).remote(5)
        ray.get(counter.add.remote())
        with pytest.raises(ActorUnavailableError):
            ray.get(counter.crash.remote())
        assert ray.get(counter.add.remote()) == 6
        with pytest.raises(ActorDiedError):
            ray.get(counter.crash.remote())

    def test_without_end(self, tmp_path: Any) -> None:
        fragile = Fragile.options(max_restarts=-1, max_task_retries=-1).remote(str(tmp_path / "n"))
        assert ray.get(fragile.die_until.remote(6)) == 6

    def test_kill_that_allows_one(self) -> None:
        counter = Counter.options(max_restarts=1, max_task_retries=-1).remote(5)
        before = ray.get(counter.pid.remote())
        ray.kill(counter, no_restart=False)
        settled(lambda: ray.get(counter.pid.remote()) != before)
        assert ray.get(counter.add.remote()) == 6

    def test_calls_are_made_again_in_order(self, tmp_path: Any) -> None:
        fragile = Fragile.options(max_restarts=2, max_task_retries=2).remote(str(tmp_path / "n"))
        refs = [fragile.die_until.remote(3), *[fragile.note.remote(str(i)) for i in range(5)]]
        assert ray.get(refs) == [3, 1, 1, 1, 1, 1]
        notes = (tmp_path / "n").read_text().split()
        assert notes == ["born", "tried"] * 3 + list("01234")

    def test_calls_without_retries_fail(self, tmp_path: Any) -> None:
        fragile = Fragile.options(max_restarts=1).remote(str(tmp_path / "n"))
        with pytest.raises(ActorUnavailableError):
            ray.get(fragile.die_until.remote(9))
        assert ray.get(fragile.ok.remote()) == "ok"

    def test_of_a_call(self, tmp_path: Any) -> None:
        fragile = Fragile.options(max_restarts=5).remote(str(tmp_path / "n"))
        retried = fragile.die_until.options(max_task_retries=5)
        assert ray.get(retried.remote(3)) == 3

    def test_the_restart_knows_it_is_one(self) -> None:
        @ray.remote(max_restarts=1, max_task_retries=1)
        class Restarted:
            def again(self) -> bool:
                return ray.get_runtime_context().was_current_actor_reconstructed

            def crash(self) -> None:
                os._exit(1)

        actor = Restarted.remote()
        assert ray.get(actor.again.remote()) is False
        with pytest.raises(RayActorError):
            ray.get(actor.crash.options(max_task_retries=0).remote())
        assert ray.get(actor.again.remote()) is True

    def test_arguments_of_the_constructor_are_kept(self, session: Any) -> None:
        @ray.remote(max_restarts=1, max_task_retries=1)
        class Holder:
            def __init__(self, top: bytes, inside: list[Any]) -> None:
                self.sizes = [len(top), len(ray.get(inside[0]))]

            def get(self) -> list[int]:
                return self.sizes

            def crash(self) -> None:
                os._exit(1)

        holder = Holder.remote(ray.put(b"x" * 500_000), [ray.put(b"y" * 300_000)])
        gc.collect()
        assert ray.get(holder.get.remote()) == [500_000, 300_000]
        with pytest.raises(RayActorError):
            ray.get(holder.crash.options(max_task_retries=0).remote())
        assert ray.get(holder.get.remote()) == [500_000, 300_000]


class TestRetriedExceptions:
    def test_only_where_asked_for(self, tmp_path: Any) -> None:
        fragile = Fragile.options(max_task_retries=5).remote(str(tmp_path / "n"))
        with pytest.raises(ValueError, match="1"):
            ray.get(fragile.fail_until.remote(3))

    @pytest.mark.parametrize("wanted", [True, [ValueError], [KeyError, ValueError]])
    def test_until_it_works(self, wanted: Any, tmp_path: Any) -> None:
        fragile = Fragile.options(max_task_retries=5).remote(str(tmp_path / "n"))
        assert ray.get(fragile.fail_until.options(retry_exceptions=wanted).remote(3)) == 3

    def test_of_another_kind(self, tmp_path: Any) -> None:
        fragile = Fragile.options(max_task_retries=5).remote(str(tmp_path / "n"))
        with pytest.raises(ValueError, match="1"):
            ray.get(fragile.fail_until.options(retry_exceptions=[KeyError]).remote(3))

    def test_no_more_often_than_allowed(self, tmp_path: Any) -> None:
        fragile = Fragile.remote(str(tmp_path / "n"))
        retried = fragile.fail_until.options(retry_exceptions=True, max_task_retries=2)
        with pytest.raises(ValueError, match="3"):
            ray.get(retried.remote(9))


class TestScope:
    """An actor ends with its last handle, wherever that is."""

    def test_here(self, session: Any) -> None:
        counter = Counter.remote()
        pid = ray.get(counter.pid.remote())
        del counter
        settled(lambda: not _is_alive(pid))

    def test_after_the_calls_it_was_sent(self, gate: Gate) -> None:
        counter = Counter.remote(7)
        ref = counter.stop_at.remote(gate)
        del counter
        gate.await_arrivals()
        gc.collect()
        gate.let_through()
        assert ray.get(ref) == 7

    def test_of_a_handle_used_once(self) -> None:
        assert ray.get(Counter.remote(1).add.remote()) == 2

    def test_kept_by_another_actor(self) -> None:
        log = Log.remote()
        counter = Counter.remote()
        pid = ray.get(counter.pid.remote())
        ray.get(log.add.remote([counter]))
        del counter
        gc.collect()
        [[found]] = ray.get(log.all.remote())
        assert ray.get(found.add.remote()) == 1
        del found
        ray.kill(log)
        settled(lambda: not _is_alive(pid))

    def test_kept_in_an_object(self) -> None:
        box = ray.put([Counter.remote(3)])
        gc.collect()
        pid = ray.get(ray.get(box)[0].pid.remote())
        assert ray.get(ray.get(box)[0].add.remote()) == 4
        del box
        settled(lambda: not _is_alive(pid))

    def test_made_by_a_task_and_returned(self) -> None:
        @ray.remote
        def make() -> Any:
            return Counter.remote(9)

        counter = ray.get(make.remote())
        assert ray.get([counter.add.remote(), counter.add.remote()]) == [10, 11]
        pid = ray.get(counter.pid.remote())
        del counter
        settled(lambda: not _is_alive(pid))

    def test_made_by_an_actor_ends_with_it(self) -> None:
        @ray.remote
        class Parent:
            def make(self) -> Any:
                self.child = Counter.remote()
                return self.child

        parent = Parent.remote()
        child = ray.get(parent.make.remote())
        assert ray.get(child.add.remote()) == 1
        ray.kill(parent)
        with pytest.raises(ActorDiedError, match="created it"):
            settled(lambda: ray.get(child.add.remote()) is None)

    def test_passed_to_tasks(self) -> None:
        @ray.remote
        def add(counter: Any) -> Any:
            return ray.get(counter.add.remote())

        assert sorted(ray.get([add.remote(c) for c in [Counter.remote()] for _ in range(10)])) == [
            *range(1, 11)
        ]

    def test_handles_of_its_own_keep_no_actor_alive(self) -> None:
        counter = Counter.remote()
        pid = ray.get(counter.pid.remote())
        me = ray.get(counter.me.remote())
        assert me == counter
        assert hash(me) == hash(counter)
        assert ray.get(me.add.remote()) == 1
        del counter, me
        settled(lambda: not _is_alive(pid))

    def test_a_method_keeps_it_alive(self) -> None:
        add = Counter.remote().add
        gc.collect()
        assert ray.get([add.remote(), add.remote()]) == [1, 2]


class TestPendingCalls:
    def test_are_bounded(self, gate: Gate) -> None:
        counter = Counter.options(max_pending_calls=2).remote()
        first = counter.stop_at.remote(gate)
        second = counter.add.remote()
        with pytest.raises(ray.exceptions.PendingCallsLimitExceeded, match="max_pending_calls=2"):
            counter.add.remote()
        gate.let_through()
        assert ray.get([first, second]) == [0, 1]
        assert ray.get(counter.add.remote()) == 2


class TestThreads:
    def test_run_at_once(self, gate: Gate) -> None:
        @ray.remote(max_concurrency=3)
        class Wide:
            def stop_at(self, gate: Gate) -> int:
                gate.pass_through()
                return threading.get_ident()

        wide = Wide.remote()
        refs = [wide.stop_at.remote(gate) for _ in range(5)]
        gate.await_arrivals(3)
        assert ray.wait(refs, num_returns=5, timeout=0)[0] == []
        gate.let_through(5)
        assert len(set(ray.get(refs))) == 3

    def test_a_late_argument_holds_nobody_back(self, gate: Gate) -> None:
        log = Log.options(max_concurrency=2).remote()
        late = log.add.remote(stop_at.remote(gate, 1))
        ray.get(log.add.remote(2))
        gate.let_through()
        ray.get(late)
        assert ray.get(log.all.remote()) == [2, 1]

    def test_get_in_a_method_while_others_run(self, gate: Gate) -> None:
        @ray.remote(max_concurrency=4)
        class Wide:
            def ask(self, gate: Gate) -> Any:
                return ray.get(stop_at.remote(gate, "asked"))

            def echo(self, value: Any) -> Any:
                return ray.get(identity.remote(value))

        wide = Wide.remote()
        slow = wide.ask.remote(gate)
        gate.await_arrivals()
        assert ray.get([wide.echo.remote(i) for i in range(20)]) == list(range(20))
        gate.let_through()
        assert ray.get(slow) == "asked"

    def test_many_calls(self) -> None:
        counter = Log.options(max_concurrency=8).remote()
        ray.get([counter.add.remote(i) for i in range(1000)])
        assert sorted(ray.get(counter.all.remote())) == list(range(1000))

    def test_calls_know_which_they_are(self, gate: Gate) -> None:
        @ray.remote(max_concurrency=2)
        class Wide:
            def who(self, gate: Gate) -> Any:
                gate.pass_through()
                context = ray.get_runtime_context()
                return context.get_task_id(), context.get_task_name()

        wide = Wide.remote()
        refs = [wide.who.options(name=name).remote(gate) for name in "ab"]
        gate.await_arrivals(2)
        gate.let_through(2)
        found = ray.get(refs)
        assert [name for _, name in found] == ["a", "b"]
        assert len({task for task, _ in found}) == 2

    def test_terminate_lets_running_calls_end(self, gate: Gate) -> None:
        counter = Counter.options(max_concurrency=2).remote(6)
        running = counter.stop_at.remote(gate)
        gate.await_arrivals()
        del counter
        gc.collect()
        gate.let_through()
        assert ray.get(running) == 6


class TestThreadsOfTheUser:
    def test_that_wait_while_calls_come(self, gate: Gate) -> None:
        @ray.remote
        class Threaded:
            def start(self, ref: list[Any]) -> None:
                self.got: list[Any] = []
                self.thread = threading.Thread(target=lambda: self.got.append(ray.get(ref[0])))
                self.thread.start()

            def echo(self, value: Any) -> Any:
                return value

            def join(self) -> Any:
                self.thread.join()
                return self.got

        actor = Threaded.remote()
        ray.get(actor.start.remote([stop_at.remote(gate, "got")]))
        gate.await_arrivals()
        for i in range(200):
            assert ray.get(actor.echo.remote(i)) == i
        gate.let_through()
        assert ray.get(actor.join.remote()) == ["got"]

    def test_that_a_task_left_behind_while_workers_move(self, gate: Gate) -> None:
        @ray.remote
        def leave_one(ref: list[Any]) -> None:
            threading.Thread(target=ray.get, args=(ref[0],), daemon=True).start()

        slow = stop_at.options(num_cpus=0).remote(gate)
        gate.await_arrivals()
        ray.get([leave_one.remote([slow]) for _ in range(2)])
        for i in range(20):
            # Each with another resource: the workers leave one queue for the other.
            options = {"resources": {"lamp": 1}} if i % 2 else {}
            assert ray.get(identity.options(**options).remote(i)) == i
        gate.let_through()
        ray.get(slow)


class TestNesting:
    def test_actors_that_call_each_other(self) -> None:
        @ray.remote
        class Hop:
            def __init__(self, following: Any = None) -> None:
                self.following = following

            def hop(self, n: int) -> int:
                return ray.get(self.following.hop.remote(n + 1)) if self.following else n

        hop = None
        for _ in range(5):
            hop = Hop.remote(hop)
        assert hop is not None
        assert ray.get(hop.hop.remote(0)) == 4

    def test_an_actor_that_submits_tasks(self) -> None:
        @ray.remote
        class Submitter:
            def run(self, n: int) -> int:
                return sum(ray.get([identity.remote(i) for i in range(n)]))

        assert ray.get(Submitter.remote().run.remote(200)) == 19900

    def test_actors_that_hold_all_cpus_and_wait_for_tasks(self) -> None:
        @ray.remote(num_cpus=1)
        class Greedy:
            def ask(self, n: int) -> int:
                return int(ray.get(identity.remote(n)))

        greedy = [Greedy.remote() for _ in range(2)]
        assert ray.get([g.ask.remote(i) for i, g in enumerate(greedy)]) == [0, 1]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
