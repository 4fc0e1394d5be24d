"""Objects as a graph: nodes with named edges, of which some are variables and functions.

Layer: frontend. Modules, layers, optimisers, lists and dicts lead on by their attributes and items;
equal objects become one node, so shared variables stay shared.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..functions import Function
from ..module import Module, is_module
from ..random.generator import Generator
from ..variables import Variable

# Attributes that hold an object's own `tf.function`s: they are found by the methods' names.
_BOUND = "_tf_function_"


@dataclass
class Node:
    """An object; `path` is the first way to it from the root."""

    kind: str  # "object", "list", "tuple", "dict", "variable", "function", "value"
    object: Any
    path: str
    children: dict[str, int] = field(default_factory=dict)


def walk(root: Any) -> list[Node]:
    """All objects that lead to variables or functions, from the root on, the near ones first."""
    nodes = [Node(_kind(root) or "object", root, "")]
    numbers = {_key(root): 0}
    for node in nodes:
        for name, child in _children(node.object):
            kind = _kind(child)
            if kind is None:
                continue
            key = _key(child)
            if key not in numbers:
                numbers[key] = len(nodes)
                path = f"{node.path}/{name}" if node.path else name
                nodes.append(Node(kind, child, path))
            node.children[name] = numbers[key]
    return nodes


def _key(x: Any) -> int:
    return id(x.handle) if isinstance(x, Variable) else id(x)


def _kind(x: Any) -> str | None:
    if isinstance(x, Variable):
        return "variable"
    if isinstance(x, Function):
        return "function"
    if isinstance(x, (list, tuple)):
        return "tuple" if isinstance(x, tuple) else "list"
    if isinstance(x, dict):
        return "dict"
    if is_trackable(x):
        return "object"
    return None


def is_trackable(x: Any) -> bool:
    """Whether an object may hold variables in its attributes."""
    if isinstance(x, type):
        return False
    return (
        isinstance(x, (Module, Generator))
        or is_module(x)
        or getattr(x, "_is_checkpoint", False)
        or (hasattr(type(x), "variables") and hasattr(x, "__dict__"))
    )


def _children(x: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(x, (Variable, Function)):
        return
    if isinstance(x, dict):
        yield from ((str(key), item) for key, item in x.items())
    elif isinstance(x, (list, tuple)):
        yield from ((str(k), item) for k, item in enumerate(x))
    else:
        yield from sorted(item for item in vars(x).items() if not item[0].startswith(_BOUND))


# -- files ----------------------------------------------------------------------------------------

_GRAPH = "_OBJECT_GRAPH"


def variable_key(node: Node) -> str:
    """The name of a variable's array in the file."""
    return f"{node.path}/.ATTRIBUTES/VARIABLE_VALUE"


def arrays_of(nodes: list[Node]) -> dict[str, np.ndarray]:
    """The values of all variables.

    Raises:
        TypeError: a variable holds strings, which the file cannot hold without running code.
    """
    found = {}
    for node in nodes:
        if node.kind == "variable":
            array = np.asarray(node.object.numpy())
            if array.dtype == object:
                raise TypeError(f"variable {node.object.name!r} holds strings: it cannot be saved")
            found[variable_key(node)] = array
    return found


def write_arrays(path: str, arrays: dict[str, np.ndarray], description: Any) -> None:
    """Write arrays and a description (of JSON's types) to one file, all or nothing."""
    text = np.frombuffer(json.dumps(description).encode(), np.uint8)
    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "wb") as file:
        np.savez(file, **{_GRAPH: text}, **arrays)  # type: ignore[arg-type]
    os.replace(temporary, path)


def read_arrays(path: str) -> tuple[dict[str, np.ndarray], Any]:
    """The arrays and the description of a file."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    description = json.loads(arrays.pop(_GRAPH).tobytes().decode())
    return arrays, description
