"""Batching: from a graph for one example to the nodes for a stack of them.

Layer: compiler/transforms. `batch` emits a closed graph once more, with a new first axis on every
value that depends on a mapped input; see ir/batching.py for the rules. What depends on none is
emitted as it is, once for all examples.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InternalError, UnsupportedError
from ..ir.batching import BatchSite, Mapped
from ..ir.builder import GraphBuilder
from ..ir.graph import Graph, Node, Value
from ..ir.opdef import Kind
from ..ir.term import Term
from ..ir.types import Size


def batch(
    builder: GraphBuilder,
    graph: Graph,
    inputs: Sequence[Value],
    mapped: Sequence[bool],
    size: Size,
    active: Value | None = None,
) -> tuple[list[Value], list[bool]]:
    """Emit `graph` for a stack of `size` examples.

    Args:
        builder: where the nodes go.
        graph: for one example. Its guards are those of the graph around it.
        inputs: one value per input of the graph: of its type, or, where it is mapped, with an
            axis of `size` in front.
        mapped: which inputs have that axis.
        size: the number of examples.
        active: bool[size], for which examples the results are used; operations never fail for
            the others. None: for all.

    Returns:
        The outputs, and for each whether it is mapped.

    Raises:
        UnsupportedError: an op has no batching rule.
    """
    terms = [Mapped(Term(builder, v), m) for v, m in zip(inputs, mapped, strict=True)]
    who = None if active is None else Term(builder, active)
    found = batch_terms(builder, graph, terms, size, who)
    return [x.term.value for x in found], [x.is_mapped for x in found]


def batch_since(
    builder: GraphBuilder, start: int, seed: Value, stack: Value, outputs: Sequence[Value]
) -> list[Value]:
    """Put in place of what has been emitted for one `seed` the same for a stack of them.

    Args:
        builder: its nodes from position `start` on are those to replace; those among them that do
            not depend on the seed stay as they are.
        start: a position in the builder's nodes.
        seed: a value that no node defines.
        stack: as many values for it, along a first axis.
        outputs: values that may depend on the seed.

    Returns:
        The outputs for all seeds, each with a first axis.
    """
    nodes = builder.withdraw(start, seed)
    made = {seed, *(v for node in nodes for v in node.outputs)}
    read = [v for node in nodes for v in node.inputs]
    outside = list(dict.fromkeys(v for v in (*read, *outputs) if v not in made))
    graph = Graph("batched", (seed, *outside), tuple(nodes), tuple(outputs))
    size = stack.type.shape[0]
    inputs = [
        Mapped(Term(builder, stack), True),
        *(Mapped(Term(builder, v), False) for v in outside),
    ]
    return [x.whole(size).value for x in batch_terms(builder, graph, inputs, size)]


def batch_terms(
    builder: GraphBuilder,
    graph: Graph,
    inputs: Sequence[Mapped],
    size: Size,
    active: Term | None = None,
) -> list[Mapped]:
    """As `batch`, for rules, which deal in terms."""
    for v, x in zip(graph.inputs, inputs, strict=True):
        if x.example != v.type:
            raise InternalError(f"batch: an input of {v.type} is given {x.example}")
    env = dict(zip(graph.inputs, inputs, strict=True))
    for node in graph.nodes:
        with builder.at(node.loc):
            site = BatchSite(builder, tuple(env[v] for v in node.inputs), node.attrs, size, active)
            env.update(zip(node.outputs, _batched(node, site), strict=True))
    return [env[v] for v in graph.outputs]


def _batched(node: Node, site: BatchSite) -> Sequence[Mapped]:
    op = node.op
    if site.active is not None and op.harmless is not None:
        site = _harmless(node, site)
    if not any(x.is_mapped for x in site.operands):
        copied = site.builder.emit_node(op, [x.term.value for x in site.operands], **node.attrs)
        return [Mapped(Term(site.builder, v), False) for v in copied.outputs]
    if op.batch is not None:
        found = op.batch(site)
        return [Mapped(found, True)] if isinstance(found, Term) else found
    if op.kind is not Kind.ELEMENTWISE:
        raise UnsupportedError(
            f"{op.name} cannot be batched",
            got=", ".join(str(v.type) for v in node.inputs),
            loc=node.loc,
        )
    first, *others = site.wholes()
    return [Mapped(first.op(op.name, *others, **node.attrs), True)]


def _harmless(node: Node, site: BatchSite) -> BatchSite:
    """The site with numbers for which the op cannot fail, for the examples that are not active."""
    assert node.op.harmless is not None and site.active is not None
    operands = list(site.operands)
    for k, x in enumerate(operands):
        number = node.op.harmless(k, x.term.dtype)
        if number is None:
            continue
        # what all examples share is computed if any of them takes part
        taking = site.active if x.is_mapped else site.active.sum([0])
        chosen = taking.broadcast(x.term.shape, range(taking.rank)).select(x.term, number)
        operands[k] = Mapped(chosen, x.is_mapped)
    return BatchSite(site.builder, tuple(operands), site.attrs, site.size, site.active)
