"""Every op of the table against TensorFlow, where it is importable."""

import numpy as np
import pytest

import tensorwright as tf
from support.tf_cases import CASES

tensorflow = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.peers
IDS = [f"{k}-{case}" for k, case in enumerate(CASES)]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_like_tensorflow(case):
    theirs = case.call(tensorflow, [tensorflow.constant(x) for x in case.operands])
    ours = case.call(tf, [tf.constant(x) for x in case.operands])
    for a, b in zip(tf.nest.flatten(ours), tensorflow.nest.flatten(theirs), strict=True):
        assert repr(a.dtype) == repr(b.dtype)
        assert a.shape.as_list() == b.shape.as_list()
        np.testing.assert_allclose(a.numpy(), b.numpy(), 10 * case.tolerance, 10 * case.tolerance)


def slopes(module, case):
    tensors = [module.constant(x) for x in case.operands]
    with module.GradientTape() as tape:
        tape.watch([t for t in tensors if t.dtype.is_floating])
        found = module.nest.flatten(case.call(module, tensors))
        total = module.add_n([module.reduce_sum(x * x) for x in found if x.dtype.is_floating])
    return tape.gradient(total, tensors)


SMOOTH = [c for c in CASES if c.is_smooth]


@pytest.mark.parametrize("case", SMOOTH, ids=map(str, SMOOTH))
def test_gradients_like_tensorflow(case):
    for a, b in zip(slopes(tf, case), slopes(tensorflow, case), strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            b = tensorflow.convert_to_tensor(b)
            np.testing.assert_allclose(a.numpy(), b.numpy(), 1e-4, 1e-4)
