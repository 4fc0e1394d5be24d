"""`tf.random.stateless_normal` and the others: a pure function of the seed that is passed.

Layer: frontend. The seed, two integers, is scrambled into a key and a counter; with equal seeds
TensorFlow draws the same numbers. Works in traced functions, also with seeds that depend on their
arguments.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..apply import apply
from ..convert import convert_to_tensor
from ..errors import InvalidArgumentError
from ..shaping import concat, reshape
from ..static import shape as static_shape
from ..static import value as static_value
from ..tensors import Tensor
from . import stateful
from .arrays import for_arrays
from .programs import draw
from .samplers import bits

# The key under which seeds are scrambled.
_SCRAMBLING = np.array([0x02461E293EC8F720], np.uint64)


def seed_start(seed: Any, op: str) -> Tensor:
    """Where the stream of a seed of two integers starts, as u64[3]."""
    tensor = convert_to_tensor(seed)
    if tuple(tensor.shape) != (2,) or not tensor.dtype.is_integer:
        raise InvalidArgumentError(
            f"seed must have shape [2] and an integer dtype, not {tensor.shape}"
            f" {tensor.dtype.name} [Op:{op}]"
        )
    found: Tensor = apply("StatelessRandomGetKeyCounter", _seed_start, [tensor])
    return found


def _seed_start(seed: Any) -> Any:
    counter = seed.astype(np.int64).astype(np.uint64)
    scrambling = np.concatenate([counter, _SCRAMBLING])
    found = bits(scrambling, (2,), np.dtype(np.uint64))
    return np.concatenate([np.zeros(1, np.uint64), found[::-1]])


@for_arrays
def stateless_normal(
    shape: Any,
    seed: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    name: str | None = None,
    alg: Any = "auto_select",
) -> Tensor:
    """Normally distributed numbers."""
    drawn = _floats("StatelessRandomNormalV2", "normal", shape, seed, dtype)
    return stateful.scaled(drawn, mean, stddev)


@for_arrays
def stateless_truncated_normal(
    shape: Any,
    seed: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    name: str | None = None,
    alg: Any = "auto_select",
) -> Tensor:
    """Normally distributed numbers within two standard deviations."""
    drawn = _floats("StatelessTruncatedNormalV2", "truncated_normal", shape, seed, dtype)
    return stateful.scaled(drawn, mean, stddev)


@for_arrays
def stateless_uniform(
    shape: Any,
    seed: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = dtypes.float32,
    name: str | None = None,
    alg: Any = "auto_select",
) -> Tensor:
    """Floats in [minval, maxval), or integers of that range (all integers if both are None)."""
    wanted = dtypes.as_dtype(dtype)
    if not wanted.is_integer:
        drawn = _floats("StatelessRandomUniformV2", "uniform", shape, seed, wanted)
        return stateful.ranged(drawn, minval, maxval)
    begin = seed_start(seed, "StatelessRandomUniformIntV2")
    return uniform_integers(begin, shape, minval, maxval, wanted)


def uniform_integers(begin: Tensor, shape: Any, minval: Any, maxval: Any, dtype: Any) -> Tensor:
    """Integers of a range; all bits at random if both bounds are None."""
    sizes = static_shape(shape, "random.stateless_uniform")
    if minval is None and maxval is None:
        attrs = {"shape": sizes, "dtype": dtype.numpy}
        found: Tensor = apply("StatelessRandomUniformFullIntV2", _all_bits, [begin], attrs)
        return found
    low, high = stateful.integer_range("StatelessRandomUniformIntV2", minval, maxval, dtype)
    return stateful.integers(begin, sizes, low, high, dtype)


def _all_bits(begin: Any, *, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    unsigned = np.dtype(np.uint64 if dtype.itemsize == 8 else np.uint32)
    return draw(begin, kind="bits", shape=shape, dtype=unsigned).astype(dtype)


def _floats(op: str, kind: str, shape: Any, seed: Any, dtype: Any) -> Tensor:
    wanted = stateful.checked_float(op, dtype)
    sizes = static_shape(shape, op)
    return stateful.sampled(op, seed_start(seed, op), kind, sizes, wanted)


@for_arrays
def stateless_categorical(
    logits: Any, num_samples: Any, seed: Any, dtype: Any = dtypes.int64, name: str | None = None
) -> Tensor:
    """Numbers of classes, drawn for each row with probabilities softmax(logits)."""
    count = static_shape([num_samples], "random.stateless_categorical")[0]
    begin = seed_start(seed, "StatelessMultinomial")
    return stateful.drawn_classes(begin, convert_to_tensor(logits), count, dtype)


def _generator(seed: Any, op: str) -> np.random.Generator:
    return stateful.generator_at(static_value(seed_start(seed, op), op))


@for_arrays
def stateless_gamma(
    shape: Any,
    seed: Any,
    alpha: Any,
    beta: Any = None,
    dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:
    """Gamma distributed numbers, of this shape."""
    parameters = stateful.gamma_parameters(alpha, beta, dtype)
    outer = _outer_sizes(shape, parameters, "stateless_gamma")
    begin = seed_start(seed, "StatelessRandomGammaV3")
    return stateful.drawn_gamma("StatelessRandomGammaV3", begin, outer, parameters)


@for_arrays
def stateless_poisson(
    shape: Any, seed: Any, lam: Any, dtype: Any = dtypes.int32, name: str | None = None
) -> Tensor:
    """Poisson distributed numbers, of this shape."""
    rate = convert_to_tensor(lam)
    outer = _outer_sizes(shape, [rate], "stateless_poisson")
    begin = seed_start(seed, "StatelessRandomPoisson")
    return stateful.drawn_poisson("StatelessRandomPoisson", begin, outer, rate, dtype)


def _outer_sizes(shape: Any, parameters: list[Tensor], op: str) -> tuple[int, ...]:
    """The axes of `shape` in front of those of the parameters, which have to fit its end."""
    sizes = static_shape(shape, f"random.{op}")
    inner = np.broadcast_shapes(*[p._value.shape for p in parameters])
    if sizes[len(sizes) - len(inner) :] != inner:
        raise InvalidArgumentError(
            f"the parameters' shape {list(inner)} has to be the end of the result's shape"
            f" {list(sizes)} [Op:{op}]"
        )
    return sizes[: len(sizes) - len(inner)]


@for_arrays
def stateless_binomial(
    shape: Any,
    seed: Any,
    counts: Any,
    probs: Any,
    output_dtype: Any = dtypes.int32,
    name: str | None = None,
) -> Tensor:
    """How many of `counts` trials succeed, each with probability `probs`."""
    sizes = static_shape(shape, "random.stateless_binomial")
    n, p = (static_value(x, "random.stateless_binomial") for x in (counts, probs))
    rng = _generator(seed, "random.stateless_binomial")
    found = rng.binomial(n.astype(np.int64), p.astype(np.float64), sizes)
    return convert_to_tensor(np.asarray(found, dtypes.as_dtype(output_dtype).numpy))


@for_arrays
def split(seed: Any, num: int = 2, alg: Any = "auto_select") -> Tensor:
    """`num` seeds that are unlike each other and the one they come from: [num, 2]."""
    tensor = convert_to_tensor(seed)
    return stateless_uniform([num, 2], tensor, None, None, tensor.dtype)


@for_arrays
def fold_in(seed: Any, data: Any, alg: Any = "auto_select") -> Tensor:
    """A seed that also depends on an integer, such as the number of a step."""
    tensor = convert_to_tensor(seed)
    number = reshape(convert_to_tensor(data, tensor.dtype), [1])
    first = stateless_uniform([1], tensor, None, None, tensor.dtype)
    return concat([first, number], 0)
