"""tf.random: TensorFlow's numbers for its seeds, distributions, streams in compiled functions."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

import tensorwright as tf
from tensorwright.frontend.tf.random import permuting, philox, programs


def numbers(tensor):
    return np.asarray(tensor).tolist()


def test_known_answers_of_the_generator():
    # test vectors that the authors of Philox publish with their code (kat_vectors)
    for word, expected in (
        (0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (0xFFFFFFFF, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ):
        start = np.full(3, word << 32 | word, np.uint64)
        found = philox.words(start, np.zeros(1, np.uint64))
        assert tuple(int(w[0]) for w in found) == expected


def test_a_seed_gives_the_numbers_that_tensorflow_gives():
    tf.random.set_seed(42)
    assert numbers(tf.random.uniform([3])) == [
        0.6645621061325073, 0.44100677967071533, 0.3528825044631958,
    ]  # fmt: skip
    assert np.allclose(tf.random.normal([3]), [0.08422458, -0.86090374, 0.37812304], atol=1e-6)
    assert np.allclose(
        tf.random.normal([3], dtype=tf.float64), [0.2900868939, 0.2428250673, -1.1387417107]
    )
    assert np.allclose(
        tf.random.uniform([2], dtype=tf.float64), [0.9218473329011014, 0.5540054597856736]
    )
    assert numbers(tf.random.uniform([5], maxval=10, dtype=tf.int32)) == [9, 5, 8, 8, 3]
    assert numbers(tf.random.uniform([5], maxval=10, dtype=tf.int64)) == [1, 6, 4, 6, 6]
    assert np.allclose(
        tf.random.truncated_normal([3]), [-0.20061125, -1.27358592, 0.48410097], atol=1e-6
    )
    assert numbers(tf.random.shuffle(tf.range(10))) == [3, 7, 9, 2, 5, 1, 4, 6, 8, 0]
    assert numbers(tf.random.categorical([[1.0, 2.0, 3.0]], 10)) == [[2, 2, 2, 2, 2, 2, 2, 0, 2, 1]]


def test_ops_with_their_own_seed_go_on_in_their_stream():
    tf.random.set_seed(42)
    first = numbers(tf.random.uniform([2], seed=5))
    second = numbers(tf.random.uniform([2], seed=5))
    assert first == [0.026210665702819824, 0.43446969985961914] != second
    tf.random.set_seed(42)
    assert [numbers(tf.random.uniform([2], seed=5)) for _ in range(2)] == [first, second]


def test_stateless_ops_are_functions_of_their_seed():
    expected = [0.8440604209899902, 0.19204533100128174]
    assert numbers(tf.random.stateless_uniform([2], [1, 2])) == expected
    assert numbers(tf.random.stateless_uniform([5], [1, 2], 0, 10, tf.int32)) == [0, 9, 4, 9, 7]
    assert np.allclose(tf.random.stateless_normal([2], [1, 2]), [0.54411012, 0.20738031])
    assert numbers(tf.random.split([1, 2], 2)) == [
        [1105988140, 1738052849],
        [-335576002, 370444179],
    ]
    assert numbers(tf.random.fold_in([1, 2], 3)) == [1105988140, 3]
    traced = tf.function(lambda seed: tf.random.stateless_uniform([2], seed))
    assert numbers(traced(tf.constant([1, 2]))) == expected


def test_generators_keep_their_state():
    g = tf.random.Generator.from_seed(1)
    assert np.allclose(g.normal([2]), [0.43842274, -0.53439844])
    assert numbers(g.state) == [513, 0, 0]
    again = tf.random.Generator.from_state(g.state, alg="philox")
    assert numbers(again.uniform([3])) == numbers(g.uniform([3]))
    seeds = tf.random.Generator.from_seed(3).make_seeds(2)
    assert seeds.shape == (2, 2)
    a, b = tf.random.Generator.from_seed(3).split(2)
    assert numbers(a.uniform([2])) != numbers(b.uniform([2]))


def test_a_compiled_function_draws_anew_and_starts_again_from_the_seed():
    @tf.function
    def draw():
        return tf.random.normal([2]), tf.random.normal([2])

    tf.random.set_seed(3)
    rounds = [[numbers(x) for x in draw()] for _ in range(3)]
    flat = [tuple(x) for pair in rounds for x in pair]
    assert len(set(flat)) == 6
    tf.random.set_seed(3)
    assert [[numbers(x) for x in draw()] for _ in range(3)] == rounds


def test_the_module_may_be_loaded_while_a_function_is_traced():
    code = """
import tensorwright as tf
draw = tf.function(lambda: tf.random.uniform([3]))
assert len({tuple(draw().numpy().tolist()) for _ in range(4)}) == 4
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_generator_in_a_compiled_function():
    g = tf.random.Generator.from_seed(1)
    h = tf.random.Generator.from_seed(1)
    draw = tf.function(lambda: g.uniform([3]))
    assert [numbers(draw()) for _ in range(2)] == [numbers(h.uniform([3])) for _ in range(2)]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", [tf.float16, tf.float32, tf.float64])
def test_distributions(compiled, dtype):
    tf.random.set_seed(7)
    size = 20_000

    def draws():
        return (
            tf.random.uniform([size], dtype=dtype),
            tf.random.normal([size], 1.0, 2.0, dtype=dtype),
            tf.random.truncated_normal([size], dtype=dtype),
        )

    u, n, t = (np.asarray(x, np.float64) for x in (tf.function(draws) if compiled else draws)())
    assert u.min() >= 0 and u.max() < 1
    if dtype != tf.float16:  # halves are too few for the test
        assert stats.kstest(u, "uniform").pvalue > 1e-3
        assert stats.kstest((n - 1) / 2, "norm").pvalue > 1e-3
        assert stats.kstest(t, stats.truncnorm(-2, 2).cdf).pvalue > 1e-3
    assert abs(n.mean() - 1) < 0.06 and abs(n.std() - 2) < 0.06
    assert np.abs(t).max() <= 2


def test_integers_cover_their_range_evenly():
    tf.random.set_seed(5)
    drawn = np.asarray(tf.random.uniform([60_000], -3, 3, tf.int32))
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [-3, -2, -1, 0, 1, 2]
    assert stats.chisquare(counts).pvalue > 1e-3
    assert tf.random.uniform([4], -(2**63), 2**63 - 1, tf.int64).dtype == tf.int64


def test_classes_gamma_poisson():
    tf.random.set_seed(5)
    logits = np.log([[0.2, 0.3, 0.5], [0.5, 0.25, 0.25]]).astype(np.float32)
    counts = [
        np.bincount(row, minlength=3) for row in np.asarray(tf.random.categorical(logits, 9000))
    ]
    assert np.allclose(np.array(counts) / 9000, np.exp(logits), atol=0.03)
    g = np.asarray(tf.random.gamma([9000], [2.0, 5.0], beta=2.0))
    assert g.shape == (9000, 2) and np.allclose(g.mean(0), [1.0, 2.5], atol=0.08)
    p = np.asarray(tf.random.poisson([9000], [1.0, 4.0]))
    assert p.dtype == np.float32 and np.allclose(p.mean(0), [1.0, 4.0], atol=0.1)


def test_many_draws_of_a_kind_are_compiled_and_stay_the_same(monkeypatch):
    tf.random.set_seed(1)
    plain = np.asarray(tf.random.uniform([100_003]))
    monkeypatch.setattr(programs, "_UNITS", 0.0)
    tf.random.set_seed(1)
    assert np.array_equal(plain, tf.random.uniform([100_003]))


def test_shuffling_in_compiled_functions():
    shuffle = tf.function(lambda x: tf.random.shuffle(x))
    for count in (1, 2, 5, 6):
        assert sorted(numbers(shuffle(tf.range(count)))) == list(range(count))
    found = {tuple(numbers(shuffle(tf.range(5)))) for _ in range(40)}
    assert len(found) > 20  # of 120 orders
    rows = shuffle(tf.constant([[1, 10], [2, 20], [3, 30]])).numpy()
    assert (rows[:, 1] == 10 * rows[:, 0]).all()


def test_many_rows_are_shuffled_as_few_are(monkeypatch):
    tf.random.set_seed(1)
    compiled = numbers(tf.random.shuffle(tf.range(3000)))
    monkeypatch.setattr(permuting, "_FEW", 10_000)
    tf.random.set_seed(1)
    assert numbers(tf.random.shuffle(tf.range(3000))) == compiled != list(range(3000))
    stateless = numbers(tf.random.experimental.stateless_shuffle(tf.range(9), [1, 2]))
    assert sorted(stateless) == list(range(9))


def test_gradients_pass_to_the_mean_and_the_deviation():
    mean, deviation = tf.Variable(1.0), tf.Variable(2.0)
    with tf.GradientTape() as tape:
        x = tf.random.normal([5], mean, deviation, seed=1)
        loss = tf.reduce_sum(x)
    d_mean, d_deviation = tape.gradient(loss, [mean, deviation])
    assert d_mean.numpy() == 5.0
    assert d_deviation.numpy() == pytest.approx(np.sum((x.numpy() - 1) / 2), rel=1e-5)


def test_bad_arguments():
    with pytest.raises(ValueError, match="Must specify maxval for integer dtype"):
        tf.random.uniform([2], dtype=tf.int32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Need minval < maxval, got 3 >= 2"):
        tf.random.uniform([2], 3, 2, tf.int32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be >= 0"):
        tf.random.normal([-1])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"seed must have shape \[2\]"):
        tf.random.stateless_uniform([2], [1])


@pytest.mark.peers
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_like_tensorflow(dtype):
    peer = pytest.importorskip("tensorflow")
    for module in (tf, peer):
        module.random.set_seed(11)
    for name in ("uniform", "normal", "truncated_normal"):
        ours = getattr(tf.random, name)([101], dtype=dtype)
        theirs = getattr(peer.random, name)([101], dtype=dtype)
        assert np.allclose(ours, theirs, rtol=1e-2 if dtype == "float16" else 1e-5, atol=1e-6)
