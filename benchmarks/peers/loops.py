"""Losses with long loops, as users of JAX and TensorFlow write the loops."""

from __future__ import annotations

import importlib


def jax_scan():
    jax = importlib.import_module("jax")
    jnp = importlib.import_module("jax.numpy")

    def step(state, drive):
        return state + 0.1 * (jnp.tanh(1.5 * state + drive) - state), None

    def loss(state, drive):
        state, _ = jax.lax.scan(step, state, drive)
        return jnp.sum(state * state)

    return loss


def tensorflow_scan():
    tf = importlib.import_module("tensorflow")

    def step(state, drive):
        return state + 0.1 * (tf.tanh(1.5 * state + drive) - state)

    def loss(state, drive):
        state = tf.scan(step, drive, state)[-1]
        return tf.reduce_sum(state * state)

    return loss
