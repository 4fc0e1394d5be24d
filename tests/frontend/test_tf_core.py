"""Tensors, variables, tapes and functions of the TensorFlow dialect, end to end."""

import numpy as np
import pytest

from tensorwright.frontend.tf import elementwise
from tensorwright.frontend.tf.apply import apply
from tensorwright.frontend.tf.convert import convert_to_tensor
from tensorwright.frontend.tf.custom import custom_gradient
from tensorwright.frontend.tf.errors import InvalidArgumentError, OperatorNotAllowedInGraphError
from tensorwright.frontend.tf.functions import function
from tensorwright.frontend.tf.slices import IndexedSlices
from tensorwright.frontend.tf.specs import TensorSpec
from tensorwright.frontend.tf.tape import GradientTape
from tensorwright.frontend.tf.variables import Variable


def mean(x):
    return np.mean(x)


def loss_of(w, b, x, y):
    return apply("Mean", mean, [elementwise.square(w * x + b - y)])


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


def gather(x, index, *, axis):
    return x[index]


def test_the_gradient_of_gathered_rows_is_sparse():
    table = Variable(np.arange(12, dtype=np.float32).reshape(4, 3))
    index = convert_to_tensor([1, 3, 1])
    with GradientTape() as tape:
        rows = apply("GatherV2", gather, [table.value(), index], {"axis": 0})
        loss = apply("Mean", mean, [rows * rows])
    found = tape.gradient(loss, table)
    assert isinstance(found, IndexedSlices)
    assert found.indices.numpy().tolist() == [1, 3, 1]
    np.testing.assert_allclose(found.values.numpy(), 2 * rows.numpy() / 9, rtol=1e-6)
    dense = convert_to_tensor(found).numpy()
    np.testing.assert_allclose(dense[1], 4 * table.numpy()[1] / 9, rtol=1e-6)
    assert not dense[0].any()


def test_jacobians():
    x = convert_to_tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    with GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x + 1.0
    whole = tape.jacobian(y, x).numpy()
    assert whole.shape == (3, 2, 3, 2)
    each = tape.batch_jacobian(y, x).numpy()
    assert each.shape == (3, 2, 2)
    for k in range(3):
        np.testing.assert_allclose(each[k], np.diag(2 * x.numpy()[k]))
        np.testing.assert_allclose(whole[k, :, k], each[k])


def test_unconnected_sources():
    x, y = Variable(1.0), Variable(2.0)
    with GradientTape(persistent=True) as tape:
        z = x * x
    assert tape.gradient(z, y) is None
    with pytest.raises(ValueError, match="unconnected_gradients"):
        tape.gradient(z, y, unconnected_gradients="one")
    with tape:
        w = y * y * y
    assert tape.gradient(w, y, output_gradients=convert_to_tensor(2.0)).numpy() == 24.0


def test_a_function_under_a_tape_is_one_op():
    w = Variable([1.0, 2.0])
    traces = []

    @function
    def model(x):
        traces.append(x)
        return w * x * x

    x = convert_to_tensor([3.0, 4.0])
    for _ in range(3):
        with GradientTape() as tape:
            tape.watch(x)
            y = model(x)
        by_w, by_x = tape.gradient(y, [w, x])
        assert by_w.numpy().tolist() == [9.0, 16.0]
        assert by_x.numpy().tolist() == [6.0, 16.0]
    assert len(traces) == 1


def test_methods_have_programs_for_each_object():
    class Scaled:
        def __init__(self, factor):
            self.factor = Variable(factor)

        @function
        def __call__(self, x, *, offset=0.0):
            return self.factor * x + offset

    one, two = Scaled(2.0), Scaled(3.0)
    x = convert_to_tensor(5.0)
    for _ in range(2):
        assert one(x).numpy() == 10.0
        assert two(x, offset=1.0).numpy() == 16.0


def test_an_input_signature_serves_all_sizes():
    traces = []

    @function(input_signature=[TensorSpec([None, 2])])
    def total(x):
        traces.append(x)
        return x * 2.0

    for size in (2, 3, 7):
        assert total(np.ones((size, 2), np.float32)).shape == (size, 2)
    assert len(traces) == 1
    with pytest.raises(TypeError, match="Binding inputs"):
        total(np.ones((2, 3), np.float32))


def test_variables_made_by_a_function():
    made = []

    @function
    def add_to(x):
        if not made:
            made.append(Variable(1.0))
        made[0].assign_add(x)
        return made[0].value()

    assert add_to(convert_to_tensor(2.0)).numpy() == 3.0
    assert add_to(convert_to_tensor(2.0)).numpy() == 5.0

    @function
    def always(x):
        return Variable(1.0) + x

    with pytest.raises(ValueError, match="create variables on non-first call"):
        always(convert_to_tensor(1.0))


def test_python_if_on_a_tensor_says_what_to_use():
    @function
    def choose(x):
        return x if x * 2.0 else -x

    with pytest.raises(OperatorNotAllowedInGraphError, match=r"tf\.cond"):
        choose(convert_to_tensor(1.0))


def test_custom_gradient():
    @custom_gradient
    def clipped(x):
        def grad(upstream):
            return upstream * 10.0

        return x * x, grad

    x = convert_to_tensor([1.0, 2.0])
    with GradientTape() as tape:
        tape.watch(x)
        y = clipped(x) * 3.0
    assert y.numpy().tolist() == [3.0, 12.0]
    assert tape.gradient(y, x).numpy().tolist() == [30.0, 30.0]

    @function
    def inside(x):
        with GradientTape() as tape:
            tape.watch(x)
            y = clipped(x)
        return tape.gradient(y, x)

    assert inside(x).numpy().tolist() == [10.0, 10.0]


def test_jacobians_of_unconnected_sources():
    x, y = Variable([1.0, 2.0]), Variable([[3.0, 4.0], [5.0, 6.0]])
    with GradientTape(persistent=True) as tape:
        z = x * x
        w = y * y
    assert tape.jacobian(z, [x, y])[1] is None
    zeros = tape.jacobian(z, y, unconnected_gradients="zero").numpy()
    assert zeros.shape == (2, 2, 2)
    assert not zeros.any()
    other = convert_to_tensor(np.ones((2, 3), np.float32))
    assert tape.batch_jacobian(w, other) is None
    assert tape.batch_jacobian(w, other, unconnected_gradients="zero").shape == (2, 2, 3)
    with pytest.raises(ValueError, match="unconnected_gradients"):
        tape.jacobian(z, x, unconnected_gradients="one")
