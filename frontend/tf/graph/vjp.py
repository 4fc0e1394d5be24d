"""The derivative of one op of a graph, as an op: its body run on fresh values and pulled back.

Layer: frontend. What the op computes is emitted once more beside its derivative; passes merge the
two. Integers are differentiated as TensorFlow 1 did, as if they were real numbers, where that has
a meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....compiler.errors import GradientError
from ....compiler.ir.graph import Value
from ....compiler.transforms.reverse import pull_back
from ... import values
from ...context import require
from ...lift import lift, tracer
from ...tracer import Tracer
from .. import dtypes
from ..abstract import TensorType
from ..elementwise import cast
from ..tape import GradientTape
from ..tensors import STATE, Tensor
from .bodies import Body
from .graph import Operation
from .infer import infer
from .symbolic import GraphTensor

# Ops on integers that are polynomials of their operands.
_OF_INTEGERS = frozenset([
    "Add", "AddN", "BroadcastTo", "ConcatV2", "ExpandDims", "Identity", "MatMul", "Mul", "Neg",
    "Pack", "Prod", "Reshape", "Slice", "Split", "Square", "SquaredDifference", "Squeeze",
    "StridedSlice", "Sub", "Sum", "Tile", "Transpose", "Unpack",
])  # fmt: skip


class Derivative(Body):
    """The derivative of an op.

    Inputs: those of the op, then a cotangent for each of its outputs that `given` names. Outputs:
    the gradient for each input that `wanted` names. The first call finds out which of them there
    are: it takes the inputs of the op alone, and ones for cotangents."""

    is_differentiable = True

    def __init__(self, op: Operation, given: Sequence[int], wanted: Sequence[int]) -> None:
        self._op = op
        self._given = tuple(given)
        self.wanted = tuple(wanted)
        self.connected: tuple[int, ...] | None = None  # of those wanted, found by a first run
        self.is_host = op._body.is_host
        self.is_pure = op._body.is_pure

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """The gradients."""
        count = len(self._op.needed)
        arguments, cotangents = list(inputs[:count]), inputs[count:]
        dtype = arguments[self.wanted[0]].dtype
        is_integer = dtype.is_integer
        if is_integer:
            arguments = [cast(t, dtypes.float64) for t in arguments]
            cotangents = [cast(t, dtypes.float64) for t in cotangents]
        compute = self._eager if STATE.function is None else self._traced
        with STATE.environment.again(self._op):
            found = compute(arguments, cotangents)
        if self.connected is None:
            self.connected = tuple(
                k for k, g in zip(self.wanted, found, strict=True) if g is not None
            )
            self.wanted = self.connected
            found = [g for g in found if g is not None]
        return [cast(g, dtype) if is_integer else g for g in found if g is not None]

    def _traced(self, arguments: list[Tensor], cotangents: Sequence[Tensor]) -> list[Tensor | None]:
        ctx = require()
        start = len(ctx.builder.nodes)
        sources: list[Value] = []
        for k in self.wanted:
            x = lift(arguments[k]._value)
            fresh = ctx.emit("positive", x._read())
            sources.append(fresh)
            arguments[k] = Tensor(Tracer(ctx, x._type, fresh, scalar=x._scalar))
        outputs = self._op._body(arguments)
        targets = [lift(outputs[k]._value)._read() for k in self._given]
        if self.connected is None:
            seeds = [values.full(ctx, v.type.shape, 1, v.type.dtype) for v in targets]
        else:
            seeds = [
                values.broadcast(ctx, lift(ct._value)._read(), v.type.shape)
                for ct, v in zip(cotangents, targets, strict=True)
            ]
        found = pull_back(ctx.builder, ctx.builder.nodes[start:], targets, seeds, sources)
        return [None if v is None else Tensor(tracer(ctx, v)) for v in found]

    def _eager(self, arguments: list[Tensor], cotangents: Sequence[Tensor]) -> list[Any]:
        with GradientTape() as tape:
            sources = [arguments[k] for k in self.wanted]
            tape.watch(sources)
            outputs = self._op._body(arguments)
            targets = [outputs[k] for k in self._given]
        weights = None if self.connected is None else list(cotangents)
        return tape.gradient(targets, sources, weights)  # type: ignore[no-any-return]


def derivative(
    op: Operation, cotangents: Sequence[GraphTensor | None], wanted: Sequence[bool]
) -> list[GraphTensor | None]:
    """Add the op that computes the derivative of `op`.

    Args:
        op: what is differentiated.
        cotangents: of its outputs; None for zeros.
        wanted: for each of its inputs whether its gradient is.

    Returns:
        A gradient for each input; None where it is zero for certain, or not wanted.
    """
    none: list[GraphTensor | None] = [None] * len(op.needed)
    outputs = [(k, g) for k, g in enumerate(cotangents) if g is not None and _passes(op, g)]
    places = [k for k, t in enumerate(op.needed) if wanted[k] and _passes(op, t)]
    floats = [k for k in places if op.needed[k].dtype.is_floating]
    places = floats or places
    if not outputs or not places or not op._body.is_differentiable:
        return none
    body = Derivative(op, [k for k, _ in outputs], places)
    inputs = [*op.needed, *[g for _, g in outputs]]
    try:
        infer(body, op.needed)
    except GradientError as error:
        raise LookupError(
            f"No gradient defined for operation '{op.name}' (op type: {op.type}): {error}"
        ) from None
    if not body.connected:
        return none
    types = [TensorType(op.needed[k].dtype.base_dtype, op.needed[k].shape) for k in body.connected]
    made = op.graph.add(f"{op.type}Grad", body, inputs, types)
    for k, t in zip(body.connected, made.outputs, strict=True):
        none[k] = t
    return none


def _passes(op: Operation, tensor: GraphTensor) -> bool:
    """Whether derivatives pass through this input or output of the op."""
    return tensor.dtype.is_floating or (tensor.dtype.is_integer and op.type in _OF_INTEGERS)
