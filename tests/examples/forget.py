"""A program for tests: ends the topic actors named on the command line, by default all."""

from __future__ import annotations

import sys

import heliostat as ray
from examples.classifier.actors import NAMESPACE
from examples.classifier.topics import read_config

if __name__ == "__main__":
    ray.init(address="auto", namespace=NAMESPACE)
    for topic in sys.argv[1:] or read_config():
        try:
            ray.kill(ray.get_actor(topic))
        except ValueError:
            continue
    ray.shutdown()
