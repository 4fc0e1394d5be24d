"""Batching rules of loops and branches (ops/control.py).

Layer: compiler/transforms. A region is batched as a graph of its own. Which carries of a loop are
mapped is found by trying: those that start mapped, then those that the body makes so, until no more
come.

Where all examples go the same way, the node stays one of its kind. Where they part:

- a `while` goes on until its condition fails for all examples; those that are done keep their
  carries. It counts iterations per example.
- a `replay` with such counts begins with the longest loop; others join in when it is their turn.
- a `switch` computes all branches and selects.

In both, examples that do not take part are inactive (`BatchSite.active`): what is computed for them
is dropped, and it never fails. A tape, an i64[] token, is mapped if what is recorded is: then
every example has the same token.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..ir.batching import BatchSite, Mapped
from ..ir.builder import GraphBuilder
from ..ir.graph import Graph
from ..ir.opdef import REGISTRY
from ..ir.term import Term, full
from ..ir.types import DType, Size, TensorType
from .batch import batch_terms

# -- regions ------------------------------------------------------------------------------------


class _Region:
    """A region under construction: its inputs are made here, one after the other."""

    def __init__(self, site: BatchSite, name: str) -> None:
        self.size = site.size
        self.builder = GraphBuilder(name)
        self._is_masked = site.active is not None
        self._active: Term | None = None

    def input(self, like: Mapped, name: str = "") -> Mapped:
        """A new input of the type that this term has."""
        return Mapped(Term(self.builder, self.builder.input(like.term.type, name)), like.is_mapped)

    def inputs(self, like: Sequence[Mapped], region: Graph, first: int) -> list[Mapped]:
        """New inputs, named like those of `region` from `first` on."""
        names = [v.name for v in region.inputs[first : first + len(like)]]
        return [self.input(x, name) for x, name in zip(like, names, strict=True)]

    def finish_inputs(self) -> None:
        """The last input: who is active, if not all are."""
        if self._is_masked:
            type = TensorType(DType.BOOL, (self.size,))
            self._active = Term(self.builder, self.builder.input(type, "active"))

    def apply(
        self, region: Graph, inputs: Sequence[Mapped], active: Term | None = None
    ) -> list[Mapped]:
        """The results of the region for all examples; for those in `active`, if it is given."""
        return batch_terms(self.builder, region, inputs, self.size, active or self._active)

    def finish(self, outputs: Sequence[Mapped]) -> Graph:
        """The graph."""
        return self.builder.finish([x.term.value for x in outputs])


def _active_operand(site: BatchSite) -> list[Mapped]:
    return [] if site.active is None else [Mapped(site.active, True)]


def _emit(site: BatchSite, name: str, operands: Sequence[Mapped], **attrs: Any) -> list[Term]:
    values = [x.term.value for x in operands]
    node = site.builder.emit_node(REGISTRY[name], values, **{**site.attrs, **attrs})
    return [Term(site.builder, v) for v in node.outputs]


def _as_flagged(items: Sequence[Mapped], flags: Sequence[bool], size: Size) -> list[Mapped]:
    """The items, made mapped where the flags say so."""
    return [
        Mapped(x.whole(size), True) if flag else x for x, flag in zip(items, flags, strict=True)
    ]


def _flags(items: Sequence[Mapped]) -> list[bool]:
    return [x.is_mapped for x in items]


def _settled(
    site: BatchSite,
    init: Sequence[Mapped],
    build: Callable[[list[Mapped]], tuple[Graph, list[bool]]],
) -> tuple[list[Mapped], Graph, list[bool]]:
    """The first carries as mapped as they have to be, the body for them, its results' flags.

    `build` makes the body for first carries; it may make results mapped, not the opposite.
    """
    carries = list(init)
    while True:
        body, flags = build(carries)
        now = _flags(carries)
        grown = [a or b for a, b in zip(now, flags[: len(carries)], strict=True)]
        if grown == now:
            return carries, body, flags
        carries = _as_flagged(carries, grown, site.size)


def _chosen(who: Term, new: Term, old: Term) -> Term:
    """Per example: the new value where `who` holds."""
    return who.broadcast(new.shape, [0]).select(new, old)


# -- scan ---------------------------------------------------------------------------------------


def batch_scan(site: BatchSite) -> list[Mapped]:
    """All examples go through the same number of iterations."""
    region: Graph = site.attrs["body"]
    count, scanned = site.attrs["carries"], site.attrs["scanned"]
    init = site.operands[:count]
    xs = [_walked(x) for x in site.operands[count : count + scanned]]
    captured = site.operands[count + scanned :]

    def build(carries: list[Mapped]) -> tuple[Graph, list[bool]]:
        made = _Region(site, region.name)
        held = made.inputs(carries, region, 0)
        slices = [
            _slice_of(made, x, v.name) for x, v in zip(xs, region.inputs[count:], strict=False)
        ]
        rest = made.inputs(captured, region, count + scanned)
        made.finish_inputs()
        results = made.apply(region, [*held, *slices, *rest])
        last = _as_flagged(results[:count], _flags(carries), site.size)
        return made.finish([*last, *results[count:]]), _flags([*last, *results[count:]])

    carries, body, flags = _settled(site, init, build)
    operands = [*carries, *xs, *captured, *_active_operand(site)]
    outputs = _emit(site, "scan", operands, body=body)
    final = [Mapped(t, f) for t, f in zip(outputs[:count], flags[:count], strict=True)]
    stacked = zip(outputs[count:], flags[count:], strict=True)
    return [*final, *(Mapped(_swapped(t) if f else t, f) for t, f in stacked)]


def _swapped(x: Term) -> Term:
    """The first two axes swapped."""
    return x.transpose([1, 0, *range(2, x.rank)])


def _walked(x: Mapped) -> Mapped:
    """An array to walk, with the axis that is walked in front of that of the examples."""
    return Mapped(_swapped(x.term), True) if x.is_mapped else x


def _slice_of(made: _Region, x: Mapped, name: str) -> Mapped:
    type = x.term.type.with_shape(x.term.shape[1:])
    return Mapped(Term(made.builder, made.builder.input(type, name)), x.is_mapped)


# -- while --------------------------------------------------------------------------------------


def batch_while(site: BatchSite) -> list[Mapped]:
    """One loop for all examples."""
    condition: Graph = site.attrs["condition"]
    body: Graph = site.attrs["body"]
    count, captured = site.attrs["carries"], site.operands[site.attrs["carries"] :]

    def build(carries: list[Mapped]) -> tuple[Graph, list[bool]]:
        made, inputs = _loop_region(site, body, carries, captured)
        results = made.apply(body, inputs)
        last = _as_flagged(results[:count], _flags(carries), site.size)
        return made.finish([*last, *results[count:]]), _flags([*last, *results[count:]])

    carries, new_body, flags = _settled(site, site.operands[:count], build)
    made, inputs = _loop_region(site, condition, carries, captured)
    (goes_on,) = made.apply(condition, inputs)
    if goes_on.is_mapped:
        return _parting_while(site, captured)
    operands = [*carries, *captured, *_active_operand(site)]
    outputs = _emit(site, "while", operands, condition=made.finish([goes_on]), body=new_body)
    final = [Mapped(t, f) for t, f in zip(outputs[:count], flags[:count], strict=True)]
    if not site.attrs["records"]:
        return final
    tapes = _tapes(site, outputs[count + 1 :], flags[count:])
    return [*final, Mapped(outputs[count], False), *tapes]


def _loop_region(
    site: BatchSite, region: Graph, carries: Sequence[Mapped], captured: Sequence[Mapped]
) -> tuple[_Region, list[Mapped]]:
    made = _Region(site, region.name)
    inputs = [
        *made.inputs(carries, region, 0),
        *made.inputs(captured, region, len(carries)),
    ]
    made.finish_inputs()
    return made, inputs


def _tapes(site: BatchSite, tokens: Sequence[Term], flags: Sequence[bool]) -> list[Mapped]:
    """The tokens of records that are mapped, mapped."""
    plain = [Mapped(t, False) for t in tokens]
    return _as_flagged(plain, flags, site.size)


def _parting_while(site: BatchSite, captured: Sequence[Mapped]) -> list[Mapped]:
    """Examples leave the loop one by one: carries are (*carries, alive, iterations or nothing)."""
    size, records = site.size, site.attrs["records"]
    condition: Graph = site.attrs["condition"]
    count = site.attrs["carries"]
    init = [Mapped(x.whole(size), True) for x in site.operands[:count]]
    (begins,) = batch_terms(site.builder, condition, [*init, *captured], size, site.active)
    alive = begins.whole(size)
    alive = alive if site.active is None else alive & site.active
    state = [*init, Mapped(alive, True)]
    if records:
        state.append(Mapped(full(site.builder, (size,), 0, DType.I64), True))
    body, flags = _parting_body(site, state, captured)
    outputs = _emit(
        site,
        "while",
        [*state, *captured],
        condition=_any_alive(site, state, captured),
        body=body,
        carries=len(state),
    )
    final = [Mapped(t, True) for t in outputs[:count]]
    if not records:
        return final
    tapes = _tapes(site, outputs[len(state) + 1 :], flags)
    return [*final, Mapped(outputs[count + 1], True), *tapes]


def _any_alive(site: BatchSite, state: Sequence[Mapped], captured: Sequence[Mapped]) -> Graph:
    made = GraphBuilder(site.attrs["condition"].name)
    inputs = [made.input(x.term.type) for x in (*state, *captured)]
    alive = Term(made, inputs[site.attrs["carries"]])
    return made.finish([alive.sum([0]).value])


def _parting_body(
    site: BatchSite, state: Sequence[Mapped], captured: Sequence[Mapped]
) -> tuple[Graph, list[bool]]:
    """The body on the state of `_parting_while`, and which of its records are mapped."""
    region: Graph = site.attrs["body"]
    count, size = site.attrs["carries"], site.size
    made = _Region(site, region.name)
    old = made.inputs(state[:count], region, 0)
    alive = made.input(state[count], "alive").term
    counts = [made.input(x, "iterations").term for x in state[count + 1 :]]
    rest = made.inputs(captured, region, count)
    results = made.apply(region, [*old, *rest], alive)
    new = [
        Mapped(_chosen(alive, x.whole(size), before.term), True)
        for x, before in zip(results[:count], old, strict=True)
    ]
    (goes_on,) = made.apply(site.attrs["condition"], [*new, *rest], alive)
    still = alive & goes_on.whole(size)
    counted = [n + alive.cast(DType.I64) for n in counts]
    outputs = [*new, *(Mapped(t, True) for t in (still, *counted)), *results[count:]]
    return made.finish(outputs), _flags(results[count:])


# -- replay -------------------------------------------------------------------------------------


def batch_replay(site: BatchSite) -> list[Mapped]:
    """The records of the batched `while`, backwards."""
    region: Graph = site.attrs["body"]
    carries, tapes = site.attrs["carries"], site.attrs["tapes"]
    counts, init = site.operands[0], site.operands[1 : carries + 1]
    tokens = site.operands[carries + 1 : carries + 1 + tapes]
    captured = site.operands[carries + 1 + tapes :]
    if site.size == 0:  # no example: no token either
        return [Mapped(x.whole(site.size), True) for x in init]
    plain = [Mapped(_token(x), False) for x in tokens]
    records = [
        (_recorded(v.type, x.is_mapped, site.size), x.is_mapped)
        for v, x in zip(region.inputs[carries:], tokens, strict=False)
    ]

    def inputs(made: _Region, state: Sequence[Mapped]) -> list[Mapped]:
        held = made.inputs(state, region, 0)
        read = [Mapped(Term(made.builder, made.builder.input(t)), flag) for t, flag in records]
        return [*held, *read, *made.inputs(captured, region, carries + tapes)]

    if counts.is_mapped:
        return _parting_replay(site, plain, captured, records)

    def build(state: list[Mapped]) -> tuple[Graph, list[bool]]:
        made = _Region(site, region.name)
        given = inputs(made, state)
        made.finish_inputs()
        last = _as_flagged(made.apply(region, given), _flags(state), site.size)
        return made.finish(last), _flags(last)

    state, body, flags = _settled(site, init, build)
    operands = [counts, *state, *plain, *captured, *_active_operand(site)]
    outputs = _emit(site, "replay", operands, body=body)
    return [Mapped(t, f) for t, f in zip(outputs, flags, strict=True)]


def _token(tape: Mapped) -> Term:
    """A token: all examples have the same."""
    return tape.term.op("reduce_max", axes=(0,)) if tape.is_mapped else tape.term


def _recorded(type: TensorType, is_mapped: bool, size: Size) -> TensorType:
    return type.with_shape((size, *type.shape)) if is_mapped else type


def _parting_replay(
    site: BatchSite,
    tokens: Sequence[Mapped],
    captured: Sequence[Mapped],
    records: Sequence[tuple[TensorType, bool]],
) -> list[Mapped]:
    """Carries are (*carries, iteration); an example takes part in those below its count."""
    region: Graph = site.attrs["body"]
    carries, size = site.attrs["carries"], site.size
    counts = site.operands[0]
    total = counts.term.op("reduce_max", axes=(0,))
    init = [Mapped(x.whole(size), True) for x in site.operands[1 : carries + 1]]
    made = _Region(site, region.name)
    old = made.inputs(init, region, 0)
    iteration = made.input(Mapped(total, False), "i").term
    read = [Mapped(Term(made.builder, made.builder.input(t)), flag) for t, flag in records]
    rest = made.inputs(captured, region, carries + len(records))
    limit = made.input(counts, "counts").term
    taking = iteration.broadcast((size,), []) < limit
    results = made.apply(region, [*old, *read, *rest], taking)
    new = [
        Mapped(_chosen(taking, x.whole(size), before.term), True)
        for x, before in zip(results, old, strict=True)
    ]
    body = made.finish([*new, Mapped(iteration - 1, False)])
    operands = [
        Mapped(total, False), *init, Mapped(total - 1, False), *tokens, *captured, counts
    ]  # fmt: skip
    outputs = _emit(site, "replay", operands, body=body, carries=carries + 1)
    return [Mapped(t, True) for t in outputs[:carries]]


# -- switch -------------------------------------------------------------------------------------


def batch_switch(site: BatchSite) -> list[Mapped]:
    """The branch that all examples take, or all branches."""
    index, operands = site.operands[0], site.operands[1:]
    if index.is_mapped:
        return _selected(site, index.term, operands)
    branches: Sequence[Graph] = site.attrs["branches"]
    found = [_branch(site, branch, operands, ()) for branch in branches]
    flags = [any(column) for column in zip(*(f for _, f in found), strict=True)]
    graphs = [
        graph if own == flags else _branch(site, branch, operands, flags)[0]
        for branch, (graph, own) in zip(branches, found, strict=True)
    ]
    given = [index, *operands, *_active_operand(site)]
    outputs = _emit(site, "switch", given, branches=tuple(graphs))
    return [Mapped(t, f) for t, f in zip(outputs, flags, strict=True)]


def _branch(
    site: BatchSite, region: Graph, operands: Sequence[Mapped], flags: Sequence[bool]
) -> tuple[Graph, list[bool]]:
    made, inputs = _loop_region(site, region, operands, ())
    results = made.apply(region, inputs)
    results = _as_flagged(results, flags or _flags(results), site.size)
    return made.finish(results), _flags(results)


def _selected(site: BatchSite, index: Term, operands: Sequence[Mapped]) -> list[Mapped]:
    """Each branch is computed for all examples and counts for those that take it."""
    branches: Sequence[Graph] = site.attrs["branches"]
    last = len(branches) - 1
    found: list[Term] = []
    for k in reversed(range(len(branches))):
        taking = _taking(index, k, last)
        active = taking if site.active is None else taking & site.active
        results = batch_terms(site.builder, branches[k], operands, site.size, active)
        wholes = [x.whole(site.size) for x in results]
        pairs = zip(wholes, found or wholes, strict=True)
        found = [_chosen(taking, new, others) if found else new for new, others in pairs]
    return [Mapped(t, True) for t in found]


def _taking(index: Term, branch: int, last: int) -> Term:
    """Which examples take a branch. Indices beyond the ends mean the ends."""
    if last == 0:
        return index.full(True, DType.BOOL)
    if branch == 0:
        return index <= 0
    return index >= last if branch == last else index.eq(branch)
