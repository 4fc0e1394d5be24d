"""Accumulators of reductions and scans.

Layer: compiler/codegen/llvm. Along a vectorised inner axis every lane has an accumulator of its
own, and the lanes are merged at the end; rows that lie side by side in lanes need no merging.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import InternalError
from ...ir.opdef import Reduction
from ...ir.types import DType
from ...kernel.form import Instr, Reduce, Scan, reduction_of
from ...ops.scalar import Scalar
from .instrs import InstrWriter, Scope
from .scalars import LlvmScalars

Accumulators = dict[Instr, tuple[Scalar, ...]]


class ReductionWriter:
    """Emits the beginning, the steps and the end of reductions."""

    def __init__(self, code: InstrWriter) -> None:
        self.code = code
        axis = code.schedule.vector_axis
        self.across_lanes = axis is not None and axis >= code.kernel.outer

    def start(self, combined: Sequence[Instr], scope: Scope) -> Accumulators:
        """The accumulators before the first element."""
        carried: Accumulators = {}
        for instr in combined:
            s = self._builder(instr, scope)
            carried[instr] = reduction_of(instr).init(s, instr.args[0].dtype)
        return carried

    def _builder(self, instr: Instr, scope: Scope) -> LlvmScalars:
        if self.across_lanes:
            return self.code.builder(self.code.schedule.lanes)
        varies = any(map(self.code.varies, (instr, *instr.args)))
        return scope.vector if scope.vector is not None and varies else self.code.scalar

    def step(self, reduce: Reduce, acc: tuple[Scalar, ...], scope: Scope) -> tuple[Scalar, ...]:
        """One element, or one vector of them; masked lanes keep what they have."""
        reduction = reduction_of(reduce)
        s = builder_of(acc[0])
        index = None
        if reduction.needs_index:
            index = self.code.position(0, self.code.kernel.inner_strides(), s, scope)
        stepped = reduction.step(s, acc, *self._arguments(reduce, s, scope), index)
        if s.mask is None or not self.across_lanes:
            return stepped
        active = Scalar(s, DType.BOOL, s.mask)
        return tuple(s.select(active, new, old) for new, old in zip(stepped, acc, strict=True))

    def scan(
        self, instr: Scan, acc: tuple[Scalar, ...], scope: Scope
    ) -> tuple[Scalar, tuple[Scalar, ...]]:
        """The running value after one more element, and the accumulator."""
        reduction = reduction_of(instr)
        s = builder_of(acc[0])
        acc = reduction.step(s, acc, *self._arguments(instr, s, scope), None)
        value = reduction.finish(s, acc, instr.dtype)
        if instr.dtype.is_half:
            value = s.cast(value, instr.dtype)
            acc = (s.cast(value, instr.dtype.wide),)
        return value, acc

    def _arguments(self, instr: Instr, s: LlvmScalars, scope: Scope) -> list[Scalar]:
        if s is scope.vector:
            return [self.code.as_lanes(a, scope) for a in instr.args]
        return [scope.scalars[a] for a in instr.args]

    def finish(self, reduce: Instr, acc: tuple[Scalar, ...], scope: Scope) -> None:
        """Put the result into `scope`; the lanes of a row have been merged."""
        s = builder_of(acc[0])
        result = reduction_of(reduce).finish(s, acc, reduce.dtype)
        scope.put(reduce, result)

    def merged(self, accumulators: Accumulators) -> Accumulators:
        """The same, after one walk: one lane for each row."""
        if not self.across_lanes:
            return accumulators
        return {
            instr: self._merge_lanes(reduction_of(instr), acc, builder_of(acc[0]).lanes)
            for instr, acc in accumulators.items()
        }

    def _merge_lanes(
        self, reduction: Reduction, acc: tuple[Scalar, ...], lanes: int
    ) -> tuple[Scalar, ...]:
        """Combine the upper half of the lanes with the lower half until one is left."""
        while lanes > 1:
            half = lanes // 2
            s = self.code.builder(half)
            low = tuple(self._half(x, lanes, 0, s) for x in acc)
            high = tuple(self._half(x, lanes, half, s) for x in acc)
            acc = reduction.merge(s, low, high)
            lanes = half
        return tuple(Scalar(self.code.scalar, x.dtype, x.handle) for x in acc)

    def _half(self, x: Scalar, lanes: int, start: int, s: LlvmScalars) -> Scalar:
        type = f"<{lanes} x {self.code.scalar.type_of(x.dtype)}>"
        if s.lanes == 1:
            text = f"extractelement {type} {x.handle}, i64 {start}"
        else:
            order = ", ".join(f"i32 {start + k}" for k in range(s.lanes))
            text = f"shufflevector {type} {x.handle}, {type} poison, <{s.lanes} x i32> <{order}>"
        return Scalar(s, x.dtype, self.code.fn.assign(text))


def builder_of(value: Scalar) -> LlvmScalars:
    """The builder that a Scalar of generated code belongs to."""
    if not isinstance(value.builder, LlvmScalars):
        raise InternalError("a Scalar of another backend")
    return value.builder


def flatten(state: Accumulators) -> list[Scalar]:
    """All components in order, to be carried through a loop."""
    return [x for acc in state.values() for x in acc]


def unflatten(like: Accumulators, values: Sequence[Scalar]) -> Accumulators:
    """The inverse of `flatten`, in the structure of `like`."""
    rest = iter(values)
    return {key: tuple(next(rest) for _ in acc) for key, acc in like.items()}
