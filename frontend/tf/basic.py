"""Ops that Python's operators stand for.

Layer: frontend.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .apply import apply, binary, pair, unary
from .convert import convert_to_tensor
from .tensors import OPERATORS, Tensor

add = binary("AddV2", np.add, "Elementwise sum.", "iuf")
subtract = binary("Sub", np.subtract, "Elementwise difference.", "iuf")
multiply = binary("Mul", np.multiply, "Elementwise product.", "iuf")
negative = unary("Neg", np.negative, "Elementwise negation.", "iuf")
square = unary("Square", np.square, "x * x, elementwise.", "iuf")


def _pow(x: Any, y: Any) -> Any:
    return x**y


pow = binary("Pow", _pow, "x to the power y, elementwise.", "iuf")


def _reflected(op: Any) -> Any:
    def reflected(x: Any, y: Any) -> Any:
        return op(y, x)

    return reflected


def _getitem(x: Any, *, index: Any) -> Any:
    return x[index]


def getitem(x: Any, index: Any) -> Tensor:
    """A part of a tensor."""
    result: Tensor = apply("StridedSlice", _getitem, [convert_to_tensor(x)], {"index": index})
    return result


OPERATORS.update(
    add=add, radd=_reflected(add), sub=subtract, rsub=_reflected(subtract), mul=multiply,
    rmul=_reflected(multiply), pow=pow, rpow=_reflected(pow), neg=negative, getitem=getitem,
)  # fmt: skip
__all__ = ["add", "getitem", "multiply", "negative", "pair", "pow", "square", "subtract"]
