"""Datasets and iterators in graphs; the values are those of TensorFlow 2.21's compat.v1."""

import numpy as np
import pytest

import tensorwright.compat.v1 as tf

Dataset = tf.data.Dataset


def examples(dataset, feed=None):
    """All examples, and whether the end was said."""
    iterator = dataset.make_initializable_iterator()
    following = iterator.get_next()
    found = []
    with tf.Session() as sess:
        sess.run(iterator.initializer, feed)
        with pytest.raises(tf.errors.OutOfRangeError, match="End of sequence"):
            while True:
                found.append(sess.run(following))
    return found


def numbers(dataset):
    return [int(x) for x in examples(dataset)]


def test_one_shot_iterators_take_one_example_per_run_in_each_session():
    dataset = Dataset.from_tensor_slices(np.arange(4.0)).batch(3)
    iterator = dataset.make_one_shot_iterator()
    x = iterator.get_next()
    assert repr(x) == "<tf.Tensor 'IteratorGetNext:0' shape=(?,) dtype=float64>"
    assert iterator.output_types is tf.float64
    assert str(iterator.output_shapes) == "(?,)"
    y = x * 2.0
    for _ in range(2):
        with tf.Session() as sess:
            first, doubled = sess.run([x, y])
            assert first.tolist() == [0.0, 1.0, 2.0] and doubled.tolist() == [0.0, 2.0, 4.0]
            assert sess.run(y).tolist() == [6.0]
            with pytest.raises(tf.errors.OutOfRangeError, match=r"node IteratorGetNext"):
                sess.run(y)


def test_datasets_of_placeholders_are_fed_when_they_are_initialised():
    features = tf.placeholder(tf.float32, [None, 2])
    labels = tf.placeholder(tf.int64, [None])
    size = tf.placeholder(tf.int64, [])
    dataset = Dataset.from_tensor_slices((features, labels))
    dataset = dataset.map(lambda x, y: (x * 2.0, y + 1)).batch(size)
    feed = {features: [[1, 2], [3, 4], [5, 6]], labels: [1, 2, 3], size: 2}
    (a, b), (c, d) = examples(dataset, feed)
    assert a.tolist() == [[2, 4], [6, 8]] and b.tolist() == [2, 3]
    assert c.tolist() == [[10, 12]] and d.tolist() == [4]


def test_functions_of_examples_are_built_once():
    calls = []

    def double(example):
        calls.append(example)
        return {"b": example["b"], "twice": example["a"] * 2}

    dataset = Dataset.from_tensor_slices({"a": [1, 2], "b": ["x", "y"]}).map(double)
    assert examples(dataset) == [{"b": b"x", "twice": 2}, {"b": b"y", "twice": 4}]
    (example,) = calls
    assert example["a"].dtype is tf.int32 and example["b"].dtype is tf.string
    assert dataset.output_types == {"b": tf.string, "twice": tf.int32}


def test_functions_read_tensors_around_them():
    offset = tf.constant(10, tf.int64) + 1
    assert numbers(Dataset.range(3).map(lambda x: x + offset)) == [11, 12, 13]
    once = Dataset.range(2).map(lambda x: x + offset).make_one_shot_iterator().get_next()
    with tf.Session() as sess:
        assert [int(sess.run(once)) for _ in range(2)] == [11, 12]


def test_python_functions_run_for_each_example():
    def ten(x):
        return tf.py_func(lambda v: v * 10, [x], tf.int64)

    assert numbers(Dataset.range(3).map(ten)) == [0, 10, 20]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Dataset.range(6).filter(lambda x: tf.equal(x % 2, 0)), [0, 2, 4]),
        (lambda: Dataset.range(3).flat_map(Dataset.range), [0, 0, 1]),
        (lambda: Dataset.from_tensor_slices([[1, 2], [3, 4]]).flat_map(
            Dataset.from_tensor_slices), [1, 2, 3, 4]),
        (lambda: Dataset.range(3).interleave(
            lambda x: Dataset.from_tensors(x).repeat(3), cycle_length=2, block_length=2),
         [0, 0, 1, 1, 0, 1, 2, 2, 2]),
        (lambda: Dataset.range(2).repeat(2).take(3).skip(1), [1, 0]),
        (lambda: Dataset.range(2).concatenate(Dataset.range(1)).shard(2, 0), [0, 0]),
        (lambda: Dataset.from_generator(lambda: iter([1, 2]), tf.int64, []), [1, 2]),
        (lambda: Dataset.from_tensors([1, 2, 3]).unbatch().cache().prefetch(1), [1, 2, 3]),
        (lambda: Dataset.range(2).apply(lambda d: d.map(lambda x: x + 1)), [1, 2]),
    ],
)  # fmt: skip
def test_transformations(make, expected):
    assert numbers(make()) == expected


def test_batches_are_padded():
    rows = Dataset.range(1, 4).map(lambda x: tf.fill([x], x))
    padded = rows.padded_batch(2, padded_shapes=[None])
    assert str(padded.output_shapes) == "(?, ?)"
    assert [x.tolist() for x in examples(padded)] == [[[1, 0], [2, 2]], [[3, 3, 3]]]
    filled = rows.padded_batch(3, [4], tf.constant(9, tf.int64).op.get_attr("value"))
    (found,) = examples(filled)
    assert found.tolist() == [[1, 9, 9, 9], [2, 2, 9, 9], [3, 3, 3, 9]]


def test_zipped_and_numbered():
    zipped = Dataset.zip((Dataset.range(3), Dataset.range(1, 3)))
    assert examples(zipped) == [(0, 1), (1, 2)]
    assert examples(Dataset.from_tensor_slices([5, 6]).enumerate()) == [(0, 5), (1, 6)]


def test_shapes_are_known_when_the_rest_is_dropped():
    dataset = Dataset.range(5).batch(2, drop_remainder=True)
    assert dataset.output_shapes.as_list() == [2]
    assert [x.tolist() for x in examples(dataset)] == [[0, 1], [2, 3]]


def test_shuffled_examples_follow_from_the_seed():
    orders = []
    for _ in range(2):
        tf.reset_default_graph()
        tf.set_random_seed(1)
        orders.append(numbers(Dataset.range(6).shuffle(6, seed=2).repeat(2)))
    assert orders[0] == orders[1]
    first, second = orders[0][:6], orders[0][6:]
    assert sorted(first) == sorted(second) == list(range(6)) and first != second


def test_one_iterator_for_several_datasets():
    training, testing = Dataset.range(2), Dataset.range(5, 8)
    iterator = tf.data.Iterator.from_structure(training.output_types, training.output_shapes)
    x = iterator.get_next()
    start = [iterator.make_initializer(d) for d in (training, testing)]
    with tf.Session() as sess:
        with pytest.raises(tf.errors.FailedPreconditionError, match="has not been initialized"):
            sess.run(x)
        sess.run(start[0])
        assert sess.run(x) == 0
        sess.run(start[1])
        assert [sess.run(x), sess.run(x)] == [5, 6]
        sess.run(start[0])
        assert sess.run(x) == 0


def test_iterators_are_chosen_by_handles():
    handle = tf.placeholder(tf.string, [])
    iterators = [Dataset.range(k, k + 3).make_one_shot_iterator() for k in (0, 5)]
    chosen = tf.data.Iterator.from_string_handle(handle, tf.int64, [])
    x = chosen.get_next()
    with tf.Session() as sess:
        first, second = sess.run([i.string_handle() for i in iterators])
        found = [sess.run(x, {handle: h}) for h in (first, second, first)]
    assert found == [0, 5, 1]


def test_lines_of_files(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("a\nb\n")
    assert examples(tf.data.TextLineDataset(str(path))) == [b"a", b"b"]
    listed = Dataset.list_files(str(tmp_path / "*.txt"), shuffle=False)
    assert examples(listed) == [str(path).encode()]


def test_errors():
    fed = Dataset.from_tensor_slices(tf.placeholder(tf.float32, [3]))
    with pytest.raises(ValueError, match="Cannot capture a placeholder"):
        fed.make_one_shot_iterator()
    with pytest.raises(ValueError, match="does not have an initializer"):
        _ = Dataset.range(3).make_one_shot_iterator().initializer
    with pytest.raises(RuntimeError, match="when eager"):
        iter(fed)
    iterator = tf.data.Iterator.from_structure(tf.int64, [])
    with pytest.raises(TypeError, match="Expected output types"):
        iterator.make_initializer(fed)
    with pytest.raises(TypeError, match="must return a `Dataset`"):
        Dataset.range(3).flat_map(lambda x: x)
