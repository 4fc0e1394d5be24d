"""vmap against a loop over NumPy calls, together with other transforms, and its errors."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

import tensorwright as tw
from support import plain_vmap
from support.tracing import assert_same, graph_of, run_traced

RNG = np.random.default_rng(3)
X = RNG.normal(size=(5, 3, 4))  # five examples
Y = RNG.normal(size=(5, 4))
Z = RNG.normal(size=(5,))
W = RNG.normal(size=(4, 2))
I = RNG.integers(0, 3, 5)  # noqa: E741


def in_place(x, y):
    made = np.zeros_like(x)
    made[1:] += x[:-1] * y
    made[0, ::2] = -1.0
    made[:, -1] *= 2
    return made


def masked(x, y):
    made = x.copy()
    made[made > 0] = 0.5
    return made, np.where(x > 0, x, y).sum(), np.sum(x[x > 0])


CASES = {
    "elementwise": (lambda x, y: np.exp(x) * y - 2, X, Y),
    "numbers": (lambda z: (z, z * 2, 3.0, np.float32(2) * 1), Z),
    "types": (lambda z, i: (z.astype(np.float32), i + 1, z > 0, i / 2), Z, I),
    "sums": (lambda x: (x.sum(), x.mean(0), x.std(axis=1), x.var(keepdims=True)), X),
    "extremes": (lambda x: (x.max(), x.argmin(), x.argmax(1), np.ptp(x, 0)), X),
    "truth": (lambda x: (np.any(x > 1), np.all(x > -1, axis=0), np.count_nonzero(x > 0)), X),
    "running": (lambda x: (np.cumsum(x), np.cumsum(x, 0), np.cumprod(x, 1), np.diff(x)), X),
    "shapes": (lambda x: (x.T, x.reshape(2, 6), x.ravel(), x[None], np.swapaxes(x, 0, 1)), X),
    "moves": (lambda x: (np.flip(x, 0), np.roll(x, 1, 1), np.rot90(x), np.moveaxis(x, 0, 1)), X),
    "parts": (lambda x: (x[1], x[::-1, 1:3], x[..., 0], x[-1, -1], x[:0]), X),
    "joins": (lambda x, y: (np.stack([y, y]), np.vstack([x, y]), np.concatenate([x, x], 1)), X, Y),
    "pads": (lambda x: (np.pad(x, 1), np.pad(x, ((0, 1), (2, 0)), mode="edge")), X),
    "repeats": (lambda y: (np.repeat(y, 2), np.tile(y, 2), np.broadcast_to(y, (2, 4))), Y),
    "diagonals": (lambda x: (np.diag(x), np.trace(x), np.diagonal(x, 1), np.tril(x)), X),
    "made": (lambda x, y: (np.ones(x.shape), np.arange(3) + x[:, 0], np.eye(4) * y), X, Y),
    "windows": (lambda y: np.lib.stride_tricks.sliding_window_view(y, 2).sum(1), Y),
    "index": (lambda x, i: (x[i], x[i, 1], x[[0, 2]], x[np.array([i, 0])]), X, I),
    "take": (lambda x, i: (np.take(x, i, 0), np.take_along_axis(x, x.argmax(0)[None], 0)), X, I),
    "products": (lambda x, y: (x @ y, y @ x.T, y @ y, np.outer(y, y), np.inner(x, y)), X, Y),
    "matrices": (lambda x: (x @ x.T, np.einsum("ij,kj->ik", x, x), np.linalg.norm(x)), X),
    "assigned": (in_place, X, Y),
    "masked": (masked, X, Y),
    "sizes": (lambda x: (x.shape[0] * x, x / x.size, len(x)), X),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("symbolic", ["", "equal"])
def test_numpy_functions(name, symbolic):
    function, *args = CASES[name]
    expected = plain_vmap.vmap(function)(*args)
    assert_same(run_traced(tw.vmap(function), *args, symbolic=symbolic), expected, rtol=1e-13)


@pytest.mark.parametrize("name", CASES)
def test_numpy_functions_compiled(name):
    function, *args = CASES[name]
    expected = plain_vmap.vmap(function)(*args)
    assert_same(tw.vmap(function)(*args), expected, rtol=1e-13)


SHARED = {
    "vector_matrix": (lambda y, w: y @ w, Y, W, 1),
    "matrix_vector": (lambda w, y: w @ y, W.T, Y, 0),
    "matrices": (lambda x, w: x @ w, X, W, 1),
    "shared_array": (lambda i, w: w[i], I, W, 1),
    "shared_index": (lambda x, i: x[i], X, I % 3, 1),
    "both": (lambda x, w: (x, w.sum(), np.sum(x) * w), X, W, 1),
}


@pytest.mark.parametrize("name", SHARED)
def test_what_all_examples_share(name):
    function, *args, shared = SHARED[name]
    axes = tuple(None if k == shared else 0 for k in range(2))
    expected = plain_vmap.vmap(function, axes)(*args)
    assert_same(run_traced(tw.vmap(function, axes), *args), expected, rtol=1e-13)
    at_call = run_traced(lambda *a: tw.vmap(function, axes)(*a), *args, symbolic="apart")
    assert_same(at_call, expected, rtol=1e-13)


@pytest.mark.parametrize("in_axis", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("out_axis", [0, 1, -1])
def test_axes(in_axis, out_axis):
    def function(x):
        return np.cumsum(x, 0), x[0] * 2

    made = run_traced(tw.vmap(function, in_axis, out_axis), X)
    assert_same(made, plain_vmap.vmap(function, in_axis, out_axis)(X), rtol=1e-13)


# --- nested arguments --------------------------------------------------------------------------


@dataclass
class Layer:
    w: np.ndarray
    b: np.ndarray


def test_axes_of_nested_arguments():
    def function(params, x):
        return {"out": x @ params["layer"].w + params["layer"].b, "scale": params["scale"]}

    params = {"layer": Layer(W, Y[:, :2]), "scale": 2.0}
    axes = ({"scale": None, "layer": Layer(None, 0)}, 0)
    out = run_traced(tw.vmap(function, axes, {"out": 1, "scale": None}), params, Y)
    np.testing.assert_allclose(out["out"], (Y @ W + Y[:, :2]).T, rtol=1e-14)
    assert out["scale"] == 2.0
    assert type(out["scale"]) is float


def test_keyword_arguments_are_mapped():
    made = run_traced(lambda x, y: tw.vmap(lambda x, *, y: x * y)(x, y=y), Z, Y)
    assert_same(made, Z[:, None] * Y)


def test_other_objects_are_passed_on():
    def function(x, how, nothing):
        assert nothing is None
        return getattr(np, how)(x), how

    value, how = tw.vmap(function)(X, "sum", None)
    assert how == "sum"
    np.testing.assert_allclose(value, X.sum((1, 2)))


def test_static_parameters_are_passed_on():
    @tw.jit(static_argnames=("axis", "power"))
    def function(x, axis, power=1):
        return x.sum(axis) ** power

    np.testing.assert_allclose(tw.vmap(function)(X, 1), X.sum(2), rtol=1e-13)
    found = tw.vmap(function, in_axes=(0, None))(X, -1, power=3)
    np.testing.assert_allclose(found, X.sum(-1) ** 3, rtol=1e-12)


def test_python_numbers_stay_weak():
    made = run_traced(tw.vmap(lambda x, s: x * s, (0, None)), Y.astype(np.float32), 2.0)
    assert made.dtype == np.float32


def test_examples_have_their_own_shape():
    shapes = []

    def function(x, z):
        shapes.append((x.shape, x.ndim, isinstance(x, np.ndarray), isinstance(z, np.ndarray)))
        return x

    run_traced(tw.vmap(function), X, Z)
    assert shapes == [((3, 4), 2, True, False)]


@pytest.mark.parametrize("size", [0, 1])
def test_few_examples(size):
    def function(x, y):
        return x @ y, x.sum() * y, x[0].argmax()

    made = tw.vmap(function)(X[:size], Y[:size])
    expected = [r[:size] for r in plain_vmap.vmap(function)(X, Y)]
    assert_same(list(made), expected, rtol=1e-13)


# --- with other transforms ---------------------------------------------------------------------


def test_jit_around_and_inside():
    @tw.jit
    def inner(x, y):
        return np.tanh(x) @ y

    @tw.jit
    def outer(x, y):
        scale = y.sum()
        return tw.vmap(lambda a, b: inner(a, b) * scale)(x, y)

    expected = np.einsum("nij,nj->ni", np.tanh(X), Y) * Y.sum()
    for size in (5, 4, 3):  # the second size makes the program symbolic, the third uses it
        part = np.einsum("nij,nj->ni", np.tanh(X[:size]), Y[:size]) * Y[:size].sum()
        np.testing.assert_allclose(outer(X[:size], Y[:size]), part, rtol=1e-12)
    np.testing.assert_allclose(tw.vmap(inner)(X, Y) * Y.sum(), expected, rtol=1e-12)


def test_vmap_of_vmap():
    def function(a, b):
        return np.sin(a) * b

    pairs = tw.vmap(tw.vmap(function, (None, 0)), (0, None))
    assert_same(run_traced(pairs, Z, Y[0]), np.sin(Z)[:, None] * Y[0], rtol=1e-13)
    twice = run_traced(tw.vmap(tw.vmap(lambda row, w: row @ w, (0, None)), (0, None)), X, W)
    assert_same(twice, X @ W, rtol=1e-13)


def test_gradient_of_vmap():
    def loss(w, x):
        scores = tw.vmap(lambda row: np.tanh(row @ w).sum(), 0)(x)
        return np.sum(scores**2)

    expected = plain_vmap.jacobian(lambda w: np.sum(np.tanh(Y @ w).sum(1) ** 2), W)
    np.testing.assert_allclose(tw.grad(loss)(W, Y), expected, rtol=1e-8)


def test_vmap_of_gradient():
    def loss(w, x, target):
        return np.sum((np.tanh(x @ w) - target) ** 2)

    targets = RNG.normal(size=(5, 2))
    made = tw.vmap(tw.grad(loss), (None, 0, 0))(W, Y, targets)
    expected = np.stack([tw.grad(loss)(W, y, t) for y, t in zip(Y, targets, strict=True)])
    np.testing.assert_allclose(made, expected, rtol=1e-12)


def test_gradients_of_closures():
    """What a mapped function reads from outside may be what is differentiated."""

    def loss(s, x):
        return np.sum(tw.vmap(lambda row: np.sum(row * s) ** 2)(x))

    expected = plain_vmap.jacobian(lambda s: np.sum(np.sum(X * s, (1, 2)) ** 2), 0.7)
    np.testing.assert_allclose(tw.grad(loss)(0.7, X), expected, rtol=1e-8)


def test_gradients_for_each_example():
    sizes = (4, 8, 3)
    params = [(RNG.normal(size=(m, n)), RNG.normal(size=n)) for m, n in pairwise(sizes)]

    def loss(params, x, label):
        for w, b in params[:-1]:
            x = np.maximum(x @ w + b, 0)
        w, b = params[-1]
        scores = x @ w + b
        top = scores.max()
        return np.log(np.sum(np.exp(scores - top))) + top - scores[label]

    gradient = tw.grad(loss)
    made = tw.vmap(gradient, (None, 0, 0))(params, Y, I)
    for k in range(len(Y)):
        one = gradient(params, Y[k], I[k])
        for (w, b), (w_k, b_k) in zip(made, one, strict=True):
            np.testing.assert_allclose(w[k], w_k, rtol=1e-12, atol=1e-14)
            np.testing.assert_allclose(b[k], b_k, rtol=1e-12, atol=1e-14)


def test_products_of_derivatives_for_each_example():
    def function(x, v):
        return tw.jvp(lambda a: np.sin(a) * a, (x,), (v,))[1]

    made = tw.vmap(function)(Y, Y + 1)
    np.testing.assert_allclose(made, (np.cos(Y) * Y + np.sin(Y)) * (Y + 1), rtol=1e-12)


# --- loops and branches ------------------------------------------------------------------------


def test_scan():
    def function(x, y):
        return tw.scan(lambda c, row: (c * 0.5 + row, c.sum()), y, x)

    last, sums = tw.vmap(function)(X, Y)
    for k in range(5):
        carry, found = Y[k], []
        for row in X[k]:
            found.append(carry.sum())
            carry = carry * 0.5 + row
        np.testing.assert_allclose(last[k], carry, rtol=1e-13)
        np.testing.assert_allclose(sums[k], found, rtol=1e-12)


def test_vmap_in_loops():
    """A loop's body may map over its carry, its slices, and what it captures."""

    def total(x, y):
        def step(carry, rows):
            mapped = tw.vmap(lambda c, row: c * 0.5 + row * y)(carry, rows)
            return mapped, mapped.sum()

        return tw.scan(step, np.zeros((3, 4)), x)

    last, sums = tw.jit(total)(X, Y[0])
    carry, expected = np.zeros((3, 4)), []
    for rows in X:
        carry = carry * 0.5 + rows * Y[0]
        expected.append(carry.sum())
    np.testing.assert_allclose(last, carry, rtol=1e-13)
    np.testing.assert_allclose(sums, expected, rtol=1e-12)
    gradient = tw.grad(lambda y: total(X, y)[1].sum())(Y[0])

    def plain(y):
        carry, found = np.zeros((3, 4)), 0.0
        for rows in X:
            carry = carry * 0.5 + rows * y
            found += carry.sum()
        return found

    np.testing.assert_allclose(gradient, plain_vmap.jacobian(plain, Y[0]), rtol=1e-7)


def power_by_loop(z, n):
    return tw.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, c[1] * z), (0, 1.0))[1]


def test_examples_leave_a_loop_one_by_one():
    n = np.array([3, 0, 1, 7, 3])
    np.testing.assert_allclose(tw.vmap(power_by_loop)(Z, n), Z**n, rtol=1e-13)
    made = tw.vmap(tw.grad(power_by_loop))(Z, n)
    np.testing.assert_allclose(made, n * Z ** np.maximum(n - 1, 0), rtol=1e-12)
    total = tw.grad(lambda z: np.sum(tw.vmap(power_by_loop, (0, None))(z, 4)))(Z)
    np.testing.assert_allclose(total, 4 * Z**3, rtol=1e-12)


def test_an_index_is_not_read_beyond_the_end_of_a_loop():
    def total(x, n):
        return tw.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, c[1] + x[c[0]]), (0, 0.0))[1]

    n = np.array([4, 0, 2, 1, 4])
    expected = [Y[k, : n[k]].sum() for k in range(5)]
    np.testing.assert_allclose(tw.vmap(total)(Y, n), expected, rtol=1e-13)


def test_branches():
    def function(z, y):
        return tw.cond(z > 0, lambda: np.log(np.abs(z)) * y, lambda: y - 1)

    expected = [np.log(np.abs(z)) * y if z > 0 else y - 1 for z, y in zip(Z, Y, strict=True)]
    np.testing.assert_allclose(tw.vmap(function)(Z, Y), expected, rtol=1e-13)
    gradient = tw.vmap(tw.grad(lambda z, y: np.sum(function(z, y))))(Z, Y)
    np.testing.assert_allclose(gradient, np.where(Z > 0, Y.sum(1) / Z, 0), rtol=1e-12)
    shared = tw.vmap(function, (None, 0))
    np.testing.assert_allclose(shared(2.0, Y), np.log(2.0) * Y, rtol=1e-13)


def test_a_branch_that_is_not_taken_does_not_fail():
    def function(x, i):
        return tw.cond(i < 4, lambda: x[i], lambda: 0.0)

    i = np.array([0, 9, 3, 4, 2])
    expected = [Y[k, i[k]] if i[k] < 4 else 0.0 for k in range(5)]
    np.testing.assert_array_equal(tw.vmap(function)(Y, i), expected)


def test_derivatives_of_the_users_own():
    @tw.custom_vjp
    def doubled(x):
        return x * 2

    doubled.defvjp(lambda x: (x * 2, x), lambda x, ct: (ct * x,))
    found = tw.vmap(tw.grad(lambda y: np.sum(doubled(y))))(Y)
    np.testing.assert_allclose(found, Y)
    found = tw.grad(lambda y: np.sum(tw.vmap(doubled)(y)))(Y)
    np.testing.assert_allclose(found, Y)


# --- the graph ---------------------------------------------------------------------------------


def test_work_that_examples_share_is_done_once():
    graph = graph_of(tw.vmap(lambda x, y: x * np.exp(y), (0, None)), X, Y[0])
    (exp,) = [n for n in graph.nodes if n.op.name == "exp"]
    assert exp.output.type.shape == (4,)


def test_a_layer_of_many_examples_is_one_product():
    graph = graph_of(tw.vmap(lambda x, w: w.T @ x, (0, None)), Y, W)
    (product,) = [n for n in graph.nodes if n.op.name == "matmul"]
    assert product.output.type.shape == (5, 2)


# --- errors ------------------------------------------------------------------------------------


def refused(error, match, function, *args, **axes):
    with pytest.raises(error, match=match) as caught:
        tw.vmap(function, **axes)(*args)
    return str(caught.value)


def same(*args):
    return args


def test_sizes_that_differ():
    text = refused(tw.ShapeError, "different numbers of examples", lambda a, b: a, X, {"k": W})
    assert "a: f64[5, 3, 4], axis 0 has 5; b['k']: f64[4, 2], axis 0 has 4" in text


def test_arguments_without_the_axis():
    text = refused(tw.ShapeError, "the argument b has no axis to map", lambda a, b: a, X, 2.0)
    assert "in_axes=None" in text
    refused(tw.ShapeError, r"the argument args\[0\] has no axis 3", same, X, in_axes=3)
    with pytest.raises(tw.ShapeError, match="the argument y has no axis to map"):
        tw.vmap(lambda x, *, y: x)(X, y=1.0)


def test_nothing_mapped():
    refused(tw.TraceError, "nothing is mapped", same, X, in_axes=None)


def test_axes_that_do_not_fit():
    refused(tw.TraceError, "one entry for each positional argument", same, X, in_axes=(0, 0))
    refused(tw.TraceError, "in_axes is nested otherwise", same, X, in_axes=((0, 0),))
    refused(tw.TraceError, "in_axes consists of ints and None", same, X, in_axes="x")
    refused(tw.TraceError, "out_axes is nested otherwise", same, X, out_axes=(0, 0))
    refused(tw.ShapeError, r"out_axes is 4 for result\[0\]", same, X, out_axes=4)
    refused(tw.TraceError, r"out_axes is None for result\[0\]", same, X, out_axes=None)
    with pytest.raises(TypeError, match="needs a function"):
        tw.vmap(3)


def test_assignments_that_would_be_lost():
    outside = []

    def to_example(x):
        x[0] = 1
        return x

    def to_closure(y):
        outside[0][0] = y.sum()
        return y

    refused(tw.UnsupportedError, "assigning to an example", to_example, X)

    @tw.jit
    def run(x, y):
        outside[:] = [x.copy()]
        return tw.vmap(to_closure)(y)

    with pytest.raises(tw.UnsupportedError, match=r"tw\.vmap assigns to an array"):
        run(X, Y)


def test_leaks():
    kept = []
    with pytest.raises(tw.LeakedTracerError, match="used after that has ended"):
        tw.jit(lambda x: (tw.vmap(kept.append)(x), kept[0] + 1))(X)
