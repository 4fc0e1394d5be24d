"""Functions of compat.v1 that know graphs, in a program whose ops run at once."""

import numpy as np
import pytest

import tensorwright as T

tf = T.compat.v1


def test_control_flow():
    assert tf.cond(T.constant(True), lambda: 1, lambda: 2) == 1
    (end,) = tf.while_loop(lambda i: i < 3, lambda i: i + 1, [T.constant(0)])
    assert end.numpy() == 3
    assert tf.map_fn(lambda x: x * 2.0, T.constant([1.0, 2.0])).numpy().tolist() == [2.0, 4.0]
    assert tf.foldl(lambda a, x: a + x, T.constant([1.0, 2.0])).numpy() == 3.0
    assert tf.scan(lambda a, x: a + x, T.constant([1.0, 2.0])).numpy().tolist() == [1.0, 3.0]
    assert tf.case([(T.constant(False), lambda: 1)], default=lambda: 2) == 2
    with pytest.raises(NotImplementedError, match="use a list"):
        tf.TensorArray(T.float32, 3)


def test_in_compiled_functions():
    @T.function
    def f(x):
        return tf.cond(x > 0, lambda: x * 2.0, lambda: x)

    assert f(T.constant(3.0)).numpy() == 6.0 and f(T.constant(-3.0)).numpy() == -3.0


def test_checks_and_choices(tmp_path):
    tf.assert_equal([1, 2], [1, 2])
    with pytest.raises(T.errors.InvalidArgumentError):
        tf.assert_equal([1, 2], [1, 3], message="mm")
    with pytest.raises(T.errors.InvalidArgumentError):
        tf.check_numerics(T.constant(np.inf), "bad")
    with pytest.raises(ValueError, match="rank 2"):
        tf.assert_rank(T.constant([1.0]), 2)
    rows = tf.where([True, False], [[1, 2], [3, 4]], [[5, 6], [7, 8]])
    assert rows.numpy().tolist() == [[1, 2], [7, 8]]
    assert tf.setdiff1d([1, 2], [2]).out.numpy().tolist() == [1]
    assert tf.random_crop(T.range(10), [3], seed=1).shape.as_list() == [3]
    path = str(tmp_path / "x")
    tf.write_file(path, "data")
    assert tf.read_file(path).numpy() == b"data"
    assert tf.py_func(lambda x: x * 2, [T.constant(2.0)], T.float32).numpy() == 4.0


def test_datasets():
    dataset = tf.data.Dataset.from_tensor_slices([1, 2, 3]).map(lambda x: x + 1).batch(2)
    assert [x.numpy().tolist() for x in dataset] == [[2, 3], [4]]
    iterator = tf.data.make_one_shot_iterator(dataset)
    assert iterator.get_next().numpy().tolist() == [2, 3]
    iterator.get_next()
    with pytest.raises(T.errors.OutOfRangeError):
        iterator.get_next()
    with pytest.raises(RuntimeError, match="eager"):
        tf.data.make_initializable_iterator(dataset)
