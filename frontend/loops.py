"""How loops become nodes: the body traced into a region, `scan` and `while` emitted.

Layer: frontend, below control.py, which has the functions that users call. A body is traced once
for each change of its carry's types: a Python number that a carry starts with takes the type that
the body returns in its place.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..compiler.errors import ShapeError, TraceError
from ..compiler.ir.graph import Value
from ..compiler.ir.types import Size, TensorType
from ..compiler.program import LeafKind, LeafSpec
from . import lift
from .context import RegionKind, Scope, TraceContext
from .location import user_location
from .region import (
    Operand,
    Region,
    Template,
    close,
    dissect,
    name_of,
    read_returned,
    share_captures,
    trace_region,
)
from .symint import size_of
from .table import FUNCTIONS
from .trace import argument
from .tracer import Tracer
from .unify import Words, carry_hint, join_all

XS_FROZEN = "assigning to a slice of xs would not change xs"
_CONDITION_FROZEN = "the condition of a loop must not change what the loop carries"


@dataclass(frozen=True)
class Loop:
    """How messages speak of a loop."""

    name: str  # "tw.scan"
    path: str  # where paths to the leaves of its carry start: "carry", "val"

    def paths(self, carry: Template) -> list[str]:
        """What to call the data that it carries."""
        return carry.paths(self.path)

    @property
    def body(self) -> RegionKind:
        """Its body."""
        return RegionKind(
            f"the body of {self.name}",
            "return it from the body as part of the carry",
            "return it from the body as part of the carry, or of the results",
        )

    @property
    def condition(self) -> RegionKind:
        """The condition of a while loop."""
        hint = "compute it in the body, as part of the carry"
        return RegionKind(f"the condition of {self.name}", hint, hint)

    @property
    def words(self) -> Words:
        """For a carry whose type changes."""
        return Words(f"{self.name}: the body returns", "it starts with", self.path, carry_hint)


# --- what is walked over -----------------------------------------------------------------------


@dataclass(frozen=True)
class Slices:
    """Arrays [length, ...] and what the body gets of each."""

    arrays: tuple[Value, ...]
    template: Template  # of one slice
    name: str  # what a slice is called: "x"


NO_SLICES = Slices((), dissect(None)[1], "x")


def slices_of(ctx: TraceContext, what: str, xs: Any, length: Any) -> tuple[Slices, Size]:
    """The slices of nested arrays, and how many there are."""
    operands, template = dissect(xs)
    paths = template.paths("xs")
    shapes = [lift.shape_of(x) for x in operands]
    for x, shape, path in zip(operands, shapes, paths, strict=True):
        if not shape:
            raise ShapeError(
                f"{what}: {path} has no axis to walk over",
                got=lift.type_text(x),
                loc=user_location(),
                hint="xs is one array, or a structure of arrays: write np.array([...]) for a list"
                " of numbers",
            )
    count = _common_length(ctx, what, [(path, s[0]) for path, s in zip(paths, shapes, strict=True)])
    if length is not None:
        count = _checked_length(ctx, what, size_of(length), count)
    if count is None:
        raise ShapeError(
            f"{what}: nothing says how many iterations there are",
            loc=user_location(),
            hint="give length=, or arrays as xs",
        )
    specs = [_slice_spec(x._type) for x in operands]
    arrays = tuple([x._read() for x in operands])
    return Slices(arrays, template.with_specs(specs), "x"), count


def _slice_spec(type: TensorType) -> LeafSpec:
    kind = LeafKind.ARRAY if type.rank > 1 else LeafKind.NUMPY_SCALAR
    return LeafSpec(kind, type.with_shape(type.shape[1:]))


def _common_length(
    ctx: TraceContext, what: str, lengths: Sequence[tuple[str, Size]]
) -> Size | None:
    for _, length in lengths:
        if not ctx.equal(length, lengths[0][1]):
            raise ShapeError(
                f"{what}: the arrays of xs have different lengths",
                got=", ".join(f"{n} along {path}" for path, n in lengths),
                loc=user_location(),
                hint="all are walked at once, along their first axes",
            )
    return lengths[0][1] if lengths else None


def _checked_length(ctx: TraceContext, what: str, length: Size, count: Size | None) -> Size:
    if not ctx.at_least(length, 0):
        raise ShapeError(f"{what}: length is negative", got=str(length), loc=user_location())
    if count is not None and not ctx.equal(length, count):
        raise ShapeError(
            f"{what}: length and the arrays of xs disagree",
            got=f"length={length}, arrays of {count} slices",
            loc=user_location(),
        )
    return length


# --- bodies ------------------------------------------------------------------------------------


def _trace_body(
    ctx: TraceContext,
    loop: Loop,
    function: Callable[[Any, Any], Any],
    carry: Template,
    slices: Slices,
) -> tuple[Region, Template]:
    """The region of a body (carry, x) -> (next carry, y), and the carry's settled types.

    What the region returns besides the carry is described by `returned`.
    """
    names = loop.paths(carry), slices.template.paths(slices.name)
    while True:  # types only grow, from Python numbers to one fixed type: it ends
        scope = Scope(name_of(function), loop.body)
        with ctx.inside(scope):
            pairs = zip(carry.specs, names[0], strict=True)
            given = carry.rebuild([argument(ctx, spec, name, "") for spec, name in pairs])
            pairs = zip(slices.template.specs, names[1], strict=True)
            x = [argument(ctx, spec, name, XS_FROZEN) for spec, name in pairs]
            next_carry, y = function(given, slices.template.rebuild(x))
            operands, found = dissect(next_carry)
            settled = join_all(ctx, carry, found, loop.words)
            if settled == carry:
                outputs = converted(ctx, operands, carry)
                results, returned = read_returned(ctx, function, y)
                break
        carry = settled
    return close(scope, [*outputs, *results], returned), carry


def converted(ctx: TraceContext, operands: Sequence[Operand], template: Template) -> list[Value]:
    """Operands in the dtypes of a template."""
    pairs = zip(operands, template.specs, strict=True)
    return [lift.value_as(ctx, x, spec.type.dtype) for x, spec in pairs]


def pair_of(loop: Loop, returned: Any) -> tuple[Any, Any]:
    """What the body of a scan returns, (next carry, y)."""
    if isinstance(returned, tuple) and len(returned) == 2:
        return returned
    got = f"a {type(returned).__name__}"
    if isinstance(returned, tuple):
        got = f"a tuple of {len(returned)}"
    elif type(returned) is Tracer:
        got = lift.type_text(returned)
    raise TraceError(
        f"{loop.name}: the body does not return a pair (next carry, y)",
        got=got,
        loc=user_location(),
        hint="return carry, None if there is nothing to stack",
    )


# --- loops -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LoopParts:
    """A traced body with the operands of its loop, and how a scan walks."""

    body: Region
    init: Sequence[Value]
    arrays: Sequence[Value] = ()
    length: Size = 0
    reverse: bool = False


# Emit the loop; return the final carries, and for a scan the stacked results.
ScanEmitter = Callable[[TraceContext, Loop, LoopParts], Sequence[Value]]
WhileEmitter = Callable[[TraceContext, Loop, LoopParts, Region], Sequence[Value]]


def one_scan(ctx: TraceContext, loop: Loop, parts: LoopParts) -> Sequence[Value]:
    """The loop as one node."""
    node = ctx.emit_node(
        "scan",
        (*parts.init, *parts.arrays, *parts.body.captured),
        body=parts.body.graph,
        carries=len(parts.init),
        scanned=len(parts.arrays),
        length=parts.length,
        reverse=parts.reverse,
    )
    return node.outputs


def one_while(
    ctx: TraceContext, loop: Loop, parts: LoopParts, condition: Region
) -> Sequence[Value]:
    """The loop as one node."""
    (test_graph, body_graph), captured = share_captures([condition, parts.body])
    node = ctx.emit_node(
        "while",
        (*parts.init, *captured),
        condition=test_graph,
        body=body_graph,
        carries=len(parts.init),
        records=0,
    )
    return node.outputs


def emit_scan(
    ctx: TraceContext,
    loop: Loop,
    function: Callable[[Any, Any], Any],
    init: Any,
    slices: Slices,
    length: Size,
    reverse: bool = False,
    emit: ScanEmitter = one_scan,
) -> tuple[Any, Any]:
    """The last carry and the stacked results of `function`, (carry, x) -> (next carry, y)."""
    operands, template = dissect(init)
    body, carry = _trace_body(ctx, loop, function, template, slices)
    values = converted(ctx, operands, carry)
    if not body.graph.outputs:
        return carry.rebuild(()), body.returned.rebuild(())
    outputs = emit(ctx, loop, LoopParts(body, values, slices.arrays, length, reverse))
    last, stacked = outputs[: len(values)], outputs[len(values) :]
    ys = body.returned.with_specs([LeafSpec(LeafKind.ARRAY, v.type) for v in stacked])
    return carry.traced(ctx, last), ys.traced(ctx, stacked)


def emit_while(
    ctx: TraceContext,
    loop: Loop,
    condition: Callable[[Any], Any],
    function: Callable[[Any], Any],
    init: Any,
    emit: WhileEmitter = one_while,
) -> Any:
    """The last carry of `function`, repeated while the condition holds."""
    operands, template = dissect(init)

    def step(carry: Any, x: None) -> tuple[Any, None]:
        return function(carry), None

    step.__name__ = name_of(function)
    body, carry = _trace_body(ctx, loop, step, template, NO_SLICES)

    def test(*leaves: Tracer) -> Tracer:
        return truth_of(loop.condition.what, condition(carry.rebuild(leaves)))

    test.__name__ = name_of(condition)
    names = loop.paths(carry)
    tested = trace_region(
        ctx, test, carry.specs, loop.condition, names=names, frozen=_CONDITION_FROZEN
    )
    values = converted(ctx, operands, carry)
    if not values:
        return carry.rebuild(())
    return carry.traced(ctx, emit(ctx, loop, LoopParts(body, values), tested))


def truth_of(what: str, x: Any) -> Tracer:
    """One traced truth value: a bool, or a number that is not 0."""
    found = lift.lift(x)
    if found._type.shape:
        raise ShapeError(
            f"{what} has to be one value",
            got=str(found._type),
            loc=user_location(),
            hint="reduce it with np.any or np.all",
        )
    if found._type.dtype.is_bool:
        return found
    nonzero: Tracer = FUNCTIONS[operator.ne](found, 0)
    return nonzero
