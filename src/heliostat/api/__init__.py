"""The public functions and classes, over the contract of ``engines``.

``heliostat/__init__.py`` lists which of them are public.
"""

from __future__ import annotations

from heliostat.api.lifecycle import start_with_defaults
from heliostat.engines import registry

# Here, because whatever needs an engine has imported this package.
registry.set_starter(start_with_defaults)
