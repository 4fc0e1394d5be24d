"""Kernels as LLVM functions: the loop nest.

Layer: compiler/codegen/llvm. Emission walks the nest from outside in. An instruction is emitted at
the depth where all axes it varies over are known; reductions are carried through the inner loops,
once per stage. What to fuse and how wide to be was decided before (kernel/lower.py,
kernel/schedule.py); how an instruction reads is in instrs.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...kernel.form import ColumnReduce, Instr, Kernel, Reduce, Scan, Spill, Store
from ...kernel.schedule import Schedule
from ...kernel.sharing import share
from ...ops.scalar import Scalar
from ...target import Target
from .axes import Loops
from .columns import Columns
from .cuts import Cut
from .instrs import InstrWriter, Operands, Scope
from .reductions import Accumulators, ReductionWriter, flatten, unflatten
from .writer import FunctionWriter


def emit_kernel(
    fn: FunctionWriter, kernel: Kernel, schedule: Schedule, target: Target, given: Operands
) -> None:
    """Write a kernel as functions of the module, and into `fn` what calls them.

    A kernel that threads share is called in parts; what puts their results together stands in `fn`
    itself, because LLVM takes about a millisecond for each function.
    """

    def make(into: FunctionWriter, operands: Operands) -> InstrWriter:
        return InstrWriter(into, kernel, schedule, target.has_fma, operands)

    inside = Operands.parameters(kernel, given.sizes)
    sharing = share(kernel, schedule)
    if sharing is not None:
        _emit_shared(Cut(fn, kernel, sharing, given, inside, make))
        return
    name = f"@{kernel.name}"
    whole = fn.module.function("void", name, inside.typed(), linkage="internal")
    _emit_whole(make(whole, inside))
    whole.line("ret void")
    fn.line(f"call void {name}({', '.join(f'{type} {value}' for type, value in given.typed())})")


def _emit_whole(code: InstrWriter) -> None:
    columns = Columns(code)
    columns.start()
    _Nest(code, columns).outer(0, Scope())
    columns.finish()


def _emit_shared(cut: Cut) -> None:
    """A kernel whose work threads may share."""
    kernel, sharing = cut.kernel, cut.sharing
    if kernel.columns and sharing.parts:

        def rows(code: InstrWriter) -> None:
            columns = Columns(code)
            columns.start()
            _Nest(code, columns).outer(0, Scope())

        count = cut.columns(rows)
        Columns(cut.outside()).finish(count)
    elif sharing.parts:
        code = cut.outside()
        _Nest(code, Columns(code), cut).outer(0, Scope())
    else:
        cut.rows(_emit_whole)


class _Nest:
    """The parallel loops, and inside of them the stages; `cut` shares out each stage's walk."""

    def __init__(self, code: InstrWriter, columns: Columns, cut: Cut | None = None) -> None:
        self.code = code
        self.cut = cut
        self.kernel = code.kernel
        self.columns = columns
        self.loops = Loops(code)
        self.reductions = ReductionWriter(code)
        self.spilled = {s.value: s for s in self.kernel.spills}

    def outer(self, depth: int, scope: Scope) -> None:
        """Everything inside of the first `depth` parallel loops."""
        self.code.point_to(depth, scope)
        for instr in self.kernel.instrs:
            if instr.depth == depth and instr.stage == 0 and self._is_row(instr):
                self.code.emit(instr, scope)
        if depth == self.kernel.outer:
            self._point(scope)
            return

        def body(inner: Scope, _: list[Scalar]) -> list[Scalar]:
            self.outer(depth + 1, inner)
            return []

        self.loops.axis(depth, scope, [], body)

    def _is_row(self, instr: Instr) -> bool:
        return instr.depth <= self.kernel.outer

    def _point(self, scope: Scope) -> None:
        """One parallel point: the inner loops stage by stage, then what is stored per row."""
        kernel = self.kernel
        if kernel.rank > kernel.outer:
            for stage in range(kernel.stages()):
                self._stage(stage, scope)
                for instr in kernel.instrs:
                    reduces = isinstance(instr, Reduce)
                    if instr.stage == stage + 1 and self._is_row(instr) and not reduces:
                        self.code.emit(instr, scope)
        for store in kernel.stores:
            if store.depth <= kernel.outer:
                self.code.write(store, scope)

    def _stage(self, stage: int, scope: Scope) -> None:
        """One walk over the inner axes."""
        kernel = self.kernel
        reduces = [i for i in kernel.instrs if isinstance(i, Reduce) and i.args[0].stage == stage]
        stores = [s for s in kernel.stores if s.depth > kernel.outer and s.stage == stage]
        spills = [s for s in kernel.spills if s.value.stage == stage]
        columns = [c for c in kernel.columns if c.value.stage == stage]
        if not (reduces or stores or spills or columns):
            return
        roots = [r.args[0] for r in reduces] + [c.value for c in columns]
        roots += [i for s in stores for i in s.reads] + [s.value for s in spills]
        needed = self._needed(roots, stage)
        scans = [i for i in needed if isinstance(i, Scan)]

        def walk(nest: _Nest, scope: Scope) -> Accumulators:
            start = nest.reductions.start([*reduces, *scans], scope)
            each = _Walk(nest, stage, needed, reduces, stores, spills, columns)
            return each.run(kernel.outer, scope.copy(), start)

        if self.cut is not None:

            def part(code: InstrWriter, scope: Scope) -> Accumulators:
                return walk(_Nest(code, Columns(code)), scope)

            final = self.cut.walk(self.code.scalar, stage, scope, reduces, part)
        else:
            final = self.reductions.merged(walk(self, scope))
        for reduce in reduces:
            self.reductions.finish(reduce, final[reduce], scope)

    def _needed(self, roots: Sequence[Instr], stage: int) -> list[Instr]:
        """The full-level instructions that a stage computes, in order."""
        found: set[Instr] = set()
        todo = list(roots)
        while todo:
            instr = todo.pop()
            if instr in found or self._is_row(instr):
                continue
            found.add(instr)
            if not self.is_kept(instr, stage):
                todo.extend(instr.args)
        return [i for i in self.kernel.instrs if i in found]

    def is_kept(self, instr: Instr, stage: int) -> bool:
        """Whether an earlier stage has put the value into scratch memory."""
        return instr in self.spilled and instr.stage < stage


class _Walk:
    """One stage's walk over the inner axes."""

    def __init__(
        self,
        nest: _Nest,
        stage: int,
        needed: Sequence[Instr],
        reduces: Sequence[Reduce],
        stores: Sequence[Store],
        spills: Sequence[Spill],
        columns: Sequence[ColumnReduce],
    ) -> None:
        self.nest = nest
        self.code = nest.code
        self.kernel = nest.kernel
        self.stage = stage
        self.needed, self.reduces = needed, reduces
        self.stores, self.spills, self.columns = stores, spills, columns

    def run(self, depth: int, scope: Scope, carried: Accumulators) -> Accumulators:
        """The loops over axes `depth` and further in."""
        if depth > self.kernel.outer:
            self.code.point_to(depth, scope)
            for instr in self.needed:
                if instr.depth == depth:
                    self._emit(instr, scope, carried)
        self._write(depth, scope)
        if depth == self.kernel.rank:
            for column in self.columns:
                self.nest.columns.step(column, scope)
            steps = {r: self.nest.reductions.step(r, carried[r], scope) for r in self.reduces}
            return carried | steps

        def body(inner: Scope, values: list[Scalar]) -> list[Scalar]:
            return flatten(self.run(depth + 1, inner, unflatten(carried, values)))

        results = self.nest.loops.axis(depth, scope, flatten(carried), body)
        return unflatten(carried, results)

    def _write(self, depth: int, scope: Scope) -> None:
        for spill in self.spills:
            if spill.value.depth == depth:
                self.code.store(spill.access, self.code.value(spill.value, scope), scope)
        for store in self.stores:
            if store.depth == depth:
                self.code.write(store, scope)

    def _emit(self, instr: Instr, scope: Scope, carried: Accumulators) -> None:
        if self.nest.is_kept(instr, self.stage):
            access = self.nest.spilled[instr].access
            s = self.code.builder_for(instr, scope)
            scope.put(instr, self.code.load(instr.dtype, access, s, scope))
        elif isinstance(instr, Scan):
            value, carried[instr] = self.nest.reductions.scan(instr, carried[instr], scope)
            scope.put(instr, value)
        else:
            self.code.emit(instr, scope)
