"""Branches and loops of traced functions: variables and tapes around frontend/control.py.

Layer: frontend. The functions that a user gives work on tensors; the graph's regions are traced
with arrays. Variables that such a function assigns to become results of the branch, or part of what
the loop carries: which they are is known when it has been traced once, so it is traced again with
them if there are any. Tapes see a branch or a loop as one op, that copies its nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ...compiler.ir.graph import Graph, Node, Value
from .. import control
from ..context import current, require
from ..lift import lift, tracer
from ..tracer import Tracer
from ..transforms.marked import copy_into
from .apply import Record
from .convert import convert_to_tensor
from .tensors import STATE, Tensor
from .variables import Cell

Tensors = Sequence[Tensor]


def is_traced() -> bool:
    """Whether a trace runs, in which branches and loops become part of the program."""
    return current() is not None


# -- variables ------------------------------------------------------------------------------------


class _Changes:
    """The variables that the functions of one branch or loop assign to."""

    def __init__(self) -> None:
        self.cells: tuple[Cell, ...] = ()
        self._found: dict[Cell, None] = {}

    def run(self, emit: Callable[[], list[Any]]) -> list[Tensor]:
        """Emit until all are known; the last results of `emit` are their values."""
        while True:
            found = emit()
            new = [c for c in self._found if c not in self.cells]
            if not new:
                break
            self.cells = (*self.cells, *new)
        tensors = [Tensor(x) for x in found]
        first = len(tensors) - len(self.cells)
        for cell, tensor in zip(self.cells, tensors[first:], strict=True):
            cell.write(tensor)
        return tensors[:first]

    def values(self) -> list[Any]:
        """What the variables hold before."""
        return [cell.read()._value for cell in self.cells]

    def inside(self, given: Sequence[Any] | None, function: Callable[[], Tensors]) -> list[Any]:
        """The arrays that a function returns, and those of the variables behind it.

        Args:
            given: what the variables hold at its start; None for what they hold anyway.
            function: returns tensors.
        """
        trace = STATE.function
        if trace is None:
            return [t._value for t in function()]
        before, written = dict(trace.current), dict(trace.written)
        if given is not None:
            trace.current.update(zip(self.cells, [Tensor(x) for x in given], strict=True))
        try:
            results = [t._value for t in function()]
            after = [trace.read(cell)._value for cell in self.cells]
            self._found.update((c, None) for c in trace.written if c not in written)
            self._found.update((c, None) for c in written if trace.current[c] is not before.get(c))
        finally:
            trace.restore(before, written)
        return [*results, *after]


# -- tapes ----------------------------------------------------------------------------------------


class _Quiet:
    """Stands for the tapes while a region is traced: they see which variables it reads."""

    def __init__(self, recorders: Sequence[Any]) -> None:
        self._recorders = recorders

    def _record(self, record: Record) -> None:
        return None

    def _read_variable(self, cell: Cell, tensor: Tensor) -> None:
        for tape in self._recorders:
            tape._read_variable(cell, tensor)


@contextmanager
def _quiet(recorders: Sequence[Any]) -> Iterator[None]:
    STATE.recorders = (_Quiet(recorders),) if recorders else ()
    try:
        yield
    finally:
        STATE.recorders = tuple(recorders)


class _Copy:
    """Nodes as an op of a tape."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def __call__(self, *operands: Any) -> tuple[Any, ...]:
        ctx = require()
        inputs = [lift(x)._read() for x in operands]
        return tuple([tracer(ctx, v) for v in copy_into(ctx.builder, self._graph, inputs)])


def _watched(recorders: Sequence[Any]) -> dict[Value, Tensor]:
    """The tensors that tapes know, by their values; views are read, so that they have some."""
    found = {}
    for tape in recorders:
        for t in tape.active_tensors():
            if type(t._value) is Tracer and not t._value._is_known:
                value = t._value._read()
                found[value] = t
                t._value = tracer(t._value._context, value)
    return found


def as_op(name: str, emit: Callable[[], list[Tensor]]) -> list[Tensor]:
    """What `emit` returns; tapes that record see one op, from what it reads to its results."""
    recorders = STATE.recorders
    if not recorders:
        return emit()
    ctx = require()
    _watched(recorders)
    start = len(ctx.builder.nodes)
    with _quiet(recorders):
        outputs = emit()
    nodes = tuple(ctx.builder.nodes[start:])
    results = tuple([lift(t._value)._read() for t in outputs])
    free = _read_outside(nodes, results)
    known = _watched(recorders)
    inputs = tuple([known[v] if v in known else Tensor(tracer(ctx, v)) for v in free])
    made = tuple([Tensor(tracer(ctx, v)) for v in results])
    graph = Graph(name, free, nodes, results)
    record = Record(name, _Copy(graph), inputs, {}, made, True)
    for tape in recorders:
        tape._record(record)
    return list(made)


def _read_outside(nodes: Sequence[Node], results: Sequence[Value]) -> tuple[Value, ...]:
    own = {v for node in nodes for v in node.outputs}
    read = [v for node in nodes for v in node.inputs] + list(results)
    return tuple(dict.fromkeys(v for v in read if v not in own))


# -- branches and loops ---------------------------------------------------------------------------


def branch(index: Tensor, functions: Sequence[Callable[[], Tensors]]) -> list[Tensor]:
    """Call one of several functions, chosen by an integer or a truth value."""
    changes = _Changes()

    def part(function: Callable[[], Tensors]) -> Callable[[], tuple[Any, ...]]:
        return lambda: tuple(changes.inside(None, function))

    def emit() -> list[Any]:
        parts = [part(f) for f in functions]
        if index.dtype.is_bool:
            return list(control.cond(index._value, *parts))
        return list(control.switch(index._value, parts))

    return as_op("Switch", lambda: changes.run(emit))


def loop(
    condition: Callable[[Tensors], Tensor], body: Callable[[Tensors], Tensors], start: Tensors
) -> list[Tensor]:
    """Repeat while a condition holds."""
    changes, count = _Changes(), len(start)

    def holds(carry: Any) -> Any:
        tensors = [Tensor(x) for x in carry[:count]]
        return changes.inside(carry[count:], lambda: [condition(tensors)])[0]

    def step(carry: Any) -> Any:
        tensors = [Tensor(x) for x in carry[:count]]
        return tuple(changes.inside(carry[count:], lambda: body(tensors)))

    def emit() -> list[Any]:
        first = (*[t._value for t in start], *changes.values())
        return list(control.while_loop(holds, step, first))

    return as_op("While", lambda: changes.run(emit))


def walk(
    body: Callable[[Tensors, Tensors], tuple[Tensors, Tensors]],
    start: Tensors,
    xs: Tensors,
    reverse: bool = False,
) -> tuple[list[Tensor], list[Tensor]]:
    """Carry tensors over the slices of others; returns the last carry, and all results stacked."""
    changes, count = _Changes(), len(start)
    results = 0

    def step(carry: Any, x: Any) -> Any:
        tensors = [Tensor(c) for c in carry[:count]]
        slices = [Tensor(s) for s in x]

        def run() -> Tensors:
            nonlocal results
            new, ys = body(tensors, slices)
            results = len(ys)
            return [*new, *ys]

        found = changes.inside(carry[count:], run)
        own, variables = found[: count + results], found[count + results :]
        return (*own[:count], *variables), tuple(own[count:])

    def emit() -> list[Any]:
        first = (*[t._value for t in start], *changes.values())
        last, ys = control.scan(step, first, tuple(t._value for t in xs), reverse=reverse)
        return [*last[:count], *ys, *last[count:]]

    found = as_op("Scan", lambda: changes.run(emit))
    return found[:count], found[count:]


def tensors_of(objects: Sequence[Any]) -> list[Tensor]:
    """All as tensors."""
    return [convert_to_tensor(x) for x in objects]
