"""The driver of the GPU on a stand-in for NVIDIA's, whose bindings check the arguments."""

from __future__ import annotations

import gc
import operator
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import numpy as np
import pytest

import tensorwright as tw
from support.fake_cuda import NO_DRIVER, FakeCuda
from support.one_thread import use
from tensorwright.compiler.errors import DeviceError
from tensorwright.runtime.cuda import cache, compiling, driver, graphs, memory
from tensorwright.runtime.cuda.arrays import DeviceArray
from tensorwright.runtime.cuda.bindings import CudaDriver
from tensorwright.runtime.cuda.compiling import source_image
from tensorwright.runtime.cuda.executable import GpuExecutable
from tensorwright.runtime.cuda.protocol import (
    ARRAY_WORDS,
    CopyNode,
    FillNode,
    LibraryNode,
    NotRecorded,
    OutOfMemory,
)

real = pytest.importorskip("cuda.bindings.driver", reason="NVIDIA's bindings are not installed")
try:
    real.cuInit(0)
except RuntimeError as error:
    if type(error).__name__ != NO_DRIVER:
        raise
else:
    pytest.skip("there is a driver", allow_module_level=True)


@pytest.fixture
def fake():
    return FakeCuda(real, [])


@pytest.fixture
def gpu(fake, monkeypatch):
    gpu = CudaDriver(fake)
    use(monkeypatch, gpu)
    # what is compiled is the source, which the stand-in runs
    images = {}

    def image(program, target):
        made = source_image(program)
        fake._images[made.code] = made
        return images.setdefault(made.code, made)

    monkeypatch.setattr(cache, "image", image)
    return gpu


def executable(function, *types):
    return GpuExecutable(tw.jit(function).lower(*types).compilation.gpu)


# -- what the driver says of itself ---------------------------------------------------------------


def test_the_device(gpu, fake):
    assert (gpu.name, gpu.target, gpu.multiprocessors) == ("Stand-in", "sm_90", 132)
    assert isinstance(gpu.stream, int) and gpu.stream > 2
    assert fake.names()[:4] == [
        "cuInit",
        "cuDeviceGet",
        "cuDevicePrimaryCtxRetain",
        "cuCtxSetCurrent",
    ]


def test_every_thread_uses_the_context(gpu, fake):
    def work():
        gpu.memory_info()
        gpu.memory_info()

    with ThreadPoolExecutor(1) as threads:
        threads.submit(work).result()
    assert fake.names().count("cuCtxSetCurrent") == 2


# -- memory ---------------------------------------------------------------------------------------


def test_copies(gpu):
    first, second = gpu.allocate(80), gpu.allocate(80)
    x = np.arange(10.0)
    gpu.to_device(first, x)
    gpu.copy(second, first, 80)
    gpu.fill(second + 8, 0, 16)
    y = np.empty(10)
    gpu.to_host(y, second)
    assert y.tolist() == [0.0, 0.0, 0.0, *x[3:]]
    gpu.free(first)
    with pytest.raises(AssertionError, match="not allocated"):
        gpu.to_host(y, first)


def test_pinned_memory(gpu):
    words = gpu.pinned(16).view(np.int64)
    words[:] = 7
    address = gpu.allocate(8)
    gpu.to_device(address, np.array([5]))
    gpu.to_pinned(words[1:], address)
    assert words.tolist() == [7, 5]


def test_too_little_memory(monkeypatch):
    fake = FakeCuda(real, [], limit=32 << 20)
    gpu = CudaDriver(fake)
    use(monkeypatch, gpu)
    with pytest.raises(OutOfMemory):
        gpu.allocate(64 << 20)
    with pytest.raises(MemoryError, match=r"40\.0 MiB asked for; .*, 32\.0 MiB of 32\.0 MiB free"):
        memory.allocate(40 << 20)


# -- programs -------------------------------------------------------------------------------------


def scores(x, y):
    return (x - x.mean()) / x.std() * y, np.cumsum(x)


def test_programs_run(gpu):
    f = executable(scores, "f32[n]", "f32[n]")
    rng = np.random.default_rng(0)
    for n in (5, 900):
        x, y = rng.random((2, n), np.float32)
        for got, wanted in zip(f(x, y), tw.jit(scores)(x, y), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_graphs_run_and_are_updated(gpu, fake, monkeypatch):
    monkeypatch.setattr(graphs, "_GRAPHS", 1)
    f = executable(scores, "f64[n]", "f64[n]")
    given = [DeviceArray.from_host(np.arange(1.0, 4.0) ** k) for k in (1, 2)]
    for y in given * 3:
        for got, wanted in zip(
            f(given[0], y), scores(np.asarray(given[0]), np.asarray(y)), strict=True
        ):
            np.testing.assert_allclose(np.asarray(got), wanted, rtol=1e-13)
        del got
    names = fake.names()
    assert names.count("cuGraphInstantiate") == 1
    assert names.count("cuGraphLaunch") >= 2
    assert names.count("cuGraphExecKernelNodeSetParams") >= 1


class Library:
    """A library that notes the first address it is given."""

    def __init__(self, fake):
        self.fake = fake
        self.done = []

    def queue(self, addresses, stream=None):
        self.fake.queue(lambda: self.done.append(addresses[0]), stream)


def test_what_a_library_does_is_captured(gpu, fake):
    library = Library(fake)

    def node(address):
        return LibraryNode(library, (address,))

    gpu.run_library(library, [5])
    graph = gpu.graph([node(6), node(7)])
    assert library.done == [5]
    graph.launch()
    graph.update(1, node(8))
    graph.launch()
    assert library.done == [5, 6, 7, 6, 8]
    names = fake.names()
    assert names.count("cuStreamBeginCapture") == names.count("cuStreamEndCapture") == 3
    assert names.count("cuGraphDestroy") == 3
    begun = [given for name, given in fake.calls if name == "cuStreamBeginCapture"]
    assert all(int(stream) != gpu.stream for stream, _ in begun), "others queue there"


def test_what_a_library_does_may_be_none_that_can_be_recorded(gpu, fake):
    node = LibraryNode(Library(fake), (1,))
    graph = gpu.graph([node])
    for name in ("cuGraphExecChildGraphNodeSetParams", "cuGraphAddChildGraphNode"):
        fake.failing[name] = real.CUresult.CUDA_ERROR_INVALID_VALUE
    with pytest.raises(NotRecorded):
        graph.update(0, node)
    with pytest.raises(NotRecorded):
        gpu.graph([node])


def test_a_library_that_fails_ends_its_capture(gpu, fake):
    library = Library(fake)
    library.queue = lambda addresses, stream: operator.truediv(1, 0)
    with pytest.raises(ZeroDivisionError):
        gpu.graph([LibraryNode(library, (1,))])
    assert "cuStreamEndCapture" in fake.names()


def test_a_library_that_refuses_to_be_captured(gpu, fake):
    def refuse(addresses, stream):
        raise DeviceError("it allocates memory")

    library = Library(fake)
    library.queue = refuse
    with pytest.raises(NotRecorded):
        gpu.graph([LibraryNode(library, (1,))])
    assert "cuStreamEndCapture" in fake.names()


def test_nodes_that_copy_and_fill(gpu, fake):
    source, target = gpu.allocate(64), gpu.allocate(64)
    gpu.to_device(source, np.arange(8.0))
    graph = gpu.graph([CopyNode(target, source, 64), FillNode(target + 16, 0, 8)])
    graph.launch()
    found = np.empty(8)
    gpu.to_host(found, target)
    assert found.tolist() == [0.0, 1.0, 0.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    graph.update(0, CopyNode(target, source + 8, 56))
    graph.update(1, FillNode(target + 24, 0, 8))
    graph.launch()
    gpu.to_host(found, target)
    assert found.tolist() == [1.0, 2.0, 3.0, 0.0, 5.0, 6.0, 7.0, 7.0]
    del graph
    gc.collect()
    assert fake.names()[-2:] == ["cuGraphExecDestroy", "cuGraphDestroy"]


def test_kernels_are_unloaded_with_their_program(gpu, fake):
    f = executable(lambda x: x * 2, "f64[n]")
    f(np.arange(3.0))
    assert "cuModuleUnload" not in fake.names()
    del f
    gc.collect()
    assert fake.names()[-2:] == ["cuCtxSynchronize", "cuModuleUnload"]


# -- streams --------------------------------------------------------------------------------------


def test_other_streams_are_waited_for_and_wait(gpu, fake):
    at = len(fake.calls)
    gpu.wait_for(1)
    gpu.let_wait(2)
    names = ["cuEventCreate", "cuEventRecord", "cuStreamWaitEvent", "cuEventDestroy"]
    assert fake.names()[at:] == names * 2
    recorded, waiting = (
        [int(given[k]) for name, given in fake.calls[at:] if name == wanted]
        for wanted, k in (("cuEventRecord", 1), ("cuStreamWaitEvent", 0))
    )
    assert recorded == [1, gpu.stream] and waiting == [gpu.stream, 2]


class Foreign:
    """An array of another library on a stream."""

    def __init__(self, address, **more):
        self.__cuda_array_interface__ = {
            "shape": (2,),
            "typestr": "<f8",
            "data": (address, False),
            "version": 3,
            **more,
        }


@pytest.mark.parametrize(
    ("more", "called"),
    [
        ({"stream": 7}, ["cuEventCreate", "cuEventRecord", "cuStreamWaitEvent", "cuEventDestroy"]),
        ({"stream": None}, []),
        ({}, ["cuCtxSynchronize"]),
    ],
    ids=["stream", "no stream", "nothing known"],
)
def test_arrays_of_others_are_waited_for_on_their_stream(gpu, fake, more, called):
    address = gpu.allocate(16)
    gpu.to_device(address, np.array([1.0, 2.0]))
    at = len(fake.calls)
    array = DeviceArray.from_other(Foreign(address, **more))
    assert fake.names()[at:] == called
    assert np.asarray(array).tolist() == [1.0, 2.0]


def test_others_wait_for_our_arrays_on_the_device(gpu, fake):
    array = DeviceArray.from_host(np.arange(3.0))
    at = len(fake.calls)
    array.__dlpack__(stream=9)
    assert fake.names()[at:].count("cuStreamWaitEvent") == 1
    assert "cuCtxSynchronize" not in fake.names()[at:]
    assert array.block.lent


# -- errors ---------------------------------------------------------------------------------------


def test_errors_name_the_function(gpu, fake):
    fake.failing["cuMemcpyDtoDAsync"] = real.CUresult.CUDA_ERROR_INVALID_VALUE
    with pytest.raises(DeviceError) as caught:
        gpu.copy(1, 2, 3)
    assert str(caught.value).startswith(
        "cuMemcpyDtoDAsync failed\n  got:      CUDA_ERROR_INVALID_VALUE: it"
    )


def test_what_stops_the_gpu_is_told_with_the_call(gpu, fake):
    x = DeviceArray.from_host(np.arange(3.0))
    np.asarray(x)
    f = executable(lambda x: x * 2, "f64[n]")
    (y,) = f(x)
    fake.failing["cuStreamSynchronize"] = real.CUresult.CUDA_ERROR_ILLEGAL_ADDRESS
    with pytest.raises(
        DeviceError, match=r"the GPU stopped: CUDA_ERROR_ILLEGAL_ADDRESS(.|\n)*called at"
    ):
        np.asarray(y)


def use_bindings(monkeypatch, module):
    """Let the runtime find this in place of the bindings."""
    package = ModuleType("cuda.bindings")
    package.driver = module
    monkeypatch.setitem(sys.modules, "cuda.bindings", package)
    monkeypatch.setattr(driver, "_current", None)


def test_a_gpu_that_is_not_there(fake, monkeypatch):
    use_bindings(monkeypatch, fake)
    fake.failing["cuInit"] = real.CUresult.CUDA_ERROR_NO_DEVICE
    with pytest.raises(DeviceError, match="there is no GPU\n  got:      CUDA_ERROR_NO_DEVICE"):
        driver.current()


def test_a_gpu_that_is_there(fake, monkeypatch):
    use_bindings(monkeypatch, fake)
    found = driver.current()
    assert isinstance(found, CudaDriver)
    assert driver.current() is found


def test_bindings_that_are_not_installed(monkeypatch):
    monkeypatch.setattr(driver, "_current", None)
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(
        DeviceError, match=r"cuda-bindings(.|\n)*pip install 'tensorwright\[cuda\]'"
    ):
        driver.current()


def test_a_forked_process_cannot_use_it(gpu, monkeypatch):
    monkeypatch.setattr(driver, "_forked", False)
    monkeypatch.setattr(driver, "_lock", driver._lock)
    driver._renew()
    with pytest.raises(DeviceError, match="in a process forked from one that has used it"):
        driver.current()


# -- parameters of kernels ------------------------------------------------------------------------


def test_parameters_are_those_of_the_ptx():
    """What Numba makes of arrays and sizes: how many words, and which are read for what."""
    pytest.importorskip("numba.cuda", reason="the compiler is Numba CUDA")
    program = tw.jit(lambda x, y, z: (x[1:] * 2 + y, z.sum())).lower("f32[n]", "f32[]", "i8[m]")
    program = program.compilation.gpu
    kinds = compiling.parameters(program)
    for name, text in compiling.ptx(program, (8, 0)).items():
        head = text[text.index(".entry") :].partition(")")[0]
        assert re.findall(r"\.param\s+\.(?:align\s+\d+\s+\.)?(\w+)", head) == ["u64"] * (
            _words(kinds[name])
        )
        loaded = {
            int(k) for k in re.findall(r"ld\.param\.[us]64\s+%rd\d+, \[\w+?_param_(\d+)\]", text)
        }
        assert loaded <= _of_use(kinds[name])
        assert loaded & set(_places(kinds[name], None)), "sizes are read"


def _words(kinds):
    return sum(1 if kind is None else ARRAY_WORDS for kind in kinds)


def _places(kinds, wanted):
    """Where the parameters of arrays (or, for None, of sizes) begin."""
    at, found = 0, []
    for kind in kinds:
        if (kind is None) == (wanted is None):
            found.append(at)
        at += 1 if kind is None else ARRAY_WORDS
    return found


def _of_use(kinds):
    """Words that kernels may read: sizes, and addresses, shapes and strides of arrays."""
    return {*_places(kinds, None), *(at + k for at in _places(kinds, "array") for k in (4, 5, 6))}
