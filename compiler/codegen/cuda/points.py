"""What is done at one point of a walk, as a function that kernels call for each element.

Layer: compiler/codegen/cuda. A thread takes several elements side by side; their code stands in the
source once, and is put in place of its calls when it is compiled. The function gets what is known
of the row, the elements that the kernel has read, the point's indices, and the accumulators; it
gives the new accumulators, and the values that are stored or kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...ir.types import DType
from ...kernel.form import Const, Indexed, Instr, Load, Reduce, Scan, SizeOf, Store, reduction_of
from ...ops.scalar import Scalar
from .nest import Nest, Values
from .programs import ProgramWriter
from .source import SourceWriter, affine_text

Acc = tuple[Scalar, ...]
Carried = dict[Instr, Acc]


class Point:
    """One stage of a kernel at one point.

    `held` are values that the kernel has already; `keeps` are those that it wants to have for later
    stages.
    """

    def __init__(
        self,
        nest: Nest,
        reduces: Sequence[Reduce],
        stores: Sequence[Store],
        held: Sequence[Instr] = (),
        keeps: Sequence[Instr] = (),
    ) -> None:
        self.nest = nest
        self.reduces = list(reduces)
        self.stores = list(stores)
        roots = [*(r.args[0] for r in reduces), *(s.value for s in stores), *keeps]
        self.needed = nest.needed(roots, held)
        self.scans = [i for i in self.needed if isinstance(i, Scan)]
        self.loads = [
            i for i in self.needed if isinstance(i, Load) and not i.args and i not in held
        ]
        self.elements: list[Instr] = [*self.loads, *(i for i in held if self._reads(i, roots))]
        inside = [i for i in self.needed if i not in self.elements]
        used = dict.fromkeys(a for i in inside for a in i.args)
        used |= dict.fromkeys(r.args[0] for r in reduces)
        self.known = [i for i in used if nest.is_row(i) and not isinstance(i, (Const, SizeOf))]
        self.constants = [i for i in used if isinstance(i, (Const, SizeOf))]
        self.inside = inside
        self.results = [
            i for i in dict.fromkeys([*(s.value for s in stores), *keeps]) if i in inside
        ]
        self.carrying = [*self.reduces, *self.scans]
        self.name = ""
        self.common = [*(f"n_{size}" for size in nest.size_names), "status"]

    def _reads(self, instr: Instr, roots: Sequence[Instr]) -> bool:
        return instr in roots or any(instr in i.args for i in self.needed)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.reduces or self.stores)

    @property
    def has_function(self) -> bool:
        """Whether there is more to do than to store what has been read."""
        return bool(self.carrying or self.inside)

    def accumulators(self) -> Carried:
        """New ones in the kernel."""
        return {i: self._initial(i) for i in self.carrying}

    def _initial(self, instr: Instr) -> Acc:
        s = self.nest.s
        start = reduction_of(instr).init(s, instr.args[0].dtype)
        return tuple(s.plain(x.handle, x.dtype) for x in start)

    # -- the call -------------------------------------------------------------------------------

    def call(
        self, values: Values, elements: dict[Instr, str], index: Sequence[str], carried: Carried
    ) -> dict[Instr, str]:
        """Write a call; the names of the results."""
        out = self.nest.out
        names = {i: out.fresh() for i in self.results}
        accumulators = [x.handle for i in self.carrying for x in carried[i]]
        arguments = [
            *(values[i].handle for i in self.known),
            *(elements[i] for i in self.elements),
            *index,
            *map(str, self._buffers()),
            *self.common,
            *accumulators,
        ]
        call = f"{self.name}({', '.join(arguments)})"
        targets = [*accumulators, *names.values()]
        out.line(f"{', '.join(targets)} = {call}" if targets else call)
        return names

    def _buffers(self) -> list[object]:
        """What the function reads itself."""
        reads = [i.access for i in self.inside if isinstance(i, (Load, Indexed)) and i.access]
        return list(dict.fromkeys(access.buffer for access in reads))

    # -- the function ---------------------------------------------------------------------------

    def write(self, writer: ProgramWriter, name: str) -> None:
        """Add the function to a program."""
        if not self.has_function:
            return
        self.name = name.replace(".", "_")
        index = [f"i{k}" for k in range(self.nest.kernel.rank)]
        accumulators = {
            i: [f"a{k}_{c}" for c, _ in enumerate(self._dtypes(i))]
            for k, i in enumerate(self.carrying)
        }
        parameters = [
            *(f"r{k}" for k, _ in enumerate(self.known)),
            *(f"e{k}" for k, _ in enumerate(self.elements)),
            *index,
            *map(str, self._buffers()),
            *self.common,
            *(x for names in accumulators.values() for x in names),
        ]
        out = SourceWriter(self.name, parameters)
        nest = Nest(out, self.nest.kernel, writer)
        values: Values = {}
        for instr in self.constants:
            nest.emit(instr, values)
        for letter, given in (("r", self.known), ("e", self.elements)):
            for k, one in enumerate(given):
                values[one] = Scalar(nest.s, one.dtype, f"{letter}{k}")
        carried = {
            i: tuple(
                Scalar(nest.s, d, x) for d, x in zip(self._dtypes(i), accumulators[i], strict=True)
            )
            for i in self.carrying
        }
        self._body(nest, values, carried)
        results = [x.handle for i in self.carrying for x in carried[i]]
        results += [values[i].handle for i in self.results]
        out.line(f"return {', '.join(results)}")
        self.common = out.drop_unused(self.common)
        writer.functions.append("@inlined\n" + out.text())

    def _dtypes(self, instr: Instr) -> tuple[DType, ...]:
        return reduction_of(instr).components(instr.args[0].dtype)

    def _body(self, nest: Nest, values: Values, carried: Carried) -> None:
        for instr in self.inside:
            if isinstance(instr, Scan):
                values[instr] = _scan(nest, instr, carried[instr], values)
            else:
                nest.emit(instr, values)
        for reduce in self.reduces:
            _take_in(nest, reduce, carried[reduce], values)


def _take_in(nest: Nest, instr: Instr, acc: Acc, values: Values) -> None:
    s, reduction = nest.s, reduction_of(instr)
    index = None
    if reduction.needs_index:
        index = s.typed(affine_text(0, nest.kernel.inner_strides(), nest.index), DType.I64)
    args = [values[a] for a in instr.args]
    s.move(acc, reduction.step(s, acc, *args, index))


def _scan(nest: Nest, instr: Scan, acc: Acc, values: Values) -> Scalar:
    s, reduction = nest.s, reduction_of(instr)
    _take_in(nest, instr, acc, values)
    value: Scalar = reduction.finish(s, acc, instr.dtype)
    if instr.dtype.is_half:  # rounded at every step
        value = s.cast(value, instr.dtype)
        s.move(acc, (s.cast(value, DType.F32),))
    return s.plain(value.handle, value.dtype)
