"""A program that forks: its child has no part in the session, and can have one of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.system.conftest import Program

Start = Callable[..., Program]

SESSION = """
ray.init(address="local", num_cpus=1)

@ray.remote
def add(a, b):
    return a + b

@ray.remote
class Counter:
    def __init__(self):
        self.calls = 0
    def add(self):
        self.calls += 1
        return self.calls

counter = Counter.remote()
small = ray.put("small")
big = ray.put(bytes(1 << 20))
view = ray.get(big)
result = add.remote(1, 2)
ray.get([result, counter.add.remote()])

def in_child(function):
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        try:
            function()
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(0)
    os.waitpid(pid, 0)
"""


def test_what_a_child_inherited_raises_and_names_the_fork(program: Start) -> None:
    made = program(
        SESSION
        + """
pending = add.remote(result, 1)
uses = {
    "get small": lambda: ray.get(small),
    "get big": lambda: ray.get(big),
    "get result": lambda: ray.get(result),
    "get pending": lambda: ray.get(pending),
    "wait": lambda: ray.wait([small]),
    "argument": lambda: add.remote(small, 1),
    "call": lambda: counter.add.remote(),
}

def child():
    say(ray.is_initialized())
    for name, use in uses.items():
        try:
            say(name, use())
        except Exception as error:
            say(name, type(error).__name__, str(os.getppid()) in str(error), "fork" in str(error))

in_child(child)
say(ray.get([small, result, pending]), ray.get(counter.add.remote()), len(ray.get(big)))
"""
    )
    assert made.line() == "False"
    for name in ("get small", "get big", "get result", "get pending", "wait", "argument", "call"):
        line = made.line()
        assert line.startswith(name), line
        assert line.endswith("True True"), line
    assert made.line() == "['small', 3, 4] 2 1048576"
    made.end()


def test_a_child_can_start_anew_while_its_parent_goes_on(program: Start) -> None:
    made = program(
        SESSION
        + """
def child():
    ray.init(address="local", num_cpus=1)
    say(ray.get(add.remote(20, 22)), ray.get(Counter.remote().add.remote()))
    ray.shutdown()
    say(ray.is_initialized())

in_child(child)
say(ray.get(add.remote(3, 4)), ray.get(counter.add.remote()))
"""
    )
    assert made.lines(3) == ["42 1", "False", "7 2"]
    made.end()


def test_what_was_read_before_the_fork_stays_readable(program: Start) -> None:
    made = program(
        SESSION
        + """
array = memoryview(ray.get(big))

def child():
    global big, view, small
    del big, view, small
    say(len(array), array[5])

in_child(child)
say(len(array), ray.get(small))
"""
    )
    assert made.lines(2) == ["1048576 0", "1048576 small"]
    made.end()


def test_a_child_that_ends_as_a_program_does_ends_no_session(program: Start) -> None:
    made = program(
        SESSION
        + """
sys.stdout.flush()
if not os.fork():
    sys.exit(0)  # runs what is registered for the end, ours too
os.wait()
say(ray.get(add.remote(1, 1)), ray.get(counter.add.remote()))
"""
    )
    assert made.line() == "2 2"
    made.end()


def test_a_child_can_fork_again(program: Start) -> None:
    made = program(
        SESSION
        + """
def child():
    ray.init(address="local", num_cpus=1)
    say(ray.get(add.remote(1, 1)))
    in_child(grandchild)
    say(ray.get(add.remote(3, 3)))
    ray.shutdown()

def grandchild():
    ray.init(address="local", num_cpus=1)
    say(ray.get(add.remote(2, 2)))
    ray.shutdown()

in_child(child)
say(ray.get(add.remote(4, 4)))
"""
    )
    assert made.lines(4) == ["2", "4", "6", "8"]
    made.end()


def test_forking_while_threads_get(program: Start) -> None:
    made = program(
        SESSION
        + """
add = add.options(num_cpus=0)
stop = False
sums = []

def submit():
    while not stop:
        sums.append(ray.get(add.remote(1, 1)))

def child():
    ray.init(address="local", num_cpus=1)
    assert ray.get(add.remote(1, 2)) == 3
    ray.shutdown()
    say("child")

threads = [threading.Thread(target=submit) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(4):
    in_child(child)
stop = True
for thread in threads:
    thread.join()
say(set(sums))
"""
    )
    assert made.lines(5) == ["child"] * 4 + ["{2}"]
    made.end()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_beside_a_session(program: Start, method: str) -> None:
    made = program(
        f"""
        import multiprocessing

        def square(x):
            return x * x

        if __name__ == "__main__":
            ray.init(address="local", num_cpus=1)
            remote = ray.remote(square)
            say(ray.get(remote.remote(3)))
            context = multiprocessing.get_context({method!r})
            with context.Pool(2) as pool:
                say(pool.map(square, range(5)))
                pool.close()
                pool.join()
            say(ray.get(remote.remote(4)))
        """
    )
    assert made.lines(3) == ["9", "[0, 1, 4, 9, 16]", "16"]
    made.end()


def test_a_task_may_use_multiprocessing(program: Start) -> None:
    made = program(
        SESSION
        + """
@ray.remote
def squares():
    import multiprocessing
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map(abs, range(-3, 3))
        pool.close()
        pool.join()
    return found

say(ray.get(squares.remote()))

@ray.remote
def fork():
    pid = os.fork()
    if not pid:
        os._exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

say(ray.get(fork.remote()))

@ray.remote
def use_in_child(ref):
    pid = os.fork()
    if not pid:
        status = 1
        try:
            ray.get(ref[0])
        except Exception as error:
            status = 5 if "fork" in str(error) else 6
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

say(ray.get(use_in_child.remote([ray.put(1)])))
"""
    )
    assert made.lines(3) == ["[3, 2, 1, 0, 1, 2]", "7", "5"]
    made.end()


def test_a_child_of_a_task_that_returns_does_not_answer_twice(program: Start) -> None:
    made = program(
        SESSION
        + """
@ray.remote
def fork():
    return os.fork() and 1

say([ray.get(fork.remote()) for _ in range(5)])
say(ray.get(add.remote(2, 2)))
"""
    )
    assert made.lines(2) == ["[1, 1, 1, 1, 1]", "4"]
    made.end()
