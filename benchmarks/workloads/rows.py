"""Row kernels: a reduction over the last axis, and work that needs its result."""

import numpy as np

from ..workload import Workload, uniform


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def layernorm(x, scale, shift):
    mean = np.mean(x, axis=-1, keepdims=True)
    variance = np.var(x, axis=-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5) * scale + shift


def logsumexp(x):
    top = np.max(x, axis=-1, keepdims=True)
    return np.log(np.sum(np.exp(x - top), axis=-1)) + top[..., 0]


def cross_entropy(logits, labels):
    """Mean of -log softmax(logits)[label] over the rows."""
    shifted = logits - np.max(logits, axis=-1, keepdims=True)
    log_total = np.log(np.sum(np.exp(shifted), axis=-1))
    picked = shifted[np.arange(labels.shape[0]), labels]
    return np.mean(log_total - picked)


def layernorm_inputs(rng, dtype, rows, columns):
    x = rng.normal(1.0, 2.0, (rows, columns)).astype(dtype)
    scale = rng.uniform(0.5, 1.5, columns).astype(dtype)
    shift = rng.uniform(-1.0, 1.0, columns).astype(dtype)
    return x, scale, shift


def labelled_inputs(rng, dtype, rows, columns):
    logits = rng.normal(0.0, 3.0, (rows, columns)).astype(dtype)
    return logits, rng.integers(0, columns, rows)


SIZES = ((4096, 1024), (256, 256), (1, 8))

WORKLOADS = (
    Workload("softmax", softmax, uniform(-5.0, 5.0), *SIZES),
    Workload("layernorm", layernorm, layernorm_inputs, *SIZES),
    Workload("logsumexp", logsumexp, uniform(-5.0, 5.0), *SIZES),
    Workload("cross_entropy", cross_entropy, labelled_inputs, *SIZES),
)
