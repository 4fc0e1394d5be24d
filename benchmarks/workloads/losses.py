"""Functions with one number as their result, whose gradients are measured.

Results that are arrays are summed up with weights, so that no part of a gradient cancels (all
gradients of the plain sum of a softmax are zero). The weights are an argument that no derivative
is taken of.
"""

import numpy as np

from ..workload import Loss, uniform
from .elementwise import black_scholes, chain, option_inputs
from .learning import dense, one_hot
from .particles import driven_state, scan_small
from .rows import cross_entropy, labelled_inputs, layernorm, layernorm_inputs, logsumexp, softmax

PENALTY = 1e-3  # of the squared weights of a logistic regression


def grad_chain(x, y):
    return np.sum(chain(x, y))


def grad_black_scholes(spot, strike, years):
    """Delta, dual delta and theta of a portfolio that holds two calls for each put."""
    call, put = black_scholes(spot, strike, years)
    return np.sum(2 * call + put)


def grad_softmax(x, weights):
    return np.sum(weights * softmax(x))


def grad_layernorm(x, scale, shift, weights):
    return np.sum(weights * layernorm(x, scale, shift))


def grad_logsumexp(x):
    return np.sum(logsumexp(x))


def grad_cross_entropy(logits, labels):
    return cross_entropy(logits, labels)


def grad_squares(x):
    return np.sum(x * x)


def grad_dot(x, y):
    return np.dot(x, y)


def grad_logistic(weights, bias, x, y):
    """Logistic regression: mean of -log of the probability of each row's label, and a penalty."""
    margin = np.dot(x, weights) + bias
    return np.mean(np.logaddexp(0, margin) - y * margin) + PENALTY * np.sum(weights * weights)


def grad_mlp(w1, b1, w2, b2, x, targets):
    """A perceptron with one hidden layer: mean cross-entropy against one-hot rows."""
    logits = np.maximum(x @ w1 + b1, 0) @ w2 + b2
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_total = np.log(np.sum(np.exp(shifted), axis=1))
    return np.mean(log_total - np.sum(shifted * targets, axis=1))


def grad_mlp_dict(params, x, targets):
    """The same, with the parameters in a dict."""
    return grad_mlp(params["w1"], params["b1"], params["w2"], params["b2"], x, targets)


def grad_scan(state, drive):
    """The squared length of a leaky recurrent unit's last state."""
    state = scan_small(state, drive)
    return np.sum(state * state)


def with_weights(make):
    """The inputs that `make` gives, and an array of weights like the first of them."""

    def inputs(rng, dtype, *shape):
        arguments = make(rng, dtype, *shape)
        return *arguments, rng.uniform(0.5, 1.5, arguments[0].shape).astype(dtype)

    return inputs


def logistic_inputs(rng, dtype, rows, columns):
    """Normal features, and labels that follow the model."""
    x = rng.normal(0.0, 1.0, (rows, columns)).astype(dtype)
    weights = rng.normal(0.0, columns**-0.5, columns).astype(dtype)
    chance = 1 / (1 + np.exp(-2 * x @ weights))
    y = (rng.random(rows) < chance).astype(dtype)
    return weights, dtype.type(0.25), x, y


def mlp_inputs(rng, dtype, batch, inputs, hidden, classes):
    w1, b1 = dense(rng, dtype, inputs, hidden)
    w2, b2 = dense(rng, dtype, hidden, classes)
    x = rng.uniform(0.0, 1.0, (batch, inputs)).astype(dtype)
    return w1, b1, w2, b2, x, one_hot(rng, dtype, batch, classes)


def mlp_dict_inputs(rng, dtype, *shape):
    w1, b1, w2, b2, x, targets = mlp_inputs(rng, dtype, *shape)
    return {"w1": w1, "b1": b1, "w2": w2, "b2": b2}, x, targets


VECTORS = ((2**20,), (2**16,), (8,))
LONG = ((2**22,), (2**16,), (8,))
ROWS = ((4096, 1024), (256, 256), (1, 8))
PERCEPTRON = ((128, 784, 128, 10), (128, 784, 128, 10), (2, 4, 3, 2))
SINGLE, DOUBLE = ("float32",), ("float64",)


def _logistic(name, rows, quick):
    return Loss(
        name,
        grad_logistic,
        logistic_inputs,
        (rows, 30),
        (quick, 30),
        (4, 2),
        dtypes=DOUBLE,
        argnums=(0, 1),
        value=True,
    )


LOSSES = (
    Loss("grad_chain", grad_chain, uniform(0.0, 1.0, 2), *VECTORS, argnums=(0, 1)),
    Loss("grad_black_scholes", grad_black_scholes, option_inputs, *VECTORS, argnums=(0, 1, 2)),
    Loss("grad_softmax", grad_softmax, with_weights(uniform(-5.0, 5.0)), *ROWS),
    Loss(
        "grad_layernorm", grad_layernorm, with_weights(layernorm_inputs), *ROWS, argnums=(0, 1, 2)
    ),
    Loss("grad_logsumexp", grad_logsumexp, uniform(-5.0, 5.0), *ROWS),
    Loss("grad_cross_entropy", grad_cross_entropy, labelled_inputs, *ROWS),
    Loss("grad_squares", grad_squares, uniform(-1.0, 1.0), *LONG),
    Loss("grad_dot", grad_dot, uniform(-1.0, 1.0, 2), *LONG, argnums=(0, 1)),
    _logistic("grad_logistic", 10_000, 1_000),
    _logistic("grad_logistic_569", 569, 569),  # as many rows as the breast-cancer data have
    Loss(
        "grad_mlp",
        grad_mlp,
        mlp_inputs,
        *PERCEPTRON,
        dtypes=SINGLE,
        argnums=(0, 1, 2, 3),
        value=True,
    ),
    Loss("grad_mlp_dict", grad_mlp_dict, mlp_dict_inputs, *PERCEPTRON, dtypes=SINGLE, value=True),
    Loss(
        "grad_scan",
        grad_scan,
        driven_state,
        (600, 60),
        (600, 60),
        (8, 8),
        dtypes=DOUBLE,
        argnums=(0, 1),
        value=True,
    ),
)
