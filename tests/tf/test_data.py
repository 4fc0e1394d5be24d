"""tf.data: sources, transformations, iteration."""

import numpy as np
import pytest

import tensorwright as tf

D = tf.data.Dataset


def values(dataset):
    return [x.tolist() for x in dataset.as_numpy_iterator()]


def test_slices_and_batches():
    x, y = np.arange(20.0, dtype=np.float32).reshape(10, 2), np.arange(10)
    d = D.from_tensor_slices((x, y)).batch(4)
    assert len(d) == 3
    assert int(d.cardinality()) == 3
    parts = list(d)
    assert [p[0].shape[0] for p in parts] == [4, 4, 2]
    assert np.array_equal(np.concatenate([p[0].numpy() for p in parts]), x)
    assert d.element_spec == (
        tf.TensorSpec((None, 2), tf.float32), tf.TensorSpec((None,), tf.int64),
    )  # fmt: skip
    whole = D.from_tensor_slices({"a": x, "b": y}).batch(4, drop_remainder=True)
    assert [e["b"].numpy().tolist() for e in whole] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert whole.element_spec["a"].shape == (4, 2)


def test_changing_the_array_does_not_change_the_dataset():
    x = np.zeros(3)
    d = D.from_tensor_slices(x)
    x[:] = 1
    assert values(d) == [0, 0, 0]


def test_transformations():
    d = D.range(6)
    assert values(d.map(lambda v: v * 2)) == [0, 2, 4, 6, 8, 10]
    assert values(d.filter(lambda v: v % 2 == 0)) == [0, 2, 4]
    assert values(d.skip(2).take(3)) == [2, 3, 4]
    assert values(d.take(-1)) == values(d)
    assert values(d.repeat(2).take(8)) == [0, 1, 2, 3, 4, 5, 0, 1]
    assert values(d.concatenate(D.range(2))) == [0, 1, 2, 3, 4, 5, 0, 1]
    assert values(d.shard(3, 1)) == [1, 4]
    assert values(d.batch(4)) == [[0, 1, 2, 3], [4, 5]]
    assert values(d.batch(4).unbatch()) == list(range(6))
    assert values(d.batch(2).map(lambda v: v + 1).batch(2)) == [[[1, 2], [3, 4]], [[5, 6]]]
    assert [int(k) for k, _ in d.enumerate(3)] == [3, 4, 5, 6, 7, 8]
    assert values(d.prefetch(tf.data.AUTOTUNE).cache()) == list(range(6))
    assert int(d.reduce(tf.constant(0, tf.int64), lambda s, v: s + v)) == 15
    assert values(d.apply(lambda d: d.take(1))) == [0]
    assert values(D.from_tensors([1, 2])) == [[1, 2]]
    assert D.from_tensors(3).get_single_element().numpy() == 3
    assert values(D.range(2, 10, 3)) == [2, 5, 8]


def test_functions_get_tensors_and_tuples_as_arguments():
    d = D.zip(D.range(3), D.range(3, 6)).map(lambda a, b: {"s": a + b, "p": (a, b)})
    assert [(int(e["s"]), int(e["p"][1])) for e in d] == [(3, 3), (5, 4), (7, 5)]
    assert set(d.element_spec) == {"s", "p"}


def test_zipped_arrays_are_batched_by_slices():
    a, b = np.arange(6), np.arange(6.0)
    parts = list(D.zip((D.from_tensor_slices(a), D.from_tensor_slices(b))).batch(4))
    assert [p[0].numpy().tolist() for p in parts] == [[0, 1, 2, 3], [4, 5]]
    assert parts[0][1].dtype == tf.float64


@pytest.mark.parametrize("buffer", [3, 10, 100])
def test_shuffling(buffer):
    d = D.range(10).shuffle(buffer, seed=1)
    first, second = values(d), values(d)
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    assert values(D.range(10).shuffle(buffer, seed=1)) == first
    fixed = D.range(10).shuffle(buffer, seed=1, reshuffle_each_iteration=False)
    assert values(fixed) == values(fixed)
    assert first != list(range(10))
    if buffer == 3:  # element k cannot come before there was room for it
        assert all(v <= k + 2 for k, v in enumerate(first))
    tf.random.set_seed(4)
    unseeded = values(D.range(10).shuffle(buffer))
    tf.random.set_seed(4)
    assert values(D.range(10).shuffle(buffer)) == unseeded


def test_shuffled_batches_hold_all_rows():
    x = np.arange(10)
    for batch, drop in ((3, False), (3, True)):
        d = D.from_tensor_slices((x, x * 2)).shuffle(10, seed=2).batch(batch, drop)
        rows = [(int(a), int(b)) for p in d for a, b in zip(*p, strict=True)]
        assert len(rows) == (9 if drop else 10)
        assert all(b == 2 * a for a, b in rows)


def test_cache_runs_functions_once():
    calls = []
    d = D.range(3).map(lambda v: calls.append(1) or v).cache()
    assert values(d) == values(d) == [0, 1, 2]
    assert len(calls) == 3


def test_generators():
    def make(count=2):
        for k in range(int(count)):
            yield k, [float(k)] * 2

    signature = (tf.TensorSpec((), tf.int32), tf.TensorSpec((2,), tf.float32))
    d = D.from_generator(make, output_signature=signature)
    assert [(int(a), b.numpy().tolist()) for a, b in d] == [(0, [0, 0]), (1, [1, 1])]
    assert int(d.cardinality()) == tf.data.UNKNOWN_CARDINALITY
    d = D.from_generator(make, (tf.int64, tf.float32), ((), (2,)), args=(3,))
    assert len(list(d)) == 3
    assert len(list(d.batch(2))) == 2
    with pytest.raises(TypeError, match="output_signature"):
        D.from_generator(make)
    with pytest.raises(TypeError, match="shape"):
        list(D.from_generator(make, (tf.int64, tf.float32), ((), (3,))))
    with pytest.raises(TypeError, match="structure"):
        list(D.from_generator(make, (tf.int64,)))


def test_sizes_and_errors():
    endless = D.range(3).repeat()
    assert int(endless.cardinality()) == tf.data.INFINITE_CARDINALITY
    with pytest.raises(TypeError, match="infinite"):
        len(endless)
    with pytest.raises(TypeError, match="unknown"):
        len(endless.take(3).filter(lambda v: True))
    assert len(endless.take(5)) == 5
    assert len(endless.take(5).skip(2).batch(2)) == 2
    with pytest.raises(ValueError, match="not compatible"):
        D.from_tensor_slices((np.ones(2), np.ones(3)))
    with pytest.raises(ValueError, match="rank"):
        D.from_tensor_slices(3.0)
    with pytest.raises(ValueError, match="batch_size"):
        D.range(3).batch(0)
    with pytest.raises(ValueError, match="buffer_size"):
        D.range(3).shuffle(0)


def test_strings():
    d = D.from_tensor_slices(["a", "bc"])
    assert list(d.as_numpy_iterator()) == [b"a", b"bc"]
    assert d.element_spec.dtype == tf.string
    assert next(iter(d.batch(2))).numpy().tolist() == [b"a", b"bc"]
