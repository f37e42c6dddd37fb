"""Objects that can't be had, or can't be stored."""

from __future__ import annotations

from heliostat.exceptions._task import RayError


class ObjectLostError(RayError):
    """The value of an object is gone.

    Attributes:
        object_ref_hex: the object's id.
        owner_address: where its owner was, if known.
        call_site: where the ref was made, if known.
    """

    _why = "All copies of it are lost, and what made it can't be run again."

    def __init__(
        self,
        object_ref_hex: str = "",
        owner_address: bytes | None = None,
        call_site: str = "",
    ) -> None:
        super().__init__()
        self.object_ref_hex = object_ref_hex
        self.owner_address = owner_address
        self.call_site = call_site

    def __str__(self) -> str:
        site = f" (made at {self.call_site})" if self.call_site else ""
        return f"Object {self.object_ref_hex}{site} can't be had. {self._why}"


class ObjectFetchTimedOutError(ObjectLostError):
    """No process that should have the object sent it in time."""

    _why = "Nobody sent it in time."


class ReferenceCountingAssertionError(ObjectLostError, AssertionError):
    """The object was deleted while there was still a reference to it: a bug of heliostat."""

    _why = "It was deleted while this reference was alive, a bug of heliostat: please report it."


class ObjectFreedError(ObjectLostError):
    """The program freed the object itself."""

    _why = "The program freed it. Free an object only after its last use."


class OwnerDiedError(ObjectLostError):
    """The process that created the object ended, and the object with it."""

    _why = (
        "The process that made it, by put() or by calling .remote(), has ended, and an object "
        "ends with its owner. Keep that process alive, or put() the value in one that lives on."
    )


class ObjectReconstructionFailedError(ObjectLostError):
    """The object was lost and making it again failed.

    Attributes:
        reason: a word for it, or None.
        reason_message: the same in a sentence.
    """

    def __init__(
        self,
        object_ref_hex: str = "",
        reason: str | None = None,
        reason_message: str | None = None,
        owner_address: bytes | None = None,
        call_site: str = "",
    ) -> None:
        super().__init__(object_ref_hex, owner_address, call_site)
        self.reason = reason
        self.reason_message = reason_message or reason or "the reason isn't known"

    def __str__(self) -> str:
        self._why = f"All copies of it are lost, and making it again failed: {self.reason_message}"
        return super().__str__()


class ObjectStoreFullError(RayError):
    """There is no room for a new object: everything stored is in use."""

    def __str__(self) -> str:
        return _lines(
            super().__str__(),
            "The object store is full of objects in use. Drop refs and views you no longer need, "
            "or give init() more object_store_memory.",
        )


class OutOfDiskError(RayError):
    """The object store is full, and so is the disk it would spill to."""

    def __str__(self) -> str:
        return _lines(
            super().__str__(),
            "The object store is full, and so is the disk for what doesn't fit. Make room on it, "
            "or drop refs you no longer need.",
        )


def _lines(*lines: str) -> str:
    return "\n".join(filter(None, lines))


class PlasmaObjectNotAvailable(RayError):
    """An object wasn't there within the time given."""


class OufOfBandObjectRefSerializationException(RayError):
    """A ref was pickled where that isn't allowed."""


class ObjectRefStreamEndOfStreamError(RayError):
    """A streaming generator has no more refs to give."""
