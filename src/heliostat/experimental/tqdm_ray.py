"""Ray's ``ray.experimental.tqdm_ray``: progress bars in tasks and actors, shown by the program.

A bar in a worker prints its state as a line that the program's side takes out of what it prints
(``engines.marked``) and draws, together with all other bars, below everything else. On a terminal
with rich; elsewhere nothing is shown.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import heliostat
from heliostat.util.bars import open_bar
from heliostat.util.debug import log_once
from heliostat.util.node import get_node_ip_address

if TYPE_CHECKING:
    from typing_extensions import Self

    from heliostat.util.bars import Bar

__all__ = ["log_once", "tqdm"]

#: Seconds between two states of a bar, unless told otherwise.
_INTERVAL = 1.0


class tqdm:  # noqa: N801 - Ray's name, and tqdm's
    """A progress bar for tasks and actors, with a part of the interface of ``tqdm.tqdm``.

    The program shows it on its terminal, without disturbing other bars or what is printed. It
    needs rich there (``pip install 'heliostat[cli]'``); where the program's standard error is no
    terminal, nothing is shown.

    Args:
        iterable: what to iterate over; None: call ``update``.
        desc: a text before the bar.
        total: how many steps there are; by default the length of ``iterable``, if it has one.
        unit: what a step is called; "it" by default.
        position: Ray's place of the bar among those of its process; here bars are in the order of
            their beginning.
        flush_interval_s: seconds between updates on the terminal, 1 by default.

    Example:
        >>> import heliostat as ray
        >>> from heliostat.experimental import tqdm_ray
        >>> @ray.remote
        ... def add_up(count):
        ...     return sum(tqdm_ray.tqdm(range(count), desc="adding"))
        >>> ray.get(add_up.remote(1000))
        499500

    Source: Ray's ``ray.experimental.tqdm_ray.tqdm``.
    """

    def __init__(
        self,
        iterable: Iterable[Any] | None = None,
        desc: str | None = None,
        total: int | None = None,
        unit: str | None = None,
        position: int | None = None,
        flush_interval_s: float | None = None,
    ) -> None:
        if total is None and iterable is not None:
            try:
                total = len(iterable)  # type: ignore[arg-type]
            except (TypeError, AttributeError):
                total = None
        self._iterable = iterable
        self._desc = desc or ""
        self._total = total
        self._unit = unit or "it"
        self._position = position or 0
        self._uuid = uuid.uuid4().hex
        self._ip = get_node_ip_address()
        self._n = 0
        self._closed = False
        self._interval = _INTERVAL if flush_interval_s is None else flush_interval_s
        self._told = float("-inf")
        self._in_worker = _in_worker()

    def set_description(self, desc: str) -> None:
        """Sets the text before the bar."""
        self._desc = desc
        self._tell()

    def update(self, n: int = 1) -> None:
        """So many more steps are done."""
        self._n += n
        self._tell()

    def refresh(self) -> None:
        """Shows the present state, if the last one is some time ago."""
        self._tell()

    def close(self) -> None:
        """Shows the last state; the bar is over."""
        self._closed = True
        self._tell(at_once=True)

    @property
    def total(self) -> int | None:
        """How many steps there are; None if that isn't known."""
        return self._total

    @total.setter
    def total(self, total: int | None) -> None:
        self._total = total

    @property
    def n(self) -> int:
        """How many steps are done."""
        return self._n

    @n.setter
    def n(self, n: int) -> None:
        self._n = n

    def __iter__(self) -> Iterator[Any]:
        if self._iterable is None:
            raise ValueError("this bar has nothing to iterate over: it was made without iterable")
        try:
            for item in self._iterable:
                yield item
                self.update(1)
        finally:
            self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _tell(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if not at_once and now - self._told < self._interval:
            return
        self._told = now
        state = self._state()
        if self._in_worker:
            # The whole line in one write: lines of other threads stay whole too.
            sys.stdout.write(json.dumps(state) + "\n")
        else:
            _shown.show(state)

    def _state(self) -> dict[str, Any]:
        """What is shown, in the form a Ray driver reads too."""
        return {
            "__magic_token__": "__ray_tqdm_magic_token__",
            "x": self._n,
            "pos": self._position,
            "desc": self._desc,
            "total": self._total,
            "unit": self._unit,
            "ip": self._ip,
            "pid": os.getpid(),
            "uuid": self._uuid,
            "closed": self._closed,
        }


def _in_worker() -> bool:
    if not heliostat.is_initialized():
        return False
    context = heliostat.get_runtime_context()
    return context.get_task_id() is not None or context.get_actor_id() is not None


def show_line(line: str) -> None:
    """Shows the state that a bar in a worker printed."""
    _shown.show(json.loads(line))


class _Shown:
    """The bars on this process's terminal, by the id each has, with the process if it is of this
    host."""

    def __init__(self) -> None:
        self._bars: dict[str, tuple[Bar, int]] = {}

    def show(self, state: dict[str, Any]) -> None:
        """Draws a bar as it is now."""
        if not sys.stderr.isatty():
            return
        self._drop_lost()
        found = self._bars.get(state["uuid"])
        if found is None:
            if state["closed"] and not state["x"]:
                return
            bar = self._opened(state)
            if bar is None:
                return
            here = state["ip"] == get_node_ip_address()
            self._bars[state["uuid"]] = (bar, state["pid"] if here else 0)
        else:
            bar = found[0]
        bar.update(completed=state["x"], total=state["total"], description=_described(state))
        if state["closed"]:
            del self._bars[state["uuid"]]
            bar.close()

    def _opened(self, state: dict[str, Any]) -> Bar | None:
        try:
            return open_bar(_described(state), state["total"])
        except ImportError as error:
            if log_once("tqdm_ray: rich is missing"):
                print(f"heliostat: {error}", file=sys.stderr)  # noqa: T201 - to the user
            return None

    def _drop_lost(self) -> None:
        """Bars whose process was killed will never be closed by it."""
        for key, (bar, pid) in list(self._bars.items()):
            if pid and not os.path.exists(f"/proc/{pid}"):
                del self._bars[key]
                bar.close()


def _described(state: dict[str, Any]) -> str:
    prefix = "" if state["pid"] == os.getpid() else f"(pid={state['pid']}) "
    unit = "" if state["unit"] == "it" else f" [{state['unit']}]"
    return f"{prefix}{state['desc']}{unit}"


_shown = _Shown()
