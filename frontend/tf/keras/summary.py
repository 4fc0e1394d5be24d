"""Models as tables: layers, the shapes of what they give, numbers of parameters, connections.

Layer: frontend.
"""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from ...tree import flatten
from .layers.base import Layer
from .symbolic import Node

_CHAIN: tuple[int, tuple[float, ...]] = (
    88,
    (0.45, 0.80, 1.0),
)  # the largest width, and where columns end
_CONNECTED: tuple[int, tuple[float, ...]] = (108, (0.3, 0.56, 0.74, 1.0))
_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


def summary_of(
    model: Any,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> Iterator[str]:
    """The lines of a model's table; see `Model.summary`."""
    network = model._network
    nodes = None if network is None or network.is_chain else frozenset(network.nodes)
    head = ["Layer (type)", "Output Shape", "Param #", *(["Connected to"] if nodes else [])]
    width, ends = _CONNECTED if nodes else _CHAIN
    ends = tuple(positions or ends)
    if show_trainable:
        head.append("Trainable")
        width, ends = width + 12, (*[end * 0.9 for end in ends], 1.0)
    width = line_length or min(width, shutil.get_terminal_size().columns - 4)
    places = [0, *[int(end * width) for end in ends]]
    rows = []
    for layer in _between(model.operations, layer_range):
        rows += list(_rows(layer, nodes, expand_nested, show_trainable, 0))
    yield f'Model: "{model.name}"'
    widths = [b - a - 3 for a, b in pairwise(places)]
    widths[-2] -= 1  # for the last of the bars, of which there is one more than columns
    yield from _table(head, rows, widths)
    yield from _totals(model)


def _between(layers: list[Any], names: Sequence[str] | None) -> list[Any]:
    """Those from the first whose name fits the first pattern to the last that fits the second."""
    if names is None:
        return layers
    first, last = ([k for k, layer in enumerate(layers) if re.match(p, layer.name)] for p in names)
    if not first or not last:
        raise ValueError(
            f"Passed layer_names do not match the layer names in the model. Received: {names}"
        )
    low, high = sorted((min(first), max(last)))
    return layers[low : high + 1]


def _rows(
    layer: Any, nodes: frozenset[Node] | None, expand: bool, trainable: bool, level: int
) -> Iterator[list[str]]:
    prefix = f"{'   ' * level}└ " if level else ""
    is_layer = isinstance(layer, Layer)
    kind = type(layer).__name__ if is_layer else layer.kind
    count = f"{layer.count_params():,}" if is_layer and layer.built else "0"
    unbuilt = " (unbuilt)" if is_layer and not layer.built else ""
    row = [f"{prefix}{layer.name} ({kind})", _shapes(layer), f"{count}{unbuilt}"]
    if nodes is not None:
        row.append(_connections(layer, nodes))
    if trainable:
        row.append("-" if not is_layer or not layer.weights else "NY"[layer.trainable])
    yield row
    if expand:
        for inner in getattr(layer, "layers", ()):
            yield from _rows(inner, nodes, expand, trainable, level + 1)


def _shapes(layer: Any) -> str:
    """The shape of what a layer gives; ? if that is not known."""
    if layer._nodes:
        shapes = [tuple(x.shape) for x in layer._nodes[-1].outputs]
    else:
        found = getattr(layer, "_output_shape", None)
        if found is None:
            return "?"
        shapes = [(None, *s[1:]) for s in _tuples(found)]
    texts = [f"({', '.join(map(str, shape))})" for shape in shapes]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def _tuples(shapes: Any) -> list[tuple[Any, ...]]:
    if isinstance(shapes, tuple):
        return [shapes]
    nested = shapes.values() if isinstance(shapes, dict) else shapes
    return [s for x in nested for s in _tuples(x)]


def _connections(layer: Any, nodes: frozenset[Node]) -> str:
    """What the calls of a layer read: the layer, which call of it, which of its outputs."""
    read = [x for node in layer._nodes if node in nodes for x in node.inputs]
    return ", ".join([_place(x._node, x._index) for x in read if x._node]) or "-"


def _place(node: Node, index: int) -> str:
    # models of inputs and outputs have been called once, when they were made
    number = node.number + (getattr(node.caller, "_network", None) is not None)
    return f"{node.caller.name}[{number}][{index}]"


def _table(head: list[str], rows: list[list[str]], widths: list[int]) -> Iterator[str]:
    if min(widths) < 1:
        raise ValueError("Insufficient console width to print summary.")
    yield _rule("┏┳┓", "━", widths)
    yield from _lines(head, widths, "┃")
    yield _rule("┡╇┩", "━", widths)
    for k, row in enumerate(rows):
        if k:
            yield _rule("├┼┤", "─", widths)
        yield from _lines(row, widths, "│")
    yield _rule("└┴┘", "─", widths)


def _rule(corners: str, line: str, widths: list[int]) -> str:
    return corners[0] + corners[1].join(line * (w + 2) for w in widths) + corners[2]


def _lines(row: list[str], widths: list[int], bar: str) -> Iterator[str]:
    """A row, whose cells may take several lines; numbers stand on the right."""
    cells = [textwrap.wrap(text, w) or [""] for text, w in zip(row, widths, strict=True)]
    for k in range(max(len(c) for c in cells)):
        parts = []
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True)):
            text = cell[k] if k < len(cell) else ""
            parts.append(f" {text:>{width}} " if column == 2 else f" {text:<{width}} ")
        yield bar + bar.join(parts) + bar


def _totals(model: Any) -> Iterator[str]:
    trained, others = model.trainable_weights, model.non_trainable_weights
    optimizer = getattr(model, "optimizer", None)
    kept = list(optimizer.variables) if optimizer is not None and optimizer.built else []
    yield f" Total params: {_amount([*trained, *others, *kept])}"
    yield f" Trainable params: {_amount(trained)}"
    yield f" Non-trainable params: {_amount(others)}"
    if kept:
        yield f" Optimizer params: {_amount(kept)}"


def _amount(variables: Sequence[Any]) -> str:
    """How many elements variables have, and how many bytes these take."""
    flat = flatten(list(variables))[0]
    counts = [v.shape.num_elements() or 0 for v in flat]
    size: float = sum(n * v.dtype.numpy.itemsize for n, v in zip(counts, flat, strict=True))
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{sum(counts):,} ({size:.2f} {_UNITS[unit]})"
