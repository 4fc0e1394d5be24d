"""Convolutions by cuDNN: what it is asked for, its memory, its plans, and what stays a kernel."""

from __future__ import annotations

import gc
import json
import sys

import numpy as np
import pytest

import tensorwright as tw
from support.fake_cudnn import FakeCudnn, numerical_note
from support.one_thread import CountingDriver, executable, use
from tensorwright.compiler.errors import DeviceError
from tensorwright.compiler.launches import ConvolutionCall
from tensorwright.runtime.cuda import cudnn as runtime_cudnn
from tensorwright.runtime.cuda import executable as executables
from tensorwright.runtime.cuda import memory
from tensorwright.runtime.cuda.arrays import DeviceArray
from tensorwright.runtime.cuda.cudnn import Cudnn
from tensorwright.runtime.cuda.libraries import Libraries, libraries

SHORT = {"float32": "f32", "float64": "f64"}


@pytest.fixture(params=[False, True], ids=["at once", "late"])
def device(request, monkeypatch):
    device = CountingDriver(late=request.param)
    use(monkeypatch, device)
    return device


@pytest.fixture
def cudnn(device, monkeypatch):
    """The library's stand-in, used by programs of a simulated device."""
    cudnn = FakeCudnn()
    made = Libraries(load_cudnn=lambda: Cudnn(cudnn, device.stream, memory.allocate))
    monkeypatch.setattr(executables, "libraries", lambda device: made)
    return cudnn


def arrays(*shapes, dtype="float64"):
    rng = np.random.default_rng(len(shapes))
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def put(*values):
    return [DeviceArray.from_host(value) for value in values]


def check(function, *given, rtol=1e-12):
    """Results on the device are those of the CPU."""
    types = [f"{SHORT[str(x.dtype)]}{list(x.shape)}" for x in given]
    results = executable(function, *types)(*put(*given))
    expected = tw.jit(function, device="cpu")(*given)
    for got, wanted in zip(
        results, expected if isinstance(expected, tuple) else (expected,), strict=True
    ):
        np.testing.assert_allclose(np.asarray(got), wanted, rtol=rtol, atol=rtol)


def three(x, w, **geometry):
    """A convolution and both of its derivatives."""

    def loss(x, w):
        y = tw.conv(x, w, **geometry)
        return (y**2).sum(), y

    (_, y), (by_x, by_w) = tw.value_and_grad(loss, argnums=(0, 1), has_aux=True)(x, w)
    return y, by_x, by_w


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("x", "w", "geometry"),
    [
        ((2, 9, 8, 3), (3, 3, 3, 4), {}),
        ((2, 9, 8, 3), (3, 3, 3, 4), {"padding": "SAME"}),
        ((2, 9, 8, 3), (3, 2, 3, 4), {"strides": (2, 3)}),
        ((2, 9, 9, 3), (3, 3, 3, 4), {"strides": 2, "padding": 1}),
        ((2, 8, 8, 3), (3, 3, 3, 4), {"strides": 2, "padding": 1}),  # a last row that is not read
        ((2, 9, 8, 3), (2, 3, 3, 4), {"dilation": (3, 2), "padding": ((0, 0), (1, 1))}),
        ((2, 11, 3), (4, 3, 5), {"strides": 2}),
        ((2, 9, 8, 3), (3, 1, 3, 4), {"strides": (2, 1)}),
        ((1, 5, 4, 6, 3), (2, 2, 3, 3, 4), {"strides": (1, 2, 1)}),
    ],
    ids=str,
)
def test_all_three_sums(cudnn, dtype, x, w, geometry):
    check(lambda x, w: three(x, w, **geometry), *arrays(x, w, dtype=dtype), rtol=2e-4)
    assert sorted(kind for kind, _ in cudnn.done) == ["dgrad", "fprop", "wgrad"]
    assert {stream for _, stream in cudnn.done} == {2}


def test_groups(cudnn):
    geometry = {"groups": 2, "padding": 1}
    check(lambda x, w: three(x, w, **geometry), *arrays((2, 7, 6, 8), (3, 3, 4, 6)))
    # the derivative by the input has filters that are written out reversed
    assert sorted(kind for kind, _ in cudnn.done) == ["fprop", "fprop", "wgrad"]


def test_what_is_done_with_the_result_stays_a_kernel(cudnn):
    def layer(x, w, b):
        return np.maximum(tw.conv(x * 2, w) + b, 0)

    check(layer, *arrays((2, 7, 6, 8), (3, 3, 8, 6), (6,)))
    assert cudnn.done == [("fprop", 2)]


@pytest.mark.parametrize(
    ("x", "w", "geometry"),
    [
        ((2, 8, 8, 3), (3, 3, 3, 4), {"strides": 2, "padding": "SAME"}),  # one zero, at the end
        ((2, 8, 8, 3), (3, 3, 3, 4), {"padding": ((2, 1), (1, 1))}),
        ((0, 8, 8, 3), (3, 3, 3, 4), {}),
    ],
    ids=["at the end", "different", "empty"],
)
def test_what_cudnn_does_not_know_stays_kernels(cudnn, x, w, geometry):
    check(lambda x, w: three(x, w, **geometry), *arrays(x, w))
    assert not cudnn.done


def test_sizes_that_are_symbols(cudnn):
    f = executable(lambda x, w: tw.conv(x, w, padding=1), "f64[n, m, 6, 4]", "f64[3, 3, 4, 5]")
    for shape in ((2, 7, 6, 4), (3, 5, 6, 4), (2, 7, 6, 4)):
        x, w = arrays(shape, (3, 3, 4, 5))
        (got,) = f(*put(x, w))
        np.testing.assert_allclose(np.asarray(got), tw.conv(x, w, padding=1), rtol=1e-12)
    assert cudnn.plans == 2 and len(cudnn.done) == 3


# -- plans and memory -----------------------------------------------------------------------------


def test_plans_are_kept_and_part_of_graphs(cudnn, device):
    x, w = arrays((2, 7, 6, 4), (3, 3, 4, 4))

    def net(x, w):
        for _ in range(3):
            x = np.tanh(tw.conv(x, w, padding=1))
        return x

    f, (on_device, filters) = executable(net, "f64[2, 7, 6, 4]", "f64[3, 3, 4, 4]"), put(x, w)
    expected = tw.jit(net, device="cpu")(x, w)
    for _ in range(4):
        (y,) = f(on_device, filters)
        np.testing.assert_allclose(np.asarray(y), expected, rtol=1e-12)
        del y
    assert cudnn.plans == 1 and len(cudnn.done) == 12
    assert (device.done["graph"], device.done["graph launch"]) == (1, 3)


def test_graphs_are_updated_where_addresses_differ(cudnn, device, monkeypatch):
    monkeypatch.setattr("tensorwright.runtime.cuda.graphs._GRAPHS", 1)
    w, *inputs = arrays((3, 3, 4, 4), *[(2, 7, 6, 4)] * 3)

    def net(x, w):
        return np.tanh(tw.conv(np.exp(x), w)) * 2

    f, filters = executable(net, "f64[2, 7, 6, 4]", "f64[3, 3, 4, 4]"), put(w)[0]
    for x in put(*inputs) * 3:
        (y,) = f(x, filters)
        expected = tw.jit(net, device="cpu")(np.asarray(x), w)
        np.testing.assert_allclose(np.asarray(y), expected, rtol=1e-12)
        del y
    assert device.done["graph"] == 1 and device.done["update"] > 0


def test_room_is_shared_and_grows(cudnn):
    x, small, large = put(*arrays((2, 7, 6, 4), (3, 3, 4, 4), (5, 5, 4, 4)))
    f = executable(lambda x, w: tw.conv(x, w), "f64[2, 7, 6, 4]", "f64[3, 3, 4, 4]")
    g = executable(lambda x, w: tw.conv(x, w), "f64[2, 7, 6, 4]", "f64[5, 5, 4, 4]")
    h = executable(lambda x, w: tw.conv(x, w, dilation=2), "f64[2, 7, 6, 4]", "f64[3, 3, 4, 4]")
    before = memory.pool().statistics().in_use
    f(x, small)[0].block_until_ready()
    cudnn.room *= 1000
    g(x, large)[0].block_until_ready()
    f(x, small)[0].block_until_ready()  # its graph may hold the first one
    assert len(cudnn.rooms) == 2
    cudnn.room = 16
    h(x, small)[0].block_until_ready()
    assert len(cudnn.rooms) == 2
    del f
    gc.collect()
    assert memory.pool().statistics().in_use - before >= 4096 * 1000


def test_without_memory_to_work_in_there_are_kernels(cudnn, device):
    x, w = arrays((2, 7, 6, 4), (3, 3, 4, 4))
    cudnn.room = device.limit
    f = executable(lambda x, w: tw.conv(x, w), "f64[2, 7, 6, 4]", "f64[3, 3, 4, 4]")
    np.testing.assert_allclose(np.asarray(f(*put(x, w))[0]), tw.conv(x, w), rtol=1e-12)
    assert cudnn.plans == 1 and not cudnn.done


def test_the_oldest_plan_is_forgotten(cudnn, monkeypatch):
    monkeypatch.setattr(runtime_cudnn, "_PLANS", 1)
    f = executable(lambda x, w: tw.conv(x, w), "f64[n, 7, 6, 4]", "f64[3, 3, 4, 4]")
    for n in (2, 3, 2):
        x, w = arrays((n, 7, 6, 4), (3, 3, 4, 4))
        np.testing.assert_allclose(np.asarray(f(*put(x, w))[0]), tw.conv(x, w), rtol=1e-12)
    assert cudnn.plans == 2 and len(cudnn.done) == 3  # what is planned for sizes is kept with them


def test_arguments_that_are_not_aligned_are_moved(cudnn):
    whole, w = arrays((3, 5, 5, 3), (3, 3, 3, 3), dtype="float32")
    part = put(whole)[0].part(75, (5, 5, 3))
    assert part.block.address % 16
    f = executable(lambda x, w: tw.conv(x[None], w), "f32[5, 5, 3]", "f32[3, 3, 3, 3]")
    (y,) = f(part, *put(w))
    np.testing.assert_allclose(np.asarray(y), tw.conv(whole[1:2], w), rtol=1e-5)
    assert cudnn.done


def test_slices_that_are_not_aligned_stay_kernels(cudnn):
    def each(x, w):
        return tw.scan(lambda total, one: (total + one.sum(), tw.conv(one, w)), 0.0, x)

    check(each, *arrays((3, 1, 5, 5, 3), (3, 3, 3, 3), dtype="float32"), rtol=1e-5)
    assert len(cudnn.done) == 1  # the first slice


# -- what is asked for, and what is refused -------------------------------------------------------


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_plans_that_compute_something_else_are_refused(cudnn, dtype, fast):
    x, w = arrays((2, 7, 6, 4), (3, 3, 4, 4), dtype=dtype)
    types = [f"{SHORT[dtype]}{list(a.shape)}" for a in (x, w)]
    lowered = tw.jit(lambda x, w: tw.conv(x, w), fast_math=fast).lower(*types)
    executables.GpuExecutable(lowered.compilation.gpu)(*put(x, w))
    (refused,) = cudnn.refused
    note = numerical_note
    assert {note.NONDETERMINISTIC, note.REDUCED_PRECISION_REDUCTION} <= refused
    assert (note.TENSOR_CORE in refused) == (dtype == "float32")  # there they are TF32
    assert ({note.WINOGRAD, note.FFT} <= refused) == (not fast)


def test_convolutions_of_halves_may_multiply_fewer_bits(cudnn):
    x, w = arrays((2, 7, 6, 4), (3, 3, 4, 4), dtype="float16")
    types = ["f16[2, 7, 6, 4]", "f16[3, 3, 4, 4]"]
    results = executable(three, *types)(*put(x, w))
    for got, wanted in zip(results, tw.jit(three, device="cpu")(x, w), strict=True):
        assert np.asarray(got).dtype == np.float16
        np.testing.assert_allclose(np.asarray(got), wanted, rtol=2e-3, atol=2e-2)
    assert [numerical_note.TENSOR_CORE in refused for refused in cudnn.refused] == [False] * 3


@pytest.mark.parametrize("step", ["build_operation_graph", "check_support", "build_plans"])
def test_what_cudnn_refuses_stays_kernels(cudnn, step):
    cudnn.unsupported = step
    f = executable(lambda x, w: tw.conv(x, w), "f64[2, 7, 6, 4]", "f64[3, 3, 4, 4]")
    x, w = arrays((2, 7, 6, 4), (3, 3, 4, 4))
    for _ in range(2):
        np.testing.assert_allclose(np.asarray(f(*put(x, w))[0]), tw.conv(x, w), rtol=1e-12)
    assert not cudnn.done


def test_errors_name_the_library(cudnn):
    cudnn.failing = "CUDNN_STATUS_EXECUTION_FAILED\n  in conv"
    f = executable(lambda x, w: tw.conv(x, w), "f64[2, 7, 6, 4]", "f64[3, 3, 4, 4]")
    with pytest.raises(DeviceError, match=r"cuDNN failed\n.*EXECUTION_FAILED in conv"):
        np.asarray(f(*put(*arrays((2, 7, 6, 4), (3, 3, 4, 4))))[0])


def test_another_stream_is_used_for_one_convolution(cudnn, device):
    made = Cudnn(cudnn, 7, memory.allocate)
    x, w = arrays((2, 7, 6, 4), (3, 3, 4, 4))
    y = np.empty((2, 5, 4, 4))
    program = tw.jit(lambda x, w: tw.conv(x, w)).lower("f64[2, 7, 6, 4]", "f64[3, 3, 4, 4]")
    (call,) = program.compilation.gpu.calls()
    assert isinstance(call, ConvolutionCall)
    held = put(x, w, y)
    device.synchronize()
    addresses = [array.block.address for array in held]
    work = made.work(call, {}, [0, 0, 0])
    work.queue(addresses, 9)
    work.queue(addresses)
    assert cudnn.done == [("fprop", 9), ("fprop", 7)]
    np.testing.assert_allclose(np.asarray(held[2]), tw.conv(x, w), rtol=1e-12)


# -- loading --------------------------------------------------------------------------------------


def test_a_library_that_is_not_there(device, monkeypatch):
    monkeypatch.setitem(sys.modules, "cudnn", None)
    assert runtime_cudnn.load(7, memory.allocate) is None
    broken = FakeCudnn()
    monkeypatch.setattr(broken, "create_handle", lambda: json.loads("no libcudnn.so"))
    monkeypatch.setitem(sys.modules, "cudnn", broken)
    assert runtime_cudnn.load(7, memory.allocate) is None
    monkeypatch.setitem(sys.modules, "cudnn", FakeCudnn())
    assert isinstance(runtime_cudnn.load(7, memory.allocate), Cudnn)


def test_libraries_are_loaded_where_they_could_do_something(device, monkeypatch):
    loaded = []
    found = Libraries(lambda: loaded.append("blas"), lambda: loaded.append("cudnn"))
    product = tw.jit(lambda a: a @ a).lower("f64[3, 3]").compilation.gpu
    assert found.alignment(product) == 1 and not loaded
    (call,) = product.calls()
    assert found.work(call, {}, [0, 0, 0]) is None and loaded == ["blas"]
    program = tw.jit(lambda x, w: tw.conv(x, w)).lower("f64[2, 7, 6, 4]", "f64[3, 3, 4, 4]")
    assert found.alignment(program.compilation.gpu) == 1 and loaded == ["blas", "cudnn"]


def test_the_environment_can_leave_all_to_kernels(device, monkeypatch):
    monkeypatch.setattr(device, "target", "sm_90")
    monkeypatch.setitem(sys.modules, "cudnn", FakeCudnn())
    lowered = tw.jit(lambda x, w: tw.conv(x, w)).lower("f64[2, 7, 6, 4]", "f64[3, 3, 4, 4]")
    (call,) = lowered.compilation.gpu.calls()
    monkeypatch.setenv("TENSORWRIGHT_GPU_LIBRARIES", "0")
    assert libraries(device).work(call, {}, [0, 0, 0]) is None
    monkeypatch.setenv("TENSORWRIGHT_GPU_LIBRARIES", "1")
    assert libraries(device).work(call, {}, [0, 0, 0]) is not None
    monkeypatch.setattr(device, "target", "simulator")
    assert libraries(device).work(call, {}, [0, 0, 0]) is None
