"""Regions: a Python function traced into a graph of its own, inside of a running trace.

Layer: frontend. A loop's body, a branch, or the function of a transform becomes a `Region`. Its
graph is *closed*: it reads nothing but its inputs, which are the arguments it was traced with and,
behind them, one for every value of the graphs around it that it reads (`captured`)::

    def step(carry, x):            graph @step(%carry: f64[], %x: f64[], %2: f64[]) {
        return carry + x * scale     %3: f64[] = multiply(%x, %2)
                                     %4: f64[] = add(%carry, %3)
                                     return %4   }              captured: (the value of scale,)

Constants, counters and broadcasts of them are not captured but made again inside. Regions nest:
what an inner one captures is an operand of its node in the region around it, and is captured from
there in turn. Guards and restarts (context.py) concern the whole trace, as they always do.

`trace_region` does all at once. Where results have to be converted before the graph is closed,
because they must agree with those of other regions, take its steps apart: make a `Scope`, run and
convert `with ctx.inside(scope)`, as often as needed, and `close` it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..compiler.ir.graph import Graph, Node, Value
from ..compiler.ir.opdef import Kind
from ..compiler.ir.types import DType, TensorType
from ..compiler.program import LeafKind, LeafSpec
from . import lift
from .arguments import Static, is_static
from .context import RegionKind, Scope, TraceContext
from .symint import SymInt
from .trace import argument, check_constant, tracer_of
from .tracer import Tracer
from .tree import TreeDef, flatten, unflatten

Operand = Any  # a Tracer, a Python number or a SymInt: what `lift.operand` gives


@dataclass(frozen=True)
class Template:
    """A nested structure with types in place of its arrays and numbers.

    `leaves` has a `LeafSpec` for each leaf that is data, and the object itself for any other.
    """

    tree: TreeDef
    leaves: tuple[LeafSpec | Static, ...]

    @property
    def specs(self) -> tuple[LeafSpec, ...]:
        """The types of the data."""
        return tuple([x for x in self.leaves if isinstance(x, LeafSpec)])

    def all_paths(self, prefix: str) -> list[str]:
        """What to call the leaves: `carry['w'][0]`; without prefix `w[0]` for a field w."""
        return [path.removeprefix(".") for path in self.tree.paths(prefix)]

    def paths(self, prefix: str) -> list[str]:
        """What to call those that are data."""
        paths = zip(self.all_paths(prefix), self.leaves, strict=True)
        return [path for path, leaf in paths if isinstance(leaf, LeafSpec)]

    def with_specs(self, specs: Iterable[LeafSpec]) -> Template:
        """The same structure of other data."""
        rest = iter(specs)
        leaves = [next(rest) if isinstance(x, LeafSpec) else x for x in self.leaves]
        return Template(self.tree, tuple(leaves))

    def rebuild(self, data: Iterable[Any]) -> Any:
        """The structure, with one object per data leaf."""
        rest = iter(data)
        leaves = [next(rest) if isinstance(x, LeafSpec) else x.value for x in self.leaves]
        return unflatten(self.tree, leaves)

    def traced(self, ctx: TraceContext, values: Iterable[Value]) -> Any:
        """The structure, with one new tracer per data leaf."""
        pairs = zip(self.specs, values, strict=True)
        return self.rebuild([tracer_of(ctx, spec, value) for spec, value in pairs])


def dissect(structure: Any) -> tuple[list[Operand], Template]:
    """The data of a nested structure, and its template.

    Data are arrays, NumPy and Python numbers and sizes, traced or not; strings, classes and all
    other objects are constants of the template.
    """
    objects, tree = flatten(structure)
    operands: list[Operand] = []
    leaves: list[LeafSpec | Static] = []
    for x in objects:
        if is_static(x) and not isinstance(x, SymInt):
            leaves.append(Static.of(x))
            continue
        operands.append(lift.operand(x))
        leaves.append(spec_of(operands[-1]))
    return operands, Template(tree, tuple(leaves))


_PYTHON = {
    float: LeafSpec(LeafKind.FLOAT, TensorType(DType.F64, ())),
    int: LeafSpec(LeafKind.INT, TensorType(DType.I64, ())),
    bool: LeafSpec(LeafKind.BOOL, TensorType(DType.BOOL, ())),
    SymInt: LeafSpec(LeafKind.INT, TensorType(DType.I64, ())),
}


def spec_of(x: Operand) -> LeafSpec:
    """The type of an operand, and whether it is an array, a scalar or a Python number."""
    if type(x) is not Tracer:
        return _PYTHON[type(x)]
    if x._weak is not None:
        return _PYTHON[x._weak]
    return LeafSpec(LeafKind.NUMPY_SCALAR if x._scalar else LeafKind.ARRAY, x._type)


@dataclass(frozen=True)
class Region:
    """A closed graph: inputs (*arguments, *captured), outputs the data of what was returned."""

    graph: Graph
    captured: tuple[Value, ...]  # values of the graphs around, for the last inputs
    returned: Template  # what the function returned


def trace_region(
    ctx: TraceContext,
    function: Callable[..., Any],
    arguments: Sequence[LeafSpec],
    kind: RegionKind,
    *,
    names: Sequence[str] = (),
    frozen: str = "",
) -> Region:
    """Trace `function(*tracers)` into a region of the graph that is under construction.

    Args:
        ctx: the running trace.
        function: takes one tracer per argument and returns any nested structure. To call a user's
            function of nested arguments, wrap it: `lambda *leaves: f(template.rebuild(leaves))`.
        arguments: the types of the arguments.
        kind: how messages speak of the region.
        names: what to call the arguments in messages and in the printed graph.
        frozen: why array arguments must not be assigned to; "" if they may (they are copies).

    Returns:
        The region. Nothing is emitted into the graph around it.

    Raises:
        UnsupportedError: the function assigns to an array made outside of it.
        LeakedTracerError: it uses an array of a region that has ended.
    """
    scope = Scope(name_of(function), kind)
    with ctx.inside(scope):
        pairs = zip(arguments, names or [""] * len(arguments), strict=True)
        tracers = [argument(ctx, spec, name, frozen) for spec, name in pairs]
        returned = function(*tracers)
        outputs, template = read_returned(ctx, function, returned)
    return close(scope, outputs, template)


def name_of(function: Callable[..., Any]) -> str:
    """What to call a graph made of this function."""
    return getattr(function, "__name__", "function")


def read_returned(
    ctx: TraceContext, function: Callable[..., Any], returned: Any
) -> tuple[list[Value], Template]:
    """The values of what a function has returned, in the current scope."""
    operands, template = dissect(returned)
    for leaf in template.leaves:
        if isinstance(leaf, Static):
            check_constant(function, leaf.value)
    specs = template.specs
    pairs = zip(operands, specs, strict=True)
    return [lift.value_as(ctx, x, spec.type.dtype) for x, spec in pairs], template


# --- closing -----------------------------------------------------------------------------------


def close(scope: Scope, outputs: Sequence[Value], returned: Template) -> Region:
    """The region of a scope that is not current any more."""
    closing = _Closing(scope)
    nodes = [closing.node(node) for node in scope.builder.nodes]
    results = tuple(closing.value(v) for v in outputs)
    inputs = (*scope.builder.inputs, *closing.captured.values())
    graph = Graph(scope.builder.name, inputs, (*closing.cloned, *nodes), results)
    return Region(graph, tuple(closing.captured), returned)


class _Closing:
    """Replaces what a region reads from outside by inputs and by clones of constants."""

    def __init__(self, scope: Scope) -> None:
        assert scope.parent is not None
        self._own = {v for node in scope.builder.nodes for v in node.outputs}
        self._own.update(scope.builder.inputs)
        self._outside = scope.parent
        self._producers: dict[Value, Node] | None = None
        self._clones: dict[Value, Value] = {}
        self.captured: dict[Value, Value] = {}  # value outside -> our input
        self.cloned: list[Node] = []

    def node(self, node: Node) -> Node:
        """The same node on our own values; its results stay the same."""
        inputs = tuple([self.value(v) for v in node.inputs])
        if inputs == node.inputs:
            return node
        return Node(node.op, inputs, node.attrs, node.outputs, node.loc)

    def value(self, v: Value) -> Value:
        """The value itself if it is the region's own, else what stands for it."""
        if v in self._own:
            return v
        found = self._clones.get(v) or self.captured.get(v)
        if found is None:
            node = self._constant(v)
            if node is not None:
                return self._clone(v, node)
            found = self.captured[v] = Value(v.type, v.name)
        return found

    def _constant(self, v: Value) -> Node | None:
        """The node outside that makes `v`, if it is a source or the broadcast of one."""
        if self._producers is None:
            self._producers = self._outside.producers()
        node = self._producers.get(v)
        if node is not None and node.op.name == "broadcast":
            source = self._producers.get(node.inputs[0])
        else:
            source = node
        return node if source is not None and source.op.kind is Kind.SOURCE else None

    def _clone(self, v: Value, node: Node) -> Value:
        inputs = tuple([self.value(x) for x in node.inputs])
        made = self._clones[v] = Value(v.type, v.name)
        self.cloned.append(Node(node.op, inputs, node.attrs, (made,), node.loc))
        return made


def share_captures(regions: Sequence[Region]) -> tuple[list[Graph], tuple[Value, ...]]:
    """The graphs of several regions, made to take the same captured operands, and those."""
    captured = tuple(dict.fromkeys(v for region in regions for v in region.captured))
    graphs = []
    for region in regions:
        count = len(region.graph.inputs) - len(region.captured)
        own = dict(zip(region.captured, region.graph.inputs[count:], strict=True))
        last = [own.get(v) or Value(v.type, v.name) for v in captured]
        graph = region.graph
        inputs = (*graph.inputs[:count], *last)
        graphs.append(Graph(graph.name, inputs, graph.nodes, graph.outputs))
    return graphs, captured
