"""Random numbers of distributions with a parameter: candidates are drawn until one is accepted.

Layer: compiler/ops. Element i has 256 values of the counter for itself (see random.py). Everything
is computed in f64.

Sources: Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 26, 2000;
Hörmann, "The transformed rejection method for generating Poisson random variables", Insurance:
Mathematics and Economics 12, 1993; for small means, Knuth's products of uniform numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError
from ..ir.derivative import NoDerivative
from ..ir.opdef import OpDef
from ..ir.types import DType, TensorType
from . import math as elementary
from .elementwise import elementwise
from .infer import check_dtypes, check_shapes, shown
from .random import normals, numpy_normals, numpy_uniforms, numpy_words, uniforms, words
from .scalar import Scalar, ScalarBuilder

_SPACING = 256
_F64 = DType.F64
_FEW = 10.0  # Poisson means up to this count uniform numbers
_SHIFT = 8  # of the argument of Stirling's series
_STIRLING = 1 / 12, -1 / 360, 1 / 1260, -1 / 1680


class _Stream:
    """The counters of one element."""

    def __init__(
        self, s: ScalarBuilder, index: Scalar, low: Scalar, high: Scalar, key: Scalar
    ) -> None:
        index, low, self._high, self._key = (
            s.bitcast(x, DType.U64) for x in (index, low, high, key)
        )
        self._s, self._start = s, low + index * _SPACING

    def _words(self, block: Scalar) -> tuple[Scalar, Scalar, Scalar, Scalar]:
        return words(self._s, self._start + block, self._high, self._key)

    def uniforms(self, block: Scalar) -> tuple[Scalar, ...]:
        """Two numbers in [0, 1)."""
        return uniforms(self._s, self._words(block), _F64)

    def normals(self, block: Scalar) -> tuple[Scalar, ...]:
        """Two normal numbers."""
        return normals(self._s, self._words(block), _F64)


# -- gamma ----------------------------------------------------------------------------------------


def _gamma(
    s: ScalarBuilder, index: Scalar, low: Scalar, high: Scalar, key: Scalar, shape: Scalar
) -> Scalar:
    stream = _Stream(s, index, low, high, key)
    proper = (shape > 0) & (shape < math.inf)
    alpha = s.select(proper, shape, 1.0)
    small = alpha < 1
    d = s.select(small, alpha + 1, alpha) - 1 / 3
    c = 1 / s.sqrt(d * 9)

    def draw(block: Scalar, accepted: Scalar, found: Scalar) -> tuple[Scalar, ...]:
        x, u = stream.normals(block)[0], stream.uniforms(block + 1)[0]
        root = x * c + 1
        v = root * root * root
        inside = v > 0
        harmless = s.select(inside, v, 1.0)
        bound = x * x * 0.5 + d - d * harmless + d * elementary.log(s, harmless)
        accepted = inside & (elementary.log(s, u) < bound)
        return block + 2, accepted, harmless

    state = s.const(1, DType.U64), s.const(False, DType.BOOL), s.const(1.0, _F64)
    _, _, v = s.loop(lambda block, accepted, found: ~accepted, draw, *state)
    lift = elementary.pow(s, stream.uniforms(s.const(0, DType.U64))[0], 1 / alpha)
    drawn = s.select(small, d * v * lift, d * v)
    return s.select(proper, drawn, s.select(shape > 0, shape, math.nan))


def _numpy_gamma(index: Any, low: Any, high: Any, key: Any, shape: Any) -> Any:
    start, high, key = _numpy_start(index, low, high, key)
    shape = np.asarray(shape, np.float64)
    proper = (shape > 0) & (shape < np.inf)
    alpha = np.where(proper, shape, 1.0)
    d = np.where(alpha < 1, alpha + 1, alpha) - 1 / 3
    c = 1 / np.sqrt(d * 9)
    found, accepted = np.ones(shape.shape), np.zeros(shape.shape, bool)
    block = 1
    while not accepted.all():
        x = numpy_normals(numpy_words(start + np.uint64(block), high, key), _F64)[0]
        u = numpy_uniforms(numpy_words(start + np.uint64(block + 1), high, key), _F64)[0]
        v = (x * c + 1) ** 3
        harmless = np.where(v > 0, v, 1.0)
        now = (v > 0) & (np.log(u) < x * x * 0.5 + d - d * harmless + d * np.log(harmless))
        found = np.where(now & ~accepted, harmless, found)
        accepted |= now
        block += 2
    lift = numpy_uniforms(numpy_words(start, high, key), _F64)[0] ** (1 / alpha)
    drawn = d * found * np.where(alpha < 1, lift, 1.0)
    return np.where(proper, drawn, np.where(shape > 0, shape, np.nan))


# -- Poisson --------------------------------------------------------------------------------------


def _log_factorial(k: Any, log: Callable[[Any], Any]) -> Any:
    """log(k!) of floats k >= 0 by Stirling's series at a larger argument."""
    z = k + (1 + _SHIFT)
    product = k + 1
    for j in range(2, _SHIFT + 1):
        product = product * (k + j)
    square = 1 / (z * z)
    series = square * _STIRLING[3] + _STIRLING[2]
    series = ((series * square + _STIRLING[1]) * square + _STIRLING[0]) / z
    return (z - 0.5) * log(z) - z + 0.5 * math.log(2 * math.pi) + series - log(product)


def _poisson(
    s: ScalarBuilder, index: Scalar, low: Scalar, high: Scalar, key: Scalar, mean: Scalar
) -> Scalar:
    stream = _Stream(s, index, low, high, key)
    proper = (mean >= 0) & (mean < math.inf)
    rate = s.select(proper, mean, 0.0)
    few = rate < _FEW
    counted = _count_products(s, stream, s.select(few, rate, 0.0))
    drawn = _transformed(s, stream, s.select(few, _FEW, rate), ~few)
    return s.select(proper, s.select(few, counted, drawn), s.select(mean > 0, mean, math.nan))


def _count_products(s: ScalarBuilder, stream: _Stream, rate: Scalar) -> Scalar:
    """How many uniform numbers can be multiplied before the product is below exp(-rate)."""
    limit = elementary.exp(s, -rate)

    def draw(block: Scalar, product: Scalar, count: Scalar) -> tuple[Scalar, ...]:
        for u in stream.uniforms(block):
            going = (product > limit) | (count < 0)
            count = s.select(going, count + 1, count)
            product = s.select(going, product * u, product)
        return block + 1, product, count

    one = s.const(1.0, _F64)
    state = s.const(0, DType.U64), one, s.const(-1.0, _F64)
    return s.loop(lambda _, product, count: (product > limit) | (count < 0), draw, *state)[2]


def _transformed(s: ScalarBuilder, stream: _Stream, rate: Scalar, wanted: Scalar) -> Scalar:
    """Hörmann's algorithm PTRS, for means of at least 10."""
    b, a, inverse, v_r = _constants(rate, s.sqrt)
    log_rate = elementary.log(s, rate)

    def log(x: Scalar) -> Scalar:
        return elementary.log(s, x)

    def draw(block: Scalar, left: Scalar, found: Scalar) -> tuple[Scalar, ...]:
        first, v = stream.uniforms(block)
        u = first - 0.5
        us = 0.5 - s.fabs(u)
        k = s.floor((2 * a / us + b) * u + rate + 0.43)
        quick = (us >= 0.07) & (v <= v_r)
        possible = (k >= 0) & ((us >= 0.013) | (v <= us))
        at = s.select(k >= 0, k, 0.0)
        below = log(v) + log(inverse) - log(a / (us * us) + b)
        slow = possible & (below <= at * log_rate - rate - _log_factorial(at, log))
        return block + 1, ~(quick | slow), at

    state = s.const(0, DType.U64), wanted, s.const(0.0, _F64)
    return s.loop(lambda block, left, found: left, draw, *state)[2]


def _constants(rate: Any, sqrt: Callable[[Any], Any]) -> tuple[Any, Any, Any, Any]:
    b = sqrt(rate) * 2.53 + 0.931
    return b, b * 0.02483 - 0.059, 1.1328 / (b - 3.4) + 1.1239, 0.9277 - 3.6224 / (b - 2)


def _numpy_poisson(index: Any, low: Any, high: Any, key: Any, mean: Any) -> Any:
    start, high, key = _numpy_start(index, low, high, key)
    mean = np.asarray(mean, np.float64)
    proper = (mean >= 0) & (mean < np.inf)
    rate = np.where(proper, mean, 0.0)
    few = rate < _FEW

    def pair(block: int) -> list[Any]:
        return numpy_uniforms(numpy_words(start + np.uint64(block), high, key), _F64)

    limit, product = np.exp(-np.where(few, rate, 0.0)), np.ones(rate.shape)
    counted, block = np.full(rate.shape, -1.0), 0
    while np.any((product > limit) | (counted < 0)):
        for u in pair(block):
            going = (product > limit) | (counted < 0)
            counted, product = counted + going, np.where(going, product * u, product)
        block += 1
    many = np.where(few, _FEW, rate)
    b, a, inverse, v_r = _constants(many, np.sqrt)
    drawn, left, block = np.zeros(rate.shape), ~few, 0
    while left.any():
        first, v = pair(block)
        u = first - 0.5
        us = 0.5 - np.abs(u)
        k = np.floor((2 * a / us + b) * u + many + 0.43)
        at = np.where(k >= 0, k, 0.0)
        below = np.log(v) + np.log(inverse) - np.log(a / (us * us) + b)
        slow = below <= at * np.log(many) - many - _log_factorial(at, np.log)
        slow &= (k >= 0) & ((us >= 0.013) | (v <= us))
        now = ((us >= 0.07) & (v <= v_r)) | slow
        drawn = np.where(left & now, at, drawn)
        left = left & ~now
        block += 1
    found = np.where(few, counted, drawn)
    return np.where(proper, found, np.where(mean > 0, mean, np.nan))


def _numpy_start(index: Any, low: Any, high: Any, key: Any) -> tuple[Any, Any, Any]:
    index, low, high, key = (np.asarray(x).astype(np.uint64) for x in (index, low, high, key))
    return low + index * np.uint64(_SPACING), high, key


# -- the ops --------------------------------------------------------------------------------------


def _with_parameter(
    name: str,
    lower: Callable[..., Scalar],
    *,
    reference: Callable[..., Any],
    derivative: NoDerivative,
    ulp: float,
    cost: float,
    doc: str,
) -> OpDef:
    """Define an op of (index, low half of the counter, high half, key, parameter)."""

    def infer(types: Sequence[TensorType], attrs: Mapping[str, Any]) -> tuple[TensorType, ...]:
        check_dtypes(name, types[:4], frozenset({DType.I64}))
        if types[4].dtype is not _F64:
            raise DTypeError(
                f"{name}: the parameter has dtype {types[4].dtype}",
                got=shown(types),
                expected="f64",
            )
        check_shapes(name, types)
        return (types[0].with_dtype(_F64),)

    return elementwise(
        name,
        5,
        infer=infer,
        reference=reference,
        lower=lower,
        derivative=derivative,
        ulp={_F64: ulp},
        cost=cost,
        doc=doc,
    )


RANDOM_GAMMA = _with_parameter(
    "random_gamma",
    _gamma,
    reference=_numpy_gamma,
    derivative=NoDerivative("a draw is no differentiable function of the distribution's shape"),
    ulp=2000.0,  # of small shapes: a power of a large exponent
    cost=400.0,
    doc="Gamma distributed floats of rate 1; the parameter is the shape.",
)

RANDOM_POISSON = _with_parameter(
    "random_poisson",
    _poisson,
    reference=_numpy_poisson,
    derivative=NoDerivative("a count is no differentiable function of the mean"),
    ulp=0.0,
    cost=500.0,
    doc="Poisson distributed floats; the parameter is the mean.",
)
