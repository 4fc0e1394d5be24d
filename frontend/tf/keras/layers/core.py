"""Dense layers, embeddings and what needs no weights: shapes, activations, sums.

Layer: frontend.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...apply import apply
from ...convert import convert_to_tensor
from ...elementwise import cast, not_equal
from ...indexing import gather
from ...shapes import TensorShape
from ...shaping import transpose
from .. import activations, regularizers
from .base import FAMILY, Layer
from .weighted import Weighted


def _affine(x: Any, kernel: Any, *bias: Any) -> Any:
    y = np.tensordot(x, kernel, axes=1) if x.ndim > 2 else np.matmul(x, kernel)
    return y + bias[0] if bias else y


@FAMILY.add()
class Dense(Weighted):
    """activation(inputs @ kernel + bias), on the last axis.

    Args:
        units: the size of the result's last axis.
        activation: a name or function; by default none.
        use_bias: whether there is a bias.
        kernel_initializer: and `bias_initializer`: where the weights begin.
        bias_initializer: see above.
        kernel_regularizer: and `bias_regularizer`: penalties.
        bias_regularizer: see above.
        activity_regularizer: a penalty on the output.
        kernel_constraint: and `bias_constraint`: what updates are held to.
        bias_constraint: see above.
        options: see `Layer`.
    """

    supports_masking = True

    fields = (
        "units", "activation", "use_bias", "kernel_initializer", "bias_initializer",
        "kernel_regularizer", "bias_regularizer", "kernel_constraint", "bias_constraint",
    )  # fmt: skip

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **options)
        if int(units) <= 0:
            raise ValueError(
                "Received an invalid value for `units`, expected a positive integer. "
                f"Received: units={units}"
            )
        self.units, self.use_bias = int(units), use_bias
        self.activation = activations.get(activation)
        self._describe("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self._describe("bias", bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape: Any) -> None:
        """Make kernel [inputs, units] and bias [units]."""
        inputs = TensorShape(input_shape)[-1]
        if inputs is None:
            raise ValueError("The last dimension of the inputs to `Dense` should be defined.")
        self.kernel = self._make("kernel", (inputs, self.units))
        self.bias = self._make("bias", (self.units,)) if self.use_bias else None

    def call(self, inputs: Any) -> Any:
        """The result."""
        x = convert_to_tensor(inputs)
        expected = self.kernel.shape[0]
        if x.ndim == 0 or x.shape[-1] not in (None, expected):
            raise ValueError(
                f"Input 0 of layer {self.name!r} is incompatible with the layer: expected axis -1"
                f" of input shape to have value {expected}, but received input with shape {x.shape}"
            )
        weights = [self.kernel.value()] + ([self.bias.value()] if self.bias is not None else [])
        return self.activation(apply("MatMul", _affine, [x, *weights]))


@FAMILY.add()
class Embedding(Weighted):
    """Rows of a table, by their indices.

    Args:
        input_dim: the number of rows.
        output_dim: the size of a row.
        embeddings_initializer: where the table begins.
        embeddings_regularizer: a penalty.
        embeddings_constraint: what updates are held to.
        mask_zero: whether index 0 says that a step does not count.
        options: see `Layer`.
    """

    fields = (
        "input_dim", "output_dim", "embeddings_initializer", "embeddings_regularizer",
        "embeddings_constraint", "mask_zero",
    )  # fmt: skip

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        **options: Any,
    ) -> None:
        options.pop("input_length", None)
        super().__init__(**options)
        self.mask_zero = self.supports_masking = bool(mask_zero)
        self.input_dim, self.output_dim = int(input_dim), int(output_dim)
        self._describe(
            "embeddings", embeddings_initializer, embeddings_regularizer, embeddings_constraint
        )

    def build(self, input_shape: Any = None) -> None:
        """Make the table."""
        self.embeddings = self._make("embeddings", (self.input_dim, self.output_dim))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """True where the index is not 0."""
        return not_equal(inputs, 0) if self.mask_zero else None

    def call(self, inputs: Any) -> Any:
        """The rows."""
        x = convert_to_tensor(inputs)
        return gather(self.embeddings, x if x.dtype.is_integer else cast(x, "int32"))


@FAMILY.add()
class Activation(Layer):
    """An activation function as a layer."""

    supports_masking = True

    fields = ("activation",)

    def __init__(self, activation: Any, **options: Any) -> None:
        super().__init__(**options)
        self.activation = activations.get(activation)

    def call(self, inputs: Any) -> Any:
        """The result."""
        return self.activation(inputs)


@FAMILY.add()
class ReLU(Layer):
    """max(x, 0); see `activations.relu`."""

    supports_masking = True

    fields = ("max_value", "negative_slope", "threshold")

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.max_value, self.negative_slope = max_value, negative_slope
        self.threshold = threshold

    def call(self, inputs: Any) -> Any:
        """The result."""
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


@FAMILY.add()
class LeakyReLU(Layer):
    """x, or `negative_slope` times x where x is negative."""

    supports_masking = True

    fields = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.3, **options: Any) -> None:
        negative_slope = options.pop("alpha", negative_slope)
        super().__init__(**options)
        self.negative_slope = negative_slope

    def call(self, inputs: Any) -> Any:
        """The result."""
        return activations.leaky_relu(inputs, self.negative_slope)


@FAMILY.add()
class Softmax(Layer):
    """exp(x) / sum(exp(x)) along an axis."""

    supports_masking = True

    fields = ("axis",)

    def __init__(self, axis: int = -1, **options: Any) -> None:
        super().__init__(**options)
        self.axis = axis

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """The result; with a mask of the input's shape, 0 where it is False."""
        if mask is None:
            return activations.softmax(inputs, self.axis)
        counts = cast(mask, "bool")
        scores = apply("Masked", _far_below, [convert_to_tensor(inputs), counts])
        return apply("Masked", _zero, [activations.softmax(scores, self.axis), counts])


def _zero(x: Any, mask: Any) -> Any:
    return np.where(mask, x, x.dtype.type(0))


def _far_below(x: Any, mask: Any) -> Any:
    """Finite, so that rows where nothing counts have no NaN."""
    return np.where(mask, x, x.dtype.type(-3e4 if x.dtype.itemsize == 2 else -1e9))


def _flatten(x: Any, *, sizes: tuple[int, ...]) -> Any:
    return x.reshape((x.shape[0], *sizes))


@FAMILY.add()
class Flatten(Layer):
    """All axes but the first as one."""

    def __init__(self, data_format: str | None = None, **options: Any) -> None:
        super().__init__(**options)

    def call(self, inputs: Any) -> Any:
        """The result."""
        x = convert_to_tensor(inputs)
        size = math.prod(x._value.shape[1:])
        return apply("Flatten", _flatten, [x], {"sizes": (size,)})


@FAMILY.add()
class Reshape(Layer):
    """Another shape of each example; one size may be -1."""

    fields = ("target_shape",)

    def __init__(self, target_shape: Any, **options: Any) -> None:
        super().__init__(**options)
        self.target_shape = tuple(target_shape)

    def call(self, inputs: Any) -> Any:
        """The result."""
        x = convert_to_tensor(inputs)
        sizes = self.target_shape
        if -1 in sizes:
            rest = math.prod(s for s in sizes if s != -1)
            total = math.prod(x._value.shape[1:])
            sizes = tuple(total // rest if s == -1 else s for s in sizes)
        return apply("Reshape", _flatten, [x], {"sizes": sizes})


@FAMILY.add()
class Permute(Layer):
    """The axes of each example in another order; `dims` counts from 1."""

    fields = ("dims",)

    def __init__(self, dims: Any, **options: Any) -> None:
        super().__init__(**options)
        self.dims = tuple(dims)

    def call(self, inputs: Any) -> Any:
        """The result."""
        return transpose(inputs, (0, *self.dims))


def _rescale(x: Any, *, scale: float, offset: float) -> Any:
    return x * scale + offset


@FAMILY.add()
class Rescaling(Layer):
    """inputs * scale + offset."""

    supports_masking = True

    fields = ("scale", "offset")

    def __init__(self, scale: float, offset: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.scale, self.offset = scale, offset

    def call(self, inputs: Any) -> Any:
        """The result."""
        attrs = {"scale": float(self.scale), "offset": float(self.offset)}
        return apply("Rescaling", _rescale, [cast(inputs, self.dtype_policy.compute)], attrs)


@FAMILY.add()
class Lambda(Layer):
    """Any function as a layer.

    Args:
        function: called with the input and `arguments`, and with `training` if it takes it.
        output_shape: for Keras's signature.
        mask: the mask of the result, or a function of the inputs and their masks that gives it.
        arguments: keywords for `function`.
        options: see `Layer`.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.function, self.arguments = function, dict(arguments or {})
        self._mask = mask
        self.supports_masking = mask is not None

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """What the argument `mask` says."""
        return self._mask(inputs, previous_mask) if callable(self._mask) else self._mask

    def call(self, inputs: Any) -> Any:
        """The result."""
        return self.function(inputs, **self.arguments)


@FAMILY.add()
class Masking(Layer):
    """Steps whose features all are `mask_value` do not count in the layers that follow."""

    supports_masking = True

    fields = ("mask_value",)

    def __init__(self, mask_value: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.mask_value = mask_value

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """True for the steps that count."""
        attrs = {"value": float(self.mask_value)}
        return apply("Masking", _counts, [convert_to_tensor(inputs)], attrs)

    def call(self, inputs: Any) -> Any:
        """The input, with 0 at steps that do not count."""
        x = convert_to_tensor(inputs)
        return apply("Masked", _kept, [x, self.compute_mask(x)])


def _counts(x: Any, *, value: float) -> Any:
    return np.any(x != x.dtype.type(value), axis=-1)


def _kept(x: Any, mask: Any) -> Any:
    return np.where(mask[..., None], x, x.dtype.type(0))


@FAMILY.add()
class Identity(Layer):
    """The input itself."""

    supports_masking = True

    def call(self, inputs: Any) -> Any:
        """The result."""
        return inputs


@FAMILY.add()
class ActivityRegularization(Layer):
    """The input itself; its size is a penalty: l1 * sum(|x|) + l2 * sum(x ** 2)."""

    supports_masking = True

    fields = ("l1", "l2")

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **options: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1, l2), **options)
        self.l1, self.l2 = l1, l2

    def call(self, inputs: Any) -> Any:
        """The result."""
        return inputs


__all__ = [
    "Activation", "ActivityRegularization", "Dense", "Embedding", "Flatten", "Identity", "Lambda",
    "LeakyReLU", "Masking", "Permute", "ReLU", "Rescaling", "Reshape", "Softmax",
]  # fmt: skip
