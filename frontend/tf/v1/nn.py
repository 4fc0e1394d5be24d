"""`tf.nn` with TensorFlow 1's arguments: convolutions, pooling, softmax, small layers.

Layer: frontend. Each is the newer function, with older names and another order of arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..linalg import matmul
from ..nn import activations, convolutions, lookup, losses, normalise, pooling
from ..tensors import Tensor


def _either(new: Any, old: Any, new_name: str, old_name: str) -> Any:
    """An argument that has two names.

    Raises:
        ValueError: both are given.
    """
    if new is not None and old is not None:
        raise ValueError(f"Cannot specify both '{new_name}' and '{old_name}'.")
    return old if new is None else new


# -- convolutions ---------------------------------------------------------------------------------


def conv1d(
    value: Any = None,
    filters: Any = None,
    stride: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool | None = None,
    data_format: str | None = None,
    name: str | None = None,
    input: Any = None,
    dilations: Any = None,
) -> Tensor:
    """Cross-correlation over one spatial axis: [batch, width, channels] and [width, in, out]."""
    x = _either(value, input, "value", "input")
    form = {"NHWC": "NWC", "NCHW": "NCW"}.get(data_format or "", data_format) or "NWC"
    return convolutions.conv1d(x, filters, stride, padding, form, dilations)


def conv2d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """Cross-correlation over two spatial axes.

    Args:
        input: [batch, height, width, channels].
        filter: [height, width, channels, outputs].
        strides: four numbers, 1 for the batch and the channels.
        padding: "SAME", "VALID", or a pair of numbers for each of the four axes.
        use_cudnn_on_gpu: for TensorFlow's signature.
        data_format: "NHWC" or "NCHW".
        dilations: as `strides`.
        name: of the op.
        filters: another name of `filter`.
    """
    weights = _either(filter, filters, "filter", "filters")
    return convolutions.conv2d(input, weights, strides, padding, data_format, dilations)


def conv3d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    data_format: str = "NDHWC",
    dilations: Any = (1, 1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """Cross-correlation over three spatial axes."""
    weights = _either(filter, filters, "filter", "filters")
    return convolutions.conv3d(input, weights, strides, padding, data_format, dilations)


def convolution(
    input: Any,
    filter: Any = None,
    padding: Any = "VALID",
    strides: Any = None,
    dilation_rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """Cross-correlation over as many axes as the filter has."""
    weights = _either(filter, filters, "filter", "filters")
    rate = _either(dilation_rate, dilations, "dilation_rate", "dilations")
    return convolutions.convolution(input, weights, strides, padding, data_format, rate)


def conv2d_transpose(
    value: Any = None,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = None,
    padding: Any = "SAME",
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """The transpose of `conv2d`: what it gives back to its input, as a gradient does."""
    x = _either(value, input, "value", "input")
    weights = _either(filter, filters, "filter", "filters")
    return convolutions.conv2d_transpose(
        x, weights, output_shape, strides, padding, data_format, dilations
    )


def conv3d_transpose(
    value: Any = None,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = None,
    padding: Any = "SAME",
    data_format: str = "NDHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """The transpose of `conv3d`."""
    x = _either(value, input, "value", "input")
    weights = _either(filter, filters, "filter", "filters")
    return convolutions.conv3d_transpose(
        x, weights, output_shape, strides, padding, data_format, dilations
    )


def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """Each channel convolved with its own filters: [height, width, channels, multiplier]."""
    apart = _either(rate, dilations, "rate", "dilations")
    return convolutions.depthwise_conv2d(input, filter, strides, padding, data_format, apart)


def depthwise_conv2d_native(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """As `depthwise_conv2d`."""
    return convolutions.depthwise_conv2d(input, filter, strides, padding, data_format, dilations)


def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: Any,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """A depthwise convolution, and one of single elements that mixes the channels."""
    apart = _either(rate, dilations, "rate", "dilations")
    return convolutions.separable_conv2d(
        input, depthwise_filter, pointwise_filter, strides, padding, data_format, apart
    )


# -- pooling --------------------------------------------------------------------------------------


def _pooled(function: Callable[..., Any], doc: str) -> Callable[..., Tensor]:
    def pool(
        value: Any = None,
        ksize: Any = None,
        strides: Any = None,
        padding: Any = None,
        data_format: str = "NHWC",
        name: str | None = None,
        input: Any = None,
    ) -> Tensor:
        x = _either(value, input, "value", "input")
        found: Tensor = function(x, ksize, strides, padding, data_format)
        return found

    pool.__doc__ = doc
    pool.__name__ = pool.__qualname__ = function.__name__.removesuffix("2d")
    return pool


max_pool = _pooled(pooling.max_pool2d, "The largest element of each window of two spatial axes.")
avg_pool = _pooled(pooling.avg_pool2d, "The mean of each window of two spatial axes.")


# -- activations ----------------------------------------------------------------------------------


def softmax(
    logits: Any, axis: int | None = None, name: str | None = None, dim: int | None = None
) -> Tensor:
    """exp(x) divided by the sum of these along an axis, the last by default."""
    chosen = _either(axis, dim, "axis", "dim")
    found: Tensor = activations.softmax(logits, -1 if chosen is None else chosen)
    return found


def log_softmax(
    logits: Any, axis: int | None = None, name: str | None = None, dim: int | None = None
) -> Tensor:
    """The logarithm of `softmax`."""
    chosen = _either(axis, dim, "axis", "dim")
    found: Tensor = activations.log_softmax(logits, -1 if chosen is None else chosen)
    return found


def l2_normalize(
    x: Any,
    axis: Any = None,
    epsilon: float = 1e-12,
    name: str | None = None,
    dim: Any = None,
) -> Tensor:
    """x divided by its length along some axes."""
    return normalise.l2_normalize(x, _either(axis, dim, "axis", "dim"), epsilon)


# -- small layers ---------------------------------------------------------------------------------


def xw_plus_b(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """x @ weights + biases."""
    return normalise.bias_add(matmul(x, weights), biases)


def relu_layer(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """relu(x @ weights + biases)."""
    found: Tensor = activations.relu(xw_plus_b(x, weights, biases))
    return found


def weighted_cross_entropy_with_logits(
    labels: Any = None,
    logits: Any = None,
    pos_weight: Any = None,
    name: str | None = None,
    targets: Any = None,
) -> Tensor:
    """The logistic loss of each element, positive labels weighted."""
    wanted = _either(labels, targets, "labels", "targets")
    return losses.weighted_cross_entropy_with_logits(wanted, logits, pos_weight)


def embedding_lookup(
    params: Any,
    ids: Any,
    partition_strategy: str = "mod",
    name: str | None = None,
    validate_indices: bool = True,
    max_norm: Any = None,
) -> Tensor:
    """The rows of a table that the ids name; see `tf.nn.embedding_lookup`.

    Raises:
        NotImplementedError: the table is given in several parts.
    """
    if isinstance(params, Sequence) and len(params) > 1:
        raise NotImplementedError(
            "embedding_lookup of a table in several parts is not supported: use one variable"
        )
    return lookup.embedding_lookup(params, ids, max_norm)
