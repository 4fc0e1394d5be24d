"""Comparison of results to the last bit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorwright.compiler.ir.graph import Graph
from tensorwright.compiler.ir.interpret import interpret
from tensorwright.compiler.ir.types import DType

# What NumPy raises for values that it cannot compute with.
VALUE_ERRORS = (ValueError, IndexError, ArithmeticError)


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal dtype, shape and bits; any NaN is equal to any other."""
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if not is_float(a):
        return bool((a == b).all())
    bits = f"u{a.itemsize}"
    return bool(((a.view(bits) == b.view(bits)) | (np.isnan(a) & np.isnan(b))).all())


def is_float(x: np.ndarray) -> bool:
    """Whether an array has floats, bfloat16 included."""
    dtype = DType.of(x.dtype)
    return dtype is not None and dtype.is_float


def widened(x: np.ndarray) -> np.ndarray:
    """As kernels compute with it: float32 for floats of 16 bits."""
    dtype = DType.of(x.dtype)
    return x.astype(dtype.wide.numpy) if dtype is not None and dtype.is_half else x


def assert_same_bits(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    """Every array of one list equals that of the other."""
    assert len(found) == len(expected)
    for f, e in zip(found, expected, strict=True):
        assert same_bits(f, e), f"{f!r} is not {e!r}"


def outcome(graph: Graph, inputs: Sequence[Any]) -> list[np.ndarray] | type[Exception]:
    """What running the graph gives: arrays, or the class of the error that NumPy raises."""
    try:
        return interpret(graph, inputs)
    except VALUE_ERRORS as error:
        return type(error)


def assert_same_outcome(found: Graph, expected: Graph, inputs: Sequence[Any]) -> None:
    """Both graphs give the same bits, or raise errors of the same class."""
    a, b = outcome(found, inputs), outcome(expected, inputs)
    if isinstance(a, type) or isinstance(b, type):
        assert a == b
    else:
        assert_same_bits(a, b)
