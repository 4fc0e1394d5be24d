"""Arrays on the device: making them, looking at them, computing with them outside of `jit`."""

from __future__ import annotations

import copy
import operator
import pickle
from dataclasses import dataclass

import numpy as np
import pytest

import tensorwright as tw
from support.one_device import device  # noqa: F401  the device of these tests
from tensorwright.compiler.errors import DTypeError, TraceError, UnsupportedError
from tensorwright.compiler.ir.types import DType
from tensorwright.frontend import device_arrays
from tensorwright.frontend.device_arrays import DeviceArray

X = np.arange(12.0).reshape(3, 4)
I = np.array([[3, -1, 2], [0, 5, -4]])  # noqa: E741


@dataclass
class Layer:
    weights: np.ndarray
    bias: float


def same(got, expected, rtol=0.0):
    """Values, shape and dtype; and it lies on the device."""
    assert type(got) is DeviceArray
    assert (got.shape, got.dtype) == (np.shape(expected), np.asarray(expected).dtype)
    np.testing.assert_allclose(np.asarray(got), expected, rtol=rtol)


# -- there and back -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", list(DType), ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 0, 3), (2, 3, 4)], ids=str)
def test_arrays_come_back_as_they_were(dtype, shape):
    x = (np.random.default_rng(0).random(shape) * 9).astype(dtype.numpy)
    same(tw.device_put(x), x)


def test_other_layouts_become_row_major():
    same(tw.device_put(X.T), X.T)
    same(tw.device_put(X[:, ::-2]), X[:, ::-2])
    same(tw.device_put(X.astype(">f8")), X)
    same(tw.device_put(np.longlong(7)), np.int64(7))


def test_numbers_become_arrays_without_axes():
    same(tw.device_put(2.5), np.float64(2.5))
    same(tw.device_put(True), np.bool_(True))
    same(tw.device_put(np.float32(2)), np.float32(2))


def test_containers_keep_their_form():
    there = tw.device_put({"a": (X, None), "b": [1, Layer(X, 2.0)]}, device="gpu")
    assert type(there["a"][0]) is DeviceArray and there["a"][1] is None
    assert type(there["b"][1]) is Layer and type(there["b"][1].bias) is DeviceArray
    back = tw.device_get(there)
    assert type(back["a"][0]) is np.ndarray and back["a"][0].tolist() == X.tolist()
    assert back["b"][0] == 1 and back["b"][1].bias == 2.0


def test_device_get_leaves_other_things_alone():
    assert tw.device_get([1, "a", X])[2] is X


def test_device_put_on_the_cpu_brings_arrays_back():
    there = tw.device_put(X)
    assert type(tw.device_put([there], device="cpu")[0]) is np.ndarray
    assert there.to_device("gpu") is there and type(there.to_device("cpu")) is np.ndarray
    with tw.device("cpu"):
        assert type(tw.device_put(there)) is np.ndarray
        assert type(tw.device_put(X, device="/GPU:0")) is DeviceArray


def test_the_copy_is_not_changed_with_the_original():
    x = X.copy()
    there = tw.device_put(x)
    x[0] = -1
    same(there, X)


def test_what_cannot_be_put_there_is_named():
    for x, text in (
        (np.zeros(2, complex), "complex numbers are not supported"),
        (1j, "complex numbers are not supported"),
        (np.array(["a"]), "text is not supported"),
        (np.array([None]), "arrays of Python objects are not supported"),
        (np.zeros(2, "datetime64[s]"), "dates and times are not supported"),
        (np.zeros(2, np.longdouble), "extended precision is not supported"),
    ):
        with pytest.raises(DTypeError, match=text):
            tw.device_put(x)
    with pytest.raises(DTypeError, match=r"device_put: x\['a'\]\[1\] is neither an array nor a nu"):
        tw.device_put({"a": [1, "text"]})
    with pytest.raises(ValueError, match="device is 'tpu'; there are cpu, gpu"):
        tw.device_put(X, device="tpu")
    with pytest.raises(ValueError, match="device is 'GPU:1'; there are cpu, gpu"):
        tw.device_put(X, device="GPU:1")


def test_a_traced_function_cannot_put_arrays_there():
    with pytest.raises(TraceError, match="device_put is called in a function that is traced"):
        tw.jit(lambda x: tw.device_put(x))(X)


# -- looking at them ------------------------------------------------------------------------------


def test_the_class_has_a_public_name():
    assert tw.DeviceArray is DeviceArray


def test_attributes():
    x = tw.device_put(X)
    assert (x.device, x.shape, x.ndim, x.size) == ("gpu", (3, 4), 2, 12)
    assert (x.dtype, x.itemsize, x.nbytes, len(x)) == (np.float64, 8, 96, 3)
    assert x.real is x and x.block_until_ready() is x
    with pytest.raises(TypeError, match="unsized"):
        len(tw.device_put(1.0))
    with pytest.raises(TypeError, match="iteration over a 0-d array"):
        iter(tw.device_put(1.0))


def test_printed_form():
    assert repr(tw.device_put(np.float32(2))) == "DeviceArray(2., dtype=float32, device='gpu')"
    assert repr(tw.device_put(np.arange(3))) == (
        "DeviceArray([0, 1, 2], dtype=int64, device='gpu')"
    )
    empty = "DeviceArray([], shape=(0, 3), dtype=float64, device='gpu')"
    assert repr(tw.device_put(np.zeros((0, 3)))) == empty
    assert str(tw.device_put(np.arange(3))) == "[0 1 2]"
    assert f"{tw.device_put(2.5):.2f} {tw.device_put(np.arange(2))}" == "2.50 [0 1]"


def test_numbers():
    x = tw.device_put(X)
    assert x.item(5) == 5.0 and x.item(1, 2) == 6.0 and type(x[0, 0].item()) is float
    assert float(x[1, 1]) == 5.0 and int(x[1, 1]) == 5 and complex(x[0, 1]) == 1
    assert bool(x[0, 1]) and not x[0, 0]
    assert range(9)[tw.device_put(4)] == 4
    assert x.tolist() == X.tolist() and x.tobytes() == X.tobytes()
    with pytest.raises(TypeError, match="only arrays with one element"):
        float(x)
    with pytest.raises(ValueError, match=r"The truth value .* Use a.any\(\) or a.all\(\)"):
        bool(x)
    with pytest.raises(TypeError, match="only integer scalar arrays"):
        range(9)[x[0, 1]]


def test_they_are_hashed_by_identity():
    x, y = tw.device_put(X), tw.device_put(X)
    assert len({x, y, x}) == 2


def test_pickles_are_those_of_the_array_on_the_host():
    back = pickle.loads(pickle.dumps(tw.device_put(X)))
    assert type(back) is np.ndarray and back.tolist() == X.tolist()


def test_copies_are_the_array_itself():
    x = tw.device_put(X)
    assert copy.copy(x) is x and copy.deepcopy([x])[0] is x and x.copy() is x


def test_numpy_saves_and_prints_them(tmp_path):
    np.save(tmp_path / "x.npy", tw.device_put(X))
    assert np.load(tmp_path / "x.npy").tolist() == X.tolist()
    np.testing.assert_allclose(tw.device_put(X), X)
    assert np.shape(tw.device_put(X)) == (3, 4) and np.size(tw.device_put(X)) == 12
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(tw.device_put(X), copy=False)


# -- computing with them --------------------------------------------------------------------------

OPERATORS = (
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
    operator.pow, operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne,
    operator.and_, operator.or_, operator.xor,
)  # fmt: skip


@pytest.mark.parametrize("function", OPERATORS, ids=lambda f: f.__name__)
def test_operators(function):
    x, y = np.abs(I) + 1, np.array([2, 1, 3])
    there = tw.device_put(x)
    same(function(there, tw.device_put(y)), function(x, y))
    same(function(there, y), function(x, y))
    same(function(x, tw.device_put(y)), function(x, y))
    same(function(there, 3), function(x, 3))
    same(function(2, there), function(2, x))
    same(function(np.int16(2), there), function(np.int16(2), x))


def test_dtypes_are_those_of_numpy():
    x = np.arange(3, dtype=np.float32)
    there = tw.device_put(x)
    same(there * 2.5, x * 2.5)
    same(there + np.float64(1), x + np.float64(1))
    same(there + np.arange(3), x + np.arange(3))
    same(-there, -x)
    same(abs(tw.device_put(I)), abs(I))
    same(~tw.device_put(I), ~I)


def test_one_program_serves_all_numbers():
    x = tw.device_put(X)
    _ = x * 2.0
    made = device_arrays._program.cache_info().misses
    for number in (3.0, 4.5):
        same(x * number, X * number)
    assert device_arrays._program.cache_info().misses == made


FUNCTIONS = {
    "exp": np.exp,
    "sum": np.sum,
    "sum of rows": lambda x: x.sum(axis=1),
    "mean": lambda x: x.mean(axis=0, keepdims=True),
    "max": lambda x: x.max(),
    "argmin": lambda x: np.argmin(x, axis=1),
    "transposed": lambda x: x.T,
    "transpose": lambda x: np.transpose(x, (1, 0)),
    "astype": lambda x: x.astype(np.int32),
    "where": lambda x: np.where(x > 3, x, 0.0),
    "clip": lambda x: x.clip(2, 5),
    "concatenate": lambda x: np.concatenate([x, x], axis=1),
    "stack": lambda x: np.stack([x, x + 1]),
    "cumsum": lambda x: np.cumsum(x, axis=0),
    "matmul": lambda x: x @ x.T,
    "einsum": lambda x: np.einsum("ij,kj->ik", x, x),
    "reduce": lambda x: np.add.reduce(x, axis=0),
    "zeros like": lambda x: np.zeros_like(x, dtype=np.int8),
    "divmod": lambda x: divmod(x, 3)[1],
    "round": lambda x: np.round(x / 7, 1),
    "squeeze": lambda x: np.squeeze(x[None]),
    "reshape": lambda x: x.reshape(2, -1),
    "reshape function": lambda x: np.reshape(x, (4, 3)),
    "ravel": lambda x: x.ravel(),
    "flatten": lambda x: x.flatten(),
    "imag": lambda x: x.imag,
    "take": lambda x: np.take(x, [2, 0], axis=1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    same(FUNCTIONS[name](tw.device_put(X)), FUNCTIONS[name](X), rtol=1e-15)


INDICES = {
    "row": 1,
    "last row": -1,
    "element": (1, 2),
    "rows": slice(1, 3),
    "part of a row": (1, slice(1, None)),
    "all": slice(None),
    "ellipsis": ...,
    "columns": (slice(None), slice(1, 3)),
    "column": (slice(None), 2),
    "steps": slice(None, None, 2),
    "reversed": slice(None, None, -1),
    "new axis": (None, 1),
    "none": slice(2, 1),
    "list": [2, 0],
    "array": (np.array([0, 2]), np.array([1, 1])),
    "numpy integer": np.int64(2),
    "empty tuple": (),
}


@pytest.mark.parametrize("name", INDICES)
def test_indexing(name):
    same(tw.device_put(X)[INDICES[name]], X[INDICES[name]])


def test_an_array_on_the_device_is_an_index():
    at = np.array([2, 0])
    same(tw.device_put(X)[tw.device_put(at)], X[at])


def test_parts_side_by_side_share_memory(device):  # noqa: F811
    x = tw.device_put(X)
    before = device.done["allocate"], device.done["launch"]
    part = x[1:][0, 1:3]
    assert part.block.address == x.block.address + 8 * 5
    assert x.reshape(-1).block.address == x.block.address
    assert (device.done["allocate"], device.done["launch"]) == before
    del x  # the part keeps the memory
    same(part * 2, X[1, 1:3] * 2)


def test_iteration_gives_rows():
    for row, expected in zip(tw.device_put(X), X, strict=True):
        same(row, expected)


def test_indices_out_of_bounds():
    x = tw.device_put(X)
    with pytest.raises(IndexError, match="index 3 is out of bounds for axis 0 with size 3"):
        x[3]
    with pytest.raises(IndexError, match="index -5 is out of bounds for axis 1 with size 4"):
        x[0, -5]
    with pytest.raises(IndexError):
        x[0, 0, 0]
    with pytest.raises(ValueError, match=r"cannot reshape array of size 12 into shape \(5, -1\)"):
        x.reshape(5, -1)


def test_they_do_not_change():
    x = tw.device_put(X)

    def iadd():
        nonlocal x
        x += 1

    for change, what in (
        (lambda: operator.setitem(x, 0, 1.0), "x[index] = value"),
        (iadd, "x += y"),
        (lambda: x.sort(), "ndarray.sort"),
        (lambda: x.fill(0), "ndarray.fill"),
        (lambda: np.copyto(x, X), "np.copyto"),
        (lambda: np.add(x, x, out=x), "np.add: out="),
        (lambda: np.add.at(x, 0, 1.0), "np.add.at"),
    ):
        with pytest.raises(UnsupportedError) as error:
            change()
        assert error.value.what == f"{what} would change an array on the GPU"
        assert "write x = x + y" in error.value.hint
        assert error.value.loc.file == __file__


def test_what_is_not_supported_says_so():
    with pytest.raises(UnsupportedError, match=r"np.linalg.eigvals is not supported on") as error:
        np.linalg.eigvals(tw.device_put(X[:, :3]))
    assert "np.asarray(x) copies the array there" in error.value.hint
    with pytest.raises(DTypeError, match="complex numbers are not supported"):
        tw.device_put(X) * np.ones(4, complex)


def test_results_of_programs_are_not_waited_for(device):  # noqa: F811
    x = tw.device_put(X)
    _ = x * 2 + 1
    before = device.done["synchronize"]
    y = x * 2 + 1
    assert device.done["synchronize"] == before
    same(y, X * 2 + 1)


def test_faults_in_data_are_raised_when_a_result_is_used():
    x = tw.device_put(X)
    taken = x[tw.device_put(np.array([1, 9]))]
    with pytest.raises(IndexError, match="out of bounds"):
        np.asarray(taken)
    with pytest.raises(IndexError, match="out of bounds"):
        taken.block_until_ready()


def test_results_do_not_go_to_the_host():
    x = X.copy()
    with pytest.raises(UnsupportedError, match=r"np.add: out= is an array on the host") as error:
        x += tw.device_put(X)
    assert "copy the operands to the host: np.asarray(x)" in error.value.hint
    x[...] = tw.device_put(X) * 2  # a copy, as of any array
    assert x.tolist() == (X * 2).tolist()
