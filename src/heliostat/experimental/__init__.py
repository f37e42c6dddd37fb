"""Ray's ``ray.experimental``, as far as this release has it: ``tqdm_ray``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.experimental import tqdm_ray as tqdm_ray

__all__ = ["tqdm_ray"]


if not TYPE_CHECKING:  # else any name would do

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name in __all__:
            return import_module(f"heliostat.experimental.{name}")
        raise AttributeError(
            f"module 'heliostat.experimental' has no attribute '{name}'", name=name
        )


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
