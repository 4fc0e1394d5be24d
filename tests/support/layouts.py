"""Arrays in every layout that NumPy allows, as Hypothesis strategies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from support import op_cases
from tensorwright.compiler.ir.types import DType

Shape = tuple[int, ...]


def _stepped(x: np.ndarray) -> np.ndarray:
    """Every second element of a larger array along each axis."""
    base = np.zeros([2 * n + 1 for n in x.shape], x.dtype)
    view = base[(..., *(slice(1, None, 2) for _ in x.shape))]
    view[...] = x
    return view


def _backwards(x: np.ndarray) -> np.ndarray:
    everything = (..., *(slice(None, None, -1) for _ in x.shape))
    return x[everything].copy()[everything]


def _padded_rows(x: np.ndarray) -> np.ndarray:
    """Rows with a gap after each."""
    base = np.zeros((*x.shape[:-1], *(n + 3 for n in x.shape[-1:])), x.dtype)
    view = base[(..., *(slice(n) for n in x.shape[-1:]))]
    view[...] = x
    return view


def _misaligned(x: np.ndarray) -> np.ndarray:
    view = np.ndarray(x.shape, x.dtype, bytearray(x.nbytes + 1), offset=1)
    view[...] = x
    return view


def _read_only(x: np.ndarray) -> np.ndarray:
    made = x.copy()
    made.flags.writeable = False
    return made


def _repeated(x: np.ndarray) -> np.ndarray:
    """Strides of 0: the first element along each axis, again and again."""
    return np.broadcast_to(x[(..., *(slice(0, 1) for _ in x.shape))], x.shape)


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "contiguous": np.array,
    "fortran": np.asfortranarray,
    "stepped": _stepped,
    "backwards": _backwards,
    "padded rows": _padded_rows,
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
    "misaligned": _misaligned,
    "byte-swapped": lambda x: x.astype(x.dtype.newbyteorder()),
    "read-only": _read_only,
    "repeated": _repeated,
    "field of records": lambda x: _record_field(x),
}


def _record_field(x: np.ndarray) -> np.ndarray:
    """Strides that are no multiple of the size of an element."""
    records = np.zeros(x.shape, [("before", np.uint8), ("value", x.dtype), ("after", np.int16)])
    records["value"] = x
    return records["value"]


# Below, at and above the number of lanes in a vector; empty and single ones more rarely.
_SIDES = (2, 3, 5, 8, 16, 17, 33, 2, 3, 1, 0)


@st.composite
def shapes(draw: Any, count: int) -> tuple[Shape, ...]:
    """Shapes of up to 3 axes that broadcast together."""
    sides = draw(st.lists(st.sampled_from(_SIDES), min_size=0, max_size=3))
    made = []
    for _ in range(count):
        missing = draw(st.integers(0, 2 * len(sides)))
        ones = draw(st.integers(0, 2 ** (len(sides) + 1)))  # which axes have size 1, as bits
        kept = [1 if ones >> k & 1 and ones < 2 ** len(sides) else n for k, n in enumerate(sides)]
        made.append(tuple(kept[missing if missing <= len(sides) else 0 :]))
    return tuple(made)


@st.composite
def arrays(draw: Any, dtype: np.dtype, shape: Shape) -> np.ndarray:
    """Special and random values in any layout."""
    kind = DType.of(dtype)
    assert kind is not None
    seed = draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    count = int(np.prod(shape))
    special = rng.choice(np.array(op_cases.special_values(kind), dtype), count)
    random = op_cases.random_values(kind, count, rng)
    values = np.where(rng.integers(0, 2, count) == 0, special, random).reshape(shape)
    return LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))](values.astype(dtype))
