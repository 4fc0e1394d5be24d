"""Masks: which steps of sequences count. A tensor carries its mask from layer to layer.

Layer: frontend. A mask is a tensor of booleans, [batch, steps]. Layers put it on their outputs, and
losses and metrics give the examples without it no weight.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...tree import flatten
from ..apply import apply
from ..elementwise import cast
from ..tensors import Tensor
from .loss_functions import same_rank


def mask_of(x: Any) -> Tensor | None:
    """The mask of a tensor; None if it has none."""
    return getattr(x, "_keras_mask", None)


def masks_of(x: Any) -> Any:
    """The masks of a structure of tensors, in its lists; None if there are none."""
    if isinstance(x, Tensor):
        return mask_of(x)
    if isinstance(x, dict):
        x = x.values()
    elif not isinstance(x, (list, tuple)):
        return None
    found = [masks_of(v) for v in x]
    return found if any(m is not None for m in found) else None


def put_masks(outputs: Any, masks: Any) -> None:
    """Let tensors carry masks, unless they have one."""
    if masks is None:
        return
    several = list(masks) if isinstance(masks, (list, tuple)) else [masks]
    for tensor, mask in zip(flatten(outputs)[0], several, strict=False):
        if mask is not None and isinstance(tensor, Tensor) and mask_of(tensor) is None:
            tensor._keras_mask = mask


def weigh(sample_weight: Any, mask: Any, dtype: Any, reduction: str | None) -> Any:
    """Weights of examples that are 0 where the mask is False.

    Args:
        sample_weight: other weights, or None.
        mask: as above, or None.
        dtype: of the result.
        reduction: of the loss; where it is a mean, what counts weighs more, so that the mean is
            that of the examples that count.
    """
    if mask is None:
        return sample_weight
    scaled = reduction in ("sum_over_batch_size", "mean")
    attrs = {"dtype": dtype.numpy, "scaled": scaled}
    weight = apply("MaskWeight", _mask_weight, [cast(mask, "bool")], attrs)
    if sample_weight is None:
        return weight
    weight, given = same_rank(weight, cast(sample_weight, dtype))
    return apply("Mul", _both, [weight, given])


def _both(x: Any, y: Any) -> Any:
    """The product of weights, of which one may have fewer axes at the end."""
    rank = max(x.ndim, y.ndim)
    x, y = (a.reshape((*a.shape, *(1,) * (rank - a.ndim))) for a in (x, y))
    return x * y


def _mask_weight(mask: Any, *, dtype: np.dtype, scaled: bool) -> Any:
    found = mask.astype(dtype)
    if not scaled:
        return found
    count = np.sum(found)
    total = np.sum(np.ones_like(found))
    return found * (total / np.where(count > 0, count, np.ones_like(count)))
