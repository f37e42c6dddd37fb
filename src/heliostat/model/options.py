"""The options of ``remote``, ``options`` and ``method``: one table says what each accepts.

Names, defaults and rules are Ray's. An option that this release lacks is in the table too: it
is accepted at its default, where it changes nothing, and raises ``NotImplementedError``
otherwise, so none is ever ignored. Options are immutable by convention. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from heliostat.model import resources
from heliostat.model.option_checks import (
    Check,
    actor_name,
    boolean,
    count,
    custom_resources,
    environment,
    exception_classes,
    groups,
    integer,
    items_ahead,
    limit,
    one_of,
    quantity,
    result_count,
    seconds,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

    from heliostat.model.resources import Amounts

TASK = "remote functions"
ACTOR = "actors"
METHOD = "actor methods"


class Option:
    """A row of the table.

    Attributes:
        kinds: where it can be given.
        check: turns what the user gave into what the program uses, or raises.
        default: what holds when it isn't given, or given as None.
        at_decoration: whether only the decorator may give it.
        neutral: for an option this release lacks, the values that change nothing.
    """

    __slots__ = ("at_decoration", "check", "default", "kinds", "neutral")

    def __init__(
        self,
        kinds: tuple[str, ...],
        check: Check | None,
        default: Any = None,
        *,
        at_decoration: bool = False,
        neutral: tuple[Any, ...] = (),
    ) -> None:
        self.kinds = kinds
        self.check = check
        self.default = default
        self.at_decoration = at_decoration
        self.neutral = neutral


def _lacking(kinds: tuple[str, ...], *neutral: Any) -> Option:
    return Option(kinds, None, neutral=(None, *neutral))


_BOTH = (TASK, ACTOR)
_CALL = (TASK, METHOD)
_ALL = (TASK, ACTOR, METHOD)

#: Every option Ray has, and ours. The same name means the same wherever it can be given.
OPTIONS: dict[str, Option] = {
    "num_cpus": Option(_BOTH, quantity()),
    "num_gpus": Option(_BOTH, quantity(whole_above_one=True)),
    "memory": Option(_BOTH, quantity()),
    "resources": Option(_BOTH, custom_resources, ()),
    "runtime_env": Option(_BOTH, environment),
    "num_returns": Option(_CALL, result_count, 1),
    "retry_exceptions": Option(_CALL, exception_classes, default=False),
    "max_retries": Option((TASK,), count(-1), 3),
    "max_calls": Option((TASK,), count(0), at_decoration=True),
    "max_task_retries": Option((ACTOR, METHOD), count(-1)),
    "max_restarts": Option((ACTOR,), count(-1), 0),
    "max_concurrency": Option((ACTOR,), count(1)),
    "max_pending_calls": Option((ACTOR,), limit, -1),
    "concurrency_groups": Option((ACTOR,), groups, {}, at_decoration=True),
    "concurrency_group": Option((METHOD,), text),
    "namespace": Option((ACTOR,), actor_name),
    "lifetime": Option((ACTOR,), one_of("detached", "non_detached")),
    "get_if_exists": Option((ACTOR,), boolean, default=False),
    "allow_out_of_order_execution": Option((ACTOR,), boolean, default=False),
    # Heliostat's own.
    "timeout": Option(_CALL, seconds),
    "priority": Option((TASK,), integer, 0),
    # What this release lacks.
    "accelerator_type": _lacking(_BOTH),
    "enable_task_events": _lacking(_ALL, True),
    "enable_tensor_transport": _lacking((ACTOR,), False),
    "fallback_strategy": _lacking(_BOTH),
    "label_selector": _lacking(_BOTH),
    "object_store_memory": _lacking(_BOTH),
    "placement_group": _lacking(_BOTH, "default"),
    "placement_group_bundle_index": _lacking(_BOTH, -1),
    "placement_group_capture_child_tasks": _lacking(_BOTH, False),
    "scheduling_strategy": _lacking(_BOTH, "DEFAULT"),
    "tensor_transport": _lacking((METHOD,)),
    "_actor_generator_backpressure_num_objects": _lacking((ACTOR,), -1),
    "_generator_backpressure_num_objects": Option(_CALL, items_ahead, 0),
    "_labels": _lacking(_ALL),
    "_num_objects_per_yield": _lacking(_CALL, 1),
}
# An actor's name is an address, another's only shows up in messages.
_NAMES = {
    TASK: Option(_ALL, text, ""),
    METHOD: Option(_ALL, text, ""),
    ACTOR: Option(_ALL, actor_name),
}

#: The options of each kind by name.
TABLES: dict[str, dict[str, Option]] = {
    kind: {"name": _NAMES[kind], **{n: o for n, o in OPTIONS.items() if kind in o.kinds}}
    for kind in _ALL
}


def _checked(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Every option of ``kind``: the given ones checked, the others at their defaults.

    Raises:
        TypeError, ValueError: an unknown option or a bad value.
        NotImplementedError: an option that this release lacks.
    """
    table = TABLES[kind]
    values = {name: option.default for name, option in table.items()}
    for name, value in given.items():
        option = table.get(name)
        if option is None:
            raise _unknown(kind, name)
        if option.check is None:
            if not any(value is same or value == same for same in option.neutral):
                raise NotImplementedError(
                    f"{name}={_short(value)}: this release doesn't have the option {name!r} "
                    f"of {kind}; leave it out"
                )
        elif value is not None:
            try:
                values[name] = option.check(value)
            except (TypeError, ValueError) as error:
                raise type(error)(
                    f"{name}={_short(value)} isn't valid for {kind}; accepted: {error}"
                ) from None
    return values


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _unknown(kind: str, name: str) -> Exception:
    table = TABLES[kind]
    others = [other for other in _ALL if name in TABLES[other]]
    if others:
        hint = f"it is one of {' and '.join(others)}"
    else:
        from difflib import get_close_matches

        close = get_close_matches(name, table, 3)
        known = ", ".join(name for name in table if not name.startswith("_"))
        hint = f"did you mean {' or '.join(close)}?" if close else f"valid ones are {known}"
    # Ray raises TypeError where its signature has no such argument.
    error = TypeError if kind == METHOD else ValueError
    return error(f"Invalid option keyword {name!r} for {kind}: {hint}")


class _Options:
    """What all options have in common."""

    __slots__ = ("given",)

    _kind: ClassVar[str]
    given: dict[str, Any]

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = dict(given)

    @classmethod
    def make(cls, given: Mapping[str, Any]) -> Self:
        """The options the decorator was given.

        Raises:
            TypeError, ValueError: an unknown option or a bad value.
            NotImplementedError: an option that this release lacks.
        """
        return cls(given)

    def merge(self, given: Mapping[str, Any]) -> Self:
        """These options with those given to ``.options()`` in place of their like.

        Raises:
            TypeError, ValueError: as ``make``, or one only the decorator may give.
            NotImplementedError: an option that this release lacks.
        """
        table = TABLES[self._kind]
        for name in given:
            if name in table and table[name].at_decoration:
                raise ValueError(f"{name!r} can't be set in '.options()', only when decorating")
        return type(self)({**self.given, **given})

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self.given.items())
        return f"{type(self).__name__}({inside})"


class TaskOptions(_Options):
    """Options of a remote function.

    Attributes:
        num_returns: how many refs a call gives.
        returns: the same as a number; below zero for a stream: -1 - how many items it may be
            ahead, 0 for any number.
        max_retries: how often a lost task runs again; -1 = for ever.
        retry_exceptions: whether, or for which classes, an exception is worth a retry.
        amounts: what a running task holds.
        name: for messages.
        timeout: seconds a task may run, or None.
        priority: tasks of a higher one go first.
        runtime_env: the normalised environment, or None.
        max_calls: tasks after which a worker ends; 0 = no limit. 1 for tasks with GPUs, which
            hand their memory back only so.
        given: what the user gave.
    """

    __slots__ = (
        "amounts",
        "max_calls",
        "max_retries",
        "name",
        "num_returns",
        "priority",
        "retry_exceptions",
        "returns",
        "runtime_env",
        "timeout",
    )

    _kind = TASK

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__(given)
        values = _checked(TASK, given)
        self.num_returns: int | str = values["num_returns"]
        self.returns = _returns(values)
        self.timeout: float | None = values["timeout"]
        self.priority: int = values["priority"]
        self.max_retries: int = values["max_retries"]
        self.retry_exceptions: bool | tuple[type[BaseException], ...] = values["retry_exceptions"]
        self.amounts: Amounts = _amounts(values, cpus=resources.UNIT)
        self.name: str = values["name"]
        self.runtime_env: dict[str, Any] | None = values["runtime_env"]
        calls = values["max_calls"]
        self.max_calls: int = (1 if values["num_gpus"] else 0) if calls is None else calls


class ActorOptions(_Options):
    """Options of an actor class.

    Attributes:
        name, namespace: where ``get_actor`` finds it; None = not at all, the session's.
        lifetime: "detached", "non_detached" or None.
        detached: whether it outlives its program.
        get_if_exists: whether to take the living one of that name.
        max_restarts: how often it is restarted; -1 = for ever.
        max_task_retries: how often a lost call runs again; -1 = for ever.
        max_concurrency: calls at once; None = 1, or 1000 for async classes.
        max_pending_calls: calls that may wait, a caller; -1 = no limit.
        concurrency_groups: calls at once by name of group.
        out_of_order: whether a call whose arguments are ready may overtake one that waits for its.
        amounts: what it holds while it lives; nothing unless a resource was given.
        placement: what must be free to place it.
        runtime_env: the normalised environment, or None.
        given: what the user gave.
    """

    __slots__ = (
        "amounts",
        "concurrency_groups",
        "detached",
        "get_if_exists",
        "lifetime",
        "max_concurrency",
        "max_pending_calls",
        "max_restarts",
        "max_task_retries",
        "name",
        "namespace",
        "out_of_order",
        "placement",
        "runtime_env",
    )

    _kind = ACTOR

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__(given)
        values = _checked(ACTOR, given)
        self.name: str | None = values["name"]
        self.namespace: str | None = values["namespace"]
        self.lifetime: str | None = values["lifetime"]
        self.detached: bool = self.lifetime == "detached"
        self.get_if_exists: bool = values["get_if_exists"]
        if self.get_if_exists and self.name is None:
            raise ValueError("get_if_exists=True needs the option 'name': which actor is meant?")
        self.max_restarts: int = values["max_restarts"]
        self.max_task_retries: int = values["max_task_retries"] or 0
        self.max_concurrency: int | None = values["max_concurrency"]
        self.max_pending_calls: int = values["max_pending_calls"]
        self.concurrency_groups: dict[str, int] = dict(values["concurrency_groups"])
        self.out_of_order: bool = values["allow_out_of_order_execution"]
        self.runtime_env: dict[str, Any] | None = values["runtime_env"]
        # Ray's rule: an actor that asks for nothing needs a CPU to be placed and holds none;
        # one that asks for something holds it, and a CPU unless it says otherwise.
        asked = [values[name] is not None for name in ("num_cpus", "num_gpus")]
        if any(asked) or given.get("resources"):
            self.amounts: Amounts = _amounts(values, cpus=resources.UNIT)
            self.placement: Amounts = self.amounts
        else:
            self.amounts = _amounts(values, cpus=0)
            self.placement = _amounts(values, cpus=resources.UNIT)


class MethodOptions(_Options):
    """Options of an actor's method.

    Attributes:
        num_returns: how many refs a call gives.
        returns: the same as a number, as in ``TaskOptions``.
        max_task_retries: how often a lost call runs again; None = as the actor says.
        retry_exceptions: whether, or for which classes, an exception is worth a retry.
        concurrency_group: where it runs, or None.
        name: for messages.
        timeout: seconds a call may run, or None.
        given: what the user gave.
    """

    __slots__ = (
        "concurrency_group",
        "max_task_retries",
        "name",
        "num_returns",
        "retry_exceptions",
        "returns",
        "timeout",
    )

    _kind = METHOD

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__(given)
        values = _checked(METHOD, given)
        self.num_returns: int | str = values["num_returns"]
        self.returns = _returns(values)
        self.timeout: float | None = values["timeout"]
        self.max_task_retries: int | None = values["max_task_retries"]
        self.retry_exceptions: bool | tuple[type[BaseException], ...] = values["retry_exceptions"]
        self.concurrency_group: str | None = values["concurrency_group"]
        self.name: str = values["name"]


def _returns(values: Mapping[str, Any]) -> int:
    """How many results there are; below zero for a stream. What is "dynamic" is one object."""
    count: int | str = values["num_returns"]
    if isinstance(count, int):
        return count
    return 1 if count == "dynamic" else -1 - int(values["_generator_backpressure_num_objects"])


def _amounts(values: Mapping[str, Any], *, cpus: int) -> Amounts:
    """What ``values`` ask for, ``cpus`` where they don't say."""
    given = values["num_cpus"]
    return resources.pack(
        {
            **dict(values["resources"]),
            "CPU": cpus if given is None else given,
            "GPU": values["num_gpus"] or 0,
            "memory": values["memory"] or 0,
        }
    )
