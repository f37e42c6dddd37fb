"""The head: what processes ask of it, and what its decisions make happen.

It never imports user code and never unpickles a user's payload; what it reads are plain
containers and scalars. Decisions are ``core.leases``' and ``core.actors``'; this module feeds
them and carries out the actions they put out.
"""

from __future__ import annotations

import fcntl
import os
import pickle
import sys
import termios
import time
from collections.abc import Callable
from typing import Any

from heliostat.engines.local.core.actors import Actors
from heliostat.engines.local.core.leases import Leases
from heliostat.engines.local.head.actors import ActorShell
from heliostat.engines.local.head.audits import Audits
from heliostat.engines.local.head.code import Code
from heliostat.engines.local.head.logs import Logs, last_lines
from heliostat.engines.local.head.loop import Loop
from heliostat.engines.local.head.members import Job, Member, Members
from heliostat.engines.local.head.memory import Memory
from heliostat.engines.local.head.pool import Pool
from heliostat.engines.local.head.requests import Requests
from heliostat.engines.local.store.board import Board
from heliostat.engines.local.wire import messages

#: Seconds between looks while somebody waits for a worker.
_TICK = 0.02
#: The same while idle workers may become surplus, and for the size of log files.
_SLOW_TICK = 0.5
#: Seconds a worker has to end after it was asked to.
GRACE = 1.0


class Server:
    """The head's state and the handlers of every message to it."""

    def __init__(self, loop: Loop, board: Board, cluster: dict[str, Any], memory: Memory) -> None:
        self.loop = loop
        self.cluster = cluster
        self.members = Members(self._forget)
        self.leases = Leases(cluster["totals"], self.members.new_proc)
        self.actors = Actors()
        self.memory = memory
        self.pool: Pool
        self.ending: dict[int, float] = {}
        self.debug = False
        self._processes_ended = False
        self.audits = Audits(self)
        self._logs = Logs()
        self.board = board
        self.queue_fds: dict[tuple[int, int], int] = {}
        self._fds: list[int] = []
        self._actor_shell = ActorShell(self)
        self._lease_actions: dict[str, Callable[..., None]] = {
            "spawn": self._do_spawn,
            "attach": self._do_attach,
            "host": self._do_host,
            "detach": self._do_detach,
            "tell": self._do_tell,
            "kill": self.kill,
            "retire": self.retire,
        }
        code = Code(self)
        self._handlers: messages.Handlers = {
            messages.OPEN_QUEUE: self._on_open_queue,
            messages.DEMAND: self._on_demand,
            messages.BLOCKED: lambda member: self.leases.blocked(member.proc),
            messages.UNBLOCKED: lambda member: self.leases.unblocked(member.proc),
            messages.DETACHED: self._on_detached,
            messages.INTERRUPT: self._on_interrupt,
            messages.SYS_PATH: code.on_sys_path,
            messages.PUT_FUNCTION: code.on_put,
            messages.WANT_FUNCTION: code.on_want,
            messages.CONNECT: self._on_connect,
            messages.CREATE_ACTOR: self._actor_shell.on_create,
            messages.ACTOR_READY: self._actor_shell.on_ready,
            messages.KILL_ACTOR: self._actor_shell.on_kill,
            messages.WATCH_ACTOR: lambda member, actor: self.actors.watch(actor, member.proc),
            messages.REQUEST: Requests(self).answer,
            messages.LEAVING: self._on_leaving,
        }

    # -- reading --------------------------------------------------------------------------

    def receive(self, member: Member) -> None:
        """Handles what a process sent."""
        while True:
            try:
                packet = member.receiver.receive()
            except BlockingIOError:
                return
            except OSError:
                packet = None
            except (pickle.UnpicklingError, ValueError, EOFError) as error:
                self._expel(member, error)
                return
            if packet is None:
                self.loop.unwatch(member.receiver.sock.fileno())
                if member.is_program:
                    # Every copy is closed, its own among them: it will never say anything again.
                    member.reason = member.reason or "it closed its connection"
                    self.end_program(member)
                return
            received, self._fds = packet
            for message in received:
                self._handlers[message[0]](member, *message[1:])
            for fd in self._fds:
                os.close(fd)

    def _expel(self, member: Member, error: Exception) -> None:
        """A process sent what can't be read: it alone must go."""
        why = f"the head can't read what it sent: {error}"
        sys.stderr.write(f"process {member.pid} is expelled: {why}\n")
        member.reason = why
        if member.is_program:
            member.inbox.send(messages.exit_process(why, 0.0))
            self.end_program(member)
        else:
            self.pool.kill(member, why)

    def _forget(self, member: Member) -> None:
        self.loop.unwatch(member.receiver.sock.fileno())
        self.loop.forget(member.inbox)
        if member.pidfd >= 0:
            self.loop.unwatch(member.pidfd)

    # -- a turn ---------------------------------------------------------------------------

    def turn(self) -> float:
        """Decides, and carries the decisions out; seconds until the next look."""
        now = time.monotonic()
        leases = self.leases
        actors = self.actors
        leases.surplus(self.is_idle, now)
        leases.schedule(self.is_idle, now)
        while leases.actions or actors.actions:
            for action in _drained(actors.actions):
                self._actor_shell.carry_out(action)
            leases.schedule(self.is_idle, now)
            for action in _drained(leases.actions):
                self._lease_actions[action[0]](*action[1:])
        if self.debug:
            leases.check()
            actors.check()
        self._end_overdue(now)
        self.audits.turn(now)
        self._logs.turn(now, [member.log for member in self.pool.workers.values()])
        if leases.waiting or self.ending or self.audits.pending:
            return _TICK
        return _SLOW_TICK if self.pool.workers else -1.0

    def prestart(self, job: int, env: Any, count: int) -> None:
        """Starts workers for a program that has just joined."""
        self.leases.prestart(job, env, count, time.monotonic())

    def end_all(self) -> None:
        """The session is over: every worker is to end."""
        for proc in list(self.pool.workers):
            self.retire(proc, "the session ended")

    def is_idle(self, proc: int) -> bool:
        """Whether a leased worker waits for a packet and there is none for it."""
        member = self.members.get(proc)
        if member is None or not self.board.is_idle(member.slot):
            return member is None
        worker = self.leases.workers.get(proc)
        queue = worker.queue if worker is not None else None
        return queue is None or not _has_packet(self.queue_fds.get(queue.key, -1))

    # -- queues and leases ----------------------------------------------------------------

    def _on_open_queue(self, member: Member, queue: int, resources: Any, env: Any) -> None:
        key = (member.proc, queue)
        self.queue_fds[key] = self._fds.pop(0)
        self.leases.open_queue(key, member.job, resources, env)

    def _on_demand(self, member: Member, queue: int, workers: int) -> None:
        self.leases.demand((member.proc, queue), workers)

    def _on_detached(self, member: Member) -> None:
        worker = self.leases.workers.get(member.proc)
        queue = worker.queue if worker is not None else None
        self.leases.detached(member.proc, time.monotonic())
        if queue is not None and _has_packet(self.queue_fds.get(queue.key, -1)):
            # A packet was sent while the worker was on its way out.
            queue.demand = max(queue.demand, queue.running + 1)

    def _do_spawn(self, proc: int, job: int, env: Any) -> None:
        setup = self.members.jobs[job].setup
        setup = {
            **setup,
            "env": env,
            "log": os.path.join(self.cluster["session_dir"], f"worker-{proc}"),
        }
        self.pool.spawn(proc, job, setup, self.receive)

    def _do_attach(self, proc: int, key: tuple[int, int], gpus: Any) -> None:
        owner, number = key
        inbox = self.members.introduce(owner, proc)
        queue = self.leases.queues[key]
        env = {"resources": queue.resources, "gpus": self._gpu_ids(gpus)}
        if inbox is not None:
            fds = (self.queue_fds[key], inbox)
            self.members.tell(proc, messages.attach(number, owner, env), fds)
        self._tell_workers(key)

    def _gpu_ids(self, gpus: Any) -> list[str]:
        """The devices' ids as CUDA knows them; by number where the host has none such."""
        ids = self.cluster["gpu_ids"]
        return [ids[index] if index < len(ids) else str(index) for index, _ in gpus]

    def _do_detach(self, proc: int) -> None:
        self.members.tell(proc, messages.detach())

    def _do_tell(self, proc: int, key: tuple[int, int]) -> None:
        self._tell_workers(key)

    def _tell_workers(self, key: tuple[int, int]) -> None:
        queue = self.leases.queues.get(key)
        if queue is not None:
            slots = [(proc, self.members.slot_of(proc)) for proc in queue.attached]
            message = messages.workers(key[1], tuple(slots), queue.demand, queue.blocked)
            self.members.tell(key[0], message)

    def kill(self, proc: int, reason: str) -> None:
        """Ends a worker at once."""
        member = self.members.get(proc)
        if member is not None and not member.is_program:
            self.pool.kill(member, reason)

    def _on_interrupt(
        self, member: Member, proc: int, packet: int, index: int, force: bool
    ) -> None:
        """An owner cancels the task that one of its workers runs, if it still does."""
        worker = self.members.get(proc)
        if worker is not None and self.board.running(worker.slot) == (packet, index):
            if force:
                self.pool.kill(worker, "its task was cancelled")
            else:
                self.pool.interrupt(worker)

    def retire(self, proc: int, reason: str = "idle") -> None:
        """Asks a worker to end; it is killed if it does not."""
        member = self.members.get(proc)
        if member is not None:
            member.reason = member.reason or reason
            member.inbox.send(messages.exit_process(reason, GRACE))
            self.ending.setdefault(proc, time.monotonic() + GRACE)

    def _end_overdue(self, now: float) -> None:
        for proc, deadline in list(self.ending.items()):
            if proc not in self.pool.workers:
                del self.ending[proc]
            elif now > deadline:
                self.pool.kill(self.pool.workers[proc], "")

    def _do_host(self, proc: int, actor_id: bytes, gpus: Any) -> None:
        actor = self.actors.hosted(actor_id, proc)
        if actor is None:
            self.retire(proc, "unused")
            return
        spec = {**actor.spec, "resources": actor.spec["run"], "gpus": self._gpu_ids(gpus)}
        self.members.tell(proc, messages.host_actor(actor_id, actor.incarnation, spec))

    # -- introductions --------------------------------------------------------------------

    def _on_connect(self, member: Member, proc: int) -> None:
        inbox = self.members.introduce(proc, member.proc)
        if inbox is None:
            member.inbox.send(messages.peer(proc, False))
        else:
            member.inbox.send(messages.peer(proc, True), (inbox,))

    # -- the end of processes -------------------------------------------------------------

    def _on_leaving(self, member: Member, reason: str) -> None:
        member.reason = reason
        if member.is_program:
            self.end_program(member)
        elif self.board.is_idle(member.slot):
            # One that leaves out of a task has its packet with it: its death will say so.
            self.leases.leaving(member.proc, time.monotonic())

    def worker_exited(self, member: Member, status: int, peak_kib: int) -> None:
        """The template reaped a worker."""
        self.receive(member)  # what it said last counts
        worker = self.leases.workers.get(member.proc)
        packet, index = self.board.running(member.slot)
        death = {
            "pid": member.pid,
            "status": status,
            "peak_kib": peak_kib,
            "stderr": last_lines(member.log, self.cluster["log_lines"]) if status else "",
            "reason": member.reason,
            "packet": packet,
            "index": index,
        }
        if worker is not None and worker.queue is not None:
            owner, queue = worker.queue.key
            death.update(owner=owner, queue=queue)
            member.known_by.add(owner)
            if not packet:
                self.audits.suspect(worker.queue.key, time.monotonic())
        self.leases.died(member.proc)
        self.members.remove(member)
        self._process_gone(member, death)

    def end_program(self, member: Member) -> None:
        """A program left or died: its job ends."""
        if self.members.get(member.proc) is None:
            return
        self.members.remove(member)
        self._process_gone(member, {"reason": member.reason or "the program ended"})
        self.leases.close_job(member.job, time.monotonic())

    def _process_gone(self, member: Member, death: dict[str, Any]) -> None:
        self._processes_ended = True
        self.memory.give_back(member, member.granted)
        self.actors.process_died(member.proc, death)
        self.actors.creator_died(member.proc)
        self.leases.close_owner(member.proc, self.is_idle, time.monotonic())
        for key in [key for key in self.queue_fds if key[0] == member.proc]:
            os.close(self.queue_fds.pop(key))
        for proc in member.known_by:
            self.members.tell(proc, messages.died(member.proc, death))

    def forget_ended_jobs(self) -> None:
        """Drops what is kept for jobs that have no process left."""
        if not self._processes_ended:
            return
        self._processes_ended = False
        alive = {member.job for member in self.members}
        waiting = {actor.job for actor in self.actors.living()}
        for job in [job for job in self.members.jobs if job not in alive | waiting]:
            del self.members.jobs[job]


def _drained(actions: list[Any]) -> list[Any]:
    drained = actions[:]
    actions.clear()
    return drained


def _has_packet(fd: int) -> bool:
    """Whether a queue has a packet to read. Not by poll: a queue whose owner is gone is
    readable too, and has none."""
    if fd < 0:
        return False
    waiting = fcntl.ioctl(fd, termios.FIONREAD, bytes(4))
    return waiting != bytes(4)


def setup_of(job: Job, about: dict[str, Any], cluster: dict[str, Any]) -> dict[str, Any]:
    """What the workers of a job start with, and their sessions know."""
    return {
        "job": job.number,
        "driver": job.proc,
        "namespace": about["namespace"],
        "log_to_driver": about["log_to_driver"],
        "executable": about["executable"],
        "sys_path": about["sys_path"],
        "argv": about["argv"],
        "cwd": about["cwd"],
        "environ": about["environ"],
        "uid": cluster["uid"],
        "node": cluster["node"],
        "address": cluster["address"],
        "totals": cluster["totals"],
        "gpus": cluster["totals"].get("GPU", 0),
        "debug": about["debug"],
    }
