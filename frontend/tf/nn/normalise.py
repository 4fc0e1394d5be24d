"""Normalisation, moments, biases and dropout.

Layer: frontend.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..apply import apply, checked, many, pair
from ..convert import convert_to_tensor
from ..errors import InvalidArgumentError
from ..random import seeds, stateful
from ..static import axes as static_axes
from ..static import shape as static_shape
from ..tensors import Tensor


def moments(
    x: Any,
    axes: Any,
    shift: Any = None,
    keepdims: bool = False,
    name: str | None = None,
) -> tuple[Tensor, Tensor]:
    """The mean and the variance over some axes."""
    tensor = checked("Moments", convert_to_tensor(x), "f")
    attrs = {"axes": static_axes(axes, tensor.ndim, "Moments"), "keepdims": bool(keepdims)}
    found: tuple[Tensor, Tensor] = apply("Moments", _moments, [tensor], attrs)
    return found


def _moments(x: Any, *, axes: Any, keepdims: bool) -> tuple[Any, Any]:
    # halves are summed in single precision, as TensorFlow does
    wide = x.astype(np.float32) if x.dtype.itemsize == 2 else x
    mean = np.mean(wide, axis=axes, keepdims=True)
    variance = np.mean(np.square(wide - mean), axis=axes, keepdims=keepdims)
    mean = mean if keepdims else np.squeeze(mean, axis=axes)
    return mean.astype(x.dtype), variance.astype(x.dtype)


def weighted_moments(
    x: Any,
    axes: Any,
    frequency_weights: Any,
    keepdims: bool = False,
    name: str | None = None,
) -> tuple[Tensor, Tensor]:
    """The mean and the variance over some axes, each element as often as its weight says."""
    tensor, weights = pair("WeightedMoments", convert_to_tensor(x), frequency_weights)
    attrs = {"axes": static_axes(axes, tensor.ndim, "WeightedMoments"), "keepdims": bool(keepdims)}
    found: tuple[Tensor, Tensor] = apply(
        "WeightedMoments", _weighted_moments, [tensor, weights], attrs
    )
    return found


def _weighted_moments(x: Any, weights: Any, *, axes: Any, keepdims: bool) -> tuple[Any, Any]:
    w = np.broadcast_to(weights, x.shape)
    total = np.sum(w, axis=axes, keepdims=True)
    mean = np.sum(x * w, axis=axes, keepdims=True) / total
    variance = np.sum(np.square(x - mean) * w, axis=axes, keepdims=True) / total
    if keepdims:
        return mean, variance
    return np.squeeze(mean, axis=axes), np.squeeze(variance, axis=axes)


def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    offset: Any,
    scale: Any,
    variance_epsilon: Any,
    name: str | None = None,
) -> Tensor:
    """scale * (x - mean) / sqrt(variance + variance_epsilon) + offset.

    Args:
        x: floats.
        mean: broadcast to x, like `variance`, `offset` and `scale`.
        variance: as `mean`.
        offset: as `mean`; None for 0.
        scale: as `mean`; None for 1.
        variance_epsilon: a small number.
        name: for TensorFlow's signature.
    """
    given = [p for p in (offset, scale) if p is not None]
    tensors = many(
        "BatchNormalization", [convert_to_tensor(x), mean, variance, variance_epsilon, *given]
    )
    attrs = {"has_offset": offset is not None, "has_scale": scale is not None}
    found: Tensor = apply("BatchNormalization", _batch_normalization, tensors, attrs)
    return found


def _batch_normalization(
    x: Any, mean: Any, variance: Any, epsilon: Any, *rest: Any, has_offset: bool, has_scale: bool
) -> Any:
    factor = x.dtype.type(1) / np.sqrt(variance + epsilon)
    if has_scale:
        factor = factor * rest[-1]
    shift = -mean * factor
    if has_offset:
        shift = shift + rest[0]
    return x * factor + shift


def l2_normalize(
    x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None, dim: Any = None
) -> Tensor:
    """x divided by its length along some axes; short vectors by sqrt(epsilon)."""
    tensor = checked("L2Normalize", convert_to_tensor(x), "f")
    chosen = axis if dim is None else dim
    attrs = {"axes": static_axes(chosen, tensor.ndim, "L2Normalize"), "epsilon": float(epsilon)}
    found: Tensor = apply("L2Normalize", _l2_normalize, [tensor], attrs)
    return found


def _l2_normalize(x: Any, *, axes: Any, epsilon: float) -> Any:
    squares = np.sum(np.square(x), axis=axes, keepdims=True, dtype=x.dtype)
    return x / np.sqrt(np.maximum(squares, x.dtype.type(epsilon)))


def bias_add(
    value: Any, bias: Any, data_format: str | None = None, name: str | None = None
) -> Tensor:
    """A vector added along the last axis, or along the second one for formats such as NCHW.

    Raises:
        InvalidArgumentError: the bias is no vector, or has another length than the axis.
    """
    x, b = pair("BiasAdd", convert_to_tensor(value), bias)
    if data_format is not None and data_format[:2] not in ("NC", "NH", "NW", "ND", "N."):
        raise ValueError(
            "`data_format` must be of the form `N...C` or `NC...`. Received:"
            f" data_format={data_format}"
        )
    is_second = data_format is not None and data_format.startswith("NC")
    axis = 1 if is_second else x.ndim - 1
    if b.ndim != 1:
        raise InvalidArgumentError(f"Biases must be 1D: {b.shape.as_list()} [Op:BiasAdd]")
    if x.ndim < 2 or not b.shape.is_compatible_with([x.shape[axis]]):
        raise InvalidArgumentError(
            "Must provide as many biases as the last dimension of the input tensor:"
            f" {b.shape.as_list()} vs. {x.shape.as_list()} [Op:BiasAdd]"
        )
    attrs = {"trailing": x.ndim - 1 - axis}
    found: Tensor = apply("BiasAdd", _bias_add, [x, b], attrs)
    return found


def _bias_add(x: Any, bias: Any, *, trailing: int) -> Any:
    return x + (bias.reshape((-1,) + (1,) * trailing) if trailing else bias)


def dropout(
    x: Any,
    rate: Any,
    noise_shape: Any = None,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Elements set to 0 at random, the others divided by the part that is kept.

    Args:
        x: floats.
        rate: the part that is dropped, in [0, 1).
        noise_shape: broadcast to x's shape: elements that share a draw.
        seed: of this op.
        name: for TensorFlow's signature.

    Raises:
        ValueError: x is no float, or `rate` is not in the range.
    """
    tensor = convert_to_tensor(x)
    if not tensor.dtype.is_floating:
        raise ValueError(
            "`x.dtype` must be a floating point tensor as `x` will be scaled. Received:"
            f" x_dtype={tensor.dtype}"
        )
    if isinstance(rate, (int, float)) and not 0 <= rate < 1:
        raise ValueError(
            f"`rate` must be a scalar tensor or a float in the range [0, 1). Received: rate={rate}"
        )
    if isinstance(rate, (int, float)) and rate == 0:
        return tensor
    if noise_shape is None:
        sizes = tuple(tensor._value.shape)
    else:
        sizes = static_shape(noise_shape, "nn.dropout")
    begin = seeds.start(f"RandomUniform/{tensor.dtype.name}", seed, stateful.size_of(sizes))
    drawn = stateful.sampled("RandomUniform", begin, "uniform", sizes, tensor.dtype)
    limit = convert_to_tensor(rate, tensor.dtype)
    found: Tensor = apply("Dropout", _dropout, [tensor, drawn, limit])
    return found


def _dropout(x: Any, drawn: Any, rate: Any) -> Any:
    one = x.dtype.type(1)
    return np.where(drawn >= rate, x * (one / (one - rate)), x.dtype.type(0))


def zero_fraction(value: Any, name: str | None = None) -> Tensor:
    """The part of the elements that are 0, as float32."""
    found: Tensor = apply("ZeroFraction", _zero_fraction, [convert_to_tensor(value)])
    return found


def _zero_fraction(x: Any) -> Any:
    return np.mean((x == 0).astype(np.float32))


def scale_regularization_loss(regularization_loss: Any) -> Tensor:
    """The loss itself: there is one replica."""
    return convert_to_tensor(regularization_loss)


def compute_average_loss(
    per_example_loss: Any, sample_weight: Any = None, global_batch_size: Any = None
) -> Tensor:
    """The sum of the (weighted) losses divided by the number of examples."""
    losses = convert_to_tensor(per_example_loss)
    weights = [] if sample_weight is None else [pair("Mul", losses, sample_weight)[1]]
    size = losses.shape.num_elements() if global_batch_size is None else global_batch_size
    attrs = {"size": float(size or 0)}
    found: Tensor = apply("AverageLoss", _average, [losses, *weights], attrs)
    return found


def _average(losses: Any, *weights: Any, size: float) -> Any:
    weighted = losses * weights[0] if weights else losses
    return np.sum(weighted, dtype=losses.dtype) / losses.dtype.type(size)
