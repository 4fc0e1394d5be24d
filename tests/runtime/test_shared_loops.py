"""Threads that share loops: how many, calls from several threads at once, and forks."""

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tensorwright as tw

LINUX = sys.platform == "linux"


@pytest.fixture(autouse=True)
def _two_threads():
    before = tw.get_num_threads()
    tw.set_num_threads(2)
    yield
    tw.set_num_threads(before)


@tw.jit
def work(x):
    y = np.exp(x) + 1
    return y, y.sum(), y.sum(0)


def arrays(seed=0):
    return np.random.default_rng(seed).normal(size=(1001, 700))


def equal(found, expected):
    return all(map(np.array_equal, found, expected))


def threads_of_process():
    return len(os.listdir("/proc/self/task"))


@pytest.mark.parametrize("count", [0, -1])
def test_numbers_below_one_are_refused(count):
    with pytest.raises(ValueError, match=f"set_num_threads: {count} "):
        tw.set_num_threads(count)
    assert tw.get_num_threads() == 2


@pytest.mark.parametrize("count", [1.5, "2", None])
def test_other_things_than_integers_are_refused(count):
    with pytest.raises(TypeError):
        tw.set_num_threads(count)


def test_numpy_integers_are_numbers_of_threads():
    tw.set_num_threads(np.int64(3))
    assert tw.get_num_threads() == 3


def run_python(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(("value", "expected"), [("3", "3"), ("5,2", "5"), (" 1 ", "1")])
def test_the_environment_says_how_many(value, expected):
    code = "import tensorwright as tw; print(tw.get_num_threads())"
    assert run_python(code, OMP_NUM_THREADS=value) == [expected]


@pytest.mark.skipif(not LINUX, reason="other systems do not tell which processors may be used")
def test_the_processors_that_may_be_used_say_how_many():
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "import tensorwright as tw; print(tw.get_num_threads())"
    )
    for value in ("", "0", "many"):
        assert run_python(code, OMP_NUM_THREADS=value) == ["1"]


@pytest.mark.skipif(not LINUX, reason="counts threads in /proc")
def test_threads_start_when_they_are_needed_and_no_more_than_that():
    code = """
import os
import numpy as np
import tensorwright as tw

f = tw.jit(lambda x: np.exp(x))
x = np.ones(3_000_000)
tw.set_num_threads(1)
f(x)
counts = [len(os.listdir("/proc/self/task"))]
for threads in (3, 2, 5, 1):
    tw.set_num_threads(threads)
    for _ in range(3):
        f(x)
    counts.append(len(os.listdir("/proc/self/task")))
print(*(count - counts[0] for count in counts))
"""
    assert run_python(code) == ["0", "2", "2", "4", "4"]


def test_calls_from_several_threads():
    inputs = [arrays(seed) for seed in range(4)]
    tw.set_num_threads(1)
    expected = [work(x) for x in inputs]

    def call(k):
        tw.set_num_threads(k % 3 + 1)
        return all(equal(work(x), e) for x, e in zip(inputs, expected, strict=True))

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(call, range(30)))


def in_child(function):
    """Whether `function` returns True in a forked child."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if function() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_children_have_threads_of_their_own():
    x = arrays()
    expected = work(x)

    def child():
        good = not LINUX or threads_of_process() == 1
        good &= all(equal(work(x), expected) for _ in range(20))
        good &= not LINUX or threads_of_process() == 2
        return good and in_child(lambda: equal(work(x), expected))

    for _ in range(5):
        assert in_child(child)
        assert equal(work(x), expected)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_forks_while_threads_are_at_work():
    x = arrays()
    expected = work(x)
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(lambda: [work(x) for _ in range(60)])
        for _ in range(10):
            assert in_child(lambda: equal(work(x), expected))
        busy.result()


def _call(seed):
    return [part.sum() for part in work(arrays(seed))]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="the system has no fork"
)
def test_multiprocessing():
    expected = [_call(seed) for seed in range(6)]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(_call, range(6)) == expected
