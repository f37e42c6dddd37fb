"""The story: the last things that happened to something, kept for the error that prints them.

A state machine that keeps one records every move; an illegal move raises with the story of its
subject. Nothing is put into words before somebody asks, so an event costs one append. Where
stories are off the machine has None instead of one, and pays for a comparison. Pure; one
thread records, any may tell.
"""

from __future__ import annotations

from collections import deque
from typing import Any


class Story:
    """A bounded log of events.

    Example:
        >>> story = Story(100)
        >>> story.add(1.5, "worker 3", "leased", "queue 7")
        >>> story.add(1.75, "worker 4", "died")
        >>> print(story.tell("worker 3"))
          1.500000  worker 3: leased queue 7
    """

    __slots__ = ("_events", "_total")

    def __init__(self, size: int = 1000) -> None:
        """``size``: events kept; older ones go."""
        self._events: deque[tuple[float, Any, str, tuple[Any, ...]]] = deque(maxlen=size)
        self._total = 0

    def add(self, now: float, subject: Any, event: str, *facts: Any) -> None:
        """Records that ``event`` happened to ``subject``; ``facts`` are shown by ``str``."""
        self._total += 1
        self._events.append((now, subject, event, facts))

    def tell(self, subject: Any = None) -> str:
        """What happened, oldest first, a line each; to ``subject`` only if given."""
        events = list(self._events)
        lines = [
            f"  {now:.6f}  {who}: {' '.join(map(str, (event, *facts)))}"
            for now, who, event, facts in events
            if subject is None or who == subject
        ]
        forgotten = self._total - len(events)
        if forgotten:
            lines.insert(0, f"  ({forgotten} earlier events are forgotten)")
        return "\n".join(lines) or "  (nothing happened)"

    def __len__(self) -> int:
        return len(self._events)

    def __bool__(self) -> bool:
        return True  # an empty story is still one


def make_story(*, on: bool, size: int = 1000) -> Story | None:
    """A story, or None where stories are off."""
    return Story(size) if on else None
