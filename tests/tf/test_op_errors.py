"""Wrong calls raise what TensorFlow raises, with a message that names the op and the operands."""

import re

import pytest

import tensorwright as tf
from support.tf_errors import cases

CASES = cases(tf)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_error(number):
    call, kind, message = CASES[number]
    with pytest.raises(kind, match=message):
        call()


@pytest.mark.peers
@pytest.mark.parametrize("number", range(len(CASES)))
def test_like_tensorflow(number):
    tensorflow = pytest.importorskip("tensorflow")
    call, kind, message = cases(tensorflow)[number]
    with pytest.raises(kind) as error:
        call()
    assert re.search(message, str(error.value))


def test_messages_name_the_op():
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        tf.constant([1.0, 2.0]) + tf.constant([1.0, 2.0, 3.0])
    assert error.value.message.endswith("[Op:AddV2] name: ")
    assert error.value.error_code == tf.errors.INVALID_ARGUMENT
