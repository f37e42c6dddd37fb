"""What import-linter's contracts (``pyproject.toml``) can't say about who imports whom."""

from __future__ import annotations

from tests.architecture.source import Module, known, modules

#: Where a function may import one of our own modules, and why.
LATE: dict[str, str] = {
    "heliostat": "loads each public name at its first use, from one table",
    "heliostat.api.lifecycle": "loads the engine that init() was asked for",
    "heliostat.engines.local.head.main": "forks the template before it loads anything",
    "heliostat.engines.local.worker.actor_host": "loads asyncio for the first async actor",
    "heliostat.engines.local.worker.template": "names what workers need; loads it once forked",
    "heliostat.engines.local.owner.engine": "loads asyncio, and what awaits refs, at first need",
    "heliostat.engines.refs": "loads what turns an ObjectRef into text or a future when asked to",
}
#: These may be imported late by any module: they import nothing above them, so that no circle runs
#: through them, and the first task need not wait for what only an error or an id needs.
LOW = ("heliostat._version", "heliostat.exceptions", "heliostat.model")
#: Packages whose modules may do so, and why.
LATE_PACKAGES: dict[str, str] = {
    "heliostat.bench": "each process loads the one subject it measures",
    "heliostat.cli": "each command loads what it shows, so that --help is quick",
}
#: The floors above the public API: these import it as a user does.
ABOVE = ("bench", "cli", "dashboard", "experimental", "serve", "testing", "train", "tune", "util")


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {module.name: _loads(module) for module in modules()}
    while free := {name for name, targets in graph.items() if not targets & graph.keys()}:
        graph = {name: targets for name, targets in graph.items() if name not in free}
    assert not graph, f"these import each other: {sorted(graph)}"


def test_only_the_floors_above_import_the_public_api() -> None:
    below = [
        f"{module.where}:{found.line}"
        for module in modules()
        for found in module.imports()
        if found.module == "heliostat" and known(found, _names()) == "heliostat"
        if not module.name.removeprefix("heliostat.").startswith(ABOVE)
    ]
    assert not below, f"import the module that defines the name: {below}"


def test_our_own_modules_are_imported_late_only_where_a_reason_is_given() -> None:
    late = [
        f"{module.where}:{found.line} imports {target}"
        for module in modules()
        if module.name not in LATE and not module.name.startswith(tuple(LATE_PACKAGES))
        for found in module.imports()
        if (target := known(found, _names())) and found.late and not target.startswith(LOW)
    ]
    assert not late, "import at the top, or give a reason in LATE:\n" + "\n".join(late)


def test_each_reason_for_a_late_import_is_needed() -> None:
    importing = {
        module.name
        for module in modules()
        for found in module.imports()
        if found.late and known(found, _names())
    }
    assert LATE.keys() - {"heliostat"} <= importing


def _names() -> frozenset[str]:
    return frozenset(module.name for module in modules())


def _loads(module: Module) -> set[str]:
    targets = {
        known(found, _names()) for found in module.imports() if not (found.late or found.typing)
    }
    return {target for target in targets if target and target != module.name}
