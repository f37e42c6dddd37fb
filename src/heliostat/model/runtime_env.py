"""The environment a task, an actor or a whole job asks for.

``normalise`` is where every ``runtime_env`` enters; what it returns holds only what this
release does, so nothing of it is ever ignored. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What Ray's ``runtime_env`` has and this release lacks.
LACKING = (
    "_ray_commit",
    "_ray_release",
    "conda",
    "config",
    "container",
    "excludes",
    "image_uri",
    "java_jars",
    "mpi",
    "nsight",
    "pip",
    "py_executable",
    "py_modules",
    "rocprof-sys",
    "uv",
    "worker_process_setup_hook",
    "working_dir",
)


def normalise(env: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The environment with its fields checked, in an order of their own; None if empty.

    Args:
        env: as the user gave it. ``env_vars`` maps names to strings.

    Raises:
        NotImplementedError: a field that this release lacks.
        ValueError: an unknown field, or a name or value no environment can hold.
        TypeError: a wrong type.
    """
    if env is None:
        return None
    if not hasattr(env, "items"):
        raise TypeError(f"a runtime_env is a dict or None, not a {type(env).__name__}")
    for field, value in env.items():
        if field == "env_vars" or value is None:
            continue
        if field in LACKING:
            raise NotImplementedError(
                f"runtime_env has {field!r}, which this release doesn't have; it has 'env_vars'"
            )
        raise ValueError(f"runtime_env has an unknown field {field!r}; known: 'env_vars'")
    variables = _variables(env.get("env_vars"))
    return {"env_vars": variables} if variables else None


def merge(job: dict[str, Any] | None, own: dict[str, Any] | None) -> dict[str, Any] | None:
    """What runs: the job's environment, overridden by the task's or actor's, per variable.

    Both are normalised ones.
    """
    if not job or not own:
        return own or job
    return {"env_vars": dict(sorted({**job["env_vars"], **own["env_vars"]}.items()))}


def key(env: dict[str, Any] | None) -> bytes:
    """A stable hash of a normalised environment; empty for none."""
    if not env:
        return b""
    from hashlib import blake2b

    digest = blake2b(digest_size=16)
    for name, value in sorted(env["env_vars"].items()):
        for text in (name, value):
            data = text.encode("utf-8", "surrogateescape")
            digest.update(len(data).to_bytes(8, "little") + data)
    return digest.digest()


def _variables(given: Any) -> dict[str, str]:
    if given is None:
        return {}
    if not hasattr(given, "items"):
        raise TypeError(f"env_vars is a dict of strings, not a {type(given).__name__}")
    for name, value in given.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(
                f"env_vars maps strings to strings, but {name!r} to a {type(value).__name__}"
            )
        if not name or "=" in name or "\0" in name + value:
            raise ValueError(
                f"env_vars has the name {name!r}: a name is not empty and has no '=', and neither "
                "it nor its value has a NUL"
            )
    return dict(sorted(given.items()))
