"""Ray's names, Ray's ancestry, and every text that an error can show."""

from __future__ import annotations

import builtins
import copy
import pickle
from typing import Any

import pytest

from heliostat import exceptions
from heliostat.exceptions import RayError, RayTaskError

#: Each name with its parents, as Ray has them.
PARENTS = {
    "ActorAlreadyExistsError": {"RayError", "ValueError"},
    "ActorDiedError": {"RayActorError"},
    "ActorHandleNotFoundError": {"RayError", "ValueError"},
    "ActorPlacementGroupRemoved": {"RayError"},
    "ActorUnavailableError": {"RayActorError"},
    "ActorUnschedulableError": {"RayError"},
    "AsyncioActorExit": {"RayError"},
    "AuthenticationError": {"RayError"},
    "CrossLanguageError": {"RayError"},
    "GetTimeoutError": {"RayError", "TimeoutError"},
    "LocalRayletDiedError": {"RayError"},
    "NodeDiedError": {"RayError"},
    "ObjectFetchTimedOutError": {"ObjectLostError"},
    "ObjectFreedError": {"ObjectLostError"},
    "ObjectLostError": {"RayError"},
    "ObjectReconstructionFailedError": {"ObjectLostError"},
    "ObjectRefStreamEndOfStreamError": {"RayError"},
    "ObjectStoreFullError": {"RayError"},
    "OufOfBandObjectRefSerializationException": {"RayError"},
    "OutOfDiskError": {"RayError"},
    "OutOfMemoryError": {"RayError"},
    "OwnerDiedError": {"ObjectLostError"},
    "PendingCallsLimitExceeded": {"RayError"},
    "PlasmaObjectNotAvailable": {"RayError"},
    "RayActorError": {"RayError"},
    "RayCgraphCapacityExceeded": {"RaySystemError"},
    "RayChannelError": {"RaySystemError"},
    "RayChannelTimeoutError": {"RayChannelError", "TimeoutError"},
    "RayDirectTransportError": {"RaySystemError"},
    "RayError": {"Exception"},
    "RaySystemError": {"RayError"},
    "RayTaskError": {"RayError"},
    "ReferenceCountingAssertionError": {"AssertionError", "ObjectLostError"},
    "RpcError": {"RayError"},
    "RuntimeEnvSetupError": {"RayError"},
    "StreamingGeneratorReplayInconsistentError": {"RaySystemError"},
    "TaskCancelledError": {"RayError"},
    "TaskPlacementGroupRemoved": {"RayError"},
    "TaskUnschedulableError": {"RayError"},
    "UnserializableException": {"RayError"},
    "UserCodeException": {"RayError"},
    "WorkerCrashedError": {"RayError"},
}

#: An error of each class, made as Ray's users or ours make it, and its text.
TEXTS: list[tuple[BaseException, str]] = [
    (RayError("any"), "any"),
    (
        exceptions.ActorAlreadyExistsError("The name 'a' is taken."),
        "The name 'a' is taken.",
    ),
    (exceptions.ActorHandleNotFoundError("No such actor."), "No such actor."),
    (
        exceptions.ActorPlacementGroupRemoved(),
        "The placement group of this actor has been removed.",
    ),
    (
        exceptions.TaskPlacementGroupRemoved(),
        "The placement group of this task has been removed.",
    ),
    (
        exceptions.ActorUnschedulableError("it needs 9 GPU"),
        "The actor is not schedulable: it needs 9 GPU",
    ),
    (
        exceptions.TaskUnschedulableError("it needs 9 GPU"),
        "The task is not schedulable: it needs 9 GPU",
    ),
    (exceptions.AsyncioActorExit(), ""),
    (exceptions.AuthenticationError("wrong token"), "wrong token"),
    (exceptions.CrossLanguageError("from Java"), "from Java"),
    (exceptions.GetTimeoutError("2 of 3 are ready"), "2 of 3 are ready"),
    (
        exceptions.TaskTimeoutError("f", 1.5),
        (
            "f ran longer than its timeout of 1.5 s and was ended. Give it more time by "
            "options(timeout=...), or find out what it waits for."
        ),
    ),
    (
        exceptions.LocalRayletDiedError(),
        "The head of this session has died. Call shutdown() and init() to start anew.",
    ),
    (exceptions.NodeDiedError("gone"), "gone"),
    (
        exceptions.ObjectFetchTimedOutError("ab"),
        "Object ab can't be had. Nobody sent it in time.",
    ),
    (
        exceptions.ObjectFreedError("ab"),
        "Object ab can't be had. The program freed it. Free an object only after its last use.",
    ),
    (
        exceptions.ObjectLostError("ab", None, "f.py:3"),
        (
            "Object ab (made at f.py:3) can't be had. All copies of it are lost, and what made it "
            "can't be run again."
        ),
    ),
    (
        exceptions.ObjectReconstructionFailedError("ab", "RETRIES", "it was tried 3 times"),
        (
            "Object ab can't be had. All copies of it are lost, and making it again failed: it was "
            "tried 3 times"
        ),
    ),
    (
        exceptions.OwnerDiedError("ab"),
        (
            "Object ab can't be had. The process that made it, by put() or by "
            "calling .remote(), has "
            "ended, and an object ends with its owner. Keep that process alive, or put() the value "
            "in one that lives on."
        ),
    ),
    (
        exceptions.ReferenceCountingAssertionError("ab"),
        (
            "Object ab can't be had. It was deleted while this reference was alive, a bug of "
            "heliostat: please report it."
        ),
    ),
    (exceptions.ObjectRefStreamEndOfStreamError("over"), "over"),
    (
        exceptions.ObjectStoreFullError("put() of 3 GB"),
        (
            "put() of 3 GB\nThe object store is full of objects in use. Drop refs and views you no "
            "longer need, or give init() more object_store_memory."
        ),
    ),
    (
        exceptions.OutOfDiskError(),
        (
            "The object store is full, and so is the disk for what doesn't fit. "
            "Make room on it, or "
            "drop refs you no longer need."
        ),
    ),
    (exceptions.OufOfBandObjectRefSerializationException("no"), "no"),
    (exceptions.OutOfMemoryError("killed"), "killed"),
    (exceptions.PendingCallsLimitExceeded("4 wait"), "4 wait"),
    (exceptions.PlasmaObjectNotAvailable("late"), "late"),
    (
        exceptions.RayActorError(),
        "The actor experienced an error before finishing this task.",
    ),
    (exceptions.RaySystemError("odd", "line 3"), "System error: odd\ntraceback: line 3"),
    (exceptions.RayChannelError("odd"), "System error: odd"),
    (exceptions.RayChannelTimeoutError("late"), "System error: late"),
    (exceptions.RayCgraphCapacityExceeded("full"), "System error: full"),
    (exceptions.RayDirectTransportError("odd"), "System error: odd"),
    (exceptions.StreamingGeneratorReplayInconsistentError("3, 4"), "System error: 3, 4"),
    (exceptions.RpcError("cut off", 14), "cut off"),
    (
        exceptions.RuntimeEnvSetupError("No pip."),
        "Failed to set up the runtime environment. No pip.",
    ),
    (exceptions.TaskCancelledError(), "The task was cancelled."),
    (exceptions.TaskCancelledError("ab", "By cancel()."), "Task ab was cancelled. By cancel()."),
    (
        exceptions.UnserializableException("ValueError: x"),
        "A task failed, and its exception can't be unpickled here. It was:\nValueError: x",
    ),
    (exceptions.UserCodeException("x"), "x"),
    (
        exceptions.EngineCapabilityError("dask", "placement groups", ("local", "ray")),
        "The engine 'dask' has no placement groups. Engines that have it: local, ray.",
    ),
    (
        exceptions.EngineCapabilityError("dask", "telepathy"),
        "The engine 'dask' has no telepathy. Engines that have it: none.",
    ),
]


def _kind(pair: Any) -> str:
    return type(pair).__name__ if isinstance(pair, BaseException) else ""


@pytest.mark.parametrize("name", PARENTS)
def test_each_of_rays_errors_has_rays_parents(name: str) -> None:
    kind = getattr(exceptions, name)
    for parent in PARENTS[name]:
        assert issubclass(kind, getattr(exceptions, parent, None) or getattr(builtins, parent))


def test_the_list_of_rays_errors_is_whole() -> None:
    assert {kind.__name__ for kind in exceptions.RAY_EXCEPTION_TYPES} == set(PARENTS)


def test_ours_is_also_what_python_raises_for_it() -> None:
    assert issubclass(exceptions.EngineCapabilityError, NotImplementedError)


@pytest.mark.parametrize("name", [*PARENTS, "EngineCapabilityError", "TaskTimeoutError"])
def test_an_error_is_known_by_the_package(name: str) -> None:
    assert getattr(exceptions, name).__module__ == "heliostat.exceptions"
    assert name in (exceptions.__doc__ or "")


@pytest.mark.parametrize(("error", "text"), TEXTS, ids=_kind)
def test_the_text_of_an_error(error: BaseException, text: str) -> None:
    assert str(error) == text


def test_every_error_has_its_text_pinned() -> None:
    elsewhere = {"RayTaskError", "ActorDiedError", "ActorUnavailableError", "WorkerCrashedError"}
    assert {type(error).__name__ for error, _ in TEXTS} | elsewhere == {
        *PARENTS,
        "EngineCapabilityError",
        "TaskTimeoutError",
    }


@pytest.mark.parametrize(("error", "text"), TEXTS, ids=_kind)
def test_an_error_pickles_and_copies_whole(error: BaseException, text: str) -> None:
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is type(error)
        assert str(twin) == text
        assert twin.args == error.args
        assert vars(twin) == vars(error)


@pytest.mark.parametrize("name", sorted({*PARENTS} - {"RayTaskError"}))
def test_an_error_can_be_made_of_nothing(name: str) -> None:
    assert isinstance(str(getattr(exceptions, name)()), str)


def test_the_task_of_an_error_is_required() -> None:
    with pytest.raises(TypeError, match="function_name"):
        RayTaskError()  # type: ignore[call-arg]


def test_bytes_and_back() -> None:
    error = RayError.from_bytes(exceptions.GetTimeoutError("late").to_bytes())
    assert type(error) is exceptions.GetTimeoutError
    assert str(error) == "late"


def test_bytes_of_something_else_are_refused() -> None:
    with pytest.raises(TypeError, match="expected the bytes of a RayError, got a int"):
        RayError.from_bytes(pickle.dumps(3))
