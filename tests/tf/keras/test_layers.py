"""Layers against NumPy, eagerly and compiled; weights, names, configurations."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import tensorwright as tf

L = tf.keras.layers
RNG = np.random.default_rng(3)


def data(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def relu(x):
    return np.maximum(x, 0)


def dense(x, kernel, bias):
    return relu(x @ kernel + bias)


def convolution(x, kernel, bias):
    windows = sliding_window_view(x, kernel.shape[:2], axis=(1, 2))
    return np.einsum("nhwcij,ijco->nhwo", windows, kernel) + bias


def padded(x, kernel, bias):
    return convolution(np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), kernel, bias)


def layer_norm(x, gamma, beta):
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(var + 1e-3) * gamma + beta


def batch_norm(x, gamma, beta, mean, var):
    return (x - mean) / np.sqrt(var + 1e-3) * gamma + beta


def blocks(x):
    return x.reshape(2, 3, 2, 3, 2, 4).transpose(0, 1, 3, 5, 2, 4).reshape(2, 3, 3, 4, 4)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


IMAGES = data(2, 6, 6, 4)
CASES = {
    "dense": (lambda: L.Dense(5, activation="relu"), data(4, 3), dense),
    "dense_3d": (lambda: L.Dense(5, activation="relu"), data(4, 2, 3), dense),
    "dense_no_bias": (lambda: L.Dense(5, use_bias=False), data(4, 3), lambda x, k: x @ k),
    "embedding": (lambda: L.Embedding(7, 3), np.array([[1, 2], [6, 0]]), lambda x, e: e[x]),
    "conv": (lambda: L.Conv2D(5, 3), IMAGES, convolution),
    "conv_same": (lambda: L.Conv2D(5, (3, 3), padding="same"), IMAGES, padded),
    "conv_strides": (
        lambda: L.Conv2D(5, 2, strides=2, activation="relu"),
        IMAGES,
        lambda x, k, b: relu(convolution(x, k, b)[:, ::2, ::2]),
    ),
    "conv_1d": (
        lambda: L.Conv1D(5, 3),
        data(2, 8, 4),
        lambda x, k, b: np.einsum("nsci,ico->nso", sliding_window_view(x, 3, 1), k) + b,
    ),
    "max_pool": (lambda: L.MaxPool2D(), IMAGES, lambda x: blocks(x).max(-1)),
    "average_pool": (lambda: L.AveragePooling2D(), IMAGES, lambda x: blocks(x).mean(-1)),
    "global_max": (lambda: L.GlobalMaxPooling2D(), IMAGES, lambda x: x.max((1, 2))),
    "global_mean": (lambda: L.GlobalAveragePooling2D(), IMAGES, lambda x: x.mean((1, 2))),
    "padding": (
        lambda: L.ZeroPadding2D(1),
        IMAGES,
        lambda x: np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))),
    ),
    "layer_norm": (lambda: L.LayerNormalization(), data(4, 6), layer_norm),
    "batch_norm": (lambda: L.BatchNormalization(), data(4, 6), batch_norm),
    "flatten": (lambda: L.Flatten(), IMAGES, lambda x: x.reshape(2, -1)),
    "reshape": (lambda: L.Reshape((4, -1)), IMAGES, lambda x: x.reshape(2, 4, 36)),
    "permute": (lambda: L.Permute((3, 1, 2)), IMAGES, lambda x: x.transpose(0, 3, 1, 2)),
    "rescaling": (lambda: L.Rescaling(0.5, 1.0), IMAGES, lambda x: x * 0.5 + 1),
    "activation": (lambda: L.Activation("tanh"), data(3, 4), np.tanh),
    "relu": (lambda: L.ReLU(max_value=1.0), data(3, 4), lambda x: np.clip(x, 0, 1)),
    "leaky": (lambda: L.LeakyReLU(0.1), data(3, 4), lambda x: np.where(x > 0, x, 0.1 * x)),
    "softmax": (lambda: L.Softmax(), data(3, 4), softmax),
    "lambda": (lambda: L.Lambda(lambda x: x * 2.0), data(3, 4), lambda x: x * 2),
    "dropout": (lambda: L.Dropout(0.5), data(3, 4), lambda x: x),
    "noise": (lambda: L.GaussianNoise(0.5), data(3, 4), lambda x: x),
}


@pytest.mark.parametrize("name", CASES)
def test_a_layer_computes_what_numpy_does(name):
    make, x, formula = CASES[name]
    layer = make()
    found = layer(x)
    weights = [RNG.uniform(0.1, 1, w.shape).astype(np.float32) for w in layer.get_weights()]
    layer.set_weights(weights)
    wanted = formula(x, *weights)
    for run in (layer, tf.function(layer)):
        found = run(tf.constant(x))
        assert found.shape == wanted.shape
        assert found.dtype == tf.float32
        assert np.allclose(found.numpy(), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", [n for n in CASES if n not in ("lambda", "embedding")])
def test_gradients_agree_with_differences(name):
    make, x, _ = CASES[name]
    layer = make()
    tensor = tf.constant(x.astype(np.float64))
    layer = type(layer).from_config(layer.get_config() | {"dtype": "float64"})
    layer(tensor)
    weight = tf.constant(RNG.standard_normal(layer(tensor).shape))

    def loss():
        return tf.reduce_sum(layer(tensor) * weight)

    with tf.GradientTape() as tape:
        tape.watch(tensor)
        value = loss()
    variables = layer.trainable_weights
    gradients = tape.gradient(value, [tensor, *variables])
    step = 1e-6
    for v, g in zip(variables, gradients[1:], strict=True):
        direction = RNG.standard_normal(v.shape)
        start = v.numpy()
        v.assign(start + step * direction)
        up = float(loss())
        v.assign(start - step * direction)
        down = float(loss())
        v.assign(start)
        assert (up - down) / (2 * step) == pytest.approx(
            float((tf.convert_to_tensor(g).numpy() * direction).sum()), rel=1e-4, abs=1e-6
        )


def test_from_config_gives_an_equal_layer():
    for make, x, _ in CASES.values():
        layer = make()
        if isinstance(layer, L.Lambda):
            continue
        again = type(layer).from_config(layer.get_config())
        layer(x), again(x)
        again.set_weights(layer.get_weights())
        assert np.array_equal(layer(x), again(x))
        assert again.get_config() == layer.get_config()
        rebuilt = L.deserialize(L.serialize(layer))
        assert type(rebuilt) is type(layer)


@pytest.mark.parametrize("kind", ["BatchNormalization", "LayerNormalization", "GroupNormalization"])
def test_configurations_keep_what_holds_scale_and_shift(kind):
    options = {"beta_regularizer": "l2", "gamma_constraint": "non_neg"}
    made = getattr(L, kind)(**options).get_config()
    assert made["beta_regularizer"]["class_name"] == "L2"
    assert made["gamma_constraint"]["class_name"] == "NonNeg"
    assert made["gamma_regularizer"] is None and made["beta_constraint"] is None


def test_batch_normalisation_learns_its_averages():
    x = data(50, 3) * 2 + 1
    for run in (lambda f: f, tf.function):
        layer = L.BatchNormalization(momentum=0.9)
        y = run(lambda x, layer=layer: layer(x, training=True))(tf.constant(x))
        assert np.allclose(y.numpy().mean(0), 0, atol=1e-4)
        assert np.allclose(y.numpy().std(0), 1, atol=1e-2)
        assert np.allclose(layer.moving_mean.numpy(), 0.1 * x.mean(0), atol=1e-5)
        assert np.allclose(layer.moving_variance.numpy(), 0.9 + 0.1 * x.var(0), rtol=1e-4)
        layer.trainable = False
        assert np.allclose(layer(x, training=True), layer(x), atol=1e-6)


def test_dropout_drops_and_scales_up():
    layer = L.Dropout(0.25)
    x = tf.ones((100, 100))
    step = tf.function(lambda x: layer(x, training=True))
    for run in (lambda x: layer(x, training=True), step):
        first, second = run(x).numpy(), run(x).numpy()
        assert set(np.unique(first)) == {0.0, np.float32(1 / 0.75)}
        assert abs((first == 0).mean() - 0.25) < 0.02
        assert (first != second).any()
    assert np.array_equal(layer(x), x)
    assert not L.Dropout(1.0)(x, training=True).numpy().any()


def test_the_gradient_of_dropout_has_the_same_mask():
    layer = L.Dropout(0.5)
    x = tf.Variable(tf.ones((20, 20)))

    @tf.function
    def compiled():
        with tf.GradientTape() as tape:
            y = layer(x, training=True)
        return y, tape.gradient(y, x)

    with tf.GradientTape() as tape:
        y = layer(x, training=True)
    for out, gradient in ((y, tape.gradient(y, x)), compiled()):
        assert np.array_equal(out, gradient)


def test_seeds_repeat_initial_values_and_dropout():
    def run():
        tf.keras.utils.set_random_seed(5)
        layer = L.Dense(4)
        layer(np.ones((2, 3)))
        return layer.get_weights()[0], L.Dropout(0.5)(tf.ones(20), training=True).numpy()

    for a, b in zip(run(), run(), strict=True):
        assert np.array_equal(a, b)


class Dense(L.Layer):
    def __init__(self, units):
        super().__init__()
        self.units = units

    def build(self, input_shape):
        assert isinstance(input_shape, tf.TensorShape)
        self.w = self.add_weight(shape=(input_shape[-1], self.units), name="w", trainable=True)
        self.count = self.add_weight("count", shape=(), initializer="zeros", trainable=False)

    def call(self, x):
        self.count.assign_add(1.0)
        return x @ self.w


class Block(L.Layer):
    def __init__(self):
        super().__init__(name="block")
        self.first = Dense(3)
        self.rest = [Dense(2), {"last": Dense(1)}]
        self.own = tf.Variable(1.0, name="own")

    def call(self, x, training=False):
        self.seen = training
        return self.rest[1]["last"](self.rest[0](self.first(x))) * self.own


def test_weights_are_found_in_attributes_lists_and_dicts():
    block = Block()
    assert [v.name for v in block.weights] == ["own:0"]
    block(np.ones((2, 4)))
    shapes = [tuple(v.shape) for v in block.trainable_weights]
    assert shapes == [(), (4, 3), (3, 2), (2, 1)]
    assert len(block.non_trainable_weights) == 3
    assert block.count_params() == 1 + 12 + 6 + 2 + 3
    assert block.weights[1].name.endswith("/w:0")
    block(np.ones((2, 4)))
    assert float(block.first.count) == 2.0
    assert len(block.weights) == 7
    block.trainable = False
    assert not block.trainable_weights
    assert len(block.non_trainable_weights) == 7
    block.trainable = True
    assert [tuple(v.shape) for v in block.trainable_weights] == shapes


def test_layers_can_be_built_inside_of_a_function():
    block = Block()
    run = tf.function(lambda x: block(x, training=True))
    y = run(tf.ones((2, 4)))
    assert y.shape == (2, 1)
    assert len(block.weights) == 7
    assert np.allclose(run(tf.ones((2, 4))), y)


def test_training_reaches_the_layers_inside():
    outer = tf.keras.Sequential([Block(), L.Dropout(0.5)])
    inner = outer.layers[0]
    outer(np.ones((2, 4), np.float32), training=True)
    assert inner.seen is True
    outer(np.ones((2, 4), np.float32))
    assert inner.seen is False


def test_losses_of_regularisers_and_calls():
    layer = L.Dense(
        2, kernel_regularizer=tf.keras.regularizers.l2(0.1), bias_regularizer="l1",
        activity_regularizer=tf.keras.regularizers.L1L2(0.5, 0.25),
    )  # fmt: skip
    y = layer(np.ones((1, 3))).numpy()
    kernel = layer.kernel.numpy()
    found = sorted(float(x) for x in layer.losses)
    activity = 0.5 * np.abs(y).sum() + 0.25 * (y**2).sum()
    assert found == pytest.approx(sorted([activity, 0.1 * (kernel**2).sum(), 0.0]), rel=1e-5)
    layer(np.ones((1, 3)))
    assert len(layer.losses) == 3


def test_names_dtypes_and_the_older_names():
    tf.keras.backend.clear_session()
    names = [L.Dense(1).name, L.Dense(1).name, Dense(1).name, L.MaxPool2D().name]
    assert names == ["dense", "dense_1", "dense_2", "max_pooling2d"]
    layer = L.Dense(2, dtype="float64")
    assert layer(np.ones((1, 2), np.float32)).dtype == tf.float64
    layer = L.Layer()
    v = layer.add_variable("kernel", shape=[2, 3])
    assert layer.weights[0] is v
    assert "kernel" in v.name
    w = layer.add_weight("other", (2,), tf.float32, "ones")
    assert w.numpy().tolist() == [1.0, 1.0]


def test_merging_layers():
    a, b = data(2, 3), data(2, 3)
    assert np.allclose(L.Add()([a, b]), a + b)
    assert np.allclose(L.Subtract()([a, b]), a - b)
    assert np.allclose(L.Multiply()([a, b]), a * b)
    assert np.allclose(L.Average()([a, b]), (a + b) / 2)
    assert np.allclose(L.Maximum()([a, b]), np.maximum(a, b))
    assert np.allclose(L.Concatenate()([a, b]), np.concatenate([a, b], -1))
    assert np.allclose(L.concatenate([a, b], axis=0), np.concatenate([a, b]))
    with pytest.raises(ValueError, match="list of at least 1"):
        L.Add()(a)


def test_embeddings_train_by_their_rows():
    layer = L.Embedding(5, 2)
    ids = tf.constant([1, 3, 1])
    layer(ids)
    before = layer.embeddings.numpy()
    optimizer = tf.keras.optimizers.SGD(1.0)
    for run in (lambda f: f, tf.function):

        def step():
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(layer(ids))
            g = tape.gradient(loss, layer.trainable_weights)
            optimizer.apply_gradients(zip(g, layer.trainable_weights, strict=True))

        run(step)()
    moved = before - layer.embeddings.numpy()
    assert np.allclose(moved[:, 0], [0, 4, 0, 2, 0], atol=1e-6)


def test_initialisers():
    K = tf.keras.initializers
    shape = (300, 200)
    cases = {
        "zeros": (0, 0), "ones": (1, 0), "random_normal": (0, 0.05),
        "random_uniform": (0, 0.1 / 12**0.5), "truncated_normal": (0, 0.05 * 0.8796),
        "glorot_uniform": (0, (2 / 500) ** 0.5), "glorot_normal": (0, (2 / 500) ** 0.5),
        "he_normal": (0, (2 / 300) ** 0.5), "he_uniform": (0, (2 / 300) ** 0.5),
        "lecun_normal": (0, (1 / 300) ** 0.5),
    }  # fmt: skip
    for name, (mean, std) in cases.items():
        x = K.get(name)(shape).numpy()
        assert x.dtype == np.float32
        assert x.mean() == pytest.approx(mean, abs=0.003)
        assert x.std() == pytest.approx(std, rel=0.05, abs=1e-7)
    assert np.array_equal(K.HeNormal(seed=3)(shape), K.HeNormal(seed=3)(shape))
    assert not np.array_equal(K.HeNormal()(shape), K.HeNormal()(shape))
    assert np.abs(K.TruncatedNormal(stddev=1.0)(shape)).max() <= 2
    q = K.Orthogonal()((5, 3)).numpy()
    assert np.allclose(q.T @ q, np.eye(3), atol=1e-5)
    assert K.Constant(3.0)((2,)).numpy().tolist() == [3.0, 3.0]
    config = K.serialize(K.RandomNormal(1.0, 2.0, seed=4))
    assert K.deserialize(config).get_config() == {"mean": 1.0, "stddev": 2.0, "seed": 4}
    tf.random.set_seed(1)
    first = K.GlorotUniform()((3,)).numpy()
    tf.random.set_seed(1)
    assert np.array_equal(first, K.GlorotUniform()((3,)))


def test_constraints():
    C = tf.keras.constraints
    w = data(4, 3) * 3
    norms = np.linalg.norm(w, axis=0, keepdims=True)
    assert np.allclose(C.MaxNorm(1.0)(w), w * np.minimum(norms, 1) / norms, atol=1e-5)
    assert np.allclose(C.UnitNorm()(w), w / norms, atol=1e-5)
    assert np.allclose(C.NonNeg()(w), relu(w))
    assert np.allclose(C.MinMaxNorm(1, 2)(w), w * np.clip(norms, 1, 2) / norms, atol=1e-5)
    assert isinstance(C.get("non_neg"), C.NonNeg)


def test_errors_of_layers():
    layer = L.Dense(3)
    layer(np.ones((2, 4)))
    with pytest.raises(ValueError, match="expected axis -1"):
        layer(np.ones((2, 5)))
    with pytest.raises(ValueError, match="positive integer"):
        L.Dense(0)
    with pytest.raises(ValueError, match="Could not interpret activation"):
        L.Dense(2, activation="curly")
    with pytest.raises(ValueError, match="Could not interpret initializer"):
        L.Dense(2, kernel_initializer="magic")
    with pytest.raises(ValueError, match="Unrecognized keyword"):
        L.Dense(2, colour="red")
    with pytest.raises(ValueError, match="weight list of length 1"):
        layer.set_weights([np.ones((4, 3))])
    with pytest.raises(ValueError, match="not compatible"):
        layer.set_weights([np.ones((4, 2)), np.ones(3)])
    with pytest.raises(ValueError, match="expected ndim=4"):
        L.Conv2D(2, 3)(np.ones((2, 4, 4)))
    with pytest.raises(NotImplementedError, match="`call"):
        L.Layer()(np.ones(2))
    with pytest.raises(ValueError, match="'channels_first', 'channels_last'"):
        L.Conv2D(2, 3, data_format="NCHW")

    class Late(L.Layer):
        def __init__(self):
            self.inner = L.Dense(2)
            super().__init__()

    with pytest.raises(RuntimeError, match="forgot to call"):
        Late()


@pytest.mark.peers
@pytest.mark.parametrize("name", [n for n in CASES if n != "lambda"])
def test_layers_are_like_tensorflows(name):
    peer = pytest.importorskip("tensorflow")
    make, x, _ = CASES[name]
    ours = make()
    config = {k: v for k, v in ours.get_config().items() if not k.endswith("initializer")}
    theirs = getattr(peer.keras.layers, type(ours).__name__)(**config)
    ours(x), theirs(x)
    weights = [RNG.uniform(0.1, 1, w.shape).astype(np.float32) for w in ours.get_weights()]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    assert np.allclose(ours(x), theirs(x), rtol=1e-4, atol=1e-4)
    if "norm" in name:
        assert np.allclose(ours(x, training=True), theirs(x, training=True), atol=1e-4)
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            assert np.allclose(a, b, atol=1e-5)


@pytest.mark.peers
def test_activations_are_like_tensorflows():
    peer = pytest.importorskip("tensorflow")
    x = np.linspace(-8, 8, 101, dtype=np.float32).reshape(1, -1)
    for name in tf.keras.activations.__all__:
        if name not in ("get", "serialize", "deserialize"):
            wanted = getattr(peer.keras.activations, name)(peer.constant(x)).numpy()
            found = getattr(tf.keras.activations, name)(tf.constant(x)).numpy()
            assert np.allclose(found, wanted, rtol=1e-5, atol=1e-6), name


@pytest.mark.parametrize(
    "make", [lambda: tf.keras.layers.Dense(2), lambda: tf.keras.layers.LSTM(2)]
)
def test_layers_that_were_built_keep_their_weights(make):
    layer, shape = make(), (1, 4, 3)
    layer.build(shape)
    before = layer.get_weights()
    layer(np.ones(shape, np.float32))
    assert layer.built and len(layer.weights) == len(before)
    assert all((a == b).all() for a, b in zip(before, layer.get_weights(), strict=True))
