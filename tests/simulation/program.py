"""What the processes of a simulated session run: random programs that can't deadlock by
themselves.

A task blocks only on what it was given when it was created and on what it made itself, so
waiting follows the tree of calls. What came by other ways (an actor's memory, a module's
variables) it passes on, drops, or looks at without waiting. An actor and whatever it starts
wait for their own plain tasks only, since a call waits for those before it.
"""

from __future__ import annotations

from collections.abc import Generator
from random import Random
from typing import TYPE_CHECKING, Any

from heliostat.engines import registry
from heliostat.engines.definitions import Definition, TaskTemplate
from heliostat.engines.local.core.objects import FAILED, PENDING
from heliostat.engines.local.owner import errors
from heliostat.engines.local.store import values
from heliostat.model.options import ActorOptions, MethodOptions
from tests.simulation.truth import ActorFact, Fact, Violation

if TYPE_CHECKING:
    from tests.simulation.process import Process


class Boom(Exception):
    """Raised by some tasks."""


class Thing:
    """Stands for the class of every actor."""


def _definition(key: bytes, target: Any) -> Definition:
    made = Definition(target, key.decode())
    made.pickled = (key, b"never loaded", [])
    return made


FAST = _definition(b"fast", print)
SLOW = _definition(b"slow", print)
ACTOR = _definition(b"actor", Thing)
#: Levels of tasks below a program.
TOP = 3
NAMES = ("ann", "bob")


class Handle:
    """A handle to an actor that can be passed on."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor

    def __reduce__(self) -> tuple[Any, ...]:
        return load_handle, self.actor.engine.export_actor(self.actor)


def load_handle(*description: Any) -> Handle:
    """Rebuilds a handle while a value is unpickled."""
    engine: Any = registry.require()
    return Handle(engine.load_actor(*description))


class Held:
    """What a piece of running code holds.

    Attributes:
        mine: references it may wait for.
        foreign: references it may not.
        handles: actors.
    """

    def __init__(self) -> None:
        self.mine: list[Any] = []
        self.foreign: list[Any] = []
        self.handles: list[Handle] = []


def run(
    process: Process, lone: bool, args: Any, kwargs: dict[str, Any], *, constructs: bool = False
) -> Generator[Any, None, Any]:
    """Runs a task, a call or a constructor: ``args`` as ``_arguments`` makes them.

    An actor keeps the references that its constructor was given.
    """
    plan, depth, alone, shown, held, foreign, handles, *given = args
    held, foreign, handles = held or [], foreign or [], handles or []
    code = Code(process, plan, depth, lone or alone)
    plans = (shown,) if isinstance(shown, int) else shown or ()
    for number, value in zip(plans, given):
        code.check(number, value)
    del given
    if lone:
        code.held.foreign += [*held, *foreign]
    else:
        code.held.mine += held
        code.held.foreign += foreign
    code.held.handles += handles
    if constructs:
        process.globals += held
    del held, foreign, handles, args, kwargs
    yield from code.steps(code.rng.choice((0, 0, 1, 2, 3)))
    if plan % 13 == 0:
        raise Boom(plan)
    return code.result()


class Code:
    """One run of some code: its random choices depend on its plan alone."""

    def __init__(self, process: Process, plan: int, depth: int, lone: bool) -> None:
        self.process = process
        self.world = process.world
        self.truth = process.world.truth
        self.plan = plan
        self.depth = depth
        self.lone = lone
        self.rng = Random(plan)
        self.held = Held()

    def steps(self, count: int) -> Generator[Any, None, None]:
        """Does ``count`` random things."""
        acts = [self._submit, self._submit, self._put, self._get, self._drop, self._peek]
        acts += [self._keep, self._create, self._call, self._call, self._pause, self._end_actor]
        acts += [self._burst] * self.world.bursts
        for _ in range(count):
            self.process.enter()
            done = self.rng.choice(acts)()
            if isinstance(done, Generator):
                yield from done
            yield None

    def result(self) -> Any:
        """A value that shows the plan, perhaps with references, perhaps large."""
        choice = self.rng.randrange(4)
        if choice == 0:
            return self.plan
        if choice == 1:
            return [self.plan, bytes(values.INLINE_BYTES + 1), [], []]
        refs = self._some(self.held.mine + self.held.foreign)
        return [self.plan, b"", refs, self._some(self.held.handles)]

    def check(self, plan: int, value: Any) -> None:
        """An argument that was passed by reference."""
        shown = value[0] if isinstance(value, list) else value
        if shown != plan:
            raise Violation(f"an argument shows {shown} instead of {plan}")
        if isinstance(value, list) and len(value) > 2:
            self.held.foreign += value[2]
            self.held.handles += value[3]

    # -- objects --------------------------------------------------------------------------

    def _put(self) -> None:
        plan = self.world.new_plan()
        value: Any = [plan, bytes(self.rng.choice((0, 100, values.INLINE_BYTES + 1))), [], []]
        if self.rng.random() < 0.4:
            value[2] = self._some(self.held.mine + self.held.foreign)
        ref = self.process.engine.put(value)
        fact = self._note(ref, Fact(plan, "put", []))
        fact.safe = True
        self.held.mine.append(ref)

    def _get(self) -> Generator[Any, None, None] | None:
        refs = [r for r in self.held.mine if not self.lone or self.truth.of(r).safe]
        return self.get(self.rng.choice(refs)) if refs else None

    def get(self, ref: Any) -> Generator[Any, None, None]:
        """Waits for a value and judges it."""
        yield from self.process.get([ref._entry])
        self.process.enter()
        value = self.look(ref)
        if isinstance(value, list):
            keep = self.held.foreign if self.lone else self.held.mine
            keep += value[2]
            self.held.handles += value[3]

    def look(self, ref: Any) -> Any:
        """The value of a ready object, or None if it failed; either must be right."""
        entry = ref._entry
        if entry.state == FAILED:
            self.truth.judge_error(ref, errors.load(entry.payload))
            return None
        payload = entry.payload
        value = values.decode(payload) if type(payload) is tuple else payload
        self.truth.judge_value(self.truth.of(ref), value)
        return value

    def _peek(self) -> None:
        refs = self.held.foreign
        if refs:
            ref = self.rng.choice(refs)
            if ref._entry.state == PENDING:
                self.process.session.want([ref._entry])
            else:
                value = self.look(ref)
                if isinstance(value, list):
                    self.held.foreign += value[2]

    def _drop(self) -> None:
        for refs in (self.held.mine, self.held.foreign, self.held.handles):
            if refs and self.rng.random() < 0.5:
                refs.pop(self.rng.randrange(len(refs)))

    def _keep(self) -> None:
        kept = self.process.globals
        if kept and self.rng.random() < 0.5:
            item = kept.pop()
            (self.held.handles if isinstance(item, Handle) else self.held.foreign).append(item)
        else:
            kept += self._some(self.held.mine + self.held.foreign + self.held.handles)

    def _pause(self) -> None:
        """Nothing, for a step."""

    def _note(self, ref: Any, fact: Fact) -> Fact:
        entry = ref._entry
        self.truth.objects[entry.home.proc, entry.number] = fact
        return fact

    def _some(self, items: list[Any]) -> list[Any]:
        return [item for item in items if self.rng.random() < 0.4]

    # -- tasks ----------------------------------------------------------------------------

    def _arguments(
        self, *, safe: bool, lone: bool = False, last: Any = None
    ) -> tuple[int, tuple[Any, ...], list[Fact]]:
        """Arguments of a new task; with ``safe``, it depends on safe tasks only. With ``last``,
        it takes that and nothing else."""
        lone = lone or self.lone
        plan = self.world.new_plan()
        deps = self._some(self.held.mine)[:2]
        if safe or lone:
            deps = [ref for ref in deps if self.truth.of(ref).safe]
        if last is not None:
            fact = self.truth.of(last)
            if fact.safe or not lone:
                return plan, (plan, 0, lone, fact.plan, None, None, None, last), [fact]
        facts = [self.truth.of(ref) for ref in deps]
        shown = tuple(fact.plan for fact in facts) or None
        nested = self._some(self.held.mine) or None
        foreign = self._some(self.held.foreign) or None
        handles = self._some(self.held.handles) or None
        args = (plan, self.depth - 1, lone, shown, nested, foreign, handles, *deps)
        return plan, args, facts

    def _submit(self, kind: tuple[Any, Any] | None = None, last: Any = None) -> Any:
        if self.depth <= 0:
            return None
        lone = self.lone or self.rng.random() < 0.3
        plan, args, facts = self._arguments(safe=False, lone=lone, last=last)
        options, definition = kind or self.world.task_options(self.rng)
        key = (id(options), definition.name)
        template = self.process.templates.get(key)
        if template is None:
            template = self.process.templates[key] = TaskTemplate(definition, options)
        ref = self.process.engine.submit_task(template, args, {})
        fact = self._note(ref, Fact(plan, "task", facts, options.max_retries))
        fact.safe = lone
        self.held.mine.append(ref)
        return ref

    def _burst(self) -> None:
        """So many tasks that they share packets, some waiting for others of the same packet."""
        if self.depth == TOP:
            kind = (self.world.task_options(self.rng)[0], FAST)
            chain = self.rng.choice((0.0, 0.0, 0.9, 1.0))
            last = None
            for _ in range(self.rng.randrange(4, 12)):
                last = self._submit(kind, last if self.rng.random() < chain else None)

    # -- actors ---------------------------------------------------------------------------

    def _create(self) -> None:
        if self.depth <= 0 or self.rng.random() < 0.5:
            return
        plan, args, facts = self._arguments(safe=True)
        name = self.rng.choice((None, None, None, *NAMES))
        restarts = self.rng.choice((0, 0, 1, -1))
        retries = self.rng.choice((0, 0, 1, -1))
        given: dict[str, Any] = {"max_restarts": restarts, "max_task_retries": retries}
        if name is not None:
            given["name"] = name
            given["get_if_exists"] = self.rng.random() < 0.5
        engine = self.process.engine
        options = ActorOptions.make(given)
        fact = ActorFact(self.process.proc, facts, restarts)
        fact.boom = plan % 13 == 0
        fact.named = name is not None
        try:
            actor = engine.create_actor(ACTOR, options, args, {}, ("Thing", "", {}))
        except ValueError:
            if name is None or not self.world.name_taken(name):
                raise
            return
        self.truth.actors.setdefault(actor.actor_id, fact)
        self.held.handles.append(Handle(actor))

    def _call(self) -> None:
        if not self.held.handles:
            return
        handle = self.rng.choice(self.held.handles)
        plan, args, facts = self._arguments(safe=True)
        actor = handle.actor
        fact = Fact(plan, "call", facts, actor.traits[2])
        fact.actor = self.truth.actors[actor.actor_id]
        fact.order = self.truth.next_order(self.process.proc, actor.actor_id)
        engine = self.process.engine
        ref = engine.submit_call(actor, "run", MethodOptions.make({}), args, {})
        self._note(ref, fact)
        self.held.mine.append(ref)

    def _end_actor(self) -> None:
        engine = self.process.engine
        name = self.rng.choice(NAMES)
        if self.rng.random() < 0.5:
            try:
                handle = Handle(engine.get_actor(name, None))
            except ValueError:
                return
            self.held.handles.append(handle)
        elif self.held.handles and self.rng.random() < 0.5:
            actor = self.rng.choice(self.held.handles).actor
            fact = self.truth.actors[actor.actor_id]
            # An actor that ends itself for a restart would do so for ever.
            for_good = self.lone or self.rng.random() < 0.5
            fact.doomed = fact.doomed or for_good
            fact.hurt += 1
            engine.kill(actor, for_good)


def drive(process: Process, plan: int, steps: int) -> Generator[Any, None, None]:
    """A program: random steps, then every result it holds, then nothing held any more."""
    code = Code(process, plan, TOP, lone=False)
    yield from code.steps(steps)
    seen = set()
    while code.held.mine:
        ref = code.held.mine.pop()
        if ref not in seen:
            seen.add(ref)
            yield from code.get(ref)
        del ref
    seen.clear()
    code.held.handles.clear()
    code.held.foreign.clear()
    process.enter()
    process.settle()
