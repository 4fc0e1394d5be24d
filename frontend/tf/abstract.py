"""What a function of tensors gives for types of tensors: it runs on traced arrays, without data.

Layer: frontend. Sizes that are not known are symbols of the trace. Each has a hint, a number that
it is thought to be, which answers questions about sizes; an answer that depends on the hint shows.
The graphs of TensorFlow 1 and the models of Keras find the shapes of their tensors here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ...compiler.ir.dims import Dim
from ...compiler.ir.types import TensorType as ArrayType
from ...compiler.program import LeafSpec
from ..context import require
from ..lift import lift
from ..trace import trace
from ..values import dtype_of
from . import dtypes
from .concrete import FunctionTrace
from .dtypes import DType
from .shapes import TensorShape
from .tensors import STATE, Tensor


class TensorType(NamedTuple):
    """What is known of a tensor before it is computed."""

    dtype: DType
    shape: TensorShape


class Evaluated(NamedTuple):
    """What a function gives; `is_fixed`: for some of the unknown sizes only, as far as it knows."""

    outputs: list[TensorType]
    is_fixed: bool


def evaluate(
    function: Callable[[Sequence[Tensor]], Sequence[Tensor]],
    types: Sequence[TensorType],
    hint: Callable[[int, int], int],
    names: Sequence[str],
) -> Evaluated:
    """Run a function on tensors without values.

    Args:
        function: takes tensors, gives tensors. What it assigns to variables is forgotten.
        types: of its arguments; their ranks are known.
        hint: number of the argument and axis -> what an unknown size there is thought to be.
        names: of the arguments, for messages.
    """
    sizes: dict[str, int] = {}
    specs = [_spec(k, type, hint, sizes) for k, type in enumerate(types)]

    def abstract(*leaves: Any) -> tuple[Any, ...]:
        before, recorders = STATE.function, STATE.recorders
        STATE.function, STATE.recorders = FunctionTrace(require()), ()
        try:
            return tuple([lift(x._value) for x in function([Tensor(x) for x in leaves])])
        finally:
            STATE.function, STATE.recorders = before, recorders

    result = trace(abstract, lambda leaves: (leaves, {}), specs, names, sizes)
    is_fixed = bool(result.graph.guards) or any(
        isinstance(old, Dim) and isinstance(new, int)
        for a, b in zip(specs, result.inputs, strict=True)
        for old, new in zip(a.type.shape, b.type.shape, strict=True)
    )
    outputs = [_type_of(s.type) for s in result.output.specs]
    return Evaluated(outputs[: result.output.count], is_fixed)


def _spec(
    number: int, type: TensorType, hint: Callable[[int, int], int], sizes: dict[str, int]
) -> LeafSpec:
    shape: list[Any] = []
    for axis, size in enumerate(type.shape):
        if size is not None:
            shape.append(size)
            continue
        name, likely = f"n{number}_{axis}", hint(number, axis)
        if likely > 1:
            sizes[name] = likely
            shape.append(Dim.symbol(name))
        else:
            shape.append(likely)  # symbols are neither 0 nor 1
    return LeafSpec.of(ArrayType(dtype_of(type.dtype.numpy), tuple(shape)))


def _type_of(type: ArrayType) -> TensorType:
    dims = [d if isinstance(d, int) else None for d in type.shape]
    return TensorType(dtypes.of_numpy(type.dtype.numpy), TensorShape(dims))


def common(found: Sequence[Sequence[TensorType]]) -> list[TensorType]:
    """What all have in common; sizes and ranks that differ are not known."""
    merged = list(found[0])
    for other in found[1:]:
        merged = [
            TensorType(a.dtype, _same(a.shape, b.shape)) for a, b in zip(merged, other, strict=True)
        ]
    return merged


def _same(a: TensorShape, b: TensorShape) -> TensorShape:
    if a.rank is None or a.rank != b.rank:
        return TensorShape(None)
    return TensorShape([x if x == y else None for x, y in zip(a, b, strict=True)])
