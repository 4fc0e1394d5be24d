"""Axis arguments, as NumPy reads them.

Layer: frontend.
"""

from __future__ import annotations

import operator
from typing import Any

from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ...compiler.ir.types import Shape
from ..tracer import Tracer


def one_axis(axis: Any, ndim: int) -> int:
    """An axis counted from the start; AxisError if there is no such axis."""
    return normalize_axis_index(operator.index(axis), ndim)


def several_axes(axis: Any, ndim: int, repeated: bool = False) -> tuple[int, ...]:
    """An axis or a tuple of axes, counted from the start, in the order given."""
    if isinstance(axis, Tracer):
        axis = axis.tolist() if axis._is_known else operator.index(axis)  # raises, with advice
    return normalize_axis_tuple(axis, ndim, allow_duplicate=repeated)


def reduced_axes(axis: Any, ndim: int, *, of_ufunc: bool = False) -> tuple[int, ...]:
    """The axes that a reduction removes, in order; None means all of them.

    A ufunc's reduction takes a scalar's axis 0 or -1 for none.
    """
    if of_ufunc and ndim == 0 and isinstance(axis, int) and axis in (0, -1):
        return ()
    return tuple(range(ndim)) if axis is None else tuple(sorted(several_axes(axis, ndim)))


def kept_shape(shape: Shape, axes: tuple[int, ...]) -> Shape:
    """The shape with size 1 on the given axes."""
    return tuple(1 if k in axes else size for k, size in enumerate(shape))
