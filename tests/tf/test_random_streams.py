"""Random streams: TensorFlow's numbers for its seeds, and statistics of what is drawn."""

import numpy as np
import pytest
from scipy import stats

import tensorwright as tf

SEED = [7, 11]
LIKELY = 1e-3  # p-values below are failures; the seeds are fixed, so that a pass stays one

# What TensorFlow 2.21 gives on a CPU.
TENSORFLOW = {
    "uniform/float16": [
        0.3251953125, 0.0185546875, 0.580078125, 0.93359375, 0.6806640625, 0.4697265625,
    ],
    "normal/float16": [
        0.37353515625, 0.70947265625, 1.103515625, -0.08563232421875, 0.70849609375,
        -0.83740234375,
    ],
    "truncated_normal/float16": [
        0.37353515625, 0.70947265625, 1.103515625, -0.08563232421875, 0.1158447265625,
        -0.8515625,
    ],
    "uniform/float32": [
        0.7251373529434204, 0.07715070247650146, 0.5419409275054932, 0.26232099533081055,
        0.5479346513748169, 0.3882409334182739,
    ],
    "normal/float32": [
        0.3736024796962738, 0.7093726396560669, 1.103570818901062, -0.08560418337583542,
        0.7084914445877075, -0.8373997807502747,
    ],
    "truncated_normal/float32": [
        0.3736024796962738, 0.7093726396560669, 1.103570818901062, -0.08560418337583542,
        0.11584892868995667, -0.8514097929000854,
    ],
    "uniform/float64": [
        0.8010994197375154, 0.3355276235608775, 0.3834773681838828, 0.962810050529932,
        0.6294192064909627, 0.6296090795509719,
    ],
    "normal/float64": [
        0.5721170971858979, -0.3409141641154505, -0.32059098871919944, 1.3469115655857593,
        -0.6998264265709605, -0.6604229941451989,
    ],
    "truncated_normal/float64": [
        0.5721170971858979, -0.3409141641154505, -1.4383148326660065, -0.30746722339271454,
        -1.061688353490174, 0.37498356468867805,
    ],
    "integers/int32": [505, 497, 162, 80, 997, 323],
    "integers/int64": [467, 892, 305, 515, -23, 588],
    "all bits/int32": [-816000691, -1609965549, -691708334],
    "all bits/int64": [-6914749377162718899, 3936589988564917842, 3040406804523000505],
    "all bits/uint32": [3478966605, 2685001747, 3603258962],
    "all bits/uint64": [11531994696546832717, 3936589988564917842, 3040406804523000505],
    "categorical": [[2, 2, 2, 2, 2, 2, 2, 2], [0, 0, 0, 0, 0, 2, 1, 0]],
    "split": [[-816000691, -1609965549], [-691708334, 916558780]],
    "fold_in": [-816000691, 5],
    "shuffle": [5, 0, 4, 7, 3, 8, 9, 1, 6, 2],
    "far": [0.714215099811554, -0.970533549785614, -1.8016382455825806],
}  # fmt: skip
FLOATS = {"uniform", "normal", "truncated_normal"}


def drawn(key):
    """What the record called `key` holds."""
    name, _, dtype = key.partition("/")
    r = tf.random
    if name in FLOATS:
        return getattr(r, f"stateless_{name}")([6], SEED, dtype=dtype)
    return {
        "integers": lambda: r.stateless_uniform([6], SEED, -50, 1000, dtype),
        "all bits": lambda: r.stateless_uniform([3], SEED, None, None, dtype),
        "categorical": lambda: r.stateless_categorical([[0.0, 1, 2], [2.0, 0, 0]], 8, SEED),
        "split": lambda: r.split(SEED, 2),
        "fold_in": lambda: r.fold_in(SEED, 5),
        "shuffle": lambda: r.experimental.stateless_shuffle(tf.range(10), SEED),
        "far": lambda: r.stateless_normal([100_003], SEED)[-3:],
    }[name]()


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("key", TENSORFLOW)
def test_numbers_are_tensorflows(key, compiled):
    found = np.asarray((tf.function(drawn) if compiled else drawn)(key))
    expected = np.array(TENSORFLOW[key], found.dtype)
    if key.startswith(("normal/", "truncated_normal/", "far")):
        # to the last bit of a sine; of halves, to theirs
        assert np.allclose(found, expected, rtol=3e-7 if found.itemsize > 2 else 1e-3, atol=0)
    else:
        assert np.array_equal(found, expected)


def test_eager_and_compiled_numbers_are_equal_bit_for_bit():
    for kind in sorted(FLOATS):
        for dtype in ("float16", "float32", "float64"):
            draw = getattr(tf.random, f"stateless_{kind}")
            for shape in ([7], [1001], [33, 5]):
                compiled = tf.function(lambda draw=draw, s=shape, d=dtype: draw(s, SEED, dtype=d))
                assert np.array_equal(draw(shape, SEED, dtype=dtype), compiled())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", [(0, 0), (1, 2), (-5, 2**31 - 1)])
def test_distributions_and_their_moments(seed, dtype):
    cases = {
        "uniform": (stats.uniform(), 0.5, 1 / 12),
        "normal": (stats.norm(), 0.0, 1.0),
        "truncated_normal": (stats.truncnorm(-2, 2), 0.0, stats.truncnorm(-2, 2).var()),
    }
    count = 60_000
    for kind, (expected, mean, variance) in cases.items():
        x = np.asarray(getattr(tf.random, f"stateless_{kind}")([count], seed, dtype=dtype), float)
        assert stats.kstest(x, expected.cdf).pvalue > LIKELY, kind
        assert abs(x.mean() - mean) < 4 * np.sqrt(variance / count)
        assert abs(x.var() / variance - 1) < 4 * np.sqrt(2.5 / count)
        assert abs(stats.skew(x)) < 4 * np.sqrt(6 / count)


def test_neighbours_and_places_in_a_group_are_independent():
    u = np.asarray(tf.random.stateless_uniform([4 * 40_000], SEED), float)
    for lag in (1, 2, 3, 4, 5, 64):
        assert abs(np.corrcoef(u[lag:], u[:-lag])[0, 1]) < 4 / np.sqrt(u.size)
    groups = u.reshape(-1, 4)
    cells = np.floor(groups[:, :2] * 8) @ [8, 1]
    assert stats.chisquare(np.bincount(cells.astype(int), minlength=64)).pvalue > LIKELY
    normals = np.asarray(tf.random.stateless_normal([4 * 40_000], SEED), float).reshape(-1, 4)
    off_diagonal = np.corrcoef(normals.T)[np.triu_indices(4, 1)]
    assert np.abs(off_diagonal).max() < 4 / np.sqrt(len(normals))


def test_streams_are_independent():
    seeds = [(a, b) for a in range(4) for b in range(3)]
    streams = [np.asarray(tf.random.stateless_normal([20_000], s), float) for s in seeds]
    split = tf.random.split(SEED, 4).numpy()
    streams += [np.asarray(tf.random.stateless_normal([20_000], s), float) for s in split]
    streams += [
        np.asarray(tf.random.stateless_normal([20_000], tf.random.fold_in(SEED, k)), float)
        for k in range(4)
    ]
    generators = tf.random.Generator.from_seed(3).split(3)
    streams += [np.asarray(g.normal([20_000]), float) for g in generators]
    off_diagonal = np.corrcoef(streams)[np.triu_indices(len(streams), 1)]
    assert np.abs(off_diagonal).max() < 5 / np.sqrt(20_000)


def test_every_draw_of_a_compiled_function_is_a_stream_of_its_own():
    tf.random.set_seed(5)
    draw = tf.function(lambda: (tf.random.normal([5000]), tf.random.normal([5000])))
    streams = [np.asarray(x, float) for _ in range(6) for x in draw()]
    off_diagonal = np.corrcoef(streams)[np.triu_indices(len(streams), 1)]
    assert np.abs(off_diagonal).max() < 4.5 / np.sqrt(5000)
    assert stats.kstest(np.concatenate(streams), "norm").pvalue > LIKELY


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint32", "uint64"])
def test_integers_are_even(dtype):
    for low, high in ((0, 2), (5, 12), (0, 100)):
        x = np.asarray(tf.random.stateless_uniform([50_000], SEED, low, high, dtype))
        counts = np.bincount((x - low).astype(int), minlength=high - low)
        assert counts.size == high - low and stats.chisquare(counts).pvalue > LIKELY
    bits = np.asarray(tf.random.stateless_uniform([4000], SEED, None, None, dtype))
    unsigned = bits.view(f"u{bits.itemsize}")
    for k in range(bits.itemsize * 8):
        ones = int((unsigned >> unsigned.dtype.type(k) & unsigned.dtype.type(1)).sum())
        assert stats.binomtest(ones, 4000).pvalue > LIKELY / 10


def test_categories_follow_their_probabilities():
    p = np.array([[0.1, 0.2, 0.3, 0.4], [0.7, 0.0, 0.1, 0.2]])
    with np.errstate(divide="ignore"):
        logits = np.log(p).astype(np.float32)
    drawn = np.asarray(tf.random.stateless_categorical(logits, 40_000, SEED))
    for row, expected in zip(drawn, p, strict=True):
        counts = np.bincount(row, minlength=4)
        assert (counts[expected == 0] == 0).all()
        inside = expected > 0
        assert stats.chisquare(counts[inside], 40_000 * expected[inside]).pvalue > LIKELY


def test_orders_are_even():
    shuffle = tf.function(lambda s: tf.random.experimental.stateless_shuffle(tf.range(3), s))
    orders = [tuple(np.asarray(shuffle(tf.constant([k, 1]))).tolist()) for k in range(3000)]
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert counts.size == 6 and stats.chisquare(counts).pvalue > LIKELY


def test_dropout_keeps_the_right_part():
    x = tf.ones([200_000])
    drop = tf.function(lambda x, rate: tf.nn.dropout(x, rate))
    for rate in (0.1, 0.5, 0.8):
        kept = np.asarray(drop(x, tf.constant(rate)))
        values = np.unique(kept)
        assert values[0] == 0 and values[1:] == pytest.approx(1 / (1 - rate), rel=1e-6)
        assert stats.binomtest(int((kept != 0).sum()), kept.size, 1 - rate).pvalue > LIKELY


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("shape", [0.05, 0.5, 1.0, 3.7, 200.0])
def test_gamma(shape, compiled):
    def draw(a):
        return tf.random.stateless_gamma([20_000], SEED, a, dtype=tf.float64)

    x = np.asarray((tf.function(draw) if compiled else draw)(tf.constant(shape, tf.float64)))
    assert stats.kstest(x, stats.gamma(shape).cdf).pvalue > LIKELY
    halved = np.asarray(tf.random.stateless_gamma([20_000], SEED, shape, 2.0, dtype=tf.float64))
    assert np.array_equal(halved, x / 2)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("mean", [0.0, 0.3, 4.0, 9.99, 10.0, 35.0, 1e4, 1e9])
def test_poisson(mean, compiled):
    def draw(m):
        return tf.random.stateless_poisson([20_000], SEED, m, tf.float64)

    x = np.asarray((tf.function(draw) if compiled else draw)(tf.constant(mean, tf.float64)))
    assert (x == np.floor(x)).all() and (x >= 0).all()
    assert abs(x.mean() - mean) <= 4 * np.sqrt(mean / 20_000)
    if mean > 0:
        assert abs(x.var() / mean - 1) < 4 * np.sqrt((2 + 1 / mean) / 20_000)
    if 0 < mean < 100:
        expected = stats.poisson(mean)
        edges = np.unique(expected.ppf(np.linspace(0.02, 0.98, 25)))
        cells = np.searchsorted(edges, x)
        below = np.concatenate([[0], expected.cdf(edges), [1]])
        counts = np.bincount(cells, minlength=len(edges) + 1)
        assert stats.chisquare(counts, 20_000 * np.diff(below)).pvalue > LIKELY


def test_parameters_that_have_no_distribution():
    bad = [-1.0, np.nan, np.inf, 0.0]
    gamma = np.asarray(tf.random.stateless_gamma([4], SEED, np.array(bad, np.float32)))
    assert np.isnan(gamma[[0, 1, 3]]).all() and np.isinf(gamma[2])
    poisson = np.asarray(tf.random.stateless_poisson([4], SEED, np.array(bad), tf.float64))
    assert np.isnan(poisson[:2]).all() and np.isinf(poisson[2]) and poisson[3] == 0
