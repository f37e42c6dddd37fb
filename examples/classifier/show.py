"""Program two: finds the topic actors that another program left, prints the tree they hold.

python -m examples.classifier show
"""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

import heliostat as ray
from examples.classifier.actors import NAMESPACE
from examples.classifier.session import joined
from examples.classifier.topics import read_config

Classification = dict[str, list[str]]


def collect() -> dict[str, Classification]:
    """What each topic's actor holds. A topic to which no title was sent yet has no actor."""
    found: dict[str, Classification] = {}
    for topic in read_config():
        try:
            actor = ray.get_actor(topic)
        except ValueError:
            continue
        found[topic] = ray.get(actor.get_classification.remote())
    return found


def tree(found: dict[str, Classification]) -> Tree:
    """The topics, subtopics and titles as a tree; empty subtopics are left out."""
    total = sum(len(titles) for topic in found.values() for titles in topic.values())
    root = Tree(f"[bold]arXiv[/] ({total} titles)", guide_style="dim")
    for topic, subtopics in found.items():
        size = sum(len(titles) for titles in subtopics.values())
        branch = root.add(f"[bold cyan]{escape(topic)}[/] ({size})")
        for subtopic, titles in subtopics.items():
            if titles:
                twig = branch.add(f"[green]{escape(subtopic)}[/] ({len(titles)})")
                for title in titles:
                    twig.add(escape(title), highlight=False)
    return root


def main(arguments: list[str]) -> None:
    """Prints the tree."""
    argparse.ArgumentParser(prog="python -m examples.classifier show").parse_args(arguments)
    with joined(NAMESPACE):
        found = collect()
    Console().print(tree(found))
