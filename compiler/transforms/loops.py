"""Derivatives of loops and branches (ops/control.py), in both modes.

Layer: compiler/transforms. The derivative of a loop is a loop. Both modes make a *joint* graph of
the body and its derivative, choose what the forward loop keeps for it (residuals.py), widen the
forward loop by these results, in place, and emit a second loop over what is kept:

- `scan`: kept values are stacked; the derivative is a scan, in reverse mode the other way round;
- `while`: kept values are recorded on tapes; reverse mode replays them. Forward mode of a `while`
  carries values and tangents together in a second `while`;
- `switch`: the derivative is a switch on the same index, which computes the branch again.

In reverse mode the cotangents of the carries are carries, those of captured values are sums that
are carried along, those of the arrays that a scan walks are stacked results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import GradientError
from ..ir.builder import GraphBuilder
from ..ir.derivative import Contribution, Site
from ..ir.graph import Graph, Node, Value
from ..ir.opdef import REGISTRY
from ..ir.term import Term, full
from ..ir.types import DType, TensorType
from .forward import push_forward
from .residuals import Split, split, subgraph
from .reverse import active_values, pull_back

Terms = Sequence[Term | None]


# -- activity -----------------------------------------------------------------------------------


def _active_carries(body: Graph, carries: int, active: list[bool]) -> list[bool]:
    """Which inputs of a loop's body are active in some iteration, if `active` are at first."""
    active = list(active)
    while True:
        found = active_values(body.nodes, _where(body.inputs, active))
        grown = [a or (k < carries and body.outputs[k] in found) for k, a in enumerate(active)]
        grown = [a and v.type.dtype.is_float for a, v in zip(grown, body.inputs, strict=True)]
        if grown == active:
            return active
        active = grown


def _where(values: Sequence[Any], flags: Sequence[bool]) -> list[Any]:
    return [v for v, flag in zip(values, flags, strict=True) if flag]


# -- a body and its derivative ------------------------------------------------------------------


@dataclass(frozen=True)
class _Joint:
    """A body with its derivative behind it: `results` from `seeds` and values of the body.

    `forward` are the body's nodes; inner loops among them may have been widened meanwhile.
    """

    body: Graph
    seeds: tuple[Value, ...]
    forward: Sequence[Node]
    backward: Sequence[Node]
    results: tuple[Value | None, ...]

    def split(self, carries: int, scanned: int) -> Split:
        """What to keep; the arrays that are walked and what is captured is there anyway."""
        given = [*self.body.inputs[carries:], *self.seeds]
        constant = self.body.inputs[carries + scanned :]
        results = [v for v in self.results if v is not None]
        return split(self.forward, results, self.backward, given, constant)

    def widened(self, kept: Sequence[Value]) -> Graph:
        """The body, which gives the kept values, too."""
        outputs = [*self.body.outputs, *kept]
        return subgraph(self.body.name, self.body.inputs, self.forward, outputs)

    def derivative(self, name: str, inputs: Sequence[Value], chosen: Split) -> Graph:
        """The derivative alone."""
        nodes = [*(n for n in self.forward if n in chosen.again), *self.backward]
        return subgraph(name, inputs, nodes, [v for v in self.results if v is not None])


def _start(body: Graph) -> tuple[GraphBuilder, int]:
    builder = GraphBuilder.like(body)
    for node in body.nodes:
        builder.keep(node)
    return builder, len(body.nodes)


def _reverse(body: Graph, seeded: Sequence[bool], wanted: Sequence[bool]) -> _Joint:
    """Seeds: cotangents of the chosen outputs. Results: those of the wanted inputs."""
    builder, size = _start(body)
    seeds = [builder.input(v.type, "ct") for v in _where(body.outputs, seeded)]
    found = pull_back(
        builder, body.nodes, _where(body.outputs, seeded), seeds, _where(body.inputs, wanted)
    )
    nodes = builder.nodes
    return _Joint(body, tuple(seeds), nodes[:size], nodes[size:], tuple(found))


def _forward(body: Graph, seeded: Sequence[bool], wanted: Sequence[bool]) -> _Joint:
    """Seeds: tangents of the chosen inputs. Results: those of the wanted outputs."""
    builder, size = _start(body)
    seeds = [builder.input(v.type, "dot") for v in _where(body.inputs, seeded)]
    found = push_forward(
        builder, body.nodes, _where(body.inputs, seeded), seeds, _where(body.outputs, wanted)
    )
    nodes = builder.nodes
    return _Joint(body, tuple(seeds), nodes[:size], nodes[size:], tuple(found))


def _with_zeros(joint: _Joint, types: Sequence[Value], count: int) -> _Joint:
    """The joint graph whose first `count` results are arrays of zeros where they were None."""
    builder = GraphBuilder(joint.body.name)
    results = list(joint.results)
    for k in range(count):
        if results[k] is None:
            results[k] = _zeros(builder, types[k])
    return _extended(joint, builder, results)


def _extended(joint: _Joint, builder: GraphBuilder, results: Sequence[Value | None]) -> _Joint:
    backward = [*joint.backward, *builder.nodes]
    return _Joint(joint.body, joint.seeds, joint.forward, backward, tuple(results))


def _zeros(builder: GraphBuilder, like: Value) -> Value:
    return Term(builder, like).full(0).value


# -- scan ---------------------------------------------------------------------------------------


def scan_vjp(site: Site, cts: Terms) -> list[Contribution]:
    """Reverse mode of `scan`."""
    builder, loop = _loop(site, "scan")
    carries, scanned = loop.carries, loop.scanned
    active = _active_carries(loop.body, carries, list(site.wanted))
    seeded = [*active[:carries], *(ct is not None for ct in cts[carries:])]
    seeded += [False] * (len(loop.body.outputs) - len(seeded))  # what earlier widening has added
    joint = _reverse(loop.body, seeded, active)
    back = _Backward(joint, active, carries, scanned)
    chosen = back.joint.split(carries, scanned)
    stacked = _last(loop.widen(builder, back.joint, chosen.kept), chosen.kept)
    x_needed, captured_needed = loop.needed(back.joint, chosen)
    body_inputs = [
        *back.carry_inputs,
        *joint.seeds[back.count :],
        *chosen.kept,
        *(v for v, _ in x_needed),
        *(v for v, _ in captured_needed),
    ]
    ct_ys = [ct.value for ct in cts[carries:] if ct is not None]
    xs = [*ct_ys, *stacked, *(w for _, w in x_needed)]
    node = builder.emit_node(
        REGISTRY["scan"],
        [*back.initial(builder, cts), *xs, *(w for _, w in captured_needed)],
        body=back.joint.derivative(f"{loop.body.name}_ct", body_inputs, chosen),
        carries=len(back.carry_inputs),
        scanned=len(xs),
        length=loop.attrs["length"],
        reverse=not loop.attrs["reverse"],
    )
    return back.contributions(builder, site, node)


class _Backward:
    """The carries of a derivative loop: cotangents of carries, then sums for captured values.

    `active` says which inputs of the body are active: carries, arrays walked, captured values.
    """

    def __init__(self, joint: _Joint, active: Sequence[bool], carries: int, scanned: int) -> None:
        self.active = active
        self.carries, self.scanned = carries, scanned
        body = joint.body
        self.count = sum(active[:carries])
        builder = GraphBuilder(body.name)
        first, last = self.count, self.count + sum(active[carries : carries + scanned])
        results = list(joint.results)
        for k, v in enumerate(_where(body.inputs, active)[: self.count]):
            if results[k] is None:
                results[k] = _zeros(builder, v)
        self.x_results = results[first:last]
        self.sums: list[tuple[Value, Value]] = []  # (input, next) for each captured value
        captured = results[last:]
        self.has_sum = [v is not None for v in captured]
        for v in captured:
            if v is not None:
                held = Value(v.type, "sum")
                total = Term(builder, held) + Term(builder, v)
                self.sums.append((held, total.value))
        ordered = [
            *results[:first],
            *(total for _, total in self.sums),
            *(v for v in self.x_results if v is not None),
        ]
        extended = _extended(joint, builder, ordered)
        seeds = (*joint.seeds, *(held for held, _ in self.sums))
        self.joint = _Joint(body, seeds, extended.forward, extended.backward, extended.results)
        self.carry_inputs = [*joint.seeds[: self.count], *(held for held, _ in self.sums)]

    def initial(self, builder: GraphBuilder, cts: Terms) -> list[Value]:
        """Cotangents of the final carries, and zeros for the sums."""
        seeds = self.joint.seeds[: self.count]
        given = _where(cts[: self.carries], self.active[: self.carries])
        found = [
            _zeros(builder, seed) if ct is None else ct.value
            for ct, seed in zip(given, seeds, strict=True)
        ]
        return [*found, *(_zeros(builder, held) for held, _ in self.sums)]

    def contributions(self, builder: GraphBuilder, site: Site, node: Node) -> list[Contribution]:
        """What the outputs of the derivative loop say about the operands of the loop."""
        outputs = iter(node.outputs)
        found: list[Contribution] = []
        carries, arrays = self.carries, self.carries + self.scanned
        found += [Term(builder, next(outputs)) if a else None for a in self.active[:carries]]
        sums = [Term(builder, next(outputs)) if has else None for has in self.has_sum]
        x_found = iter(self.x_results)
        for a in self.active[carries:arrays]:
            some = a and next(x_found) is not None
            found.append(Term(builder, next(outputs)) if some else None)
        rest = iter(sums)
        found += [next(rest) if a else None for a in self.active[arrays:]]
        return found


# -- the forward loop ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _Loop:
    """A loop node as it is now (earlier derivatives may have widened it)."""

    node: Node
    carries: int
    scanned: int

    @property
    def attrs(self) -> Any:
        return self.node.attrs

    @property
    def body(self) -> Graph:
        return self.node.attrs["body"]

    def widen(self, builder: GraphBuilder, joint: _Joint, kept: Sequence[Value]) -> Node:
        """The loop that gives the kept values of all iterations, too: its last outputs."""
        attrs = {**self.attrs, "body": joint.widened(kept)}
        if "records" in attrs:
            attrs["records"] += len(kept)
        return builder.widen(self.node, attrs)

    def needed(
        self, joint: _Joint, chosen: Split
    ) -> tuple[list[tuple[Value, Value]], list[tuple[Value, Value]]]:
        """The body's inputs that its derivative reads, with the loop's operands behind them."""
        read = {
            v
            for node in (*(n for n in joint.forward if n in chosen.again), *joint.backward)
            for v in node.inputs
        }
        read.update(v for v in joint.results if v is not None)
        pairs = list(zip(self.body.inputs, self.node.inputs, strict=True))
        arrays = self.carries + self.scanned
        xs = [(v, w) for v, w in pairs[self.carries : arrays] if v in read]
        return xs, [(v, w) for v, w in pairs[arrays:] if v in read]


def _last(node: Node, kept: Sequence[Value]) -> list[Value]:
    return list(node.outputs[len(node.outputs) - len(kept) :])


def _loop(site: Site, name: str) -> tuple[GraphBuilder, _Loop]:
    builder = site.operands[0].builder
    node = builder.latest(site.node)
    scanned = node.attrs["scanned"] if name == "scan" else 0
    return builder, _Loop(node, node.attrs["carries"], scanned)


def scan_jvp(site: Site, tangents: Terms) -> list[Term | None]:
    """Forward mode of `scan`."""
    builder, loop = _loop(site, "scan")
    carries, scanned = loop.carries, loop.scanned
    active = _active_carries(loop.body, carries, [t is not None for t in tangents])
    found = active_values(loop.body.nodes, _where(loop.body.inputs, active))
    wanted = [
        active[k] if k < carries else v in found
        for k, v in enumerate(loop.body.outputs[: len(site.results)])
    ]
    wanted += [False] * (len(loop.body.outputs) - len(wanted))
    joint = _forward(loop.body, active, wanted)
    count = sum(active[:carries])
    joint = _with_zeros(joint, _where(loop.body.outputs, wanted), count)
    chosen = joint.split(carries, scanned)
    stacked = _last(loop.widen(builder, joint, chosen.kept), chosen.kept)
    x_needed, captured_needed = loop.needed(joint, chosen)

    dots = [
        _zeros(builder, site.operands[k].value) if t is None else t.value
        for k, t in enumerate(tangents)
        if active[k]
    ]
    walked = count + sum(active[carries : carries + scanned])
    xs = [*dots[count:walked], *stacked, *(w for _, w in x_needed)]
    node = builder.emit_node(
        REGISTRY["scan"],
        [*dots[:count], *xs, *dots[walked:], *(w for _, w in captured_needed)],
        body=joint.derivative(
            f"{loop.body.name}_dot",
            [
                *joint.seeds[:walked],
                *chosen.kept,
                *(v for v, _ in x_needed),
                *joint.seeds[walked:],
                *(v for v, _ in captured_needed),
            ],
            chosen,
        ),
        carries=count,
        scanned=len(xs),
        length=loop.attrs["length"],
        reverse=loop.attrs["reverse"],
    )
    return _spread(builder, node.outputs, wanted, joint.results, len(site.results))


def _spread(
    builder: GraphBuilder,
    outputs: Sequence[Value],
    wanted: Sequence[bool],
    results: Sequence[Value | None],
    count: int,
) -> list[Term | None]:
    """One tangent per result of the loop from those that the derivative loop gives."""
    given, flags = iter(outputs), iter(results)
    found: list[Term | None] = []
    for flag in wanted[:count]:
        some = flag and next(flags) is not None
        found.append(Term(builder, next(given)) if some else None)
    return found


def kept_per_iteration(body: Graph, carries: int, scanned: int) -> list[TensorType]:
    """What reverse mode keeps of one iteration, if everything is differentiated.

    Raises:
        GradientError: an op has no derivative.
    """
    wanted = [v.type.dtype.is_float for v in body.inputs]
    active = _active_carries(body, carries, wanted)
    found = active_values(body.nodes, _where(body.inputs, active))
    ys = [v in found for v in body.outputs[carries:]]
    joint = _reverse(body, [*active[:carries], *ys], active)
    back = _Backward(joint, active, carries, scanned)
    return [v.type for v in back.joint.split(carries, scanned).kept]


# -- while --------------------------------------------------------------------------------------


def while_vjp(site: Site, cts: Terms) -> list[Contribution]:
    """Reverse mode of `while`: the recorded values are replayed."""
    builder, loop = _loop(site, "while")
    carries = loop.carries
    active = _active_carries(loop.body, carries, list(site.wanted))
    seeded = [*active[:carries], *[False] * (len(loop.body.outputs) - carries)]
    joint = _reverse(loop.body, seeded, active)
    back = _Backward(joint, active, carries, 0)
    chosen = back.joint.split(carries, 0)
    if not chosen.kept:  # iterations are counted only if something is recorded
        back.joint, chosen = _recording_a_bool(back.joint, chosen)
    recording = loop.widen(builder, back.joint, chosen.kept)
    count, tapes = recording.outputs[carries], _last(recording, chosen.kept)
    _, captured_needed = loop.needed(back.joint, chosen)
    inputs = [*back.carry_inputs, *chosen.kept, *(v for v, _ in captured_needed)]
    node = builder.emit_node(
        REGISTRY["replay"],
        [count, *back.initial(builder, cts), *tapes, *(w for _, w in captured_needed)],
        body=back.joint.derivative(f"{loop.body.name}_ct", inputs, chosen),
        carries=len(back.carry_inputs),
        tapes=len(tapes),
    )
    return back.contributions(builder, site, node)


def _recording_a_bool(joint: _Joint, chosen: Split) -> tuple[_Joint, Split]:
    builder = GraphBuilder(joint.body.name)
    value = full(builder, (), True, DType.BOOL).value
    nodes = [*joint.forward, *builder.nodes]
    widened = _Joint(joint.body, joint.seeds, nodes, joint.backward, joint.results)
    return widened, Split((value,), chosen.again)


def while_jvp(site: Site, tangents: Terms) -> list[Term | None]:
    """Forward mode of `while`: a second loop carries values and tangents."""
    builder, loop = _loop(site, "while")
    carries, body = loop.carries, loop.body
    active = _active_carries(body, carries, [t is not None for t in tangents])
    wanted = [*active[:carries], *[False] * (len(body.outputs) - carries)]
    joint = _forward(body, active, wanted)
    count = sum(active[:carries])
    joint = _with_zeros(joint, _where(body.outputs, wanted), count)
    dots = [
        _zeros(builder, site.operands[k].value) if t is None else t.value
        for k, t in enumerate(tangents)
        if active[k]
    ]
    inputs = [
        *body.inputs[:carries],
        *joint.seeds[:count],
        *body.inputs[carries:],
        *joint.seeds[count:],
    ]
    results = [v for v in joint.results if v is not None]
    nodes = [*joint.forward, *joint.backward]
    node = builder.emit_node(
        REGISTRY["while"],
        [
            *loop.node.inputs[:carries],
            *dots[:count],
            *loop.node.inputs[carries:],
            *dots[count:],
        ],
        condition=_condition(loop.attrs["condition"], carries, count, inputs),
        body=subgraph(f"{body.name}_dot", inputs, nodes, [*body.outputs[:carries], *results]),
        carries=carries + count,
        records=0,
    )
    found = _spread(builder, node.outputs[carries:], wanted, joint.results, carries)
    return [*found, *[None] * (len(site.results) - carries)]


def _condition(condition: Graph, carries: int, added: int, inputs: Sequence[Value]) -> Graph:
    """The condition of a loop with more inputs: `added` behind the carries, others at the end."""
    builder = GraphBuilder(condition.name)
    made = [builder.input(v.type, v.name) for v in inputs]
    chosen = [*made[:carries], *made[carries + added :]][: len(condition.inputs)]
    new = dict(zip(condition.inputs, chosen, strict=True))
    for node in condition.nodes:
        copy = builder.copy(node, [new[v] for v in node.inputs])
        new.update(zip(node.outputs, copy.outputs, strict=True))
    return builder.finish([new[v] for v in condition.outputs])


def replay_vjp(site: Site, cts: Terms) -> list[Contribution]:
    """Not supported: the number of iterations is known only when the program runs."""
    raise GradientError(
        "the derivative of a while_loop cannot be differentiated again in reverse mode",
        loc=site.node.loc,
        hint="take the inner derivative with tw.jvp, or use tw.scan or tw.fori_loop with a number"
        " of steps that is known",
    )


def replay_jvp(site: Site, tangents: Terms) -> list[Term | None]:
    """Not supported, as `replay_vjp`."""
    replay_vjp(site, tangents)
    return []


# -- switch -------------------------------------------------------------------------------------


def switch_vjp(site: Site, cts: Terms) -> list[Contribution]:
    """Reverse mode of `switch`: the branch is computed again, with its derivative."""
    seeded = [ct is not None for ct in cts]
    active = list(site.wanted[1:])

    def derive(branch: Graph) -> _Joint:
        return _reverse(branch, seeded, active)

    given = [ct.value for ct in cts if ct is not None]
    node = _derived_switch(site, derive, given, _where(site.operands[1:], active))
    outputs = iter(node.outputs)
    builder = site.operands[0].builder
    return [None, *(Term(builder, next(outputs)) if a else None for a in active)]


def switch_jvp(site: Site, tangents: Terms) -> list[Term | None]:
    """Forward mode of `switch`."""
    active = [t is not None for t in tangents[1:]]
    wanted = [r.dtype.is_float for r in site.results]

    def derive(branch: Graph) -> _Joint:
        return _forward(branch, active, wanted)

    given = [t.value for t in tangents[1:] if t is not None]
    node = _derived_switch(site, derive, given, _where(site.results, wanted))
    outputs = iter(node.outputs)
    builder = site.operands[0].builder
    return [Term(builder, next(outputs)) if w else None for w in wanted]


def _derived_switch(
    site: Site, derive: Callable[[Graph], _Joint], given: Sequence[Value], like: Sequence[Term]
) -> Node:
    builder = site.operands[0].builder
    branches = []
    for branch in site.node.attrs["branches"]:
        joint = _with_zeros(derive(branch), [t.value for t in like], len(like))
        inputs = [*branch.inputs, *joint.seeds]
        results = [v for v in joint.results if v is not None]
        nodes = [*joint.forward, *joint.backward]
        branches.append(subgraph(f"{branch.name}_ct", inputs, nodes, results))
    operands = [*site.node.inputs, *given]
    return builder.emit_node(REGISTRY["switch"], operands, branches=tuple(branches))
