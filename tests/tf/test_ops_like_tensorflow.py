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
