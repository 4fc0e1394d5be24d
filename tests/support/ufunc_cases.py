"""Ufuncs at every choice of dtypes: which of them are supported, operands, and what is right.

A case is a ufunc with operand keys (dtypes, and classes of Python numbers) that NumPy accepts.
Results have NumPy's class, dtype and shape. They equal NumPy's bit for bit where the op is exactly
rounded; else they lie within the op's stated bound of the exact value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.special

import tensorwright as tw
from support import op_cases
from tensorwright.compiler.ir.opdef import REGISTRY, Kind
from tensorwright.compiler.ir.types import DType
from tensorwright.frontend.table import FUNCTIONS

DTYPES = tuple(d.numpy for d in DType)
# What resolve_dtypes takes: a dtype, or int or float for a Python number that adapts.
Key = Any


def is_supported(ufunc: np.ufunc) -> bool:
    """Whether the frontend has a traced form of the ufunc."""
    if ufunc in FUNCTIONS:
        return True
    op = REGISTRY.get(ufunc.__name__)
    return op is not None and op.kind is Kind.ELEMENTWISE


ALL = {f.__name__: f for f in vars(np).values() if isinstance(f, np.ufunc)}
SPECIAL = {"erf": scipy.special.erf, "erfc": scipy.special.erfc}
# np.matmul and its like are no elementwise functions: test_functions.py has them.
UFUNCS = {name: f for name, f in (ALL | SPECIAL).items() if is_supported(f) and f.signature is None}

# The ops that give the results of ufuncs that are made of others.
_PARTS: dict[str, tuple[str, ...]] = {
    "divmod": ("floor_divide", "remainder"),
    "modf": ("modf_fraction", "trunc"),
    "frexp": ("frexp_mantissa", "frexp_exponent"),
    "float_power": ("power",),
    "conjugate": ("positive",),
}


@dataclass(frozen=True)
class UfuncCase:
    """A ufunc and the keys of its operands."""

    ufunc: np.ufunc
    keys: tuple[Key, ...]

    @cached_property
    def loop(self) -> tuple[np.dtype, ...] | None:
        """The operand and result dtypes of NumPy's loop, None if there is no loop of ours."""
        try:
            found = self.ufunc.resolve_dtypes((*self.keys, *(None,) * self.ufunc.nout))
        except TypeError:
            return None
        no_halves = self.ufunc.__name__ in ("spacing", "nextafter")  # their neighbours
        ours = {d for d in DTYPES if not (no_halves and DType.of(d).is_half)}
        return found if ours.issuperset(found) else None

    def op_cases(self) -> list[op_cases.Case]:
        """One case of an op for each result."""
        assert self.loop is not None
        dtypes = tuple(DType.of(d) for d in self.loop[: self.ufunc.nin])
        names = _PARTS.get(self.ufunc.__name__, (self.ufunc.__name__,))
        return [op_cases.Case(REGISTRY[name], dtypes, {}) for name in names]  # type: ignore[arg-type]

    def operands(self, seed: int = 0) -> list[np.ndarray]:
        """All combinations of special values of the keys' dtypes, then random ones."""
        (case, *_) = self.op_cases()
        dtypes = tuple(DType.of(np.dtype(k)) for k in self.keys)
        arrays = op_cases.chosen_operands(op_cases.Case(case.op, dtypes, {}), seed)  # type: ignore[arg-type]
        if self.ufunc.__name__ in ("power", "float_power") and self.loop[0].kind in "iu":  # type: ignore[index]
            arrays[1] = np.where(arrays[1] < 0, 3, arrays[1]).astype(arrays[1].dtype)
        return arrays

    def check(self, arguments: Sequence[Any], found: Any) -> None:
        """Assert that `found` is right for these arguments (arrays or numbers)."""
        with np.errstate(all="ignore"):
            expected = self.ufunc(*arguments)
            if self.ufunc is np.sign and expected.dtype == DType.BF16.numpy:
                expected = expected + 0  # ml_dtypes: sign(-0) is -0; NumPy: 0
        if self.ufunc.nout == 1:
            expected, found = (expected,), (found,)
        assert type(found) is tuple and len(found) == len(expected)
        for case, one, wanted in zip(self.op_cases(), found, expected, strict=True):
            label = f"{self}, {case}"
            assert type(one) is type(wanted), f"{label}: {type(one)} is not {type(wanted)}"
            assert one.dtype == wanted.dtype, f"{label}: {one.dtype} is not {wanted.dtype}"
            assert one.shape == wanted.shape, f"{label}: {one.shape} is not {wanted.shape}"
            spread = np.broadcast_arrays(*arguments, wanted)[:-1]
            # the loop's dtypes; op_cases knows what is right for flat arrays of these
            flat = [
                np.asarray(a).astype(d.numpy).ravel()
                for a, d in zip(spread, case.dtypes, strict=True)
            ]
            if op_cases.error_bound(case) == 0:
                assert_same_values(case, flat, np.ravel(one), np.ravel(wanted), label)
            else:
                op_cases.check(case, flat, np.ravel(one).astype(case.result.numpy))

    def __str__(self) -> str:
        keys = [k.__name__ if isinstance(k, type) else str(k) for k in self.keys]
        return f"{self.ufunc.__name__}({', '.join(keys)})"


def assert_same_values(
    case: op_cases.Case,
    operands: Sequence[np.ndarray],
    found: np.ndarray,
    expected: np.ndarray,
    label: str,
) -> None:
    """Assert equal bits; all NaNs are equal, and zeros where NumPy gives both."""
    wrong = op_cases.differs(case, operands, found, expected)
    assert not wrong.any(), f"{label}: {op_cases.report(operands, found, expected, wrong)}"


def together(cases: Sequence[UfuncCase]) -> Callable[..., tuple[Any, ...]]:
    """All cases as one jitted function: one compilation for many dtypes."""

    def run(*operands: Any) -> tuple[Any, ...]:
        left = iter(operands)
        return tuple([c.ufunc(*[next(left) for _ in c.keys]) for c in cases])

    return tw.jit(run)
