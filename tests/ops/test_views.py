"""Views: `index_map` chooses the elements that `reference` gives; and what `infer` refuses."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from tensorwright.compiler.errors import ShapeError
from tensorwright.compiler.ir.dims import Dim, evaluate
from tensorwright.compiler.ir.interpret import concrete
from tensorwright.compiler.ir.opdef import REGISTRY, IndexMap
from tensorwright.compiler.ir.types import DType, TensorType

N = Dim.symbol("n")
SIZES = {"n": 4}


def read_through(
    index_map: IndexMap, x: np.ndarray, shape: tuple[int, ...], *, partial: bool = False
) -> np.ndarray:
    """What a kernel reads: the element at the affine index, for each output index."""
    result = np.zeros(shape, x.dtype)
    for index in itertools.product(*map(range, shape)):
        at = [
            evaluate(axis.offset, SIZES)
            + sum(evaluate(s, SIZES) * i for s, i in zip(axis.strides, index, strict=True))
            for axis in index_map
        ]
        inside = all(0 <= i < size for i, size in zip(at, x.shape, strict=True))
        assert inside or partial, "out of bounds"
        if inside:
            result[index] = x[tuple(at)]
    return result


@pytest.mark.parametrize(
    ("name", "shape", "attrs"),
    [
        ("broadcast", (), {"shape": (2, 3), "dims": ()}),
        ("broadcast", (3,), {"shape": (3, 2), "dims": (0,)}),
        ("broadcast", (3,), {"shape": (2, 3), "dims": (1,)}),
        ("broadcast", (2, 1), {"shape": (2, N, 5), "dims": (0, 2)}),
        ("broadcast", (1, N), {"shape": (1, N), "dims": (0, 1)}),
        ("broadcast", (0, 1), {"shape": (0, 3), "dims": (0, 1)}),
        ("transpose", (2, 3, N), {"permutation": (2, 0, 1)}),
        ("transpose", (), {"permutation": ()}),
        ("slice", (5,), {"starts": (4,), "steps": (-2,), "shape": (3,)}),
        ("slice", (5,), {"starts": (4,), "steps": (-1,), "shape": (5,)}),
        ("slice", (5, N), {"starts": (1, N - 1), "steps": (2, -1), "shape": (2, N)}),
        ("slice", (5, N), {"starts": (3, N - 3), "steps": (1, 1), "shape": (1, 2)}),
        ("slice", (5,), {"starts": (9,), "steps": (1,), "shape": (0,)}),
        ("slice", (5,), {"starts": (4,), "steps": (3,), "shape": (1,)}),
        ("pad", (5,), {"starts": (2,), "shape": (9,)}),
        ("pad", (1, N), {"starts": (1, 0), "shape": (3, N + 2)}),
        ("pad", (1, N), {"starts": (0, N), "shape": (1, 2 * N)}),
        ("pad", (0, 2), {"starts": (1, 0), "shape": (2, 2)}),
        ("pad", (), {"starts": (), "shape": ()}),
        ("reshape", (2, 1, N), {"shape": (1, 2, N, 1)}),
        ("reshape", (1, 1), {"shape": ()}),
        ("reshape", (), {"shape": (1, 1)}),
        ("reshape", (0, 1), {"shape": (0,)}),
        ("reshape", (4, 3), {"shape": (N, 3)}),  # n is 4: a guard says so
        ("windows", (5,), {"axis": 0, "size": 3}),
        ("windows", (2, N, 3), {"axis": 1, "size": 2}),
        ("windows", (3, 4), {"axis": 0, "size": 3}),
        ("windows", (3, 1), {"axis": 1, "size": 1}),
        ("diagonal", (4, 5), {"axes": (0, 1), "starts": (0, 1), "size": 4}),
        ("diagonal", (N, 2, N), {"axes": (2, 0), "starts": (1, 0), "size": N - 1}),
        ("diagonal", (1, 3), {"axes": (0, 1), "starts": (0, 2), "size": 1}),
        ("diagonal", (2, 1, 3), {"axes": (0, 2), "starts": (0, 0), "size": 0}),
    ],
)
def test_index_map_gives_the_reference(name: str, shape: Any, attrs: dict[str, Any]):
    op = REGISTRY[name]
    (result,) = op.infer([TensorType(DType.F64, shape)], attrs)
    known = concrete(shape, SIZES)
    x = np.arange(np.prod(known, dtype=int), dtype=np.float64).reshape(known)
    expected = op.reference(x, **{k: concrete(v, SIZES) for k, v in attrs.items()})
    assert expected.shape == concrete(result.shape, SIZES)
    index_map = op.index_map(shape, result.shape, attrs)
    found = read_through(index_map, x, expected.shape, partial=op.partial)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("shape", "result"), [((2, 3), (6,)), ((2, 3), (3, 2)), ((N, 4), (4, N)), ((6,), (2, 3))]
)
def test_other_reshapes_have_no_index_map(shape: Any, result: Any):
    assert REGISTRY["reshape"].index_map(shape, result, {"shape": result}) is None


def _geometry(**others: Any) -> dict[str, Any]:
    """The attributes of a convolution along one axis, some of them others."""
    plain = {"strides": (1,), "padding": ((0, 0),), "dilation": (1,), "spread": (1,), "groups": 1}
    return {**plain, **others}


CONVOLUTIONS = (
    ("convolve", [(2, 5, 3), (2, 4, 3)], _geometry(), "channels of x are not those"),
    ("convolve", [(2, 5, 4), (2, 2, 3)], _geometry(groups=2), "divided among 2 groups"),
    ("convolve", [(2, 3, 1), (5, 1, 1)], _geometry(), "does not fit"),
    ("convolve", [(2, 3, 1), (N, 1, 1)], _geometry(), "must be ints of at least 1"),
    ("convolve", [(2, 3, 3, 1), (2, 1, 1)], _geometry(), "a batch, 1 spatial axes and channels"),
    ("convolve", [(2, 3, 1), (2, 1, 1)], _geometry(strides=(0,)), "strides must be an int"),
    ("convolve", [(2, 3, 1), (2, 1, 1)], _geometry(padding=((0,),)), "padding must be two"),
    ("convolve", [(2, 1), (1, 1)], _geometry(strides=()), "one to three spatial axes"),
    ("convolve_filter", [(2, 5, 3), (2, 3, 1)], _geometry(window=(2,)), "not the shape"),
    ("convolve_filter", [(2, 5, 3), (2, 4, 1)], _geometry(window=(2, 2)), "for each spatial axis"),
    ("convolve_filter", [(2, 5, 3), (2, 4, 2)], _geometry(window=(2,), groups=2), "be divided"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "shapes", "attrs", "message"),
    [
        ("broadcast", [(3,)], {"shape": (4,), "dims": (0,)}, "neither size 1 nor the size"),
        ("broadcast", [(N,)], {"shape": (4,), "dims": (0,)}, "neither size 1 nor the size"),
        ("broadcast", [(3, 3)], {"shape": (3, 3), "dims": (1, 0)}, "in increasing order"),
        ("broadcast", [(3,)], {"shape": (3,), "dims": (1,)}, "one output axis per operand axis"),
        ("transpose", [(3, 3)], {"permutation": (0, 0)}, "every axis once"),
        ("slice", [(5,)], {"starts": (3,), "steps": (1,), "shape": (3,)}, "outside of"),
        ("slice", [(5,)], {"starts": (1,), "steps": (-1,), "shape": (3,)}, "outside of"),
        ("slice", [(N,)], {"starts": (N - 1,), "steps": (1,), "shape": (2,)}, "outside of"),
        ("slice", [(5,)], {"starts": (0,), "steps": (0,), "shape": (3,)}, "non-zero int"),
        ("slice", [(5,)], {"starts": (0,), "steps": (1,), "shape": (-1,)}, "negative"),
        ("slice", [(5, 5)], {"starts": (0,), "steps": (1,), "shape": (3,)}, "for each axis"),
        ("pad", [(3,)], {"starts": (1,), "shape": (3,)}, "outside of"),
        ("pad", [(3,)], {"starts": (0, 0), "shape": (3, 3)}, "for each axis"),
        ("reshape", [(2, 3)], {"shape": (5,)}, "number of elements changes"),
        ("reshape", [(N, 3)], {"shape": (3 * N + 1,)}, "number of elements changes"),
        ("windows", [(3,)], {"axis": 0, "size": 4}, "larger than the axis"),
        ("diagonal", [(3, 3)], {"axes": (0, 1), "starts": (0, 1), "size": 3}, "outside of"),
        ("diagonal", [(3, 3)], {"axes": (1, 1), "starts": (0, 0), "size": 3}, "different axes"),
        ("windows", [(3,)], {"axis": 1, "size": 2}, "axis of the operand"),
        ("windows", [(3,)], {"axis": 0, "size": 0}, "size of at least 1"),
        ("concatenate", [(2,), (3,)], {"axis": 1}, "there is no axis 1"),
        ("concatenate", [(2, 3), (3, 3)], {"axis": 1}, "shapes differ"),
        ("concatenate", [], {"axis": 0}, "at least one array"),
        ("interleave", [(2,), (2,)], {"shape": (5,), "steps": (2,)}, "every n-th element"),
        ("interleave", [(2,)], {"shape": (2,), "steps": (0,)}, "a step of at least 1"),
        ("update_slice", [(5,), (3,)], {"starts": (3,), "steps": (1,)}, "outside of"),
        ("update_slice", [(5,), ()], {"starts": (), "steps": ()}, "for each axis"),
        ("iota", [], {"size": -1, "dtype": DType.I64}, "size is negative"),
        ("reduce_sum", [(2, 3)], {"axes": (1, 0)}, "must be sorted"),
        ("reduce_sum", [(2, 3)], {"axes": (2,)}, "axes of the operand"),
        ("reduce_max", [(2, 0)], {"axes": (1,)}, "no smallest or largest"),
        ("cumsum", [(2,)], {"axis": 1}, "axes of the operand"),
        ("linear_recurrence", [(2,), (3,)], {"axis": 0}, "operands differ"),
        ("matmul", [(2, 3), (2, 3)], {}, "inner sizes differ"),
        ("matmul", [(4, 2, 3), (5, 3, 2)], {}, "equal batch shape"),
        ("matmul", [(3,), (3,)], {}, "equal batch shape"),
        ("gather", [(3,)], {}, "at least one index array"),
        *CONVOLUTIONS,
    ],
)
def test_what_infer_refuses(name: str, shapes: Any, attrs: dict[str, Any], message: str):
    with pytest.raises(ShapeError, match=message):
        REGISTRY[name].infer([TensorType(DType.F64, s) for s in shapes], attrs)


def test_update_slice():
    base = np.arange(12.0).reshape(3, 4)
    value = np.full((2, 2), -1.0)
    found = REGISTRY["update_slice"].reference(base, value, starts=(2, 0), steps=(-2, 3))
    expected = base.copy()
    expected[::-2, ::3] = value
    np.testing.assert_array_equal(found, expected)
    assert base[0, 0] == 0.0


def test_gather():
    x = np.arange(24.0).reshape(2, 3, 4)
    i, j = np.array([[0, -1], [1, 0]]), np.array([[2, 0], [-3, 1]])
    op = REGISTRY["gather"]
    types = [TensorType(DType.of(a.dtype), a.shape) for a in (x, i, j)]
    assert op.infer(types, {})[0].shape == (2, 2, 4)
    np.testing.assert_array_equal(op.reference(x, i, j), x[i, j])
    with pytest.raises(IndexError):
        op.reference(x, np.array([2]))


SCATTERS = [
    ((), (3,), "at least one index array"),
    ((2, 4), (3, 3), "more index arrays than axes"),
    ((2, 4), (3,), "the values do not fit"),
]


@pytest.mark.parametrize(("values", "base", "message"), SCATTERS)
def test_what_scatter_add_refuses(values: Any, base: Any, message: str):
    places = {"at least one index array": 0, "more index arrays than axes": 3}.get(message, 1)
    indices = [TensorType(DType.I64, (2,))] * places
    types = [TensorType(DType.F64, base), TensorType(DType.F64, values), *indices]
    with pytest.raises(ShapeError, match=message):
        REGISTRY["scatter_add"].infer(types, {})


def test_scatter_add():
    base = np.arange(6.0).reshape(2, 3)
    values = np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0], [100.0, 200.0, 300.0]])
    op = REGISTRY["scatter_add"]
    found = op.reference(base, values, np.array([1, 0, -1]))
    np.testing.assert_array_equal(found, base + np.array([[10, 20, 30], [101, 202, 303]]))
    bools = op.reference(np.zeros(3, bool), np.array([True, False, True]), np.array([0, 0, 2]))
    np.testing.assert_array_equal(bools, [True, False, True])
    with pytest.raises(IndexError):
        op.reference(base, values, np.array([0, 0, 2]))


def test_iota_wraps_as_a_kernel_does():
    found = REGISTRY["iota"].reference(size=300, dtype=DType.U8)
    np.testing.assert_array_equal(found, np.arange(300).astype(np.uint8))
