"""An actor in its process: construction, its calls by one of three ways, its end.

* one call at a time, in the main thread, in the order of arrival;
* ``max_concurrency`` threads;
* an event loop in the main thread, for classes with coroutine methods.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

from heliostat.engines.definitions import ExitActor
from heliostat.engines.local.owner import arguments
from heliostat.engines.local.owner.references import Lent
from heliostat.engines.local.store import values
from heliostat.engines.local.wire import messages
from heliostat.engines.local.worker import alarm, outcome, streaming, threaded_actor
from heliostat.engines.local.worker.calls import Answers, Call
from heliostat.engines.local.worker.streaming import OUT_BOUND

if TYPE_CHECKING:
    from heliostat.engines.local.worker.process import WorkerProcess


class ActorHost:
    """The actor of this process.

    Attributes:
        actor_id: its id.
        instance: the user's object, once constructed.
        leaving: why it ends on its own account, if it does.
        lock: guards the answers where several threads give them.
    """

    def __init__(
        self, process: WorkerProcess, actor_id: bytes, incarnation: int, spec: dict[str, Any]
    ) -> None:
        self.process = process
        self.session = process.session
        self.actor_id = actor_id
        self.instance: Any = None
        self.answers = Answers(process, actor_id)
        self._incarnation = incarnation
        self._spec = spec
        self._lent: Lent = []
        payload, slots = spec["call"]
        self._creation = outcome.opened(
            process, payload, slots, self.session.loop.take_fd, self._lent
        )
        self.leaving = ""
        self.max_concurrency: int = spec["max_concurrency"]
        #: Calls at once of each concurrency group; the nameless one is for all other calls.
        self.groups: dict[str, int] = spec["groups"]
        self.lock = threading.Lock()
        self._methods: dict[str, Callable[..., Any]] = {}
        # Of each thread and each coroutine its own.
        self._running: ContextVar[Call | None] = ContextVar("call", default=None)
        #: Calls, as caller and number, that were cancelled before they ended.
        self.cancelled: set[tuple[int, int]] = set()
        #: Told of each by who serves the calls, if there is more to do than to note it.
        self.on_cancel: Callable[[tuple[int, int]], None] = lambda _: None

    # -- life -----------------------------------------------------------------------------

    def run(self) -> None:
        """Constructs the actor and serves its calls until it ends."""
        if self._spec["is_async"]:
            from heliostat.engines.local.worker.async_actor import serve
        elif self._spec["max_concurrency"] > 1 or self.groups:
            serve = threaded_actor.serve
        else:
            serve = serve_serially
        serve(self)
        if self.instance is not None:
            self._shut_down()
        self.process.leave(self.leaving or self.process.reason or "exit")

    def construct(self) -> bool:
        """Makes the instance and tells the head; False if the constructor raised."""
        spec = self._spec
        error: Any = None
        try:
            cls = values.loads(self.process.fetch_code(spec["class"]))
            args, kwargs = arguments.decode(*self._creation)
            self.instance = cls(*args, **kwargs)
            del args, kwargs
        except BaseException as raised:  # noqa: BLE001 - the user's
            if isinstance(raised, SystemExit):
                self.leaving = "exit_actor"
            error = outcome.failed_construction(self.process, spec["meta"][0], raised).payload
            raised.__traceback__ = None
        self._creation = (None, [])
        session = self.session
        with session.loop.lock:
            self.process.output.send_lines()
            kept = session.references.kept(self._lent, messages.HEAD)
            session.head.send(messages.actor_ready(self.actor_id, self._incarnation, error, kept))
        self._lent = []
        self.process.ending = self.process.ending or error is not None
        return error is None

    def _shut_down(self) -> None:
        """Runs the actor's own ``__ray_shutdown__``."""
        method = getattr(self.instance, "__ray_shutdown__", None)
        if method is not None:
            try:
                method()
            except Exception:  # noqa: BLE001 - the user's; the actor ends all the same
                import traceback

                traceback.print_exc()

    def limits(self) -> dict[str, int]:
        """Calls at once of each group; the nameless one is the default."""
        return {"": self.max_concurrency, **self.groups}

    def accepts(self, call: Call) -> bool:
        """Whether the call can be run as it asks for; if not, it is answered with an error."""
        error: Exception
        if call.timeout is not None and not self._spec["is_async"]:
            error = NotImplementedError(
                "timeout= of a call needs an actor that runs one call at a time, or an async one: "
                "this one runs them in threads, which can't be ended"
            )
        elif not call.group or call.group in self.groups:
            return True
        else:
            known = ", ".join(sorted(self.groups)) or "none"
            error = ValueError(
                f"the actor {self.describe()} has no concurrency group {call.group!r}; it has: "
                f"{known}"
            )
        with self.lock:
            self.answer(call, self.failed(call, error))
            self.send_answers()
        return False

    @property
    def finished(self) -> bool:
        """It is to end and has nothing left to do."""
        return self.process.ending and not self.process.calls

    # -- calls ----------------------------------------------------------------------------

    def method(self, name: str) -> Callable[..., Any]:
        """What a call of ``name`` runs."""
        method = self._methods.get(name)
        if method is None:
            special = _SPECIAL.get(name)
            method = getattr(self.instance, name) if special is None else special.__get__(self)
            self._methods[name] = method
        return method

    def run_call(self, call: Call) -> Any:
        """Runs a call to its value or ``outcome.Failure``."""
        self._running.set(call)
        if self.cancelled and call.key in self.cancelled:
            return outcome.cancelled()
        try:
            method = self.method(call.method)
            args, kwargs = call.arguments()
            value = method(*args, **kwargs)
            if call.returns < 0 and not hasattr(value, "__anext__"):
                value = streaming.run(self.sender(call), value, partial(self.failed, call), _never)
            return value
        except SystemExit as error:
            self.leave_by(error)
            return None
        except BaseException as error:  # noqa: BLE001 - the user's
            return self.failed(call, error)

    def run_timed(self, call: Call) -> Any:
        """As ``run_call``, for as long as the call may take; then the process ends, and the board
        says for which call."""
        self.process.executor.note(call.number, call.caller)
        alarm.start(call.timeout or 0.0)
        try:
            return self.run_call(call)
        finally:
            alarm.stop()
            self.process.executor.note(0, 0)

    def failed(self, call: Call, error: BaseException) -> outcome.Failure:
        """What came of a call that raised."""
        return outcome.failed(self.process, self._methods.get(call.method), error)

    def sender(self, call: Call) -> streaming.Sender:
        """Takes what a call yields."""
        return streaming.Sender(self.process, call.caller, call.number, call.returns)

    def leave_by(self, error: SystemExit) -> None:
        """A call raised SystemExit: by ``exit_actor``, or else as any program would."""
        self.leaving = self.process.exit_by(error)
        self.process.ending = True
        self.process.calls.clear()

    def answer(self, call: Call, value: Any) -> None:
        """Files the answer of a call."""
        if self.leaving:
            return  # its caller learns that the actor ended
        if self.cancelled:
            self.cancelled.discard(call.key)
        fds: list[int] = []
        wired = outcome.to_wire(self.process, value, call.returns, call.caller, fds)
        self.answers.add(call, wired, fds)

    def cancel(self, caller: int, number: int, recursive: bool) -> None:
        """A caller wants a call no more. One that waits for its turn is answered then, unrun."""
        key = (caller, number)
        self.cancelled.add(key)
        self.on_cancel(key)
        if recursive:
            session = self.session
            with session.loop.lock:
                session.cancels.on_cancel_children(key, False)

    def waiting(self, calls: deque[Call], key: tuple[int, int]) -> Call | None:
        """Takes a call out of a queue, if it is there: it was not begun."""
        for call in list(calls):
            if call.key == key:
                try:
                    calls.remove(call)
                except ValueError:  # begun by another thread just now
                    return None
                return call
        return None

    def running(self) -> tuple[int, int] | None:
        """Caller and number of the call whose code asks."""
        call = self._running.get()
        return None if call is None else call.key

    def is_cancelled(self) -> bool:
        """Whether the call whose code asks was cancelled."""
        if self._spec["is_async"]:
            raise RuntimeError("This method is not supported in an async actor.")
        self.session.pump.turn(0)
        return self.running() in self.cancelled

    def send_answers(self) -> None:
        """Sends what was filed, and waits while the callers don't take it."""
        session = self.session
        with session.loop.lock:
            self.answers.send()
            session.releases.settle()
        if session.peers.waiting > OUT_BOUND:
            session.pump.wait(lambda: session.peers.waiting <= OUT_BOUND)

    def _ray_ready(self) -> bool:
        return True

    def _ray_terminate(self) -> None:
        raise ExitActor

    def _ray_call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return function(self.instance, *args, **kwargs)

    # -- facts ----------------------------------------------------------------------------

    def describe(self) -> str:
        """The actor's class, for messages."""
        return str(self._spec["meta"][0])

    def repr(self) -> str:
        """``repr`` of the instance, whatever the user's does."""
        try:
            return repr(self.instance)
        except Exception:  # noqa: BLE001 - a user's __repr__
            return object.__repr__(self.instance)

    def context(self) -> dict[str, Any]:
        """Facts for ``get_runtime_context``."""
        spec = self._spec
        call = self._running.get()
        class_name, module, _ = spec["meta"]
        facts: dict[str, Any] = {}
        if call is not None:
            facts["task_id"] = self.process.task_id(call.caller, call.number)
            facts["task_name"] = call.called or f"{class_name}.{call.method}"
            facts["function_name"] = f"{module}.{class_name}.{call.method}"
        return {
            **facts,
            "actor_id": self.actor_id,
            "actor": self.session.actors.handle(self.actor_id, spec["traits"], spec["meta"], None),
            "actor_name": spec["name"] or None,
            "namespace": spec["namespace"],
            "restarts": self._incarnation - 1,
        }


#: Packets read at most before a call is run, of those that are there.
_LOOKS = 16


def _never(_: BaseException) -> bool:
    """Nothing that a generator raises here ends its call as a whole."""
    return False


_SPECIAL: dict[str, Any] = {
    "__ray_ready__": ActorHost._ray_ready,
    "__ray_terminate__": ActorHost._ray_terminate,
    "__ray_call__": ActorHost._ray_call,
}


def serve_serially(host: ActorHost) -> None:
    """One call at a time, in the main thread."""
    process = host.process
    pump = host.session.pump
    calls = process.calls
    if not host.construct():
        return
    answers = host.answers

    def look() -> None:
        """Reads on: a call that came may have been cancelled by what came after it."""
        for _ in range(_LOOKS):
            if not pump.turn(0):
                return

    while True:
        alone = len(calls) == 1
        while calls:
            call = calls.popleft()
            value: Any
            host.session.before_user_code()
            try:
                process.task = call.number  # from here on Ctrl-C is for the call
                value = host.run_call(call) if call.timeout is None else host.run_timed(call)
                process.task = 0
            except KeyboardInterrupt as error:  # a step before the user's code, or after it
                process.task = 0
                value = outcome.failed(process, None, error)
            host.answer(call, value)
            call = value = None  # type: ignore[assignment]
            if not calls and not alone:
                pump.turn(0)  # a call that is here already shares its message with this answer
            if answers.due or not calls:
                host.send_answers()
                if calls:
                    look()
        if host.finished:
            return
        pump.wait(lambda: calls or process.ending)
        look()
