"""Convolutions by cuDNN: the only module that touches its Python frontend (the extra `cudnn`).

Layer: runtime. In: a convolution with numbers for its sizes. Out: a `Convolved`, which queues a
plan that cuDNN has made for it, or None, where kernels of ours do it. Plans are kept, as is the
memory that they work in, the same for all: what is queued is done in order.

Only plans that give the same bits for the same arrays are taken, and for float32 none that
multiplies fewer bits (TF32, which is what tensor cores do there), unless both arrays were made of
halves, all of whose bits are among those. Winograd's and Fourier's ways round more than sums of
products do; they need `fast`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from ...compiler.errors import DeviceError
from ...compiler.ir.dims import evaluate
from ...compiler.ir.types import DType
from ...compiler.launches import ConvolutionCall, Tensor, Wanted
from .memory import Block

ALIGNMENT = 16  # bytes: cuDNN takes for granted that arrays begin at a multiple
_PLANS = 512
_MOST_ROOM = 1 << 30  # bytes that a plan may work in
_NAMES = {DType.F32: "FLOAT", DType.F64: "DOUBLE"}
_X, _W, _Y = 1, 2, 3  # numbers of the tensors in cuDNN's graphs


@dataclass(frozen=True, slots=True)
class Array:
    """Sizes and strides of [batch or outputs, channels, *space or window]."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """A `ConvolutionCall` with numbers; padding is the same on both sides."""

    wanted: Wanted
    dtype: DType
    x: Array
    w: Array
    y: Array
    padding: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    fast: bool
    of_halves: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """A graph of cuDNN with one operation, and the bytes that it works in."""

    graph: Any
    room: int


class Cudnn:
    """cuDNN on one stream.

    Args:
        cudnn: the module `cudnn`.
        stream: the stream that convolutions are queued on.
        allocate: gives memory for plans to work in.
    """

    def __init__(self, cudnn: Any, stream: int, allocate: Callable[[int], Block]) -> None:
        self._cudnn = cudnn
        self._stream = stream
        self._allocate = allocate
        self._lock = Lock()
        self._handle = cudnn.create_handle()
        cudnn.set_stream(handle=self._handle, stream=stream)
        self._plans: dict[Problem, Plan | None] = {}  # oldest first
        self._room: Block | None = None

    def work(
        self, call: ConvolutionCall, sizes: Mapping[str, int], offsets: Sequence[int]
    ) -> Convolved | None:
        """A convolution of these sizes; None if cuDNN cannot do it, or there is no memory for it.

        `offsets` are bytes from the start of memory to that of each operand.
        """
        problem = stated(call, sizes)
        if problem is None:
            return None
        tensors = (call.x, call.w, call.y)
        starts = [evaluate(t.offset, sizes) * call.dtype.itemsize for t in tensors]
        if any((offsets[t.operand] + s) % ALIGNMENT for t, s in zip(tensors, starts, strict=True)):
            return None
        with self._lock:
            plan = self._plan(problem)
            if plan is None:
                return None
            try:
                room = self._room_of(plan.room)
            except MemoryError:
                return None
        places = tuple((t.operand, start) for t, start in zip(tensors, starts, strict=True))
        return Convolved(self, plan, places, room)

    def _plan(self, problem: Problem) -> Plan | None:
        if problem not in self._plans:
            if len(self._plans) == _PLANS:
                del self._plans[next(iter(self._plans))]
            self._plans[problem] = planned(self._cudnn, problem, handle=self._handle)
        return self._plans[problem]

    def _room_of(self, nbytes: int) -> Block:
        """Memory of so many bytes. What works in a smaller one keeps that."""
        if self._room is None or self._room.nbytes < nbytes:
            self._room = self._allocate(nbytes)
        return self._room

    def convolve(self, work: Convolved, addresses: Sequence[int], stream: int | None) -> None:
        """Queue a convolution, perhaps on another stream."""
        given = [addresses[operand] + start for operand, start in work.places]
        arrays = dict(zip((_X, _W, _Y), given, strict=True))
        with self._lock:
            try:
                if stream is not None:
                    self._use(stream)
                work.plan.graph.execute(arrays, work.room.address, handle=self._handle)
            except Exception as error:  # the frontend has several classes
                raise DeviceError("cuDNN failed", got=_line(error)) from None
            finally:
                if stream is not None:
                    self._use(self._stream)

    def _use(self, stream: int) -> None:
        self._cudnn.set_stream(handle=self._handle, stream=stream)


@dataclass(frozen=True, slots=True)
class Convolved:
    """Follows `LibraryWork`: `places` are operand and first byte of x, w and y."""

    cudnn: Cudnn
    plan: Plan
    places: tuple[tuple[int, int], ...]
    room: Block

    def queue(self, addresses: Sequence[int], stream: int | None = None) -> None:
        """As `LibraryWork.queue`."""
        self.cudnn.convolve(self, addresses, stream)


def stated(call: ConvolutionCall, sizes: Mapping[str, int]) -> Problem | None:
    """The convolution with numbers; None if it is none of cuDNN's."""

    def array(tensor: Tensor) -> Array:
        shape = tuple(evaluate(size, sizes) for size in tensor.shape)
        return Array(shape, _strides(shape, [evaluate(s, sizes) for s in tensor.strides]))

    x, w, y = map(array, (call.x, call.w, call.y))
    padding = tuple(evaluate(size, sizes) for size in call.padding)
    axes = zip(
        x.shape[2:], w.shape[2:], y.shape[2:], padding, call.strides, call.dilation, strict=True
    )
    if call.dtype not in _NAMES or any(0 in a.shape or min(a.strides) < 1 for a in (x, w, y)):
        return None
    if not all(_is_symmetric(*axis) for axis in axes):
        return None
    return Problem(
        call.wanted,
        call.dtype,
        x,
        w,
        y,
        padding,
        call.strides,
        call.dilation,
        call.fast,
        call.of_halves,
    )


def _strides(shape: Sequence[int], strides: Sequence[int]) -> tuple[int, ...]:
    """The strides, those of axes with one element as if there were more."""
    whole = max(size * stride for size, stride in zip(shape, strides, strict=True))
    return tuple(
        whole if size == 1 and stride < 1 else stride
        for size, stride in zip(shape, strides, strict=True)
    )


def _is_symmetric(
    size: int, window: int, places: int, padding: int, stride: int, dilation: int
) -> bool:
    """Whether there are so many places of the window with the same padding on both sides."""
    left = size + 2 * padding - (window - 1) * dilation - 1
    return padding >= 0 and left >= 0 and left // stride + 1 == places


def planned(cudnn: Any, problem: Problem, **device: Any) -> Plan | None:
    """How cuDNN will do it; None if it cannot. `device` is a handle or properties of a device."""
    dtype = cudnn.data_type[_NAMES[problem.dtype]]
    graph = cudnn.pygraph(
        io_data_type=dtype, intermediate_data_type=dtype, compute_data_type=dtype, **device
    )
    _describe(graph, problem)
    try:
        graph.validate()
        graph.build_operation_graph()
        graph.create_execution_plans([cudnn.heur_mode.A, cudnn.heur_mode.FALLBACK])
        graph.deselect_numeric_notes(_refused(cudnn, problem))
        graph.deselect_workspace_greater_than(_MOST_ROOM)
        graph.check_support()
        graph.build_plans()
        return Plan(graph, graph.get_workspace_size())
    except (cudnn.cudnnGraphNotSupportedError, RuntimeError, ValueError):
        return None


def _describe(graph: Any, problem: Problem) -> None:
    """The tensors and the one operation."""
    arrays = {_X: problem.x, _W: problem.w, _Y: problem.y}
    how = {
        "padding": list(problem.padding),
        "stride": list(problem.strides),
        "dilation": list(problem.dilation),
    }

    def tensor(number: int) -> Any:
        array = arrays[number]
        return graph.tensor(dim=list(array.shape), stride=list(array.strides), uid=number)

    if problem.wanted is Wanted.OUTPUTS:
        number, result = _Y, graph.conv_fprop(image=tensor(_X), weight=tensor(_W), **how)
    elif problem.wanted is Wanted.INPUTS:
        number, result = _X, graph.conv_dgrad(loss=tensor(_Y), filter=tensor(_W), **how)
    else:
        number, result = _W, graph.conv_wgrad(image=tensor(_X), loss=tensor(_Y), **how)
    array = arrays[number]
    result.set_output(True).set_uid(number)
    result.set_dim(list(array.shape)).set_stride(list(array.strides))


def _refused(cudnn: Any, problem: Problem) -> list[Any]:
    """Notes of plans that compute something else."""
    note = cudnn.numerical_note
    refused = [note.NONDETERMINISTIC, note.REDUCED_PRECISION_REDUCTION]
    if problem.dtype is DType.F32 and not problem.of_halves:
        refused += [note.TENSOR_CORE, note.DOWN_CONVERT_INPUTS]
    return refused if problem.fast else [*refused, note.WINOGRAD, note.FFT]


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def load(stream: int, allocate: Callable[[int], Block]) -> Cudnn | None:
    """cuDNN, if it is installed."""
    try:
        # optional (the extra `cudnn`)
        import cudnn
    except ImportError:
        return None
    try:
        return Cudnn(cudnn, stream, allocate)
    except Exception:  # the frontend has several for a library that is not there
        return None
