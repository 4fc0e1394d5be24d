"""`tf.random.normal` and the others that draw anew with every call.

Layer: frontend. Eagerly and in traced functions; the numbers come from samplers.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtypes
from ..apply import apply
from ..convert import convert_to_tensor
from ..dtypes import DType
from ..errors import InvalidArgumentError
from ..static import shape as static_shape
from ..tensors import OPERATORS, Tensor
from . import seeds
from .programs import draw, draw_with

_FLOATS = (dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64)


def normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Normally distributed numbers."""
    drawn = _floats("RandomStandardNormal", "normal", shape, dtype, seed)
    return scaled(drawn, mean, stddev)


def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Normally distributed numbers, none more than two standard deviations from the mean."""
    drawn = _floats("TruncatedNormal", "truncated_normal", shape, dtype, seed)
    return scaled(drawn, mean, stddev)


def uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Floats in [minval, maxval), or integers of that range, each as likely as any other.

    Raises:
        ValueError: integers without `maxval`, or a dtype that is neither.
        InvalidArgumentError: the range of integers is empty.
    """
    wanted = dtypes.as_dtype(dtype)
    if wanted.is_integer:
        sizes = static_shape(shape, "random.uniform")
        low, high = integer_range("RandomUniformInt", minval, maxval, wanted)
        begin = seeds.start(f"RandomUniformInt/{wanted.name}", seed, size_of(sizes))
        return integers(begin, sizes, low, high, wanted)
    drawn = _floats("RandomUniform", "uniform", shape, wanted, seed)
    return ranged(drawn, minval, maxval)


def _floats(op: str, kind: str, shape: Any, dtype: Any, seed: Any) -> Tensor:
    wanted = checked_float(op, dtype)
    sizes = static_shape(shape, op)
    begin = seeds.start(f"{op}/{wanted.name}", seed, size_of(sizes))
    return sampled(op, begin, kind, sizes, wanted)


# -- shared with the stateless ops ----------------------------------------------------------------


def size_of(sizes: tuple[int, ...]) -> int:
    """The number of elements."""
    return math.prod(sizes)


def checked_float(op: str, dtype: Any) -> DType:
    """The dtype, which has to be a float."""
    wanted = dtypes.as_dtype(dtype)
    if wanted not in _FLOATS:
        raise ValueError(
            f"Argument `dtype` got invalid value {wanted!r} in {op}. Accepted dtypes are"
            f" {', '.join(repr(d) for d in _FLOATS)}."
        )
    return wanted


def sampled(op: str, begin: Tensor, kind: str, sizes: tuple[int, ...], dtype: DType) -> Tensor:
    """Numbers of a kind from where a stream starts."""
    attrs = {"kind": kind, "shape": sizes, "dtype": dtype.numpy}
    drawn: Tensor = apply(op, draw, [begin], attrs)
    return drawn


def scaled(drawn: Tensor, mean: Any, stddev: Any) -> Tensor:
    """drawn * stddev + mean; gradients pass to the mean and the standard deviation."""
    if type(stddev) is not float or stddev != 1.0:
        drawn = OPERATORS["mul"](drawn, convert_to_tensor(stddev, drawn.dtype))
    if type(mean) is not float or mean != 0.0:
        drawn = OPERATORS["add"](drawn, convert_to_tensor(mean, drawn.dtype))
    return drawn


def ranged(drawn: Tensor, minval: Any, maxval: Any) -> Tensor:
    """Numbers of [0, 1) stretched to [minval, maxval)."""
    if maxval is None:
        maxval = 1
    if type(minval) in (int, float) and type(maxval) in (int, float):
        if (minval, maxval) == (0, 1):
            return drawn
        return scaled(drawn, float(minval), float(maxval) - float(minval))
    low = convert_to_tensor(minval, drawn.dtype)
    width = OPERATORS["sub"](convert_to_tensor(maxval, drawn.dtype), low)
    return OPERATORS["add"](OPERATORS["mul"](drawn, width), low)


def integer_range(op: str, minval: Any, maxval: Any, dtype: DType) -> tuple[Tensor, Tensor]:
    """The two bounds as tensors, checked where they are known."""
    if maxval is None:
        raise ValueError(f"Must specify maxval for integer dtype {dtype!r}")
    low, high = convert_to_tensor(minval, dtype), convert_to_tensor(maxval, dtype)
    if not (low.is_symbolic or high.is_symbolic) and np.any(low._value >= high._value):
        raise InvalidArgumentError(
            f"Need minval < maxval, got {low.numpy()} >= {high.numpy()} [Op:{op}] name: "
        )
    return low, high


def integers(
    begin: Tensor, sizes: tuple[int, ...], low: Tensor, high: Tensor, dtype: DType
) -> Tensor:
    """Integers of a range."""
    attrs = {"shape": sizes}
    found: Tensor = apply("RandomUniformInt", _integers, [begin, low, high], attrs)
    return found


def _integers(begin: Any, low: Any, high: Any, *, shape: tuple[int, ...]) -> Any:
    dtype = np.dtype(low.dtype)
    unsigned = np.dtype(np.uint64 if dtype.itemsize == 8 else np.uint32)
    found = draw(begin, kind="bits", shape=shape, dtype=unsigned)
    base = low.astype(unsigned)
    # in unsigned arithmetic, which wraps: the range may be wider than the signed numbers go
    return (base + found % (high.astype(unsigned) - base)).astype(dtype)


def categorical(
    logits: Any,
    num_samples: Any,
    dtype: Any = None,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Numbers of classes, drawn for each row with probabilities softmax(logits).

    Args:
        logits: [rows, classes].
        num_samples: how many for each row.
    """
    tensor = convert_to_tensor(logits)
    count = static_shape([num_samples], "random.categorical")[0]
    begin = seeds.start(f"Multinomial/{tensor.dtype.name}", seed, size_of(tensor._value.shape))
    return drawn_classes(begin, tensor, count, dtype)


def drawn_classes(begin: Tensor, logits: Tensor, count: int, dtype: Any) -> Tensor:
    """`count` classes for each row of logits."""
    wanted = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)
    if logits.ndim != 2:
        raise InvalidArgumentError(
            f"logits should be a matrix, got shape {logits.shape} [Op:Multinomial] name: "
        )
    attrs = {"count": count, "dtype": wanted.numpy}
    found: Tensor = apply("Multinomial", _classes, [begin, logits], attrs)
    return found


def _classes(begin: Any, logits: Any, *, count: int, dtype: np.dtype) -> Any:
    x = logits.astype(np.float64)
    running = np.cumsum(np.exp(x - np.max(x, axis=1, keepdims=True)), axis=1)
    shape = (logits.shape[0], count)
    drawn = draw(begin, kind="uniform", shape=shape, dtype=np.dtype(np.float64))
    below = (drawn * running[:, -1:])[:, :, None] >= running[:, None, :]
    return np.sum(below, axis=2, dtype=dtype)


def generator_at(begin: np.ndarray) -> np.random.Generator:
    """A generator of NumPy's for a place in a stream."""
    return np.random.default_rng(begin.tolist())


def gamma(
    shape: Any,
    alpha: Any,
    beta: Any = None,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Gamma distributed numbers: `shape` of them for each element of alpha (and the rate beta)."""
    sizes, parameters = static_shape(shape, "random.gamma"), gamma_parameters(alpha, beta, dtype)
    inner = np.broadcast_shapes(*[p._value.shape for p in parameters])
    begin = seeds.start(f"RandomGamma/{parameters[0].dtype.name}", seed, size_of((*sizes, *inner)))
    return drawn_gamma("RandomGamma", begin, sizes, parameters)


def gamma_parameters(alpha: Any, beta: Any, dtype: Any) -> list[Tensor]:
    """Alpha, and the rate if there is one."""
    wanted = dtypes.as_dtype(dtype)
    return [convert_to_tensor(x, wanted) for x in (alpha, beta) if x is not None]


def drawn_gamma(op: str, begin: Tensor, outer: tuple[int, ...], parameters: list[Tensor]) -> Tensor:
    """Gamma distributed numbers, `outer` of them for each element of the parameters."""
    found: Tensor = apply(op, _gammas, [begin, *parameters], {"outer": outer})
    return found


def _gammas(begin: Any, alpha: Any, *rate: Any, outer: tuple[int, ...]) -> Any:
    inner = np.broadcast_shapes(alpha.shape, *[r.shape for r in rate])
    shaped = np.broadcast_to(alpha, inner)
    found = draw_with(begin, shaped, kind="gamma", outer=outer, dtype=np.dtype(alpha.dtype))
    return found / rate[0] if rate else found


def poisson(
    shape: Any,
    lam: Any,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Poisson distributed numbers: `shape` of them for each element of lam."""
    sizes, rate = static_shape(shape, "random.poisson"), convert_to_tensor(lam)
    count = size_of((*sizes, *rate._value.shape))
    begin = seeds.start(f"RandomPoisson/{rate.dtype.name}", seed, count)
    return drawn_poisson("RandomPoissonV2", begin, sizes, rate, dtype)


def drawn_poisson(
    op: str, begin: Tensor, outer: tuple[int, ...], rate: Tensor, dtype: Any
) -> Tensor:
    """Poisson distributed numbers, `outer` of them for each element of the rate."""
    attrs = {"kind": "poisson", "outer": outer, "dtype": dtypes.as_dtype(dtype).numpy}
    found: Tensor = apply(op, draw_with, [begin, rate], attrs)
    return found


__all__ = [
    "categorical", "gamma", "normal", "poisson", "truncated_normal", "uniform",
]  # fmt: skip
