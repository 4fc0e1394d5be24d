"""Loops and branches: ops whose attributes are graphs, called regions.

Layer: compiler/ops. A region reads its own inputs only, so what it needs of the graph around it is
an operand (*captured*); the symbolic sizes in it are those of that graph. Carries keep their types
from iteration to iteration::

    %1: f64[], %2: f64[n] = scan(%init, %xs) {carries=1, length=n, reverse=false, scanned=1,
      body=graph @body(%sum: f64[], %x: f64[]) {
        %0: f64[] = add(%sum, %x)
        return %0, %0
      }}

A `while` may record values of each iteration for a `replay`, which walks them from the last to the
first: the two halves of a loop and its derivative. Between them go *tapes*, i64 tokens that stand
for the records while the program runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError, UserError
from ..ir.derivative import Rules
from ..ir.opdef import Kind, op
from ..ir.types import DType, Size, TensorType
from ..transforms import batch_loops, branches, loops

Attrs = Mapping[str, Any]
Types = tuple[TensorType, ...]

COUNT = TensorType(DType.I64, ())
TAPE = COUNT
_CONDITION = TensorType(DType.BOOL, ())


# --- what type rules share ---------------------------------------------------------------------


def _shown(types: Sequence[TensorType]) -> str:
    return f"({', '.join(map(str, types))})"


def _check(what: str, got: Sequence[TensorType], expected: Sequence[TensorType]) -> None:
    """Raise unless the types are those expected."""
    if tuple(got) == tuple(expected):
        return
    error: type[UserError] = ShapeError
    if len(got) == len(expected) and all(
        g.shape == e.shape for g, e in zip(got, expected, strict=True)
    ):
        error = DTypeError
    raise error(f"{what}: other types than needed", got=_shown(got), expected=_shown(expected))


def _check_count(what: str, got: int, smallest: int) -> None:
    if got < smallest:
        raise ShapeError(f"{what}: too few", got=str(got), expected=f"at least {smallest}")


def _input_types(region: Any) -> Types:
    return tuple(v.type for v in region.inputs)


def _output_types(region: Any) -> Types:
    return tuple(v.type for v in region.outputs)


# --- scan --------------------------------------------------------------------------------------


def _without_first(name: str, type: TensorType, length: Size) -> TensorType:
    if type.rank == 0 or type.shape[0] != length:
        raise ShapeError(
            f"{name}: an array to walk has another length", got=str(type), expected=str(length)
        )
    return type.with_shape(type.shape[1:])


def _scan_infer(types: Sequence[TensorType], attrs: Attrs) -> Types:
    body, carries, scanned = attrs["body"], attrs["carries"], attrs["scanned"]
    length = attrs["length"]
    if isinstance(length, int) and length < 0:
        raise ShapeError("scan: the length is negative", got=str(length))
    _check_count("scan: operands", len(types), carries + scanned)
    init, xs = types[:carries], types[carries : carries + scanned]
    slices = [_without_first("scan", x, length) for x in xs]
    captured = types[carries + scanned :]
    _check("scan: the body's inputs", _input_types(body), [*init, *slices, *captured])
    results = _output_types(body)
    _check("scan: the body's first results, the next carries", results[:carries], init)
    ys = [y.with_shape((length, *y.shape)) for y in results[carries:]]
    return (*init, *ys)


def _scan_reference(
    *operands: Any, body: Any, carries: int, scanned: int, length: int, reverse: bool
) -> Any:
    carry = list(operands[:carries])
    xs = operands[carries : carries + scanned]
    captured = operands[carries + scanned :]
    types = _output_types(body.graph)[carries:]
    sizes = [[s if isinstance(s, int) else s.evaluate(body.sizes) for s in t.shape] for t in types]
    ys = [np.empty([length, *s], t.dtype.numpy) for s, t in zip(sizes, types, strict=True)]
    for i in reversed(range(length)) if reverse else range(length):
        results = body(*carry, *(x[i, ...] for x in xs), *captured)
        carry = results[:carries]
        for y, result in zip(ys, results[carries:], strict=True):
            y[i, ...] = result
    return (*carry, *ys)


SCAN = op(
    "scan",
    Kind.REGION,
    arity=None,
    infer=_scan_infer,
    reference=_scan_reference,
    batch=batch_loops.batch_scan,
    derivative=Rules(vjp=loops.scan_vjp, jvp=loops.scan_jvp),
    attrs=("body", "carries", "scanned", "length", "reverse"),
    doc="A loop over the first axis of arrays that carries values from slice to slice: operands "
    "are the first carries, the arrays, and what the body reads besides; results are the last "
    "carries and the stacked results of the body.",
)


# --- while -------------------------------------------------------------------------------------


def _while_infer(types: Sequence[TensorType], attrs: Attrs) -> Types:
    condition, body = attrs["condition"], attrs["body"]
    carries, records = attrs["carries"], attrs["records"]
    _check_count("while: operands", len(types), carries)
    _check("while: the condition's inputs", _input_types(condition), types)
    _check("while: the condition's results", _output_types(condition), [_CONDITION])
    _check("while: the body's inputs", _input_types(body), types)
    results, init = _output_types(body), types[:carries]
    _check("while: the body's first results, the next carries", results[:carries], init)
    if len(results) != carries + records:
        raise ShapeError(
            "while: the body has another number of results",
            got=str(len(results)),
            expected=f"{carries} carries and {records} records",
        )
    return (*init, COUNT, *[TAPE] * records) if records else tuple(init)


def _while_reference(*operands: Any, condition: Any, body: Any, carries: int, records: int) -> Any:
    carry, captured = list(operands[:carries]), operands[carries:]
    recorded: list[list[Any]] = [[] for _ in range(records)]
    count = 0
    while condition(*carry, *captured)[0]:
        results = body(*carry, *captured)
        carry = results[:carries]
        for record, value in zip(recorded, results[carries:], strict=True):
            record.append(value)
        count += 1
    if not records:
        return tuple(carry)
    tokens = [np.asarray(len(body.tapes) + k, np.int64) for k in range(records)]
    body.tapes.update(zip(map(int, tokens), recorded, strict=True))
    return (*carry, np.asarray(count, np.int64), *tokens)


WHILE = op(
    "while",
    Kind.REGION,
    arity=None,
    infer=_while_infer,
    reference=_while_reference,
    batch=batch_loops.batch_while,
    derivative=Rules(vjp=loops.while_vjp, jvp=loops.while_jvp),
    attrs=("condition", "body", "carries", "records"),
    doc="A loop that goes on as long as its condition gives true: operands are the first carries "
    "and what the regions read besides; results are the last carries and, if the body's further "
    "results are recorded, the number of iterations and a tape for each.",
)


# --- replay ------------------------------------------------------------------------------------


def _replay_infer(types: Sequence[TensorType], attrs: Attrs) -> Types:
    body, carries, tapes = attrs["body"], attrs["carries"], attrs["tapes"]
    _check_count("replay: operands", len(types), 1 + carries + tapes)
    first = 1 + carries
    _check("replay: the count", types[:1], [COUNT])
    _check("replay: the tapes", types[first : first + tapes], [TAPE] * tapes)
    init, captured = types[1:first], types[first + tapes :]
    inputs = _input_types(body)
    recorded = inputs[carries : carries + tapes]  # any types: those that the `while` recorded
    _check("replay: the body's inputs", inputs, [*init, *recorded, *captured])
    _check("replay: the body's results, the next carries", _output_types(body), init)
    return tuple(init)


def _replay_reference(
    count: Any, *operands: Any, body: Any, carries: int, tapes: int
) -> tuple[Any, ...]:
    carry = list(operands[:carries])
    recorded = [body.tapes[int(token)] for token in operands[carries : carries + tapes]]
    captured = operands[carries + tapes :]
    for i in reversed(range(int(count))):
        carry = body(*carry, *(record[i] for record in recorded), *captured)
    return tuple(carry)


REPLAY = op(
    "replay",
    Kind.REGION,
    arity=None,
    infer=_replay_infer,
    reference=_replay_reference,
    batch=batch_loops.batch_replay,
    derivative=Rules(vjp=loops.replay_vjp, jvp=loops.replay_jvp),
    attrs=("body", "carries", "tapes"),
    doc="A loop over what a `while` has recorded, from the last iteration to the first: operands "
    "are the number of iterations, the first carries, the tapes, and what the body reads besides; "
    "results are the last carries.",
)


# --- switch ------------------------------------------------------------------------------------


def _switch_infer(types: Sequence[TensorType], attrs: Attrs) -> Types:
    branches = attrs["branches"]
    _check_count("switch: operands", len(types), 1)
    _check_count("switch: branches", len(branches), 1)
    _check("switch: the index", types[:1], [COUNT])
    results = _output_types(branches[0])
    for k, branch in enumerate(branches):
        _check(f"switch: the inputs of branch {k}", _input_types(branch), types[1:])
        _check(f"switch: the results of branch {k}", _output_types(branch), results)
    return results


def _switch_reference(index: Any, *operands: Any, branches: tuple[Any, ...]) -> tuple[Any, ...]:
    chosen = min(max(int(index), 0), len(branches) - 1)
    return tuple(branches[chosen](*operands))


SWITCH = op(
    "switch",
    Kind.REGION,
    arity=None,
    infer=_switch_infer,
    reference=_switch_reference,
    batch=batch_loops.batch_switch,
    derivative=Rules(vjp=branches.switch_vjp, jvp=branches.switch_jvp),
    attrs=("branches",),
    doc="One of several graphs, chosen by the first operand (limited to the graphs there are), "
    "applied to the other operands.",
)
