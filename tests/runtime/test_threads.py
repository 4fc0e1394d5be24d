"""Calls from several threads, and after a fork."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from support.programs import RETURN, Recorder, affine, loop, pointer, program, signature
from tensorwright.runtime import load

# y = 2 * x + 1 by way of scratch memory: two calls in one block would mix up their values
BODY = f"""
    {pointer("x", "in", 0)}
    {pointer("y", "out", 0)}
    %n = load i64, ptr %sizes
    br label %read
    read:
    %i = phi i64 [0, %entry], [%i.next, %read]
    %x.i = getelementptr double, ptr %x, i64 %i
    %t.i = getelementptr double, ptr %arena, i64 %i
    %v = load double, ptr %x.i
    store double %v, ptr %t.i
    %i.next = add i64 %i, 1
    %i.more = icmp slt i64 %i.next, %n
    br i1 %i.more, label %read, label %write
    write:
    %j = phi i64 [0, %read], [%j.next, %write]
    %t.j = getelementptr double, ptr %arena, i64 %j
    %y.j = getelementptr double, ptr %y, i64 %j
    %u = load double, ptr %t.j
    %twice = fmul double %u, 2.0
    %w = fadd double %twice, 1.0
    store double %w, ptr %y.j
    %j.next = add i64 %j, 1
    %j.more = icmp slt i64 %j.next, %n
    br i1 %j.more, label %write, label %done
    done:
    ret i64 0"""
ASK = "%n = load i64, ptr %sizes\n%b = mul i64 %n, 8\nret i64 %b"


@pytest.mark.parametrize("cost", [0, 10**6], ids=["with the GIL", "without the GIL"])
def test_many_threads_share_a_program(cost):
    f = Recorder(load(program(signature("f64[n]", "f64[n]"), BODY, arena=ASK, cost=cost)))

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(100):
            x = rng.random(
                rng.choice([3, 600, 5000, 40_000, 700_000], p=[0.3, 0.3, 0.2, 0.19, 0.01])
            )
            if not np.array_equal(f(x), 2 * x + 1):
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(16)))


def test_many_threads_load_and_attach():
    f = Recorder()
    lock = threading.Lock()

    def work(size):
        body = f"""{pointer("y", "out", 0)}
            store i64 {size}, ptr %y
            ret i64 0"""
        for _ in range(5):
            executable = load(program(signature(f"f64[{size}]", "i64[]"), body))
            assert executable(np.empty(size)) == size
        with lock:
            f._attach(executable)
        return f(np.empty(size)) == size

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(24)))
    assert [f(np.empty(size)) for size in range(24)] == list(range(24))


# Steps of a chain of square roots: as many as take some tenths of a second.
SLOW = loop(
    f"""{pointer("y", "out", 0)}
    %old = load volatile double, ptr %y
    %root = call double @llvm.sqrt.f64(double %old)
    store volatile double %root, ptr %y""",
    "20000000",
)


@pytest.mark.parametrize("cost", [0, 50_000, 50_001])
def test_long_programs_let_other_threads_run(cost):
    f = load(program(signature("", "f64[]"), SLOW, cost=cost))
    stamps, stop = [], threading.Event()

    def tick():
        while not stop.is_set():
            stamps.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    start = time.perf_counter()
    f()
    end = time.perf_counter()
    stop.set()
    thread.join()
    span = (end - start) / 4
    during = sum(start + span < t < end - span for t in stamps)
    assert (during > 3) == (cost > 50_000), (during, end - start)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_fork():
    f = Recorder(affine())
    x = np.arange(1 << 20, dtype=np.float64)
    f(x)
    running = threading.Event()
    stop = threading.Event()

    def load_all_the_time():
        while not stop.is_set():
            load(program(signature("float", "f64[]"), RETURN))
            running.set()

    thread = threading.Thread(target=load_all_the_time)
    thread.start()
    running.wait()
    try:
        for _ in range(5):
            child = os.fork()
            if child == 0:
                good = np.array_equal(f(x), 2 * x + 1)
                good &= load(program(signature("float", "f64[]"), RETURN))(1.0) is not None
                os._exit(0 if good else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        stop.set()
        thread.join()
