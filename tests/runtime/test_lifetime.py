"""References, memory and the end of programs."""

import copy
import gc
import sys
import weakref

import numpy as np
import pytest

from support.memory import needs_proc, resident
from support.programs import RETURN, Recorder, affine, copy_bytes, loop, pointer, program, signature
from tensorwright.compiler import abi
from tensorwright.runtime import cpu, host, load, native

X = np.arange(8.0)


@needs_proc
@pytest.mark.parametrize("what", ["array", "tuple", "scalar", "error", "slow", "mismatch", "arena"])
def test_calls_leak_nothing(what):
    out = {"tuple": "f64[n]; f64[]; f64[n]", "scalar": "f64[]", "error": "f64[n]; f64[]; f64[n]"}
    run = "ret i64 2" if what == "error" else RETURN
    arena = 100_000 if what == "arena" else 0
    f = Recorder(load(program(signature("f64[n]; int", out.get(what, "f64[n]")), run, arena=arena)))
    leaves = load(program(signature("f64[n]; int", "f64[n]"), RETURN))
    number = 123_456_789_123

    def call():
        if what == "error":
            try:
                f(X, number)
            except IndexError:
                return
        if what == "mismatch":
            leaves(X, X)
        elif what == "slow":
            f(X, number, key=X)
        else:
            f(X, number)

    objects = (X, X.dtype, number, np.float64, NotImplemented, f, host._default_handler())

    def counts():
        return [sys.getrefcount(o) for o in objects]

    for _ in range(1000):
        call()
    before, memory = counts(), resident()
    for _ in range(100_000):
        call()
    assert counts() == before
    assert resident() - memory < 1 << 20


def test_results_keep_nothing_of_the_program():
    f = affine()
    y, big = f(X), f(np.ones(1 << 20))
    gone = weakref.ref(f)
    del f
    assert gone() is None
    load(program(signature("float", "f64[]"), RETURN))  # frees the code
    np.testing.assert_array_equal(y, X * 2 + 1)
    assert big[0] == 3.0
    del y, big


def test_code_is_freed_by_the_next_load():
    f = affine()
    key = int(f._lifetime)
    assert key in cpu._libraries
    call = f.call
    del f
    load(program(signature("float", "f64[]"), RETURN))
    assert key in cpu._libraries
    np.testing.assert_array_equal(call(X), X * 2 + 1)
    del call
    assert key in cpu._libraries
    load(program(signature("float", "f64[]"), RETURN))
    assert key not in cpu._libraries


def test_callables_keep_what_is_attached():
    f = Recorder(affine())
    assert copy.copy(f) is copy.deepcopy(f) is f
    gone = weakref.ref(f._executables[1])
    for _ in range(3):
        load(program(signature("float", "f64[]"), RETURN))
    np.testing.assert_array_equal(f(X), X * 2 + 1)
    del f
    assert gone() is None


def test_callables_in_garbage_can_be_called_by_finalizers():
    results = []

    class Late:
        def __init__(self, f):
            self.f = f

        def __del__(self):
            results.append(self.f(X))

    f = Recorder(affine())
    f.cycle = [f, Late(f)]
    gone = weakref.ref(f)
    del f
    gc.collect()
    assert gone() is None
    np.testing.assert_array_equal(results, [X * 2 + 1])


@needs_proc
def test_programs_leak_little():
    what = program(signature("f64[n]", "f64[n]"), RETURN, arena=50_000)

    def go(count):
        for _ in range(count):
            f = Recorder(load(what))
            f(X)
            f.cycle = f
        del f
        gc.collect()

    go(cpu._LIBRARIES_PER_SESSION)
    before = resident()
    go(2 * cpu._LIBRARIES_PER_SESSION)
    assert resident() - before < 6 << 20


# -- the memory of results --------------------------------------------------------------------


def addresses(f, x, count):
    """Where the results of calls lie when each is dropped before the next."""
    found = set()
    for _ in range(count):
        y = f(x)
        found.add(y.ctypes.data)
        del y
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="pools memory on Linux only")
def test_large_results_reuse_memory():
    f, x = affine(), np.ones(1 << 20)
    assert len(addresses(f, x, 5)) == 1
    a, b = f(x), f(x)
    assert a.ctypes.data != b.ctypes.data
    b[:] = 0
    assert a[-1] == 3.0
    del a, b
    smaller = np.ones((1 << 20) - 50_000)
    assert addresses(f, smaller, 2) <= (addresses(f, x, 1) | addresses(f, smaller, 1))
    np.testing.assert_array_equal(f(smaller), 3.0)
    cpu.release_memory()
    np.testing.assert_array_equal(f(x), 3.0)


@needs_proc
def test_pooled_memory_is_bounded_and_can_be_released():
    f, x = affine(), np.ones(3 << 20)
    before = resident()
    held = [f(x) for _ in range(6)]
    assert resident() - before > 5 * x.nbytes
    del held
    cpu.release_memory()
    assert resident() - before < x.nbytes


@pytest.mark.parametrize("size", [2, 16, 200, 256, 1000, 100_000, 600_000])
def test_memory_can_be_resized(size):
    y = affine()(np.ones(size))
    assert y.flags.owndata
    for new in (size // 2, size, 2 * size, 5 * size, 1_000_000, 1, 0, 10):
        y.resize(new, refcheck=False)
        kept = min(new, size)
        np.testing.assert_array_equal(y[:kept], 3.0)
        np.testing.assert_array_equal(y[size:], 0.0)
        size = kept


@pytest.mark.parametrize("size", [256, 257, 1000, 100_000, 600_000])
def test_longer_results_are_aligned_for_vectors(size):
    f = affine()
    ys = [f(np.ones(size)) for _ in range(4)]
    assert all(y.ctypes.data % 64 == 0 for y in ys)


def test_empty_results():
    f = load(program(signature("f64[n]", "f64[0, n]; i8[n, 0]; f64[0]"), RETURN))
    for _ in range(1000):
        a, b, c = f(X)
        assert (a.shape, b.shape, c.shape) == ((0, 8), (8, 0), (0,))
    assert a.copy().flags == a.flags


def test_results_and_numpy_memory_handlers():
    import tracemalloc

    f = affine()
    tracemalloc.start()
    try:
        results = [f(np.ones(size)) for size in (3, 300, 1 << 20)]
    finally:
        tracemalloc.stop()
    for y in results:
        np.testing.assert_array_equal(y, 3.0)
    del results, y


# -- scratch memory ---------------------------------------------------------------------------


def scratch_program(size):
    """Returns the address of its scratch memory, after writing all of it."""
    body = loop(
        f"""%p = getelementptr i64, ptr %arena, i64 %i
        store i64 %i, ptr %p
        {pointer("y", "out", 0)}
        %address = ptrtoint ptr %arena to i64
        store i64 %address, ptr %y""",
        str(size // 8),
    )
    return program(signature("", "i64[]"), body, arena=f"ret i64 {size}")


@pytest.mark.parametrize("size", [8, 4096, 4104, 100_000, 5 << 20])
def test_scratch_memory_is_aligned_and_reused(size):
    f = load(scratch_program(size))
    places = {int(f()) for _ in range(4)}
    assert all(place % 64 == 0 for place in places)
    assert len(places) == 1


def test_scratch_memory_grows():
    ask = "%n = load i64, ptr %sizes\n%b = mul i64 %n, 8\nret i64 %b"
    body = loop("%p = getelementptr i64, ptr %arena, i64 %i\nstore i64 %i, ptr %p")
    f = load(program(signature("f64[n]", "f64[]"), body, arena=ask))
    for size in (2, 600, 5000, 700, 1 << 20, 600, 100_000):
        f(np.empty(size))


# -- what the process must be like ------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "OBJECT_TYPE",
        "SCALAR_VALUE",
        "CONTAINER_SIZE",
        "TUPLE_ITEMS",
        "LIST_ITEMS",
        "ARRAY_DATA",
        "ARRAY_NDIM",
        "ARRAY_DIMS",
        "ARRAY_DESCR",
        "ARRAY_FLAGS",
        "ARRAY_HANDLER",
    ],
)
def test_another_layout_is_refused(monkeypatch, name):
    host._check_process()
    monkeypatch.setattr(abi, name, getattr(abi, name) - 8)
    with pytest.raises(ImportError, match="laid out differently"):
        host._check_process()


def test_builds_without_a_gil_are_refused(monkeypatch):
    monkeypatch.setattr(host.sysconfig, "get_config_var", lambda name: name == "Py_GIL_DISABLED")
    with pytest.raises(ImportError, match="free-threaded"):
        host._check_process()


def test_another_layout_of_types_is_refused(monkeypatch):
    monkeypatch.setattr(native, "_TYPE_FLAGS", native._TYPE_FLAGS + 8)
    with pytest.raises(ImportError, match="types differ"):

        class Other(native.NativeCallable):
            pass


def test_copies_of_bytes_name_their_place():
    # a hand-written kernel that mixes up its pointers would make other tests here pass by luck
    f = load(program(signature("int; int", "i64[]; i64[]"), copy_bytes([(0, 1, 8), (1, 0, 8)])))
    assert f(1, 2) == (2, 1)
