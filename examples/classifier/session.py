"""Joining the running cluster, and leaving it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import heliostat as ray


@contextmanager
def joined(namespace: str) -> Iterator[None]:
    """Is a program of the running cluster inside the ``with`` block; ends the process if none runs.

    The cluster is the one that ``HELIOSTAT_ADDRESS`` names or ``heliostat start --head`` started.
    """
    try:
        ray.init(address="auto", namespace=namespace)
    except ConnectionError as error:
        sys.exit(str(error))
    try:
        yield
    finally:
        ray.shutdown()
