"""tf.import_graph_def: frozen networks, as TensorFlow writes them."""

import numpy as np
import pytest

import tensorwright.compat.v1 as tf

FLOAT, INT32 = 1, 3


def node(graph_def, name, op, *inputs):
    found = graph_def.node.add()
    found.name, found.op = name, op
    found.input.extend(inputs)
    return found


def constant(graph_def, name, array):
    found = node(graph_def, name, "Const")
    found.attr["dtype"].type = INT32 if array.dtype == np.int32 else FLOAT
    found.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(array))


def network():
    """softmax(relu(x @ w.T + b)) and its mean over the classes."""
    rng = np.random.default_rng(0)
    w, b = rng.normal(size=(4, 3)).astype(np.float32), np.arange(4, dtype=np.float32)
    graph_def = tf.GraphDef()
    # what is read may come later in the message
    product = node(graph_def, "dense/MatMul", "MatMul", "x", "dense/w")
    product.attr["transpose_a"].b, product.attr["transpose_b"].b = False, True
    node(graph_def, "x", "Placeholder").attr["dtype"].type = FLOAT
    constant(graph_def, "dense/w", w)
    constant(graph_def, "dense/b", b)
    node(graph_def, "dense/BiasAdd", "BiasAdd", "dense/MatMul", "dense/b")
    node(graph_def, "relu", "Relu", "dense/BiasAdd")
    node(graph_def, "y", "Softmax", "relu")
    constant(graph_def, "axis", np.array([1], np.int32))
    node(graph_def, "m", "Mean", "y", "axis").attr["keep_dims"].b = True

    def expected(x):
        e = np.exp(np.maximum(x @ w.T + b, 0))
        return e / e.sum(axis=1, keepdims=True)

    return graph_def, expected


def test_a_network_is_read_from_bytes():
    graph_def, expected = network()
    again = tf.GraphDef()
    again.ParseFromString(graph_def.SerializeToString())
    y, m, op = tf.import_graph_def(again, return_elements=["y:0", "m:0", "dense/MatMul"])
    assert (y.name, op.name, op.type) == ("import/y:0", "import/dense/MatMul", "MatMul")
    x = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)
    with tf.Session() as sess:
        values, means = sess.run([y, m], {"import/x:0": x})
    assert np.allclose(values, expected(x), atol=1e-6) and np.allclose(means, 0.25)


def test_tensors_take_the_place_of_others():
    graph_def, expected = network()
    z = tf.placeholder(tf.float32, [None, 3])
    (y,) = tf.import_graph_def(graph_def, {"x:0": z * 2.0}, ["y:0"], name="")
    assert y.name == "y:0" and tf.import_graph_def(graph_def, name="twice") is None
    ones = np.ones((2, 3), np.float32)
    with tf.Session() as sess:
        assert np.allclose(sess.run(y, {z: ones / 2}), expected(ones), atol=1e-6)


def test_what_cannot_be_imported():
    graph_def, _ = network()
    with pytest.raises(ValueError, match="return_element 'nothing:0' not found"):
        tf.import_graph_def(graph_def, return_elements=["nothing:0"])
    with pytest.raises(TypeError, match="must be a GraphDef"):
        tf.import_graph_def("graph.pb")
    node(graph_def, "queue", "FIFOQueueV2")
    with pytest.raises(NotImplementedError, match="ops of type FIFOQueueV2"):
        tf.import_graph_def(graph_def)


def test_messages_that_leave_something_out_are_refused():
    tf.reduce_sum(tf.constant([[1.0, 2.0]]), axis=1)
    own = tf.get_default_graph().as_graph_def()
    with tf.Graph().as_default(), pytest.raises(ValueError, match=r"'Sum' \(type Sum\): it lacks"):
        tf.import_graph_def(own)
