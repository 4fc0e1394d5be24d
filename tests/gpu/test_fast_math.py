"""Functions of float32 with `fast_math`: their instructions, and how far off results may be."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tensorwright as tw
from support.one_device import device  # noqa: F401  the device of these tests
from tensorwright.compiler.ops.math import FAST
from tensorwright.runtime.cuda import compiling
from tensorwright.runtime.cuda.executable import GpuExecutable

RNG = np.random.default_rng(0)
ANGLES = np.concatenate([RNG.uniform(-7, 7, 500), RNG.uniform(-1e5, 1e5, 500), [0.0, -0.0]])
POSITIVE = np.concatenate([2.0 ** RNG.uniform(-126, 127, 500), RNG.uniform(0.4, 2.1, 500)])
EXPONENTS = np.concatenate([RNG.uniform(-80, 80, 500), RNG.uniform(-1, 1, 500), [0.0]])

# What docs/gpu.md says: the function, arguments, and the largest error for x and the exact result.
BOUNDS = {
    "exp": (np.exp, EXPONENTS, lambda x, y: (2.0**-22 + abs(x) * 2.0**-23) * y),
    "exp2": (np.exp2, EXPONENTS, lambda x, y: 2.0**-22 * y),
    "log": (np.log, POSITIVE, lambda x, y: 2.0**-21 * np.maximum(1, abs(y))),
    "log2": (np.log2, POSITIVE, lambda x, y: 2.0**-21 * np.maximum(1, abs(y))),
    "log10": (np.log10, POSITIVE, lambda x, y: 2.0**-21 * np.maximum(1, abs(y))),
    "sin": (np.sin, ANGLES, lambda x, y: 2.0**-20),
    "cos": (np.cos, ANGLES, lambda x, y: 2.0**-20),
    "tan": (np.tan, ANGLES, lambda x, y: (1 + y * y) * 2.0**-19),
    "tanh": (np.tanh, EXPONENTS, lambda x, y: 2.0**-20 * abs(y)),
    "sqrt": (np.sqrt, POSITIVE, lambda x, y: 2.0**-23 * y),
}
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 1e-40], np.float32)


def fast(function, *arrays):
    types = [f"f32[{len(x)}]" for x in arrays]
    compiled = tw.jit(function, fast_math=True).lower(*types).compilation.gpu
    return np.asarray(GpuExecutable(compiled)(*(x.astype(np.float32) for x in arrays))[0])


@pytest.mark.parametrize("name", BOUNDS)
def test_results_are_as_close_as_is_told(name):
    function, x, bound = BOUNDS[name]
    x = x.astype(np.float32)
    exact = function(x.astype(np.float64))
    got = fast(function, x)
    assert got.dtype == np.float32
    assert (abs(got - exact) <= bound(x.astype(np.float64), exact)).all()
    assert (got != function(x)).any(), "the approximation is used"


@pytest.mark.parametrize("name", [name for name in BOUNDS if name != "tan"])
def test_special_values_stay_what_they_are(name):
    function = BOUNDS[name][0]
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(fast(function, SPECIAL), function(SPECIAL), rtol=1e-5, atol=1e-6)


def test_powers():
    x = np.concatenate([POSITIVE, -RNG.uniform(0.1, 9, 500)]).astype(np.float32)
    y = np.concatenate([RNG.uniform(-3, 3, 1000), RNG.integers(-6, 7, 500)]).astype(np.float32)
    wide, exponent = x.astype(np.float64), y.astype(np.float64)
    exact = wide**exponent
    kept = (abs(exact) < 1e38) & (abs(exact) > 1e-37)
    scale = 1 + abs(exponent) + abs(exponent * np.log2(abs(wide)))
    got = fast(np.power, x, y)
    assert (abs(got - exact) <= scale * 2.0**-21 * abs(exact))[kept].all()


def test_powers_of_special_values():
    x, y = (a.ravel() for a in np.meshgrid([*SPECIAL[:7], 2.5, -2.5], [*SPECIAL[:7], 3.0, 0.5]))
    x, y = x.astype(np.float32), y.astype(np.float32)
    with np.errstate(all="ignore"):
        expected = np.power(x, y)
    got = fast(np.power, x, y)
    # signs of zeros are not kept, and -1 and -inf are as other negative numbers
    free = (np.signbit(x) & (x == 0)) | ((x == -1) & np.isinf(y)) | ((x == -np.inf) & (y == 0.5))
    np.testing.assert_allclose(got[~free], expected[~free], rtol=1e-5)
    zeros = x == 0
    np.testing.assert_allclose(abs(got[zeros]), abs(expected[zeros]), rtol=1e-5)


def test_what_is_not_float32_stays_exact():
    x = np.linspace(0.1, 9, 50)
    compiled = tw.jit(np.exp, fast_math=True).lower("f64[50]").compilation.gpu
    assert "approximate" not in compiled.source
    (got,) = GpuExecutable(compiled)(x)
    np.testing.assert_allclose(np.asarray(got), np.exp(x), rtol=1e-15)


def _ptx(name, fast_math):
    pytest.importorskip("numba.cuda", reason="the compiler is Numba CUDA")
    pytest.importorskip("nvidia", reason="NVIDIA's compiler is not installed")
    function, arity = (np.power, 2) if name == "pow" else (BOUNDS[name][0], 1)
    lowered = tw.jit(lambda *x: function(*x), fast_math=fast_math).lower(*["f32[n]"] * arity)
    return "\n".join(compiling.ptx(lowered.compilation.gpu, (8, 0)).values())


@pytest.mark.parametrize("name", FAST)
def test_instructions(name):
    used = {"log": "lg2", "log2": "lg2", "log10": "lg2", "exp": "ex2", "exp2": "ex2", "tanh": "ex2"}
    wanted = {"pow": {"lg2", "ex2"}, "tan": {"sin", "cos"}}.get(name, {used.get(name, name)})
    found = set(re.findall(r"(\w+)\.approx\.f32", _ptx(name, fast_math=True)))
    assert wanted <= found
    assert not re.search(r"\b(ex2|lg2|sin|cos|sqrt|tanh)\.approx", _ptx(name, fast_math=False))
