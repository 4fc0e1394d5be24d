"""Functions under TensorFlow 1's names, with its names of arguments.

Layer: frontend. Most are the newer functions, with older arguments renamed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

from .. import dtypes, elementwise, indexing, linalg, reductions, scopes, shaping
from ..convert import convert_to_tensor
from ..nn import lookup, losses, normalise
from ..random import stateful
from ..tensors import Tensor

_AXIS = {"keep_dims": "keepdims", "reduction_indices": "axis"}


def _renamed(function: Callable[..., Any], older: dict[str, str]) -> Callable[..., Any]:
    """The function, with older names of its arguments too.

    Raises (when called):
        ValueError: an argument is given by both of its names.
    """

    @wraps(function)
    def renamed(*args: Any, **kwargs: Any) -> Any:
        for old, new in older.items():
            if old in kwargs:
                value = kwargs.pop(old)
                if value is None:
                    continue
                if kwargs.get(new) is not None:
                    raise ValueError(f"Cannot specify both '{old}' and '{new}'.")
                kwargs[new] = value
        if kwargs.get("keepdims", 0) is None:
            del kwargs["keepdims"]
        return function(*args, **kwargs)

    return renamed


reduce_sum = _renamed(reductions.reduce_sum, _AXIS)
reduce_mean = _renamed(reductions.reduce_mean, _AXIS)
reduce_max = _renamed(reductions.reduce_max, _AXIS)
reduce_min = _renamed(reductions.reduce_min, _AXIS)
reduce_prod = _renamed(reductions.reduce_prod, _AXIS)
reduce_all = _renamed(reductions.reduce_all, _AXIS)
reduce_any = _renamed(reductions.reduce_any, _AXIS)
reduce_logsumexp = _renamed(reductions.reduce_logsumexp, _AXIS)
expand_dims = _renamed(shaping.expand_dims, {"dim": "axis"})
squeeze = _renamed(shaping.squeeze, {"squeeze_dims": "axis"})
norm = _renamed(linalg.norm, {"keep_dims": "keepdims"})
argmax = _renamed(reductions.argmax, {"dimension": "axis"})
argmin = _renamed(reductions.argmin, {"dimension": "axis"})
arg_max, arg_min = argmax, argmin


def count_nonzero(
    input_tensor: Any = None,
    axis: Any = None,
    keepdims: bool | None = None,
    dtype: Any = dtypes.int64,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
    input: Any = None,
) -> Tensor:
    """The number of elements that are not 0, over some axes."""
    tensor = convert_to_tensor(input_tensor if input is None else input)
    zero = convert_to_tensor(tensor.dtype.numpy.type(0))
    ones = elementwise.cast(elementwise.not_equal(tensor, zero), dtype)
    chosen = reduction_indices if axis is None else axis
    found: Tensor = reductions.reduce_sum(ones, chosen, bool(keepdims or keep_dims))
    return found


def gather(
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    name: str | None = None,
    axis: Any = None,
    batch_dims: int = 0,
) -> Tensor:
    """The rows (or other parts along an axis) that the indices name."""
    return indexing.gather(params, indices, axis=axis, batch_dims=batch_dims)


def div(x: Any, y: Any, name: str | None = None) -> Any:
    """The quotient; of integers rounded down."""
    a = convert_to_tensor(x) if not isinstance(y, Tensor) else x
    tensor = y if isinstance(y, Tensor) else a
    divide = elementwise.floordiv if tensor.dtype.is_integer else elementwise.truediv
    return divide(x, y)


def _cast_to(dtype: dtypes.DType) -> Callable[..., Tensor]:
    def cast(x: Any, name: str = "Cast") -> Tensor:
        return elementwise.cast(x, dtype)

    cast.__doc__ = f"The tensor as {dtype.name}."
    return cast


to_float, to_double = _cast_to(dtypes.float32), _cast_to(dtypes.float64)
to_int32, to_int64 = _cast_to(dtypes.int32), _cast_to(dtypes.int64)


def multinomial(
    logits: Any,
    num_samples: Any,
    seed: int | None = None,
    name: str | None = None,
    output_dtype: Any = None,
) -> Tensor:
    """Numbers of classes, drawn for each row with probabilities softmax(logits)."""
    return stateful.categorical(logits, num_samples, output_dtype, seed)


def random_gamma(
    shape: Any,
    alpha: Any,
    beta: Any = None,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Gamma distributed numbers."""
    return stateful.gamma(shape, alpha, beta, dtype, seed)


def random_poisson(
    lam: Any,
    shape: Any,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Poisson distributed numbers."""
    return stateful.poisson(shape, lam, dtype, seed)


# -- tf.nn ----------------------------------------------------------------------------------------


def _no_sentinel(sentinel: Any, op: str) -> None:
    if sentinel is not None:
        raise ValueError(f"Only call `{op}` with named arguments (labels=..., logits=..., ...)")


def softmax_cross_entropy_with_logits(
    _sentinel: Any = None,
    labels: Any = None,
    logits: Any = None,
    dim: int = -1,
    name: str | None = None,
    axis: int | None = None,
) -> Tensor:
    """The cross entropy of softmax(logits); gradients do not pass to the labels."""
    _no_sentinel(_sentinel, "softmax_cross_entropy_with_logits")
    if labels is None or logits is None:
        raise ValueError("Both labels and logits must be provided.")
    fixed = scopes.stop_gradient(convert_to_tensor(labels))
    chosen = dim if axis is None else axis
    return losses.softmax_cross_entropy_with_logits(fixed, logits, chosen)


def softmax_cross_entropy_with_logits_v2(
    labels: Any,
    logits: Any,
    axis: int | None = None,
    name: str | None = None,
    dim: int | None = None,
) -> Tensor:
    """The cross entropy of softmax(logits); gradients pass to the labels too."""
    chosen = next((a for a in (axis, dim) if a is not None), -1)
    return losses.softmax_cross_entropy_with_logits(labels, logits, chosen)


def sparse_softmax_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """-log(softmax(logits)) of each example's class."""
    _no_sentinel(_sentinel, "sparse_softmax_cross_entropy_with_logits")
    return losses.sparse_softmax_cross_entropy_with_logits(labels, logits)


def sigmoid_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """The logistic loss of each element."""
    _no_sentinel(_sentinel, "sigmoid_cross_entropy_with_logits")
    return losses.sigmoid_cross_entropy_with_logits(labels, logits)


def dropout(
    x: Any,
    keep_prob: Any = None,
    noise_shape: Any = None,
    seed: int | None = None,
    name: str | None = None,
    rate: Any = None,
) -> Tensor:
    """Elements set to 0 at random: `rate` of them, or all but the part `keep_prob`.

    Raises:
        ValueError: neither or both are given.
    """
    if (keep_prob is None) == (rate is None):
        raise ValueError("You must provide exactly one of `rate` and `keep_prob`.")
    dropped = rate if keep_prob is None else _rest(keep_prob)
    return normalise.dropout(x, dropped, noise_shape, seed)


def _rest(part: Any) -> Any:
    return 1 - part


def moments(
    x: Any,
    axes: Any,
    shift: Any = None,
    name: str | None = None,
    keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """The mean and the variance over some axes."""
    return normalise.moments(x, axes, keepdims=bool(keepdims or keep_dims))


def in_top_k(predictions: Any, targets: Any, k: Any, name: str | None = None) -> Tensor:
    """Whether each target class is among the k largest predictions of its row."""
    return lookup.in_top_k(targets, predictions, k)


# -- modes ----------------------------------------------------------------------------------------


def enable_eager_execution(
    config: Any = None, device_policy: Any = None, execution_mode: Any = None
) -> None:
    """Run ops as they are called: they always do."""


enable_v2_behavior = enable_eager_execution
enable_resource_variables = enable_eager_execution
enable_v2_tensorshape = enable_eager_execution
enable_control_flow_v2 = enable_eager_execution


def graph_mode(name: str) -> Callable[..., NoReturn]:
    """What stands for a name of TensorFlow 1's graph mode: calling it says what to do instead."""

    def missing(*args: Any, **kwargs: Any) -> NoReturn:
        if name == "placeholder":
            raise RuntimeError("tf.placeholder() is not compatible with eager execution.")
        raise NotImplementedError(
            f"tf.{name} belongs to TensorFlow 1's graph mode, which is not supported: programs run"
            " eagerly; write a tf.function of the arguments instead of placeholders and a session"
        )

    missing.__name__ = missing.__qualname__ = name
    return missing


GRAPH_MODE = frozenset(
    [
        "ConfigProto",
        "Graph",
        "GraphOptions",
        "InteractiveSession",
        "Session",
        "disable_eager_execution",
        "disable_v2_behavior",
        "get_default_graph",
        "get_default_session",
        "gradients",
        "placeholder",
        "placeholder_with_default",
        "reset_default_graph",
        "variable_scope",
    ]
)
