"""Memory shared with other libraries, in both directions. The simulated device is the host."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import tensorwright as tw
from support.one_device import device  # noqa: F401  the device of these tests
from tensorwright.compiler.errors import DeviceError, DTypeError
from tensorwright.compiler.ir.types import DType
from tensorwright.frontend.device_arrays import DeviceArray
from tensorwright.runtime.cuda import dlpack

X = np.arange(12.0).reshape(3, 4)


class Foreign:
    """An array of another library, which counts who holds its memory."""

    def __init__(self, array, place=(dlpack.CPU, 0), versioned=True):
        self.array, self.device, self.versioned = array, place, versioned

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **options):
        if "max_version" in options and not self.versioned:
            raise TypeError("unexpected keyword max_version")
        self.options = options
        x = self.array
        memory = dlpack.Memory(x, x.ctypes.data, x.dtype, x.shape, self.device)
        return dlpack.export(memory, options.get("max_version"), read_only=False)


@pytest.fixture(autouse=True)
def _nothing_is_left_behind():
    gc.collect()
    before = dlpack.lent_count()
    yield
    gc.collect()
    assert dlpack.lent_count() == before


# -- out ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [d for d in DType if d is not DType.BF16], ids=str)
@pytest.mark.parametrize("shape", [(), (3, 0), (5,), (2, 3, 4)], ids=str)
def test_numpy_reads_them_without_a_copy(dtype, shape):
    x = (np.random.default_rng(0).random(shape) * 9).astype(dtype.numpy)
    there = tw.device_put(x)
    seen = np.from_dlpack(there)
    assert (seen.dtype, seen.shape) == (x.dtype, x.shape) and (seen == x).all()
    assert not seen.flags.writeable
    if x.size:
        assert seen.ctypes.data == there.block.address


def test_what_is_exported_keeps_the_memory():
    there = tw.device_put(X) * 2
    seen = np.from_dlpack(there)
    del there
    gc.collect()
    assert (seen == X * 2).all()


def test_what_others_have_queued_is_waited_for(device):  # noqa: F811
    there = tw.device_put(X)[1:]
    seen = np.from_dlpack(there)
    del there, seen
    gc.collect()
    before = device.done["synchronize"]
    tw.device_put(X)  # may get the same memory
    assert device.done["synchronize"] > before


def test_work_that_is_queued_is_done_before():
    seen = np.from_dlpack(tw.device_put(X) + 1)
    assert (seen == X + 1).all()


def test_faults_are_told_before():
    taken = tw.device_put(X)[tw.device_put(np.array([7]))]
    with pytest.raises(IndexError, match="out of bounds"):
        taken.__dlpack__()
    with pytest.raises(IndexError, match="out of bounds"):
        _ = taken.__cuda_array_interface__


def test_a_capsule_that_nobody_takes_is_given_back():
    before = dlpack.lent_count()
    capsule = tw.device_put(X).__dlpack__()
    assert dlpack.lent_count() == before + 1
    del capsule
    assert dlpack.lent_count() == before


def test_copies_may_be_changed():
    there = tw.device_put(X)
    seen = np.from_dlpack(there, copy=True)
    seen[0] = -1
    assert (np.asarray(there) == X).all()


def test_the_protocol_before_versions():
    there = tw.device_put(X)
    found = dlpack.take(Foreign(X, versioned=False), None)
    assert found.address == X.ctypes.data
    assert "dltensor" in repr(there.__dlpack__()) and "versioned" not in repr(there.__dlpack__())
    assert "dltensor_versioned" in repr(there.__dlpack__(max_version=(1, 1)))


def test_on_another_device():
    there = tw.device_put(X)
    assert there.__dlpack_device__() == (dlpack.CPU, 0)
    with pytest.raises(BufferError, match=r"lies on device \(1, 0\), not on \(2, 0\)"):
        there.__dlpack__(dl_device=(dlpack.CUDA, 0))


def test_cuda_array_interface():
    there = tw.device_put(X.astype(np.float32))[1:]
    found = there.__cuda_array_interface__
    assert found["shape"] == (2, 4) and found["typestr"] == "<f4" and found["version"] == 3
    assert found["data"] == (there.block.address, False) and found["strides"] is None
    assert tw.device_put(np.zeros(0)).__cuda_array_interface__["data"] == (0, False)


# -- in -------------------------------------------------------------------------------------------


def test_arrays_of_others_are_used_in_place():
    x = X.copy()
    there = tw.from_dlpack(Foreign(x))
    assert type(there) is DeviceArray and there.block.address == x.ctypes.data
    x[0, 0] = 100.0  # both see the same memory
    assert (np.asarray(there * 2) == x * 2).all()
    assert (np.asarray(there[1]) == x[1]).all()


def test_they_are_given_back():
    before = dlpack.lent_count()
    there = tw.from_dlpack(Foreign(X.copy()))
    part = there[1:]
    del there
    gc.collect()
    assert dlpack.lent_count() == before + 1
    assert (np.asarray(part) == X[1:]).all()
    del part
    gc.collect()
    assert dlpack.lent_count() == before


def test_the_same_memory_may_be_taken_twice():
    x = X.copy()
    one, two = tw.from_dlpack(Foreign(x)), tw.from_dlpack(Foreign(x))
    del one
    assert (np.asarray(two + 1) == x + 1).all()


def test_device_put_copies():
    x = X.copy()
    there = tw.device_put(Foreign(x))
    x[0] = -1
    assert (np.asarray(there) == X).all()


def test_ours_are_taken_as_they_are():
    there = tw.device_put(X)
    assert tw.from_dlpack(there) is there


def test_cuda_array_interface_of_others():
    x = X.copy()

    class Other:
        __cuda_array_interface__ = {  # noqa: RUF012
            "shape": x.shape,
            "typestr": x.dtype.str,
            "data": (x.ctypes.data, False),
            "strides": x.strides,
            "version": 3,
        }

    there = tw.from_dlpack(Other())
    assert there.block.address == x.ctypes.data and (np.asarray(there) == X).all()
    assert tw.device_put(Other()).block.address != x.ctypes.data


def test_arguments_have_to_be_ours():
    class Tensor:
        __cuda_array_interface__ = {"shape": (1,)}  # noqa: RUF012

    with pytest.raises(DeviceError, match="an argument is an array of another library on") as error:
        tw.jit(lambda x: x)(Tensor())
    assert error.value.hint == "tw.from_dlpack(x) shares its memory"


def test_refusals():
    with pytest.raises(DeviceError, match="side by side in row-major order") as error:
        tw.from_dlpack(np.zeros((3, 4)).T)
    assert "strides (1, 4) in elements" in error.value.got
    assert "x.contiguous() in PyTorch" in error.value.hint
    with pytest.raises(DeviceError, match="lies on another device") as error:
        tw.from_dlpack(Foreign(X, place=(dlpack.CUDA, 1)))
    assert error.value.got == "DLPack's device type 2, number 1"
    with pytest.raises(DTypeError, match="complex numbers are not supported"):
        tw.from_dlpack(np.zeros(3, complex))
    with pytest.raises(TypeError, match="from_dlpack: a list is no array of another library"):
        tw.from_dlpack([1.0])


def test_strides_of_axes_with_one_element_do_not_matter():
    x = np.lib.stride_tricks.as_strided(np.arange(3.0), (1, 3), (800, 8))
    assert np.asarray(tw.from_dlpack(x)).tolist() == [[0.0, 1.0, 2.0]]


@pytest.mark.parametrize("library", ["torch", "cupy", "jax"])
def test_other_libraries(library):
    """Where they are installed; on the host they share memory with the simulated device."""
    other = pytest.importorskip("jax.numpy" if library == "jax" else library)
    x = other.ones((2, 3), dtype=other.float32)
    there = tw.from_dlpack(x)
    assert (np.asarray(there + 1) == 2).all()
    back = getattr(other, "from_dlpack")(there)  # noqa: B009  mypy knows none of them
    assert tuple(back.shape) == (2, 3)
