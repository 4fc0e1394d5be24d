"""From a unit of fused nodes to a kernel.

Layer: compiler/kernel. Each node of the unit becomes an instruction; operands from outside become
loads through their views. Axes are ordered parallel first, then reduced; neighbouring axes that
every access walks as one are merged. Floats of 16 bits are computed in f32 and rounded after every
op, as NumPy does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..errors import InternalError
from ..ir.graph import Node, Value
from ..ir.opdef import Kind
from ..ir.types import DType, Shape, Size
from ..ops import REGISTRY
from .form import (
    Access,
    Apply,
    ColumnReduce,
    Const,
    Indexed,
    Inside,
    Instr,
    Kernel,
    Load,
    Place,
    Position,
    Reduce,
    Scan,
    SizeOf,
    Spill,
    Store,
)
from .fuse import Level, Unit, reduced_axes, squeezed_axes, value_level
from .layout import Resolved, Views, contiguous_strides
from .schedule import lanes_are_rows
from .sharing import column_parts
from .storage import StorageMap
from .zeros import already_chosen

SPILL_COST = 12.0  # recompute what costs less than this per element, keep the rest of a row


class UnitLowering:
    """Builds the kernel of one unit. `needed` are the values that other units or callers read."""

    def __init__(
        self, unit: Unit, views: Views, storage: StorageMap, needed: Iterable[Value], name: str
    ) -> None:
        self.unit = unit
        self.views = views
        self.storage = storage
        self.needed = set(needed)
        self.name = name
        self.order = [*unit.kept, *(unit.reduced or ())]  # kernel axis -> domain axis
        self.axis_of = {d: k for k, d in enumerate(self.order)}
        self.axes: Shape = tuple(unit.domain[d] for d in self.order)
        self.outer = len(unit.kept)
        self.instrs: list[Instr] = []
        self.value_of: dict[Value, Instr] = {}
        self.outside: dict[tuple[Value, Level], Instr] = {}
        self.conditions: dict[tuple[object, ...], Instr] = {}
        self.stores: list[Store] = []
        self.columns: list[ColumnReduce] = []

    def lower(self) -> Kernel:
        """The whole unit as one kernel."""
        for node in self.unit.nodes:
            self._node(node)
        kernel = collapse(self._kernel(()))
        annotate(kernel)
        return spill(kernel, self.storage)

    def _kernel(self, spills: tuple[Spill, ...]) -> Kernel:
        return Kernel(
            self.name,
            self.axes,
            self.outer,
            tuple(self.instrs),
            tuple(self.stores),
            spills,
            tuple(self.columns),
        )

    def _add(self, instr: Instr) -> Instr:
        self.instrs.append(instr)
        return instr

    def _chosen(self, instr: Apply) -> Instr:
        """Add an instruction, unless it chooses what there is already."""
        found = already_chosen(instr)
        return self._add(instr) if found is None else found

    # -- nodes --------------------------------------------------------------------------------

    def _node(self, node: Node) -> None:
        level = self.unit.level[node]
        if value_level(node, self.unit) is Level.COLUMN:
            self._column(node)
            return
        if node.op.kind is Kind.ELEMENTWISE:
            args = tuple(self._operand(v, level) for v in node.inputs)
            result = self._apply(node, args)
        elif node.op.kind is Kind.GATHER:
            result = self._gather(node, level)
        elif node.op.kind is Kind.SCATTER:
            self._scatter(node)
            return
        else:
            result = self._combine(node, [self._operand(v, level) for v in node.inputs])
        value = node.outputs[0]
        self.value_of[value] = result
        if value in self.needed:
            access = self._access(value, self._own_axes(value, value_level(node, self.unit)))
            self.stores.append(Store(access, result))

    def _apply(self, node: Node, args: tuple[Instr, ...]) -> Instr:
        dtype = node.outputs[0].type.dtype
        if node.op.name == "cast" and args[0].dtype is dtype:
            return args[0]
        args = tuple(self._widened(a) for a in args)
        if not dtype.is_half:
            return self._chosen(Apply(dtype, args, op=node.op, attrs=node.attrs))
        if node.op.name == "cast":
            return self._cast(args[0], dtype)
        wide = self._add(Apply(dtype.wide, args, op=node.op, attrs=node.attrs))
        return self._cast(wide, dtype)

    def _combine(self, node: Node, operands: Sequence[Instr]) -> Instr:
        dtype = node.outputs[0].type.dtype
        args = tuple(self._widened(x) for x in operands)
        wide = dtype.wide
        if reduced_axes(node) is None:  # over axes of size 1: one element, combined with nothing
            result: Instr = Apply(wide, args, op=node.op, attrs=node.attrs)
        elif node.op.kind is Kind.REDUCE:
            result = Reduce(wide, args, op=node.op)
        else:  # a running sum of halves is rounded at every step, not only at the end
            return self._add(Scan(dtype, args, op=node.op))
        self._add(result)
        return self._cast(result, dtype) if dtype.is_half else result

    def _column(self, node: Node) -> None:
        """A reduction over the outer axes; other units and the caller alone read its result."""
        value, reduction = node.output, node.op.reduction
        if value not in self.needed:
            return
        assert reduction is not None
        arg = self._widened(self._operand(node.inputs[0], Level.FULL))
        inner = tuple(self.axes[self.outer :])
        strides = (*[0] * self.outer, *contiguous_strides(inner))
        parts = column_parts(self.axes, self.outer)
        components = tuple(
            Access(self.storage.scratch_row(dtype, (parts, *inner)), 0, strides)
            for dtype in reduction.components(arg.dtype)
        )
        inner_axes = iter(range(self.outer, len(self.axes)))
        wide = set(squeezed_axes(value.type.shape))
        axes = [next(inner_axes) if k in wide else None for k in range(value.type.rank)]
        access = self._access(value, axes)
        self.columns.append(ColumnReduce(node.op, arg, value.type.dtype, components, access, parts))

    def _widened(self, x: Instr) -> Instr:
        return self._cast(x, x.dtype.wide) if x.dtype.is_half else x

    def _cast(self, x: Instr, dtype: DType) -> Instr:
        return self._add(Apply(dtype, (x,), op=REGISTRY["cast"], attrs={"dtype": dtype}))

    def _gather(self, node: Node, level: Level) -> Instr:
        source, *indices = node.inputs
        out_axes = self._own_axes(node.output, level)
        rank = indices[0].type.rank
        args = self._indices(indices, out_axes[:rank], level)
        resolved = self.views.resolve(source)
        storage = self.storage.of(resolved.root)
        steps: list[Size] = [0] * source.type.rank
        offset: Size = storage.offset
        for affine, stride in zip(resolved.map, storage.strides, strict=True):
            offset = offset + affine.offset * stride
            for k, s in enumerate(affine.strides):
                if s != 0:
                    steps[k] = steps[k] + s * stride
        strides: list[Size] = [0] * len(self.axes)
        for axis, step in zip(out_axes[rank:], steps[len(indices) :], strict=True):
            if axis is not None:
                strides[axis] = step
        return self._add(
            Indexed(
                node.output.type.dtype,
                args,
                access=Access(storage.buffer, offset, tuple(strides)),
                strides=tuple(steps[: len(indices)]),
                bounds=tuple(source.type.shape[: len(indices)]),
            )
        )

    def _scatter(self, node: Node) -> None:
        base, values, *indices = node.inputs
        axes = self._own_axes(values, Level.FULL)
        rank = indices[0].type.rank
        args = self._indices(indices, axes[:rank], Level.FULL)
        storage = self.storage.of(node.output)
        strides: list[Size] = [0] * len(self.axes)
        for axis, step in zip(axes[rank:], storage.strides[len(indices) :], strict=True):
            if axis is not None:
                strides[axis] = step
        place = Place(args, storage.strides[: len(indices)], base.type.shape[: len(indices)])
        access = Access(storage.buffer, storage.offset, tuple(strides))
        self.stores.append(Store(access, self._operand(values, Level.FULL), place))

    def _indices(
        self, indices: Sequence[Value], axes: Sequence[int | None], level: Level
    ) -> tuple[Instr, ...]:
        """Index arrays, which have the first axes of a node's domain."""
        return tuple(
            self._operand(v, level) if self._inside(v) else self._outside(v, axes) for v in indices
        )

    # -- operands -----------------------------------------------------------------------------

    def _inside(self, value: Value) -> bool:
        return self.views.resolve(value).root in self.value_of

    def _operand(self, value: Value, level: Level) -> Instr:
        root = self.views.resolve(value).root
        found = self.value_of.get(root)
        if found is not None:
            return found
        key = (value, level)
        if key not in self.outside:
            self.outside[key] = self._outside(value, self._own_axes(value, level))
        return self.outside[key]

    def _own_axes(self, value: Value, level: Level) -> list[int | None]:
        """The kernel axis along which each of the value's axes is walked (None for size 1)."""
        walked = self.unit.kept if level is Level.ROW else range(len(self.unit.domain))
        domain_axes = iter(walked)
        shape = value.type.shape
        wide = set(squeezed_axes(shape))
        return [self.axis_of[next(domain_axes)] if k in wide else None for k in range(len(shape))]

    def _outside(self, value: Value, axes: Sequence[int | None]) -> Instr:
        resolved = self.views.resolve(value)
        condition = self._condition(resolved, axes)
        root = self.views.producer(resolved.root)
        if condition is None or root is None or root.op.kind is not Kind.SOURCE:
            return self._element(value, axes, condition)
        if _is_true(root):
            return condition
        element = self._element(value, axes, None)
        zero = self._add(Const(element.dtype, value=0))
        args = (condition, element, zero)
        return self._chosen(Apply(element.dtype, args, op=REGISTRY["select"]))

    def _condition(self, resolved: Resolved, axes: Sequence[int | None]) -> Instr | None:
        """Whether the root has an element at a point of the domain; None: it always has one."""
        found: Instr | None = None
        for affine, size in resolved.limits:
            strides = self._along(affine.strides, axes)
            one = self._once(
                (affine.offset, strides, size),
                Inside(DType.BOOL, offset=affine.offset, strides=strides, size=size),
            )
            if found is None:
                found = one
            else:
                both = Apply(DType.BOOL, (found, one), op=REGISTRY["logical_and"])
                found = self._once((found, one), both)
        return found

    def _once(self, key: tuple[object, ...], instr: Instr) -> Instr:
        """The instruction, or the one that has been added for the key before."""
        if key not in self.conditions:
            self.conditions[key] = self._add(instr)
        return self.conditions[key]

    def _element(self, value: Value, axes: Sequence[int | None], condition: Instr | None) -> Instr:
        resolved = self.views.resolve(value)
        node = self.views.producer(resolved.root)
        if node is not None and node.op.kind is Kind.SOURCE:
            if node.op.name == "iota":
                affine = resolved.map[0]
                position = Position(
                    DType.I64, offset=affine.offset, strides=self._along(affine.strides, axes)
                )
                self._add(position)
                dtype = node.output.type.dtype
                return position if dtype is DType.I64 else self._cast(position, dtype)
            if node.op.name == "dim":
                return self._add(SizeOf(DType.I64, size=node.attrs["size"]))
            if resolved.root.type.size == 1:
                number = node.attrs["value"].array.reshape(())[()]
                return self._add(Const(node.output.type.dtype, value=number))
        args = () if condition is None else (condition,)
        return self._add(Load(value.type.dtype, args, access=self._access(value, axes)))

    def _along(self, strides: Sequence[Size], axes: Sequence[int | None]) -> tuple[Size, ...]:
        """Strides per axis of a value, as strides per axis of the kernel."""
        result: list[Size] = [0] * len(self.axes)
        for s, axis in zip(strides, axes, strict=True):
            if axis is not None:
                result[axis] = result[axis] + s
        return tuple(result)

    def _access(self, value: Value, axes: Sequence[int | None]) -> Access:
        resolved = self.views.resolve(value)
        storage = self.storage.of(resolved.root)
        offset: Size = storage.offset
        strides: list[Size] = [0] * len(self.axes)
        for affine, stride in zip(resolved.map, storage.strides, strict=True):
            offset = offset + affine.offset * stride
            for s, axis in zip(affine.strides, axes, strict=True):
                if s != 0 and axis is not None:
                    strides[axis] = strides[axis] + s * stride
        return Access(storage.buffer, offset, tuple(strides))


def _is_true(node: Node) -> bool:
    """Whether a node is the constant True."""
    if node.op.name != "constant" or node.output.type.size != 1:
        return False
    literal = node.attrs["value"]
    return bool(literal.dtype.is_bool and literal.scalar)


# -- merging axes -----------------------------------------------------------------------------


def _all_strides(kernel: Kernel) -> list[tuple[Size, ...]]:
    found = [access.strides for access in kernel.written()]
    for instr in kernel.instrs:
        if isinstance(instr, (Load, Indexed)) and instr.access is not None:
            found.append(instr.access.strides)
        elif isinstance(instr, (Position, Inside)):
            found.append(instr.strides)
    return found


def collapse(kernel: Kernel) -> Kernel:
    """Merge axes k and k+1 of the same kind where every access has stride[k] = stride[k+1] * n."""
    axes, outer = list(kernel.axes), kernel.outer
    has_scan = any(isinstance(i, Scan) for i in kernel.instrs)
    strides = _all_strides(kernel)
    k = len(axes) - 2
    merged: list[int] = []
    while k >= 0:
        same_kind = k + 1 < outer or (k >= outer and not has_scan)
        if same_kind and all(s[k] == s[k + 1] * axes[k + 1] for s in strides):
            axes[k : k + 2] = [axes[k] * axes[k + 1]]
            strides = [(*s[:k], *s[k + 1 :]) for s in strides]
            merged.append(k)
            if k < outer - 1:
                outer -= 1
        k -= 1
    if not merged:
        return kernel

    def shorten(s: tuple[Size, ...]) -> tuple[Size, ...]:
        for k in merged:
            s = (*s[:k], *s[k + 1 :])
        return s

    def access(a: Access) -> Access:
        return Access(a.buffer, a.offset, shorten(a.strides))

    for instr in kernel.instrs:
        if isinstance(instr, (Load, Indexed)) and instr.access is not None:
            instr.access = access(instr.access)
        elif isinstance(instr, (Position, Inside)):
            instr.strides = shorten(instr.strides)
    stores = tuple(replace(s, access=access(s.access)) for s in kernel.stores)
    columns = tuple(
        replace(c, components=tuple(map(access, c.components)), access=access(c.access))
        for c in kernel.columns
    )
    return Kernel(kernel.name, tuple(axes), outer, kernel.instrs, stores, (), columns)


# -- depth, stage, spilling -------------------------------------------------------------------


def annotate(kernel: Kernel) -> None:
    """Set `axes_used`, `depth` and `stage` of every instruction."""
    everything = frozenset(range(kernel.rank))
    outer = frozenset(range(kernel.outer))
    for instr in kernel.instrs:
        used = frozenset[int]().union(*(a.axes_used for a in instr.args))
        if isinstance(instr, (Load, Indexed)) and instr.access is not None:
            used |= {k for k, s in enumerate(instr.access.strides) if s != 0}
        elif isinstance(instr, (Position, Inside)):
            used |= {k for k, s in enumerate(instr.strides) if s != 0}
        elif isinstance(instr, Reduce):
            used &= outer
        elif isinstance(instr, Scan):
            used |= everything - outer
        instr.axes_used = used
        instr.depth = max(used, default=-1) + 1
        instr.stage = max((a.stage for a in instr.args), default=0)
        if isinstance(instr, Reduce):
            instr.stage += 1


def costs(kernel: Kernel) -> dict[Instr, float]:
    """What computing each instruction anew costs per element, operands included."""
    total: dict[Instr, float] = {}
    for instr in kernel.instrs:
        own = 1.0
        if isinstance(instr, Apply) and instr.op is not None:
            own = instr.op.cost
        elif isinstance(instr, (Scan, Indexed)):
            own = SPILL_COST
        elif isinstance(instr, (Const, SizeOf, Reduce)):
            own = 0.0
        if instr.depth <= kernel.outer:
            total[instr] = 0.0
        else:
            total[instr] = own + sum(total[a] for a in instr.args)
    return total


def spill(kernel: Kernel, storage: StorageMap) -> Kernel:
    """Keep expensive full-level values that later stages read in a row of scratch memory.

    Where vectors run across rows everything is computed again: each lane would need its own row.
    """
    if kernel.stages() == 1 or lanes_are_rows(kernel):
        return kernel
    total = costs(kernel)
    spills = []
    inner = kernel.axes[kernel.outer :]
    strides = (*[0] * kernel.outer, *contiguous_strides(inner))
    for instr in kernel.instrs:
        if total[instr] < SPILL_COST or instr.depth <= kernel.outer:
            continue
        if any(reader.stage > instr.stage for reader in _full_readers(kernel, instr)):
            buffer = storage.scratch_row(instr.dtype, inner)
            spills.append(Spill(instr, Access(buffer, 0, strides)))
    return replace(kernel, spills=tuple(spills))


def _full_readers(kernel: Kernel, instr: Instr) -> list[Instr]:
    """Full-level instructions that read `instr`, a reduction counting by the stage it walks."""
    readers = []
    for other in kernel.instrs:
        if instr in other.args:
            if isinstance(other, Reduce):
                continue  # walks in its argument's own stage
            if other.depth <= kernel.outer:
                raise InternalError("a row-level instruction reads a full-level value")
            readers.append(other)
    return readers
