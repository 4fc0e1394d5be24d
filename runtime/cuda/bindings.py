"""The GPU, through NVIDIA's driver: the only module that calls `cuda.bindings.driver`.

Layer: runtime. The device is the first that the driver shows, in its primary context, which other
libraries share. Errors of memory are `OutOfMemory`; of kernels, `CallLog.stopped`; others are
`DeviceError`s that name the driver's function.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from threading import local
from typing import Any

import numpy as np

from ...compiler.errors import DeviceError
from .calls import CallLog
from .protocol import (
    CopyNode,
    FillNode,
    Image,
    KernelNode,
    LibraryNode,
    LibraryWork,
    Node,
    NotRecorded,
    OutOfMemory,
    Parameters,
    address_of,
)

# After these the context is lost: a kernel has failed.
_STOPPED = (
    "ASSERT",
    "CONTAINED",
    "ECC_UNCORRECTABLE",
    "EXTERNAL_DEVICE",
    "HARDWARE_STACK_ERROR",
    "ILLEGAL_ADDRESS",
    "ILLEGAL_INSTRUCTION",
    "INVALID_ADDRESS_SPACE",
    "INVALID_PC",
    "LAUNCH_FAILED",
    "LAUNCH_TIMEOUT",
    "MISALIGNED_ADDRESS",
    "TENSOR_MEMORY_LEAK",
)


class CudaDriver:
    """Follows `Driver`.

    Args:
        cuda: the module `cuda.bindings.driver`.

    Raises:
        DeviceError: there is no GPU, or it cannot be used.
    """

    def __init__(self, cuda: Any) -> None:
        self.calls = CallLog(self)
        self._cuda = cuda
        self._lost = {
            getattr(cuda.CUresult, f"CUDA_ERROR_{name}")
            for name in _STOPPED
            if hasattr(cuda.CUresult, f"CUDA_ERROR_{name}")
        }
        self._threads = local()  # which of them use the context
        self._call(cuda.cuInit, 0)
        self._device = self._call(cuda.cuDeviceGet, 0)
        self._context = self._call(cuda.cuDevicePrimaryCtxRetain, self._device)
        self._enter()
        raw = self._call(cuda.cuDeviceGetName, 256, self._device)
        self.name = raw.split(b"\0")[0].decode()
        attributes = cuda.CUdevice_attribute
        major, minor, self.multiprocessors = (
            self._call(cuda.cuDeviceGetAttribute, attribute, self._device)
            for attribute in (
                attributes.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
                attributes.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
                attributes.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT,
            )
        )
        self.target = f"sm_{major}{minor}"
        # A stream that waits for the default stream and makes it wait: what others do there is safe
        self._stream = self._call(cuda.cuStreamCreate, cuda.CUstream_flags.CU_STREAM_DEFAULT)
        self.stream = int(self._stream)

    # -- calls --------------------------------------------------------------------------------

    def _call(self, function: Any, *arguments: Any) -> Any:
        """What a function of the driver returns besides its code."""
        code, *values = function(*arguments)
        if code != self._cuda.CUresult.CUDA_SUCCESS:
            raise self._error(function, code)
        return values[0] if len(values) == 1 else tuple(values)

    def _error(self, function: Any, code: Any) -> Exception:
        cuda = self._cuda
        if code == cuda.CUresult.CUDA_ERROR_OUT_OF_MEMORY:
            return OutOfMemory()
        told, text = cuda.cuGetErrorString(code)
        known = told == cuda.CUresult.CUDA_SUCCESS and text
        reason = f"{code.name}: {text.decode()}" if known else code.name
        if code in self._lost:
            return self.calls.stopped(reason)
        return DeviceError(f"{function.__name__} failed", got=reason)

    def _enter(self) -> None:
        """Let this thread use the context."""
        if not hasattr(self._threads, "entered"):
            self._call(self._cuda.cuCtxSetCurrent, self._context)
            self._threads.entered = True

    # -- memory -------------------------------------------------------------------------------

    def allocate(self, nbytes: int) -> int:
        """As `Driver.allocate`."""
        self._enter()
        return int(self._call(self._cuda.cuMemAlloc, nbytes))

    def free(self, address: int) -> None:
        """As `Driver.free`."""
        self._enter()
        self._call(self._cuda.cuMemFree, address)

    def adopt(self, address: int, nbytes: int) -> None:
        """As `Driver.adopt`: all memory of the device is alike."""

    def disown(self, address: int) -> None:
        """As `Driver.disown`."""

    def memory_info(self) -> tuple[int, int]:
        """As `Driver.memory_info`."""
        self._enter()
        free, total = self._call(self._cuda.cuMemGetInfo)
        return int(free), int(total)

    def pinned(self, nbytes: int) -> np.ndarray:
        """As `Driver.pinned`."""
        self._enter()
        address = int(self._call(self._cuda.cuMemAllocHost, nbytes))
        return np.asarray(_Pinned(address, nbytes))

    def to_device(self, target: int, source: np.ndarray) -> None:
        """As `Driver.to_device`: the driver takes pageable memory over before it returns."""
        self._enter()
        self._call(
            self._cuda.cuMemcpyHtoDAsync, target, address_of(source), source.nbytes, self._stream
        )

    def to_host(self, target: np.ndarray, source: int) -> None:
        """As `Driver.to_host`."""
        self.to_pinned(target, source)
        self._call(self._cuda.cuStreamSynchronize, self._stream)
        self.calls.idle()

    def to_pinned(self, target: np.ndarray, source: int) -> None:
        """As `Driver.to_pinned`."""
        self._enter()
        self._call(
            self._cuda.cuMemcpyDtoHAsync, address_of(target), source, target.nbytes, self._stream
        )

    def copy(self, target: int, source: int, nbytes: int) -> None:
        """As `Driver.copy`."""
        self._enter()
        self._call(self._cuda.cuMemcpyDtoDAsync, target, source, nbytes, self._stream)

    def fill(self, target: int, byte: int, nbytes: int) -> None:
        """As `Driver.fill`."""
        self._enter()
        self._call(self._cuda.cuMemsetD8Async, target, byte, nbytes, self._stream)

    # -- kernels ------------------------------------------------------------------------------

    def load(self, image: Image) -> Mapping[str, Any]:
        """As `Driver.load`."""
        self._enter()
        module = _Module(self, self._call(self._cuda.cuModuleLoadData, image.code))
        return {
            name: _Kernel(
                self._call(self._cuda.cuModuleGetFunction, module.handle, entry.encode()), module
            )
            for name, entry in image.entries.items()
        }

    def launch(self, kernel: _Kernel, blocks: int, threads: int, parameters: Parameters) -> None:
        """As `Driver.launch`."""
        self._enter()
        self._call(
            self._cuda.cuLaunchKernel,
            kernel.handle,
            *(blocks, 1, 1),
            *(threads, 1, 1),
            0,  # dynamic shared memory
            self._stream,
            parameters.table,
            0,  # no parameters in the other form
        )

    def run_library(self, work: LibraryWork, addresses: Sequence[int]) -> None:
        """As `Driver.run_library`."""
        self._enter()
        work.queue(addresses)

    @cached_property
    def recording_stream(self) -> Any:
        """A stream for what libraries queue while it is recorded: other threads use our own."""
        return self._call(self._cuda.cuStreamCreate, self._cuda.CUstream_flags.CU_STREAM_DEFAULT)

    def graph(self, nodes: Sequence[Node]) -> CudaGraph:
        """As `Driver.graph`."""
        self._enter()
        return CudaGraph(self, nodes)

    # -- waiting ------------------------------------------------------------------------------

    def synchronize(self) -> None:
        """As `Driver.synchronize`."""
        self._enter()
        self._call(self._cuda.cuCtxSynchronize)
        self.calls.idle()

    def wait_for(self, stream: int) -> None:
        """As `Driver.wait_for`."""
        self._order(stream, self._stream)

    def let_wait(self, stream: int) -> None:
        """As `Driver.let_wait`."""
        self._order(self._stream, stream)

    def _order(self, first: Any, then: Any) -> None:
        """Let what is queued on a stream from now on wait for what another one has queued."""
        cuda = self._cuda
        self._enter()
        event = self._call(cuda.cuEventCreate, cuda.CUevent_flags.CU_EVENT_DISABLE_TIMING)
        self._call(cuda.cuEventRecord, event, first)
        self._call(cuda.cuStreamWaitEvent, then, event, 0)
        self._call(cuda.cuEventDestroy, event)  # the driver keeps it as long as it is needed


class _Pinned:
    """Memory of the host, for NumPy."""

    def __init__(self, address: int, nbytes: int) -> None:
        self.__array_interface__ = {
            "shape": (nbytes,),
            "typestr": "|u1",
            "data": (address, False),
            "version": 3,
        }


class _Module:
    """Loaded kernels; unloaded when nothing refers to them."""

    def __init__(self, device: CudaDriver, handle: Any) -> None:
        self._device = device
        self.handle = handle

    def __del__(self) -> None:
        if sys.is_finalizing():  # all is given back with the process
            return
        # Errors are those of kernels, which others are told of.
        with suppress(DeviceError):
            self._device.synchronize()
            self._device._call(self._device._cuda.cuModuleUnload, self.handle)


class _Kernel:
    """A function of a module."""

    def __init__(self, handle: Any, module: _Module) -> None:
        self.handle = handle
        self._module = module  # kept


def _used(nodes: Sequence[Node]) -> list[Any]:
    """What the nodes refer to, each once."""
    kernels = {id(n.kernel): n.kernel for n in nodes if isinstance(n, KernelNode)}
    works = {id(n.work): n.work for n in nodes if isinstance(n, LibraryNode)}
    return [*kernels.values(), *works.values()]


@contextmanager
def _recording() -> Iterator[None]:
    """What is refused inside cannot be recorded."""
    try:
        yield
    except DeviceError as error:
        raise NotRecorded from error


class CudaGraph:
    """Follows `Graph`: a chain of nodes."""

    def __init__(self, device: CudaDriver, nodes: Sequence[Node]) -> None:
        self._device = device
        self._cuda = device._cuda
        self._graph = self._executable = None
        self._kept = _used(nodes)
        self._graph = self._call(self._cuda.cuGraphCreate, 0)
        self._nodes: list[Any] = []
        for node in nodes:
            last = self._nodes[-1:]
            self._nodes.append(self._add(node, last))
        self._executable = self._call(self._cuda.cuGraphInstantiate, self._graph, 0)

    def launch(self) -> None:
        """As `Graph.launch`."""
        self._device._enter()
        self._call(self._cuda.cuGraphLaunch, self._executable, self._device._stream)

    def update(self, index: int, node: Node) -> None:
        """As `Graph.update`."""
        self._device._enter()
        cuda, at = self._cuda, (self._executable, self._nodes[index])
        if isinstance(node, LibraryNode):
            with self._captured(node) as work:
                self._try(cuda.cuGraphExecChildGraphNodeSetParams, *at, work)
            return
        if isinstance(node, KernelNode):
            self._call(cuda.cuGraphExecKernelNodeSetParams, *at, self._kernel_node(node))
            return
        context = self._device._context
        if isinstance(node, CopyNode):
            self._call(cuda.cuGraphExecMemcpyNodeSetParams, *at, self._copy_node(node), context)
        else:
            self._call(cuda.cuGraphExecMemsetNodeSetParams, *at, self._fill_node(node), context)

    def _call(self, function: Any, *arguments: Any) -> Any:
        return self._device._call(function, *arguments)

    def _add(self, node: Node, before: list[Any]) -> Any:
        cuda, at = self._cuda, (self._graph, before, len(before))
        if isinstance(node, LibraryNode):
            with self._captured(node) as work:
                return self._try(cuda.cuGraphAddChildGraphNode, *at, work)
        if isinstance(node, KernelNode):
            return self._call(cuda.cuGraphAddKernelNode, *at, self._kernel_node(node))
        context = self._device._context
        if isinstance(node, CopyNode):
            return self._call(cuda.cuGraphAddMemcpyNode, *at, self._copy_node(node), context)
        return self._call(cuda.cuGraphAddMemsetNode, *at, self._fill_node(node), context)

    def _try(self, function: Any, *arguments: Any) -> Any:
        """As `_call`, for what is refused where a library does more than can be recorded."""
        with _recording():
            return self._call(function, *arguments)

    @contextmanager
    def _captured(self, node: LibraryNode) -> Iterator[Any]:
        """What a library queues, as a graph that is given back."""
        cuda, stream = self._cuda, self._device.recording_stream
        mode = cuda.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        self._call(cuda.cuStreamBeginCapture, stream, mode)
        try:
            with _recording():
                node.work.queue(node.addresses, int(stream))
        finally:
            work = self._try(cuda.cuStreamEndCapture, stream)
        try:
            yield work
        finally:
            self._call(cuda.cuGraphDestroy, work)

    def _kernel_node(self, node: KernelNode) -> Any:
        made = self._cuda.CUDA_KERNEL_NODE_PARAMS()
        made.func = node.kernel.handle
        made.gridDimX, made.gridDimY, made.gridDimZ = node.blocks, 1, 1
        made.blockDimX, made.blockDimY, made.blockDimZ = node.threads, 1, 1
        made.sharedMemBytes = 0
        made.kernelParams = node.parameters.table
        return made

    def _copy_node(self, node: Node) -> Any:
        assert isinstance(node, CopyNode)
        on_device = self._cuda.CUmemorytype.CU_MEMORYTYPE_DEVICE
        made = self._cuda.CUDA_MEMCPY3D()
        made.srcMemoryType = made.dstMemoryType = on_device
        made.srcDevice, made.dstDevice = node.source, node.target
        made.WidthInBytes, made.Height, made.Depth = node.nbytes, 1, 1
        return made

    def _fill_node(self, node: Node) -> Any:
        assert isinstance(node, FillNode)
        made = self._cuda.CUDA_MEMSET_NODE_PARAMS()
        made.dst, made.value = node.target, node.byte
        made.elementSize, made.width, made.height, made.pitch = 1, node.nbytes, 1, 0
        return made

    def __del__(self) -> None:
        if sys.is_finalizing():
            return
        # What is queued is done before. Errors are those of kernels, which others are told of.
        with suppress(DeviceError):
            self._device._enter()
            if self._executable is not None:
                self._call(self._cuda.cuGraphExecDestroy, self._executable)
            if self._graph is not None:
                self._call(self._cuda.cuGraphDestroy, self._graph)
