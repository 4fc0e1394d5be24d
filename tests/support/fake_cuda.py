"""A stand-in for `cuda.bindings.driver` on the host's memory, which records calls.

Kernels are Python functions of one thread. Where NVIDIA's bindings are installed but its driver is
not, every call is first made there: it must fail for want of the library, not for its arguments.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from support.one_thread import CountingDriver
from tensorwright.runtime.cuda.protocol import ARRAY_WORDS, Image, OutOfMemory, Parameters

NO_DRIVER = "DynamicLibNotFoundError"


class FakeCuda:
    """The functions that the runtime calls; other names are the real module's.

    `calls` has what was called, in order; `failing` the code that a function returns. Streams and
    other things are numbers.
    """

    def __init__(self, real: Any, images: Sequence[Image], **options: Any) -> None:
        self._real = real
        self._device = CountingDriver(**options)
        self._images = {image.code: image for image in images}
        self._things: dict[int, Any] = {}
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.failing: dict[str, Any] = {}
        self._captured: dict[int | None, _Graph] = {}

    def __getattr__(self, name: str) -> Any:
        simulated = _FUNCTIONS.get(name)
        if simulated is None:
            return getattr(self._real, name)

        def function(*arguments: Any) -> tuple[Any, ...]:
            self._try(name, arguments)
            self.calls.append((name, arguments))
            if name in self.failing:
                return (self.failing[name],)
            try:
                values = simulated(self, *arguments)
            except OutOfMemory:
                return (self._real.CUresult.CUDA_ERROR_OUT_OF_MEMORY,)
            return (self._real.CUresult.CUDA_SUCCESS, *values)

        function.__name__ = name
        return function

    def names(self) -> list[str]:
        """The functions that were called, in order."""
        return [name for name, _ in self.calls]

    def _try(self, name: str, arguments: tuple[Any, ...]) -> None:
        try:
            getattr(self._real, name)(*arguments)
        except Exception as error:
            assert type(error).__name__ == NO_DRIVER, f"{name}{arguments}: {error!r}"
        else:
            raise AssertionError("there is a driver: this stand-in would use it")

    def keep(self, kind: str, thing: Any) -> Any:
        """A handle."""
        number = len(self._things) + 1000
        self._things[number] = thing
        return getattr(self._real, kind)(number)

    def thing(self, handle: Any) -> Any:
        """What a handle stands for."""
        return self._things[int(handle)]

    def queue(self, work: Callable[[], None], stream: int | None) -> None:
        """What a library does on a stream: it is kept where that is captured."""
        graph = self._captured.get(stream)
        if graph is None:
            work()
        else:
            graph.nodes.append(work)

    def capture(self, stream: Any) -> tuple[()]:
        """Keep what is queued on a stream from now on."""
        self._captured[int(stream)] = _Graph()
        return ()

    def captured(self, stream: Any) -> tuple[Any]:
        """What has been kept, as a graph."""
        return (self.keep("CUgraph", self._captured.pop(int(stream))),)

    def load(self, code: bytes) -> Any:
        """Kernels by their names in the code."""
        image = self._images[code]
        kernels = self._device.load(image)
        return {entry.encode(): kernels[name] for name, entry in image.entries.items()}

    def launch(self, kernel: Any, blocks: int, threads: int, table: int) -> None:
        """Run a kernel with parameters by the table of their addresses."""
        count = sum(1 if kind is None else ARRAY_WORDS for kind in kernel.kinds)
        places = (ctypes.c_uint64 * count).from_address(table)
        words = [ctypes.c_int64.from_address(place).value for place in places]
        self._device.launch(kernel, blocks, threads, Parameters(np.array(words, np.int64)))

    @property
    def device(self) -> CountingDriver:
        """What does the work."""
        return self._device


def _host(address: int, nbytes: int) -> np.ndarray:
    return np.ctypeslib.as_array((ctypes.c_uint8 * nbytes).from_address(address))


# -- functions: given the stand-in and the arguments, they return what follows the code -----------


def _allocate_host(fake: FakeCuda, nbytes: int) -> tuple[Any, ...]:
    memory = np.zeros(nbytes, np.uint8)
    fake.keep("CUdeviceptr", memory)
    return (memory.ctypes.data,)


def _attribute(fake: FakeCuda, attribute: Any, device: Any) -> tuple[Any, ...]:
    known = {"MAJOR": 9, "MINOR": 0, "COUNT": 132}
    return (known[attribute.name.rpartition("_")[2]],)


def _to_device(fake: FakeCuda, target: int, source: int, nbytes: int, stream: Any) -> tuple[()]:
    fake.device.to_device(int(target), _host(source, nbytes))
    return ()


def _to_host(fake: FakeCuda, target: int, source: int, nbytes: int, stream: Any) -> tuple[()]:
    fake.device.to_host(_host(target, nbytes), int(source))
    return ()


def _launch(fake: FakeCuda, function: Any, *rest: Any) -> tuple[()]:
    blocks, _, _, threads, _, _, _, _, table, _ = rest
    fake.launch(fake.thing(function), blocks, threads, table)
    return ()


class _Graph:
    """Nodes in order, each a function to be run."""

    def __init__(self) -> None:
        self.nodes: list[Callable[[], None]] = []


def _work(fake: FakeCuda, node: Any) -> Callable[[], None]:
    """What the parameters of a node stand for. Those of kernels are read now, as CUDA does."""
    device = fake.device
    if isinstance(node, fake.CUgraph):
        parts = list(fake.thing(node).nodes)
        return lambda: [part() for part in parts] and None
    if isinstance(node, fake.CUDA_MEMCPY3D):
        assert (node.Height, node.Depth) == (1, 1)
        copied = int(node.dstDevice), int(node.srcDevice), node.WidthInBytes
        return lambda: device.copy(*copied)
    if isinstance(node, fake.CUDA_MEMSET_NODE_PARAMS):
        assert (node.elementSize, node.height) == (1, 1)
        filled = int(node.dst), node.value, node.width
        return lambda: device.fill(*filled)
    kernel = fake.thing(node.func)
    count = sum(1 if kind is None else ARRAY_WORDS for kind in kernel.kinds)
    places = (ctypes.c_uint64 * count).from_address(node.kernelParams)
    words = np.array([ctypes.c_int64.from_address(place).value for place in places])
    blocks, threads = node.gridDimX, node.blockDimX
    return lambda: device.launch(kernel, blocks, threads, Parameters(words))


def _add_node(fake: FakeCuda, graph: Any, before: Any, count: int, node: Any, *rest: Any) -> Any:
    nodes = fake.thing(graph).nodes
    assert len(before) == count == min(1, len(nodes)), "a chain"
    nodes.append(_work(fake, node))
    return (fake.keep("CUgraphNode", len(nodes) - 1),)


def _instantiate(fake: FakeCuda, graph: Any, flags: int) -> Any:
    made = _Graph()
    made.nodes = list(fake.thing(graph).nodes)
    return (fake.keep("CUgraphExec", made),)


def _update_node(fake: FakeCuda, graph: Any, place: Any, node: Any, *rest: Any) -> tuple[()]:
    fake.thing(graph).nodes[fake.thing(place)] = _work(fake, node)
    return ()


def _launch_graph(fake: FakeCuda, graph: Any, stream: Any) -> tuple[()]:
    for work in fake.thing(graph).nodes:
        work()
    return ()


def _nothing(fake: FakeCuda, *arguments: Any) -> tuple[()]:
    return ()


def _done(result: Any) -> tuple[()]:
    return ()


_FUNCTIONS: dict[str, Callable[..., tuple[Any, ...]]] = {
    "cuInit": _nothing,
    "cuGetErrorString": lambda fake, code: (b"it is wrong",),
    "cuDeviceGet": lambda fake, ordinal: (fake.CUdevice(ordinal),),
    "cuDevicePrimaryCtxRetain": lambda fake, device: (fake.keep("CUcontext", "context"),),
    "cuCtxSetCurrent": _nothing,
    "cuCtxSynchronize": lambda fake: _done(fake.device.synchronize()),
    "cuDeviceGetName": lambda fake, length, device: (b"Stand-in\0".ljust(length, b"\0"),),
    "cuDeviceGetAttribute": _attribute,
    "cuStreamCreate": lambda fake, flags: (fake.keep("CUstream", "stream"),),
    "cuStreamSynchronize": lambda fake, stream: _done(fake.device.synchronize()),
    "cuStreamWaitEvent": _nothing,
    "cuEventCreate": lambda fake, flags: (fake.keep("CUevent", "event"),),
    "cuEventRecord": _nothing,
    "cuEventDestroy": _nothing,
    "cuMemAlloc": lambda fake, nbytes: (fake.CUdeviceptr(fake.device.allocate(nbytes)),),
    "cuMemFree": lambda fake, address: _done(fake.device.free(address)),
    "cuMemGetInfo": lambda fake: fake.device.memory_info(),
    "cuMemAllocHost": _allocate_host,
    "cuMemcpyHtoDAsync": _to_device,
    "cuMemcpyDtoHAsync": _to_host,
    "cuMemcpyDtoDAsync": lambda fake, *given: _done(fake.device.copy(*given[:3])),
    "cuMemsetD8Async": lambda fake, *given: _done(fake.device.fill(*given[:3])),
    "cuModuleLoadData": lambda fake, code: (fake.keep("CUmodule", fake.load(code)),),
    "cuModuleGetFunction": lambda fake, module, name: (
        fake.keep("CUfunction", fake.thing(module)[name]),
    ),
    "cuModuleUnload": _nothing,
    "cuLaunchKernel": _launch,
    "cuGraphCreate": lambda fake, flags: (fake.keep("CUgraph", _Graph()),),
    "cuStreamBeginCapture": lambda fake, stream, mode: fake.capture(stream),
    "cuStreamEndCapture": lambda fake, stream: fake.captured(stream),
    "cuGraphAddChildGraphNode": _add_node,
    "cuGraphExecChildGraphNodeSetParams": _update_node,
    "cuGraphAddKernelNode": _add_node,
    "cuGraphAddMemcpyNode": _add_node,
    "cuGraphAddMemsetNode": _add_node,
    "cuGraphInstantiate": _instantiate,
    "cuGraphExecKernelNodeSetParams": _update_node,
    "cuGraphExecMemcpyNodeSetParams": _update_node,
    "cuGraphExecMemsetNodeSetParams": _update_node,
    "cuGraphLaunch": _launch_graph,
    "cuGraphExecDestroy": _nothing,
    "cuGraphDestroy": _nothing,
}
