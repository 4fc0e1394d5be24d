"""Random numbers of a traced function: an op on the numbers of the elements, which fuses.

Layer: frontend. `start` is where a stream begins, u64[3]: the low and the high half of a counter,
and a key, as in compiler/ops/random.py.
"""

from __future__ import annotations

from typing import Any

from ..compiler.ir.graph import Value
from ..compiler.ir.types import DType
from . import lift, values
from .context import TraceContext, require
from .numpy_api.create import shape_argument
from .tracer import Tracer


def drawn(op: str, start: Any, shape: Any, *parameters: Any, **attrs: Any) -> Tracer:
    """The first numbers of a stream, in row-major order.

    Args:
        op: an op of compiler/ops/random.py or compiler/ops/rejection.py.
        start: traced or concrete, u64[3].
        shape: of the result.
        parameters: of the distribution, broadcast to the shape; f64.
        attrs: of the op.
    """
    ctx, sizes = require(), shape_argument(shape)
    numbers = values.counter(ctx, values.size_of(sizes), 0, 1, DType.I64)
    index = values.reshape(ctx, numbers, sizes)
    begin = [values.broadcast(ctx, x, sizes) for x in _parts(ctx, start)]
    for x in parameters:
        begin.append(values.broadcast(ctx, lift.value_as(ctx, lift.lift(x), DType.F64), sizes))
    return lift.tracer(ctx, ctx.emit(op, index, *begin, **attrs))


def _parts(ctx: TraceContext, start: Any) -> list[Value]:
    """The counter's halves and the key, as 0-d i64 values."""
    whole = lift.value_as(ctx, lift.lift(start), DType.U64)
    parts = [values.take_region(ctx, whole, (k,), (1,), (1,)) for k in range(3)]
    return [values.cast(ctx, values.reshape(ctx, x, ()), DType.I64) for x in parts]
