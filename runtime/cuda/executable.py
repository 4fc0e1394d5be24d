"""Programs on the GPU.

Layer: runtime. In: a `GpuProgram`. Out: a `GpuExecutable`, called with NumPy arrays, numbers and
`DeviceArray`s. What is on the host is copied to the device; kernels are launched in order. Results
stay on the device if an argument was there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...compiler.ir.dims import Dim, evaluate
from ...compiler.ir.types import DType, Shape, TensorType
from ...compiler.launches import FAULTS, GpuProgram, Launch, Memory
from ...compiler.program import LeafKind, LeafSpec, Signature
from . import driver, memory
from .arrays import DeviceArray, device_put
from .arrays import Memory as Piece
from .compiling import source_image
from .protocol import Driver, Parameters
from .steps import Runner, View

_SMALLEST = 2  # of sizes that are symbols: 0 and 1 have programs of their own
_MOST_BLOCKS = 1 << 16  # kernels walk in strides of the grid: more blocks would only queue up


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
        self._kernels = self._driver.load(source_image(program))
        self._constants = [device_put(c).block for c in program.constants]

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

        NotImplemented for sizes that the program is not made for.

        Raises:
            IndexError, ValueError, OverflowError: faults in the data, as NumPy raises them.
        """
        program, signature = self.program, self.program.signature
        arrays = [
            x if isinstance(x, DeviceArray) else np.asarray(x, leaf.type.dtype.numpy)
            for x, leaf in zip(arguments, signature.inputs, strict=True)
        ]
        sizes = _sizes(signature, [a.shape for a in arrays])
        if sizes is None:
            return NotImplemented
        results = [self._empty(leaf.type, sizes) for leaf in signature.outputs]
        status = device_put(np.zeros(1, np.int64)).block
        places = _Places()
        sink = _Launches(self._driver, self._kernels, sizes, places.addresses)
        Runner(
            sink,
            sizes,
            places.add(status),
            {
                Memory.IN: [
                    places.add((a if isinstance(a, DeviceArray) else device_put(a)).block)
                    for a in arrays
                ],
                Memory.OUT: [places.add(result.block) for result in results],
                Memory.CONST: [places.add(block) for block in self._constants],
                Memory.SLOT: [
                    places.add(memory.allocate(evaluate(size, sizes))) for size in program.slots
                ],
            },
        ).run(program.steps)
        host = np.zeros(1, np.int64)
        status.read(host)
        _raise_faults(int(host[0]))
        return tuple(results)

    def _empty(self, type_: TensorType, sizes: Mapping[str, int]) -> DeviceArray:
        dtype, shape = type_.dtype.numpy, _shape(type_.shape, sizes)
        block = memory.allocate(evaluate(type_.size, sizes) * dtype.itemsize)
        return self._array(block, dtype, shape)


class _Places:
    """The memories of a call, which are kept until it has ended."""

    def __init__(self) -> None:
        self.addresses: list[int] = []
        self._blocks: list[Piece] = []

    def add(self, block: Piece) -> View:
        """All of a block."""
        self._blocks.append(block)
        self.addresses.append(block.address)
        return View(len(self._blocks) - 1, 0, block.nbytes)


class _Launches:
    """Queues steps at once."""

    def __init__(
        self,
        device: Driver,
        kernels: Mapping[str, Any],
        sizes: Mapping[str, int],
        addresses: Sequence[int],
    ) -> None:
        self._driver = device
        self._kernels = kernels
        self._sizes = list(sizes.values())
        self._addresses = addresses

    def launch(self, launch: Launch, blocks: int, arrays: Sequence[View]) -> None:
        """As `Sink.launch`."""
        words: list[int] = []
        *operands, status = arrays
        for view, operand in zip(operands, launch.operands, strict=True):
            words += self._array(view, operand.dtype.itemsize)
        words += [*self._sizes, *self._array(status, DType.I64.itemsize)]
        blocks = min(blocks, _MOST_BLOCKS)
        self._driver.launch(
            self._kernels[launch.kernel],
            blocks,
            launch.threads,
            Parameters(np.array(words, np.int64)),
        )

    def copy(self, target: View, source: View, nbytes: int) -> None:
        """As `Sink.copy`."""
        self._driver.copy(self._address(target), self._address(source), nbytes)

    def number(self, view: View, dtype: DType) -> int:
        """As `Sink.number`."""
        host = np.empty(1, dtype.numpy)
        self._driver.to_host(host, self._address(view))
        return int(host[0])

    def _address(self, view: View) -> int:
        return self._addresses[view.base] + view.offset

    def _array(self, view: View, itemsize: int) -> list[int]:
        """A flat array as Numba's kernels take it."""
        items = view.nbytes // itemsize
        return [0, 0, items, itemsize, self._address(view), items, itemsize]


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


def _raise_faults(status: int) -> None:
    for bit, error, text in FAULTS:
        if status & bit:
            raise error(text)
