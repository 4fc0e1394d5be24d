"""Programs on the GPU.

Layer: runtime. In: a `GpuProgram`. Out: a `GpuExecutable`, called with NumPy arrays, numbers and
`DeviceArray`s. What is on the host is copied to the device. Results stay on the device if an
argument was there; the call then returns before they are computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...compiler.ir.dims import Dim, evaluate
from ...compiler.ir.types import DType, Shape
from ...compiler.launches import GpuProgram, GpuStep, Memory, is_straight
from ...compiler.program import LeafKind, LeafSpec, Signature
from . import cache, driver, memory
from .arrays import DeviceArray
from .arrays import Memory as Piece
from .eager import Eager
from .graphs import Recordings, Replay, TooLong
from .libraries import libraries
from .memory import Pool, size_class
from .protocol import ALIGNMENT
from .steps import Context, Places
from .views import View

Shapes = tuple[tuple[int, ...], ...]

_SMALLEST = 2  # of sizes that are symbols: 0 and 1 have programs of their own
_PLANS = 64  # of a program: for so many combinations of sizes
_STATUS_BYTES = DType.I64.itemsize


class GpuExecutable:
    """A program whose kernels are compiled for the device.

    Args:
        program: what the compiler has made.
        array: the class of its results, made of a block, a dtype and a shape.

    Raises:
        DeviceError: there is no GPU.
    """

    def __init__(self, program: GpuProgram, array: type[DeviceArray] = DeviceArray) -> None:
        self.program = program
        self._array = array
        self._driver = driver.current()
        self._pool = memory.pool()
        self._kernels = self._driver.load(cache.image(program, self._driver.target))
        self._libraries = libraries(self._driver)
        self._alignment = self._libraries.alignment(program)
        self._can_fail = program.can_fail
        self._constants = _Packed([c.nbytes for c in program.constants])
        self._constant_block = memory.allocate(self._constants.nbytes)
        self._constant_block.write(self._constants.pack(program.constants))
        self._dtypes = [leaf.type.dtype.numpy for leaf in program.signature.inputs]
        self._plans: dict[Shapes, _Plan] = {}

    def __call__(self, *arguments: Any) -> Any:
        """As `run`; results stay on the device if an argument lies there."""
        results = self.run(arguments)
        if results is NotImplemented:
            return results
        outputs = self.program.signature.outputs
        if any(isinstance(a, DeviceArray) for a in arguments):
            return tuple(map(_kept, outputs, results))
        return tuple(
            _result(leaf, np.asarray(result)) for leaf, result in zip(outputs, results, strict=True)
        )

    def run(self, arguments: Sequence[Any]) -> Any:
        """The outputs as a tuple of arrays on the device, for inputs of the program's dtypes.

        NotImplemented for sizes that the program is not made for. Kernels may not have run when
        this returns; faults in the data are raised when a result is used.

        Raises:
            IndexError, ValueError, OverflowError: an argument is the result of a call that found
                faults in its data.
            MemoryError: the device has not enough memory.
        """
        arrays = [
            x if isinstance(x, DeviceArray) else np.asarray(x, dtype)
            for x, dtype in zip(arguments, self._dtypes, strict=True)
        ]
        plan = self._plan(tuple([a.shape for a in arrays]))
        if plan is None:
            return NotImplemented
        call = self._driver.calls.enter(self.program.name)
        inputs = [_block(self._pool, a, self._alignment) for a in arrays]
        *outputs, arena = self._pool.take_all(plan.memories)
        pieces = (*inputs, *outputs, arena, self._constant_block)
        plan.work.run(tuple([piece.address for piece in pieces]))
        failures = [piece.pending for piece in inputs if piece.pending is not None]
        if failures or self._can_fail:
            status = arena.address if self._can_fail else None
            pending = self._driver.calls.watch(call, failures, status)
            for block in outputs:
                block.pending = pending
        return tuple(map(self._array, outputs, plan.dtypes, plan.shapes))

    def _plan(self, shapes: Shapes) -> _Plan | None:
        plan = self._plans.get(shapes)
        if plan is None:
            sizes = _sizes(self.program.signature, shapes)
            if sizes is None:
                return None
            plan = self._make_plan(sizes)
            if len(self._plans) == _PLANS:
                del self._plans[next(iter(self._plans))]
            self._plans[shapes] = plan
        return plan

    def _make_plan(self, sizes: Mapping[str, int]) -> _Plan:
        program, signature = self.program, self.program.signature
        inputs, outputs = (
            [evaluate(leaf.type.size, sizes) * leaf.type.dtype.itemsize for leaf in leaves]
            for leaves in (signature.inputs, signature.outputs)
        )
        slots = _Packed([_STATUS_BYTES, *(evaluate(size, sizes) for size in program.slots)])
        base = len(inputs) + len(outputs)
        status, *scratch = slots.views(base)
        places = {
            Memory.IN: [View(k, 0, nbytes) for k, nbytes in enumerate(inputs)],
            Memory.OUT: [View(len(inputs) + k, 0, nbytes) for k, nbytes in enumerate(outputs)],
            Memory.SLOT: scratch,
            Memory.CONST: self._constants.views(base + 1),
        }
        context = Context(sizes, status, self._can_fail, self._libraries)
        recordings = Recordings(self._driver, self._kernels, context)
        return _Plan(
            [(nbytes, size_class(nbytes)) for nbytes in (*outputs, slots.nbytes)],
            [leaf.type.dtype.numpy for leaf in signature.outputs],
            [_shape(leaf.type.shape, sizes) for leaf in signature.outputs],
            _work(recordings, program.steps, places),
        )


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a call of certain sizes needs: memory for outputs and, last, scratch; and the work.

    Of memory there are the bytes and their class. The scratch memory begins with the status.
    """

    memories: list[tuple[int, int]]
    dtypes: list[np.dtype]
    shapes: list[tuple[int, ...]]
    work: Replay | Eager


def _work(recordings: Recordings, steps: Sequence[GpuStep], places: Places) -> Replay | Eager:
    """A recording where that is possible."""
    if is_straight(steps):
        try:
            return recordings.replay(steps, places, clears=recordings.context.can_fail)
        except TooLong:
            pass
    return Eager(recordings, steps, places)


class _Packed:
    """Where pieces of so many bytes lie side by side."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self._sizes = sizes
        self._offsets = []
        end = 0
        for nbytes in sizes:
            self._offsets.append(end)
            end += -(-nbytes // ALIGNMENT) * ALIGNMENT
        self.nbytes = end

    def views(self, base: int) -> list[View]:
        """The pieces of the memory with this number."""
        return [View(base, *each) for each in zip(self._offsets, self._sizes, strict=True)]

    def pack(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """The bytes of arrays at their places."""
        packed = np.zeros(self.nbytes, np.uint8)
        for array, at in zip(arrays, self._offsets, strict=True):
            raw = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            packed[at : at + raw.size] = raw
        return packed


def _block(pool: Pool, array: Any, alignment: int) -> Piece:
    """Where an argument lies on the device, or a copy at a multiple of the alignment."""
    if isinstance(array, DeviceArray):
        is_aligned = array.block.address % alignment == 0
        return array.block if is_aligned else array.copied().block
    block = pool.allocate(array.nbytes)
    block.write(np.asarray(array, order="C"))
    return block


def _sizes(signature: Signature, shapes: Sequence[tuple[int, ...]]) -> dict[str, int] | None:
    """The number for each symbolic size; None where shapes or guards do not fit."""
    found: dict[str, int] = {}
    for leaf, shape in zip(signature.inputs, shapes, strict=True):
        if len(shape) != leaf.type.rank:
            return None
        for size, actual in zip(leaf.type.shape, shape, strict=True):
            if isinstance(size, Dim):
                if actual < _SMALLEST or found.setdefault(str(size), actual) != actual:
                    return None
            elif size != actual:
                return None
    sizes = {name: found[name] for name in signature.size_names}
    for guard in signature.guards:
        value = evaluate(guard.size, sizes)
        if not {"==": value == 0, "!=": value != 0, ">=": value >= 0}[guard.relation]:
            return None
    return sizes


def _kept(leaf: LeafSpec, array: DeviceArray) -> Any:
    """What the caller gets for an output that stays: all but Python's numbers do."""
    if leaf.kind in (LeafKind.ARRAY, LeafKind.NUMPY_SCALAR):
        return array
    return np.asarray(array).item()


def _result(leaf: LeafSpec, array: np.ndarray) -> Any:
    """What the caller gets for an output."""
    if leaf.kind is LeafKind.ARRAY:
        return array
    return array[()] if leaf.kind is LeafKind.NUMPY_SCALAR else array.item()


def _shape(shape: Shape, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(evaluate(size, sizes) for size in shape)
