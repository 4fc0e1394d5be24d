"""How branches become a node: each traced into a region, one `switch` emitted.

Layer: frontend, below control.py, which has the functions that users call. Branches get their
operands as they are; what they read of them they capture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..compiler.ir.graph import Value
from .context import RegionKind, Scope, TraceContext
from .loops import converted
from .region import Operand, Template, close, dissect, name_of, share_captures
from .trace import check_unchanged
from .tree import flatten
from .unify import Words, branch_hint, join_all

Branch = tuple[str, Callable[..., Any]]  # what messages call it, and the function


def emit_switch(
    ctx: TraceContext,
    what: str,
    index: Value,
    branches: Sequence[Branch],
    operands: Sequence[Any],
    order: Sequence[int],
) -> Any:
    """What the branch `order[index]` returns; they are traced as they are listed.

    Their results are converted to common types, where those differ only in that some are Python
    numbers.
    """
    hint = "return the new array from every branch, and use what the branches return"
    kind = RegionKind(f"a branch of {what}", hint, "return it from every branch")
    scopes: list[Scope] = []
    results: list[list[Operand]] = []
    common: Template | None = None
    for name, function in branches:
        scope = Scope(name_of(function), kind)
        with ctx.inside(scope):
            found, template = dissect(_called(function, operands))
        scopes.append(scope)
        results.append(found)
        words = Words(f"{what}: {name} returns", branches[0][0], "result", branch_hint)
        common = template if common is None else join_all(ctx, common, template, words)
    assert common is not None
    regions = []
    for scope, found in zip(scopes, results, strict=True):
        with ctx.inside(scope):
            outputs = converted(ctx, found, common)
        regions.append(close(scope, outputs, common))
    if not common.specs:
        return common.rebuild(())
    graphs, captured = share_captures(regions)
    chosen = tuple(graphs[k] for k in order)
    node = ctx.emit_node("switch", (index, *captured), branches=chosen)
    return common.traced(ctx, node.outputs)


def _called(function: Callable[..., Any], operands: Sequence[Any]) -> Any:
    """`function(*operands)`, which must not change lists and dicts among them."""
    args = []
    for operand in operands:
        data, template = dissect(operand)
        args.append(template.rebuild(data))
    given: dict[int | str, Any] = {k: flatten(x) for k, x in enumerate(args)}
    returned = function(*args)
    check_unchanged(function, given, args, {})
    return returned
