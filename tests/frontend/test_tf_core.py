"""Tensors, variables, tapes and functions of the TensorFlow dialect, end to end."""

import numpy as np
import pytest

from tensorwright.frontend.tf import basic
from tensorwright.frontend.tf.apply import apply
from tensorwright.frontend.tf.convert import convert_to_tensor
from tensorwright.frontend.tf.errors import InvalidArgumentError
from tensorwright.frontend.tf.functions import function
from tensorwright.frontend.tf.tape import GradientTape
from tensorwright.frontend.tf.variables import Variable


def mean(x):
    return np.mean(x)


def loss_of(w, b, x, y):
    return apply("Mean", mean, [basic.square(w * x + b - y)])


def test_printed_forms():
    t = convert_to_tensor([[1.0, 2.0], [3.0, 4.0]])
    assert repr(t).startswith("<tf.Tensor: shape=(2, 2), dtype=float32, numpy=\narray([[1., 2.]")
    assert repr(convert_to_tensor(42)) == "<tf.Tensor: shape=(), dtype=int32, numpy=42>"


def test_dtypes_are_strict():
    with pytest.raises(InvalidArgumentError, match="cannot compute AddV2 as input #1"):
        convert_to_tensor(2.0) + convert_to_tensor(40)
    assert (convert_to_tensor(2.0) + 40).numpy() == 42.0


def test_eager_tape():
    w1, w2 = Variable(5.0), Variable(3.0)
    with GradientTape() as tape:
        z = 3 * w1**2 + 2 * w1 * w2
    first, second = tape.gradient(z, [w1, w2])
    assert (first.numpy(), second.numpy()) == (36.0, 10.0)


def test_nested_tapes():
    x = convert_to_tensor(3.0)
    with GradientTape() as outer:
        outer.watch(x)
        with GradientTape() as inner:
            inner.watch(x)
            y = x * x * x
        slope = inner.gradient(y, x)
    assert slope.numpy() == 27.0
    assert outer.gradient(slope, x).numpy() == 18.0


def test_a_training_step_is_one_program():
    w, b = Variable(5.0), Variable(0.0)
    traces = []

    @function
    def step(x, y):
        traces.append(x)
        with GradientTape() as tape:
            loss = loss_of(w, b, x, y)
        dw, db = tape.gradient(loss, [w, b])
        w.assign_sub(0.1 * dw)
        b.assign_sub(0.1 * db)
        return loss

    x = convert_to_tensor(np.linspace(-1, 1, 50, dtype=np.float32))
    losses = [step(x, 3.0 * x + 2.0).numpy() for _ in range(100)]
    assert len(traces) == 1
    assert losses[-1] < 1e-3 * losses[0]
    assert w.numpy() == pytest.approx(3.0, abs=0.1)
    assert b.numpy() == pytest.approx(2.0, abs=0.1)
