"""What a task or method raised, as its caller sees it."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest

import heliostat as ray
from heliostat.exceptions import RayTaskError

pytestmark = [
    pytest.mark.usefixtures("session"),
    pytest.mark.leaks_checked_per("module", "its tests share a session"),
]


@ray.remote
def fail(error: Any) -> None:
    raise error


@ray.remote
class Failing:
    def __init__(self) -> None:
        self.calls = 0

    def fail(self, error: Any) -> None:
        raise error

    async def fail_later(self, error: Any) -> None:
        await asyncio.sleep(0)
        raise error


class Odd(Exception):
    """Its constructor can't be called with its ``args``."""

    def __init__(self, number: int, *, why: str) -> None:
        super().__init__(f"{number}: {why}")
        self.number = number
        self.why = why

    def __reduce__(self) -> Any:
        return _odd, (self.number, self.why)


def _odd(number: int, why: str) -> Odd:
    return Odd(number, why=why)


class TestClasses:
    @pytest.mark.parametrize(
        "error",
        [ValueError("v"), KeyError("k"), OSError(2, "none"), Odd(3, why="odd"), StopIteration(1)],
        ids=repr,
    )
    def test_are_the_callers_and_ray_task_error(self, error: Exception) -> None:
        with pytest.raises(type(error)) as caught:
            ray.get(fail.remote(error))
        assert isinstance(caught.value, RayTaskError)
        assert caught.value.cause.args == error.args  # type: ignore[union-attr]

    def test_attributes_are_there(self) -> None:
        with pytest.raises(Odd) as caught:
            ray.get(fail.remote(Odd(5, why="reason")))
        assert (caught.value.number, caught.value.why) == (5, "reason")

    def test_of_an_actor(self) -> None:
        actor = Failing.remote()
        for method in (actor.fail, actor.fail_later):
            with pytest.raises(Odd) as caught:
                ray.get(method.remote(Odd(5, why="reason")))
            assert isinstance(caught.value, RayTaskError)

    def test_defined_in_a_function(self) -> None:
        class Local(Exception):
            pass

        with pytest.raises(Local):
            ray.get(fail.remote(Local("here")))

    def test_that_only_the_worker_knows(self) -> None:
        @ray.remote
        def work() -> None:
            class Inner(Exception):
                pass

            raise Inner("inside")

        with pytest.raises(RayTaskError, match="inside") as caught:
            ray.get(work.remote())
        assert type(caught.value).__name__ == "RayTaskError(Inner)"

    def test_can_be_pickled_again(self) -> None:
        with pytest.raises(Odd) as caught:
            ray.get(fail.remote(Odd(5, why="reason")))
        again = pickle.loads(pickle.dumps(caught.value))
        assert isinstance(again, Odd)
        assert isinstance(again, RayTaskError)

    def test_groups(self) -> None:
        group = getattr(__builtins__, "ExceptionGroup", None)
        if group is None:
            assert not hasattr(__builtins__, "ExceptionGroup")  # before Python 3.11
            return
        with pytest.raises(group):
            ray.get(fail.remote(group("two", [ValueError(1), KeyError(2)])))


class TestTexts:
    def test_have_the_remote_traceback(self) -> None:
        @ray.remote
        def outer_function() -> None:
            def inner_function() -> None:
                raise ValueError("deep")

            inner_function()

        with pytest.raises(ValueError, match="deep") as caught:
            ray.get(outer_function.remote())
        text = str(caught.value)
        assert "outer_function" in text
        assert "in inner_function" in text
        assert "test_errors.py" in text
        assert "worker/executor.py" not in text

    def test_have_causes(self) -> None:
        @ray.remote
        def chained() -> None:
            try:
                raise KeyError("first")
            except KeyError as error:
                raise ValueError("second") from error

        with pytest.raises(ValueError, match="second") as caught:
            ray.get(chained.remote())
        assert "direct cause" in str(caught.value)
        assert "KeyError: 'first'" in str(caught.value)

    def test_pass_through_nested_tasks(self) -> None:
        @ray.remote
        def outer() -> Any:
            return ray.get(fail.remote(Odd(1, why="nested")))

        with pytest.raises(Odd) as caught:
            ray.get(outer.remote())
        assert "outer" in str(caught.value)

    def test_pass_through_arguments(self) -> None:
        @ray.remote
        def take(value: Any) -> Any:
            return value

        with pytest.raises(Odd):
            ray.get(take.remote(take.remote(fail.remote(Odd(1, why="argument")))))


class TestUnpicklable:
    def test_attributes(self) -> None:
        @ray.remote
        def work() -> None:
            import threading

            error = ValueError("with a lock")
            error.lock = threading.Lock()  # type: ignore[attr-defined]
            raise error

        with pytest.raises(RayTaskError, match="with a lock"):
            ray.get(work.remote())

    def test_constructors(self) -> None:
        @ray.remote
        def work() -> None:
            class Two(Exception):
                def __init__(self, one: int, two: int) -> None:
                    super().__init__("text of two")

            raise Two(1, 2)

        with pytest.raises(RayTaskError, match="text of two"):
            ray.get(work.remote())

    def test_texts(self) -> None:
        @ray.remote
        def work() -> None:
            class Mute(Exception):
                def __str__(self) -> str:
                    raise RuntimeError("no text")

            raise Mute

        with pytest.raises(RayTaskError):
            ray.get(work.remote())

    def test_the_worker_goes_on(self) -> None:
        @ray.remote
        def fine() -> int:
            return 1

        assert ray.get([fine.remote() for _ in range(10)]) == [1] * 10

    def test_functions_say_which_variable(self) -> None:
        import threading

        lock = threading.Lock()

        @ray.remote
        def work() -> Any:
            return lock

        with pytest.raises(TypeError, match="captured variable 'lock'"):
            work.remote()

    def test_arguments_that_do_not_unpickle(self) -> None:
        class Bad:
            def __reduce__(self) -> Any:
                return _explode, ("unpickled",)

        @ray.remote
        def take(value: Any) -> Any:
            return value

        with pytest.raises(ValueError, match="unpickled"):
            ray.get(take.remote(Bad()))

    def test_results_that_do_not_unpickle(self) -> None:
        @ray.remote
        def make() -> Any:
            class Bad:
                def __reduce__(self) -> Any:
                    return _explode, ("result",)

            return Bad()

        with pytest.raises(ValueError, match="result"):
            ray.get(make.remote())


class TestWhileWaiting:
    def test_get_raises_the_first_of_a_list_as_it_comes(self) -> None:
        refs = [fail.remote(KeyError(i)) for i in range(5)]
        with pytest.raises(KeyError):
            ray.get(refs)

    def test_nobody_is_told_of_what_nobody_asked(self, capfd: Any) -> None:
        ray.wait([fail.remote(ValueError("quiet"))])
        assert "quiet" not in capfd.readouterr().out

    def test_a_raise_of_the_same_error_again(self) -> None:
        ref = fail.remote(Odd(1, why="twice"))
        for _ in range(2):
            with pytest.raises(Odd):
                ray.get(ref)


def _explode(text: str) -> None:
    raise ValueError(text)
