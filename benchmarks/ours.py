"""What tensorwright compiles where it is not the NumPy source itself.

Long loops are written with `tw.scan`, convolutions with `tw.conv`, as the peers have functions for
them and NumPy has none, and the gradients of training steps are generated. The
sources in `workloads` stay plain NumPy, gradients by hand included: they are the reference, and
they are loaded by the peers, whose Python may not have tensorwright.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tensorwright as tw

from .workload import Workload
from .workloads import learning, losses


def source(workload: Workload) -> Callable[..., Any]:
    """The function that tensorwright compiles for a workload."""
    return WRITTEN.get(workload.name, workload.function)


def scan_small(state, drive):
    def step(state, drive):
        return state + 0.1 * (np.tanh(1.5 * state + drive) - state), None

    state, _ = tw.scan(step, state, drive)
    return state


def grad_scan(state, drive):
    state = scan_small(state, drive)
    return np.sum(state * state)


def mlp_step(params, first, second, step, x, targets):
    def loss(params):
        return losses.grad_mlp(*params, x, targets)

    value, grads = tw.value_and_grad(loss)(params)
    return *learning.adam(params, grads, first, second, step), value


def conv_pool(x, w, b):
    """As `learning.conv_pool`; the rows of w are the elements of the window."""
    k = learning.KERNEL
    filters = w.reshape(k, k, x.shape[3], w.shape[1])
    return learning.max_pool(np.maximum(tw.conv(x, filters, padding="SAME") + b, 0))


def cnn_step(params, first, second, step, images, targets):
    def loss(params):
        w1, b1, w2, b2, w3, b3, w4, b4 = params
        pool1 = conv_pool(images, w1, b1)
        pool2 = conv_pool(pool1, w2, b2)
        hidden = np.maximum(pool2.reshape(images.shape[0], -1) @ w3 + b3, 0)
        return learning.softmax_loss(hidden @ w4 + b4, targets)[0]

    value, grads = tw.value_and_grad(loss)(params)
    return *learning.adam(params, grads, first, second, step), value


def linreg_step(w, b, x, y):
    def loss(w, b):
        error = w * x + b - y
        return np.sum(error * error)

    value, (by_w, by_b) = tw.value_and_grad(loss, argnums=(0, 1))(w, b)
    return w - 0.01 * by_w, b - 0.01 * by_b, value


WRITTEN: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (scan_small, grad_scan, mlp_step, cnn_step, linreg_step)
}
