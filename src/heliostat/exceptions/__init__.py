"""Every error that heliostat raises of its own, under the names Ray's documentation uses.

::

    RayError
    +-- RayTaskError                        a task or method raised; see below
    +-- TaskCancelledError
    +-- TaskTimeoutError                    (also TimeoutError; heliostat's own)
    +-- UserCodeException
    +-- WorkerCrashedError                  the process died under a task
    +-- RayActorError
    |   +-- ActorDiedError                  it will not come back
    |   +-- ActorUnavailableError           it may come back
    +-- ActorAlreadyExistsError             (also ValueError)
    +-- ActorHandleNotFoundError            (also ValueError)
    +-- PendingCallsLimitExceeded
    +-- AsyncioActorExit
    +-- GetTimeoutError                     (also TimeoutError)
    +-- ObjectLostError
    |   +-- ObjectFetchTimedOutError
    |   +-- ReferenceCountingAssertionError (also AssertionError)
    |   +-- ObjectFreedError
    |   +-- OwnerDiedError
    |   +-- ObjectReconstructionFailedError
    +-- ObjectStoreFullError
    +-- OutOfDiskError
    +-- OutOfMemoryError
    +-- PlasmaObjectNotAvailable
    +-- OufOfBandObjectRefSerializationException    (Ray's spelling)
    +-- ObjectRefStreamEndOfStreamError
    +-- TaskUnschedulableError
    +-- ActorUnschedulableError
    +-- TaskPlacementGroupRemoved
    +-- ActorPlacementGroupRemoved
    +-- RuntimeEnvSetupError
    +-- NodeDiedError
    +-- LocalRayletDiedError
    +-- AuthenticationError
    +-- RpcError
    +-- CrossLanguageError
    +-- UnserializableException
    +-- RaySystemError
    |   +-- StreamingGeneratorReplayInconsistentError
    |   +-- RayChannelError
    |   |   +-- RayChannelTimeoutError      (also TimeoutError)
    |   +-- RayCgraphCapacityExceeded
    |   +-- RayDirectTransportError
    +-- EngineCapabilityError               (also NotImplementedError; heliostat's own)

What an error knows is in its attributes; ``str()`` puts them into words. Every error pickles,
whatever the signature of its constructor.

This package is ``_task`` (``RayError``, ``RayTaskError``), ``_death``, ``_objects``, ``_calls``
and ``_system``; ``_carry`` takes exceptions to another process. It imports nothing of heliostat.

``get`` raises what a task raised as an instance of the task's exception class *and* of
``RayTaskError``: see ``RayTaskError.as_instanceof_cause``.
"""

from __future__ import annotations

from heliostat.exceptions._calls import (
    ActorAlreadyExistsError,
    ActorHandleNotFoundError,
    ActorPlacementGroupRemoved,
    ActorUnschedulableError,
    AsyncioActorExit,
    GetTimeoutError,
    PendingCallsLimitExceeded,
    RuntimeEnvSetupError,
    TaskCancelledError,
    TaskPlacementGroupRemoved,
    TaskTimeoutError,
    TaskUnschedulableError,
    UserCodeException,
)
from heliostat.exceptions._death import (
    ActorDiedError,
    ActorUnavailableError,
    RayActorError,
    WorkerCrashedError,
)
from heliostat.exceptions._objects import (
    ObjectFetchTimedOutError,
    ObjectFreedError,
    ObjectLostError,
    ObjectReconstructionFailedError,
    ObjectRefStreamEndOfStreamError,
    ObjectStoreFullError,
    OufOfBandObjectRefSerializationException,
    OutOfDiskError,
    OwnerDiedError,
    PlasmaObjectNotAvailable,
    ReferenceCountingAssertionError,
)
from heliostat.exceptions._system import (
    AuthenticationError,
    CrossLanguageError,
    EngineCapabilityError,
    LocalRayletDiedError,
    NodeDiedError,
    OutOfMemoryError,
    RayCgraphCapacityExceeded,
    RayChannelError,
    RayChannelTimeoutError,
    RayDirectTransportError,
    RaySystemError,
    RpcError,
    StreamingGeneratorReplayInconsistentError,
    UnserializableException,
)
from heliostat.exceptions._task import RayError, RayTaskError

__all__ = [
    "RAY_EXCEPTION_TYPES",
    "ActorAlreadyExistsError",
    "ActorDiedError",
    "ActorHandleNotFoundError",
    "ActorPlacementGroupRemoved",
    "ActorUnavailableError",
    "ActorUnschedulableError",
    "AsyncioActorExit",
    "AuthenticationError",
    "CrossLanguageError",
    "EngineCapabilityError",
    "GetTimeoutError",
    "LocalRayletDiedError",
    "NodeDiedError",
    "ObjectFetchTimedOutError",
    "ObjectFreedError",
    "ObjectLostError",
    "ObjectReconstructionFailedError",
    "ObjectRefStreamEndOfStreamError",
    "ObjectStoreFullError",
    "OufOfBandObjectRefSerializationException",
    "OutOfDiskError",
    "OutOfMemoryError",
    "OwnerDiedError",
    "PendingCallsLimitExceeded",
    "PlasmaObjectNotAvailable",
    "RayActorError",
    "RayCgraphCapacityExceeded",
    "RayChannelError",
    "RayChannelTimeoutError",
    "RayDirectTransportError",
    "RayError",
    "RaySystemError",
    "RayTaskError",
    "ReferenceCountingAssertionError",
    "RpcError",
    "RuntimeEnvSetupError",
    "StreamingGeneratorReplayInconsistentError",
    "TaskCancelledError",
    "TaskPlacementGroupRemoved",
    "TaskTimeoutError",
    "TaskUnschedulableError",
    "UnserializableException",
    "UserCodeException",
    "WorkerCrashedError",
]

#: Ray's list of its error classes: all of these but heliostat's own.
RAY_EXCEPTION_TYPES: list[type[RayError]] = []
for _name in __all__:
    _class = globals()[_name]
    if isinstance(_class, type):
        # They are known, shown and pickled by the name of this module.
        _class.__module__ = __name__
        if _class not in {EngineCapabilityError, TaskTimeoutError}:
            RAY_EXCEPTION_TYPES.append(_class)
