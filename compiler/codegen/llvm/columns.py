"""Reductions over the outer axes of a kernel: rows of accumulators in memory.

Layer: compiler/codegen/llvm. Before the first outer point the accumulators are set, at every point
of the innermost loop they take in one value (or one vector), and after the last outer point they
are combined to the results.
"""

from __future__ import annotations

from collections.abc import Callable

from ...ir.dims import product
from ...kernel.form import ColumnReduce, reduction_of
from ...ops.scalar import Scalar
from .arena import multiply
from .axes import Loops, handles, rebuilt, typed
from .instrs import InstrWriter, Scope
from .loops import counted_loop
from .scalars import LlvmScalars


class Columns:
    """Emits the beginning, the steps and the end of a kernel's column reductions."""

    def __init__(self, code: InstrWriter) -> None:
        self.code = code
        self.kernel = code.kernel
        self.loops = Loops(code)

    def start(self) -> None:
        """Set all accumulators."""

        def body(column: ColumnReduce, s: LlvmScalars, scope: Scope) -> None:
            acc = reduction_of(column).init(s, column.value.dtype)
            self._store(column, acc, scope)

        self._walk(body)

    def step(self, column: ColumnReduce, scope: Scope) -> None:
        """Take in the value at the open loops' indices."""
        s = self._builder(scope)
        if scope.vector is not None:
            value = self.code.as_lanes(column.value, scope)
        else:
            value = self.code.value(column.value, scope)
        self._store(
            column, reduction_of(column).step(s, self._load(column, s, scope), value, None), scope
        )

    def finish(self, parts: str = "1") -> None:
        """Write the results of the first `parts` (an i64 operand) rows of accumulators."""
        if not self.kernel.columns:
            return
        row = self.code.size(product(self.kernel.axes[self.kernel.outer :]))

        def body(column: ColumnReduce, s: LlvmScalars, scope: Scope) -> None:
            first = self._load(column, s, scope)

            def step(part: str, values: list[str]) -> list[str]:
                before = tuple(rebuilt(first, values))
                place = multiply(self.code.fn, part, row)
                after = self._load(column, s, scope, place)
                return handles(reduction_of(column).merge(s, before, after))

            last = counted_loop(self.code.fn, "1", parts, 1, typed(first), step)
            acc = tuple(rebuilt(first, last))
            result = reduction_of(column).finish(s, acc, column.dtype)
            self.code.store(column.access, result, scope)

        self._walk(body)

    def _walk(self, each: Callable[[ColumnReduce, LlvmScalars, Scope], None]) -> None:
        """All inner points, for all column reductions."""
        if self.kernel.columns:
            self._axis(self.kernel.outer, Scope(), each)

    def _axis(
        self, axis: int, scope: Scope, each: Callable[[ColumnReduce, LlvmScalars, Scope], None]
    ) -> None:
        if axis == self.kernel.rank:
            for column in self.kernel.columns:
                each(column, self._builder(scope), scope)
            return

        def body(inner: Scope, _: list[Scalar]) -> list[Scalar]:
            self._axis(axis + 1, inner, each)
            return []

        self.loops.axis(axis, scope, [], body)

    def _builder(self, scope: Scope) -> LlvmScalars:
        return self.code.scalar if scope.vector is None else scope.vector

    def _load(
        self, column: ColumnReduce, s: LlvmScalars, scope: Scope, further: str = "0"
    ) -> tuple[Scalar, ...]:
        """The accumulators at the open loops' indices, `further` elements on."""
        return tuple(
            self.code.load(access.buffer.dtype, access, s, scope, further)
            for access in column.components
        )

    def _store(self, column: ColumnReduce, acc: tuple[Scalar, ...], scope: Scope) -> None:
        for access, component in zip(column.components, acc, strict=True):
            self.code.store(access, component, scope)
