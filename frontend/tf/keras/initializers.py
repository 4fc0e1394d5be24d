"""Initial values of weights.

Layer: frontend. Called with a shape and a dtype, an initialiser gives a tensor; its values are
drawn by NumPy when a variable is made, also while a function is traced. Like in Keras 3, an
initialiser has one seed, so it gives the same values each time it is called.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..convert import convert_to_tensor
from ..tensors import Tensor
from .registry import Configured, Family
from .settings import float_dtype, new_seed

FAMILY = Family("initializer")
get, serialize, deserialize = FAMILY.get, FAMILY.serialize, FAMILY.deserialize
# The standard deviation of a normal distribution that is cut off at two of its own.
_TRUNCATED = 0.87962566103423978


class Initializer(Configured):
    """Base class; subclasses define `__call__(shape, dtype)`."""

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        """A tensor of the shape and dtype."""
        numpy = float_dtype(dtype).numpy
        values = np.asarray(self._values(tuple(int(d) for d in shape)))
        return convert_to_tensor(values.astype(numpy))

    def _values(self, shape: tuple[int, ...]) -> Any:
        raise NotImplementedError("Initializer subclasses must implement the `__call__()` method.")


@FAMILY.add("zero")
class Zeros(Initializer):
    """All zero."""

    def _values(self, shape: tuple[int, ...]) -> Any:
        return np.zeros(shape)


@FAMILY.add("one")
class Ones(Initializer):
    """All one."""

    def _values(self, shape: tuple[int, ...]) -> Any:
        return np.ones(shape)


@FAMILY.add()
class Constant(Initializer):
    """All the same value, or a given array."""

    fields = ("value",)

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def _values(self, shape: tuple[int, ...]) -> Any:
        return np.broadcast_to(np.asarray(self.value), shape)


@FAMILY.add()
class Identity(Initializer):
    """`gain` times the identity matrix."""

    fields = ("gain",)

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def _values(self, shape: tuple[int, ...]) -> Any:
        if len(shape) != 2:
            raise ValueError(
                f"Identity matrix initializer can only be used for 2D matrices. Got shape={shape}"
            )
        return self.gain * np.eye(*shape)


class _Random(Initializer):
    seed: int | None
    _seed: int

    def _take_seed(self, seed: int | None) -> None:
        self.seed = seed
        self._seed = new_seed() if seed is None else int(seed)

    def _generator(self) -> np.random.Generator:
        return np.random.default_rng(self._seed)


@FAMILY.add("normal")
class RandomNormal(_Random):
    """Normally distributed."""

    fields = ("mean", "stddev", "seed")

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev = mean, stddev
        self._take_seed(seed)

    def _values(self, shape: tuple[int, ...]) -> Any:
        return self._generator().normal(self.mean, self.stddev, shape)


@FAMILY.add()
class TruncatedNormal(_Random):
    """Normally distributed; what is further than two standard deviations away is drawn anew."""

    fields = ("mean", "stddev", "seed")

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev = mean, stddev
        self._take_seed(seed)

    def _values(self, shape: tuple[int, ...]) -> Any:
        return self.mean + self.stddev * draw_truncated(self._generator(), shape)


def draw_truncated(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal numbers in [-2, 2]."""
    drawn = np.asarray(generator.standard_normal(shape))
    while (far := np.abs(drawn) > 2.0).any():
        drawn[far] = generator.standard_normal(int(far.sum()))
    return drawn


@FAMILY.add("uniform")
class RandomUniform(_Random):
    """Uniformly distributed in [minval, maxval)."""

    fields = ("minval", "maxval", "seed")

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        self.minval, self.maxval = minval, maxval
        self._take_seed(seed)

    def _values(self, shape: tuple[int, ...]) -> Any:
        return self._generator().uniform(self.minval, self.maxval, shape)


@FAMILY.add()
class Orthogonal(_Random):
    """`gain` times a matrix whose rows or columns are orthonormal."""

    fields = ("gain", "seed")

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        self.gain = gain
        self._take_seed(seed)

    def _values(self, shape: tuple[int, ...]) -> Any:
        if len(shape) < 2:
            raise ValueError(
                f"The tensor to initialize must be at least two-dimensional. Received: {shape}"
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        drawn = self._generator().standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(drawn)
        q *= np.sign(np.diagonal(r))
        return self.gain * (q if rows >= columns else q.T).reshape(shape)


@FAMILY.add()
class VarianceScaling(_Random):
    """Distributed around 0 with the variance `scale` / fan.

    Args:
        scale: see above.
        mode: which fan: "fan_in" (inputs of a unit), "fan_out" (outputs) or "fan_avg".
        distribution: "truncated_normal", "untruncated_normal" or "uniform".
        seed: of the random numbers.
    """

    fields = ("scale", "mode", "distribution", "seed")

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ) -> None:
        distribution = "truncated_normal" if distribution == "normal" else distribution
        if scale <= 0:
            raise ValueError(f"Argument `scale` must be positive float. Received: scale={scale}")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f"Invalid `mode` argument: {mode!r}")
        if distribution not in ("truncated_normal", "untruncated_normal", "uniform"):
            raise ValueError(f"Invalid `distribution` argument: {distribution!r}")
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self._take_seed(seed)

    def _values(self, shape: tuple[int, ...]) -> Any:
        fan_in, fan_out = fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        generator = self._generator()
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return generator.uniform(-limit, limit, shape)
        if self.distribution == "untruncated_normal":
            return generator.normal(0.0, math.sqrt(variance), shape)
        return math.sqrt(variance) / _TRUNCATED * draw_truncated(generator, shape)


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Inputs and outputs of a unit; the last two axes are channels, the others a window."""
    if not shape:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


def _scaled(name: str, scale: float, mode: str, distribution: str, source: str) -> type:
    def __init__(self: Any, seed: int | None = None) -> None:
        VarianceScaling.__init__(self, scale, mode, distribution, seed)

    doc = f"Variance scaling with {mode} and scale {scale:g}, {distribution}. Source: {source}."
    made = type(
        name,
        (VarianceScaling,),
        {"__init__": __init__, "__doc__": doc, "fields": ("seed",), "__module__": __name__},
    )
    registered: type = FAMILY.add()(made)
    return registered


_GLOROT = "Glorot and Bengio, 2010"
_HE = "He et al., 2015"
_LECUN = "Klambauer et al., 2017"
GlorotUniform = _scaled("GlorotUniform", 1.0, "fan_avg", "uniform", _GLOROT)
GlorotNormal = _scaled("GlorotNormal", 1.0, "fan_avg", "truncated_normal", _GLOROT)
HeUniform = _scaled("HeUniform", 2.0, "fan_in", "uniform", _HE)
HeNormal = _scaled("HeNormal", 2.0, "fan_in", "truncated_normal", _HE)
LecunUniform = _scaled("LecunUniform", 1.0, "fan_in", "uniform", _LECUN)
LecunNormal = _scaled("LecunNormal", 1.0, "fan_in", "truncated_normal", _LECUN)

zeros, ones, constant, identity = Zeros, Ones, Constant, Identity
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
he_uniform, he_normal = HeUniform, HeNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal
orthogonal, variance_scaling = Orthogonal, VarianceScaling
