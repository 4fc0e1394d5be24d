"""Whole programs of TensorFlow 1's years: what they print, and each step where it is known."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

import tensorwright.compat.v1 as tf

# -- a normal distribution is fitted to a sample --------------------------------------------------


def sample(count, mean, deviation):
    """Numbers with exactly this mean and deviation, on which all that follows depends only."""
    x = np.random.default_rng(count).normal(size=count)
    return mean + deviation * (x - x.mean()) / x.std()


TWENTY = sample(20, 2.6516868687120074, 1.4413016026439345)
THOUSAND = sample(1000, 2.472980666304121, 1.4823118516374283)


def density(x, mu, sigma):
    return np.sum(-0.5 * np.log(2 * np.pi * sigma**2) - (x - mu) ** 2 / (2 * sigma**2))


class Normal:
    """The logarithm of the likelihood of x, in float64."""

    def __init__(self, x):
        self.mu = tf.Variable(1.0, dtype=tf.float64, name="mu")
        self.sigma = tf.Variable(np.sqrt(1.0), dtype=tf.float64, name="sigma")
        square = self.sigma**2.0
        term = -0.5 * tf.log(2.0 * np.pi * square)
        self.log_p = tf.reduce_sum(term - ((x - self.mu) ** 2.0 / (2.0 * square)))
        self.parameters = [self.mu, self.sigma]

    def fitted(self, rate, feed):
        """Prints after every tenth of fifty steps; what the parameters are then."""
        optimizer = tf.train.GradientDescentOptimizer(learning_rate=rate)
        train = optimizer.minimize(-self.log_p, var_list=self.parameters)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            for iteration in range(50):
                step, value = session.run([train, self.log_p], feed_dict=feed)
                assert step is None
                if (iteration + 1) % 10 == 0:
                    print(f"iter {iteration + 1:4d}, log P(X) = {value:0.3f}")
            return session.run(self.parameters)


def test_the_likelihood_of_a_sample():
    model = Normal(tf.constant(TWENTY, name="X"))
    assert model.log_p.dtype == tf.float64
    with tf.Session() as session:
        with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value"):
            session.run(model.log_p)
        session.run(tf.global_variables_initializer())
        first = session.run(model.log_p)
        session.run(model.mu.assign(3.3))
        session.run(model.sigma.assign(0.5))
        second = session.run(model.log_p)
    assert first == pytest.approx(-66.43296888468996, rel=1e-14)
    assert second == pytest.approx(-104.42223609227118, rel=1e-14)
    assert first == pytest.approx(density(TWENTY, 1.0, 1.0), rel=1e-14)


def test_its_slopes():
    model = Normal(tf.constant(TWENTY, name="X"))
    slopes = [tf.gradients(model.log_p, p) for p in model.parameters]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found = session.run(slopes)
    assert [len(x) for x in found] == [1, 1]
    assert found[0][0] == pytest.approx(33.03373737424015, rel=1e-13)
    assert found[1][0] == pytest.approx(76.10839644119301, rel=1e-13)


def test_it_is_fitted_to_a_constant(capsys):
    mu, sigma = Normal(tf.constant(TWENTY, name="X")).fitted(0.05, None)
    assert capsys.readouterr().out.splitlines() == [
        "iter   10, log P(X) = -43.105",
        *[f"iter   {k}, log P(X) = -35.690" for k in (20, 30, 40, 50)],
    ]
    assert mu == pytest.approx(2.6516868687120074, rel=1e-14)
    assert sigma == pytest.approx(1.4413016026439345, rel=1e-14)


def test_it_is_fitted_to_samples_of_any_length(capsys):
    x = tf.placeholder(dtype=tf.float64, name="X")
    model = Normal(x)
    mu, sigma = model.fitted(0.001, {x: THOUSAND})
    assert capsys.readouterr().out.splitlines()[:2] == [
        "iter   10, log P(X) = -2017.966",
        "iter   20, log P(X) = -1812.541",
    ]
    assert mu == pytest.approx(2.472980666304121, rel=1e-14)
    assert sigma == pytest.approx(1.4823118516374283, rel=1e-14)
    again = model.fitted(0.05, {x: TWENTY.tolist()})
    assert np.allclose(again, [TWENTY.mean(), TWENTY.std()], rtol=1e-12)
    names = [op.name for op in tf.get_default_graph().get_operations()]
    assert {"GradientDescent", "GradientDescent_1"} <= set(names)


# -- one step after the other, in three ways ------------------------------------------------------


def by_hand(x, loss):
    return tf.assign(x, x - 2.0 * x * 0.1)


def by_gradients(x, loss):
    (slope,) = tf.gradients(loss, x)
    return tf.assign(x, x - slope * 0.1)


def by_optimizer(x, loss):
    return tf.train.GradientDescentOptimizer(learning_rate=0.1).minimize(loss, var_list=[x])


def trajectory(way):
    with tf.Graph().as_default():
        x = tf.Variable(5.0)
        step = way(x, x * x)
        values = []
        with tf.Session() as session:
            session.run(x.initializer)
            for _ in range(100):
                session.run(step)
                values.append(session.run(x))
    return values


def test_gradient_descent_in_three_ways():
    first, second, third = (trajectory(way) for way in (by_hand, by_gradients, by_optimizer))
    assert np.allclose(first, 5.0 * 0.8 ** np.arange(1, 101), rtol=1e-5)
    assert np.allclose(first, second, rtol=1e-6)
    assert np.allclose(first, third, rtol=1e-6)


def test_what_a_step_shows_is_from_before_it():
    x = tf.Variable(5.0)
    fetches = {"x": x, "loss": x * x, "new": by_hand(x, None)}
    with tf.Session() as session:
        session.run(x.initializer)
        assert session.run(fetches) == {"x": 5.0, "loss": 25.0, "new": 4.0}
        assert session.run(fetches) == {"x": 4.0, "loss": 16.0, "new": np.float32(3.2)}


def test_adam_needs_more_than_the_variable_to_be_initialised():
    x = tf.Variable(5.0)
    train = tf.train.AdamOptimizer(learning_rate=0.1).minimize(x * x)
    with tf.Session() as session:
        session.run(x.initializer)
        with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value"):
            session.run(train)
        session.run(tf.global_variables_initializer())
        values = [session.run(x)]
        for _ in range(150):
            session.run(train)
            values.append(session.run(x))
    assert np.allclose(values[1:4], [4.9, 4.80005, 4.700191], atol=1e-5)
    assert abs(values[-1]) < 0.2


# -- lines ----------------------------------------------------------------------------------------


def test_a_line_through_four_points():
    w, b = tf.Variable([0.3], tf.float32), tf.Variable([-0.3], tf.float32)
    x, y = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    model = w * x + b
    loss = tf.reduce_sum(tf.square(model - y))
    train = tf.train.GradientDescentOptimizer(0.01).minimize(loss)
    feed = {x: [1, 2, 3, 4], y: [0, -1, -2, -3]}
    init = tf.global_variables_initializer()
    session = tf.Session()
    session.run(init)
    assert np.allclose(session.run(model, {x: [1, 2, 3, 4]}), [0, 0.3, 0.6, 0.9], atol=1e-6)
    assert session.run(loss, feed) == pytest.approx(23.66)
    for _ in range(1000):
        session.run(train, feed)
    slope, offset, rest = session.run([w, b, loss], feed)
    assert slope == pytest.approx([-0.9999969], abs=2e-6)
    assert offset == pytest.approx([0.99999082], abs=6e-6)
    assert rest < 1e-10
    session.run(init)
    assert session.run([w, b]) == [np.float32([0.3]), np.float32([-0.3])]
    with pytest.raises(tf.errors.InvalidArgumentError, match="You must feed a value"):
        session.run([w, b, loss])
    session.close()


def test_a_line_from_random_values():
    tf.set_random_seed(1)
    w = tf.Variable(tf.random_normal([1]), name="weight")
    b = tf.Variable(tf.random_normal([1]), name="bias")
    x, y = (tf.placeholder(tf.float32, [None], name=n) for n in "xy")
    loss = tf.reduce_mean(tf.square(y - (w * x + b)))
    train = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    narrow = tf.placeholder(tf.float32, [1], name="x")
    assert (w.name, b.name, x.name, narrow.name) == ("weight:0", "bias:0", "x:0", "x_1:0")
    feed = {x: [1, 2, 3, 4], y: [0, -1, -2, -3]}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(400):
            session.run(train, feed)
        assert np.allclose(session.run([w, b]), [[-1], [1]], atol=1e-3)
        with pytest.raises(ValueError, match=r"Cannot feed value of shape \(4,\)"):
            session.run(w * narrow, {narrow: [1, 2, 3, 4]})


def test_a_line_with_named_parts(tmp_path):
    with tf.variable_scope("W"):
        w = tf.Variable([0.3], tf.float32)
    with tf.variable_scope("b"):
        b = tf.Variable([-0.3], tf.float32)
    with tf.variable_scope("input"):
        x = tf.placeholder(tf.float32)
    with tf.variable_scope("output"):
        model = w * x + b
        y = tf.placeholder(tf.float32)
    loss = tf.reduce_sum(tf.square(model - y))
    tf.train.GradientDescentOptimizer(0.01).minimize(loss)
    assert [t.name for t in (w, b, x, model, y)] == [
        "W/Variable:0", "b/Variable:0", "input/Placeholder:0", "output/add:0",
        "output/Placeholder:0",
    ]  # fmt: skip
    assert isinstance(model, tf.Tensor)
    assert model.op.inputs[0].op.name == "output/mul"
    folder = tmp_path / "visualisation_files"
    with tf.Session() as session:
        writer = tf.summary.FileWriter(str(folder), session.graph)
        writer.flush()
        writer.add_graph(session.graph)
        writer.close()
    (file,) = folder.iterdir()
    version, *graphs = tf.train.summary_iterator(str(file))
    assert version.file_version == "brain.Event:2"
    for event in graphs:
        nodes = tf.GraphDef.FromString(event.graph_def).node if event.graph_def else []
        groups = {node.name.split("/")[0] for node in nodes}
        assert not nodes or groups == {
            "W", "b", "input", "output", "sub", "Square", "Sum", "gradients", "GradientDescent",
        }  # fmt: skip
    assert sum(bool(event.graph_def) for event in graphs) == 2


def batches(x, y, size):
    """Parts of the data, one after the other, without an end."""
    total, current = len(x) // size, 0
    while True:
        part = slice(size * current, size * (current + 1))
        yield x[part], y[part]
        current = (current + 1) % total


def test_batches_of_a_generator():
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=400)
    outputs = 3.0 * inputs + 2.0 + 0.1 * rng.normal(size=400)
    x, y = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    m, b = tf.Variable(0.0), tf.Variable(0.0)
    loss = tf.reduce_mean(tf.squared_difference(x * m + b, y))
    train = tf.train.GradientDescentOptimizer(learning_rate=0.005).minimize(loss)
    slope = offset = 0.0
    checks = []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for i, (some_x, some_y) in zip(range(600), batches(inputs, outputs, 100), strict=False):
            session.run([train, loss, m, b], feed_dict={x: some_x, y: some_y})
            error = some_x * slope + offset - some_y
            slope -= 0.005 * 2 * np.mean(error * some_x)
            offset -= 0.005 * 2 * np.mean(error)
            if i % 100 == 0:
                checks.append(session.run(loss, feed_dict={x: inputs[:50], y: outputs[:50]}))
        assert np.allclose(session.run([m, b]), [slope, offset], atol=1e-4)
    assert sorted(checks, reverse=True) == checks
    assert checks[-1] < 0.05


# -- networks -------------------------------------------------------------------------------------


def test_a_network_of_two_layers():
    rng = np.random.default_rng(0)
    points = rng.uniform(-2, 2, size=(500, 2))
    heights = (np.sin(1.57 * points[:, 0]) * np.cos(0.785 * points[:, 1])).reshape(-1, 1)
    tf.set_random_seed(0)
    session = tf.InteractiveSession()
    with tf.variable_scope("Input"):
        x = tf.placeholder(tf.float32, shape=[None, 2])
    with tf.variable_scope("HiddenLayer"):
        w1 = tf.Variable(tf.truncated_normal([2, 20], stddev=np.sqrt(6 / 22)))
        b1 = tf.Variable(tf.zeros([20]))
        h1 = tf.nn.relu(tf.add(tf.matmul(x, w1), b1))
    with tf.variable_scope("OutputLayer"):
        w2 = tf.Variable(tf.truncated_normal([20, 1], stddev=np.sqrt(6 / 21)))
        b2 = tf.Variable(tf.constant(0.0))
        h2 = tf.add(tf.matmul(h1, w2), b2)
    with tf.variable_scope("Output"):
        y = tf.placeholder(tf.float32, [None, 1])
    with tf.variable_scope("Loss"):
        loss = tf.reduce_mean(tf.square(h2 - y))
    names = [t.op.name for t in (x, w1, b1, h1, y, loss)]
    assert names == [
        "Input/Placeholder", "HiddenLayer/Variable", "HiddenLayer/Variable_1", "HiddenLayer/Relu",
        "Output/Placeholder", "Loss/Mean",
    ]  # fmt: skip
    step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    tf.global_variables_initializer().run()
    assert np.abs(w1.eval()).max() <= 2 * np.sqrt(6 / 22)
    (before,) = session.run([loss], {x: points, y: heights})
    for _ in range(1000):
        chosen = rng.permutation(500)[:25]
        assert step.run(feed_dict={x: points[chosen], y: heights[chosen]}) is None
    after = loss.eval({x: points, y: heights})
    assert after < 0.1 < before
    a, b, c, d = session.run([w1, b1, w2, b2])
    by_numpy = np.maximum(points @ a + b, 0) @ c + d
    assert np.allclose(h2.eval({x: points}), by_numpy, atol=1e-5)
    session.close()


def test_handwritten_digits():
    digits = load_digits()
    images = (digits.data / 16).astype(np.float32)
    labels = np.eye(10, dtype=np.float32)[digits.target]
    x = tf.placeholder(tf.float32, [None, 64])
    w, b = tf.Variable(tf.zeros([64, 10])), tf.Variable(tf.zeros([10]))
    predicted = tf.nn.softmax(tf.add(tf.matmul(x, w), b))
    expected = tf.placeholder(tf.float32, [None, 10])
    entropy = tf.reduce_mean(-tf.reduce_sum(expected * tf.log(predicted), reduction_indices=[1]))
    train = tf.train.GradientDescentOptimizer(0.5).minimize(entropy)
    is_right = tf.equal(tf.argmax(predicted, 1), tf.argmax(expected, 1))
    accuracy = tf.reduce_mean(tf.cast(is_right, tf.float32))
    test = {x: images[1500:], expected: labels[1500:]}
    session = tf.InteractiveSession()
    tf.global_variables_initializer().run()
    assert entropy.eval(test) == pytest.approx(np.log(10), rel=1e-6)
    rng = np.random.default_rng(0)
    for _ in range(300):
        chosen = rng.integers(0, 1500, 100)
        session.run(train, feed_dict={x: images[chosen], expected: labels[chosen]})
    found, shares = session.run([accuracy, predicted], feed_dict=test)
    assert found > 0.87
    assert found == pytest.approx(np.mean(shares.argmax(1) == digits.target[1500:]))
    assert np.allclose(shares.sum(1), 1, atol=1e-5)
    assert w.eval(session).shape == (64, 10)
    session.close()


def test_digits_by_convolutions():
    digits = load_digits()
    images = (digits.images[:600] / 16).reshape(-1, 8, 8, 1)
    labels = np.eye(10)[digits.target[:600]]
    tf.set_random_seed(2)
    x, y = tf.placeholder(tf.float32, [None, 8, 8, 1]), tf.placeholder(tf.float32, [None, 10])
    keep = tf.placeholder(tf.float32)

    def layer(input, filters, size):
        weights = tf.Variable(tf.random_normal([3, 3, filters, size], stddev=0.2))
        found = tf.nn.conv2d(input, weights, strides=[1, 1, 1, 1], padding="SAME")
        found = tf.nn.relu(tf.nn.bias_add(found, tf.Variable(tf.zeros([size]))))
        pool = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1]}
        return tf.nn.max_pool(found, padding="SAME", **pool)

    flat = tf.reshape(layer(layer(x, 1, 8), 8, 16), [-1, 2 * 2 * 16])
    dense = tf.nn.dropout(flat, keep)
    weights = tf.Variable(tf.random_normal([64, 10], stddev=0.1))
    logits = tf.matmul(dense, weights) + tf.Variable(tf.zeros([10]))
    losses = tf.nn.softmax_cross_entropy_with_logits(logits=logits, labels=y)
    train = tf.train.AdamOptimizer(learning_rate=0.01).minimize(tf.reduce_mean(losses))
    accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), tf.argmax(y, 1)), tf.float32))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for (some_x, some_y), _ in zip(batches(images, labels, 100), range(60), strict=False):
            session.run(train, {x: some_x, y: some_y, keep: 0.5})
        everything = {x: images, y: labels, keep: 1.0}
        assert session.run(accuracy, everything) > 0.85
        first, second = (session.run(logits, everything) for _ in range(2))
        assert np.array_equal(first, second)  # nothing is dropped
