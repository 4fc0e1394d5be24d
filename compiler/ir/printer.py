"""The text form of a graph, written.

Layer: compiler/ir. `to_text(graph)` gives text that `parser.parse` reads back to the same graph,
bit for bit; the grammar is in docs/ir.md. Attributes are sorted by name, those that hold graphs
come last as indented blocks; unnamed values are numbered in order: equal graphs print equally.
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from ..errors import Loc
from .dims import Dim
from .graph import Graph, Node, Value
from .literal import Literal
from .types import DType

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
RESERVED = frozenset({"true", "false", "none", "inf", "nan", *(d.text for d in DType)})

# Literals of up to this many elements are written as numbers, larger ones as their bits.
_READABLE_SIZE = 16


def to_text(graph: Graph) -> str:
    """The whole graph, ending in a newline."""
    names = value_names(graph)
    inputs = ", ".join(f"{names[v]}: {v.type}" for v in graph.inputs)
    lines = [f"graph @{_graph_name(graph.name)}({inputs}) {{"]
    lines += [f"  guard {guard}" for guard in graph.guards]
    lines += [_indented(node_text(node, names)) for node in graph.nodes]
    lines += [f"  {return_text(graph, names)}", "}"]
    return "\n".join(lines) + "\n"


def _indented(text: str) -> str:
    return "  " + text.replace("\n", "\n  ")


def value_names(graph: Graph) -> dict[Value, str]:
    """A name for every value: its own where that is free, else a number."""
    names: dict[Value, str] = {}
    taken: set[str] = set()
    count = 0
    for v in graph.values():
        if IDENTIFIER.fullmatch(v.name):
            name, n = f"%{v.name}", 0
            while name in taken:
                n += 1
                name = f"%{v.name}_{n}"
        else:
            name = f"%{count}"
            count += 1
        taken.add(name)
        names[v] = name
    return names


def node_text(node: Node, names: dict[Value, str]) -> str:
    """One node, on one line if it has no regions.

    A value without a name (in a broken graph) is written `%?`.
    """
    results = ", ".join(f"{names.get(v, '%?')}: {v.type}" for v in node.outputs)
    operands = ", ".join(names.get(v, "%?") for v in node.inputs)
    text = f"{results} = {node.op.name}({operands})"
    if node.attrs:
        order = sorted(node.attrs, key=lambda key: (_holds_graphs(node.attrs[key]), key))
        pairs = (f"{key}={attr_text(node.attrs[key])}" for key in order)
        text += f" {{{', '.join(pairs)}}}"
    return f"{text}  # {_loc_text(node.loc)}" if node.loc else text


def return_text(graph: Graph, names: dict[Value, str]) -> str:
    """The last line of the body."""
    return "return " + ", ".join(names.get(v, "%?") for v in graph.outputs)


def attr_text(value: Any) -> str:
    """An attribute's value; a Literal is read back with the type of the node's result."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, Dim, DType)):
        return str(value)
    if isinstance(value, float):
        return _float_text(np.asarray(value))
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(attr_text, value))}]"
    if isinstance(value, Literal):
        return literal_text(value)
    if value is None:
        return "none"
    if isinstance(value, Graph):
        return to_text(value).rstrip("\n")
    return f"<{value!r}>"  # not an attribute: the verifier says so, and shows this


def _holds_graphs(value: Any) -> bool:
    return isinstance(value, Graph) or (
        isinstance(value, tuple) and bool(value) and isinstance(value[0], Graph)
    )


def literal_text(literal: Literal) -> str:
    """`1.5`, `[[1, 2], [3, 4]]`; for large arrays the bits of all elements as `0x...`."""
    if literal.array.ndim and not 0 < literal.array.size <= _READABLE_SIZE:
        return _bits_text(literal.array)
    return _nested_text(literal.array)


def _nested_text(array: np.ndarray) -> str:
    if array.ndim:
        # `array[k, ...]` stays an array where `array[k]` would be a scalar
        return f"[{', '.join(_nested_text(array[k, ...]) for k in range(len(array)))}]"
    if array.dtype.kind == "b":
        return "true" if array else "false"
    return str(array) if array.dtype.kind in "iu" else _float_text(array)


def _float_text(x: np.ndarray) -> str:
    """The shortest decimal that reads back to the same bits, else the bits as `0x...`."""
    text = str(x[()])
    if x.dtype.type(text).tobytes() == x.tobytes():
        return text
    return _bits_text(x)


def _bits_text(array: np.ndarray) -> str:
    words = np.ascontiguousarray(array).view(f"u{array.itemsize}")
    return "0x" + words.astype(f">u{array.itemsize}").tobytes().hex()


def _graph_name(name: str) -> str:
    return name if IDENTIFIER.fullmatch(name) else json.dumps(name)


def _loc_text(loc: Loc) -> str:
    return str(loc).replace("\n", " ")
