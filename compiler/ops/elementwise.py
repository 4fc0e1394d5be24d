"""The stanza of an elementwise op: `op` with what all elementwise ops share filled in.

Layer: compiler/ops. The type rule follows from `accepts` and `result`; an op with another rule
gives `infer` itself.
"""

from __future__ import annotations

from typing import Any

from ..ir.opdef import Kind, OpDef, op
from ..ir.types import DType
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
    return op(name, Kind.ELEMENTWISE, arity=arity, infer=infer, **fields)
