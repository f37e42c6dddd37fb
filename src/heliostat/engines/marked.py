"""Lines that workers print for the program to act on, not for whoever reads its output.

Such a line is a JSON object whose first key is ``MARK``'s; it is Ray's own form, so that a real
Ray driver acts on it too. The one use so far is ``experimental.tqdm_ray``.
"""

from __future__ import annotations

from collections.abc import Callable

#: How such a line begins.
MARK = '{"__magic_token__": "__ray_tqdm_magic_token__"'

_handler: Callable[[str], None] | None = None


def set_handler(handler: Callable[[str], None]) -> None:
    """``handler`` is given each marked line."""
    global _handler  # noqa: PLW0603 - set once, by the package above that knows what to do
    _handler = handler


def sift(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The lines that are to be printed; the others go to the handler."""
    ordinary = []
    for line in lines:
        if _handler is not None and line[1].startswith(MARK):
            _handler(line[1])
        else:
            ordinary.append(line)
    return ordinary
