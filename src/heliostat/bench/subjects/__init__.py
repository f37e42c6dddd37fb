"""The subjects: what the bench compares, one small file each.

A subject is started with a number of workers and then does what the workloads ask of it through
:class:`Subject`. Its file imports nothing of the peer at module level, so listing subjects costs
nothing and an absent peer is noticed without an import.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module, metadata
from importlib.util import find_spec
from typing import Any, ClassVar, Final, Protocol, cast

Send = Callable[..., Any]
"""Sends one call and returns its handle (a ref, a future, an asynchronous result)."""


class Subject(Protocol):
    """What a workload may ask of a subject.

    ``provides`` names its abilities: ``tasks`` (everybody), ``chain`` (a handle can be the
    argument of the next task), ``actors``, and ``ray`` for those with Ray's own API, which the
    workloads that need refs use as ``api``.
    """

    provides: ClassVar[frozenset[str]]
    startup: ClassVar[str]
    """A whole program, as a user would write it, up to its first result."""

    def start(self, workers: int) -> None:
        """Start it with this many worker processes."""

    def stop(self) -> None:
        """Stop it and wait until it is down."""

    def task(self, function: Callable[..., Any]) -> Send:
        """How to call the function remotely; made once, called many times."""

    def gather(self, handles: list[Any]) -> list[Any]:
        """The results of the handles, in order."""


class ActorSubject(Subject, Protocol):
    """A subject with actors."""

    def actor(self, cls: type) -> Any:
        """Create an actor; its methods are called as ``method(actor, name)``."""

    def method(self, actor: Any, name: str) -> Send:
        """How to call one method of the actor; made once, called many times."""


class RaySubject(ActorSubject, Protocol):
    """A subject with Ray's API, as a module or an object that looks like it."""

    @property
    def api(self) -> Any:
        """What ``import ... as ray`` gives."""

    @property
    def api_name(self) -> str:
        """The name to import it by in a worker."""


@dataclass(frozen=True)
class Entry:
    """Where a subject is found.

    Attributes:
        title: Name in the table.
        module: The file here that has its ``create()``.
        requires: The module that has to be importable for it; empty for the standard library.
        distribution: The installed distribution whose version is reported.
    """

    title: str
    module: str
    requires: str = ""
    distribution: str = ""

    @property
    def installed(self) -> bool:
        """Whether the subject can run here."""
        return not self.requires or find_spec(self.requires) is not None

    @property
    def version(self) -> str:
        """The installed version; the interpreter's for the standard library."""
        if not self.distribution:
            return f"Python {platform.python_version()}"
        try:
            return metadata.version(self.distribution)
        except metadata.PackageNotFoundError:
            return "not installed as a distribution"


SUBJECTS: Final[dict[str, Entry]] = {
    "heliostat": Entry("heliostat", "heliostat", "heliostat", "heliostat"),
    "ray": Entry("Ray", "ray", "ray", "ray"),
    "dask": Entry("Dask", "dask", "distributed", "distributed"),
    "parsl": Entry("Parsl", "parsl", "parsl", "parsl"),
    "mp-pool": Entry("mp.Pool", "mp_pool"),
    "executor": Entry("Executor", "executor"),
    "loky": Entry("loky", "loky", "loky", "loky"),
    # Not a subject with workers, but a column of the report: what the machine gives without any.
    "floor": Entry("floor", "floor"),
}


def load(name: str) -> Subject:
    """The subject of that name, not yet started."""
    module = import_module(f"{__name__}.{SUBJECTS[name].module}")
    return cast(Subject, module.create())
