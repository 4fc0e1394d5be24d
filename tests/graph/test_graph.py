"""Graphs describe: operations, tensors, names, scopes, collections, printed forms."""

import numpy as np
import pytest

import tensorwright.compat.v1 as tf


def ops():
    return [(op.name, op.type) for op in tf.get_default_graph().get_operations()]


def test_a_default_graph_is_there_and_empty():
    graph = tf.get_default_graph()
    assert graph.get_operations() == []
    assert repr(graph).startswith("<tensorflow.python.framework.ops.Graph object at 0x")


def test_reset_makes_a_new_graph_and_leaves_the_old_one():
    old = tf.get_default_graph()
    c = tf.constant(2.0)
    tf.reset_default_graph()
    new = tf.get_default_graph()
    assert new is not old
    assert new.get_operations() == []
    assert len(old.get_operations()) == 1
    with tf.Session(graph=old) as sess:
        assert sess.run(c) == 2.0
    with tf.Graph().as_default(), pytest.raises(AssertionError, match="nested graphs"):
        tf.reset_default_graph()


def test_other_graphs_take_ops_inside_of_as_default():
    graph = tf.Graph()
    with graph.as_default():
        c = tf.constant(1.0)
        assert tf.get_default_graph() is graph
    assert c.graph is graph
    assert ops() == []


def test_operations_know_their_tensors():
    a, b = tf.constant(3.14), tf.constant(1.414)
    total = tf.add(a, b)
    op = total.op
    assert repr(op) == "<tf.Operation 'Add' type=Add>"
    assert isinstance(op, tf.Operation)
    assert op.inputs[0] is a
    assert op.inputs[1] is b
    assert list(op.outputs) == [total]
    assert (op.name, op.type, op.graph) == ("Add", "Add", a.graph)
    assert a.consumers() == [op]
    assert a.op.inputs == ()
    assert op.get_attr is not None
    assert a.op.get_attr("dtype") is tf.float32
    with pytest.raises(ValueError, match="has no attr named 'T'"):
        op.get_attr("T")


def test_printed_forms():
    a = tf.constant(np.array([1.0, 2.0, 3.0]), name="a")
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    assert str(a) == 'Tensor("a:0", shape=(3,), dtype=float64)'
    assert repr(a) == "<tf.Tensor 'a:0' shape=(3,) dtype=float64>"
    assert str(x) == f"{x}" == 'Tensor("x:0", shape=(?, 2), dtype=float32)'
    assert repr(tf.placeholder(tf.int8)) == (
        "<tf.Tensor 'Placeholder:0' shape=<unknown> dtype=int8>"
    )
    v = tf.Variable([1.0, 2.0])
    assert repr(v) == "<tf.Variable 'Variable:0' shape=(2,) dtype=float32_ref>"


def test_inputs_are_outputs_of_other_ops():
    a = tf.constant(np.array([1.0, 2.0, 3.0]), name="a")
    b = tf.constant(np.array([2.0, 2.0, 2.0]), name="b")
    total, power = a + b, a**b
    product = total * power
    assert [str(t) for t in (total, power, product)] == [
        f'Tensor("{name}:0", shape=(3,), dtype=float64)' for name in ("add", "pow", "mul")
    ]
    nodes = tf.get_default_graph().as_graph_def().node
    assert [(n.name, n.op, list(n.input)) for n in nodes] == [
        ("a", "Const", []), ("b", "Const", []), ("add", "Add", ["a", "b"]),
        ("pow", "Pow", ["a", "b"]), ("mul", "Mul", ["add", "pow"]),
    ]  # fmt: skip
    counts = [(len(t.op.inputs), len(t.op.outputs)) for t in (a, b, total, power, product)]
    assert counts == [(0, 1), (0, 1), (2, 1), (2, 1), (2, 1)]
    assert product.op.inputs[0] is total
    assert all(isinstance(t, tf.Tensor) for t in (a, total))
    assert not isinstance(a, (tf.Operation, tf.Variable))
    with tf.Session() as sess:
        assert sess.run(power).tolist() == [1.0, 4.0, 9.0]
        assert sess.run(product).tolist() == [3.0, 16.0, 45.0]


def test_names_of_operators_functions_and_numbers():
    a, b = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    tf.sqrt(a * a + b * b)
    _ = 2 * a - 1.0
    tf.add(a, 3)
    assert ops() == [
        ("Placeholder", "Placeholder"), ("Placeholder_1", "Placeholder"),
        ("mul", "Mul"), ("mul_1", "Mul"), ("add", "Add"), ("Sqrt", "Sqrt"),
        ("mul_2/x", "Const"), ("mul_2", "Mul"), ("sub/y", "Const"), ("sub", "Sub"),
        ("Add/y", "Const"), ("Add", "Add"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda x: tf.reduce_sum(x), "Sum"),
        (lambda x: tf.reduce_mean(x, axis=0), "Mean"),
        (lambda x: tf.matmul(x, x), "MatMul"),
        (lambda x: tf.nn.relu(x), "Relu"),
        (lambda x: tf.nn.softmax(x), "Softmax"),
        (lambda x: tf.argmax(x, 1), "ArgMax"),
        (lambda x: tf.cast(x, tf.int32), "Cast"),
        (lambda x: tf.equal(x, x), "Equal"),
        (lambda x: tf.square(x), "Square"),
        (lambda x: tf.matmul(x, x), "MatMul"),
        (lambda x: tf.matmul(tf.expand_dims(x, 0, name="e"), [x]), "MatMul"),
        (lambda x: tf.squared_difference(x, x), "SquaredDifference"),
        (lambda x: tf.log(x), "Log"),
        (lambda x: tf.reshape(x, [-1]), "Reshape"),
        (lambda x: tf.transpose(x), "transpose"),
        (lambda x: tf.concat([x, x], 0), "concat"),
        (lambda x: tf.stack([x, x]), "stack"),
        (lambda x: tf.zeros([2]), "zeros"),
        (lambda x: tf.ones_like(x), "ones_like"),
        (lambda x: tf.random_normal([2]), "random_normal"),
        (lambda x: tf.truncated_normal([2]), "truncated_normal"),
        (lambda x: tf.expand_dims(x, 0), "ExpandDims"),
        (lambda x: -x, "Neg"),
        (lambda x: x / x, "truediv"),
        (lambda x: x**2, "pow"),
        (lambda x: x[0], "strided_slice"),
        (lambda x: x < x, "Less"),
        (lambda x: tf.identity(x), "Identity"),
        (lambda x: tf.no_op(), "NoOp"),
    ],
)
def test_default_names(make, name):
    made = make(tf.constant(np.ones((2, 2), np.float32)))
    op = made if isinstance(made, tf.Operation) else made.op
    assert op.name == name


def test_names_are_made_unique_with_regard_to_case():
    names = [tf.constant(1.0, name=n).op.name for n in ("a", "a", "A", "a_1", "a")]
    assert names == ["a", "a_1", "A", "a_1_1", "a_2"]


def test_name_argument_also_by_position():
    x = tf.constant(4.0)
    assert tf.sqrt(x, name="root").name == "root:0"
    assert tf.sqrt(x, "root").name == "root_1:0"
    assert tf.add(x, 1.0, "total").op.inputs[1].name == "total/y:0"


@pytest.mark.parametrize("name", ["a b", "-a", "_a", "ü"])
def test_what_is_no_name(name):
    with pytest.raises(ValueError, match="is not a valid node name"):
        tf.constant(1.0, name=name)


def test_name_scopes_nest_and_are_entered_again():
    graph = tf.get_default_graph()
    with graph.name_scope("outer") as outer:
        assert tf.constant(1.0).op.name == "outer/Const"
        with graph.name_scope("inner"):
            assert tf.constant(1.0).op.name == "outer/inner/Const"
    with graph.name_scope("outer"):
        assert tf.constant(1.0).op.name == "outer_1/Const"
    with graph.name_scope(outer):
        assert tf.constant(1.0).op.name == "outer/Const_1"
        with graph.name_scope(None):
            assert tf.constant(1.0).op.name == "Const"


def test_elements_are_found_by_name():
    graph = tf.get_default_graph()
    a = tf.constant(1.0, name="a")
    assert graph.get_tensor_by_name("a:0") is a
    assert graph.get_operation_by_name("a") is a.op
    assert graph.as_graph_element("a:0") is a
    assert graph.as_graph_element("a") is a.op
    with pytest.raises(KeyError, match="does not exist in the graph"):
        graph.get_tensor_by_name("b:0")
    with pytest.raises(KeyError, match="only has 1 outputs"):
        graph.get_tensor_by_name("a:1")
    with pytest.raises(ValueError, match="refers to an Operation, not a Tensor"):
        graph.get_tensor_by_name("a")
    with pytest.raises(KeyError, match="refers to an Operation not in the graph"):
        graph.get_operation_by_name("b")
    with pytest.raises(TypeError, match="Can not convert a int into a Tensor or Operation"):
        graph.as_graph_element(3)


def test_collections():
    graph = tf.get_default_graph()
    tf.add_to_collection("mine", 1)
    graph.add_to_collections(["mine", "yours"], 2)
    assert tf.get_collection("mine") == [1, 2]
    assert tf.get_collection("yours") == [2]
    tf.get_collection("mine").append(3)
    assert tf.get_collection("mine") == [1, 2]
    tf.get_collection_ref("mine").append(3)
    assert tf.get_collection("mine") == [1, 2, 3]
    v = tf.Variable(0.0, name="scope/v")
    assert tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES, "scope") == [v]
    assert tf.trainable_variables() == [v] == tf.global_variables()


def test_finalized_graphs_do_not_grow():
    graph = tf.get_default_graph()
    graph.finalize()
    assert graph.finalized
    with pytest.raises(RuntimeError, match="finalized and cannot be modified"):
        tf.constant(1.0)


def test_tensors_of_other_graphs_are_refused():
    with tf.Graph().as_default():
        other = tf.constant(1.0)
    with pytest.raises(ValueError, match="from the same graph"):
        _ = tf.constant(1.0) + other
    with tf.Session() as sess, pytest.raises(ValueError, match="is not an element of this graph"):
        sess.run(other)


def test_graph_tensors_have_no_value():
    x = tf.constant([1.0, 2.0])
    for convert in (float, int, bool, len, np.asarray):
        with pytest.raises((TypeError, NotImplementedError)):
            convert(x)
    with pytest.raises(AttributeError, match="numpy"):
        x.numpy()
    with pytest.raises(TypeError, match="'Tensor' object does not support item assignment"):
        x[0] = 1.0
    with pytest.raises(TypeError, match="iterable"):
        iter(tf.placeholder(tf.float32, [None]))
    assert [t.shape.as_list() for t in tf.constant(np.ones((2, 3)))] == [[3], [3]]
    assert {x: 1}[x] == 1
    assert (x == x) is True
    assert (x == 3) is False


def test_shapes_have_dimensions():
    x = tf.placeholder(tf.float32, [None, 3])
    assert x.shape.as_list() == [None, 3] == x.get_shape().as_list()
    assert x.shape[1].value == 3
    assert x.shape[0].value is None
    assert int(x.shape[1]) == 3
    assert x.shape[1] * 2 == 6
    assert str(x.shape[0]) == "?"
    assert x.shape[1] == 3
    assert repr(x.shape) == "TensorShape([Dimension(None), Dimension(3)])"
    assert tf.constant(3.0).shape == ()
    assert x.shape.ndims == 2
    with pytest.raises(TypeError, match="not known"):
        int(x.shape[0])
    assert tf.reshape(x, [-1, x.shape[1] * 1]).shape.as_list() == [None, 3]


def test_set_shape_adds_what_is_known():
    x = tf.placeholder(tf.float32)
    x.set_shape([None, 2])
    assert (x * 1.0).shape.as_list() == [None, 2]
    with pytest.raises(ValueError, match="is not compatible with supplied shape"):
        x.set_shape([3])


def test_shapes_are_inferred():
    x = tf.placeholder(tf.float32, [None, 4])
    y = tf.placeholder(tf.float32)
    assert tf.matmul(x, tf.ones([4, 2])).shape.as_list() == [None, 2]
    assert (x + tf.ones([4])).shape.as_list() == [None, 4]
    assert (x + x).shape.as_list() == [None, 4]
    assert tf.reduce_sum(y).shape == ()
    assert (y + 1.0).shape.ndims is None
    assert tf.matmul(y, tf.ones([4, 2])).dtype == tf.float32  # batches of matrices, perhaps
    assert tf.shape(x).shape.as_list() == [2]
    assert tf.shape(y).dtype == tf.int32
    assert tf.reshape(y, [2, 3]).shape.as_list() == [2, 3]
    assert tf.reshape(x, [tf.shape(x)[0], 2, 2]).shape.as_list() == [None, 2, 2]
    assert tf.zeros([tf.shape(x)[0], 3]).shape.as_list() == [None, 3]


def test_wrong_shapes_are_refused_when_the_graph_is_built():
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    with pytest.raises(ValueError, match=r"MatMul.*with input shapes"):
        tf.matmul(x, tf.ones([3, 2]))
    with pytest.raises(ValueError) as info:
        _ = tf.ones([2]) + tf.ones([3])
    assert str(info.value) == (
        "Dimensions must be equal, but are 2 and 3 for 'add' (op: 'Add') with input shapes: [2],"
        " [3]."
    )
    with pytest.raises(ValueError, match=r"are 4 and 3 for 'total' \(op: 'Mul'\).*\[\?,4\], \[3\]"):
        tf.multiply(x, tf.ones([3]), name="total")


def test_dtypes_are_not_mixed():
    x = tf.constant([1.0])
    with pytest.raises(TypeError, match="has type int32 that does not match type float32"):
        _ = x + tf.constant([1])
    for call in (lambda: tf.constant([1]) + 1.5, lambda: 1.5 * tf.constant(1)):
        with pytest.raises(TypeError, match=r"Expected int32, got 1\.5 of type 'float'"):
            call()
    assert (x + 1).dtype == tf.float32


def test_control_inputs():
    graph = tf.get_default_graph()
    a, b = tf.constant(1.0), tf.no_op("b")
    with tf.control_dependencies([a, b]):
        c = tf.identity(a)
        with tf.control_dependencies(None):
            d = tf.identity(a)
    assert c.op.control_inputs == [a.op, b]
    assert d.op.control_inputs == []
    both = tf.group(a, [b], name="both")
    assert both.type == "NoOp"
    assert both.control_inputs == [a.op, b]
    assert graph.get_operation_by_name("both") is both


def test_building_needs_no_session_and_computes_nothing():
    called = []
    tf.py_func(lambda: called.append(1), [], [])
    tf.Print(tf.constant(1.0), [tf.constant(2.0)])
    assert called == []


def test_eager_programs_cannot_have_placeholders():
    tf.enable_eager_execution() if not tf.get_default_graph().get_operations() else None
    assert tf.executing_eagerly()
    with pytest.raises(RuntimeError, match="not compatible with eager execution"):
        tf.placeholder(tf.float32)
    assert tf.constant(2.0).numpy() == 2.0
    with tf.Graph().as_default():
        assert not tf.executing_eagerly()
        assert tf.placeholder(tf.float32).op.type == "Placeholder"


def test_eager_execution_is_enabled_at_the_start_only():
    tf.constant(1.0)
    with pytest.raises(ValueError, match="at program startup"):
        tf.enable_eager_execution()
