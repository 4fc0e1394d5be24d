"""tensorwright.compat.v1: TensorFlow 1's names in programs that run eagerly."""

import numpy as np
import pytest

import tensorwright as tf2
import tensorwright.compat.v1 as tf

# What TensorFlow 2.21 gives for sum(v ** 2) (Adam: sum(v ** 3)) after three steps from [1, 2, 3].
STEPS = {
    "GradientDescent": ((0.1,), {}, [0.512, 1.024, 1.536]),
    "Adam": ((0.1,), {}, [0.7041548, 1.7014887, 2.7008696]),
    "Momentum": ((0.1, 0.9), {}, [0.06200001, 0.12400001, 0.18600011]),
    "RMSProp": ((0.1,), {}, [0.57452303, 1.4053718, 2.342715]),
    "Adagrad": ((0.1,), {}, [0.7822992, 1.7762966, 2.774572]),
    "Adadelta": ((0.1,), {}, [0.99986434, 1.9998643, 2.999864]),
    "Ftrl": ((0.1,), {}, [0.63788956, 1.6237408, 2.6198812]),
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", STEPS)
def test_optimizers(name, compiled):
    args, options, expected = STEPS[name]
    v = tf.Variable([1.0, 2.0, 3.0])
    power = 3 if name == "Adam" else 2
    opt = getattr(tf.train, f"{name}Optimizer")(*args, **options)
    assert isinstance(opt, tf.train.Optimizer) and opt.get_name() == name

    def step():
        opt.minimize(lambda: tf.reduce_sum(v**power), var_list=[v])

    run = tf2.function(step) if compiled else step
    for _ in range(3):
        run()
    assert np.allclose(v.numpy(), expected, rtol=1e-6)
    assert all(opt.get_slot(v, slot).shape == v.shape for slot in opt.get_slot_names())


def test_steps_are_counted_and_variables_found():
    v, count = tf.Variable(2.0), tf.Variable(0, trainable=False)
    opt = tf.train.GradientDescentOptimizer(lambda: 0.25)
    assert opt.minimize(lambda: v * v, global_step=count) is None
    assert v.numpy() == 1.0 and count.numpy() == 1
    ((g, found),) = opt.compute_gradients(lambda: v * v)
    assert g.numpy() == 2.0 and found.handle is v.handle


def test_rows_without_gradient_stay():
    table = tf.Variable(np.ones((3, 2)))
    opt = tf.train.MomentumOptimizer(0.1, 0.9)
    for rows in ([0, 2, 0], [2]):
        opt.minimize(lambda rows=rows: tf.reduce_sum(tf.gather(table, rows)), var_list=[table])
    assert np.allclose(table.numpy(), [[0.8, 0.8], [1, 1], [0.71, 0.71]])


def test_what_optimizers_refuse():
    v = tf.Variable(1.0)
    opt = tf.train.GradientDescentOptimizer(0.1)
    with pytest.raises(RuntimeError, match="should be a function when eager"):
        opt.minimize(v * v)
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        opt.minimize(lambda: tf.constant(1.0), var_list=[v])
    with pytest.raises(ValueError, match="No variables provided"):
        opt.apply_gradients([])


def test_older_names_of_arguments():
    x = [[1.0, 2.0], [3.0, 5.0]]
    assert tf.reduce_sum(x, reduction_indices=1, keep_dims=True).numpy().tolist() == [[3.0], [8.0]]
    assert tf.reduce_max(x, keepdims=None).numpy() == 5.0
    assert tf.argmax(x, dimension=1).numpy().tolist() == [1, 1]
    assert tf.expand_dims([1], dim=0).shape == (1, 1)
    assert tf.squeeze([[1]], squeeze_dims=[0]).shape == (1,)
    assert tf.count_nonzero([0, 1, 2]).numpy() == 2
    assert tf.div(7, 2).numpy() == 3 and tf.div(7.0, 2.0).numpy() == 3.5
    assert tf.to_float(3).dtype == tf.float32 and tf.to_int64(3.7).numpy() == 3
    with pytest.raises(ValueError, match="Cannot specify both 'reduction_indices' and 'axis'"):
        tf.reduce_sum(x, axis=0, reduction_indices=0)


def test_names_that_moved():
    assert tf.log(1.0).numpy() == 0.0 and tf.squared_difference(1.0, 3.0).numpy() == 4.0
    assert tf.multiply(2, 3).numpy() == 6 and tf.lin_space(0.0, 1.0, 3).shape == (3,)
    assert tf.encode_base64("hello world").numpy() == b"aGVsbG8gd29ybGQ"
    assert tf.random_uniform([3]).shape == tf.random_normal([3]).shape == (3,)
    assert tf.nn.relu([-1.0]).numpy() == 0.0 and tf.float32 is tf2.float32
    loss = tf.nn.softmax_cross_entropy_with_logits(labels=[[1.0, 0.0]], logits=[[1.0, 2.0]])
    assert loss.numpy() == pytest.approx([1.3132616])
    with pytest.raises(ValueError, match="with named arguments"):
        tf.nn.softmax_cross_entropy_with_logits([[1.0]], [[1.0]])
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = tf.no_such_name


def test_variables():
    v = tf.Variable([1.0, 2.0, 3.0], name="v")
    assert isinstance(v, tf2.Variable) and v.name == "v:0"
    assert tf.assign_sub(v, [0.5, 0.5, 0.5]).numpy().tolist() == [0.5, 1.5, 2.5]
    tf.scatter_update(v, [2, 0], [30.0, 10.0])
    tf.scatter_add(v, [1, 1], [1.0, 1.0])
    tf.scatter_sub(v, 0, 1.0)
    assert v.numpy().tolist() == [9.0, 3.5, 30.0]
    tf.assign(v, tf.assign_add(v, v))
    assert v.numpy().tolist() == [18.0, 7.0, 60.0]
    made = tf.get_variable("w", [3, 4])
    assert made.name == "w:0" and np.abs(made.numpy()).max() <= np.sqrt(6 / 7)
    assert tf.get_variable("c", initializer=[1.0, 2.0]).numpy().tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="did not get an initializer"):
        tf.get_variable("nothing")
    assert tf.global_variables_initializer() is None


def test_dropout_by_either_part():
    x = tf.ones([1000])
    assert set(np.unique(tf.nn.dropout(x, keep_prob=0.5).numpy())) == {0.0, 2.0}
    with pytest.raises(ValueError, match="exactly one of"):
        tf.nn.dropout(x)


def test_other_versions():
    from tensorwright import compat

    assert compat.v2.reduce_sum is tf2.reduce_sum and compat.v1 is tf
    assert compat.as_bytes("a") == b"a" and compat.as_text(b"a") == compat.as_str("a") == "a"
    assert compat.as_str_any(3) == "3"
    with pytest.raises(TypeError, match="Expected binary or unicode string"):
        compat.as_bytes(3)
