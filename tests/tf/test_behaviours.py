"""Eager programs: tensors, their printed forms, dtypes, conversions with NumPy, variables, maths.

Comments give the numbers of the behaviours that the tests below them hold.
"""

import numpy as np
import pytest

import tensorwright as tf
import tensorwright.compat.v1 as tf1

MATRIX = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


def matrix():
    return tf.constant(MATRIX)


def listed(x):
    return np.asarray(x).tolist()


def test_repr_of_a_tensor_shows_shape_dtype_and_array():
    assert repr(matrix()) == (
        "<tf.Tensor: shape=(2, 3), dtype=float32, numpy=\n"
        "array([[1., 2., 3.],\n       [4., 5., 6.]], dtype=float32)>"
    )
    assert repr(tf.constant(42)) == "<tf.Tensor: shape=(), dtype=int32, numpy=42>"
    assert repr(tf.constant(42.0)) == "<tf.Tensor: shape=(), dtype=float32, numpy=42.0>"


def test_print_of_a_tensor(capsys):
    print(tf.add(1, 2))
    print(tf.add([1, 2], [3, 4]))
    print(matrix())
    assert capsys.readouterr().out == (
        "tf.Tensor(3, shape=(), dtype=int32)\n"
        "tf.Tensor([4 6], shape=(2,), dtype=int32)\n"
        "tf.Tensor(\n[[1. 2. 3.]\n [4. 5. 6.]], shape=(2, 3), dtype=float32)\n"
    )


def test_repr_and_str_of_a_dtype():
    assert repr(matrix().dtype) == "tf.float32"
    assert str(tf.constant(1).dtype) == "<dtype: 'int32'>"


def test_shape_is_a_tensor_shape():
    assert repr(matrix().shape) == "TensorShape([2, 3])"
    assert str(matrix().shape) == "(2, 3)"
    assert isinstance(matrix().shape, tf.TensorShape)
    assert tf.constant(1).shape == ()


@pytest.mark.parametrize(
    ("value", "rank", "shape"),
    [(7, 0, []), ([5.0, 6.0], 1, [2]), (MATRIX, 2, [2, 3]), ([[[4, 5]], [[6, 7]]], 3, [2, 1, 2])],
)
def test_rank_and_shape(value, rank, shape):
    t = tf.constant(value)
    assert t.shape.rank == rank
    assert t.shape.as_list() == shape
    assert int(tf.rank(t)) == rank


def test_slices():
    assert listed(matrix()[:, 1:]) == [[2.0, 3.0], [5.0, 6.0]]
    assert listed(matrix()[1]) == [4.0, 5.0, 6.0]
    assert listed(matrix()[::-1, 0]) == [4.0, 1.0]


def test_ellipsis_and_newaxis_in_an_index():
    column = matrix()[..., 1, tf.newaxis]
    assert tf.newaxis is None
    assert column.shape == (2, 1)
    assert listed(column) == [[2.0], [5.0]]


def test_a_python_number_adopts_the_tensors_dtype():
    for result in (matrix() + 10, 10 + matrix()):
        assert result.dtype == tf.float32
        assert listed(result) == [[11.0, 12.0, 13.0], [14.0, 15.0, 16.0]]
    assert (3 * tf.constant(2.0, tf.float64) ** 2).dtype == tf.float64
    assert float(-0.5 * tf.constant(8.0)) == -4.0


def test_numpy_method_gives_an_array():
    array = matrix().numpy()
    assert isinstance(array, np.ndarray)
    assert array.dtype == np.float32
    assert array.tolist() == MATRIX


def test_constant_of_an_array_keeps_its_dtype():
    t = tf.constant(np.array([2.0, 4.0, 5.0]))
    assert repr(t) == "<tf.Tensor: shape=(3,), dtype=float64, numpy=array([2., 4., 5.])>"


def test_np_array_of_a_tensor():
    array = np.array(matrix())
    assert array.dtype == np.float32
    assert array.tolist() == MATRIX


def test_operations_take_arrays():
    squared = tf.square(np.array([2.0, 4.0, 5.0]))
    assert isinstance(squared, tf.Tensor)
    assert squared.dtype == tf.float64
    assert listed(squared) == [4.0, 16.0, 25.0]
    product = tf.multiply(np.ones([3, 3]), 42)
    assert product.dtype == tf.float64
    assert listed(product) == [[42.0] * 3] * 3


def test_numpy_functions_take_tensors_and_give_arrays():
    result = np.add(tf.multiply(np.ones([3, 3]), 42), 1)
    assert isinstance(result, np.ndarray)
    assert result.dtype == np.float64
    assert (result == 43).all()
    assert np.square(matrix()).dtype == np.float32


def test_eager_execution_may_be_switched_on_by_its_old_name():
    tf1.enable_eager_execution()
    assert tf.executing_eagerly()
    assert int(tf1.reduce_sum([1, 2, 3])) == 6


def test_a_scalar_tensor_in_a_format():
    loss = tf.constant(2.5)
    assert f"{float(loss):.2f}" == "2.50"
    assert "loss=%2.5f" % loss == "loss=2.50000"  # noqa: UP031 (the operator is what is tested)


def test_tensors_and_variables_are_plotted():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    axes = figure.subplots()
    x, w = tf.constant([1.0, 2.0, 3.0]), tf.Variable([[0.0, 1.0], [2.0, 3.0]])
    (line,) = axes.plot(x, x * x, label="squares")
    points = axes.scatter(x, x + 1)
    image = axes.imshow(w, cmap="Greys")
    axes.legend()
    assert line.get_xydata().tolist() == [[1, 1], [2, 4], [3, 9]]
    assert points.get_offsets().tolist() == [[1, 2], [2, 3], [3, 4]]
    assert image.get_array().tolist() == [[0, 1], [2, 3]]


def test_tensors_cannot_be_changed_in_place():
    t = matrix()
    with pytest.raises(TypeError, match="does not support item assignment"):
        t[0, 0] = 9.0
    assert listed(t) == MATRIX


def test_augmented_assignment_makes_a_new_tensor():
    x = tf.zeros([10, 10])
    original = x
    x += 2
    assert x is not original
    assert not original.numpy().any()
    assert (x.numpy() == 2).all()
    assert x.dtype == tf.float32


def test_version_is_a_string():
    assert isinstance(tf.__version__, str)


def test_numpy_api_on_tensors():
    tnp = tf.experimental.numpy
    assert listed(tnp.add([1, 2], [3, 4])) == [4, 6]
    assert isinstance(tnp.ones([2]), tf.Tensor)


def test_keras_is_imported_from_the_package():
    from tensorwright import keras

    assert keras is tf.keras


def test_float_plus_int_is_refused():
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tf.constant(2.0) + tf.constant(40)
    assert str(caught.value) == (
        "cannot compute AddV2 as input #1(zero-based) was expected to be a float tensor "
        "but is a int32 tensor [Op:AddV2] name: "
    )


def test_float_plus_double_is_refused():
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tf.constant(2.0) + tf.constant(40.0, dtype=tf.float64)
    assert str(caught.value).endswith("but is a double tensor [Op:AddV2] name: ")


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "pow", "maximum"])
def test_mixed_dtypes_are_refused_by_every_operation(name):
    with pytest.raises((tf.errors.InvalidArgumentError, TypeError)):
        getattr(tf, name)(tf.constant(2.0), tf.constant(40.0, tf.float64))


def test_explicit_cast():
    total = tf.constant(2.0) + tf.cast(tf.constant(40.0, dtype=tf.float64), tf.float32)
    assert repr(total) == "<tf.Tensor: shape=(), dtype=float32, numpy=42.0>"
    assert listed(tf.cast([True, False], tf.float32)) == [1.0, 0.0]


def test_dtype_objects():
    assert [d.name for d in (tf.float32, tf.float64, tf.int32, tf.int8, tf.bool)] == [
        "float32",
        "float64",
        "int32",
        "int8",
        "bool",
    ]
    assert not hasattr(tf, "float")


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1, "int32"),
        (1.0, "float32"),
        (True, "bool"),
        ("text", "string"),
        (np.float64(1), "float64"),
        (np.arange(3), "int64"),
        (np.ones(2, np.float16), "float16"),
    ],
)
def test_dtype_of_a_constant(value, dtype):
    assert tf.constant(value).dtype.name == dtype


def test_repr_of_a_variable():
    assert repr(tf.Variable(MATRIX)) == (
        "<tf.Variable 'Variable:0' shape=(2, 3) dtype=float32, numpy=\n"
        "array([[1., 2., 3.],\n       [4., 5., 6.]], dtype=float32)>"
    )


def test_assign_changes_the_variable_and_returns_an_unread_one():
    v = tf.Variable(MATRIX)
    returned = v.assign(2 * v)
    assert repr(returned).startswith("<tf.Variable 'UnreadVariable' shape=(2, 3) dtype=float32")
    assert listed(v) == listed(returned) == [[2.0, 4.0, 6.0], [8.0, 10.0, 12.0]]


def test_views_are_arguments_and_values_of_variables():
    """Transposes, reversed arrays and numbers repeated: their elements do not lie in order."""
    v = tf.Variable(tf.fill([2, 3], 4.0))
    f = tf.function(lambda x: x + v)
    for x in (tf.fill([2, 3], 2.0), tf.transpose(tf.reshape(tf.range(6.0), [3, 2]))):
        for y in (x, tf.reverse(x, [1])):
            v.assign(y)
            assert np.array_equal(f(x), x.numpy() + y.numpy())
            assert np.array_equal(f.get_concrete_function(x)(y), y.numpy() * 2)


def test_a_variable_is_assigned_an_expression_of_itself():
    v = tf.Variable(1.0)
    assert v.numpy() == 1.0
    v.assign(3.0)
    assert v.numpy() == 3.0
    v.assign(tf.square(v))
    assert v.numpy() == 9.0


def test_assign_add_and_assign_sub():
    v = tf.Variable(0.5)
    v.assign_add(1.0)
    assert v.numpy() == 1.5
    v.assign_sub(0.25)
    assert v.numpy() == 1.25


def test_variables_refuse_another_shape_or_dtype():
    v = tf.Variable([1.0, 2.0])
    with pytest.raises(ValueError):
        v.assign([1.0, 2.0, 3.0])
    with pytest.raises((ValueError, TypeError, tf.errors.InvalidArgumentError)):
        v.assign(tf.constant([1, 2]))
    assert listed(v) == [1.0, 2.0]


def test_variables_cannot_be_set_by_index():
    v = tf.Variable([1.0, 2.0])
    with pytest.raises(TypeError, match="does not support item assignment"):
        v[0] = 3.0


def test_operations_read_variables():
    w = tf.Variable([[1.0, 2.0], [3.0, 4.0]], name="w")
    assert w.name == "w:0"
    y = tf.matmul(w, [[1.0, 0.0], [0.0, 2.0]])
    assert listed(y) == [[1.0, 4.0], [3.0, 8.0]]
    np.testing.assert_allclose(tf.sigmoid(w + y), 1 / (1 + np.exp(-(w.numpy() + y.numpy()))), 1e-6)
    assert listed(w @ tf.constant([[1.0], [1.0]])) == [[3.0], [7.0]]


def test_sliced_assignment_writes_into_the_variable():
    a = tf.Variable([[1, 2, 3], [4, 5, 6], [7, 8, 9]], dtype=tf.float32)
    assert listed(a[:2, :2]) == [[1.0, 2.0], [4.0, 5.0]]
    whole = a[:2, :2].assign(22.0 * tf.ones((2, 2)))
    expected = [[22.0, 22.0, 3.0], [22.0, 22.0, 6.0], [7.0, 8.0, 9.0]]
    assert listed(a) == listed(whole) == expected
    a[2].assign([0.0, 0.0, 0.0])
    assert listed(a[2]) == [0.0, 0.0, 0.0]


def test_functions_that_update_variables():
    v = tf1.Variable([1.0, 2.0, 3.0])
    tf1.assign_sub(v, [1.0, 1.0, 1.0])
    assert listed(v) == [0.0, 1.0, 2.0]
    tf1.scatter_update(v, [0, 2], [5.0, 6.0])
    assert listed(v) == [5.0, 1.0, 6.0]


# row 210


def test_a_model_of_two_variables():
    class Line:
        def __init__(self):
            self.slope, self.offset = tf.Variable(5.0), tf.Variable(0.0)

        def __call__(self, x):
            return self.slope * x + self.offset

    assert Line()(3.0).numpy() == 15.0


def test_sums_products_and_means():
    assert str(tf.square(2) + tf.square(3)) == "tf.Tensor(13, shape=(), dtype=int32)"
    assert str(tf.reduce_sum([1, 2, 3])) == "tf.Tensor(6, shape=(), dtype=int32)"
    assert listed(tf1.reduce_sum(matrix(), reduction_indices=[1])) == [6.0, 15.0]
    assert float(tf.reduce_mean(matrix())) == 3.5
    x = tf.matmul([[1]], [[2, 3]])
    assert str(x.shape) == "(1, 2)"
    assert x.dtype == tf.int32


def test_transpose_and_the_product_operator():
    assert listed(matrix() @ tf.transpose(matrix())) == [[14.0, 32.0], [32.0, 77.0]]


def test_unique_keeps_the_order_of_first_occurrence():
    values, index = tf.unique([7, 3, 3, 9, 7, 9])
    assert listed(values) == [7, 3, 9]
    assert listed(index) == [0, 1, 1, 2, 0, 2]
    assert index.dtype == tf.int32


def test_strings_and_base64():
    text = tf.constant("hello world")
    assert text.shape == ()
    assert text.dtype == tf.string
    assert text.numpy() == b"hello world"
    assert tf1.encode_base64("hello world").numpy() == b"aGVsbG8gd29ybGQ"
    assert tf.io.encode_base64("hello world").numpy() == b"aGVsbG8gd29ybGQ"


def test_elementwise_operations():
    assert float(tf.sqrt(25.0)) == 5.0
    assert float(tf.math.log(1.0)) == 0.0
    assert float(tf.math.squared_difference(5.0, 3.0)) == 4.0
    assert float(tf.sigmoid(0.0)) == 0.5
    assert listed(tf.constant([1.0, 2.0, 3.0]) ** 2) == [1.0, 4.0, 9.0]
    assert (tf.constant([1, 2]) / 2).dtype == tf.float64
    assert listed(tf.equal([1, 2], [1, 3])) == [True, False]


def test_filled_tensors_and_argmax():
    assert tf.zeros((2, 2)).dtype == tf.ones([2]).dtype == tf.float32
    where = tf.argmax(matrix(), 1)
    assert where.dtype == tf.int64
    assert listed(where) == [2, 2]


def test_broadcasting_and_shapes_that_do_not_fit():
    assert listed(tf.constant([[1], [2]]) + tf.constant([10, 20])) == [[11, 21], [12, 22]]
    with pytest.raises(tf.errors.InvalidArgumentError, match="Incompatible shapes"):
        tf.constant([1.0, 2.0]) + tf.constant([1.0, 2.0, 3.0])


def test_image_operations():
    image = tf.reshape(tf.range(16.0), [1, 4, 4, -1])
    assert image.shape == (1, 4, 4, 1)
    same = tf.nn.conv2d(image, tf.ones([3, 3, 1, 2]), strides=[1, 1, 1, 1], padding="SAME")
    assert same.shape == (1, 4, 4, 2)
    assert listed(same[0, 1, 1]) == [45.0, 45.0]
    assert listed(tf.nn.bias_add(same, [1.0, -45.0])[0, 1, 1]) == [46.0, 0.0]
    pooled = tf.nn.max_pool(image, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")
    assert listed(pooled[0, :, :, 0]) == [[5.0, 7.0], [13.0, 15.0]]
    assert listed(tf.nn.relu([-1.0, 2.0])) == [0.0, 2.0]
    assert listed(tf.nn.softmax([[0.0, 0.0]])) == [[0.5, 0.5]]


def test_dropout_takes_the_rate_to_drop_and_the_older_one_the_probability_to_keep():
    ones = tf.ones([1000])
    assert set(listed(tf.nn.dropout(ones, 0.75))) == {0.0, 4.0}
    assert set(listed(tf1.nn.dropout(ones, 0.25))) == {0.0, 4.0}
    assert listed(tf1.nn.dropout(ones, 1.0)) == listed(ones)


# row 145


def test_softmax_cross_entropy_is_taken_by_row():
    loss = tf.nn.softmax_cross_entropy_with_logits(
        labels=[[1.0, 0.0], [0.0, 1.0]], logits=[[0.0, 0.0], [0.0, 0.0]]
    )
    np.testing.assert_allclose(loss, np.log([2.0, 2.0]), rtol=1e-6)
