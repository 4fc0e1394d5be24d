"""TensorFlow 1's words for what is wrong with the inputs of an op, while the graph is built.

Layer: frontend. Eager functions say `... [Op:AddV2] name: `; here the op has a name, and inputs
with shapes: `... for 'add' (op: 'Add') with input shapes: [2], [3].`
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest

from ..shapes import TensorShape
from .symbolic import GraphTensor

# TensorFlow 1's types of ops that have newer ones since.
OLDER_TYPES = {"AddV2": "Add", "BatchMatMulV2": "BatchMatMul", "SelectV2": "Select"}
_OP = re.compile(r"\s*\[Op:(\w+)\](?: name: \S*)?\s*$")
_BROADCAST = re.compile(r"^Incompatible shapes: \[([^\]]*)\] vs\. \[([^\]]*)\]$")


def located(message: str, name: str, inputs: Sequence[GraphTensor]) -> str:
    """The message with the op's name and type and the shapes of its inputs.

    Args:
        message: of the eager function.
        name: of the op, or the scope that it is made in.
        inputs: its inputs.
    """
    found = _OP.search(message)
    type = f" (op: '{OLDER_TYPES.get(found[1], found[1])}')" if found else ""
    text = _dimensions(message[: found.start()] if found else message)
    shapes = ", ".join(_shape(t.shape) for t in inputs)
    note = f" with input shapes: {shapes}" if shapes else ""
    return f"{text} for '{name.rstrip('/')}'{type}{note}."


def _shape(shape: TensorShape) -> str:
    if shape.rank is None:
        return "<unknown>"
    return f"[{','.join('?' if d is None else str(d) for d in shape.as_list())}]"


def _dimensions(message: str) -> str:
    """Shapes that cannot be broadcast: which of their sizes differ."""
    found = _BROADCAST.match(message)
    if found is None:
        return message
    first, second = (reversed(part.split(",")) for part in found.groups())
    wrong = [
        (a, b)
        for a, b in zip_longest(first, second, fillvalue="1")
        if a != b and a.isdigit() and b.isdigit() and "1" not in (a, b)
    ]
    return f"Dimensions must be equal, but are {' and '.join(wrong[-1])}" if wrong else message
