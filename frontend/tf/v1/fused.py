"""`tf.nn.fused_batch_norm`: batch normalisation together with the moments that it uses.

Layer: frontend.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..apply import apply, many
from ..convert import convert_to_tensor
from ..nn.normalise import batch_normalization
from ..shaping import reshape
from ..tensors import Tensor


def fused_batch_norm(
    x: Any,
    scale: Any,
    offset: Any,
    mean: Any = None,
    variance: Any = None,
    epsilon: float = 0.001,
    data_format: str = "NHWC",
    is_training: bool = True,
    name: str | None = None,
    exponential_avg_factor: float = 1.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Batch normalisation over all axes but the channels.

    Args:
        x: [batch, height, width, channels].
        scale: [channels], like `offset`, `mean` and `variance`.
        offset: see there.
        mean: used where `is_training` is false.
        variance: as `mean`.
        epsilon: added to the variance.
        data_format: "NHWC" or "NCHW".
        is_training: whether the moments are those of `x`.
        name: of the op.
        exponential_avg_factor: 1: moments are not mixed with those given.

    Returns:
        The result; the mean; the variance, which of `x` is the unbiased one.

    Raises:
        NotImplementedError: moments are to be mixed.
    """
    if exponential_avg_factor != 1.0:
        raise NotImplementedError("fused_batch_norm: exponential_avg_factor has to be 1")
    tensor = convert_to_tensor(x)
    channel = 1 if data_format.startswith("NC") else tensor.ndim - 1
    if not is_training:
        sizes = [-1 if k == channel else 1 for k in range(tensor.ndim)]
        centre, spread, shift, factor = (reshape(p, sizes) for p in (mean, variance, offset, scale))
        found = batch_normalization(tensor, centre, spread, shift, factor, epsilon)
        return found, convert_to_tensor(mean), convert_to_tensor(variance)
    inputs = many("FusedBatchNormV3", [tensor, scale, offset])
    attrs = {"channel": channel, "epsilon": float(epsilon)}
    result: tuple[Tensor, Tensor, Tensor] = apply("FusedBatchNormV3", _fused, inputs, attrs)
    return result


def _fused(
    x: Any, scale: Any, offset: Any, *, channel: int, epsilon: float
) -> tuple[Any, Any, Any]:
    axes = tuple(k for k in range(x.ndim) if k != channel)
    sizes = tuple(-1 if k == channel else 1 for k in range(x.ndim))
    wide = x.astype(np.float32) if x.dtype.itemsize == 2 else x
    of = wide.dtype.type
    mean = np.mean(wide, axis=axes, keepdims=True)
    centred = wide - mean
    variance = np.mean(np.square(centred), axis=axes, keepdims=True)
    factor = scale.astype(wide.dtype).reshape(sizes) / np.sqrt(variance + of(epsilon))
    found = (centred * factor + offset.astype(wide.dtype).reshape(sizes)).astype(x.dtype)
    count = np.asarray(math.prod(x.shape[k] for k in axes)).astype(wide.dtype)
    unbiased = variance * (count / np.maximum(count - of(1), of(1)))
    return found, mean.reshape(-1), unbiased.reshape(-1)
