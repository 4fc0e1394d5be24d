"""Cases of elementwise ops, generated from the registry: dtypes, operand values, what is right.

A case is an op with operand dtypes (and attributes) that its `infer` accepts. `operands` gives
arrays of special and random values, `check` compares a result with the op's `reference`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import mpmath
import numpy as np

from tensorwright.compiler import ops
from tensorwright.compiler.errors import DTypeError
from tensorwright.compiler.ir.opdef import REGISTRY, Kind, OpDef
from tensorwright.compiler.ir.types import DType, TensorType

assert ops  # importing it fills the registry
ELEMENTWISE = [op for op in REGISTRY if op.kind is Kind.ELEMENTWISE]
SUMS = ("logaddexp", "logaddexp2")  # errors in ULPs of the largest term, or of 1


@dataclass(frozen=True)
class Case:
    """One op at one choice of dtypes."""

    op: OpDef
    dtypes: tuple[DType, ...]
    attrs: Mapping[str, Any]

    @property
    def result(self) -> DType:
        types = [TensorType(d, ()) for d in self.dtypes]
        return self.op.infer(types, self.attrs)[0].dtype

    def __str__(self) -> str:
        attrs = [f"{k}={v}" for k, v in self.attrs.items()]
        return "-".join([self.op.name, *map(str, self.dtypes), *attrs])


def operand_count(op: OpDef) -> int:
    """How many operands an op is tested with."""
    return 3 if op.arity is None else op.arity


def accepted(op: OpDef, dtypes: Sequence[DType], attrs: Mapping[str, Any]) -> bool:
    """Whether `infer` takes operands of these dtypes."""
    try:
        op.infer([TensorType(d, ()) for d in dtypes], attrs)
    except DTypeError:
        return False
    return True


def attr_choices(op: OpDef) -> list[dict[str, Any]]:
    """Values for the attributes of an op."""
    choices: dict[tuple[str, ...], list[dict[str, Any]]] = {
        (): [{}],
        ("dtype",): [{"dtype": d} for d in DType],
        ("failure",): [{"failure": "singular"}],
        ("exponent",): [{"exponent": n} for n in (2, 3, 4, 7, 16)],
    }
    assert op.attrs in choices, f"{op.name}: no values are known for {op.attrs}"
    return choices[op.attrs]


@cache
def cases() -> tuple[Case, ...]:
    """Every op at every accepted choice of dtypes."""
    return tuple(
        Case(op, dtypes, attrs)
        for op in ELEMENTWISE
        for attrs in attr_choices(op)
        for dtypes in _dtype_choices(operand_count(op))
        if accepted(op, dtypes, attrs)
    )


def _dtype_choices(count: int) -> Iterator[tuple[DType, ...]]:
    """Dtypes for the operands: all combinations; of more than three, all but the last have one."""
    if count > 3:
        return ((d,) * (count - 1) + (e,) for d in DType for e in DType)
    return product(DType, repeat=count)


def special_values(dtype: DType) -> list[Any]:
    """The values at which definitions have their corners."""
    if dtype.is_bool:
        return [False, True]
    if dtype.is_integer:
        info = np.iinfo(dtype.numpy)
        near = [0, 1, 2, 3, 5, 7, 8, 10, 31, 32, 63, 64, 100]
        ends = [info.max, info.max - 1, info.min, info.min + 1, info.max // 2]
        return [*near, *ends, *([-1, -2, -3, -7, -64] if dtype.is_signed else [])]
    info = dtype.finfo
    positive = [0.0, 1.0, 0.5, 1.5, 2.0, 2.5, 3.0, 0.1, 10.0, 1000.0, float(info.eps), np.pi]
    ends = [info.max, info.tiny, info.smallest_subnormal, float(info.tiny) * 0.75, np.inf]
    one_side = [*positive, *map(float, ends)]
    return [*one_side, *(-v for v in one_side), np.nan]


def random_values(dtype: DType, count: int, rng: np.random.Generator) -> np.ndarray:
    """Values of all magnitudes: half small ones, half random bits (no NaNs among them)."""
    if dtype.is_bool:
        return rng.integers(0, 2, count).astype(bool)
    raw = rng.integers(0, 256, count * dtype.itemsize, np.uint8).view(dtype.numpy)
    if dtype.is_float:
        small = (rng.standard_normal(count) * 4).astype(dtype.numpy)
        raw = np.where(np.isnan(raw), small, raw)
    else:
        small = rng.integers(0, 100, count).astype(dtype.numpy)
    return np.where(rng.integers(0, 2, count) == 0, small, raw)


def all_values(dtype: DType) -> np.ndarray:
    """Every value of a dtype of at most 16 bits."""
    if dtype.is_bool:
        return np.array([False, True])
    return np.arange(2**dtype.bits).astype(f"u{dtype.itemsize}").view(dtype.numpy)


def every_operand(case: Case) -> list[np.ndarray]:
    """All operands; for cases with 16 bits of them."""
    return [a.ravel() for a in np.meshgrid(*map(all_values, case.dtypes), indexing="ij")]


def chosen_operands(case: Case, seed: int = 0) -> list[np.ndarray]:
    """All combinations of special values, then random ones."""
    rng = np.random.default_rng(seed)
    specials = [special_values(d) for d in case.dtypes]
    if len(specials) > 2:  # the full product is too large: keep every third value, or every sixth
        step = 3 * (len(specials) - 2)
        specials = [v[k % 2 :: step] if len(v) > 3 else v for k, v in enumerate(specials)]
    columns = zip(*product(*specials), strict=True)
    return [
        np.concatenate([np.array(column, d.numpy), random_values(d, 300, rng)])
        for column, d in zip(columns, case.dtypes, strict=True)
    ]


def operands(case: Case, *, exhaustive: bool) -> list[np.ndarray]:
    """Arrays that the op is defined for; with `exhaustive`, all of them up to 16 bits."""
    few = sum(d.bits for d in case.dtypes) <= 16
    arrays = every_operand(case) if few and exhaustive else chosen_operands(case)
    keep = in_domain(case, arrays)
    return [a[keep] for a in arrays]


def in_domain(case: Case, arrays: Sequence[np.ndarray]) -> np.ndarray:
    """False where the reference raises, or where C leaves the value of a conversion open."""
    x = arrays[0]
    if case.op.name == "cast" and case.dtypes[0].is_float and case.result.is_integer:
        info = np.iinfo(case.result.numpy)
        with np.errstate(invalid="ignore"):  # signalling NaNs
            wide = x.astype(np.longdouble)
        return (wide > np.longdouble(info.min) - 1) & (wide < np.longdouble(info.max) + 1)
    if not _raises(case, arrays):
        return np.ones(x.shape, bool)
    return np.array([not _raises(case, [a[k : k + 1] for a in arrays]) for k in range(len(x))])


def _raises(case: Case, arrays: Sequence[np.ndarray]) -> bool:
    try:
        reference(case, arrays)
    except (ValueError, OverflowError, IndexError):
        return True
    return False


def reference(case: Case, arrays: Sequence[np.ndarray]) -> np.ndarray:
    """What NumPy gives."""
    with np.errstate(all="ignore"):
        return np.asarray(case.op.reference(*arrays, **case.attrs))


def check(case: Case, arrays: Sequence[np.ndarray], got: np.ndarray) -> None:
    """Compare a result with the reference: bit for bit, or within the op's stated bound."""
    expected = reference(case, arrays)
    assert got.dtype == expected.dtype == case.result.numpy
    bound = error_bound(case)
    wrong = differs(case, arrays, got, expected) if bound == 0 else None
    if wrong is None:
        errors = ulp_errors(case, arrays, got)
        wrong = ~(errors <= bound)
    if wrong.any():
        raise AssertionError(f"{case}: {report(arrays, got, expected, wrong)}")


def error_bound(case: Case) -> float:
    """The op's bound in ULPs of its result. Halves are computed in f32 and rounded once more."""
    ulp = case.op.ulp
    if case.result.is_half and ulp.get(DType.F32, 0):
        return 0.51
    return ulp.get(case.result, 0)


def differs(
    case: Case, arrays: Sequence[np.ndarray], got: np.ndarray, expected: np.ndarray
) -> np.ndarray:
    """Where the bits differ. All NaNs are equal; so are zeros where NumPy gives both.

    NumPy's choice between -0 and 0 in maximum, fmax, clip depends on dtype, layout and processor.
    """
    if not case.result.is_float:
        return got != expected
    equal = (got == expected) & (np.signbit(got) == np.signbit(expected))
    equal |= np.isnan(got) & np.isnan(expected)
    for k in np.flatnonzero(~equal & (got == expected)):
        zeros = [reference(case, lanes) for lanes in _layouts(arrays, k)]
        equal[k] = len({bool(np.signbit(z).flat[0]) for z in zeros}) == 2
    return ~equal


def _layouts(arrays: Sequence[np.ndarray], k: int) -> Iterator[list[np.ndarray]]:
    """Lane k in several layouts and at higher precision: NumPy has a loop for each."""
    lane = [a[k] for a in arrays]
    yield [np.asarray(v) for v in lane]
    yield [np.full(64, v) for v in lane]
    yield [np.full(128, v)[::2] for v in lane]
    yield [np.full(64, lane[0]), *map(np.asarray, lane[1:])]
    yield [np.full(64, v, np.float64) for v in lane]


def ulp_errors(case: Case, arrays: Sequence[np.ndarray], got: np.ndarray) -> np.ndarray:
    """Errors in units of the last place of the exact value rounded to the result's dtype.

    inf where NaN or the sign of a zero is wrong; an infinity counts as the next power of two.
    """
    wide = np.longdouble if case.result is DType.F64 else np.float64
    exact = _exact(
        case,
        [a.astype(wide) if d.is_float else a for a, d in zip(arrays, case.dtypes, strict=True)],
    )
    info = case.result.finfo
    with np.errstate(all="ignore"):
        scale = np.abs(exact)
        if case.op.name in SUMS:  # cancellation is part of the definition
            scale = np.fmax(1.0, np.fmax(scale, np.fmax(*map(np.abs, arrays))))
        scale = np.clip(scale, info.smallest_normal, info.max).astype(wide)
        last_place = np.exp2(np.floor(np.log2(scale)) - info.nmant)
        top = wide(2.0) ** info.maxexp
        finite = np.clip(got.astype(wide), -top, top)
        errors = np.abs(finite - np.clip(exact, -top, top)) / last_place
    errors[np.isnan(got) & np.isnan(exact)] = 0
    errors[np.isnan(got) != np.isnan(exact)] = np.inf
    errors[(got == 0) & (exact == 0) & (np.signbit(got) != np.signbit(exact))] = np.inf
    return errors.astype(np.float64)


def _exact(case: Case, arrays: Sequence[np.ndarray]) -> np.ndarray:
    """The reference at the precision of `arrays`, by mpmath where NumPy has no such loop."""
    if arrays[0].dtype == np.longdouble and case.op.name in ("erf", "erfc"):
        function = getattr(mpmath, case.op.name)
        clipped = np.clip(arrays[0], -40, 40)  # erfc(40) is far below the smallest float
        values = [function(float(v)) for v in clipped]
        exact = np.array([np.longdouble(mpmath.nstr(v, 25)) for v in values])
        return np.where(arrays[0] == 0, case.op.reference(arrays[0].astype(float)), exact)  # -0
    return reference(case, arrays)


def report(
    arrays: Sequence[np.ndarray], got: np.ndarray, expected: np.ndarray, wrong: np.ndarray
) -> str:
    """The first wrong results, with their operands."""
    lines = [f"{wrong.sum()} of {wrong.size} wrong"]
    for k in np.flatnonzero(wrong)[:8]:
        values = ", ".join(repr(a[k]) for a in arrays)
        lines.append(f"  ({values}) gives {got[k]!r}, not {expected[k]!r}")
    return "\n".join(lines)
