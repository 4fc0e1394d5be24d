"""np.linalg's systems and factors in compiled functions, against NumPy and finite differences."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tensorwright as tw
from support.tracing import assert_same, check_all_sizes, message
from tensorwright.compiler.errors import DTypeError, UnsupportedError

RNG = np.random.default_rng(0)
A = RNG.standard_normal((4, 4)) + 3 * np.eye(4)
STACK = RNG.standard_normal((2, 3, 4, 4)) + 3 * np.eye(4)
B, V = RNG.standard_normal((4, 3)), RNG.standard_normal(4)


def flipped(x):
    return np.swapaxes(x, -1, -2)


def squared(x):
    """Symmetric, positive definite."""
    return x @ flipped(x) + np.eye(x.shape[-1])


FUNCTIONS = {
    "solve": (np.linalg.solve, A, B),
    "solve_vector": (np.linalg.solve, A, V),
    "solve_stack": (np.linalg.solve, STACK, RNG.standard_normal((2, 3, 4, 2))),
    "solve_one_matrix": (np.linalg.solve, A, RNG.standard_normal((2, 3, 4, 2))),
    "solve_one_right_side": (np.linalg.solve, STACK, B),
    "solve_stack_vector": (np.linalg.solve, STACK, V),
    "solve_broadcast": (np.linalg.solve, STACK[:, :1], RNG.standard_normal((3, 4, 2))),
    "solve_float32": (np.linalg.solve, A.astype(np.float32), B.astype(np.float32)),
    "solve_mixed": (np.linalg.solve, A.astype(np.float32), B),
    "solve_integers": (np.linalg.solve, np.array([[2, 1], [1, 3]]), np.array([1, 2])),
    "solve_integers_float32": (np.linalg.solve, np.array([[2, 1], [1, 3]]), np.ones(2, np.float32)),
    "inv": (np.linalg.inv, A),
    "inv_stack": (np.linalg.inv, STACK),
    "inv_bools": (np.linalg.inv, np.eye(3, dtype=bool)),
    "det": (np.linalg.det, A),
    "det_stack": (np.linalg.det, STACK),
    "det_float32": (np.linalg.det, STACK.astype(np.float32)),
    "det_singular": (np.linalg.det, np.zeros((2, 3, 3))),
    "det_negative": (np.linalg.det, A[[1, 0, 2, 3]]),
    "slogdet": (np.linalg.slogdet, A),
    "slogdet_stack": (np.linalg.slogdet, STACK),
    "slogdet_of_overflow": (lambda x: np.linalg.slogdet(x * 1e200), A),
    "slogdet_singular": (np.linalg.slogdet, np.zeros((3, 3))),
    "cholesky": (lambda x: np.linalg.cholesky(squared(x)), A),
    "cholesky_stack": (lambda x: np.linalg.cholesky(squared(x)), STACK),
    "cholesky_upper": (lambda x: np.linalg.cholesky(squared(x), upper=True), STACK),
    "cholesky_reads_one_triangle": (lambda x: np.linalg.cholesky(np.tril(squared(x))), A),
    "one_factorisation": (lambda x, y: (np.linalg.solve(x, y), np.linalg.slogdet(x)), STACK, B),
    "transposed": (lambda x, y: np.linalg.solve(flipped(x)[..., ::-1, :], y), STACK, B),
    "results_used_and_returned": (lambda x: (np.linalg.inv(x) + 1, np.linalg.inv(x).T), A),
    "operand_used_afterwards": (lambda x: (np.linalg.inv(x), x + 1, np.linalg.det(x)), A),
    "matrix_power": (lambda x: [np.linalg.matrix_power(x, n) for n in (-1, -3)], A),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_as_numpy(name):
    function, *arrays = FUNCTIONS[name]
    rtol = 1e-4 if any(x.dtype == np.float32 for x in arrays) else 1e-10
    check_all_sizes(function, *arrays, rtol=rtol)
    with np.errstate(all="ignore"):
        assert_same(tw.jit(function)(*arrays), function(*arrays), rtol)


@pytest.mark.parametrize("size", [0, 1, 2, 7, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sizes(size, dtype):
    x = (np.random.default_rng(size).standard_normal((3, size, size)) + 30 * np.eye(size)).astype(
        dtype
    )

    @tw.jit
    def compiled(x):
        return function(x)

    def function(x):
        y = np.ones((size, 2), dtype)
        wide = squared(x)
        return (
            np.linalg.solve(x, y),
            np.linalg.inv(x),
            np.linalg.slogdet(x),
            np.linalg.cholesky(wide),
        )

    assert_same(compiled(x), function(x), 2e-3 if dtype == np.float32 else 1e-10)


def test_layouts_of_arguments():
    compiled = tw.jit(np.linalg.solve)
    for a in (A, np.asfortranarray(A), A.T, A[::-1, ::-1], np.repeat(A, 2, axis=1)[:, ::2]):
        for b in (B, np.asfortranarray(B), B[::-1], V, V[::-1]):
            before = a.copy(), b.copy()
            np.testing.assert_allclose(compiled(a, b), np.linalg.solve(a, b), rtol=1e-10)
            np.testing.assert_array_equal(a, before[0])
            np.testing.assert_array_equal(b, before[1])


def test_one_factorisation_for_all_that_needs_it():
    def function(x, y):
        solved = np.linalg.solve(x, y)
        return np.sum(solved * y) + np.linalg.slogdet(x)[1] + np.linalg.inv(x)[0, 0]

    graph = tw.jit(tw.grad(function)).lower(A, B).text("optimized")
    assert graph.count(" = lu(") == 1


# --- errors ------------------------------------------------------------------------------------

SINGULAR = np.ones((3, 3))
FAILURES = {
    "solve": (lambda x: np.linalg.solve(x, np.ones(3)), SINGULAR),
    "solve_in_a_stack": (
        lambda x: np.linalg.solve(x, np.ones((3, 1))), np.stack([np.eye(3), SINGULAR]),
    ),
    "inv": (np.linalg.inv, SINGULAR),
    "inv_of_zero": (np.linalg.inv, np.zeros((1, 1))),
    "cholesky": (np.linalg.cholesky, -np.eye(3)),
    "cholesky_in_a_stack": (np.linalg.cholesky, np.stack([np.eye(3), -np.eye(3)])),
    "cholesky_upper": (lambda x: np.linalg.cholesky(x, upper=True), SINGULAR - 2),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
def test_failures_raise_what_numpy_raises(name):
    function, x = FAILURES[name]
    with pytest.raises(np.linalg.LinAlgError) as expected:
        function(x)
    compiled = tw.jit(function)
    for dtype in (np.float64, np.float32):
        with pytest.raises(np.linalg.LinAlgError) as error:
            compiled(x.astype(dtype))
        assert str(error.value) == str(expected.value)
    good = np.broadcast_to(np.eye(x.shape[-1]), x.shape)
    np.testing.assert_allclose(compiled(good), function(good))


@pytest.mark.parametrize(
    "function", [np.linalg.inv, np.linalg.det, np.linalg.slogdet, np.linalg.cholesky]
)
@pytest.mark.parametrize("shape", [(3,), (), (2, 3), (4, 3, 2)])
def test_what_is_not_square(function, shape):
    with pytest.raises(np.linalg.LinAlgError) as expected:
        function(np.ones(shape))
    with pytest.raises(np.linalg.LinAlgError) as error:
        tw.jit(function)(np.ones(shape))
    assert str(error.value) == str(expected.value)


@pytest.mark.parametrize("shape", [(), (2,), (2, 4)])
def test_right_sides_that_do_not_fit(shape):
    with pytest.raises(ValueError):
        np.linalg.solve(np.eye(3), np.ones(shape))
    text = message(lambda a, b: np.linalg.solve(a, b), np.eye(3), np.ones(shape))
    assert "solve: the rows of the right-hand sides are not those of the matrices" in text


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_are_refused(dtype):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    x = np.eye(3).astype(getattr(ml_dtypes, dtype, np.float16))
    with pytest.raises(DTypeError, match=f"array type {dtype} is unsupported in linalg"):
        tw.jit(np.linalg.inv)(x)


def test_the_gpu_refuses_in_words():
    lowered = tw.jit(np.linalg.inv).lower(A)
    with pytest.raises(UnsupportedError, match="no kernels for linear systems and factors"):
        lowered.cuda()


# --- derivatives -------------------------------------------------------------------------------


def differences(function, x, step=1e-6):
    found = np.zeros_like(x)
    for k in np.ndindex(x.shape):
        d = np.zeros_like(x)
        d[k] = step
        found[k] = (function(x + d) - function(x - d)) / (2 * step)
    return found


def weighted(x):
    """A sum in which each element counts differently."""
    return np.sum(x * np.cos(np.arange(x.size, dtype=x.dtype)).reshape(x.shape))


SCALARS = {
    "solve": lambda x: weighted(np.linalg.solve(x, B)),
    "solve_vector": lambda x: weighted(np.linalg.solve(x, V)),
    "solve_right_side": lambda x: weighted(np.linalg.solve(A, x)),
    "solve_both": lambda x: weighted(np.linalg.solve(x, np.cos(x))),
    "solve_transposed": lambda x: weighted(np.linalg.solve(flipped(x), B)),
    "inv": lambda x: weighted(np.linalg.inv(x)),
    "det": lambda x: weighted(np.atleast_1d(np.linalg.det(x))),
    "slogdet": lambda x: weighted(np.atleast_1d(np.linalg.slogdet(x)[1])),
    "slogdet_sign": lambda x: weighted(np.atleast_1d(np.multiply(*np.linalg.slogdet(x)))),
    "cholesky": lambda x: weighted(np.linalg.cholesky(squared(x))),
    "cholesky_upper": lambda x: weighted(np.linalg.cholesky(squared(x), upper=True)),
    "density": lambda x: np.sum(
        V @ np.linalg.solve(squared(x), V) + np.linalg.slogdet(squared(x))[1]
    ),
}


@pytest.mark.parametrize("name", SCALARS)
@pytest.mark.parametrize("x", [A, STACK[0]], ids=["one", "stack"])
def test_derivatives(name, x):
    function = SCALARS[name]
    if name == "density" and x.ndim > 2:
        return
    gradient = tw.grad(function)(x)
    expected = differences(function, x)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7 * scale)
    along = np.random.default_rng(3).standard_normal(x.shape)
    _, tangent = tw.jvp(function, (x,), (along,))
    np.testing.assert_allclose(tangent, np.sum(gradient * along), rtol=1e-9)


@pytest.mark.parametrize("name", SCALARS)
def test_second_derivatives(name):
    function = SCALARS[name]
    along = np.random.default_rng(3).standard_normal(A.shape)
    hessian = tw.hessian(function)(A)
    ahead, back = (tw.grad(function)(A + s * along) for s in (1e-6, -1e-6))
    expected = (ahead - back) / 2e-6
    found = np.tensordot(hessian, along, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max())


def test_the_derivative_of_cholesky_is_symmetric():
    gradient = tw.grad(lambda x: weighted(np.linalg.cholesky(x)))(squared(A))
    np.testing.assert_allclose(gradient, gradient.T, rtol=1e-12)


@pytest.mark.parametrize("x", [np.zeros((2, 2)), np.ones((2, 2)), np.diag([1.0, 2.0, 0.0])])
def test_singular_matrices_have_no_derivative_of_det(x):
    assert not np.isfinite(tw.grad(np.linalg.det)(x)).all()


def test_float32_derivatives():
    gradient = tw.grad(SCALARS["inv"])
    found = gradient(A.astype(np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, gradient(A), rtol=1e-3, atol=1e-4)


# --- batching, loops, threads ------------------------------------------------------------------


@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_vmap_of_solve(axes, rank):
    right = RNG.standard_normal({1: (3, 4), 2: (3, 4, 2), 3: (3, 2, 4, 5)}[rank])
    a, b = (x if axis == 0 else x[0] for x, axis in zip((STACK[0], right), axes, strict=True))
    found = tw.vmap(np.linalg.solve, in_axes=axes)(a, b)
    expected = [
        np.linalg.solve(a if axes[0] is None else a[k], b if axes[1] is None else b[k])
        for k in range(3)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("function", [np.linalg.inv, np.linalg.det, np.linalg.slogdet])
def test_vmap_is_a_stack(function):
    assert_same(tw.vmap(tw.vmap(function))(STACK), function(STACK), 1e-10)


def test_vmap_of_gradients():
    found = tw.vmap(tw.grad(SCALARS["density"]))(STACK[0])
    for x, gradient in zip(STACK[0], found, strict=True):
        np.testing.assert_allclose(gradient, tw.grad(SCALARS["density"])(x), rtol=1e-9)


def test_examples_that_take_no_part_do_not_fail():
    def function(x):
        return tw.cond(x[0, 0] > 0, np.linalg.inv, lambda x: x, x)

    x = np.stack([np.eye(2), np.zeros((2, 2)), 2 * np.eye(2)])
    np.testing.assert_array_equal(
        tw.vmap(function)(x), [np.eye(2), np.zeros((2, 2)), np.eye(2) / 2]
    )


def test_in_loops():
    def function(a, b):
        def step(k, x):
            return np.linalg.solve(a + k * np.eye(4), x)

        return tw.fori_loop(0, 5, step, b)

    expected = B
    for k in range(5):
        expected = np.linalg.solve(A + k * np.eye(4), expected)
    np.testing.assert_allclose(tw.jit(function)(A, B), expected, rtol=1e-10)
    gradient = tw.grad(lambda a: weighted(function(a, B)))
    np.testing.assert_allclose(
        gradient(A), differences(lambda a: weighted(function(a, B)), A), rtol=1e-5, atol=1e-8
    )


def test_an_invariant_factorisation_is_made_before_the_loop():
    def function(a, b):
        return tw.fori_loop(0, 5, lambda k, x: np.linalg.solve(a, x), b)

    text = tw.jit(function).lower(A, B).text("optimized")
    assert text.index(" = lu(") < text.index(" = scan(")
    np.testing.assert_allclose(
        tw.jit(function)(A, B), np.linalg.matrix_power(np.linalg.inv(A), 5) @ B, rtol=1e-9
    )


def test_calls_from_several_threads():
    compiled = tw.jit(lambda x, y: (np.linalg.solve(x, y), np.linalg.det(x)))
    arrays = [np.random.default_rng(k).standard_normal((20, 30, 30)) for k in range(8)]
    right = np.ones((30, 2))
    compiled(arrays[0], right)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            for x, (solved, det) in zip(
                arrays, pool.map(lambda x: compiled(x, right), arrays), strict=True
            ):
                np.testing.assert_allclose(solved, np.linalg.solve(x, right), rtol=1e-7)
                np.testing.assert_allclose(det, np.linalg.det(x), rtol=1e-9)
