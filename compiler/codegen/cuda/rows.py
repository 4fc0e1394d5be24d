"""Kernels that walk inner axes at each of many outer points.

Layer: compiler/codegen/cuda. A row is walked by a team of threads: by lanes of a warp, or by a
block if it is long. A row of known length that the team's registers hold is read once, and stays
there for all stages. Where it is rows that are neighbours in memory, the lanes of a warp have a row
each, which the warps of a block walk together; if there are many, each thread walks a row. So does
it where each element waits for the one before, except for running sums (scans.py).
"""

from __future__ import annotations

from ...ir.dims import product
from ...kernel.form import Indexed, Instr, Kernel, Load, Reduce, Scan
from .maps import THREAD, THREADS
from .nest import Nest, Values, kernel_buffers
from .points import Carried, Point
from .programs import ProgramWriter
from .source import size_text
from .teams import Team
from .vectors import SCALAR, Plan, plan
from .walks import Group, Walk

_SHORT = 4  # elements: one thread's work
_MANY = 4096  # rows: enough threads, if each walks one
_GROUPS = 8  # that each lane of a warp takes, at most, before a block takes the row
_HELD = 64  # registers for what a thread holds of a row


def emit_rows(writer: ProgramWriter, kernel: Kernel) -> None:
    """One launch over all rows."""
    rows = product(kernel.axes[: kernel.outer])
    if _by_threads(kernel):
        writer.function(
            kernel.name,
            kernel_buffers(kernel),
            writer.blocks(rows),
            lambda out: _write_threads(writer, Nest(out, kernel, writer)),
        )
        return
    chosen = plan(kernel, range(kernel.outer, kernel.rank))
    made = _Rows(writer, kernel, chosen)
    writer.function(
        kernel.name,
        kernel_buffers(kernel),
        (rows + made.teams - 1) // made.teams,
        lambda out: made.write(Nest(out, kernel, writer)),
    )


def _by_threads(kernel: Kernel) -> bool:
    """Whether a thread walks a whole row."""
    if any(isinstance(i, Scan) for i in kernel.instrs):
        return True
    length = product(kernel.axes[kernel.outer :])
    if isinstance(length, int) and length <= _SHORT:
        return True
    rows = product(kernel.axes[: kernel.outer])
    few = isinstance(rows, int) and rows < _MANY
    return not few and _side_by_side(kernel)


def _side_by_side(kernel: Kernel) -> bool:
    """Whether it is rows, not elements of a row, that are neighbours in memory."""
    if kernel.outer == 0:
        return False
    return _unit_strides(kernel, kernel.outer - 1) > _unit_strides(kernel, kernel.rank - 1)


def _unit_strides(kernel: Kernel, axis: int) -> int:
    """How many accesses of elements, not of whole rows, are neighbours along an axis."""
    reads = [i.access for i in kernel.instrs if isinstance(i, (Load, Indexed)) and i.access]
    accesses = [*reads, *kernel.written()]
    elements = [a for a in accesses if any(s != 0 for s in a.strides[kernel.outer :])]
    return sum(a.strides[axis] == 1 for a in elements)


# -- a thread for each row ----------------------------------------------------------------------


def _write_threads(writer: ProgramWriter, nest: Nest) -> None:
    kernel = nest.kernel
    with nest.points(range(kernel.outer), THREAD, THREADS):
        values: Values = {}
        nest.rows(values, 0)
        for stage in range(kernel.stages()):
            point = Point(nest, nest.reduces(stage), nest.stores(stage))
            point.write(writer, f"{kernel.name}_{stage}")
            walk = Walk(nest, point, range(kernel.outer, kernel.rank), SCALAR)
            carried = walk.start(1)
            _nested(nest, kernel.outer, walk, values, carried)
            walk.finish(carried[0], values)
            nest.rows(values, stage + 1)
        for store in nest.row_stores():
            nest.write(store, values)


def _nested(nest: Nest, axis: int, walk: Walk, values: Values, carried: list[Carried]) -> None:
    """Loops over the axes from `axis` on."""
    if walk.point.is_empty:
        return
    if axis == nest.kernel.rank:
        walk.at([Group(nest.index, 1)], values, carried)
        return
    with nest.out.block(f"for {nest.index[axis]} in range({size_text(nest.kernel.axes[axis])}):"):
        _nested(nest, axis + 1, walk, values, carried)


# -- a team for each row ------------------------------------------------------------------------


class _Rows:
    """The kernel of rows that are walked by teams."""

    def __init__(self, writer: ProgramWriter, kernel: Kernel, chosen: Plan) -> None:
        self.writer = writer
        self.kernel = kernel
        self.plan = chosen
        self.axes = range(kernel.outer, kernel.rank)
        self.block = writer.geometry.block
        self.groups = product(kernel.axes[kernel.outer :]) // chosen.width
        self.across = _side_by_side(kernel)
        self.size = self.block // writer.geometry.warp if self.across else self._team()
        self.teams = self.block // self.size
        self.spilled = [s.value for s in kernel.spills]
        self.guard = "active" if self._has_idle_teams() else None

    def _team(self) -> int:
        """How many threads walk a row."""
        warp = self.writer.geometry.warp
        if not isinstance(self.groups, int) or self.groups > warp * _GROUPS:
            return self.block
        rows = product(self.kernel.axes[: self.kernel.outer])
        if isinstance(rows, int) and rows < _MANY // _GROUPS and self.groups > 2 * warp:
            return self.block  # warps would leave most of the device idle
        return min(warp, 1 << max(0, self.groups - 1).bit_length())

    def write(self, nest: Nest) -> None:
        """The kernel's text."""
        kernel, out = self.kernel, nest.out
        team = Team(
            nest,
            self.writer.geometry,
            self.size,
            [i for i in kernel.instrs if isinstance(i, Reduce)],
            self.across,
        )
        rows = size_text(product(kernel.axes[: kernel.outer]))
        out.line(f"rank = {team.rank}")
        Walk(nest, Point(nest, [], []), self.axes, self.plan).vectors.ask()
        start, step = f"cuda.blockIdx.x * {self.teams}", f"cuda.gridDim.x * {self.teams}"
        with out.block(f"for first in range({start}, {rows}, {step}):"):
            # all threads go through the rows together, since they wait for each other
            own = f"first + {team.number}"
            out.line(f"row = min({own}, {rows} - 1)" if self.guard else f"row = {own}")
            if self.guard:
                out.line(f"{self.guard} = {own} < {rows}")
            nest.locate("row", range(kernel.outer))
            values: Values = {}
            nest.rows(values, 0)
            held = self._hold(nest)
            for stage in range(kernel.stages()):
                self._stage(nest, stage, held, team, values)
            if nest.row_stores():
                guarded = f" & {self.guard}" if self.guard else ""
                with out.block(f"if (rank == 0){guarded}:"):
                    for store in nest.row_stores():
                        nest.write(store, values)

    def _has_idle_teams(self) -> bool:
        rows = product(self.kernel.axes[: self.kernel.outer])
        return not (self.teams == 1 or (isinstance(rows, int) and rows % self.teams == 0))

    def _hold(self, nest: Nest) -> list[tuple[Group, str | None]] | None:
        """The groups of a row that stays in registers, and the condition for each; else None."""
        whole = product(self.kernel.axes[self.kernel.outer :]) == self.groups * self.plan.width
        if not isinstance(self.groups, int) or not whole or self.kernel.stages() == 1:
            return None
        count = -(-self.groups // self.size)
        words = sum(max(1, i.dtype.itemsize // 4) for i in self._shared_values(nest))
        if count * self.plan.width * max(1, words) > _HELD:
            return None
        walk = Walk(nest, Point(nest, [], []), self.axes, self.plan)
        held: list[tuple[Group, str | None]] = []
        for k in range(count):
            number = nest.out.assign(f"rank + {k * self.size}")
            inside = (k + 1) * self.size <= self.groups
            held.append(
                (walk.group(number, f"_{k}"), None if inside else f"{number} < {self.groups}")
            )
        return held

    def _shared_values(self, nest: Nest) -> list[Instr]:
        """What several stages use."""
        stages = range(self.kernel.stages())
        uses = [Point(nest, nest.reduces(s), nest.stores(s), self.spilled).elements for s in stages]
        found = dict.fromkeys(i for used in uses for i in used)
        return [i for i in found if sum(i in used for used in uses) > 1]

    def _stage(
        self,
        nest: Nest,
        stage: int,
        held: list[tuple[Group, str | None]] | None,
        team: Team,
        values: Values,
    ) -> None:
        """One walk, and what is known of the row after it."""
        reduces, stores = nest.reduces(stage), nest.stores(stage)
        name = f"{self.kernel.name}_{stage}"
        if held is None:
            point = Point(nest, reduces, stores)
        else:
            known = [i for i in self.spilled if i in held[0][0].lanes[0]]
            keeps = [i for i in self.spilled if i.stage == stage]
            point = Point(nest, reduces, stores, known, keeps)
        point.write(self.writer, name)
        walk = Walk(nest, point, self.axes, self.plan, self.guard)
        carried = walk.start(self.plan.width)
        if not point.is_empty:
            if held is None:
                walk.run("rank", str(self.size), values, carried)
            else:
                self._walk_held(nest, walk, held, values, carried)
        whole = walk.joined(carried)
        team.combine(whole, reduces)
        walk.finish(whole, values)
        nest.rows(values, stage + 1)

    def _walk_held(
        self,
        nest: Nest,
        walk: Walk,
        held: list[tuple[Group, str | None]],
        values: Values,
        carried: list[Carried],
    ) -> None:
        sure = [group for group, condition in held if condition is None]
        there = all(i in group.lanes[0] for group in sure for i in walk.point.loads)
        together = [sure] if not there and not walk.point.stores else [[g] for g in sure]
        for groups in together:
            if groups:
                walk.at(groups, values, carried)
        for group, condition in held:
            if condition is not None:
                with nest.out.block(f"if {condition}:"):
                    walk.at([group], values, carried)
