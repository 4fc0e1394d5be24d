"""Large variables that compiled functions change where they lie: nobody else sees the change."""

import re

import numpy as np
import pytest

import tensorwright as tf

N = 1 << 15  # elements; enough to be changed in place
RNG = np.random.default_rng(0)


def address(v):
    return v._cell.array.__array_interface__["data"][0]


def variable(values=None):
    if values is None:
        values = RNG.standard_normal((N // 8, 8)).astype(np.float32)
    return tf.Variable(values)


def stepping(v):
    @tf.function
    def step(x):
        v.assign_add(x * v)
        return tf.reduce_sum(v)

    return step


def test_memory_is_kept():
    v = variable()
    step, x = stepping(v), tf.constant(0.5)
    step(x)
    before, place = v.numpy().copy(), address(v)
    total = step(x)
    assert address(v) == place
    np.testing.assert_array_equal(v.numpy(), before * np.float32(1.5))
    assert total.numpy() == pytest.approx(v.numpy().sum(), rel=1e-3)


@pytest.mark.parametrize(
    "look",
    [
        lambda v: v.value(),
        lambda v: v.numpy(),
        lambda v: v.numpy()[3:, ::2],
        lambda v: memoryview(v.numpy()),
        lambda v: tf.Variable(v),
        lambda v: v.read_value(),
        lambda v: v[2:],
        lambda v: tf.identity(v),
    ],
)
def test_what_was_read_before_stays(look):
    v = variable()
    step = stepping(v)
    step(tf.constant(0.5))
    seen = look(v)
    before = np.array(seen)
    step(tf.constant(0.5))
    step(tf.constant(0.5))
    np.testing.assert_array_equal(np.array(seen), before)
    assert not np.array_equal(np.array(look(v)), before)


def test_arrays_of_others_stay():
    given = RNG.standard_normal((N // 8, 8)).astype(np.float32)
    before = given.copy()
    v = variable(given)
    stepping(v)(tf.constant(1.0))
    np.testing.assert_array_equal(given, before)
    np.testing.assert_array_equal(v.numpy(), 2 * before)


def test_variables_that_hold_one_array():
    v = variable()
    w = variable()
    w.assign(v)
    before = v.numpy().copy()
    stepping(v)(tf.constant(1.0))
    np.testing.assert_array_equal(w.numpy(), before)
    np.testing.assert_array_equal(v.numpy(), 2 * before)


def test_old_values_as_results():
    v = variable()
    before = v.numpy().copy()

    @tf.function
    def swap(w):
        old = v.value()
        v.assign(tf.reverse(old, [0]))
        return old, tf.gather(old, [1, 2]), v.value()

    old, part, new = swap(tf.constant(0.0))
    np.testing.assert_array_equal(old.numpy(), before)
    np.testing.assert_array_equal(part.numpy(), before[1:3])
    np.testing.assert_array_equal(new.numpy(), before[::-1])
    np.testing.assert_array_equal(v.numpy(), before[::-1])
    swap(tf.constant(0.0))
    np.testing.assert_array_equal(v.numpy(), before)
    np.testing.assert_array_equal(new.numpy(), before[::-1])


def test_two_variables_that_change_places():
    v, w = variable(), variable()
    a, b = v.numpy().copy(), w.numpy().copy()

    @tf.function
    def swap():
        x, y = v.value(), w.value()
        v.assign(y)
        w.assign(x)

    for _ in range(3):
        swap()
    np.testing.assert_array_equal(v.numpy(), b)
    np.testing.assert_array_equal(w.numpy(), a)


def test_under_a_tape():
    v = variable()
    before = v.numpy().copy()
    step = stepping(v)
    with tf.GradientTape() as tape:
        total = step(tf.constant(0.5))
    np.testing.assert_array_equal(v.numpy(), before * np.float32(1.5))
    np.testing.assert_allclose(tape.gradient(total, v).numpy(), np.full(v.shape, 1.5))


def test_a_failed_check_leaves_the_variable():
    v = variable()
    before = v.numpy().copy()

    @tf.function
    def step(x):
        tf.debugging.assert_positive(x)
        v.assign_add(x * v)

    with pytest.raises(tf.errors.InvalidArgumentError):
        step(tf.constant(-1.0))
    np.testing.assert_array_equal(v.numpy(), before)
    step(tf.constant(1.0))
    np.testing.assert_array_equal(v.numpy(), 2 * before)


# -- tables of embeddings --------------------------------------------------------------------------

IDS = np.array([[3, 0, 3], [7, 7, 3]], np.int32)


def trained(make, table, compiled, dense=False, **options):
    """The table after three steps."""
    v = tf.Variable(table)
    optimizer = make(**options)

    def step(ids):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.nn.embedding_lookup(v, ids) ** 3)
        gradient = tape.gradient(loss, v)
        if dense:
            gradient = tf.convert_to_tensor(gradient)
        optimizer.apply_gradients([(gradient, v)])

    step = tf.function(step) if compiled else step
    for _ in range(3):
        step(tf.constant(IDS))
    return v.numpy()


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("rows", [16, 4096])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {}),
        ("SGD", {"momentum": 0.9}),
        ("SGD", {"weight_decay": 0.1}),
        ("SGD", {"clipnorm": 0.5}),
        ("Adam", {}),
        ("Adagrad", {}),
    ],
)
def test_sparse_gradients_are_as_dense_ones(name, options, rows, compiled):
    table = RNG.standard_normal((rows, 8)).astype(np.float32)
    make = getattr(tf.keras.optimizers, name)
    options = {"learning_rate": 0.01, **options}
    sparse = trained(make, table, compiled, **options)
    dense = trained(make, table, compiled, dense=True, **options)
    np.testing.assert_allclose(sparse, dense, rtol=1e-5, atol=1e-6)
    if name == "SGD" and "weight_decay" not in options:
        others = np.setdiff1d(np.arange(rows), IDS)
        np.testing.assert_array_equal(sparse[others], table[others])


def test_a_step_touches_the_rows_alone():
    """No kernel walks over the table."""
    v = tf.Variable(np.zeros((1 << 16, 64), np.float32))
    optimizer = tf.keras.optimizers.SGD(0.1)

    @tf.function
    def step(ids):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.nn.embedding_lookup(v, ids) - 1.0)
        optimizer.apply_gradients([(tape.gradient(loss, v), v)])

    step(tf.constant([1, 2]))
    (concrete,) = step._programs.values()
    sizes = re.findall(r"< (\d+)", concrete[0].compilation.text("kernels"))
    assert max(map(int, sizes)) == 64
    place = address(v)
    step(tf.constant([1, 5]))
    assert address(v) == place
    expected = np.zeros((1 << 16, 64), np.float32)
    expected[[1, 1, 2, 5]] = [[-0.2], [-0.2], [-0.1], [-0.1]]
    np.testing.assert_allclose(v.numpy(), expected)


def test_one_more_reference_is_seen():
    """On every interpreter, however it counts: a value that someone else holds is copied."""
    cell = tf.Variable(np.zeros((300, 300), np.float32))._cell
    array = cell.array
    assert cell.lend() is not array
    place = cell.array.ctypes.data
    assert cell.lend().ctypes.data == place


# -- errors ----------------------------------------------------------------------------------------


def sgd(v, w):
    optimizer = tf.keras.optimizers.SGD(0.1)

    def step(ids):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.nn.embedding_lookup(v, ids))
        optimizer.apply_gradients([(tape.gradient(loss, v), v)])

    return step


def added(v, ids):
    return tf.tensor_scatter_nd_add(v, ids[:, None], tf.ones((ids.shape[0], 8)))


def scatter(v, w):
    return lambda ids: v.assign(added(v, ids))


def computed_indices(v, w):
    return lambda ids: v.assign(added(v, tf.minimum(ids, ids[::-1] + N)))


def sparse_momentum(v, w):
    optimizer = tf.keras.optimizers.Adam(0.1)
    optimizer.build([v])

    def step(ids):
        gradient = tf.IndexedSlices(tf.ones((3, 8)), ids, v.shape)
        optimizer.apply_gradients([(gradient, v)])

    return step


def looked_up_before(v, w):
    def step(ids):
        total = tf.reduce_sum(tf.gather(w, ids))
        v.assign(v * 2.0 + total)

    return step


def looked_up_behind(v, w):
    def step(ids):
        v.assign(v * 2.0)
        w.assign(w + tf.reduce_sum(tf.matmul(tf.gather(v, ids), v, transpose_b=True)))

    return step


def looked_up_at_new_values(v, w):
    def step(ids):
        v.assign(v * 0.5)
        largest = tf.cast(tf.reduce_max(ids), tf.float32)
        w.assign(w + tf.gather(w, tf.cast(v[:1, 0] * 0.0 + largest, tf.int32)))

    return step


def looped(v, w):
    def step(ids):
        for k in tf.range(3):
            v.assign(added(v, ids[k][None]))

    return step


@pytest.mark.parametrize(
    "made",
    [
        sgd,
        scatter,
        computed_indices,
        sparse_momentum,
        looked_up_before,
        looked_up_behind,
        looked_up_at_new_values,
        looped,
    ],
)
def test_an_index_out_of_bounds_leaves_all_variables(made):
    v, w = variable(), variable()
    step = tf.function(made(v, w))
    step(tf.constant([1, 2, 1]))
    before = v.numpy().copy(), w.numpy().copy()
    for wrong in ([N, 0, 1], [0, 1, N]):
        with pytest.raises((tf.errors.InvalidArgumentError, IndexError)):
            step(tf.constant(wrong))
        np.testing.assert_array_equal(v.numpy(), before[0])
        np.testing.assert_array_equal(w.numpy(), before[1])
    step(tf.constant([1, 2, 1]))
    assert not np.array_equal(v.numpy(), before[0])
