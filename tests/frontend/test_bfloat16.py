"""Arrays of bfloat16: numbers of 16 bits in memory, computed in float32."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import tensorwright as tw
from support.same import widened

BF16 = np.dtype(ml_dtypes.bfloat16)
RNG = np.random.default_rng(0)


def numbers(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(BF16)


def close(found: np.ndarray, expected: np.ndarray, rtol: float = 8e-3) -> None:
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(
        widened(np.asarray(found)), widened(np.asarray(expected)), rtol=rtol, atol=rtol
    )


def test_every_op_is_rounded() -> None:
    x, y = numbers(5, 37), numbers(5, 37)
    found = tw.jit(lambda x, y: np.exp(-x) * y + x)(x, y)
    assert found.dtype == BF16
    np.testing.assert_array_equal(found.view(np.uint16), (np.exp(-x) * y + x).view(np.uint16))


def test_sums_are_kept_in_wider_floats() -> None:
    ones = np.ones(1000, BF16)
    assert float(np.sum(ones)) == 256  # the next number of bfloat16 after 256 is 258
    assert tw.jit(np.sum)(ones) == 1000
    assert tw.jit(np.mean)(ones) == 1
    assert tw.jit(lambda x: np.sum(x, axis=0))(np.ones((1000, 3), BF16)).tolist() == [1000] * 3


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "float16", "int8", "int64", "uint32", "bool"]
)
def test_conversions(dtype: str) -> None:
    x = np.concatenate([numbers(50) * 50, np.array([0, -0.0, 1e-40, 300], BF16)])
    x = np.abs(x) if dtype.startswith("u") else np.clip(x, -100, 100).astype(BF16)
    np.testing.assert_array_equal(tw.jit(lambda x: x.astype(dtype))(x), x.astype(dtype))
    back = np.arange(-300, 300).astype(dtype)
    found = tw.jit(lambda x: x.astype(BF16))(back)
    np.testing.assert_array_equal(found.view(np.uint16), back.astype(BF16).view(np.uint16))


def test_rounding_is_to_even_and_keeps_nan() -> None:
    bits = np.concatenate(
        [RNG.integers(0, 2**32, 5000, np.uint32), np.arange(2**16, dtype=np.uint32) << 15]
    )
    x = bits.view(np.float32)
    x = x[~np.isnan(x)]
    found = tw.jit(lambda x: x.astype(BF16))(x)
    np.testing.assert_array_equal(found.view(np.uint16), x.astype(BF16).view(np.uint16))
    assert np.isnan(tw.jit(lambda x: x.astype(BF16))(np.array([np.nan, -np.nan], np.float32))).all()


def test_products_are_added_up_in_float32() -> None:
    a, b = numbers(40, 300), numbers(300, 20)
    found = tw.jit(lambda a, b: a @ b)(a, b)
    assert found.dtype == BF16
    close(found, (widened(a) @ widened(b)).astype(BF16))


def test_convolutions() -> None:
    x, w = numbers(2, 9, 9, 3), numbers(3, 3, 3, 5)
    found = tw.jit(tw.conv)(x, w)
    assert found.dtype == BF16
    close(found, tw.conv(widened(x), widened(w)).astype(BF16))


def test_gradients_have_the_dtype_of_their_arguments() -> None:
    x = numbers(30)
    found = tw.grad(lambda x: np.sum(np.sin(x) * x))(x)
    assert found.dtype == BF16
    wide = widened(x)
    close(found, np.cos(wide) * wide + np.sin(wide), rtol=2e-2)


def test_mixed_precision_step() -> None:
    """Weights in float32, products of bfloat16: gradients come back in float32."""
    w, x = RNG.standard_normal((20, 7)).astype(np.float32), numbers(50, 20)

    def loss(w: np.ndarray) -> np.ndarray:
        return np.sum((x @ w.astype(BF16)).astype(np.float32) ** 2)

    found = tw.grad(loss)(w)
    assert found.dtype == np.float32
    wide = widened(x)
    exact = 2 * wide.T @ (wide @ w)
    assert np.abs(found - exact).max() < 2e-2 * np.abs(exact).max()


def test_views_scalars_and_nests() -> None:
    x = numbers(4, 6)
    assert type(tw.jit(lambda x: x[1, 2])(x)) is BF16.type
    assert tw.jit(lambda s, x: s * x)(x[0, 0], x).dtype == BF16
    found = tw.jit(lambda p: {"t": p["x"].T[::2], "z": np.zeros_like(p["x"])})({"x": x})
    np.testing.assert_array_equal(widened(found["t"]), widened(x.T[::2]))
    swapped = tw.jit(lambda x: x + x)(x.T)
    np.testing.assert_array_equal(widened(swapped), widened(x.T + x.T))


def test_scans_and_loops() -> None:
    x = numbers(10, 3)
    last, every = tw.jit(lambda x: tw.scan(lambda c, r: (c * r.dtype.type(0.5) + r,) * 2, x[0], x))(
        x
    )
    expected = x[0]
    for row in x:
        expected = expected * BF16.type(0.5) + row
    assert last.dtype == every.dtype == BF16
    np.testing.assert_array_equal(widened(last), widened(expected))


def test_neighbours_are_refused() -> None:
    with pytest.raises(TypeError, match="spacing"):
        tw.jit(np.spacing)(numbers(3))


def test_text_form_holds_every_bit() -> None:
    values = np.array([0.1, -np.inf, np.nan, 1e-40], BF16)
    text = tw.jit(lambda x: x + values).lower(numbers(4)).text("graph")
    assert "bf16[4]" in text and "0.100098" in text
