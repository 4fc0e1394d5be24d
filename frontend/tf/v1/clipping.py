"""Gradients limited together: `clip_by_global_norm` and `global_norm`, for graphs and eagerly.

Layer: frontend. Lists may hold None and `IndexedSlices`, of which the rows are scaled.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from ..clipping import clip_by_global_norm as clip_all
from ..graph.build import graph_of, graph_op
from ..graph.state import is_building
from ..linalg import global_norm as norm_of
from ..slices import IndexedSlices
from ..tensors import Tensor


def _clipped(t: Any, limit: Any, norm: Any) -> Any:
    return clip_all([t], limit, norm)[0][0]


_clip = graph_op(_clipped, "clip_by_global_norm", "Mul")
_norm = graph_op(norm_of, "global_norm", "Sqrt")


def _values(t_list: Any) -> list[Any]:
    """The tensors of a list, the rows of slices."""
    is_list = hasattr(t_list, "__iter__") and not isinstance(t_list, (str, bytes, Tensor))
    if not is_list:
        raise TypeError("`t_list` should be a sequence of tensors or None values")
    return [t.values if isinstance(t, IndexedSlices) else t for t in t_list]


def _scope(tensors: Sequence[Any], name: str) -> Any:
    return graph_of(list(tensors)).name_scope(name) if is_building() else nullcontext()


def global_norm(t_list: Any, name: str | None = None) -> Any:
    """The euclidean norm of all elements of a list of tensors; None counts as nothing.

    Raises:
        TypeError: it is no list.
    """
    present = [t for t in _values(t_list) if t is not None]
    with _scope(present, name or "global_norm"):
        return _norm(present)


def clip_by_global_norm(
    t_list: Any, clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list[Any], Any]:
    """Tensors scaled by one factor so that the norm of all is at most `clip_norm`, and that norm.

    Args:
        t_list: tensors or `IndexedSlices`; None stays None.
        clip_norm: the limit.
        use_norm: the norm of all, if it is known.
        name: of the scope of the ops.

    Raises:
        TypeError: `t_list` is no list.
    """
    values = _values(t_list)
    given = list(t_list)
    norm = use_norm if use_norm is not None else global_norm(given)
    found: list[Any] = []
    with _scope([v for v in values if v is not None], name or "clip_by_global_norm"):
        for k, (t, v) in enumerate(zip(given, values, strict=True)):
            if v is None:
                found.append(None)
                continue
            clipped = (
                _clip(v, clip_norm, norm, name=f"clip_by_global_norm/_{k}")
                if is_building()
                else _clipped(v, clip_norm, norm)
            )
            if isinstance(t, IndexedSlices):
                clipped = IndexedSlices(clipped, t.indices, t.dense_shape)
            found.append(clipped)
    return found, norm
