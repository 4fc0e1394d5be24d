"""Names that do nothing here, and names that are refused."""

import pytest

import tensorwright.compat.v1 as tf


@pytest.mark.parametrize(
    "name",
    [
        "NoGradient", "NotDifferentiable", "RegisterGradient", "fixed_size_partitioner",
        "load_op_library", "no_gradient", "register_tensor_conversion_function",
    ],
)  # fmt: skip
def test_refused(name):
    with pytest.raises(NotImplementedError, match=f"{name} is not supported: "):
        getattr(tf, name)("Square")


def test_switches_and_tables():
    tf.enable_resource_variables()
    tf.disable_resource_variables()
    assert not tf.resource_variables_enabled()
    assert tf.Dimension(3) == 3
    with tf.Session() as sess:
        assert sess.run(tf.tables_initializer()) is None


def test_methods_of_graphs():
    graph = tf.get_default_graph()
    a = tf.constant(1.0)
    with graph.colocate_with(a.op), graph.container("box") as name:
        assert name == "box"
    with pytest.raises(NotImplementedError, match="custom_gradient"):
        graph.gradient_override_map({"Relu": "Other"})
    with pytest.raises(NotImplementedError, match="py_func"):
        graph.create_op("Add", [a, a], [tf.float32])
    assert isinstance(a, tf.Tensor) and isinstance(a.op, tf.Operation)


def test_random_crops():
    part = tf.random_crop(tf.reshape(tf.range(20), [4, 5]), [2, 3], seed=4)
    assert part.shape.as_list() == [2, 3]
    with tf.Session() as sess:
        found = [sess.run(part) for _ in range(20)]
    assert all((x == x[0, 0] + [[0, 1, 2], [5, 6, 7]]).all() for x in found)
    assert len({int(x[0, 0]) for x in found}) > 2
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError), match="Need value"):
        tf.random_crop(tf.range(3), [4])
