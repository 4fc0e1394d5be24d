"""Every op of the table against NumPy: values, dtypes, in compiled functions, and gradients."""

import numpy as np
import pytest

import tensorwright as tf
from support.tf_cases import CASES
from support.thorough import one_in

IDS = [f"{k}-{case}" for k, case in enumerate(CASES)]
TRACED = [c for c in CASES if c.in_function]
OPEN = [c for c in TRACED if c.at_open_sizes and c.operands]
SMOOTH = [c for c in CASES if c.is_smooth]


def leaves(x):
    return list(x) if isinstance(x, (list, tuple)) else [x]


def compare(case, found, operands):
    expected = leaves(case.expected(*operands))
    found = leaves(found)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        b = np.asarray(b)
        assert isinstance(a, tf.Tensor)
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a.numpy(), b, case.tolerance, case.tolerance)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_eager(case):
    compare(case, case.call(tf, [tf.constant(x) for x in case.operands]), case.operands)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_arrays_are_taken_too(case):
    compare(case, case.call(tf, case.operands), case.operands)


@pytest.mark.parametrize("case", TRACED, ids=map(str, TRACED))
def test_in_a_function(case):
    function = tf.function(lambda *operands: case.call(tf, operands))
    compare(case, function(*[tf.constant(x) for x in case.operands]), case.operands)


@pytest.mark.parametrize("case", one_in(2, OPEN), ids=map(str, OPEN))
def test_in_a_function_of_open_sizes(case):
    specs = [tf.TensorSpec([None] * np.ndim(x), x.dtype) for x in case.operands]
    function = tf.function(lambda *operands: case.call(tf, operands), input_signature=specs)
    compare(case, function(*[tf.constant(x) for x in case.operands]), case.operands)


@pytest.mark.parametrize("case", SMOOTH, ids=map(str, SMOOTH))
def test_gradient(case):
    operands = [x.astype(np.float64) if x.dtype.kind == "f" else x for x in case.operands]
    weights = {}

    def total(tensors):
        found = leaves(case.call(tf, tensors))
        for k, x in enumerate(found):
            if k not in weights:
                weights[k] = np.random.default_rng(k).standard_normal(tuple(x.shape))
        parts = [tf.reduce_sum(x * w) for x, w in zip(found, weights.values(), strict=False)]
        return tf.add_n(parts)

    tensors = [tf.constant(x) for x in operands]
    with tf.GradientTape() as tape:
        tape.watch([t for t in tensors if t.dtype.is_floating])
        result = total(tensors)
    for k, gradient in enumerate(tape.gradient(result, tensors)):
        if operands[k].dtype.kind != "f":
            assert gradient is None
            continue
        differences = difference(lambda x, k=k: total([*tensors[:k], x, *tensors[k + 1 :]]),
                                 operands[k])  # fmt: skip
        np.testing.assert_allclose(gradient.numpy(), differences, 1e-5, 1e-6)


def difference(function, x, step=1e-6):
    found = np.empty_like(x)
    for at in np.ndindex(x.shape):
        near = np.zeros_like(x)
        near[at] = step
        up, down = function(tf.constant(x + near)), function(tf.constant(x - near))
        found[at] = (up.numpy() - down.numpy()) / (2 * step)
    return found
