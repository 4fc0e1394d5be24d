"""vmap, Jacobians and Hessians against JAX: values, shapes and nesting."""

import numpy as np
import pytest

import tensorwright as tw

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")
pytestmark = pytest.mark.peers

RNG = np.random.default_rng(11)
X = RNG.normal(size=(5, 3))
Y = RNG.normal(size=(3, 2))
V = RNG.normal(size=3)
PARAMS = {"w": Y, "b": [RNG.normal(size=2), 0.5]}


@pytest.fixture(autouse=True)
def double_precision():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def layer(xp):
    return lambda p, x: {"h": xp.tanh(x @ p["w"] + p["b"][0]), "s": (x.sum() * p["b"][1],)}


def loss(xp):
    return lambda p, x: xp.sum(layer(xp)(p, x)["h"] ** 2) + p["b"][1] * x[0]


# name: (from the package's transforms and its numpy to a function, the arguments)
CASES = {
    "axes": (lambda t, xp: t.vmap(lambda a, b: xp.outer(a, b), (1, None), 2), X, V),
    "negative_axes": (lambda t, xp: t.vmap(lambda a: xp.cumsum(a), -2, -1), X),
    "prefix": (lambda t, xp: t.vmap(layer(xp), (None, 0), {"h": 1, "s": 0}), PARAMS, X),
    "tree_axes": (
        lambda t, xp: t.vmap(lambda p, x: p["w"] * x + p["b"][1], ({"w": 1, "b": None}, None)),
        PARAMS, V,
    ),
    "shared_result": (
        lambda t, xp: t.vmap(lambda a, b: (a, b * 2), (0, None), (0, None)), X, V,
    ),
    "repeated_result": (
        lambda t, xp: t.vmap(lambda a, b: (a, b, 1.5), (0, None), (1, 1, 0)), X, V,
    ),
    "nested": (
        lambda t, xp: t.vmap(t.vmap(lambda a, b: xp.dot(a, b), (None, 1)), (0, None)), X, Y,
    ),
    "examples": (lambda t, xp: t.vmap(t.grad(loss(xp)), (None, 0)), PARAMS, X),
    "jacobian": (lambda t, xp: t.jacobian(lambda x: xp.sin(x @ Y)), X),
    "jacfwd": (lambda t, xp: t.jacfwd(layer(xp)), PARAMS, V),
    "jacrev": (lambda t, xp: t.jacrev(layer(xp), argnums=(0, 1)), PARAMS, V),
    "has_aux": (lambda t, xp: t.jacrev(lambda x: (xp.exp(x), x[0]), has_aux=True), V),
    "hessian": (lambda t, xp: t.hessian(lambda x: xp.sum(xp.tanh(x) ** 3)), V),
    "hessian_tree": (lambda t, xp: t.hessian(loss(xp), argnums=(0, 1)), PARAMS, V),
    "hessian_of_many": (lambda t, xp: t.hessian(lambda x: xp.outer(x, x * x)), V),
    "vmap_of_hessian": (lambda t, xp: t.vmap(t.hessian(lambda x: xp.prod(xp.sin(x)))), X),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_as_jax(name):
    make, *args = CASES[name]
    found = make(tw, np)(*args)
    expected = make(jax, jnp)(*args)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for f, e in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.shape(f) == np.shape(e)
        np.testing.assert_allclose(f, e, rtol=1e-9, atol=1e-11)


REFUSED = {
    "number": (lambda t: t.vmap(lambda a, b: a), X, 2.0),
    "no_axis": (lambda t: t.vmap(lambda a: a, in_axes=2), X),
    "sizes": (lambda t: t.vmap(lambda a, b: a), X, V),
    "nothing": (lambda t: t.vmap(lambda a: a, in_axes=None), X),
    "entries": (lambda t: t.vmap(lambda a: a, in_axes=(0, 0)), X),
    "mapped_result": (lambda t: t.vmap(lambda a: a, out_axes=None), X),
    "result_prefix": (lambda t: t.vmap(lambda a: a, out_axes=(0, 0)), X),
    "integers": (lambda t: t.jacrev(lambda a: a * 2.0), np.arange(3)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_by_jax(name):
    make, *args = REFUSED[name]
    for transforms in (tw, jax):
        with pytest.raises((ValueError, TypeError)):
            make(transforms)(*args)
