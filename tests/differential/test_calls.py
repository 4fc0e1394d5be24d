"""Calls of jitted functions as programs make them: threads, forks, many shapes, odd callables."""

import collections
import dataclasses
import faulthandler
import functools
import gc
import multiprocessing
import os
import random
import resource
import subprocess
import sys
import threading
import time
import weakref

import numpy as np
import pytest

import tensorwright as tw
from support.jitted import check_calls, difference
from tensorwright.runtime import cpu

RNG = np.random.default_rng(29)


@pytest.fixture
def compiled(monkeypatch):
    """The names of the programs that are loaded, as they come."""
    names, load = [], cpu.load

    def counting(program):
        names.append(program.name)
        return load(program)

    monkeypatch.setattr(cpu, "load", counting)
    return names


def softmax(x):
    x = np.exp(x - x.max(axis=-1, keepdims=True))
    return x / x.sum(axis=-1, keepdims=True)


# --- how often a function is compiled ------------------------------------------------------------


def test_compilations_per_pattern_of_shapes(compiled):
    """Once for the first sizes, once with symbols, then never; 0 and 1 are sizes of their own."""
    function = tw.jit(lambda x, y: x @ y + x.sum())
    for sizes, count in [
        ((3, 4), 1),
        ((3, 4), 1),
        ((5, 4), 2),
        ((9, 4), 2),
        ((2, 4), 2),
        ((9, 7), 3),
        ((4, 8), 3),
        ((100, 3), 3),
        ((1, 8), 4),
        ((1, 9), 4),
        ((0, 8), 5),
        ((8, 1), 6),
        ((70, 70), 6),
    ]:
        function(np.ones(sizes), np.ones((sizes[1], 2)))
        assert len(compiled) == count, sizes


def test_compilations_per_type(compiled):
    function = tw.jit(lambda x, k: x * k)
    x = np.ones(3)
    calls = [(x, 2), (x, 3), (x[::2], 3), (x[:2].astype(">f8"), 7), (x, 2.5), (x, -1.0)]
    calls += [(x.astype("f4"), 1), (x.astype("f4"), 2), (x[0], 2), (x[1], 3), (x.reshape(1, 3), 2)]
    for arguments in calls:
        function(*arguments)
    kinds = {(np.asarray(x).dtype, np.ndim(x), type(k)) for x, k in calls}
    assert len(compiled) <= 2 * len(kinds)
    before = len(compiled)
    for arguments in calls:
        function(*arguments)
    assert len(compiled) == before


def test_random_sizes_compile_a_bounded_number_of_programs(compiled):
    function, rng = tw.jit(lambda x, y, z: (x[:, None] * y).sum(axis=0) + z), random.Random(1)
    for _ in range(200):
        n, m = rng.randrange(20), rng.randrange(20)
        x, y, z = np.ones(n), np.ones((n, m)), np.ones(m)
        assert not difference(function(x, y, z), function.__wrapped__(x, y, z))
    # each of two sizes is 0, 1, equal to the other one, or free
    assert len(compiled) <= 12


# --- threads -------------------------------------------------------------------------------------


def run_threads(count, work, seconds=60):
    """Run work(k) in threads that start together; raises what one of them raised."""
    errors, barrier = [], threading.Barrier(count)

    def target(k):
        try:
            barrier.wait()
            work(k)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=target, args=(k,), daemon=True) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
        assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]


def test_threads_share_a_function_while_it_compiles(compiled):
    function = tw.jit(softmax)

    def work(k):
        rng = np.random.default_rng(k)
        for _ in range(30):
            shape = tuple(rng.integers(1, 6, rng.integers(1, 4)))
            x = rng.normal(size=shape).astype(("f4", "f8")[rng.integers(2)])
            wrong = difference(function(x), softmax(x), close=1e-6)
            assert not wrong, wrong

    run_threads(8, work)
    before = len(compiled)
    run_threads(4, work)
    assert len(compiled) == before, "everything was compiled before"


def test_threads_compile_one_call_once(compiled):
    function = tw.jit(softmax)
    run_threads(8, lambda k: function(np.ones((3, 4))))
    assert len(compiled) == 1


def test_numpy_in_other_threads_is_untouched_while_tracing():
    """Creation functions are replaced in the numpy module, for threads that trace only."""
    done = threading.Event()

    def trace(k):
        for _ in range(40):
            tw.jit(lambda x: np.zeros(x.shape) + np.arange(len(x)) + np.array(x))(np.ones(3))
        done.set()

    def plain(k):
        while not done.is_set():
            for made in (np.zeros(3), np.arange(4), np.array([1.0]), np.ones((2, 2))):
                assert type(made) is np.ndarray

    run_threads(3, lambda k: trace(k) if k == 0 else plain(k))
    assert np.zeros.__module__ == "numpy"


def test_threads_each_with_functions_of_their_own():
    def work(k):
        for power in range(8):
            function = tw.jit(lambda x, p=power: (x * k + p).cumsum()[::-1])
            x = np.arange(5.0 + power)
            assert not difference(function(x), (x * k + power).cumsum()[::-1])

    run_threads(6, work)


# --- forks ---------------------------------------------------------------------------------------


def in_child(work, seconds=40):
    """Whether `work()` holds in a forked child."""
    child = os.fork()
    if child == 0:
        code = 1
        faulthandler.dump_traceback_later(seconds / 2, exit=True)  # says where it hangs
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.005)
    os.kill(child, 9)
    os.waitpid(child, 0)
    raise AssertionError("the child hangs")


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_fork_while_other_threads_compile():
    """The child runs what was compiled, compiles more, and traces; no lock is left taken."""
    function, stop = tw.jit(softmax), threading.Event()
    x = RNG.normal(size=(3, 4))
    function(x)

    def compile_all_the_time():
        k = 0
        while not stop.is_set():
            k += 1
            function(np.ones((2,) * (k % 20) + (3,)))
            if k % 20 == 0:
                function._variants.clear()

    def work():
        good = np.allclose(function(x), softmax(x))
        for shape in ((2, 3), (5,), (4, 1, 2)):
            y = np.ones(shape, "f4")
            good &= np.allclose(function(y), softmax(y), rtol=1e-6)
            good &= np.array_equal(tw.jit(lambda y: np.zeros(y.shape) + y)(y), y)
        return good and type(np.zeros(2)) is np.ndarray

    thread = threading.Thread(target=compile_all_the_time)
    thread.start()
    try:
        for _ in range(8):
            assert in_child(work)
    finally:
        stop.set()
        thread.join()


FIRST = """
import os, signal, sys, threading, time
import numpy as np
import tensorwright as tw

class Slow:
    def find_spec(name, path=None, target=None):
        if name == sys.argv[1] and not begun.is_set():
            begun.set()
            time.sleep(0.5)

begun = threading.Event()
sys.meta_path.insert(0, Slow)
thread = threading.Thread(target=tw.jit(lambda x: 2 * x), args=(np.ones(3),))
thread.start()
assert begun.wait(20)
child = os.fork()
if child == 0:
    signal.alarm(20)
    os._exit(int(tw.jit(lambda x: x + 7)(np.zeros(3))[0]))
thread.join()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.parametrize("loaded", ["tensorwright.compiler.stages", "llvmlite.binding"])
def test_fork_during_the_first_compilation(loaded):
    """What the compiler loads late is loaded in the child, too."""
    command = [sys.executable, "-W", "ignore", "-c", FIRST, loaded]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"7\n"


@tw.jit
def square_sum(x):
    return (x * x).sum()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_pools_of_processes():
    square_sum(np.ones(3))
    with multiprocessing.get_context("fork").Pool(2) as pool:
        results = pool.map(square_sum, [np.full(n, 2.0) for n in (3, 5, 8, 1, 0)])
    assert results == [12, 20, 32, 4, 0]


# --- memory --------------------------------------------------------------------------------------


def resident():
    """Bytes of this process in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_calls():
    function = tw.jit(lambda d, k: {"a": [d["x"] * k, d["x"].sum()], "b": (d["x"][::2], k)})
    x = np.ones(1000)
    arguments = [{"x": x[:n]} for n in (1000, 10, 1, 0, 77)] + [{"x": x[::3]}]

    def call_many():
        for k in range(3000):
            function(arguments[k % len(arguments)], k)
        gc.collect()

    call_many()
    before = resident()
    for _ in range(4):
        call_many()
    assert resident() - before < 2e6


def test_functions_and_their_programs_are_freed():
    big = np.ones(100_000)

    def make():
        return tw.jit(lambda x: x + big[: x.shape[0]])

    function = make()
    function(np.ones(3))
    function(np.ones(4))
    alive = weakref.ref(function)
    del function
    gc.collect()
    assert alive() is None
    make()(np.ones(2))  # code is freed by the next load
    assert len(cpu._libraries) < 10_000


# --- kinds of callables and arguments ------------------------------------------------------------


class Scaled:
    factor = 3

    def __init__(self, weight):
        self.weight = weight

    def __call__(self, x):
        return x * self.weight

    @staticmethod
    @tw.jit
    def plain(x):
        return x + 1

    @classmethod
    @functools.partial(tw.jit, static_argnames="cls")
    def of_class(cls, x):
        return x * cls.factor

    @functools.partial(tw.jit, static_argnums=0)
    def method(self, x):
        return x * self.weight


def test_callables():
    x = np.arange(4.0)
    scaled = Scaled(2.5)
    assert not difference(Scaled.plain(x), x + 1)
    assert not difference(scaled.plain(x), x + 1)
    assert not difference(Scaled.of_class(x), x * 3)
    assert not difference(scaled.method(x), x * 2.5)
    assert not difference(Scaled(4).method(x), x * 4)
    assert not difference(tw.jit(scaled)(x), x * 2.5)
    assert not difference(tw.jit(scaled.__call__)(x), x * 2.5)
    assert not difference(tw.jit(functools.partial(np.add, 3))(x), x + 3)
    assert not difference(tw.jit(np.hypot)(x, x), np.hypot(x, x))


def test_parameters():
    def positional(a, /, b, *rest, c=2, **more):
        total = a + b * c
        for each in (*rest, *more.values()):
            total = total + each
        return total, len(rest), sorted(more)

    jitted, x = tw.jit(positional), np.arange(3.0)
    for args, kwargs in [
        ((x, 1), {}),
        ((x,), {"b": x}),
        ((x, 1, 2, x), {"c": 0.5}),
        ((1, x), {"d": x, "c": x, "e": 1}),
        ((1, x), {"e": 1, "d": x, "c": x}),
    ]:
        assert not difference(jitted(*args, **kwargs), positional(*args, **kwargs))
    for args, kwargs in [((), {}), ((x,), {}), ((), {"a": x, "b": x})]:
        with pytest.raises(TypeError):
            jitted(*args, **kwargs)


class Point(collections.namedtuple("Point", "x y")):
    pass


@dataclasses.dataclass
class Layer:
    weight: np.ndarray
    rest: tuple = ()


def test_containers_in_and_out():
    def function(tree, more):
        first, *others = tree["list"]
        point = tree["point"]
        layer = tree["layer"]
        return {
            "point": Point(point.x + first, point.y),
            "layer": Layer(layer.weight * 2, (others, None, "text")),
            "tree": tree,
            3: [more, {"deep": ({},)}],
            ("a", 1): collections.OrderedDict(b=first * 2),
            "sizes": [o.shape[0] for o in others],
        }

    def arguments(n):
        return (
            {
                "list": [1.5, np.ones(n), np.arange(n)],
                "point": Point(np.ones((2, n)), 3),
                "layer": Layer(np.zeros(n)),
                "empty": [],
            },
            (np.float32(2), True, None),
        )

    jitted = tw.jit(function)
    for n in (3, 4, 9, 1, 0):
        found, expected = jitted(*arguments(n)), function(*arguments(n))
        for made in (found, expected):
            made["layer"] = dataclasses.astuple(made["layer"])
            made["tree"]["layer"] = dataclasses.astuple(made["tree"]["layer"])
        assert not difference(found, expected)


@pytest.mark.parametrize(
    "function",
    [
        lambda p: p.update(w=p["w"] * 2),
        lambda p: p.pop("w"),
        lambda p: p["list"].append(1),
        lambda p: setattr(p["layer"], "weight", 0),
        lambda p: p["list"].__setitem__(0, 5),
    ],
)
def test_changes_of_the_callers_containers_are_refused(function):
    """They would be lost: the function runs once, on containers of its own."""
    given = {"w": np.ones(2), "list": [1.0], "layer": Layer(np.ones(2))}
    with pytest.raises(tw.UnsupportedError, match="changes its argument p"):
        tw.jit(function)(given)
    assert list(given) == ["w", "list", "layer"] and given["list"] == [1.0]


def test_coroutines_are_refused():
    async def function(x):
        return x

    with (
        pytest.warns(RuntimeWarning, match="never awaited"),
        pytest.raises(tw.UnsupportedError, match="returns a coroutine"),
    ):
        tw.jit(function)(np.ones(2))
        gc.collect()


def test_recursion_with_a_static_depth():
    @functools.partial(tw.jit, static_argnames="depth")
    def function(x, depth):
        return x if depth == 0 else function(x[::2], depth - 1) + function(x[1::2], depth - 1)

    for n in (16, 32):
        assert not difference(
            function(np.arange(float(n)), depth=2), np.arange(n).reshape(-1, 4).sum(1) * 1.0
        )


def test_a_call_from_inside_of_an_argument():
    """An argument whose conversion calls the function again, while the first call is read."""
    function = tw.jit(lambda x: x * 2)

    class Lazy:
        def __array__(self, dtype=None, copy=None):
            return function(np.ones(3)) + function(np.ones((2, 3))).sum()

    assert not difference(function(Lazy()), np.full(3, 28.0))


def test_errors_leave_a_function_usable():
    function = tw.jit(lambda x, i: x[i].reshape(2, -1) / x.shape[0])
    good = [np.ones((3, 4)), np.int64(1)]
    for bad in ([np.ones((3, 3)), np.int64(0)], [np.ones((3, 4)), np.int64(7)], [np.ones(3), 1.5]):
        with pytest.raises((ValueError, IndexError, TypeError)):
            function(*bad)
        check_calls(function.__wrapped__, good)
        assert not difference(function(*good), function.__wrapped__(*good))
