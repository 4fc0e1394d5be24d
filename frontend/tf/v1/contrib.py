"""`tf.contrib.layers`: layers and regularisers of TensorFlow 1's first years.

Layer: frontend. Weights are called `weights` and `biases`, under a scope for each layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..arrays import one_hot
from ..elementwise import square
from ..graph.build import convert, graph_op
from ..graph.graph import add_to_collection
from ..graph.layers.functions import batch_normalization
from ..graph.named_variables import get_variable
from ..graph.ops import with_dependencies
from ..graph.scoping import variable_scope
from ..linalg import matmul
from ..nn.activations import relu as eager_relu
from ..nn.normalise import bias_add
from ..reductions import reduce_sum
from ..shaping import reshape
from . import nn, optimizers
from .clipping import clip_by_global_norm
from .initializers import GlorotNormal, GlorotUniform, VarianceScaling, Zeros
from .names import dropout as eager_dropout
from .steps import get_global_step

relu = graph_op(eager_relu)
_matmul, _bias_add, _reshape = graph_op(matmul), graph_op(bias_add), graph_op(reshape)
_conv2d, _max_pool, _avg_pool = (graph_op(f) for f in (nn.conv2d, nn.max_pool, nn.avg_pool))
_dropout, _one_hot = graph_op(eager_dropout), graph_op(one_hot)
_total, _square = graph_op(reduce_sum), graph_op(square)
_OPTIMIZERS: dict[str, Any] = {
    "Adagrad": optimizers.AdagradOptimizer,
    "Adam": optimizers.AdamOptimizer,
    "Ftrl": optimizers.FtrlOptimizer,
    "RMSProp": optimizers.RMSPropOptimizer,
    "SGD": optimizers.GradientDescentOptimizer,
}


# -- initial values and penalties -----------------------------------------------------------------


def xavier_initializer(uniform: bool = True, seed: int | None = None, dtype: Any = None) -> Any:
    """Random numbers that keep the scale of signals and gradients equal in all layers."""
    return GlorotUniform(seed=seed) if uniform else GlorotNormal(seed=seed)


def variance_scaling_initializer(
    factor: float = 2.0,
    mode: str = "FAN_IN",
    uniform: bool = False,
    seed: int | None = None,
    dtype: Any = None,
) -> Any:
    """Random numbers of the variance factor / n, with n the number of inputs or outputs."""
    kind = "uniform" if uniform else "truncated_normal"
    return VarianceScaling(factor, mode.lower(), kind, seed)


def l1_regularizer(scale: float, scope: str | None = None) -> Callable[[Any], Any]:
    """scale * the sum of the sizes of all weights."""
    _check_scale(scale)
    return lambda weights: _total(abs(convert(weights))) * scale


def l2_regularizer(scale: float, scope: str | None = None) -> Callable[[Any], Any]:
    """scale * half of the sum of the squares of all weights."""
    _check_scale(scale)
    return lambda weights: _total(_square(weights)) * (0.5 * scale)


def l1_l2_regularizer(
    scale_l1: float = 1.0, scale_l2: float = 1.0, scope: str | None = None
) -> Callable[[Any], Any]:
    """The sum of both."""
    first, second = l1_regularizer(scale_l1), l2_regularizer(scale_l2)
    return lambda weights: first(weights) + second(weights)


def _check_scale(scale: Any) -> None:
    if isinstance(scale, int) and not isinstance(scale, bool):
        raise ValueError(f"scale cannot be an integer: {scale}")
    if scale < 0.0:
        raise ValueError(f"Setting a scale less than 0 on a regularizer: {scale}")


# -- layers ---------------------------------------------------------------------------------------


def fully_connected(
    inputs: Any,
    num_outputs: int,
    activation_fn: Callable[[Any], Any] | None = relu,
    normalizer_fn: Any = None,
    normalizer_params: Any = None,
    weights_initializer: Any = None,
    weights_regularizer: Any = None,
    biases_initializer: Any = Zeros(),  # noqa: B008  (it has no state)
    biases_regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> Any:
    """activation(inputs @ weights + biases).

    Args:
        inputs: [..., n].
        num_outputs: how many outputs.
        activation_fn: a function, `tf.nn.relu` by default, or None.
        normalizer_fn: used instead of biases, as `batch_norm`.
        normalizer_params: its arguments.
        weights_initializer: `xavier_initializer` by default.
        weights_regularizer: its result joins the regularisation losses; so for the biases.
        biases_initializer: None for no biases.
        biases_regularizer: see there.
        reuse: whether to use the variables that exist.
        variables_collections: for TensorFlow's signature.
        outputs_collections: where the result is noted.
        trainable: whether optimisers change the variables.
        scope: of the variables.
    """
    x = convert(inputs)
    with variable_scope(scope, "fully_connected", reuse=reuse):
        shape = [x.shape[-1].value, num_outputs]
        start = weights_initializer or xavier_initializer()
        w = get_variable(
            "weights", shape, x.dtype.base_dtype, start, weights_regularizer, trainable
        )
        y = _of_rows(x, w, num_outputs)
        return _finished(
            y, num_outputs, activation_fn, normalizer_fn, normalizer_params, biases_initializer,
            biases_regularizer, outputs_collections, trainable,
        )  # fmt: skip


linear = fully_connected


def _of_rows(x: Any, w: Any, count: int) -> Any:
    if x.shape.rank == 2:
        return _matmul(x, w)
    sizes = [-1 if d is None else d for d in x.shape.as_list()[:-1]]
    flat = _matmul(_reshape(x, [-1, x.shape[-1].value]), w)
    return _reshape(flat, [*sizes, count])


def _finished(
    y: Any, count: int, activate: Any, normalize: Any, options: Any, start: Any, penalty: Any,
    collection: Any, trainable: bool,
) -> Any:  # fmt: skip
    """What follows the product with the weights."""
    if normalize is not None:
        y = normalize(y, **(options or {}))
    elif start is not None:
        b = get_variable("biases", [count], y.dtype.base_dtype, start, penalty, trainable)
        y = _bias_add(y, b)
    if activate is not None:
        y = activate(y)
    if collection:
        add_to_collection(collection, y)
    return y


def conv2d(
    inputs: Any,
    num_outputs: int,
    kernel_size: Any,
    stride: Any = 1,
    padding: str = "SAME",
    data_format: str | None = None,
    rate: Any = 1,
    activation_fn: Callable[[Any], Any] | None = relu,
    normalizer_fn: Any = None,
    normalizer_params: Any = None,
    weights_initializer: Any = None,
    weights_regularizer: Any = None,
    biases_initializer: Any = Zeros(),  # noqa: B008  (it has no state)
    biases_regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> Any:
    """activation(convolution(inputs, weights) + biases); arguments as of `fully_connected`.

    Args:
        inputs: [batch, height, width, channels].
        num_outputs: how many channels.
        kernel_size: of the window.
        stride: of the window.
        padding: "SAME" or "VALID".
        data_format: "NHWC".
        rate: dilation.
        activation_fn: see there, as all the others.
        normalizer_fn: see there.
        normalizer_params: see there.
        weights_initializer: see there.
        weights_regularizer: see there.
        biases_initializer: see there.
        biases_regularizer: see there.
        reuse: see there.
        variables_collections: see there.
        outputs_collections: see there.
        trainable: see there.
        scope: see there.
    """
    if data_format not in (None, "NHWC"):
        raise ValueError(f"data_format has to be NHWC, got {data_format}")
    x = convert(inputs)
    with variable_scope(scope, "Conv", reuse=reuse):
        shape = [*_pair(kernel_size), x.shape[-1].value, num_outputs]
        start = weights_initializer or xavier_initializer()
        w = get_variable(
            "weights", shape, x.dtype.base_dtype, start, weights_regularizer, trainable
        )
        dilations = [1, *_pair(rate), 1]
        y = _conv2d(x, w, [1, *_pair(stride), 1], padding, dilations=dilations)
        return _finished(
            y, num_outputs, activation_fn, normalizer_fn, normalizer_params, biases_initializer,
            biases_regularizer, outputs_collections, trainable,
        )  # fmt: skip


convolution2d = conv2d


def _pair(x: Any) -> list[int]:
    return [x, x] if isinstance(x, int) else list(x)


def max_pool2d(
    inputs: Any, kernel_size: Any, stride: Any = 2, padding: str = "VALID", scope: Any = None
) -> Any:
    """The largest element of each window."""
    sizes, steps = [1, *_pair(kernel_size), 1], [1, *_pair(stride), 1]
    return _max_pool(inputs, sizes, steps, padding, name=scope or "MaxPool2D")


def avg_pool2d(
    inputs: Any, kernel_size: Any, stride: Any = 2, padding: str = "VALID", scope: Any = None
) -> Any:
    """The mean of each window."""
    sizes, steps = [1, *_pair(kernel_size), 1], [1, *_pair(stride), 1]
    return _avg_pool(inputs, sizes, steps, padding, name=scope or "AvgPool2D")


def flatten(inputs: Any, outputs_collections: Any = None, scope: Any = None) -> Any:
    """[batch, all other elements]."""
    x = convert(inputs)
    sizes = x.shape.as_list()[1:]
    return _reshape(x, [-1, math.prod(sizes)], name=scope or "Flatten/flatten/Reshape")


def dropout(
    inputs: Any,
    keep_prob: Any = 0.5,
    noise_shape: Any = None,
    is_training: bool = True,
    outputs_collections: Any = None,
    scope: Any = None,
    seed: int | None = None,
) -> Any:
    """Elements are kept with a probability and scaled up, or set to zero, while training."""
    if not is_training:
        return convert(inputs)
    return _dropout(inputs, keep_prob, noise_shape, seed, name=scope or "Dropout")


def batch_norm(
    inputs: Any,
    decay: float = 0.999,
    center: bool = True,
    scale: bool = False,
    epsilon: float = 0.001,
    activation_fn: Any = None,
    is_training: Any = True,
    reuse: Any = None,
    trainable: bool = True,
    scope: Any = None,
    **options: Any,
) -> Any:
    """Inputs of mean 0 and variance 1 for each channel; the updates join `UPDATE_OPS`."""
    with variable_scope(scope, "BatchNorm", reuse=reuse):
        found = batch_normalization(
            inputs, momentum=decay, epsilon=epsilon, center=center, scale=scale,
            training=is_training, trainable=trainable, name="BatchNorm",
        )  # fmt: skip
    return found if activation_fn is None else activation_fn(found)


def one_hot_encoding(
    labels: Any,
    num_classes: int,
    on_value: float = 1.0,
    off_value: float = 0.0,
    outputs_collections: Any = None,
    scope: Any = None,
) -> Any:
    """A one in the column of the class."""
    return _one_hot(labels, num_classes, on_value, off_value)


def optimize_loss(
    loss: Any,
    global_step: Any,
    learning_rate: Any,
    optimizer: Any,
    gradient_noise_scale: Any = None,
    gradient_multipliers: Any = None,
    clip_gradients: float | None = None,
    learning_rate_decay_fn: Any = None,
    update_ops: Any = None,
    variables: Any = None,
    name: str | None = None,
    summaries: Any = None,
) -> Any:
    """A training step, whose result is the loss.

    Args:
        loss: what is made smaller.
        global_step: counts the steps; that of the graph by default.
        learning_rate: of the optimiser.
        optimizer: "SGD", "Adam", ..., a class of optimisers, or an optimiser.
        gradient_noise_scale: not supported, as is the next one.
        gradient_multipliers: not supported.
        clip_gradients: the largest norm of all gradients together.
        learning_rate_decay_fn: (learning rate, step) -> learning rate.
        update_ops: not supported.
        variables: what is trained.
        name: for TensorFlow's signature.
        summaries: for TensorFlow's signature.
    """
    step = get_global_step() if global_step is None else global_step
    decay = learning_rate_decay_fn
    rate = learning_rate if decay is None else decay(learning_rate, step)
    chosen = _OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer
    made = chosen(rate) if isinstance(chosen, type) or not hasattr(chosen, "minimize") else chosen
    pairs = made.compute_gradients(loss, variables)
    if clip_gradients is not None:
        found, _ = clip_by_global_norm([g for g, _ in pairs], clip_gradients)
        pairs = list(zip(found, [v for _, v in pairs], strict=True))
    return with_dependencies([made.apply_gradients(pairs, step)], loss)
