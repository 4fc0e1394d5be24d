"""Derivatives of loops (ops/control.py), in both modes.

Layer: compiler/transforms. The derivative of a loop is a loop. Both modes make a *joint* graph of
the body and its derivative (joint.py), choose what the forward loop keeps for it (residuals.py),
widen the forward loop by these results, in place, and emit a second loop over what is kept:

- `scan`: kept values are stacked; the derivative is a scan, in reverse mode the other way round;
- `while`: kept values are recorded on tapes; reverse mode replays them. Forward mode of a `while`
  carries values and tangents together in a second `while`.

In reverse mode the cotangents of the carries are carries, those of captured values are sums
(backward.py), those of the arrays that a scan walks are stacked results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import GradientError
from ..ir.builder import GraphBuilder
from ..ir.derivative import Contribution, Site
from ..ir.graph import Graph, Node, Value
from ..ir.opdef import REGISTRY
from ..ir.term import Term, full
from ..ir.types import DType, TensorType
from .backward import Backward
from .joint import (
    Joint,
    active_carries,
    chosen_of,
    forward_joint,
    reverse_joint,
    with_zeros,
    zeros_of,
)
from .residuals import Split, subgraph
from .reverse import active_values

Terms = Sequence[Term | None]


# -- scan ---------------------------------------------------------------------------------------


def scan_vjp(site: Site, cts: Terms) -> list[Contribution]:
    """Reverse mode of `scan`."""
    builder, loop = _loop(site)
    carries, scanned = loop.carries, loop.scanned
    active = active_carries(loop.body, carries, list(site.wanted))
    seeded = [*active[:carries], *(ct is not None for ct in cts[carries:])]
    seeded += [False] * (len(loop.body.outputs) - len(seeded))  # what earlier widening has added
    joint = reverse_joint(loop.body, seeded, active)
    back = Backward(joint, active, carries, scanned, stacks=True)
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

    def widen(self, builder: GraphBuilder, joint: Joint, kept: Sequence[Value]) -> Node:
        """The loop that gives the kept values of all iterations, too: its last outputs."""
        attrs = {**self.attrs, "body": joint.widened(kept)}
        if "records" in attrs:
            attrs["records"] += len(kept)
        return builder.widen(self.node, attrs)

    def needed(
        self, joint: Joint, chosen: Split
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


def _loop(site: Site) -> tuple[GraphBuilder, _Loop]:
    builder = site.operands[0].builder
    node = builder.latest(site.node)
    return builder, _Loop(node, node.attrs["carries"], node.attrs.get("scanned", 0))


def scan_jvp(site: Site, tangents: Terms) -> list[Term | None]:
    """Forward mode of `scan`."""
    builder, loop = _loop(site)
    carries, scanned = loop.carries, loop.scanned
    active = active_carries(loop.body, carries, [t is not None for t in tangents])
    found = active_values(loop.body.nodes, chosen_of(loop.body.inputs, active))
    wanted = [
        active[k] if k < carries else v in found
        for k, v in enumerate(loop.body.outputs[: len(site.results)])
    ]
    wanted += [False] * (len(loop.body.outputs) - len(wanted))
    joint = forward_joint(loop.body, active, wanted)
    count = sum(active[:carries])
    joint = with_zeros(joint, chosen_of(loop.body.outputs, wanted), count)
    chosen = joint.split(carries, scanned)
    stacked = _last(loop.widen(builder, joint, chosen.kept), chosen.kept)
    x_needed, captured_needed = loop.needed(joint, chosen)

    dots = _dots(site, tangents, active)
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


def _dots(site: Site, tangents: Terms, active: Sequence[bool]) -> list[Value]:
    """The tangents of the active operands."""
    return [
        zeros_of(x.builder, x.value) if t is None else t.value
        for x, t, a in zip(site.operands, tangents, active, strict=True)
        if a
    ]


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
    active = active_carries(body, carries, wanted)
    found = active_values(body.nodes, chosen_of(body.inputs, active))
    ys = [v in found for v in body.outputs[carries:]]
    joint = reverse_joint(body, [*active[:carries], *ys], active)
    back = Backward(joint, active, carries, scanned)
    return [v.type for v in back.joint.split(carries, scanned).kept]


# -- while --------------------------------------------------------------------------------------


def while_vjp(site: Site, cts: Terms) -> list[Contribution]:
    """Reverse mode of `while`: the recorded values are replayed."""
    builder, loop = _loop(site)
    carries = loop.carries
    active = active_carries(loop.body, carries, list(site.wanted))
    seeded = [*active[:carries], *[False] * (len(loop.body.outputs) - carries)]
    joint = reverse_joint(loop.body, seeded, active)
    back = Backward(joint, active, carries, 0)
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


def _recording_a_bool(joint: Joint, chosen: Split) -> tuple[Joint, Split]:
    builder = GraphBuilder(joint.body.name)
    value = full(builder, (), True, DType.BOOL).value
    widened = replace(joint, forward=[*joint.forward, *builder.nodes])
    return widened, Split((value,), chosen.again)


def while_jvp(site: Site, tangents: Terms) -> list[Term | None]:
    """Forward mode of `while`: a second loop carries values and tangents."""
    builder, loop = _loop(site)
    carries, body = loop.carries, loop.body
    active = active_carries(body, carries, [t is not None for t in tangents])
    wanted = [*active[:carries], *[False] * (len(body.outputs) - carries)]
    joint = forward_joint(body, active, wanted)
    count = sum(active[:carries])
    joint = with_zeros(joint, chosen_of(body.outputs, wanted), count)
    dots = _dots(site, tangents, active)
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
    return builder.finish(builder.inline(condition, chosen))


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
