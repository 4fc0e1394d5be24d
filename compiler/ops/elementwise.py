"""The stanza of an elementwise op: `op` with what all elementwise ops share filled in.

Layer: compiler/ops. The type rule follows from `accepts` and `result`; an op with another rule
gives `infer` itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ..ir.opdef import Kind, OpDef, op
from ..ir.types import DType, TensorType
from .infer import DTypes, Infer, same_dtype


def elementwise(
    name: str,
    arity: int,
    accepts: DTypes = frozenset(),
    *,
    result: DType | None = None,
    infer: Infer | None = None,
    hint: str = "",
    **fields: Any,
) -> OpDef:
    """Define and register an elementwise op.

    Operands have one dtype of `accepts` and the result has it too, or is `result`. `hint` goes
    into the error for a dtype that is not accepted. `fields` are those of `OpDef`.
    """
    infer = infer or same_dtype(name, accepts, result, hint)
    fields["reference"] = _with_bfloat16(fields["reference"], infer)
    return op(name, Kind.ELEMENTWISE, arity=arity, infer=infer, **fields)


def _with_bfloat16(reference: Callable[..., Any], infer: Infer) -> Callable[..., Any]:
    """The reference; bfloat16 goes through float32, since ml_dtypes lacks some of the loops."""

    @wraps(reference)
    def rounded(*operands: Any, **attrs: Any) -> Any:
        arrays = [np.asarray(x) for x in operands]
        if all(x.dtype.kind != "V" for x in arrays):
            return reference(*operands, **attrs)
        dtypes = [DType.of(x.dtype) for x in arrays]
        (result,) = infer([TensorType(d, ()) for d in dtypes if d is not None], attrs)
        wide = [x.astype(np.float32) if x.dtype.kind == "V" else x for x in arrays]
        return np.asarray(reference(*wide, **attrs)).astype(result.dtype.numpy)

    return rounded
