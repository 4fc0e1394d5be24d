"""On a real GPU: kernels against the CPU, memory shared with other libraries."""

from __future__ import annotations

import numpy as np
import pytest

import tensorwright as tw
from support.simulated_gpu import Check, cases
from tensorwright.runtime.cuda import driver
from tensorwright.runtime.cuda.libraries import libraries
from tests.gpu.test_fast_math import BOUNDS

pytestmark = pytest.mark.gpu
X = np.arange(12.0, dtype=np.float32).reshape(3, 4)


@pytest.mark.parametrize("check", cases().values(), ids=cases())
def test_agrees_with_the_cpu(check: Check) -> None:
    pytest.importorskip("numba.cuda")
    check()


def test_arrays_stay_there() -> None:
    x = tw.device_put(X)
    for _ in range(3):
        x = tw.jit(lambda x: x * 2)(x)
    assert isinstance(x, tw.DeviceArray) and np.asarray(x[1:]).tolist() == (X[1:] * 8).tolist()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "geometry",
    [{}, {"padding": 1, "strides": 2}, {"padding": 2, "dilation": 2}, {"groups": 4}],
    ids=str,
)
def test_cudnn_agrees_with_kernels(monkeypatch, dtype: str, geometry: dict[str, int]) -> None:
    pytest.importorskip("cudnn")
    assert "cuDNN" in libraries(driver.current()).names()
    rng = np.random.default_rng(0)
    x = tw.device_put(rng.normal(size=(8, 15, 15, 16)).astype(dtype))
    w = tw.device_put(rng.normal(size=(3, 3, 16 // geometry.get("groups", 1), 32)).astype(dtype))

    def three(x, w):
        def loss(x, w):
            y = tw.conv(x, w, **geometry)
            return (y**2).sum(), y

        (_, y), gradients = tw.value_and_grad(loss, argnums=(0, 1), has_aux=True)(x, w)
        return y, *gradients

    def results():
        call = tw.jit(three)
        found = [[np.asarray(r) for r in call(x, w)] for _ in range(3)]  # the last by a graph
        for again in found[1:]:
            assert all(np.array_equal(a, b) for a, b in zip(found[0], again, strict=True))
        return found[0]

    by_cudnn = results()
    monkeypatch.setenv("TENSORWRIGHT_GPU_LIBRARIES", "0")
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    for got, wanted in zip(by_cudnn, results(), strict=True):
        scale = float(np.abs(wanted).max())
        np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize("name", BOUNDS)
def test_fast_functions_are_as_close_as_is_told(name: str) -> None:
    pytest.importorskip("numba.cuda")
    function, given, bound = BOUNDS[name]
    x = given.astype(np.float32)
    exact = function(x.astype(np.float64))
    got = np.asarray(tw.jit(function, fast_math=True)(tw.device_put(x)))
    assert (abs(got - exact) <= bound(x.astype(np.float64), exact)).all()


def test_torch_shares_memory() -> None:
    torch = pytest.importorskip("torch")
    given = torch.ones((3, 4), device="cuda") * 3  # queued on PyTorch's stream
    x = tw.from_dlpack(given)
    assert x.block.address == given.data_ptr()
    product = x * tw.device_put(X)
    back = torch.from_dlpack(product)
    assert back.is_cuda and back.data_ptr() == product.block.address
    del product
    assert (back + 1).cpu().numpy().tolist() == (3 * X + 1).tolist()


def test_cupy_shares_memory() -> None:
    cupy = pytest.importorskip("cupy")
    x = tw.device_put(X) + 1
    assert cupy.asarray(x).data.ptr == cupy.from_dlpack(x).data.ptr == x.block.address
    assert float(cupy.asarray(x).sum()) == float((X + 1).sum())
    given = cupy.arange(6, dtype=cupy.float32)
    assert np.asarray(tw.from_dlpack(given) * 2).tolist() == [0, 2, 4, 6, 8, 10]


def test_jax_shares_memory() -> None:
    jax = pytest.importorskip("jax")
    if jax.default_backend() != "gpu":
        pytest.skip("JAX sees no GPU")
    given = jax.numpy.arange(6.0)
    assert np.asarray(tw.from_dlpack(given) * 2).tolist() == [0, 2, 4, 6, 8, 10]
    assert float(jax.numpy.from_dlpack(tw.device_put(X)).sum()) == float(X.sum())


def test_tensorflow_programs() -> None:
    assert tw.config.list_physical_devices("GPU")
    with tw.device("/GPU:0"):
        v = tw.Variable(X)
    step = tw.function(lambda x: v.assign_add(x))
    step(tw.ones((3, 4)))
    assert v.device.endswith("GPU:0") and v.numpy().tolist() == (X + 1).tolist()


def test_memory_that_there_is_not() -> None:
    big = tw.jit(lambda n: np.zeros(2**45, np.float64) + n)
    with tw.device("gpu"), pytest.raises(MemoryError, match="the GPU has not enough memory"):
        big(1.0)
