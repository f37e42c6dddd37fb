"""Every message of the embedded engine: its opcode, its fields, who sends it to whom.

A message is a plain tuple ``(opcode, *fields)``: a tuple pickles in 0.47 us where a
slots dataclass takes 3.1 us. It is built by the function of its name below and opened by
``dispatch``, which calls the handler registered under the opcode with the fields as
arguments; a handler's parameters therefore repeat the names given here.

Names of fields used throughout:

* ``proc``: number of a process in its session, given out by the head (``HEAD`` is 0).
* ``queue``: number of a task queue, unique in its owner.
* ``packet``: number of a packet of tasks, unique in its owner.
* ``number``: number of an object or a task, unique in its owner.
* ``payload``: a value on its way: a plain scalar as itself, else a tuple of ``values``.
* ``fds``: how many of the packet's descriptors belong to this message, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Message = tuple[Any, ...]
Handlers = Mapping[int, Callable[..., Any]]

HEAD = 0

# --- owner -> worker, over the owner's task queue ---------------------------------------
TASKS = 1
# --- any process -> head -----------------------------------------------------------------
HELLO = 10
OPEN_QUEUE = 11
DEMAND = 12
BLOCKED = 13
UNBLOCKED = 14
DETACHED = 15
PUT_FUNCTION = 16
WANT_FUNCTION = 17
CONNECT = 18
CREATE_ACTOR = 19
ACTOR_READY = 20
KILL_ACTOR = 21
REQUEST = 22
LEAVING = 23
WATCH_ACTOR = 24
SYS_PATH = 25
INTERRUPT = 26
# --- template -> head --------------------------------------------------------------------
SPAWNED = 30
EXITED = 31
# --- head -> template --------------------------------------------------------------------
SPAWN = 35
KILL = 36
# --- head -> any process -----------------------------------------------------------------
WELCOME = 40
ATTACH = 41
DETACH = 42
WORKERS = 43
DIED = 44
FUNCTION = 45
PEER = 46
HOST_ACTOR = 47
ACTOR = 48
REPLY = 49
EXIT = 50
AUDIT = 51
# --- process -> process ------------------------------------------------------------------
DONE = 60
CALLS = 61
WANT = 62
VALUE = 63
BORROW = 64
RETURN_BORROW = 65
FREE_BLOCK = 66
LOG = 67
ANSWERS = 68
PARTED = 69
CANCEL = 70
CANCEL_CHILDREN = 71
CANCEL_CALL = 72
ITEMS = 73
TAKEN = 74


def dispatch(handlers: Handlers, message: Message) -> None:
    """Calls the handler of ``message`` with its fields.

    Raises:
        KeyError: no handler is registered for the opcode.
    """
    handlers[message[0]](*message[1:])


# --- tasks -------------------------------------------------------------------------------


def tasks(
    packet: int,
    function: bytes,
    name: str,
    returns: int,
    timeout: float | None,
    calls: Sequence[tuple[Any, ...]],
) -> Message:
    """A packet of tasks of one function, each with ``returns`` results; below zero, each is a
    stream of them that is at most ``-1 - returns`` items ahead, 0 for no limit.

    ``name`` is what the user called them, or empty; each may run ``timeout`` seconds. A call is
    ``(number, args)`` when every argument is a plain scalar, else ``(number, blob, slots)``, or
    ``(number, args, where, index)`` if it takes the result of an earlier one: see
    ``owner.arguments``.
    """
    return (TASKS, packet, function, name, returns, timeout, calls)


def done(
    queue: int, packet: int, proc: int, elapsed: float, results: list[Any], kept: list[Any]
) -> Message:
    """Results of the first ``len(results)`` calls of ``packet``, run in ``elapsed`` seconds.

    ``kept`` names the borrowed objects, as ``(owner, number)``, that the worker goes on
    holding after the last of these calls.
    """
    return (DONE, queue, packet, proc, elapsed, results, kept)


def parted(queue: int, packet: int, proc: int, results: list[Any], kept: list[Any]) -> Message:
    """The task after the first ``len(results)`` of ``packet`` waits for others: these results
    come ahead of it, the calls behind it are handed back, and it stays alone. ``kept`` as in
    ``done``."""
    return (PARTED, queue, packet, proc, results, kept)


# --- to the head -------------------------------------------------------------------------


def hello(about: dict[str, Any]) -> Message:
    """A program's first message, after the token, with one descriptor: the writing end of
    its inbox. ``about`` holds pid, versions, cwd, sys.path, namespace and so on."""
    return (HELLO, about)


def open_queue(queue: int, resources: tuple[tuple[str, int], ...], env: tuple[Any, ...]) -> Message:
    """A task queue whose workers need ``resources`` each and start with the environment
    variables ``env``; carries the reading end."""
    return (OPEN_QUEUE, queue, resources, env)


def demand(queue: int, workers: int) -> Message:
    """The owner could keep ``workers`` workers of this queue busy now."""
    return (DEMAND, queue, workers)


def blocked() -> Message:
    """The task running here waits in ``get`` or ``wait``: its CPU may be lent."""
    return (BLOCKED,)


def unblocked() -> Message:
    """The wait is over; the task goes on at once."""
    return (UNBLOCKED,)


def detached() -> Message:
    """The worker closed its task queue, as ``detach`` asked, and is idle."""
    return (DETACHED,)


def put_function(key: bytes, blob: bytes) -> Message:
    """A pickled function or class under its content hash."""
    return (PUT_FUNCTION, key, blob)


def sys_path(path: list[str]) -> Message:
    """The program's ``sys.path`` changed: so must that of its workers, to which the head
    passes this on."""
    return (SYS_PATH, path)


def want_function(key: bytes) -> Message:
    """Answered by ``function`` as soon as the head has it."""
    return (WANT_FUNCTION, key)


def connect(proc: int) -> Message:
    """Answered by ``peer``."""
    return (CONNECT, proc)


def create_actor(actor: bytes, spec: dict[str, Any], call: Any) -> Message:
    """Creates an actor; ``spec`` is made by ``owner.actors``, ``call`` holds the arguments of
    its constructor. A named actor was registered by a request before."""
    return (CREATE_ACTOR, actor, spec, call)


def actor_ready(actor: bytes, incarnation: int, error: Any, kept: list[Any]) -> Message:
    """The constructor returned (``error`` None) or raised (``error`` its payload); ``kept`` of
    its arguments as in ``done``, for the creator."""
    return (ACTOR_READY, actor, incarnation, error, kept)


def kill_actor(actor: bytes, no_restart: bool, reason: str) -> Message:
    """``reason`` is ``"kill"`` or ``"out of scope"``."""
    return (KILL_ACTOR, actor, no_restart, reason)


def watch_actor(actor: bytes) -> Message:
    """Sends every state of the actor to this process from now on, beginning with today's."""
    return (WATCH_ACTOR, actor)


def interrupt(proc: int, packet: int, index: int, force: bool) -> Message:
    """The sender's task at this place is cancelled: interrupts its worker, or kills it with
    ``force``, if it is still there."""
    return (INTERRUPT, proc, packet, index, force)


def request(number: int, verb: str, args: tuple[Any, ...]) -> Message:
    """A question to the head outside the data path; answered by ``reply``."""
    return (REQUEST, number, verb, args)


def leaving(reason: str) -> Message:
    """The process ends on purpose: ``"exit"``, ``"exit_actor"``, ``"max_calls"``, ``"idle"``."""
    return (LEAVING, reason)


# --- template ----------------------------------------------------------------------------


def spawn(proc: int, slot: int, setup: dict[str, Any]) -> Message:
    """Forks a worker. Carries its inbox (both ends), its head connection and its log file."""
    return (SPAWN, proc, slot, setup)


def spawned(proc: int, pid: int) -> Message:
    """The fork succeeded."""
    return (SPAWNED, proc, pid)


def kill(proc: int, signal: int) -> Message:
    """Sends ``signal`` to the worker, SIGKILL to its process group; the template alone may, since
    it is the one that reaps."""
    return (KILL, proc, signal)


def exited(proc: int, status: int, peak_kib: int) -> Message:
    """The worker was reaped: its wait status and its peak resident memory in KiB."""
    return (EXITED, proc, status, peak_kib)


# --- from the head -----------------------------------------------------------------------


def welcome(proc: int, about: dict[str, Any]) -> Message:
    """The head accepted a program. Carries the board's descriptor."""
    return (WELCOME, proc, about)


def attach(queue: int, owner: int, env: dict[str, Any]) -> Message:
    """Take packets from this queue. Carries the queue's reading end and the owner's inbox."""
    return (ATTACH, queue, owner, env)


def detach() -> Message:
    """Take no further packet; answered by ``detached`` once the present one ended."""
    return (DETACH,)


def workers(
    queue: int, attached: tuple[tuple[int, int], ...], granted: int, blocked: int
) -> Message:
    """The workers now attached to the owner's ``queue``, each with its slot of the board; how
    many it has demanded in the head's eyes; how many of the attached are blocked in ``get``."""
    return (WORKERS, queue, attached, granted, blocked)


def died(proc: int, death: dict[str, Any]) -> Message:
    """A process ended. ``death`` has ``status``, ``peak_kib``, ``stderr``, ``reason``,
    ``owner`` and ``queue`` (whose tasks it ran), ``packet`` and ``index`` (what it was running by
    its slot of the board)."""
    return (DIED, proc, death)


def audit(queue: int, drained: list[int], claimed: list[int]) -> Message:
    """A while after a worker of the owner's ``queue`` died with no packet to its name: the
    packets nobody had read, taken out again, and those on the board; see
    ``TaskQueue.audited``."""
    return (AUDIT, queue, drained, claimed)


def function(key: bytes, blob: bytes) -> Message:
    """Answers ``want_function``."""
    return (FUNCTION, key, blob)


def peer(proc: int, alive: bool) -> Message:
    """Introduces a process; carries the writing end of its inbox if ``alive``."""
    return (PEER, proc, alive)


def host_actor(actor: bytes, incarnation: int, spec: dict[str, Any]) -> Message:
    """Become this actor."""
    return (HOST_ACTOR, actor, incarnation, spec)


def actor(
    actor_id: bytes, state: str, incarnation: int, proc: int, about: dict[str, Any]
) -> Message:
    """The actor's new state for whoever watches it: ``about`` has the cause of a death.
    With ``proc`` other than 0 it carries the writing end of the actor's inbox."""
    return (ACTOR, actor_id, state, incarnation, proc, about)


def reply(number: int, ok: bool, value: Any) -> Message:
    """Answers ``request``; when not ``ok``, ``value`` is ``(error name, text)``."""
    return (REPLY, number, ok, value)


def exit_process(reason: str, grace: float) -> Message:
    """End yourself within ``grace`` seconds, after the work already received."""
    return (EXIT, reason, grace)


# --- between processes -------------------------------------------------------------------


def calls(actor_id: bytes, caller: int, incarnation: int, batch: list[tuple[Any, ...]]) -> Message:
    """Actor calls in order. A call is ``(number, method, args)`` or
    ``(number, method, blob, slots)``, as for tasks; ``method`` is
    ``(name, returns, called, group, timeout)`` where any of these is given."""
    return (CALLS, actor_id, caller, incarnation, batch)


def want(number: int, proc: int) -> Message:
    """Send me this object of yours when it is ready."""
    return (WANT, number, proc)


def value(owner: int, number: int, state: int, payload: Any) -> Message:
    """Answers ``want``."""
    return (VALUE, owner, number, state, payload)


def borrow(number: int, proc: int, count: int) -> Message:
    """``proc`` holds ``count`` more borrows of this object of yours."""
    return (BORROW, number, proc, count)


def return_borrow(number: int, proc: int, count: int) -> Message:
    """``proc`` gives back ``count`` borrows."""
    return (RETURN_BORROW, number, proc, count)


def free_block(arena: int, offset: int, clean: bool) -> Message:
    """The block of your arena has no reader left; not ``clean``: never reuse it."""
    return (FREE_BLOCK, arena, offset, clean)


def log(pid: int, name: str, lines: list[tuple[int, str]]) -> Message:
    """Lines a worker printed, each with its stream's number, for its job's driver. ``name``
    is the actor's, if it is one."""
    return (LOG, pid, name, lines)


def cancel(number: int, force: bool, recursive: bool) -> Message:
    """The task that makes this object of yours is cancelled by who borrows it."""
    return (CANCEL, number, force, recursive)


def cancel_children(parent: Any, force: bool) -> Message:
    """What you run or ran as ``parent`` is cancelled: so is what it submitted. A task is its
    number, a call ``(caller, number)``."""
    return (CANCEL_CHILDREN, parent, force)


def cancel_call(caller: int, number: int, recursive: bool) -> Message:
    """The caller cancels this call to the actor that you are."""
    return (CANCEL_CALL, caller, number, recursive)


def items(
    number: int, proc: int, first: int, payloads: list[Any], last: bool, ahead: bool
) -> Message:
    """What your streaming task ``number`` has yielded, from its item ``first`` on; ``last`` after
    the last one. With ``ahead`` the sender, ``proc``, wants to be told by ``taken``."""
    return (ITEMS, number, proc, first, payloads, last, ahead)


def taken(number: int, owner: int, count: int) -> Message:
    """So many items of my task were taken; below zero: I want none of them."""
    return (TAKEN, number, owner, count)


def answers(actor_id: bytes, proc: int, results: list[tuple[int, Any]], kept: list[Any]) -> Message:
    """Results of actor calls, each as ``(number, payload)``; ``kept`` as in ``done``."""
    return (ANSWERS, actor_id, proc, results, kept)
