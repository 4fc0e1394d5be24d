"""Where jitted functions run: with arrays on the device, in blocks of `tw.device`, as declared."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import threading
import weakref
from collections import namedtuple

import numpy as np
import pytest

import tensorwright as tw
from support.one_device import device  # noqa: F401  the device of these tests
from support.sources import ROOT
from tensorwright.compiler import abi
from tensorwright.compiler.errors import DeviceError, TraceError
from tensorwright.frontend.device_arrays import DeviceArray
from tensorwright.runtime.cuda import driver

X = np.arange(6.0).reshape(2, 3)


def is_there(*xs):
    return all(type(x) is DeviceArray for x in xs)


def values(x):
    return np.asarray(x).tolist()


# -- arguments decide -----------------------------------------------------------------------------


def test_a_function_runs_where_its_arguments_lie():
    f = tw.jit(lambda x, y: (x * y, x.sum()))
    product, total = f(tw.device_put(X), tw.device_put(X))
    assert is_there(product, total) and total.shape == () and float(total) == 15.0
    product, total = f(X, X)
    assert type(product) is np.ndarray and type(total) is np.float64


def test_other_arguments_are_copied_there():
    f = tw.jit(lambda x, y, z: x * y + z)
    x = tw.device_put(X)
    for y, z in ((X, 2.0), (X[0], np.float32(2)), (X.T[:2].T[:, :1], 2), (X.astype(">f8"), True)):
        found = f(x, y, z)
        assert is_there(found) and values(found) == values(X * y + z)
        assert values(f(x, y, z)) == values(X * y + z)  # found by its key


def test_results_are_arguments():
    f = tw.jit(lambda x: x * 2)
    x = tw.device_put(X)
    for _ in range(3):
        x = f(x)
    assert is_there(x) and values(x) == values(X * 8)


def test_containers():
    Point = namedtuple("Point", "x y")
    f = tw.jit(lambda p, d: {"a": (p.x + d["b"][0], None), "s": [p.y]})
    x = tw.device_put(X)
    for _ in range(2):
        found = f(Point(x, 1.0), {"b": [x]})
        assert is_there(found["a"][0], found["s"][0]) and found["a"][1] is None
        assert values(found["a"][0]) == values(2 * X)
    assert is_there(*tw.jit(lambda p: [p["u"], p["v"]])({"u": x, "v": X}))


def test_keywords_and_static_values():
    f = tw.jit(lambda x, axis, *, scale=1.0, kind="a": x.sum(axis) * scale, static_argnums=1)
    x = tw.device_put(X)
    for _ in range(2):
        assert values(f(x, 0)) == [3.0, 5.0, 7.0]
        assert values(f(x, 1, scale=2.0)) == [6.0, 24.0]
        assert values(f(x, 0, scale=2.0, kind="b")) == [6.0, 10.0, 14.0]
    assert values(f(x, 0, scale=x[0, 1])) == [3.0, 5.0, 7.0]


def test_an_array_is_no_static_value():
    f = tw.jit(lambda x, y: x, static_argnums=1)
    with pytest.raises(TraceError, match="the static argument y is not hashable"):
        f(X, tw.device_put(X))


def test_other_sizes_and_dtypes_are_told_apart():
    f = tw.jit(lambda x: x + x)
    for x in (np.arange(3.0), np.arange(5.0), np.arange(5), np.zeros((2, 1)), np.float32(1)):
        for _ in range(2):
            found = f(tw.device_put(x))
            assert found.dtype == x.dtype and values(found) == values(x + x)


def test_sizes_that_differ_share_a_program():
    traces = []
    f = tw.jit(lambda x: traces.append(x) or x * 2)
    for size in (2, 3, 4, 5, 6):
        f(tw.device_put(np.arange(float(size))))
    assert len(traces) == 2


def test_constants_that_a_function_returns():
    x = tw.device_put(X)
    assert tw.jit(lambda x: (x, "text", 3))(x)[1:] == ("text", 3)
    assert tw.jit(lambda x: 5)(x) == 5


def test_arrays_on_the_device_in_a_traced_function():
    w = tw.device_put(X[0])
    f = tw.jit(lambda x: w * x + np.exp(w) - (w + 1).sum())
    expected = X[0] * X + np.exp(X[0]) - (X[0] + 1).sum()
    np.testing.assert_allclose(f(X), expected, rtol=1e-15)  # copied into the program
    np.testing.assert_allclose(np.asarray(f(tw.device_put(X))), expected, rtol=1e-15)


def test_transforms():
    x = tw.device_put(X)
    square = tw.jit(lambda x: (x**2).sum())
    assert values(tw.grad(square)(x)) == values(2 * X)
    assert values(tw.jit(tw.grad(square))(x)) == values(2 * X)
    value, gradient = tw.value_and_grad(square)(x)
    assert is_there(value, gradient) and float(value) == 55.0
    assert values(tw.vmap(square)(x)) == values((X**2).sum(1))
    assert values(tw.jacobian(lambda x: x[0] * 2)(x)[0]) == [[2, 0, 0], [0, 0, 0]]
    out, tangent = tw.jvp(np.sin, (x,), (tw.device_put(np.ones_like(X)),))
    assert is_there(out, tangent)
    total, _ = tw.scan(lambda c, row: (c + row, None), tw.device_put(np.zeros(3)), x)
    assert values(total) == values(X.sum(0))


def test_vjp():
    x = tw.device_put(X)
    out, pull_back = tw.vjp(lambda x: x * x, x)
    assert is_there(out)
    (by_x,) = pull_back(tw.device_put(np.ones_like(X)))
    assert is_there(by_x) and values(by_x) == values(2 * X)
    assert values(pull_back(np.full_like(X, 2.0))[0]) == values(4 * X)
    out, pull_back = tw.vjp(lambda x: x * x, X)  # on the host, as ever
    assert type(out) is np.ndarray and type(pull_back(np.ones_like(X))[0]) is np.ndarray
    with tw.device("gpu"):
        out, pull_back = tw.vjp(tw.jit(lambda x: x * x + 1), X)
        assert type(out) is np.ndarray and values(pull_back(np.ones_like(X))[0]) == values(2 * X)


def test_a_program_on_the_host_serves_again():
    f = tw.jit(lambda x: x + 1)
    f(X)
    f(tw.device_put(X))
    assert type(f(X)) is np.ndarray


# -- declared -------------------------------------------------------------------------------------


def test_functions_go_with_their_programs():
    compiled = tw.jit(lambda x: x + 1)
    compiled(tw.device_put(np.arange(3.0)))
    compiled(np.arange(3.0))
    reference = weakref.ref(compiled)
    del compiled
    assert reference() is None  # without the garbage collector


def test_declared_for_the_gpu(device):  # noqa: F811
    f = tw.jit(lambda x: (x * 2, x.sum(), 1.5 * x.size), device="gpu")
    before = device.done["launch"] + device.done["graph launch"]
    doubled, total, size = f(X)
    assert device.done["launch"] + device.done["graph launch"] > before
    assert type(doubled) is np.ndarray and type(total) is np.float64 and type(size) is float
    assert is_there(*f(tw.device_put(X))[:2])


def test_declared_for_the_cpu():
    f = tw.jit(lambda x: x * 2, device="cpu")
    found = f(tw.device_put(X))
    assert type(found) is np.ndarray and values(found) == values(X * 2)
    with tw.device("gpu"):
        assert type(f(X)) is np.ndarray


# -- blocks ---------------------------------------------------------------------------------------


def launches(device):  # noqa: F811
    return device.done["launch"] + device.done["graph launch"]


def test_blocks(device):  # noqa: F811
    f = tw.jit(lambda x: x * 3)
    f(X)
    before = launches(device)
    f(X)
    assert launches(device) == before
    with tw.device("gpu"):
        found = f(X)
        assert launches(device) > before
        assert type(found) is np.ndarray and values(found) == values(3 * X)
        assert tw.device_put(X).device == "gpu"
        before = launches(device)
        with tw.device("cpu"):
            f(X)
            assert type(tw.device_put(X)) is np.ndarray
        with tw.device(None):
            assert launches(device) == before
            f(X)
            assert launches(device) > before
    before = launches(device)
    f(X)
    assert launches(device) == before


def test_functions_compiled_in_a_block_run_on_the_host_behind_it(device):  # noqa: F811
    with tw.device("gpu"):
        f = tw.jit(lambda x: x - 1)
        f(X)
        with tw.device("cpu"):
            f(X)
    before = launches(device)
    assert values(f(X)) == values(X - 1) and launches(device) == before


def test_calls_are_native_again_behind_a_block():
    f = tw.jit(lambda x: x + 5)
    f(X)
    native = ctypes.c_void_p.from_address(id(f) + abi.CALLABLE_VECTORCALL)
    assert native.value
    with tw.device("gpu"):
        assert not native.value
        f(X)
        assert not native.value
    assert values(f(X)) == values(X + 5) and native.value
    with tw.device("gpu"):
        assert not native.value


def test_calls_without_arrays_leave_their_results_on_the_device():
    start = tw.jit(lambda scale: np.arange(3.0) * scale)
    with tw.device("gpu"):
        assert is_there(start(2.0))
        assert type(start(np.ones(3))) is np.ndarray
    assert type(start(2.0)) is np.ndarray


def test_blocks_are_for_one_thread(device):  # noqa: F811
    f, seen = tw.jit(lambda x: x + 7), []
    f(X)
    with tw.device("gpu"):
        before = launches(device)
        thread = threading.Thread(target=lambda: seen.append(f(X)))
        thread.start()
        thread.join()
        assert launches(device) == before and values(seen[0]) == values(X + 7)


def test_a_block_may_be_entered_again():
    block = tw.device("gpu")
    with block, block:
        pass
    with block:
        assert is_there(tw.device_put(1.0))


def test_names_of_devices():
    for name in ("gpu", "/GPU:0", "GPU:0", "/job:localhost/replica:0/task:0/device:GPU:0"):
        with tw.device(name), tw.device(None):
            assert is_there(tw.jit(lambda: np.zeros(2))())
    for name in ("cpu", "/CPU:0", "/GPU:7"):
        with tw.device("gpu"), tw.device(name):
            assert type(tw.jit(lambda: np.zeros(2))()) is np.ndarray
    with pytest.raises(ValueError, match="Unknown attribute 'gpus'"):
        tw.device("gpus")


# -- no GPU ---------------------------------------------------------------------------------------


@pytest.fixture
def no_gpu(monkeypatch):
    def none():
        raise DeviceError("there is no GPU", expected="an NVIDIA GPU and its driver")

    monkeypatch.setattr(driver, "_current", None)
    monkeypatch.setattr(driver, "_found", none)


def test_without_a_gpu(no_gpu):
    for use in (
        lambda: tw.device_put(X),
        lambda: tw.device_put(X, device="gpu"),
        lambda: tw.from_dlpack(X),
        lambda: tw.device("gpu").__enter__(),
        lambda: tw.jit(lambda x: x, device="gpu")(X),
    ):
        with pytest.raises(DeviceError, match="there is no GPU"):
            use()
    with tw.device("/GPU:0"):  # TensorFlow's name: soft placement
        assert type(tw.jit(lambda: np.zeros(2))()) is np.ndarray
    assert tw.device_put(X, device="cpu") is X


def test_nothing_of_a_gpu_is_loaded_before_it_is_used():
    program = (
        "import sys, numpy as np, tensorwright as tw\n"
        "tw.jit(lambda x: x + 1)(np.ones(3)); tw.device_get([np.ones(2)])\n"
        "print([m for m in sys.modules if m.endswith(('.cuda', 'device_arrays', 'device_calls'))"
        " or m.split('.')[0] in ('numba', 'cuda')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout == "[]\n"
