"""From a loop or branch of the graph to a step.

Layer: compiler/kernel. Each region is lowered to a program of its own; this module says where its
operands and results lie in the program around it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..ir.graph import Graph, Node, Value, regions_of
from ..ir.types import DType, Size, TensorType
from ..ops.control import REPLAY, SWITCH, WHILE
from .form import (
    Access,
    Buffer,
    Carry,
    KernelProgram,
    Loop,
    Region,
    ReplayLoop,
    ScanLoop,
    Slices,
    Switch,
    WhileLoop,
)
from .layout import Views
from .storage import StorageMap, arena_size

# (graph, prefix of names, number of carries) -> its program, the carries with one place
Lower = Callable[[Graph, str, int], tuple[KernelProgram, frozenset[int]]]


class RegionLowering:
    """Builds the step of one node; `lower` makes the programs of its regions."""

    def __init__(
        self, node: Node, views: Views, storage: StorageMap, name: str, lower: Lower
    ) -> None:
        self.node = node
        self.views = views
        self.storage = storage
        self.name = name
        self.lower = lower
        self.operands = tuple(self._operand(v) for v in node.inputs)
        self.results = tuple(self._result(v) for v in node.outputs)

    def step(self) -> Loop | Switch:
        """The step."""
        op = self.node.op
        if op is SWITCH:
            return self._switch()
        if op is WHILE:
            return self._while()
        return self._replay() if op is REPLAY else self._scan()

    # -- operands and results -----------------------------------------------------------------

    def _operand(self, value: Value) -> Access:
        storage = self.storage.of(self.views.resolve(value).root)
        return Access(storage.buffer, storage.offset, ())

    def _result(self, value: Value) -> Access:
        storage = self.storage.of(value)
        return Access(storage.buffer, storage.offset, ())

    def _region(self, graph: Graph, role: str, carries: int = 0) -> tuple[Region, frozenset[int]]:
        program, in_place = self.lower(graph, f"{self.name}.{role}", carries)
        start = len(self.storage.constants)
        self.storage.constants += program.constants
        needed = arena_size(program)
        scratch = self._temp(needed) if needed != 0 else None
        return Region(program, start, scratch, records_end(graph)), in_place

    def _temp(self, size: Size) -> Buffer:
        """Scratch memory of so many bytes."""
        return self.storage.scratch_row(DType.U8, (size,))

    def _carries(self, first: int, count: int, in_place: frozenset[int]) -> tuple[Carry, ...]:
        carries = []
        for k in range(count):
            size = _bytes(self.node.outputs[k].type)
            spare = None if k in in_place else self._temp(size)
            carries.append(Carry(self.operands[first + k], self.results[k], spare, size))
        return tuple(carries)

    def _slices(self, arrays: Sequence[Access], values: Sequence[Value]) -> tuple[Slices, ...]:
        """Arrays of which each slice is one of the region's values."""
        return tuple(Slices(array, _bytes(v.type)) for array, v in zip(arrays, values, strict=True))

    # -- the four ops -------------------------------------------------------------------------

    def _scan(self) -> ScanLoop:
        attrs = self.node.attrs
        graph, carries = attrs["body"], attrs["carries"]
        walked = carries + attrs["scanned"]
        body, in_place = self._region(graph, "body", carries)
        return ScanLoop(
            self.name,
            attrs["length"],
            attrs["reverse"],
            self._carries(0, carries, in_place),
            self._slices(self.operands[carries:walked], graph.inputs[carries:walked]),
            self._slices(self.results[carries:], graph.outputs[carries:]),
            self.operands[walked:],
            body,
        )

    def _while(self) -> WhileLoop:
        attrs = self.node.attrs
        graph, carries = attrs["body"], attrs["carries"]
        condition, _ = self._region(attrs["condition"], "condition")
        body, in_place = self._region(graph, "body", carries)
        records = self._slices(self.results[carries + 1 :], graph.outputs[carries:])
        return WhileLoop(
            self.name,
            self._carries(0, carries, in_place),
            self.operands[carries:],
            condition,
            self._temp(1),
            body,
            records,
            self.results[carries] if records else None,
        )

    def _replay(self) -> ReplayLoop:
        attrs = self.node.attrs
        graph, carries, tapes = attrs["body"], attrs["carries"], attrs["tapes"]
        body, in_place = self._region(graph, "body", carries)
        first, last = 1 + carries, 1 + carries + tapes
        return ReplayLoop(
            self.name,
            self.operands[0],
            self._carries(1, carries, in_place),
            self._slices(self.operands[first:last], graph.inputs[carries : carries + tapes]),
            self.operands[last:],
            body,
        )

    def _switch(self) -> Switch:
        graphs = self.node.attrs["branches"]
        branches = [self._region(graph, f"branch{k}")[0] for k, graph in enumerate(graphs)]
        return Switch(self.name, self.operands[0], self.operands[1:], self.results, tuple(branches))


def _bytes(type: TensorType) -> Size:
    return type.size * type.dtype.itemsize


# -- tapes --------------------------------------------------------------------------------------


def records_end(graph: Graph) -> bool:
    """Whether loops in the graph record, and no output can be, or hold, one of their tapes."""
    tapes = _tapes(graph)
    return bool(tapes) and tapes.isdisjoint(graph.outputs)


def _tapes(graph: Graph) -> set[Value]:
    """The values that may be, or hold, tapes made in the graph."""
    found: set[Value] = set()
    for node in graph.nodes:
        if node.op is REPLAY:
            first = 1 + node.attrs["carries"]
            read = (*node.inputs[:first], *node.inputs[first + node.attrs["tapes"] :])
        else:
            read = node.inputs
        made = node.op is WHILE and node.attrs["records"] > 0
        for region in regions_of(node):
            inner = _tapes(region)
            made = made or not inner.isdisjoint(region.outputs)
        if made or not found.isdisjoint(read):
            found.update(v for v in node.outputs if v.type.dtype is DType.I64)
    return found
