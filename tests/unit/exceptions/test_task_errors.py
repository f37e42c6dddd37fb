"""``get`` raises what the task raised: as its own class, and as ``RayTaskError``."""

from __future__ import annotations

import builtins
import copy
import dataclasses
import errno
import os
import pickle
import subprocess
import sys
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

import cloudpickle
import pytest

from heliostat.exceptions import RayError, RayTaskError, WorkerCrashedError
from heliostat.exceptions._carry import fields, rebuild

if TYPE_CHECKING:
    from typing_extensions import Self

TRACE = "Traceback (most recent call last):\n  File ...\nError: why"


class NeedsArguments(Exception):
    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"{host}:{port}")
        self.host, self.port = host, port

    def address(self) -> tuple[str, int]:
        return self.host, self.port


class NeedsToBeNew(Exception):
    def __new__(cls, first: int, *, second: int) -> Self:
        return super().__new__(cls, first, second)

    def __init__(self, first: int, *, second: int) -> None:
        self.sum = first + second


class Slotted(Exception):
    __slots__ = ("code", "empty")

    def __init__(self, code: int | None) -> None:
        self.code = code


class SlottedTwice(Slotted):
    __slots__ = ("more",)

    def __init__(self) -> None:
        super().__init__(None)
        self.more = 2


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    code: int


class Curious(Exception):
    def __getattr__(self, name: str) -> str:
        return f"no {name}"


class Strict(Exception):
    def __getattribute__(self, name: str) -> Any:
        if name in ("__dict__", "args"):
            raise RuntimeError(name)
        return super().__getattribute__(name)


class OwnArgs(Exception):
    @property
    def args(self) -> Any:  # type: ignore[override]
        return "none of your business"


class Speechless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Falsy(KeyError):
    def __bool__(self) -> bool:
        return False


class OwnReduce(Exception):
    def __init__(self, *, code: int) -> None:
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return _own_reduce, (self.code + 1,)


def _own_reduce(code: int) -> OwnReduce:
    return OwnReduce(code=code)


class OwnState(Exception):
    def __init__(self, *args: object) -> None:
        self.kept = 1

    def __setstate__(self, state: Any) -> None:
        self.restored = state


class BreaksWhenLoaded(Exception):
    def __reduce__(self) -> tuple[Any, ...]:
        return BreaksWhenLoaded, (1, 2), {"unset": 3}

    def __init__(self, one: int) -> None:
        super().__init__(one)


class BreaksWhenDumped(Exception):
    def __reduce__(self) -> NoReturn:
        raise RuntimeError("not me")


class ReducesToAName(Exception):
    def __reduce__(self) -> str:
        return "ReducesToAName"


class Final(Exception):
    def __init_subclass__(cls, **keywords: object) -> None:
        raise RuntimeError("final")


class Mixed(ValueError, OSError):
    pass


class Named(Exception):
    """Has what a RayTaskError has."""

    def __init__(self) -> None:
        super().__init__("mine")
        self.pid = "a pid of mine"
        self.function_name = "a name of mine"


def fail(cause: BaseException | str | None, **facts: Any) -> RayTaskError:
    return RayTaskError("f", TRACE, cause, pid=7, **facts)


def travelled(cause: BaseException) -> RayTaskError:
    """What another process would raise."""
    error: RayTaskError = pickle.loads(pickle.dumps(fail(cause)))
    return error.as_instanceof_cause()


CAUSES = [
    ValueError("why"),
    KeyError("k"),
    OSError(errno.ENOENT, "gone", "a/file"),
    OSError("just text"),
    PermissionError(errno.EACCES, "no", "from", None, "to"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad byte"),
    SyntaxError("bad", ("f.py", 3, 4, "x = ")),
    ImportError("no", name="m", path="/m"),
    StopIteration(5),
    StopAsyncIteration(),
    AttributeError("no", name="x", obj=os),
    NeedsArguments("h", 80),
    NeedsToBeNew(1, second=2),
    Slotted(4),
    SlottedTwice(),
    Frozen(3),
    Curious("c"),
    OwnArgs("secret"),
    Falsy("k"),
    OwnState("o"),
    Mixed(errno.EPERM, "no"),
    Named(),
]


@pytest.mark.parametrize("cause", CAUSES, ids=repr)
def test_it_is_both_here_and_after_a_journey(cause: Exception) -> None:
    for error in (fail(cause).as_instanceof_cause(), travelled(cause)):
        assert isinstance(error, RayTaskError)
        assert isinstance(error, type(cause))
        assert type(error).__name__ == f"RayTaskError({type(cause).__name__})"
        assert type(error.cause) is type(cause)
        assert str(error.cause) == str(cause)
        assert error.args == cause.args
        assert (
            str(error)
            == f"{str(cause) or type(cause).__name__}\n\nf() (pid=7, ip=127.0.0.1)\n{TRACE}"
        )


@pytest.mark.parametrize("cause", CAUSES, ids=repr)
def test_it_travels_again_and_copies(cause: Exception) -> None:
    error = travelled(cause)
    for twin in (
        pickle.loads(pickle.dumps(error)),
        cloudpickle.loads(cloudpickle.dumps(error)),
        copy.copy(error),
    ):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert twin.args == error.args


def test_the_causes_attributes_are_its_own() -> None:
    error: Any = travelled(NeedsArguments("h", 80))
    assert (error.host, error.port, error.address()) == ("h", 80, ("h", 80))
    error = travelled(NeedsToBeNew(1, second=2))
    assert error.sum == 3
    error = travelled(Slotted(4))
    assert error.code == 4
    assert not hasattr(error, "empty")
    error = travelled(SlottedTwice())
    assert (error.code, error.more) == (None, 2)
    error = travelled(Frozen(3))
    assert error.code == 3
    error = travelled(Curious())
    assert error.anything == "no anything"
    error = travelled(OwnState())
    assert error.restored == {"kept": 1}
    error = travelled(OwnReduce(code=3))
    assert error.code == 4


def test_slots_that_a_class_lost_on_its_way_become_attributes() -> None:
    _, args, slots, state = fields(SlottedTwice())
    error = rebuild(Frozen, args, slots, {**state, "code": 5})
    assert vars(error) == {"code": 5, "more": 2}


def test_the_attributes_of_builtin_exceptions_are_there() -> None:
    error: Any = travelled(OSError(errno.ENOENT, "gone", "a/file"))
    assert isinstance(error, FileNotFoundError)
    assert (error.errno, error.strerror, error.filename) == (errno.ENOENT, "gone", "a/file")
    error = travelled(PermissionError(errno.EACCES, "no", "from", None, "to"))
    assert error.filename2 == "to"
    error = travelled(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad byte"))
    assert (error.encoding, error.object, error.end, error.reason) == (
        "utf-8",
        b"\xff",
        1,
        "bad byte",
    )
    error = travelled(StopIteration(5))
    assert error.value == 5
    error = travelled(ImportError("no", name="m", path="/m"))
    assert (error.name, error.path) == ("m", "/m")
    error = travelled(SyntaxError("bad", ("f.py", 3, 4, "x = ")))
    assert (error.filename, error.lineno, error.offset, error.text) == ("f.py", 3, 4, "x = ")


def test_what_the_user_gave_wins_over_ours() -> None:
    error: Any = travelled(Named())
    assert (error.pid, error.function_name) == ("a pid of mine", "a name of mine")
    assert error.traceback_str == TRACE
    assert str(error).startswith("mine\n\nf() (pid=7")


def test_an_attribute_error_leaves_its_object_behind() -> None:
    error: Any = travelled(AttributeError("no", name="x", obj=os))
    assert error.name == "x"
    assert error.obj is None


@pytest.mark.skipif(sys.version_info < (3, 11), reason="add_note is of Python 3.11")
def test_notes_travel() -> None:
    cause: Any = ValueError("why")
    cause.add_note("look closer")
    assert getattr(travelled(cause), "__notes__") == ["look closer"]  # noqa: B009


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups are of Python 3.11")
class TestGroups:
    def test_a_group_is_a_group(self) -> None:
        group: Any = builtins.ExceptionGroup("several", [NeedsArguments("h", 80), KeyError("k")])
        error: Any = travelled(group)
        assert {RayTaskError, builtins.ExceptionGroup} <= set(type(error).__mro__)
        assert error.message == "several"
        assert [type(one) for one in error.exceptions] == [NeedsArguments, KeyError]
        assert error.exceptions[0].port == 80
        matched, rest = error.split(KeyError)
        assert [len(part.exceptions) for part in (matched, rest) if part] == [1, 1]
        assert str(error).startswith("several (2 sub-exceptions)\n\nf()")

    def test_a_group_with_a_constructor_of_its_own(self) -> None:
        error: Any = travelled(_own_group())
        assert type(error.cause).__name__ == "OwnGroup"
        assert error.message == "mine"
        assert [type(one) for one in error.exceptions] == [ValueError]

    def test_a_group_that_steers_the_process_stays_inside(self) -> None:
        error = travelled(builtins.BaseExceptionGroup("several", [KeyboardInterrupt()]))
        assert type(error) is RayTaskError
        assert isinstance(error.cause, builtins.BaseExceptionGroup)


if sys.version_info >= (3, 11):

    class OwnGroup(builtins.ExceptionGroup[Exception]):
        def __new__(cls, errors: list[Exception]) -> Self:
            return super().__new__(cls, "mine", errors)

    def _own_group() -> OwnGroup:
        return OwnGroup([ValueError()])


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_steers_a_process_is_raised_as_task_error_only(kind: type[BaseException]) -> None:
    error = travelled(kind(3))
    assert type(error) is RayTaskError
    assert type(error.cause) is kind
    assert error.cause.args == (3,)


def test_a_class_that_forbids_subclasses_is_raised_as_task_error_only() -> None:
    error = travelled(Final("no more"))
    assert type(error) is RayTaskError
    assert type(error.cause) is Final
    assert str(error).startswith("no more\n\nf()")
    with pytest.raises(RuntimeError, match="final"):
        error.make_dual_exception_instance()


@pytest.mark.parametrize("kind", [Exception, RayError])
def test_an_ancestor_of_ours_needs_no_class_of_its_own(kind: type[Exception]) -> None:
    assert type(travelled(kind("x"))) is RayTaskError


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        (BreaksWhenLoaded(1), "BreaksWhenLoaded: 1"),
        (BreaksWhenDumped("why"), "BreaksWhenDumped: why"),
        (ReducesToAName("why"), "ReducesToAName: why"),
    ],
)
def test_an_exception_that_cant_travel_is_known_by_its_text(cause: Exception, text: str) -> None:
    assert isinstance(fail(cause).as_instanceof_cause(), type(cause))
    error = travelled(cause)
    assert type(error) is RayTaskError
    assert error.cause == text
    assert str(error).startswith(f"{text}\n\nf()")


def test_a_cause_may_be_given_as_text() -> None:
    error = fail("ValueError('why')").as_instanceof_cause()
    assert type(error) is RayTaskError
    assert str(error) == f"ValueError('why')\n\nf() (pid=7, ip=127.0.0.1)\n{TRACE}"
    with pytest.raises(TypeError, match="by its text only"):
        error.make_dual_exception_instance()
    assert str(fail(None)) == f"f() (pid=7, ip=127.0.0.1)\n{TRACE}"


def test_an_exception_whose_str_raises() -> None:
    error = travelled(Speechless())
    assert isinstance(error, Speechless)
    assert str(error).startswith("Speechless (its __str__ raised RuntimeError)\n\nf()")


def test_an_exception_that_hides_its_attributes() -> None:
    error = travelled(Strict("why"))
    assert isinstance(error, Strict)
    assert str(error).startswith("why\n\nf()")


def test_an_actor_is_named() -> None:
    error = fail(ValueError("why"), actor_repr="Counter(3)", actor_id="ab")
    assert "f() (pid=7, ip=127.0.0.1, actor_id=ab, repr=Counter(3))\n" in str(error)


def test_the_process_is_known_by_default() -> None:
    error = RayTaskError("f", TRACE, None)
    assert (error.proctitle, error.pid, error.ip) == ("f", os.getpid(), "127.0.0.1")


def test_an_error_passed_on_by_other_tasks_is_still_the_first() -> None:
    inner = travelled(NeedsArguments("h", 80))
    outer: Any = RayTaskError("g", "outer trace", inner, pid=8)
    assert type(outer.cause) is NeedsArguments
    error: Any = pickle.loads(pickle.dumps(outer)).as_instanceof_cause()
    assert error.port == 80
    assert type(error) is type(inner)
    assert str(error) == "h:80\n\ng() (pid=8, ip=127.0.0.1)\nouter trace"


def test_a_death_met_inside_a_task_is_caught_as_such() -> None:
    error: Any = travelled(WorkerCrashedError({"pid": 3}, task="g"))
    assert isinstance(error, WorkerCrashedError)
    assert error.death == {"pid": 3}
    assert str(error).startswith("The worker running g died unexpectedly.\n")


def test_one_class_of_ours_for_each_of_the_users() -> None:
    class Local(Exception):
        pass

    first, second = (fail(Local()).as_instanceof_cause() for _ in range(2))
    assert type(first) is type(second)

    class Below(Local):
        pass

    assert isinstance(fail(Below()).as_instanceof_cause(), Below)
    assert type(fail(Local()).as_instanceof_cause()) is type(first)


def test_it_prints_as_the_users_error() -> None:
    try:
        raise travelled(NeedsArguments("h", 80))
    except NeedsArguments as error:
        last = traceback.format_exception_only(type(error), error)[0]
    assert last.startswith("heliostat.exceptions.RayTaskError(NeedsArguments): h:80\n\nf() (pid=7")


def test_nothing_is_imported_to_make_one() -> None:
    program = (
        "import sys; from heliostat.exceptions import RayTaskError\n"
        "RayTaskError('f', 't', KeyError(1)).as_instanceof_cause()\n"
        "print({'asyncio', 'dataclasses', 'inspect', 'pickle', 'signal'} & set(sys.modules))"
    )
    found = subprocess.run(
        [sys.executable, "-S", "-E", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=os.path.join(os.path.dirname(__file__), "../../../src"),
    )
    assert found.stdout == "set()\n", found.stderr
