"""What the environment of the process says: the only reader of ``os.environ``.

``Config.read()`` reads it when called, never at import, so that a program may set variables
first and tests may pass a mapping. ``SETTINGS`` is the whole list, with meanings; the reference
page is made of it. An empty variable counts as unset.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Setting:
    """A row of the table.

    Attributes:
        name: the attribute of ``Config``.
        variables: environment variables; the first one set counts.
        parse: from text to value; raises ValueError with what is accepted.
        default: value where no variable is set.
        meaning: a sentence.
    """

    __slots__ = ("default", "meaning", "name", "parse", "variables")

    def __init__(
        self,
        name: str,
        variables: tuple[str, ...],
        parse: Callable[[str], Any],
        default: Any,
        meaning: str,
    ) -> None:
        self.name = name
        self.variables = variables
        self.parse = parse
        self.default = default
        self.meaning = meaning


def _flag(text: str) -> bool:
    word = text.lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise ValueError("1 or 0")


def _number(text: str) -> int:
    if not text.isdecimal():
        raise ValueError("a whole number of at least 0")
    return int(text)


def _folder(text: str) -> str:
    if "\0" in text or not os.path.isabs(text):
        raise ValueError("the absolute path of a folder")
    return text


def _plain(text: str) -> str:
    return text.strip()


def _gpus(text: str) -> tuple[str, ...]:
    """What CUDA makes of it: the list ends at the first device that can't be one."""
    ids: list[str] = []
    for part in text.split(","):
        device = part.strip()
        if not device or device == "NoDevFiles" or device.startswith("-"):
            break
        ids.append(device)
    return tuple(ids)


#: Every variable the program reads.
SETTINGS = (
    Setting(
        "address",
        ("HELIOSTAT_ADDRESS", "RAY_ADDRESS"),
        _plain,
        None,
        "What init() connects to where it isn't told: auto, local, or a session directory.",
    ),
    Setting(
        "engine",
        ("HELIOSTAT_ENGINE",),
        _plain,
        None,
        "The engine init() starts where it isn't told.",
    ),
    Setting(
        "tmpdir",
        ("HELIOSTAT_TMPDIR",),
        _folder,
        None,
        "Where session directories are made; else XDG_RUNTIME_DIR, else the temporary folder.",
    ),
    Setting(
        "runtime_dir",
        ("XDG_RUNTIME_DIR",),
        _plain,
        None,
        "The user's own folder in memory, as the desktop or login made it.",
    ),
    Setting(
        "system_tmp",
        ("TMPDIR",),
        _plain,
        "/tmp",  # noqa: S108 - what the system has; directories made in it are the user's alone
        "The temporary folder.",
    ),
    Setting(
        "debug",
        ("HELIOSTAT_DEBUG",),
        _flag,
        False,
        "Check every invariant at every step and keep the story of every object.",
    ),
    Setting(
        "log_lines",
        ("HELIOSTAT_LOG_LINES",),
        _number,
        20,
        "Last lines of a dead process's stderr that its error quotes.",
    ),
    Setting(
        "visible_gpus",
        ("CUDA_VISIBLE_DEVICES",),
        _gpus,
        None,
        "The GPUs the program may use.",
    ),
    Setting(
        "cloud_instance_id",
        ("RAY_CLOUD_INSTANCE_ID",),
        _plain,
        "",
        "What the cloud calls this host; util.get_node_instance_id() returns it.",
    ),
)


class Config:
    """The settings, frozen. Attributes: see ``SETTINGS``."""

    __slots__ = tuple(setting.name for setting in SETTINGS)

    address: str | None
    engine: str | None
    tmpdir: str | None
    runtime_dir: str | None
    system_tmp: str
    debug: bool
    log_lines: int
    visible_gpus: tuple[str, ...] | None
    cloud_instance_id: str

    def __init__(self, **values: Any) -> None:
        """Defaults, but for ``values``."""
        unknown = values.keys() - set(self.__slots__)
        if unknown:
            raise TypeError(f"Config has no {', '.join(sorted(unknown))}")
        for setting in SETTINGS:
            object.__setattr__(self, setting.name, values.get(setting.name, setting.default))

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> Config:
        """The settings of now.

        Args:
            environ: read instead of the process's environment.

        Raises:
            ValueError: a variable holds what it can't; the message says what it can.
        """
        source = os.environ if environ is None else environ
        values = {}
        for setting in SETTINGS:
            variable = next((name for name in setting.variables if name in source), None)
            if variable is None:
                continue
            text = source[variable]
            # "no GPUs" is the one thing that an empty variable says.
            if not text.strip() and setting.name != "visible_gpus":
                continue
            try:
                values[setting.name] = setting.parse(text)
            except ValueError as error:
                raise ValueError(
                    f"the environment variable {variable}={text!r} isn't valid; accepted: {error}"
                ) from None
        return cls(**values)

    def session_root(self) -> str:
        """The folder of this user's session directories; it need not exist yet."""
        base = self.tmpdir or self.runtime_dir
        if base is None or not (self.tmpdir or os.path.isdir(base)):
            base = self.system_tmp  # not by the module tempfile: 4 ms of a program's start
        return os.path.join(base, f"heliostat-{os.getuid()}")

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError("a Config can't be changed; make another one")

    def __repr__(self) -> str:
        return f"Config({', '.join(f'{s.name}={getattr(self, s.name)!r}' for s in SETTINGS)})"
