"""Decisions apart from I/O, one reader of the environment, and tests that never sleep."""

from __future__ import annotations

import ast

from tests.architecture.source import TESTS, modules

#: Modules, or packages with all they hold, that decide: methods in, actions out, ``now`` given.
PURE = (
    "heliostat.engines.local.core",
    "heliostat.engines.local.store.arena",
    "heliostat.engines.local.wire.messages",
    "heliostat.model.ids",
    "heliostat.model.options",
    "heliostat.model.resources",
    "heliostat.model.runtime_env",
    "heliostat.model.story",
)
IMPURE = frozenset(
    {
        *("_thread", "asyncio", "concurrent", "multiprocessing", "threading"),
        *("fcntl", "io", "mmap", "os", "pathlib", "shutil", "subprocess", "tempfile"),
        *("select", "selectors", "signal", "socket"),
        *("datetime", "time"),
        *("random", "secrets", "uuid"),
    }
)
#: "module imports module" -> why a pure module may.
IMPURE_ALLOWED: dict[str, str] = {
    "heliostat.model.ids imports os": "new ids are random; nothing decides by them",
}

#: Modules, or packages, that may read the environment beside ``model.config``, and why.
ENVIRONMENT: dict[str, str] = {
    "heliostat.bench": "gives each subject a marked environment of its own",
    "heliostat.cli": "follows what terminals agreed on: NO_COLOR, PAGER and the like",
    "heliostat.engines.local.engine": "tells the workers the environment of their program",
    "heliostat.engines.local.head.pool": "hands its environment on to a template",
    "heliostat.engines.local.link": "hands its environment on to a head",
    "heliostat.engines.local.worker": "gives a worker its job's environment and a task its GPUs",
    "heliostat.model.config": "is the reader",
    "heliostat.testing": "marks the processes of a test run",
}


def test_decisions_import_no_io_clock_thread_or_chance() -> None:
    impure = {
        f"{module.name} imports {found.module}": f"{module.where}:{found.line}"
        for module in modules()
        if _within(module.name, PURE)
        for found in module.imports()
        if found.module.partition(".")[0] in IMPURE and not found.typing
    }
    new = {what: where for what, where in impure.items() if what not in IMPURE_ALLOWED}
    assert not new, f"pass it in: {new}"


def test_only_the_configuration_reads_the_environment() -> None:
    readers = [
        f"{module.where}:{node.lineno}"
        for module in modules()
        if not _within(module.name, tuple(ENVIRONMENT))
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute | ast.Name)
        and _name(node) in {"environ", "environb", "getenv", "getenvb"}
    ]
    assert not readers, f"take it from heliostat.model.config: {readers}"


def test_no_test_sleeps() -> None:
    sleeps = [
        f"{module.path}:{node.lineno}"
        for module in modules(TESTS)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute)
        and node.attr == "sleep"
        and isinstance(node.value, ast.Name)
        and node.value.id == "time"
    ]
    late = [
        f"{module.path}:{found.line}"
        for module in modules(TESTS)
        for found in module.imports()
        if (found.module, found.name) == ("time", "sleep")
    ]
    assert not sleeps + late, f"wait for what the test needs, by an event: {sleeps + late}"


def _within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def _name(node: ast.Attribute | ast.Name) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id
