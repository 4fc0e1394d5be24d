"""tf.estimator, tf.feature_column, tf.contrib."""

import numpy as np
import pytest

import tensorwright.compat.v1 as tf

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 3)).astype(np.float32)
Y = (X @ np.array([1.0, -2.0, 0.5], np.float32) + 0.25).astype(np.float32)
KIND = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0)


def inputs(y, batch=16, epochs=None, shuffle=True):
    return tf.estimator.inputs.numpy_input_fn({"x": X}, y, batch, epochs, shuffle)


COLUMNS = (tf.feature_column.numeric_column("x", shape=[3]),)


# -- Estimator ------------------------------------------------------------------------------------


def line(features, labels, mode, params):
    """y = w x + b, as in the guides."""
    w = tf.get_variable("w", [3, 1], initializer=tf.zeros_initializer())
    b = tf.get_variable("b", [1], initializer=tf.zeros_initializer())
    y = tf.reshape(tf.matmul(features["x"], w) + b, [-1])
    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode, {"y": y})
    loss = tf.losses.mean_squared_error(labels, y)
    optimizer = tf.train.GradientDescentOptimizer(params["rate"])
    train = optimizer.minimize(loss, tf.train.get_global_step())
    metrics = {"mae": tf.metrics.mean_absolute_error(labels, y)}
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train, eval_metric_ops=metrics)


def test_estimators_train_evaluate_and_predict(tmp_path):
    made = tf.estimator.Estimator(line, str(tmp_path), params={"rate": 0.1})
    assert made.train(inputs(Y), steps=100) is made
    found = made.evaluate(inputs(Y, epochs=1, shuffle=False))
    assert found["global_step"] == 100 and found["loss"] < 1e-3 and found["mae"] < 0.03
    predicted = [p["y"] for p in made.predict(inputs(None, epochs=1, shuffle=False))]
    assert np.allclose(predicted, Y, atol=0.1)
    assert made.get_variable_names() == ["b", "global_step", "w"]
    assert np.allclose(made.get_variable_value("w").ravel(), [1.0, -2.0, 0.5], atol=0.05)
    # it goes on from the checkpoint
    made.train(inputs(Y), steps=50)
    again = tf.estimator.Estimator(line, str(tmp_path), params={"rate": 0.1})
    assert again.evaluate(inputs(Y, epochs=1, shuffle=False))["global_step"] == 150
    again.train(inputs(Y), max_steps=150)
    assert again.evaluate(inputs(Y, epochs=1, shuffle=False), steps=1)["global_step"] == 150


def test_training_ends_with_the_input(tmp_path):
    def from_dataset():
        dataset = tf.data.Dataset.from_tensor_slices(({"x": X}, Y))
        return dataset.repeat(2).batch(32)

    made = tf.estimator.Estimator(line, str(tmp_path), params={"rate": 0.1})
    made.train(from_dataset)
    assert int(made.get_variable_value("global_step")) == 4


def test_hooks_of_estimators(tmp_path):
    class Count(tf.train.SessionRunHook):
        runs = 0

        def after_run(self, run_context, run_values):
            Count.runs += 1

    made = tf.estimator.Estimator(line, str(tmp_path), params={"rate": 0.1})
    made.train(inputs(Y), hooks=[Count()], steps=3)
    assert Count.runs == 3


def test_what_estimators_refuse(tmp_path):
    with pytest.raises(ValueError, match="Missing train_op"):
        tf.estimator.EstimatorSpec("train", loss=1)
    with pytest.raises(ValueError, match="Missing loss"):
        tf.estimator.EstimatorSpec("eval")
    with pytest.raises(ValueError, match="Missing predictions"):
        tf.estimator.EstimatorSpec("infer")
    with pytest.raises(ValueError, match="does not include params"):
        tf.estimator.Estimator(lambda features, labels, mode: None, params={"a": 1})
    made = tf.estimator.Estimator(line, str(tmp_path), params={"rate": 0.1})
    with pytest.raises(ValueError, match="Can not provide both"):
        made.train(inputs(Y), steps=1, max_steps=1)
    with pytest.raises(ValueError, match="Must specify steps > 0"):
        made.train(inputs(Y), steps=0)
    with pytest.raises(ValueError, match="Could not find trained model"):
        next(made.predict(inputs(None)))
    with pytest.raises(ValueError, match="should return an EstimatorSpec"):
        tf.estimator.Estimator(lambda features, labels: 3).train(inputs(Y), steps=1)
    with pytest.raises(ValueError, match="shuffle must be provided"):
        tf.estimator.inputs.numpy_input_fn({"x": X}, Y)
    with pytest.raises(ValueError, match="mismatched"):
        tf.estimator.inputs.numpy_input_fn({"x": X}, Y[:3], shuffle=False)


# -- models that are there ------------------------------------------------------------------------


def test_linear_regression(tmp_path):
    made = tf.estimator.LinearRegressor(
        COLUMNS, str(tmp_path), optimizer=tf.train.FtrlOptimizer(0.5)
    )
    made.train(inputs(Y), steps=300)
    found = made.evaluate(inputs(Y, epochs=1, shuffle=False))
    assert sorted(found) == [
        "average_loss", "global_step", "label/mean", "loss", "prediction/mean",
    ]  # fmt: skip
    assert found["average_loss"] < 1e-2
    assert np.isclose(found["loss"], 16 * found["average_loss"])  # sums of batches
    assert np.isclose(found["label/mean"], Y.mean(), atol=1e-5)
    weights = made.get_variable_value("linear/linear_model/x/weights")
    assert np.allclose(weights.ravel(), [1.0, -2.0, 0.5], atol=0.1)
    assert "linear/linear_model/bias_weights" in made.get_variable_names()
    first = next(made.predict(inputs(None, epochs=1, shuffle=False)))
    assert first["predictions"].shape == (1,)


def test_linear_classification(tmp_path):
    made = tf.estimator.LinearClassifier(COLUMNS, str(tmp_path))
    labels = (X[:, 0] > 0).astype(np.int64)
    made.train(inputs(labels), steps=100)
    found = made.evaluate(inputs(labels, epochs=1, shuffle=False))
    assert found["accuracy"] > 0.95 and found["auc"] > 0.95
    first = next(made.predict(inputs(None, epochs=1, shuffle=False)))
    assert set(first) == {"logits", "logistic", "probabilities", "class_ids", "classes"}
    assert first["class_ids"][0] == labels[0] and first["classes"][0] == str(labels[0]).encode()
    assert np.isclose(first["probabilities"].sum(), 1.0)


def test_layers_of_neurons(tmp_path):
    made = tf.estimator.DNNClassifier(
        [16], COLUMNS, str(tmp_path / "a"), n_classes=3, optimizer="Adam", dropout=0.1
    )
    made.train(inputs(KIND), steps=200)
    assert made.evaluate(inputs(KIND, epochs=1, shuffle=False))["accuracy"] > 0.9
    assert "dnn/hiddenlayer_0/kernel" in made.get_variable_names()
    numbers = tf.estimator.DNNRegressor([16], COLUMNS, str(tmp_path / "b"))
    numbers.train(inputs(Y), steps=200)
    assert numbers.evaluate(inputs(Y, epochs=1, shuffle=False))["average_loss"] < 0.3
    with pytest.raises(ValueError, match="n_classes must be > 1"):
        tf.estimator.DNNClassifier([16], COLUMNS, n_classes=1)


# -- columns --------------------------------------------------------------------------------------


def layer(features, columns):
    values = tf.feature_column.input_layer(features, columns)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        return sess.run(values).tolist()


def test_columns_of_numbers():
    age = tf.feature_column.numeric_column("age", normalizer_fn=lambda x: x / 10.0)
    pair = tf.feature_column.numeric_column("pair", shape=2)
    features = {"age": [10.0, 20.0], "pair": [[1, 2], [3, 4]]}
    assert layer(features, [pair, age]) == [[1.0, 1.0, 2.0], [2.0, 3.0, 4.0]]
    plain = tf.feature_column.numeric_column("age")
    ranges = tf.feature_column.bucketized_column(plain, [15.0, 20.0])
    assert layer(features, [ranges]) == [[1, 0, 0], [0, 0, 1]]
    with pytest.raises(ValueError, match="sorted"):
        tf.feature_column.bucketized_column(plain, [3.0, 1.0])
    with pytest.raises(ValueError, match="not in features"):
        layer(features, [tf.feature_column.numeric_column("other")])


def test_columns_of_classes():
    word = tf.feature_column.categorical_column_with_vocabulary_list("w", ["a", "b"])
    number = tf.feature_column.categorical_column_with_identity("n", 3, default_value=0)
    features = {"w": tf.constant(["b", "z"]), "n": [2, 7]}
    indicators = [tf.feature_column.indicator_column(c) for c in (word, number)]
    assert layer(features, indicators) == [[0, 0, 1, 0, 1], [1, 0, 0, 0, 0]]
    ones = tf.ones_initializer()
    embedded = tf.feature_column.embedding_column(number, 2, "sum", initializer=ones)
    assert layer(features, embedded) == [[1.0, 1.0], [1.0, 1.0]]
    with pytest.raises(ValueError, match="must be dense"):
        layer(features, [word])
    with pytest.raises(NotImplementedError, match="vocabulary_list"):
        tf.feature_column.categorical_column_with_hash_bucket("w", 10)


# -- tf.contrib -----------------------------------------------------------------------------------


def test_contrib_learn(tmp_path):
    features = [tf.contrib.layers.real_valued_column("x", dimension=1)]
    made = tf.contrib.learn.LinearRegressor(feature_columns=features, model_dir=str(tmp_path))
    x, y = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, -1.0, -2.0, -3.0])
    input_fn = tf.contrib.learn.io.numpy_input_fn({"x": x}, y, batch_size=4, num_epochs=500)
    made.fit(input_fn=input_fn, steps=500)
    found = made.evaluate(input_fn=input_fn, steps=1)
    assert found["loss"] < 1e-3 and found["global_step"] == 500
    assert made.get_variable_names()[:2] == ["global_step", "linear/bias_weight"]
    predicted = made.predict(x={"x": x}, as_iterable=False)
    assert np.allclose(predicted, y, atol=0.05)


def test_contrib_classifiers():
    columns = tf.contrib.learn.infer_real_valued_columns_from_input(X)
    made = tf.contrib.learn.DNNClassifier([16], columns, n_classes=3, optimizer="Adam")
    made.fit(X, KIND, steps=150)
    assert made.evaluate(X, KIND)["accuracy"] > 0.9
    assert next(iter(made.predict(X))) == KIND[0]
    assert made.predict_proba(X, as_iterable=False).shape == (64, 3)


def test_contrib_layers():
    x = tf.placeholder(tf.float32, [None, 4, 4, 2])
    regularizer = tf.contrib.layers.l2_regularizer(0.5)
    y = tf.contrib.layers.conv2d(x, 3, 3, weights_regularizer=regularizer)
    y = tf.contrib.layers.max_pool2d(y, 2)
    y = tf.contrib.layers.flatten(y)
    assert y.shape.as_list() == [None, 12]
    y = tf.contrib.layers.fully_connected(y, 5, activation_fn=None, scope="out")
    y = tf.contrib.layers.dropout(y, is_training=False)
    assert [v.name for v in tf.global_variables()] == [
        "Conv/weights:0", "Conv/biases:0", "out/weights:0", "out/biases:0",
    ]  # fmt: skip
    (loss,) = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        found, w = sess.run([loss, "Conv/weights:0"])
        assert np.isclose(found, 0.25 * (w**2).sum())
        assert sess.run(y, {x: np.ones((2, 4, 4, 2))}).shape == (2, 5)
    with pytest.raises(ValueError, match="cannot be an integer"):
        tf.contrib.layers.l2_regularizer(1)


def test_contrib_optimize_loss():
    v = tf.get_variable("v", initializer=2.0)
    step = tf.train.create_global_step()
    train = tf.contrib.layers.optimize_loss(tf.square(v), step, 0.25, "SGD", clip_gradients=1.0)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run(train)
        assert sess.run([v, step]) == [1.75, 1]


def test_what_is_gone_says_so():
    with pytest.raises(AttributeError, match=r"removed in TensorFlow 2; use tf\.layers"):
        _ = tf.contrib.slim
    with pytest.raises(AttributeError, match="removed in TensorFlow 2"):
        _ = tf.contrib.layers.crf_log_likelihood
