"""Batches of examples of different sizes: each is padded to one shape.

Layer: frontend.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...tree import flatten, unflatten
from ..examples import batches
from ..shapes import TensorShape
from ..specs import TensorSpec


def padded_spec(spec: Any, shapes: Any) -> Any:
    """The dtypes of examples with the shapes that they are padded to."""
    leaves, tree = flatten(spec)
    if shapes is None:
        return spec
    given = _shapes(shapes, len(leaves))
    return unflatten(
        tree, [TensorSpec(shape, s.dtype) for shape, s in zip(given, leaves, strict=True)]
    )


def _shapes(shapes: Any, count: int) -> list[TensorShape]:
    if isinstance(shapes, dict):
        found = [x for v in shapes.values() for x in _shapes(v, 1)]
    elif isinstance(shapes, tuple) and any(
        isinstance(s, (list, tuple, TensorShape)) for s in shapes
    ):
        found = [x for v in shapes for x in _shapes(v, 1)]
    else:
        sizes = shapes.as_list() if isinstance(shapes, TensorShape) else list(shapes)
        found = [TensorShape([None if d in (None, -1) else int(d) for d in sizes])]
    if count > 1 and len(found) != count:
        raise ValueError(f"padded_shapes has {len(found)} shapes, the examples {count} parts")
    return found


def padded_batches(
    examples: Iterator[Any], size: int, spec: Any, fill: Any, drop_remainder: bool
) -> Iterator[Any]:
    """Batches of examples.

    Args:
        examples: structures of arrays.
        size: how many are in a batch.
        spec: what they are padded to.
        fill: what with, nested as the examples are; None for zeros.
        drop_remainder: whether to leave out a last, smaller batch.
    """
    shapes = [s.shape for s in flatten(spec)[0]]
    fills = flatten(fill)[0] if fill is not None else [None] * len(shapes)

    def join(columns: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
        parts = zip(columns, shapes, fills, strict=True)
        return [_stacked(column, shape, fill) for column, shape, fill in parts]

    return batches(examples, size, drop_remainder, join)


def _stacked(arrays: Sequence[np.ndarray], shape: TensorShape, fill: Any) -> np.ndarray:
    declared = shape.as_list() if shape.rank is not None else [None] * arrays[0].ndim
    sizes = [max(x.shape[k] for x in arrays) if d is None else d for k, d in enumerate(declared)]
    dtype = arrays[0].dtype
    zero: Any = b"" if dtype.kind == "O" else 0
    found = np.full((len(arrays), *sizes), zero if fill is None else fill, dtype)
    for k, x in enumerate(arrays):
        if any(a > b for a, b in zip(x.shape, sizes, strict=True)):
            raise ValueError(
                f"Attempted to pad to a smaller size than the input element: {x.shape} to {sizes}"
            )
        found[k][tuple(slice(n) for n in x.shape)] = x
    return found
