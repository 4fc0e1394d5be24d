"""Kernels as LLVM functions: the loop nest.

Layer: compiler/codegen/llvm. Emission walks the nest from outside in. An instruction is emitted at
the depth where all axes it varies over are known; reductions are carried through the inner loops,
once per stage. What to fuse and how wide to be was decided before (kernel/lower.py,
kernel/schedule.py); how an instruction reads is in instrs.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ...kernel.form import Instr, Kernel, Reduce, Scan, Spill, Store
from ...kernel.schedule import CACHE_LINE, Schedule
from ...ops.scalar import Scalar
from ...target import Target
from . import memory
from .instrs import InstrWriter, Scope
from .loops import counted_loop, when
from .reductions import Accumulators, ReductionWriter, builder_of, flatten, unflatten
from .scalars import LlvmScalars
from .writer import ModuleWriter

Body = Callable[[Scope, list[Scalar]], list[Scalar]]  # carried values -> next carried values


def parameters(kernel: Kernel, size_names: Sequence[str]) -> list[tuple[str, str]]:
    """The kernel function's parameters: buffers in order of appearance, sizes, status."""
    buffers = [("ptr", f"%{b}") for b in kernel.buffers()]
    return [*buffers, *(("i64", f"%n.{name}") for name in size_names), ("ptr", "%status")]


def emit_kernel(
    module: ModuleWriter,
    kernel: Kernel,
    schedule: Schedule,
    target: Target,
    size_names: Sequence[str],
) -> None:
    """Write one kernel into a module, as the internal function `@name`."""
    fn = module.function(
        "void", f"@{kernel.name}", parameters(kernel, size_names), linkage="internal"
    )
    code = InstrWriter(fn, kernel, schedule, target.has_fma, size_names)
    _Nest(code).outer(0, Scope())
    fn.line("ret void")


class _Nest:
    """The parallel loops, and inside of them the stages."""

    def __init__(self, code: InstrWriter) -> None:
        self.code = code
        self.kernel = code.kernel
        self.loops = _Loops(code)
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
        if not (reduces or stores or spills):
            return
        roots = [r.args[0] for r in reduces]
        roots += [i for s in stores for i in s.reads] + [s.value for s in spills]
        needed = self._needed(roots, stage)
        scans = [i for i in needed if isinstance(i, Scan)]
        walk = _Walk(self, stage, needed, reduces, stores, spills)
        start = self.reductions.start([*reduces, *scans], scope)
        final = walk.run(kernel.outer, scope.copy(), start)
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
    ) -> None:
        self.nest = nest
        self.code = nest.code
        self.kernel = nest.kernel
        self.stage = stage
        self.needed, self.reduces = needed, reduces
        self.stores, self.spills = stores, spills

    def run(self, depth: int, scope: Scope, carried: Accumulators) -> Accumulators:
        """The loops over axes `depth` and further in."""
        if depth > self.kernel.outer:
            self.code.point_to(depth, scope)
            for instr in self.needed:
                if instr.depth == depth:
                    self._emit(instr, scope, carried)
        self._write(depth, scope)
        if depth == self.kernel.rank:
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


class _Loops:
    """One axis at a time: element by element, or cut into vectors."""

    def __init__(self, code: InstrWriter) -> None:
        self.code = code
        self.fn = code.fn
        self.schedule = code.schedule

    def axis(self, axis: int, scope: Scope, carried: list[Scalar], body: Body) -> list[Scalar]:
        """Walk one axis; the body gets its own scope and gives the next carried values."""
        stop = self.code.size(self.code.kernel.axes[axis])
        if axis == self.schedule.vector_axis:
            return self._vectors(axis, stop, scope, carried, body)

        def step(index: str, values: list[str]) -> list[str]:
            inner = scope.copy()
            inner.index[axis] = index
            return _handles(body(inner, _rebuilt(carried, values)))

        results = counted_loop(self.fn, "0", stop, 1, _typed(carried), step)
        return _rebuilt(carried, results)

    def _vectors(
        self, axis: int, stop: str, scope: Scope, carried: list[Scalar], body: Body
    ) -> list[Scalar]:
        """Full vectors first, then one masked vector; or masked ones only, for long bodies."""
        fn, lanes = self.fn, self.schedule.lanes

        def step(
            index: str, values: list[str], masked: bool = False, streaming: bool = False
        ) -> list[str]:
            inner = scope.copy()
            inner.index[axis] = index
            inner.streaming = streaming
            width = self.schedule.stream_lanes if streaming else lanes
            inner.vector = self.code.builder(width, self._mask(index, stop) if masked else None)
            inner.vectors = {}
            return _handles(body(inner, _rebuilt(carried, values, inner.vector)))

        def masked_step(index: str, values: list[str]) -> list[str]:
            return step(index, values, masked=True)

        def full_vectors(full: str) -> list[str]:
            start = "0"
            if self.schedule.stream_from is not None:
                start = self._stream(stop, partial(step, streaming=True))
            return counted_loop(fn, start, full, lanes, _typed(carried), step)

        known = None if stop.startswith("%") else int(stop)
        if known is not None and known % lanes == 0:
            results = full_vectors(stop)
        elif self.schedule.masked_loop:
            results = counted_loop(fn, "0", stop, lanes, _typed(carried), masked_step)
        elif known is not None:
            full = str(known // lanes * lanes)
            results = full_vectors(full)
            results = masked_step(full, results)
        else:
            full = fn.assign(f"and i64 {stop}, {-lanes}")
            results = full_vectors(full)
            rest = fn.assign(f"icmp slt i64 {full}, {stop}")
            before = [(t, r) for (t, _), r in zip(_typed(carried), results, strict=True)]
            results = when(fn, rest, before, lambda: masked_step(full, results))
        return _rebuilt(carried, results)

    def _stream(self, stop: str, step: Callable[[str, list[str]], list[str]]) -> str:
        """The first elements of a long loop, written past the caches; returns how many."""
        fn, width = self.fn, self.schedule.stream_lanes

        def loop() -> list[str]:
            full = fn.assign(f"and i64 {stop}, {-width}")
            counted_loop(fn, "0", full, width, [], step)
            fn.line("fence seq_cst")  # such stores are not ordered with others
            return [full]

        (done,) = when(fn, self._may_stream(stop), [("i64", "0")], loop)
        return done

    def _may_stream(self, stop: str) -> str:
        """An i1: whether the loop is long, and every array written starts at a cache line."""
        fn = self.fn
        condition = fn.assign(f"icmp sge i64 {stop}, {self.schedule.stream_from}")
        for store in self.code.kernel.stores:
            place = fn.assign(f"ptrtoint ptr {self.code.start_of(store.access)} to i64")
            rest = fn.assign(f"and i64 {place}, {CACHE_LINE - 1}")
            aligned = fn.assign(f"icmp eq i64 {rest}, 0")
            condition = fn.assign(f"and i1 {condition}, {aligned}")
        return condition

    def _mask(self, index: str, stop: str) -> str:
        """The lanes whose index + lane is below `stop`."""
        lanes = self.schedule.lanes
        if not index.startswith("%") and not stop.startswith("%"):
            left = int(stop) - int(index)
            bits = ", ".join("i1 true" if k < left else "i1 false" for k in range(lanes))
            return f"<{bits}>"
        left_over = self.fn.assign(f"sub i64 {stop}, {index}")
        # limited to the number of lanes, counts fit in 32 bits
        few = self.fn.assign(f"icmp slt i64 {left_over}, {lanes}")
        limited = self.fn.assign(f"select i1 {few}, i64 {left_over}, i64 {lanes}")
        short = self.fn.assign(f"trunc i64 {limited} to i32")
        many = memory.splat(self.fn, "i32", short, lanes)
        numbers = ", ".join(f"i32 {k}" for k in range(lanes))
        return self.fn.assign(f"icmp slt <{lanes} x i32> <{numbers}>, {many}")


def _typed(values: Sequence[Scalar]) -> list[tuple[str, str]]:
    return [(builder_of(v).type_of(v.dtype), v.handle) for v in values]


def _handles(values: Sequence[Scalar]) -> list[str]:
    return [v.handle for v in values]


def _rebuilt(
    like: Sequence[Scalar], handles: Sequence[str], vector: LlvmScalars | None = None
) -> list[Scalar]:
    """The same scalars with other handles; vectors belong to the builder of the open loop."""
    result = []
    for value, handle in zip(like, handles, strict=True):
        own = builder_of(value)
        if vector is not None and own.lanes == vector.lanes:
            own = vector
        result.append(Scalar(own, value.dtype, handle))
    return result
