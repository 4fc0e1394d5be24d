"""Every op of TensorFlow's namespaces on the device: eagerly, in functions, and differentiated."""

from __future__ import annotations

import numpy as np
import pytest

import tensorwright as tf
from support.one_device import device  # noqa: F401  the device of these tests
from support.tf_cases import CASES
from support.thorough import one_in

IDS = [f"{k}-{case}" for k, case in enumerate(CASES)]
NUMERIC = [c for c in CASES if c.in_function]
SMOOTH = [c for c in CASES if c.is_smooth]


def leaves(x):
    return list(x) if isinstance(x, (list, tuple)) else [x]


def compare(case, found, operands):
    expected = leaves(case.expected(*operands))
    for a, b in zip(leaves(found), expected, strict=True):
        b = np.asarray(b)
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a.numpy(), b, 2 * case.tolerance, 2 * case.tolerance)
        assert "GPU:0" in a.device


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_eager(case):
    with tf.device("/GPU:0"):
        compare(case, case.call(tf, [tf.constant(x) for x in case.operands]), case.operands)


@pytest.mark.parametrize("case", one_in(3, NUMERIC), ids=map(str, NUMERIC))
def test_in_a_function(case):
    function = tf.function(lambda *operands: case.call(tf, operands))
    with tf.device("/GPU:0"):
        compare(case, function(*[tf.constant(x) for x in case.operands]), case.operands)


@pytest.mark.parametrize("case", SMOOTH, ids=map(str, SMOOTH))
def test_gradients_are_those_of_the_host(case):
    found = []
    for name in ("/GPU:0", "/CPU:0"):
        with tf.device(name):
            operands = [tf.constant(x) for x in case.operands]
            with tf.GradientTape() as tape:
                tape.watch(operands)
                total = tf.add_n([tf.reduce_sum(y * y) for y in leaves(case.call(tf, operands))])
            found.append([g for g in tape.gradient(total, operands) if g is not None])
    for there, here in zip(*found, strict=True):
        assert "GPU:0" in there.device and "CPU:0" in here.device
        np.testing.assert_allclose(there.numpy(), here.numpy(), 1e-4, 1e-4)
