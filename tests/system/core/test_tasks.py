"""Remote functions: every way of making one, its options, its arguments and its results."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
from typing import Any

import pytest

import heliostat as ray
from tests.system.core.gates import Gate

pytestmark = [
    pytest.mark.usefixtures("session"),
    pytest.mark.leaks_checked_per("module", "its tests share a session"),
]


@ray.remote
def echo(*args: Any, **kwargs: Any) -> Any:
    return args, kwargs


@ray.remote
def add(a: int, b: int = 10) -> int:
    return a + b


@ray.remote
def pid() -> int:
    return os.getpid()


class TestDecoration:
    def test_bare(self) -> None:
        assert ray.get(add.remote(1, 2)) == 3

    def test_with_options(self) -> None:
        @ray.remote(num_returns=2, num_cpus=0.5)
        def pair() -> tuple[int, int]:
            return 1, 2

        first, second = pair.remote()
        assert ray.get([first, second]) == [1, 2]

    def test_called_on_a_function(self) -> None:
        def plain(x: int) -> int:
            return x * 2

        assert ray.get(ray.remote(plain).remote(4)) == 8
        assert ray.get(ray.remote(num_cpus=1)(plain).remote(4)) == 8

    def test_of_a_lambda(self) -> None:
        assert ray.get(ray.remote(lambda x: x + 1).remote(1)) == 2

    def test_of_what_is_no_python_function_is_refused(self) -> None:
        for target in (len, functools.partial(len), 7):
            with pytest.raises(TypeError, match="function or a class"):
                ray.remote(num_cpus=1)(target)  # type: ignore[call-overload]

    def test_of_a_function_of_a_module(self) -> None:
        assert ray.get(ray.remote(os.path.basename).remote("/a/b")) == "b"

    def test_of_a_closure(self) -> None:
        captured = {"factor": 3}

        @ray.remote
        def times(x: int) -> int:
            return x * captured["factor"]

        assert ray.get(times.remote(2)) == 6

    def test_a_closure_is_pickled_once(self) -> None:
        captured = [1]

        @ray.remote
        def look() -> list[int]:
            return captured

        assert ray.get(look.remote()) == [1]
        captured.append(2)
        assert ray.get(look.remote()) == [1]

    def test_decorated_again_runs_the_new_body(self) -> None:
        results = []
        for text in ("first", "second"):
            scope: dict[str, Any] = {"ray": ray}
            exec(f"def f(): return {text!r}", scope)
            results.append(ray.get(ray.remote(scope["f"]).remote()))
        assert results == ["first", "second"]

    def test_of_a_recursive_function(self) -> None:
        @ray.remote
        def factorial(n: int) -> int:
            return 1 if n < 2 else n * ray.get(factorial.remote(n - 1))

        assert ray.get(factorial.remote(5)) == 120

    def test_of_a_coroutine_function_is_refused(self) -> None:
        async def work() -> None: ...

        with pytest.raises(ValueError, match="async def"):
            ray.remote(work)

    def test_a_call_without_remote_is_refused(self) -> None:
        with pytest.raises(TypeError, match=r"\.remote\(\)"):
            add(1, 2)  # type: ignore[operator]

    def test_state_of_a_module_of_the_test_is_of_the_worker(self) -> None:
        assert ray.get(pid.remote()) != os.getpid()


class TestOptions:
    def test_name(self) -> None:
        @ray.remote
        def name() -> Any:
            return ray.get_runtime_context().get_task_name()

        assert ray.get(name.options(name="mine").remote()) == "mine"

    def test_the_names_of_a_function(self) -> None:
        @ray.remote
        def names() -> Any:
            context = ray.get_runtime_context()
            return context.get_task_name(), context.get_task_function_name()

        own = "TestOptions.test_the_names_of_a_function.<locals>.names"
        assert ray.get(names.remote()) == (own, f"{__name__}.{own}")
        assert ray.get(names.options(name="x").remote()) == ("x", f"{__name__}.{own}")

    def test_options_leave_the_function_as_it_was(self) -> None:
        @ray.remote
        def pair() -> tuple[int, int]:
            return 1, 2

        several = pair.options(num_returns=2)
        assert ray.get(several.remote()) == [1, 2]
        assert ray.get(pair.remote()) == (1, 2)

    def test_options_add_up(self) -> None:
        @ray.remote(num_returns=2)
        def pair() -> tuple[int, Any]:
            return 1, ray.get_runtime_context().get_task_name()

        assert ray.get(pair.options(name="x").options(num_cpus=0.5).remote()) == [1, "x"]

    @pytest.mark.parametrize("count", [1, 2, 3, 7])
    def test_num_returns(self, count: int) -> None:
        @ray.remote
        def several(count: int) -> Any:
            return list(range(count)) if count > 1 else 0

        refs = several.options(num_returns=count).remote(count)
        assert ray.get(refs) == (list(range(count)) if count > 1 else 0)

    def test_num_returns_of_none(self, gate: Gate) -> None:
        @ray.remote(num_returns=0)
        def work(gate: Gate) -> None:
            gate.pass_through()

        assert work.remote(gate) is None
        gate.await_arrivals()
        gate.let_through()

    def test_num_returns_of_none_ignores_what_is_returned(self) -> None:
        @ray.remote(num_returns=0)
        def work() -> int:
            return 1

        assert work.remote() is None
        assert ray.get(pid.remote()) > 0

    def test_num_returns_that_does_not_match(self) -> None:
        @ray.remote(num_returns=3)
        def two() -> tuple[int, int]:
            return 1, 2

        for ref in two.remote():
            with pytest.raises(ValueError, match="2 objects"):
                ray.get(ref)

    def test_several_results_of_which_one_is_large(self) -> None:
        @ray.remote(num_returns=2)
        def work() -> tuple[bytes, int]:
            return b"x" * 1_000_000, 1

        large, small = work.remote()
        assert ray.get(small) == 1
        del small
        assert len(ray.get(large)) == 1_000_000

    def test_several_results_when_the_task_raises(self) -> None:
        @ray.remote(num_returns=2)
        def work() -> tuple[int, int]:
            raise KeyError("both")

        for ref in work.remote():
            with pytest.raises(KeyError):
                ray.get(ref)

    def test_runtime_env(self) -> None:
        @ray.remote(runtime_env={"env_vars": {"COLOUR": "red"}})
        def colour() -> Any:
            return os.environ.get("COLOUR")

        @ray.remote
        def plain() -> Any:
            return os.environ.get("COLOUR")

        assert ray.get(colour.remote()) == "red"
        assert ray.get(plain.remote()) is None
        assert ray.get(plain.options(runtime_env={"env_vars": {"COLOUR": "b"}}).remote()) == "b"

    def test_runtime_env_is_inherited(self) -> None:
        @ray.remote
        def inner() -> Any:
            return os.environ.get("COLOUR"), os.environ.get("SHAPE")

        @ray.remote
        def outer() -> Any:
            same = inner.options(runtime_env={"env_vars": {"SHAPE": "round"}})
            return ray.get([inner.remote(), same.remote()])

        found = outer.options(runtime_env={"env_vars": {"COLOUR": "red"}}).remote()
        assert ray.get(found) == [("red", None), ("red", "round")]

    def test_what_is_not_in_this_release_says_so(self) -> None:
        with pytest.raises(NotImplementedError, match="scheduling_strategy"):
            add.options(scheduling_strategy="SPREAD")

    def test_an_unknown_option(self) -> None:
        with pytest.raises(ValueError, match="colour"):
            add.options(colour="red")


class TestArguments:
    def test_positional_and_by_name(self) -> None:
        found = ray.get(echo.remote(1, "b", None, key=[1], other={"a": 2}))
        assert found == ((1, "b", None), {"key": [1], "other": {"a": 2}})

    def test_defaults(self) -> None:
        assert ray.get(add.remote(1)) == 11
        assert ray.get(add.remote(a=1, b=2)) == 3

    def test_that_do_not_fit(self) -> None:
        with pytest.raises(TypeError, match="missing"):
            add.remote()
        with pytest.raises(TypeError, match="too many"):
            add.remote(1, 2, 3)
        with pytest.raises(TypeError, match="unexpected"):
            add.remote(1, c=3)

    @pytest.mark.parametrize(
        "value",
        [
            0,
            -1,
            2**200,
            1.5,
            float("inf"),
            2j,
            True,
            None,
            "",
            "text",
            "ü" * 5000,
            b"",
            b"\0" * 5000,
            (),
            (1, (2, 3)),
            [],
            {"k": {"n": [1]}},
            {1, 2},
            frozenset({1}),
            range(3),
            slice(1, 2),
            Ellipsis,
            NotImplemented,
            int,
            ValueError,
            print,
            "x" * 200_000,
            bytearray(b"12"),
        ],
        ids=lambda value: repr(value)[:20],
    )
    def test_every_kind_comes_back_the_same(self, value: Any) -> None:
        found = ray.get(echo.remote(value, key=value))
        assert found == ((value,), {"key": value})
        assert type(found[0][0]) is type(value)

    def test_are_copied_when_submitted(self, gate: Gate) -> None:
        @ray.remote
        def late(gate: Gate, value: list[int]) -> list[int]:
            gate.pass_through()
            return value

        value = [1]
        ref = late.remote(gate, value)
        value.append(2)
        gate.let_through()
        assert ray.get(ref) == [1]

    def test_one_object_twice_is_one_object(self) -> None:
        @ray.remote
        def same(a: list[int], b: list[int]) -> bool:
            return a is b

        value = [1]
        assert ray.get(same.remote(value, value))

    def test_a_class_of_the_function(self) -> None:
        class Point:
            def __init__(self, x: int) -> None:
                self.x = x

        @ray.remote
        def shifted(point: Point) -> Point:
            return Point(point.x + 1)

        found = ray.get(shifted.remote(Point(1)))
        assert isinstance(found, Point)
        assert found.x == 2

    def test_that_can_not_be_pickled(self) -> None:
        with pytest.raises(TypeError, match="serialize .*lock"):
            echo.remote([1, {"a": threading.Lock()}])
        assert ray.get(add.remote(1, 1)) == 2

    def test_large(self) -> None:
        numpy = pytest.importorskip("numpy")
        array = numpy.arange(1_000_000)

        @ray.remote
        def total(array: Any) -> Any:
            return int(array.sum()), array.flags.writeable

        assert ray.get(total.remote(array)) == (int(array.sum()), False)

    def test_small_arrays_are_read_only_too(self) -> None:
        numpy = pytest.importorskip("numpy")

        @ray.remote
        def writeable(array: Any) -> Any:
            return array.flags.writeable

        assert not ray.get(writeable.remote(numpy.arange(1000)))
        assert not ray.get(ray.put(numpy.arange(1000))).flags.writeable

    def test_remote_functions(self) -> None:
        @ray.remote
        def call(function: Any, value: int) -> Any:
            return ray.get(function.remote(value))

        assert ray.get(call.remote(add, 1)) == 11
        assert ray.get(call.remote(add.options(name="x"), 2)) == 12


class TestResults:
    def test_that_can_not_be_pickled(self) -> None:
        @ray.remote
        def lock() -> Any:
            import threading

            return threading.Lock()

        with pytest.raises(TypeError, match="serialize"):
            ray.get(lock.remote())
        assert ray.get(add.remote(1, 1)) == 2

    def test_of_a_class_the_driver_can_not_import(self) -> None:
        @ray.remote
        def make() -> Any:
            class Local:
                x = 5

            return Local()

        assert ray.get(make.remote()).x == 5

    def test_twice_got_are_two_objects(self) -> None:
        @ray.remote
        def make() -> list[int]:
            return [1]

        ref = make.remote()
        ray.get(ref).append(2)
        assert ray.get(ref) == [1]

    def test_ten_thousand(self) -> None:
        assert ray.get([add.remote(i, i) for i in range(10_000)]) == [2 * i for i in range(10_000)]

    def test_arrays_keep_their_bytes_when_the_reference_is_gone(self) -> None:
        numpy = pytest.importorskip("numpy")

        @ray.remote
        def make(i: int) -> Any:
            return numpy.full(100_000, i)

        kept = [ray.get(make.remote(i)) for i in range(20)]
        assert [int(array[-1]) for array in kept] == list(range(20))
        assert all((array == i).all() for i, array in enumerate(kept))


class TestNesting:
    def test_a_task_in_a_task(self) -> None:
        @ray.remote
        def outer(n: int) -> int:
            return sum(ray.get([add.remote(i, 0) for i in range(n)]))

        assert ray.get([outer.remote(50) for _ in range(4)]) == [1225] * 4

    def test_deep_on_two_cpus(self) -> None:
        @ray.remote
        def down(n: int) -> int:
            return 0 if n == 0 else 1 + ray.get(down.remote(n - 1))

        assert ray.get(down.remote(12)) == 12

    def test_wide_and_deep(self) -> None:
        @ray.remote
        def tree(depth: int) -> int:
            if depth == 0:
                return 1
            return sum(ray.get([tree.remote(depth - 1) for _ in range(3)]))

        assert ray.get(tree.remote(3)) == 27

    def test_wait_in_a_task(self) -> None:
        @ray.remote
        def outer() -> int:
            rest = [add.remote(i, 0) for i in range(10)]
            total = 0
            while rest:
                ready, rest = ray.wait(rest)
                total += ray.get(ready[0])
            return total

        assert ray.get([outer.remote() for _ in range(3)]) == [45] * 3

    def test_a_reference_returned_unready(self, gate: Gate) -> None:
        @ray.remote
        def inner(gate: Gate) -> str:
            gate.pass_through()
            return "done"

        @ray.remote
        def outer(gate: Gate) -> Any:
            return [inner.remote(gate)]

        [ref] = ray.get(outer.remote(gate))
        assert ray.wait([ref], timeout=0) == ([], [ref])
        gate.let_through()
        assert ray.get(ref) == "done"


class TestDefinedInMain:
    """Programs of their own: what is defined in ``__main__`` needs no guard."""

    def run(self, tmp_path: Any, text: str) -> str:
        program = tmp_path / "program.py"
        program.write_text("import heliostat as ray\n" + text)
        done = subprocess.run(
            [sys.executable, str(program)], capture_output=True, text=True, check=False, timeout=50
        )
        assert done.returncode == 0, done.stderr
        assert not done.stderr, done.stderr
        return done.stdout

    def test_functions_classes_and_exceptions(self, tmp_path: Any) -> None:
        out = self.run(
            tmp_path,
            """
ray.init(address="local", num_cpus=2, log_to_driver=False)
FACTOR = 3
def helper(x): return x * FACTOR
class Point:
    def __init__(self, x): self.x = x
    def __eq__(self, other): return isinstance(other, Point) and self.x == other.x
class Odd(Exception):
    def __init__(self, n, why): super().__init__(f"{n} is odd"); self.n = n; self.why = why
@ray.remote
def work(point): return Point(helper(point.x))
@ray.remote
def check(n):
    if n % 2: raise Odd(n, "because")
    return n
@ray.remote
class Keeper:
    def __init__(self, point): self.point = point
    def get(self): return self.point
assert ray.get(work.remote(Point(2))) == Point(6)
assert ray.get(Keeper.remote(Point(1)).get.remote()) == Point(1)
try:
    ray.get(check.remote(1))
except Odd as error:
    assert isinstance(error, ray.exceptions.RayTaskError)
    assert (error.n, error.why) == (1, "because"), error
    print("odd", error.n)
""",
        )
        assert out == "odd 1\n"

    def test_implicit_init(self, tmp_path: Any) -> None:
        out = self.run(
            tmp_path,
            """
assert not ray.is_initialized()
@ray.remote
def f(): return ray.is_initialized()
print(ray.get(f.remote()), ray.is_initialized())
""",
        )
        assert out == "True True\n"

    def test_from_standard_input(self) -> None:
        text = "import heliostat as ray\nf = ray.remote(lambda: 7)\nprint(ray.get(f.remote()))"
        done = subprocess.run(
            [sys.executable, "-"], input=text, capture_output=True, text=True, check=False
        )
        assert (done.stdout, done.stderr) == ("7\n", "")
