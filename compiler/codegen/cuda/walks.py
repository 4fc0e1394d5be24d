"""Walks over the inner axes of a kernel, with what reductions and scans carry along them.

Layer: compiler/codegen/cuda. An accumulator is a tuple of variables. Threads that share a walk put
theirs together in shared memory, the upper half onto the lower half until one is left: an order
that depends on the number of threads alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...ir.types import DType, Size
from ...kernel.form import Instr, Reduce, Scan
from ...launches import BLOCK
from ...ops.scalar import Scalar
from .nest import Nest, Values, component_text, reduction_of
from .source import affine_text

Acc = tuple[Scalar, ...]


class Walk:
    """One stage of a kernel: all that is done along the inner axes before the next reductions."""

    def __init__(self, nest: Nest, stage: int) -> None:
        self.nest = nest
        self.reduces = nest.reduces(stage)
        self.stores = nest.stores(stage)
        roots = [r.args[0] for r in self.reduces]
        roots += [i for store in self.stores for i in store.reads]
        self.needed = nest.needed(roots)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is done."""
        return not (self.reduces or self.stores)

    def start(self) -> dict[Instr, Acc]:
        """New accumulators."""
        scans = [i for i in self.needed if isinstance(i, Scan)]
        return {i: self._initial(i) for i in (*self.reduces, *scans)}

    def _initial(self, instr: Instr) -> Acc:
        s = self.nest.s
        start = reduction_of(instr).init(s, instr.args[0].dtype)
        return tuple(s.plain(x.handle, x.dtype) for x in start)

    def step(self, values: Values, carried: dict[Instr, Acc]) -> None:
        """Everything at one point; `values` has what is known of the row."""
        values = dict(values)
        for instr in self.needed:
            if isinstance(instr, Scan):
                values[instr] = self._scan(instr, carried[instr], values)
            else:
                self.nest.emit(instr, values)
        for store in self.stores:
            self.nest.write(store, values)
        for reduce in self.reduces:
            self._take_in(reduce, carried[reduce], values)

    def _take_in(self, instr: Instr, acc: Acc, values: Values) -> None:
        s, reduction = self.nest.s, reduction_of(instr)
        index = None
        if reduction.needs_index:
            place = affine_text(0, self._inner_strides(), self.nest.index)
            index = s.typed(place, DType.I64)
        args = [values[a] for a in instr.args]
        s.move(acc, reduction.step(s, acc, *args, index))

    def _scan(self, instr: Scan, acc: Acc, values: Values) -> Scalar:
        s, reduction = self.nest.s, reduction_of(instr)
        self._take_in(instr, acc, values)
        value: Scalar = reduction.finish(s, acc, instr.dtype)
        if instr.dtype is DType.F16:  # rounded at every step
            value = s.cast(value, DType.F16)
            s.move(acc, (s.cast(value, DType.F32),))
        return s.plain(value.handle, value.dtype)

    def _inner_strides(self) -> list[Size]:
        """Per axis, what a step along it adds to the position along the flattened inner axes."""
        kernel = self.nest.kernel
        strides: list[Size] = [0] * kernel.rank
        step: Size = 1
        for axis in range(kernel.rank - 1, kernel.outer - 1, -1):
            strides[axis] = step
            step = step * kernel.axes[axis]
        return strides

    def finish(self, carried: dict[Instr, Acc], values: Values) -> None:
        """The results of the reductions."""
        for reduce in self.reduces:
            done = reduction_of(reduce).finish(self.nest.s, carried[reduce], reduce.dtype)
            values[reduce] = self.nest.s.plain(done.handle, done.dtype)


class Shared:
    """Shared memory of a block for the accumulators of some reductions."""

    def __init__(self, nest: Nest, reduces: Sequence[Reduce]) -> None:
        self.nest = nest
        self.rows: dict[Instr, list[str]] = {}
        for reduce in reduces:
            dtypes = reduction_of(reduce).components(reduce.args[0].dtype)
            self.rows[reduce] = [
                nest.out.assign(f"cuda.shared.array({BLOCK}, {component_text(d)})") for d in dtypes
            ]

    def combine(self, carried: dict[Instr, Acc], reduces: Sequence[Reduce]) -> None:
        """Give every thread the combination of the accumulators of all threads."""
        out = self.nest.out
        if not reduces:
            return
        own = "cuda.threadIdx.x"
        for reduce in reduces:
            self._put(reduce, carried[reduce], own)
        out.line("cuda.syncthreads()")
        half = out.assign("cuda.blockDim.x // 2")
        with out.block(f"while {half} > 0:"):
            with out.block(f"if {own} < {half}:"):
                for reduce in reduces:
                    low, high = self._get(reduce, own), self._get(reduce, f"{own} + {half}")
                    self._put(reduce, reduction_of(reduce).merge(self.nest.s, low, high), own)
            out.line("cuda.syncthreads()")
            out.line(f"{half} //= 2")
        for reduce in reduces:
            self.nest.s.move(carried[reduce], self._get(reduce, "0"))
        out.line("cuda.syncthreads()")  # before the memory is written again

    def _put(self, reduce: Instr, acc: Acc, place: str) -> None:
        for row, x in zip(self.rows[reduce], acc, strict=True):
            self.nest.out.line(f"{row}[{place}] = {x.handle}")

    def _get(self, reduce: Instr, place: str) -> Acc:
        s = self.nest.s
        dtypes = reduction_of(reduce).components(reduce.args[0].dtype)
        return tuple(
            s.plain(f"{row}[{place}] != 0" if d.is_bool else f"{row}[{place}]", d)
            for row, d in zip(self.rows[reduce], dtypes, strict=True)
        )
