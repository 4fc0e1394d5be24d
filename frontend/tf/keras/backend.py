"""`keras.backend`: the older low-level functions, with Keras's argument names.

Layer: frontend. Each is an op of the dialect, or a small composition.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import arrays, convert, elementwise, indexing, linalg, reductions, shaping
from ..random import stateful
from ..shapes import TensorShape
from ..tensors import Tensor
from ..variables import Variable, is_variable
from . import activations, loss_functions
from .settings import (
    float_dtype,
    floatx,
)

square, sqrt, exp, log = elementwise.square, elementwise.sqrt, elementwise.exp, elementwise.log
abs, sign, round, sin, cos = (
    elementwise.abs, elementwise.sign, elementwise.round, elementwise.sin, elementwise.cos,
)  # fmt: skip
maximum, minimum = elementwise.maximum, elementwise.minimum
equal, not_equal = elementwise.equal, elementwise.not_equal
greater, greater_equal = elementwise.greater, elementwise.greater_equal
less, less_equal = elementwise.less, elementwise.less_equal
identity = elementwise.identity
transpose, reshape, tile = shaping.transpose, shaping.reshape, shaping.tile
stack, reverse = shaping.stack, shaping.reverse
eye = arrays.eye
gather = indexing.gather
softmax, sigmoid, tanh, elu = (
    activations.softmax, activations.sigmoid, activations.tanh, activations.elu,
)  # fmt: skip
softplus, softsign, hard_sigmoid = (
    activations.softplus, activations.softsign, activations.hard_sigmoid,
)  # fmt: skip


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Tensor:
    """A tensor with the value; floats have the dtype `floatx`."""
    return elementwise.constant(value, dtype or floatx(), shape)


def variable(
    value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None
) -> Variable:
    """A variable that begins with the value."""
    return Variable(np.asarray(value, float_dtype(dtype).numpy), name=name, constraint=constraint)


def zeros(shape: Any, dtype: Any = None, name: str | None = None) -> Variable:
    """A variable of zeros."""
    return Variable(np.zeros(tuple(shape), float_dtype(dtype).numpy), name=name)


def ones(shape: Any, dtype: Any = None, name: str | None = None) -> Variable:
    """A variable of ones."""
    return Variable(np.ones(tuple(shape), float_dtype(dtype).numpy), name=name)


def zeros_like(x: Any, dtype: Any = None, name: str | None = None) -> Tensor:
    """Zeros of x's shape."""
    return arrays.zeros_like(x, dtype)


def ones_like(x: Any, dtype: Any = None, name: str | None = None) -> Tensor:
    """Ones of x's shape."""
    return arrays.ones_like(x, dtype)


def cast(x: Any, dtype: Any) -> Tensor:
    """x in another dtype."""
    return elementwise.cast(x, dtype)


def cast_to_floatx(x: Any) -> Any:
    """An array or tensor in the dtype `floatx`."""
    if isinstance(x, (Tensor, Variable)):
        return elementwise.cast(x, floatx())
    return np.asarray(x, dtype=floatx())


def shape(x: Any) -> Tensor:
    """The shape as a tensor."""
    return arrays.shape(x)


def int_shape(x: Any) -> tuple[int | None, ...]:
    """The shape as a tuple."""
    return tuple(TensorShape(x.shape))


def ndim(x: Any) -> int:
    """The number of axes."""
    return convert.convert_to_tensor(x).ndim


def dtype(x: Any) -> str:
    """The dtype's name."""
    return convert.convert_to_tensor(x).dtype.name


def eval(x: Any) -> Any:
    """The value as a NumPy array."""
    return x.numpy() if hasattr(x, "numpy") else np.asarray(x)


def get_value(x: Any) -> Any:
    """The value of a variable or tensor."""
    return eval(x)


def set_value(x: Variable, value: Any) -> None:
    """Assign to a variable."""
    x.assign(np.asarray(value, x.dtype.numpy))


def batch_get_value(tensors: Any) -> list[Any]:
    """The values of several."""
    return [eval(x) for x in tensors]


def batch_set_value(tuples: Any) -> None:
    """Assign to several: pairs of a variable and a value."""
    for x, value in tuples:
        set_value(x, value)


def count_params(x: Any) -> int:
    """The number of elements."""
    return TensorShape(x.shape).num_elements() or 0


def update(x: Variable, new_x: Any) -> Any:
    """Assign to a variable."""
    return x.assign(new_x)


def update_add(x: Variable, increment: Any) -> Any:
    """Add to a variable."""
    return x.assign_add(increment)


def update_sub(x: Variable, decrement: Any) -> Any:
    """Subtract from a variable."""
    return x.assign_sub(decrement)


def dot(x: Any, y: Any) -> Tensor:
    """The product of two matrices, or of the last axis of x and the last but one of y."""
    a, b = convert.convert_to_tensor(x), convert.convert_to_tensor(y)
    if a.ndim <= 2 and b.ndim <= 2:
        return linalg.matmul(a, b)
    return linalg.tensordot(a, b, [[a.ndim - 1], [max(b.ndim - 2, 0)]])


def pow(x: Any, a: Any) -> Tensor:
    """x to the power a."""
    result: Tensor = elementwise.pow(x, a)
    return result


def clip(x: Any, min_value: Any, max_value: Any) -> Tensor:
    """x, within the two bounds."""
    return elementwise.clip_by_value(x, min_value, max_value)


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The sum along the axes."""
    result: Tensor = reductions.reduce_sum(x, axis, keepdims)
    return result


def prod(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The product along the axes."""
    result: Tensor = reductions.reduce_prod(x, axis, keepdims)
    return result


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The mean along the axes; of booleans and integers as floats."""
    tensor = convert.convert_to_tensor(x)
    if not tensor.dtype.is_floating:
        tensor = elementwise.cast(tensor, floatx())
    result: Tensor = reductions.reduce_mean(tensor, axis, keepdims)
    return result


def max(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The largest along the axes."""
    result: Tensor = reductions.reduce_max(x, axis, keepdims)
    return result


def min(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The smallest along the axes."""
    result: Tensor = reductions.reduce_min(x, axis, keepdims)
    return result


def std(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The standard deviation along the axes."""
    result: Tensor = reductions.reduce_std(x, axis, keepdims)
    return result


def var(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The variance along the axes."""
    result: Tensor = reductions.reduce_variance(x, axis, keepdims)
    return result


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether some element is true."""
    result: Tensor = reductions.reduce_any(elementwise.cast(x, "bool"), axis, keepdims)
    return result


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether all elements are true."""
    result: Tensor = reductions.reduce_all(elementwise.cast(x, "bool"), axis, keepdims)
    return result


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x)))."""
    result: Tensor = reductions.reduce_logsumexp(x, axis, keepdims)
    return result


def argmax(x: Any, axis: int = -1) -> Tensor:
    """The position of the largest along the axis."""
    result: Tensor = reductions.argmax(x, axis)
    return result


def argmin(x: Any, axis: int = -1) -> Tensor:
    """The position of the smallest along the axis."""
    result: Tensor = reductions.argmin(x, axis)
    return result


def cumsum(x: Any, axis: int = 0) -> Tensor:
    """The sums of all elements up to each."""
    result: Tensor = reductions.cumsum(x, axis)
    return result


def cumprod(x: Any, axis: int = 0) -> Tensor:
    """The products of all elements up to each."""
    result: Tensor = reductions.cumprod(x, axis)
    return result


def concatenate(tensors: Any, axis: int = -1) -> Tensor:
    """Tensors one after the other."""
    return shaping.concat(tensors, axis)


def expand_dims(x: Any, axis: int = -1) -> Tensor:
    """A new axis of size 1."""
    return shaping.expand_dims(x, axis)


def squeeze(x: Any, axis: int) -> Tensor:
    """Without an axis of size 1."""
    return shaping.squeeze(x, axis)


def flatten(x: Any) -> Tensor:
    """All elements along one axis."""
    return shaping.reshape(x, [-1])


def batch_flatten(x: Any) -> Tensor:
    """All axes but the first as one."""
    tensor = convert.convert_to_tensor(x)
    return shaping.reshape(tensor, [tensor.shape[0] or -1, -1])


def permute_dimensions(x: Any, pattern: Any) -> Tensor:
    """The axes in another order."""
    return shaping.transpose(x, pattern)


def repeat_elements(x: Any, rep: int, axis: int) -> Tensor:
    """Each element `rep` times along the axis."""
    return shaping.repeat(x, rep, axis)


def one_hot(indices: Any, num_classes: int) -> Tensor:
    """Class numbers as rows with a 1."""
    return arrays.one_hot(indices, num_classes)


def relu(x: Any, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """max(x, 0); with slope `alpha` below the threshold, or a bound above."""
    return activations.relu(x, alpha, max_value, threshold)


def l2_normalize(x: Any, axis: Any = None) -> Tensor:
    """x divided by its norm."""
    return linalg.l2_normalize(x, axis)


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Tensor:
    """One or the other, by the condition; functions are called."""
    then = then_expression() if callable(then_expression) else then_expression
    other = else_expression() if callable(else_expression) else else_expression
    return indexing.where(condition, then, other)


def random_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Tensor:
    """Normally distributed numbers."""
    return stateful.normal(shape, mean, stddev, float_dtype(dtype), seed)


def random_uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None
) -> Tensor:
    """Uniformly distributed numbers."""
    return stateful.uniform(shape, minval, maxval, float_dtype(dtype), seed)


def categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """-sum(target * log(output)) of each example."""
    return loss_functions.categorical_crossentropy(target, output, from_logits, 0.0, axis)


def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """-log(output[target]) of each example."""
    return loss_functions.sparse_categorical_crossentropy(target, output, from_logits, None, axis)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Tensor:
    """The binary cross-entropy of each element."""
    tensors = [shaping.expand_dims(x, -1) for x in loss_functions.operands(target, output)]
    return loss_functions.binary_crossentropy(*tensors, from_logits=from_logits)


def is_tensor(x: Any) -> bool:
    """Whether x is a tensor or a variable."""
    return isinstance(x, Tensor) or is_variable(x)


is_keras_tensor = is_tensor


def learning_phase() -> int:
    """0: training is said in calls."""
    return 0


def backend() -> str:
    """ "tensorflow", whose dialect this is."""
    return "tensorflow"
