"""The operators of graph tensors, which make ops named `add`, `mul`, `strided_slice`.

Layer: frontend.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..parts import packed_index, unpacked_index
from ..tensors import OPERATORS
from .build import Maker
from .symbolic import GRAPH_OPERATORS, GraphTensor

# operator -> name of its ops; those with a reflected form
_BINARY = {
    "add": "add",
    "sub": "sub",
    "mul": "mul",
    "truediv": "truediv",
    "floordiv": "floordiv",
    "mod": "mod",
    "pow": "pow",
    "matmul": "matmul",
    "and": "and",
    "or": "or",
    "xor": "xor",
}
_COMPARISONS = {"lt": "Less", "le": "LessEqual", "gt": "Greater", "ge": "GreaterEqual"}
_UNARY = {"neg": "Neg", "abs": "Abs", "invert": "LogicalNot", "round": "Round"}


def _binary(operator: str, name: str) -> None:
    maker = Maker(_two(OPERATORS[operator]), name)

    def forward(x: GraphTensor, y: Any) -> Any:
        return maker((x, y), {})

    def reflected(x: GraphTensor, y: Any) -> Any:
        return maker((y, x), {})

    GRAPH_OPERATORS[operator] = forward
    if operator in _BINARY:
        GRAPH_OPERATORS[f"r{operator}"] = reflected


def _two(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with operands x and y, whatever it calls them."""

    def compute(x: Any, y: Any) -> Any:
        return function(x, y)

    return compute


def _unary(operator: str, name: str) -> None:
    maker = Maker(OPERATORS[operator], name)

    def compute(x: GraphTensor, *args: Any) -> Any:
        return maker((x, *args), {})

    GRAPH_OPERATORS[operator] = compute


def _part_of(tensor: Any, index: Any) -> Any:
    return OPERATORS["getitem"](tensor, unpacked_index(index))


_strided_slice = Maker(_part_of, "strided_slice", "StridedSlice")


def getitem(x: Any, index: Any) -> Any:
    """A part of a tensor."""
    return _strided_slice((x, packed_index(index)), {})


for _operator, _name in (_BINARY | _COMPARISONS).items():
    _binary(_operator, _name)
for _operator, _name in _UNARY.items():
    _unary(_operator, _name)
GRAPH_OPERATORS["getitem"] = getitem
