"""`tw.conv` against loops, its derivatives against differences, its errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorwright as tw
from support.plain_windows import convolved, same_pads

RNG = np.random.default_rng(0)
STEP = 1e-6

# x, w, strides, padding, dilation, groups
CASES: dict[str, tuple[Any, ...]] = {
    "one_axis": ((2, 9, 3), (4, 3, 5), 1, "VALID", 1, 1),
    "two_axes": ((2, 6, 7, 3), (3, 2, 3, 4), (2, 1), "SAME", 1, 1),
    "three_axes": ((1, 3, 4, 5, 2), (2, 2, 3, 2, 3), 1, "SAME", 1, 1),
    "dilation": ((2, 9, 8, 2), (3, 2, 2, 3), 1, "SAME", (2, 3), 1),
    "stride_beyond_the_window": ((2, 9, 8, 2), (2, 1, 2, 3), (3, 4), "SAME", 1, 1),
    "pairs": ((2, 5, 4, 2), (3, 3, 2, 3), 2, [(2, 0), (1, 3)], 1, 1),
    "one_pad": ((2, 5, 4, 2), (3, 3, 2, 3), 1, 1, 1, 1),
    "size_one": ((1, 1, 1, 1), (1, 1, 1, 1), 1, "SAME", 1, 1),
    "one_place": ((2, 3, 3, 2), (3, 3, 2, 4), 2, "VALID", 1, 1),
    "pointwise": ((2, 4, 5, 6), (1, 1, 6, 3), 1, "VALID", 1, 1),
    "pointwise_strides": ((2, 5, 5, 6), (1, 1, 6, 3), 2, "SAME", 1, 1),
    "groups": ((2, 6, 5, 6), (3, 3, 2, 9), 1, "SAME", 1, 3),
    "depthwise": ((2, 6, 5, 4), (3, 3, 1, 4), 1, "SAME", 1, 4),
    "depthwise_multiplier": ((2, 6, 5, 4), (3, 2, 1, 8), 2, "SAME", 1, 4),
    "depthwise_large_window": ((1, 13, 12, 3), (11, 11, 1, 6), 1, "SAME", 1, 3),
    "one_output_a_group": ((2, 6, 5, 6), (3, 3, 2, 3), 2, "SAME", 1, 3),
    "one_output_of_many_channels": ((1, 6, 5, 40), (3, 3, 20, 2), 1, "SAME", 1, 2),
    "many_channels": ((2, 5, 4, 33), (3, 3, 33, 35), 1, "SAME", 1, 1),
}


def operands(name: str, dtype: Any = np.float64) -> tuple[np.ndarray, np.ndarray]:
    x, w = CASES[name][:2]
    return RNG.standard_normal(x).astype(dtype), RNG.standard_normal(w).astype(dtype)


def pads_of(name: str, x: np.ndarray) -> Any:
    _, w, strides, padding, dilation, _ = CASES[name]
    rank = len(w) - 2
    if padding == "SAME":
        return same_pads(
            x.shape[1:-1], w[:-2], np.broadcast_to(strides, rank), np.broadcast_to(dilation, rank)
        )
    if padding == "VALID":
        return [(0, 0)] * rank
    return [(padding, padding)] * rank if isinstance(padding, int) else padding


def expected(name: str, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    _, _, strides, _, dilation, groups = CASES[name]
    rank = w.ndim - 2
    steps, spread = (np.broadcast_to(v, rank).tolist() for v in (strides, dilation))
    return convolved(x, w, steps, pads_of(name, x), spread, groups)


def conv(name: str, x: Any, w: Any) -> Any:
    return tw.conv(x, w, *CASES[name][2:])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", CASES)
def test_values(name: str, dtype: Any) -> None:
    x, w = operands(name, dtype)
    tolerance = 1e-12 if dtype == np.float64 else 1e-4
    for found in (conv(name, x, w), tw.jit(lambda x, w: conv(name, x, w))(x, w)):
        assert found.dtype == dtype and isinstance(found, np.ndarray)
        np.testing.assert_allclose(found, expected(name, x, w), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", CASES)
def test_derivatives(name: str) -> None:
    x, w = operands(name)
    along = operands(name)

    def loss(x: Any, w: Any) -> Any:
        return np.sum(np.sin(conv(name, x, w)))

    dx, dw = tw.grad(loss, argnums=(0, 1))(x, w)
    ahead, back = (
        np.sum(np.sin(expected(name, x + s * along[0], w + s * along[1]))) for s in (STEP, -STEP)
    )
    slope = np.sum(dx * along[0]) + np.sum(dw * along[1])
    np.testing.assert_allclose(slope, (ahead - back) / (2 * STEP), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(tw.jvp(loss, (x, w), along)[1], slope, rtol=1e-10)


@pytest.mark.parametrize("name", ["two_axes", "dilation", "groups", "depthwise", "pairs"])
def test_sizes_that_change(name: str) -> None:
    """A second size compiles once more, and then any size is served."""
    traces = 0

    def loss(x: Any, w: Any) -> Any:
        nonlocal traces
        traces += 1
        return np.sum(conv(name, x, w) ** 2)

    jitted = tw.jit(tw.value_and_grad(loss))
    w = operands(name)[1]
    for count, grown in enumerate((0, 2, 5, 3, 4), start=1):
        x = RNG.standard_normal([n + grown * (k < 2) for k, n in enumerate(CASES[name][0])])
        before = traces
        value, slope = jitted(x, w)
        assert traces == before or count <= 2
        np.testing.assert_allclose(value, np.sum(expected(name, x, w) ** 2), rtol=1e-11)
        np.testing.assert_allclose(np.sum(slope * x), 2 * value, rtol=1e-10)


def test_an_empty_batch() -> None:
    x, w = operands("two_axes")
    assert conv("two_axes", x[:0], w).shape == (0, 3, 7, 4)
    dx, dw = tw.grad(lambda x, w: np.sum(conv("two_axes", x, w)), argnums=(0, 1))(x[:0], w)
    assert dx.shape == (0, 6, 7, 3)
    np.testing.assert_array_equal(dw, np.zeros(w.shape))


def test_halves_are_summed_in_single_precision() -> None:
    x, w = (a.astype(np.float16) for a in operands("many_channels"))
    found = conv("many_channels", x, w)
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, expected("many_channels", x, w), rtol=2e-3, atol=2e-3)


def test_dtypes_are_those_of_numpy() -> None:
    x, w = operands("two_axes")
    assert conv("two_axes", x.astype(np.float32), w).dtype == np.float64
    assert tw.jit(lambda x: conv("two_axes", x, w))(x.astype(np.float16)).dtype == np.float64


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0)])
@pytest.mark.parametrize("name", ["two_axes", "groups"])
def test_vmap(name: str, axes: Any) -> None:
    x, w = operands(name)
    xs = RNG.standard_normal((3, *x.shape)) if axes[0] == 0 else x
    ws = RNG.standard_normal((3, *w.shape)) if axes[1] == 0 else w
    found = tw.vmap(lambda x, w: conv(name, x, w), axes)(xs, ws)
    for k in range(3):
        one = expected(name, xs[k] if axes[0] == 0 else x, ws[k] if axes[1] == 0 else w)
        np.testing.assert_allclose(found[k], one, rtol=1e-12, atol=1e-12)


def test_the_gradient_of_a_gradient() -> None:
    x, w = operands("pairs")
    hessian = tw.hessian(lambda w: np.sum(conv("pairs", x, w) ** 3))(w)
    flat = hessian.reshape((w.size, w.size))
    np.testing.assert_allclose(flat, flat.T, rtol=1e-12)
    found = 6 * expected("pairs", x, w) * expected("pairs", x, np.ones_like(w)) ** 2
    np.testing.assert_allclose(flat.sum(), found.sum(), rtol=1e-10)


def test_constant_filters_in_a_program() -> None:
    blur = np.full((3, 3, 1, 1), 1 / 9)
    x = RNG.standard_normal((1, 8, 8, 1))
    found = tw.jit(lambda x: np.maximum(tw.conv(x, blur, padding="same"), 0))(x)
    pads = [(1, 1), (1, 1)]
    np.testing.assert_allclose(found, np.maximum(convolved(x, blur, [1, 1], pads, [1, 1]), 0))


X, W = np.ones((2, 6, 5, 4), np.float32), np.ones((3, 3, 4, 2), np.float32)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((X, W[:, :, :3]), tw.ShapeError, "the channels of x are not those of w times the groups"),
        ((X, W[:, :, :2], 1, "SAME", 1, 3), tw.ShapeError, "divided among 3 groups"),
        ((X, W, 1, "SAME", 1, 0), tw.ShapeError, "divided among 0 groups"),
        ((X[0], W), tw.ShapeError, "x needs a batch, one to three spatial axes and channels"),
        ((X, W[0, 0]), tw.ShapeError, "x needs a batch, one to three spatial axes and channels"),
        ((X[:, :2], W), tw.ShapeError, "a window of 3 does not fit into 2"),
        ((X, W, 1, "VALID", 3), tw.ShapeError, "a window of 7 does not fit into 6"),
        ((X, W, 0), tw.ShapeError, "strides must be a positive int"),
        ((X, W, (1, 2, 1)), tw.ShapeError, "strides must be a positive int"),
        ((X, W, 1, "FULL"), tw.ShapeError, "padding must be"),
        ((X, W, 1, [(1, 1)]), tw.ShapeError, "padding must be"),
        ((X, W, 1, "SAME", -1), tw.ShapeError, "dilation must be a positive int"),
        ((X.astype(int), W.astype(int)), tw.DTypeError, "needs floats"),
    ],
)
def test_errors(arguments: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        tw.conv(*arguments)
    with pytest.raises(error, match=message):
        tw.jit(lambda x, w: tw.conv(x, w, *arguments[2:]))(*arguments[:2])
    assert "test_conv.py" in str(caught.value)


@pytest.mark.peers
@pytest.mark.parametrize("name", CASES)
def test_like_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    x, w = operands(name)
    rank = x.ndim - 2
    _, _, strides, _, dilation, groups = CASES[name]
    sides = [side for pair in reversed(pads_of(name, x)) for side in pair]
    first = functional.pad(torch.from_numpy(np.moveaxis(x, -1, 1).copy()), sides)
    filters = torch.from_numpy(np.moveaxis(w, (-1, -2), (0, 1)).copy())
    function = (functional.conv1d, functional.conv2d, functional.conv3d)[rank - 1]
    found = function(first, filters, None, strides, 0, dilation, groups).numpy()
    np.testing.assert_allclose(np.moveaxis(found, 1, -1), conv(name, x, w), rtol=1e-10, atol=1e-12)
