"""The initialisers of TensorFlow 1: `tf.zeros_initializer()` and the like.

Layer: frontend. Called with a shape, an initialiser gives a tensor: in graphs an op that draws anew
in each session, in eager programs a value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..arrays import eye
from ..arrays import ones as eager_ones
from ..arrays import zeros as eager_zeros
from ..convert import convert_to_tensor
from ..decompositions import qr
from ..elementwise import constant as eager_constant
from ..elementwise import multiply, sign
from ..graph.build import constant, graph_op
from ..linalg import diag_part, matrix_transpose
from ..random.stateful import normal, truncated_normal, uniform
from ..shapes import TensorShape
from ..shaping import reshape

# The standard deviation of a normal distribution that is cut off at two of its own.
_TRUNCATED = 0.87962566103423978

_zeros, _ones, _eye = graph_op(eager_zeros), graph_op(eager_ones), graph_op(eye)
_normal = graph_op(normal)
_truncated = graph_op(truncated_normal)
_uniform = graph_op(uniform)


class Initializer:
    """Base class; subclasses define `__call__(shape, dtype)`."""

    _fields: tuple[str, ...] = ()
    dtype: Any = dtypes.float32

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        """A tensor of the shape, and of the dtype (or that of the initialiser)."""
        sizes = [int(d) for d in TensorShape(shape).as_list()]  # type: ignore[arg-type]
        return self._tensor(sizes, dtypes.as_dtype(self.dtype if dtype is None else dtype))

    def _tensor(self, shape: list[int], dtype: dtypes.DType) -> Any:
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """The arguments that it was made with."""
        found = {name: getattr(self, name) for name in self._fields}
        return {**found, "dtype": dtypes.as_dtype(self.dtype).name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """An initialiser with these arguments."""
        return cls(**config)


class Zeros(Initializer):
    """All zero; strings are empty."""

    def __init__(self, dtype: Any = dtypes.float32) -> None:
        self.dtype = dtype

    def _tensor(self, shape: list[int], dtype: dtypes.DType) -> Any:
        return _zeros(shape, dtype)


class Ones(Initializer):
    """All one."""

    def __init__(self, dtype: Any = dtypes.float32) -> None:
        self.dtype = dtype

    def _tensor(self, shape: list[int], dtype: dtypes.DType) -> Any:
        return _ones(shape, dtype)


class Constant(Initializer):
    """All the same value, or a list of values, the last of which is repeated.

    Args:
        value: a number, a list or an array.
        dtype: of the result.
        verify_shape: whether a list has to have the shape that is asked for.
    """

    _fields = ("value",)

    def __init__(
        self, value: Any = 0, dtype: Any = dtypes.float32, verify_shape: bool = False
    ) -> None:
        if not (np.isscalar(value) or isinstance(value, (list, tuple, np.ndarray))):
            raise TypeError(
                f"Invalid type for initial value={value} of type: {type(value).__name__}. Expected"
                " Python scalar, list or tuple of values, or numpy.ndarray."
            )
        self.value, self.dtype, self._verify = value, dtype, verify_shape

    def __call__(
        self,
        shape: Any,
        dtype: Any = None,
        partition_info: Any = None,
        verify_shape: bool | None = None,
    ) -> Any:
        """A tensor of the shape.

        Raises:
            ValueError: there are more values than elements.
        """
        sizes = TensorShape(shape).as_list()
        wanted = dtypes.as_dtype(self.dtype if dtype is None else dtype)
        value = eager_constant(self.value, wanted)
        if self._verify if verify_shape is None else verify_shape:
            value.shape.assert_is_compatible_with(sizes)
        return constant(_filled(np.asarray(value), sizes), wanted)


def _filled(values: np.ndarray, shape: Sequence[Any]) -> np.ndarray:
    count = math.prod(shape)
    if values.size > count:
        raise ValueError(
            f"Too many elements provided. Needed at most {count}, but received {values.size}"
        )
    if values.size < count:
        flat = values.reshape(-1)
        values = np.concatenate([flat, np.broadcast_to(flat[-1], count - flat.size)])
    return values.reshape(shape)


class RandomUniform(Initializer):
    """Uniformly distributed in [minval, maxval); maxval is 1 by default."""

    _fields = ("minval", "maxval", "seed")

    def __init__(
        self,
        minval: Any = 0.0,
        maxval: Any = None,
        seed: int | None = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        self.minval, self.maxval, self.seed, self.dtype = minval, maxval, seed, dtype

    def _tensor(self, shape: list[int], dtype: dtypes.DType) -> Any:
        return _uniform(shape, self.minval, self.maxval, dtype, self.seed)


class _Normal(Initializer):
    _fields = ("mean", "stddev", "seed")

    def __init__(
        self,
        mean: float = 0.0,
        stddev: float = 1.0,
        seed: int | None = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed
        self.dtype = _float(dtype)


class RandomNormal(_Normal):
    """Normally distributed."""

    def _tensor(self, shape: list[int], dtype: dtypes.DType) -> Any:
        return _normal(shape, float(self.mean), float(self.stddev), dtype, self.seed)


class TruncatedNormal(_Normal):
    """Normally distributed; what is further than two standard deviations away is drawn anew."""

    def _tensor(self, shape: list[int], dtype: dtypes.DType) -> Any:
        return _truncated(shape, float(self.mean), float(self.stddev), dtype, self.seed)


class UniformUnitScaling(Initializer):
    """Uniformly distributed with the range `factor * sqrt(3 / inputs)`."""

    _fields = ("factor", "seed")

    def __init__(
        self, factor: float = 1.0, seed: int | None = None, dtype: Any = dtypes.float32
    ) -> None:
        self.factor, self.seed, self.dtype = factor, seed, _float(dtype)

    def _tensor(self, shape: list[int], dtype: dtypes.DType) -> Any:
        inputs = max(1.0, float(math.prod(shape[:-1])))
        limit = self.factor * math.sqrt(3.0 / inputs)
        return _uniform(shape, -limit, limit, dtype, self.seed)


class VarianceScaling(Initializer):
    """Distributed around 0 with the variance `scale` / fan.

    Args:
        scale: see above.
        mode: which fan: "fan_in" (inputs of a unit), "fan_out" (outputs) or "fan_avg".
        distribution: "truncated_normal", "untruncated_normal" or "uniform".
        seed: of the random numbers.
        dtype: of the result.

    Raises:
        ValueError: an argument is not one of these.
    """

    _fields = ("scale", "mode", "distribution", "seed")

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        mode, distribution = mode.lower(), distribution.lower()
        distribution = "truncated_normal" if distribution == "normal" else distribution
        if scale <= 0.0:
            raise ValueError(f"Argument `scale` must be a positive float. Received: {scale}")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f"Argument `mode` must be fan_in, fan_out or fan_avg, got {mode}")
        if distribution not in ("truncated_normal", "untruncated_normal", "uniform"):
            raise ValueError(f"Argument `distribution` has no value {distribution!r}")
        self.scale, self.mode, self.distribution, self.seed = scale, mode, distribution, seed
        self.dtype = _float(dtype)

    def _tensor(self, shape: list[int], dtype: dtypes.DType) -> Any:
        inputs, outputs = _fans(shape)
        fans = {"fan_in": inputs, "fan_out": outputs, "fan_avg": (inputs + outputs) / 2.0}
        variance = self.scale / max(1.0, fans[self.mode])
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return _uniform(shape, -limit, limit, dtype, self.seed)
        if self.distribution == "untruncated_normal":
            return _normal(shape, 0.0, math.sqrt(variance), dtype, self.seed)
        return _truncated(shape, 0.0, math.sqrt(variance) / _TRUNCATED, dtype, self.seed)


def _fans(shape: Sequence[int]) -> tuple[float, float]:
    """Inputs and outputs of a unit; the last two axes are channels, the others a window."""
    if len(shape) < 2:
        size = float(math.prod(shape))
        return size, size
    window = math.prod(shape[:-2])
    return float(shape[-2] * window), float(shape[-1] * window)


def _scaled(name: str, scale: float, mode: str, distribution: str) -> type[VarianceScaling]:
    def __init__(self: Any, seed: int | None = None, dtype: Any = dtypes.float32) -> None:
        VarianceScaling.__init__(self, scale, mode, distribution, seed, dtype)

    doc = f"Variance scaling with {mode} and scale {scale:g}, {distribution}."
    members = {
        "__init__": __init__, "__doc__": doc, "_fields": ("seed",), "__module__": __name__
    }  # fmt: skip
    return type(name, (VarianceScaling,), members)


GlorotUniform = _scaled("GlorotUniform", 1.0, "fan_avg", "uniform")
GlorotNormal = _scaled("GlorotNormal", 1.0, "fan_avg", "truncated_normal")
HeUniform = _scaled("HeUniform", 2.0, "fan_in", "uniform")
HeNormal = _scaled("HeNormal", 2.0, "fan_in", "truncated_normal")
LecunUniform = _scaled("LecunUniform", 1.0, "fan_in", "uniform")
LecunNormal = _scaled("LecunNormal", 1.0, "fan_in", "truncated_normal")


class Orthogonal(Initializer):
    """`gain` times a matrix whose rows or columns are orthonormal."""

    _fields = ("gain", "seed")

    def __init__(
        self, gain: float = 1.0, seed: int | None = None, dtype: Any = dtypes.float32
    ) -> None:
        self.gain, self.seed, self.dtype = gain, seed, _float(dtype)

    def _tensor(self, shape: list[int], dtype: dtypes.DType) -> Any:
        if len(shape) < 2:
            raise ValueError(
                "The tensor to initialize must be at least two-dimensional. Received: shape ="
                f" {TensorShape(shape)}"
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        flat = (max(rows, columns), min(rows, columns))
        drawn = _normal(flat, dtype=dtype, seed=self.seed)
        return _orthonormal(drawn, float(self.gain), rows < columns, tuple(shape))


def _orthonormal_of(drawn: Any, gain: float, transposed: bool, shape: Any) -> Any:
    q, r = qr(drawn, full_matrices=False)
    q = multiply(q, sign(diag_part(r)))
    q = matrix_transpose(q) if transposed else q
    return multiply(reshape(q, shape), convert_to_tensor(gain, q.dtype))


_orthonormal = graph_op(_orthonormal_of, "orthogonal", "Qr")


class Identity(Initializer):
    """`gain` times the identity matrix."""

    _fields = ("gain",)

    def __init__(self, gain: float = 1.0, dtype: Any = dtypes.float32) -> None:
        self.gain, self.dtype = gain, _float(dtype)

    def _tensor(self, shape: list[int], dtype: dtypes.DType) -> Any:
        if len(shape) != 2:
            raise ValueError(
                "The tensor to initialize, specified by argument `shape` must be at least"
                f" two-dimensional. Received shape={shape}"
            )
        made = _eye(shape[0], shape[1], dtype=dtype)
        return made if self.gain == 1.0 else made * self.gain


def _float(dtype: Any) -> dtypes.DType:
    found = dtypes.as_dtype(dtype)
    if not found.is_floating:
        raise ValueError(f"Argument `dtype` expected to be numeric or boolean, got {found}")
    return found
