"""Losses of a few sampled classes, in eager programs and in functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorwright as tf

RNG = np.random.default_rng(4)
CLASSES, BATCH = 30, 6
WEIGHTS = RNG.standard_normal((CLASSES, 4)).astype(np.float32)
BIASES = RNG.standard_normal(CLASSES).astype(np.float32)
INPUTS = RNG.standard_normal((BATCH, 4)).astype(np.float32)
LABELS = RNG.integers(0, CLASSES, (BATCH, 2))
SAMPLED = (
    np.array([3, 0, 7, 12]),
    RNG.uniform(0.1, 0.9, (BATCH, 2)).astype(np.float32),
    RNG.uniform(0.1, 0.9, 4).astype(np.float32),
)
LOSSES = ["nce_loss", "sampled_softmax_loss"]


def given(module: Any, name: str, **options: Any) -> Any:
    return getattr(module.nn, name)(
        WEIGHTS, BIASES, LABELS, INPUTS, 4, CLASSES, 2, sampled_values=SAMPLED, **options
    )


@pytest.mark.peers
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("without_hits", [False, True])
def test_as_tensorflow(name: str, without_hits: bool) -> None:
    peer = pytest.importorskip("tensorflow")
    found, expected = (given(m, name, remove_accidental_hits=without_hits) for m in (tf, peer))
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-5)


def test_values() -> None:
    drawn, of_true, of_drawn = SAMPLED
    scores = np.einsum("bf,btf->bt", INPUTS, WEIGHTS[LABELS]) + BIASES[LABELS] - np.log(of_true)
    others = INPUTS @ WEIGHTS[drawn].T + BIASES[drawn] - np.log(of_drawn)
    every = np.concatenate([scores, others], 1)
    expected = np.log(np.exp(every).sum(1)) - scores.mean(1)
    found = given(tf, "sampled_softmax_loss", remove_accidental_hits=False)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    logistic = np.log1p(np.exp(every)).sum(1) - scores.sum(1) / 2
    np.testing.assert_allclose(given(tf, "nce_loss"), logistic, rtol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_functions_draw_from_the_same_distribution(name: str) -> None:
    tf.random.set_seed(3)
    loss = getattr(tf.nn, name)

    def mean() -> Any:
        return tf.reduce_mean(loss(WEIGHTS, BIASES, LABELS, INPUTS, 5, CLASSES, 2))

    compiled = tf.function(mean)
    several = [[float(f()) for _ in range(400)] for f in (mean, compiled)]
    assert len(set(several[1])) > 300
    assert np.isclose(*np.mean(several, axis=1), rtol=0.03)
    assert np.isclose(*np.std(several, axis=1), rtol=0.3)


def test_words_are_learnt_in_one_program() -> None:
    tf.random.set_seed(0)
    weights = tf.Variable(np.zeros((CLASSES, 4), np.float32))
    biases = tf.Variable(np.zeros(CLASSES, np.float32))
    inputs, labels = tf.constant(INPUTS), tf.constant(LABELS[:, :1])

    @tf.function
    def step() -> Any:
        with tf.GradientTape() as tape:
            losses = tf.nn.sampled_softmax_loss(weights, biases, labels, inputs, 8, CLASSES)
            loss = tf.reduce_mean(losses)
        slopes = tape.gradient(loss, [weights, biases])
        weights.assign_sub(0.5 * tf.convert_to_tensor(slopes[0]))
        biases.assign_sub(0.5 * tf.convert_to_tensor(slopes[1]))
        return loss

    for _ in range(300):
        step()
    full = tf.matmul(inputs, weights, transpose_b=True) + biases
    assert (tf.argmax(full, 1).numpy() == LABELS[:, 0]).mean() > 0.6


def test_candidates() -> None:
    for sampler in (tf.random.log_uniform_candidate_sampler, tf.random.uniform_candidate_sampler):
        drawn, of_true, of_drawn = sampler(LABELS, 2, 10, True, CLASSES, seed=1)
        assert len(set(drawn.numpy())) == 10 and of_true.shape == (BATCH, 2)
        assert (of_drawn.numpy() > 0).all()
