"""What the head is told of a new actor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heliostat.engines.definitions import Definition
    from heliostat.engines.local.owner.session import Session
    from heliostat.model.options import ActorOptions

#: Calls an async actor runs at once unless told otherwise, as in Ray.
_ASYNC_CONCURRENCY = 1000


def actor_spec(
    session: Session, definition: Definition, options: ActorOptions, meta: tuple[Any, ...]
) -> dict[str, Any]:
    """An actor but for its arguments, in plain values; makes its class known.

    Raises:
        TypeError: the class can't be pickled.
    """
    is_async = has_coroutines(definition.target)
    concurrency = options.max_concurrency or (_ASYNC_CONCURRENCY if is_async else 1)
    groups = options.concurrency_groups
    ordered = concurrency == 1 and not is_async and not groups and not options.out_of_order
    return {
        "class": session.functions.key(definition),
        "name": options.name or "",
        "namespace": session.namespace if options.namespace is None else options.namespace,
        "detached": options.detached,
        "max_restarts": options.max_restarts,
        "max_concurrency": concurrency,
        "is_async": is_async,
        "groups": groups,
        "place": options.placement,
        "run": options.amounts,
        "env": session.env_of(options.runtime_env),
        "runtime_env": options.runtime_env or {},
        "traits": (ordered, options.max_pending_calls, options.max_task_retries),
        "meta": meta,
    }


def has_coroutines(cls: Any) -> bool:
    """Whether a class has ``async def`` methods: then it is an async actor."""
    async_flags = 0x80 | 0x200  # inspect.CO_COROUTINE, CO_ASYNC_GENERATOR, without its import
    for base in cls.__mro__:
        for member in vars(base).values():
            function = getattr(member, "__func__", member)
            code = getattr(function, "__code__", None)
            if code is not None and code.co_flags & async_flags:
                return True
    return False
