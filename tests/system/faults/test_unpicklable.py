"""What can't travel: the error says what it was and where, and nothing else suffers."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import heliostat as ray


@ray.remote
def echo(value: Any) -> Any:
    return value


@ray.remote
class Echo:
    def __init__(self, value: Any = None) -> None:
        self.value = value

    def echo(self, value: Any) -> Any:
        return value

    def lock(self) -> Any:
        return threading.Lock()


class Poisoned(Exception):
    """Can be pickled, but not loaded."""

    def __init__(self, text: str, more: int) -> None:
        super().__init__(text)
        self.more = more


class Held(Exception):
    """Holds what can't be pickled."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.lock = threading.Lock()


class Trap:
    """Raises when it is unpickled."""

    def __reduce__(self) -> Any:
        return _spring, ()


def _spring() -> None:
    raise OSError("the trap sprang")


class Bomb:
    """Raises what it is given when it is pickled."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __reduce__(self) -> Any:
        raise self.error


@pytest.fixture(autouse=True)
def still_works(session: Any) -> Any:
    """After each of these tests the session does what it should."""
    yield
    actor = Echo.remote()
    assert ray.get([echo.remote([i]) for i in range(20)], timeout=10) == [[i] for i in range(20)]
    assert ray.get(actor.echo.remote("x"), timeout=10) == "x"


@pytest.mark.parametrize("where", ["task", "task keyword", "actor", "call", "put", "nested"])
def test_an_argument(where: str) -> None:
    lock = threading.Lock()
    actor = Echo.remote()
    uses: dict[str, Any] = {
        "task": lambda: echo.remote(lock),
        "task keyword": lambda: echo.remote(value=lock),
        "actor": lambda: Echo.remote(lock),
        "call": lambda: actor.echo.remote(lock),
        "put": lambda: ray.put(lock),
        "nested": lambda: echo.remote({"a": [1, (lock,)]}),
    }
    with pytest.raises(TypeError, match="lock"):
        uses[where]()


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(3)])
def test_an_argument_whose_pickling_raises(error: BaseException) -> None:
    with pytest.raises((type(error), TypeError)):
        echo.remote(Bomb(error))


def test_a_result() -> None:
    @ray.remote
    def lock() -> Any:
        return threading.Lock()

    actor = Echo.remote()
    for ref in (lock.remote(), actor.lock.remote(), lock.options(num_returns=1).remote()):
        with pytest.raises(TypeError, match="lock"):
            ray.get(ref, timeout=10)


def test_one_of_several_results() -> None:
    @ray.remote(num_returns=2)
    def pair() -> Any:
        return 1, threading.Lock()

    first, second = pair.remote()
    with pytest.raises(TypeError, match="lock"):
        ray.get(second, timeout=10)
    with pytest.raises(TypeError):
        ray.get(first, timeout=10)


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_a_result_whose_pickling_raises(error: BaseException) -> None:
    @ray.remote(max_retries=0)
    def bomb() -> Any:
        return Bomb(error)

    with pytest.raises(ray.exceptions.RayError):
        ray.get(bomb.remote(), timeout=10)


@pytest.mark.parametrize("kind", [Held, Poisoned])
def test_an_exception(kind: Any) -> None:
    @ray.remote
    def fail() -> None:
        raise kind("the reason", 1) if kind is Poisoned else kind("the reason")

    @ray.remote
    class Actor:
        def fail(self) -> None:
            raise kind("the reason", 1) if kind is Poisoned else kind("the reason")

    for ref in (fail.remote(), Actor.remote().fail.remote()):
        with pytest.raises(ray.exceptions.RayTaskError, match="the reason") as caught:
            ray.get(ref, timeout=10)
        assert kind.__name__ in str(caught.value)


def test_an_exception_with_a_broken_str() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError("even this fails")

    @ray.remote
    def fail() -> None:
        raise Broken

    with pytest.raises(ray.exceptions.RayTaskError):
        ray.get(fail.remote(), timeout=10)


def test_what_can_be_pickled_but_not_loaded() -> None:
    with pytest.raises(OSError, match="the trap sprang"):
        ray.get(echo.remote(Trap()), timeout=10)
    with pytest.raises(OSError, match="the trap sprang"):
        ray.get(Echo.remote().echo.remote(Trap()), timeout=10)
    with pytest.raises(OSError, match="the trap sprang"):
        ray.get(ray.put(Trap()))


def test_a_result_that_can_not_be_loaded() -> None:
    @ray.remote
    def trap() -> Any:
        return Trap()

    with pytest.raises(OSError, match="the trap sprang"):
        ray.get(trap.remote(), timeout=10)


def test_a_constructor_argument_that_can_not_be_loaded() -> None:
    actor = Echo.remote(Trap())
    with pytest.raises(ray.exceptions.ActorDiedError, match="the trap sprang"):
        ray.get(actor.echo.remote(1), timeout=10)


def test_a_function_that_can_not_travel() -> None:
    lock = threading.Lock()

    @ray.remote
    def use() -> Any:
        return lock

    with pytest.raises(TypeError, match="lock"):
        use.remote()


def test_an_argument_too_deep_to_pickle() -> None:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(RecursionError):
        echo.remote(value)
