"""Random numbers as functions of their index: a counter-based generator, fused like arithmetic.

Layer: compiler/ops. An element is a function of its index, of a counter and of a key, all i64
whose bits are read as unsigned numbers. A group of four 32-bit words belongs to each value of the
counter, and gives two to four neighbouring elements (`Group`): a kernel that walks along the index
makes groups and interleaves them, elsewhere an element picks its own.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011
(Philox-4x32-10). How words become numbers is TensorFlow's way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError
from ..ir.opdef import Group, OpDef
from ..ir.types import DType, TensorType
from .elementwise import elementwise
from .infer import check_dtypes, check_shapes, shown
from .math.logarithm import log_of_normal
from .math.trigonometric import sin_and_cos
from .scalar import Scalar, ScalarBuilder

Words = tuple[Scalar, Scalar, Scalar, Scalar]
MakeGroup = Callable[..., tuple[Scalar, ...]]  # (s, number, low, high, key, *, dtype)

_ROUNDS = 10
_MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
_WEYL = 0x9E3779B9, 0xBB67AE85  # added to the key after every round
_LOW = 0xFFFFFFFF
_SMALLEST = 1e-7  # of the uniform numbers whose logarithm is taken
_BOUND = 2.0  # of truncated normals
_SPACING = 64  # counters between the groups of truncated normals, for each number of a group
_FRACTION = {DType.F32: 23, DType.F64: 52}


def words(s: ScalarBuilder, counter: Scalar, high: Scalar, key: Scalar) -> Words:
    """The four words of a group, as u64 below 2**32; the operands are u64.

    `counter` is the low half of the counter: it wraps without carrying into the high half.
    """
    c0, c1, c2, c3 = counter & _LOW, counter >> 32, high & _LOW, high >> 32
    k0, k1 = key & _LOW, key >> 32
    for _ in range(_ROUNDS):
        p0, p1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & _LOW, (p0 >> 32) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + _WEYL[0]) & _LOW, (k1 + _WEYL[1]) & _LOW
    return c0, c1, c2, c3


def _unsigned(s: ScalarBuilder, *operands: Scalar) -> list[Scalar]:
    return [s.bitcast(x, DType.U64) for x in operands]


def _size(attrs: Mapping[str, Any]) -> int:
    """How many elements a group of four words gives."""
    return 2 if attrs["dtype"].bits == 64 else 4


# -- from words to numbers ------------------------------------------------------------------------


def _bits(s: ScalarBuilder, w: Words, dtype: DType) -> tuple[Scalar, ...]:
    if dtype is DType.U32:
        return tuple(s.cast(x, dtype) for x in w)
    return w[0] | (w[1] << 32), w[2] | (w[3] << 32)


def uniforms(s: ScalarBuilder, w: Words, dtype: DType) -> tuple[Scalar, ...]:
    """Floats in [0, 1): the low bits of words as a fraction."""
    scale = 2.0 ** -_FRACTION[dtype]
    if dtype is DType.F32:
        mask = (1 << _FRACTION[dtype]) - 1
        # by way of i32, from which conversions are one instruction
        return tuple(s.cast(s.cast(x & mask, DType.I32), dtype) * scale for x in w)
    whole = [((w[k] & 0xFFFFF) << 32) | w[k + 1] for k in (0, 2)]
    return tuple(s.cast(s.bitcast(x, DType.I64), dtype) * scale for x in whole)


def normals(s: ScalarBuilder, w: Words, dtype: DType) -> tuple[Scalar, ...]:
    """Box and Muller's transform: two normals for every two uniform numbers."""
    u = uniforms(s, w, dtype)
    found: list[Scalar] = []
    for first, second in zip(u[::2], u[1::2], strict=True):
        inside = s.select(first < _SMALLEST, _SMALLEST, first)
        radius = s.sqrt(log_of_normal(s, inside) * -2.0)
        found += [x * radius for x in sin_and_cos(s, second * _turn(dtype))]
    return tuple(found)


def _turn(dtype: DType) -> float:
    return float(dtype.numpy.type(2 * math.pi))


def _of_one_group(made: Callable[[ScalarBuilder, Words, DType], tuple[Scalar, ...]]) -> MakeGroup:
    """`made` of the group's words."""

    def make(
        s: ScalarBuilder, number: Scalar, low: Scalar, high: Scalar, key: Scalar, dtype: DType
    ) -> tuple[Scalar, ...]:
        number, low, high, key = _unsigned(s, number, low, high, key)
        return made(s, words(s, low + number, high, key), dtype)

    return make


def _truncated_normal(
    s: ScalarBuilder, number: Scalar, low: Scalar, high: Scalar, key: Scalar, dtype: DType
) -> tuple[Scalar, ...]:
    """The first normals within two standard deviations, of as many groups as it takes."""
    number, low, high, key = _unsigned(s, number, low, high, key)
    wanted = 2 if dtype is DType.F64 else 4
    start = low + number * (_SPACING * wanted)

    def draw(block: Scalar, count: Scalar, *kept: Scalar) -> tuple[Scalar, ...]:
        places = list(kept)
        for x in normals(s, words(s, start + block, high, key), dtype):
            inside = s.fabs(x) < _BOUND
            for k in range(wanted):
                places[k] = s.select(inside & count.eq(k), x, places[k])
            count = count + s.cast(inside, DType.I32)
        return block + 1, count, *places

    state = s.const(0, DType.U64), s.const(0, DType.I32), *[s.const(0.0, dtype)] * wanted
    _, _, *found = s.loop(lambda block, count, *kept: count < wanted, draw, *state)
    return tuple(found)


# -- the same in NumPy ----------------------------------------------------------------------------


def numpy_words(counter: Any, high: Any, key: Any) -> tuple[Any, Any, Any, Any]:
    """`words` of u64 arrays."""
    half, low = np.uint64(32), np.uint64(_LOW)
    factors = [np.uint64(m) for m in _MULTIPLIERS]
    steps = [np.uint64(w) for w in _WEYL]
    c0, c1, c2, c3 = counter & low, counter >> half, high & low, high >> half
    k0, k1 = key & low, key >> half
    for _ in range(_ROUNDS):
        p0, p1 = c0 * factors[0], c2 * factors[1]
        c0, c1, c2, c3 = (p1 >> half) ^ c1 ^ k0, p1 & low, (p0 >> half) ^ c3 ^ k1, p0 & low
        k0, k1 = (k0 + steps[0]) & low, (k1 + steps[1]) & low
    return c0, c1, c2, c3


def _numpy_start(index: Any, low: Any, high: Any, key: Any, size: int) -> tuple[Any, ...]:
    """(the groups' numbers, the counter's halves, the key) as u64, and each element's place."""
    shift = size.bit_length() - 1
    number = (np.asarray(index) >> shift).astype(np.uint64)
    start = [np.asarray(x).astype(np.uint64) for x in (low, high, key)]
    return number, *start, np.asarray(index) & (size - 1)


def _numpy_bits(index: Any, low: Any, high: Any, key: Any, *, dtype: DType) -> Any:
    number, low, high, key, place = _numpy_start(index, low, high, key, _size({"dtype": dtype}))
    w = numpy_words(low + number, high, key)
    half = np.uint64(32)
    parts = [w[0] | w[1] << half, w[2] | w[3] << half] if dtype is DType.U64 else list(w)
    return np.choose(place, parts).astype(dtype.numpy)


def numpy_uniforms(w: tuple[Any, ...], dtype: DType) -> list[Any]:
    """As `uniforms`."""
    count, low = _FRACTION[dtype], np.uint64(0xFFFFF)
    if dtype is DType.F32:
        whole = [x & np.uint64((1 << count) - 1) for x in w]
    else:
        whole = [(w[k] & low) << np.uint64(32) | w[k + 1] for k in (0, 2)]
    return [(x.astype(np.float64) * 2.0**-count).astype(dtype.numpy) for x in whole]


def numpy_normals(w: tuple[Any, ...], dtype: DType) -> list[Any]:
    """As `normals`, with the functions computed in f64."""
    u = numpy_uniforms(w, dtype)
    found = []
    for first, second in zip(u[::2], u[1::2], strict=True):
        inside = np.maximum(first, dtype.numpy.type(_SMALLEST)).astype(np.float64)
        radius = np.sqrt(-2 * np.log(inside))
        angle = (second * dtype.numpy.type(_turn(dtype))).astype(np.float64)
        found += [np.sin(angle) * radius, np.cos(angle) * radius]
    return found


def _numpy_normal(index: Any, low: Any, high: Any, key: Any, *, dtype: DType) -> Any:
    number, low, high, key, place = _numpy_start(index, low, high, key, _size({"dtype": dtype}))
    drawn = numpy_normals(numpy_words(low + number, high, key), dtype)
    return np.choose(place, drawn).astype(dtype.numpy)


def _numpy_truncated(index: Any, low: Any, high: Any, key: Any, *, dtype: DType) -> Any:
    wanted = _size({"dtype": dtype})
    number, low, high, key, place = _numpy_start(index, low, high, key, wanted)
    start = low + number * np.uint64(_SPACING * wanted)
    result = np.zeros(np.broadcast(start, place).shape)
    count = np.zeros(result.shape, np.int64)
    block = np.uint64(0)
    while np.any(count <= place):
        for x in numpy_normals(numpy_words(start + block, high, key), dtype):
            inside = np.abs(x.astype(dtype.numpy)) < _BOUND
            result = np.where(inside & (count == place), x, result)
            count += inside
        block += np.uint64(1)
    return result.astype(dtype.numpy)


# -- the ops --------------------------------------------------------------------------------------


def _in_groups(
    name: str,
    results: frozenset[DType],
    make: MakeGroup,
    *,
    reference: Callable[..., Any],
    cost: float,
    doc: str,
    ulp: Mapping[DType, float] | None = None,
) -> OpDef:
    """Define an op of (index, low half of the counter, high half, key) for numbers of `dtype`."""

    def infer(types: Sequence[TensorType], attrs: Mapping[str, Any]) -> tuple[TensorType, ...]:
        check_dtypes(name, types, frozenset({DType.I64}))
        check_shapes(name, types)
        if attrs["dtype"] not in results:
            raise DTypeError(
                f"{name}: does not make {attrs['dtype']}",
                got=shown(types),
                expected=" or ".join(sorted(map(str, results))),
            )
        return (types[0].with_dtype(attrs["dtype"]),)

    def lower(s: ScalarBuilder, index: Scalar, *start: Scalar, dtype: DType) -> Scalar:
        size = _size({"dtype": dtype})
        first, *others = make(s, index >> (size.bit_length() - 1), *start, dtype=dtype)
        place, found = index & (size - 1), first
        for k, x in enumerate(others, start=1):
            found = s.select(place.eq(k), x, found)
        return found

    return elementwise(
        name,
        4,
        infer=infer,
        reference=reference,
        lower=lower,
        group=Group(_size, make),
        attrs=("dtype",),
        ulp=ulp or {},
        cost=cost,
        doc=doc,
    )


RANDOM_BITS = _in_groups(
    "random_bits",
    frozenset({DType.U32, DType.U64}),
    _of_one_group(_bits),
    reference=_numpy_bits,
    cost=20.0,
    doc="Integers of which each bit is random.",
)

RANDOM_NORMAL = _in_groups(
    "random_normal",
    frozenset({DType.F32, DType.F64}),
    _of_one_group(normals),
    reference=_numpy_normal,
    ulp={DType.F32: 4.0, DType.F64: 4.0},
    cost=80.0,
    doc="Normally distributed floats, of mean 0 and variance 1.",
)

RANDOM_TRUNCATED_NORMAL = _in_groups(
    "random_truncated_normal",
    frozenset({DType.F32, DType.F64}),
    _truncated_normal,
    reference=_numpy_truncated,
    ulp={DType.F32: 4.0, DType.F64: 4.0},
    cost=160.0,
    doc="Normally distributed floats, those beyond two standard deviations drawn again.",
)
