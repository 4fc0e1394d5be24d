"""Functions with derivatives of their own: what `custom_vjp`, `custom_jvp`, `checkpoint` share.

Layer: frontend. Such a function is traced into a region, which is copied into the graph that is
going on; a `custom` node (compiler/ops/markers.py) behind it holds the rule that the derivatives'
drivers call in place of walking what was copied. The node's operands are::

    (*results, *residuals, *arguments, *captured) -> results

where arguments are the traced ones, and captured what the function reads besides. The rule may be
called on any builder, that of a loop's body for instance, so it gets everything from the node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeGuard

import numpy as np

from ...compiler.errors import GradientError
from ...compiler.ir.batching import BatchSite, Mapped
from ...compiler.ir.builder import GraphBuilder
from ...compiler.ir.derivative import Contribution, Site
from ...compiler.ir.graph import Graph, Value
from ...compiler.ir.term import Term, full
from ...compiler.ir.types import TensorType
from ...compiler.program import LeafSpec
from ...compiler.transforms.residuals import live_nodes
from ...compiler.transforms.reverse import gradient_loc, pull_back_terms
from .. import values
from ..arguments import Static
from ..context import RegionKind, Scope, TraceContext, require
from ..lift import lift
from ..location import user_location
from ..region import Template, spec_of, trace_region
from ..selection import Selection
from ..trace import start_of, tracer_of
from ..tracer import Tracer
from ..tree import flatten, unflatten
from .matching import match, traced_value
from .resize import bound_sizes, resized

Terms = Sequence[Term | None]
FROZEN = "assigning to an argument of {}"


class Rule(Protocol):
    """What a `custom` node holds."""

    def vjp(self, site: Site, cts: Terms) -> Sequence[Contribution]:
        """As of `Rules`."""

    def jvp(self, site: Site, tangents: Terms) -> Terms:
        """As of `Rules`."""

    def batch(self, site: BatchSite) -> Sequence[Mapped]:
        """As of an op."""


@dataclass(frozen=True)
class Layout:
    """How many operands of a `custom` node are what."""

    results: int
    residuals: int
    arguments: int

    @property
    def first_argument(self) -> int:
        """Where the arguments begin."""
        return self.results + self.residuals

    @property
    def first_captured(self) -> int:
        """Where the captured values begin."""
        return self.first_argument + self.arguments


@dataclass(frozen=True)
class Marked:
    """A traced call: the nesting of what went in and out, and the graph between."""

    arguments: Template
    results: Template
    residuals: Template
    graph: Graph
    layout: Layout


def partition(structure: Any) -> tuple[list[Tracer], Template]:
    """The traced leaves of a structure, and its template; all else is kept as it is."""
    objects, tree = flatten(structure)
    tracers: list[Tracer] = []
    leaves: list[LeafSpec | Static] = []
    for x in objects:
        x = lift(x) if isinstance(x, Selection) else x
        if type(x) is Tracer and not x._is_known:
            tracers.append(x)
            leaves.append(spec_of(x))
        else:
            # a copy: it may be assigned to before the rule is called
            kept = np.array(x._known) if type(x) is Tracer else x
            leaves.append(Static(kept, id(kept)))
    return tracers, Template(tree, tuple(leaves))


def emit_marked(
    ctx: TraceContext,
    what: str,
    function: Callable[..., tuple[Any, Any]],
    arguments: Any,
    make_rule: Callable[[Marked], Rule],
    stop: bool,
) -> Any:
    """Call a function, with a rule for its derivatives; returns its result.

    Args:
        ctx: the running trace.
        what: what messages call the function.
        function: takes the arguments, returns (result, residuals).
        arguments: any structure.
        make_rule: makes the rule.
        stop: whether the function itself is not to be differentiated in forward mode.
    """
    operands, template = partition(arguments)
    parts: list[Template] = []

    def leaves_in(*leaves: Any) -> Any:
        result, residuals = function(template.rebuild(leaves))
        found = []
        parts.clear()
        for part in (result, residuals):
            tracers, part_template = partition(part)
            found.append(tuple(tracers))
            parts.append(part_template)
        return tuple(found)

    kind = RegionKind(what, "return the new array", "return it from the function")
    specs = [spec_of(t) for t in operands]
    frozen = FROZEN.format(what)
    names = template.paths("")
    region = trace_region(ctx, leaves_in, specs, kind, names=names, frozen=frozen)
    inputs = [*(t._read() for t in operands), *region.captured]
    outputs = copy_into(ctx.builder, region.graph, inputs)
    results, residuals = parts
    layout = Layout(len(results.specs), len(residuals.specs), len(operands))
    rule = make_rule(Marked(template, results, residuals, region.graph, layout))
    if stop:
        outputs[: layout.results] = [_stopped(ctx, v) for v in outputs[: layout.results]]
    node = ctx.emit_node("custom", (*outputs, *inputs), results=layout.results, rule=rule)
    return results.traced(ctx, node.outputs)


def _stopped(ctx: TraceContext, value: Value) -> Value:
    return ctx.emit("stop_gradient", value) if value.type.dtype.is_float else value


def copy_into(
    builder: GraphBuilder, graph: Graph, inputs: Sequence[Value], *, gradient: bool = False
) -> list[Value]:
    """Emit the nodes of a closed graph on these inputs; returns the outputs."""
    sizes = bound_sizes(graph, inputs)
    return builder.inline(
        graph,
        inputs,
        partial(resized, sizes=sizes) if sizes else None,
        gradient_loc if gradient else None,
    )


# -- running a user's rule ----------------------------------------------------------------------


@contextmanager
def emitting(builder: GraphBuilder, what: str) -> Iterator[TraceContext]:
    """Let traced operations go to this builder, as work on a derivative."""
    ctx = require()
    before, loc = ctx.is_gradient, builder.loc
    ctx.is_gradient = True
    try:
        if builder is ctx.builder:
            yield ctx
        else:
            start = len(builder.nodes)
            kind = RegionKind(f"the rule of {what}", "return the new array", "return it")
            with ctx.inside(Scope(builder.name, kind, builder)):
                yield ctx
            _check_closed(ctx.scope, builder, start, what)
    finally:
        ctx.is_gradient, builder.loc = before, loc


def _check_closed(scope: Scope, builder: GraphBuilder, start: int, what: str) -> None:
    """Refuse values of graphs around the one that the rule has been called for."""
    read = {v for node in builder.nodes[start:] for v in node.inputs}
    around: Scope | None = scope
    while around is not None:
        own = {v for node in around.builder.nodes for v in node.outputs}
        if not read.isdisjoint(own) or not read.isdisjoint(around.builder.inputs):
            raise GradientError(
                f"the rule of {what} reads a traced array that is not among its arguments",
                loc=user_location(),
                hint="pass it to the function as an argument",
            )
        around = around.parent


def check_captured(what: str, layout: Layout, active: Sequence[Any]) -> None:
    """Refuse derivatives with respect to what a function reads from outside of itself."""
    if any(active[layout.first_captured :]):
        raise GradientError(
            f"{what} is differentiated with respect to an array that is not among its arguments",
            loc=user_location(),
            hint="pass it as an argument: the rule says nothing of others",
        )


def derivatives(
    ctx: TraceContext,
    template: Template,
    like: Sequence[Term],
    found: Terms,
    zeros: bool = True,
) -> Any:
    """The template's structure with derivatives for its floats, and None for all else.

    `like` are the values that they belong to; in `found` None stands for zeros, which are written
    out unless `zeros` is False.
    """
    rest = zip(like, found, strict=True)
    leaves: list[Any] = []
    for leaf in template.leaves:
        if isinstance(leaf, Static):
            leaves.append(_zero(leaf.value) if zeros else None)
            continue
        primal, term = next(rest)
        if term is None and zeros and leaf.type.dtype.is_float:
            term = primal.full(0)
        leaves.append(term and tracer_of(ctx, leaf, term.value))
    return unflatten(template.tree, leaves)


def _zero(x: Any) -> Any:
    """The derivative of an object that is the same in all calls."""
    if isinstance(x, np.ndarray) or not isinstance(x, float):
        is_float = isinstance(x, (np.ndarray, np.generic)) and values.kind_of(x.dtype) == "f"
        return np.zeros_like(x)[()] if is_float else None
    return type(x)(0.0)


@contextmanager
def blaming(rule: Callable[..., Any]) -> Iterator[None]:
    """Errors that are raised inside point to the start of a user's rule, which has returned."""
    try:
        yield
    except GradientError as error:
        error.loc = start_of(rule) or error.loc
        raise


def given_for(
    ctx: TraceContext,
    what: str,
    kind: str,
    template: Template,
    given: Any,
    rule: Callable[..., Any],
) -> list[Value | None]:
    """What a user's rule gives for the traced leaves of a structure: values, None for zeros."""
    types = [x.type if _has_derivative(x) else None for x in template.leaves]
    with blaming(rule):
        pairs = match(what, kind, given, template.tree, types, strict=False)
        found = iter([traced_value(ctx, what, *pair) for pair in pairs])
    return [next(found) if _has_derivative(spec) else None for spec in template.specs]


def _has_derivative(x: LeafSpec | Static) -> TypeGuard[LeafSpec]:
    return isinstance(x, LeafSpec) and x.type.dtype.is_float


# -- transposition ------------------------------------------------------------------------------


def transposed(
    builder: GraphBuilder,
    what: str,
    types: Sequence[TensorType | None],
    linear: Callable[[list[Term | None]], Terms],
    cts: Terms,
) -> list[Term | None]:
    """The transpose of a linear function, applied to `cts`: what reverse mode makes of forward.

    Args:
        builder: where all goes.
        what: what messages call the function.
        types: the operands of the function; None where there is none.
        linear: emits the function; gives a term, or None for zero, for each of `cts`.
        cts: one per result, or None for zero.
    """
    # Nothing depends on these zeros but nodes that are dead when all is done.
    zeros = [None if t is None else full(builder, t.shape, 0, t.dtype) for t in types]
    seeds = [zero and zero.op("stop_gradient") for zero in zeros]
    start = len(builder.nodes)
    pairs = [(r, ct) for r, ct in zip(linear(seeds), cts, strict=True) if r and ct]
    nodes = builder.nodes[start:]
    outputs, given = [r.value for r, _ in pairs], [ct for _, ct in pairs]
    inputs = [seed.value for seed in seeds if seed]
    found = pull_back_terms(builder, nodes, outputs, given, inputs)
    live = live_nodes(builder.nodes[start:], [term.value for term in found if term])
    if any(v in inputs for node in live for v in node.inputs):
        raise GradientError(
            f"the rule of {what} is not linear in the derivatives that it is given",
            loc=user_location(),
            hint="only a linear rule can be used in the other mode",
        )
    rest = iter(found)
    return [next(rest) if seed else None for seed in seeds]
