"""The convolutional net's training step as users of JAX, PyTorch and TensorFlow write it.

Weights of a convolution arrive as [k*k*c_in, c_out], the layout of the NumPy source; each step
gives back what `cnn_step` gives.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from ..workloads.learning import BETA1, BETA2, EPSILON, KERNEL, LEARNING_RATE


def _adam(sqrt: Callable[[Any], Any]) -> Callable[..., tuple[Any, ...]]:
    """The update of one parameter: (p, g, m, v, step) -> (p, m, v)."""

    def update(p, g, m, v, step):
        m = BETA1 * m + (1 - BETA1) * g
        v = BETA2 * v + (1 - BETA2) * g * g
        rate = LEARNING_RATE * (1 - BETA2**step) ** 0.5 / (1 - BETA1**step)
        return p - rate * m / (sqrt(v) + EPSILON), m, v

    return update


def _update_all(update, params, grads, first, second, step):
    triples = zip(params, grads, first, second, strict=True)
    return tuple(zip(*(update(*each, step) for each in triples), strict=True))


def jax_step():
    jax = importlib.import_module("jax")
    jnp = importlib.import_module("jax.numpy")

    def conv_pool(x, w, b):
        kernel = w.reshape(KERNEL, KERNEL, x.shape[3], -1)
        layout = ("NHWC", "HWIO", "NHWC")
        x = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=layout) + b
        window = (1, 2, 2, 1)
        return jax.lax.reduce_window(
            jnp.maximum(x, 0), -jnp.inf, jax.lax.max, window, window, "VALID"
        )

    def loss(params, images, targets):
        w1, b1, w2, b2, w3, b3, w4, b4 = params
        x = conv_pool(conv_pool(images, w1, b1), w2, b2).reshape(images.shape[0], -1)
        logits = jnp.maximum(x @ w3 + b3, 0) @ w4 + b4
        return -jnp.mean(jnp.sum(jax.nn.log_softmax(logits) * targets, axis=1))

    def step(params, first, second, number, images, targets):
        value, grads = jax.value_and_grad(loss)(params, images, targets)
        update = _adam(jnp.sqrt)
        return *_update_all(update, params, grads, first, second, number), value

    return step


def torch_step():
    torch = importlib.import_module("torch")
    functional = importlib.import_module("torch.nn.functional")

    def conv_pool(x, w, b):
        kernel = w.reshape(KERNEL, KERNEL, x.shape[1], -1).permute(3, 2, 0, 1)
        x = functional.conv2d(x, kernel, b, padding=KERNEL // 2)
        return functional.max_pool2d(torch.relu(x), 2)

    @torch.compile
    def gradients(params, images, targets):
        w1, b1, w2, b2, w3, b3, w4, b4 = params
        x = conv_pool(conv_pool(images.permute(0, 3, 1, 2), w1, b1), w2, b2)
        x = x.permute(0, 2, 3, 1).reshape(images.shape[0], -1)
        logits = torch.relu(x @ w3 + b3) @ w4 + b4
        loss = -torch.mean(torch.sum(torch.log_softmax(logits, 1) * targets, 1))
        return loss, torch.autograd.grad(loss, params)

    def step(params, first, second, number, images, targets):
        params = tuple(torch.as_tensor(p).detach().requires_grad_() for p in params)
        first, second = (tuple(map(torch.as_tensor, each)) for each in (first, second))
        value, grads = gradients(params, torch.as_tensor(images), torch.as_tensor(targets))
        with torch.no_grad():
            update = _adam(torch.sqrt)
            new = _update_all(update, params, grads, first, second, number)
        return *new, value.detach()

    return step


def tensorflow_step():
    tf = importlib.import_module("tensorflow")

    def conv_pool(x, w, b):
        kernel = tf.reshape(w, (KERNEL, KERNEL, x.shape[3], -1))
        x = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME") + b)
        return tf.nn.max_pool2d(x, 2, 2, "VALID")

    def step(params, first, second, number, images, targets):
        with tf.GradientTape() as tape:
            tape.watch(params)
            w1, b1, w2, b2, w3, b3, w4, b4 = params
            x = conv_pool(conv_pool(images, w1, b1), w2, b2)
            x = tf.reshape(x, (images.shape[0], -1))
            logits = tf.nn.relu(x @ w3 + b3) @ w4 + b4
            rows = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
            value = tf.reduce_mean(rows)
        grads = tape.gradient(value, params)
        update = _adam(tf.sqrt)
        return *_update_all(update, params, grads, first, second, number), value

    return step
