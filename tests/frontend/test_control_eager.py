"""Loops and branches called outside of compiled functions: compiled once, and run."""

import gc
import weakref

import numpy as np

import tensorwright as tw
from support import plain_control as plain
from support.tracing import assert_same
from tensorwright.frontend import eager

X = np.arange(12.0).reshape(3, 4) - 4
V = np.linspace(-1, 2, 5)


def test_eager_loops():
    step = lambda c, row: (c + row.sum(), row * c)  # noqa: E731
    assert_same(tw.scan(step, 1.0, X), plain.scan(step, 1.0, X))
    assert_same(tw.scan(step, 1.0, X, reverse=True), plain.scan(step, 1.0, X, reverse=True))
    assert_same(tw.map(np.sum, X), X.sum(axis=1))
    assert_same(tw.fori_loop(1, 4, lambda i, v: v + i, X), X + 6)
    halve = (lambda v: v > 1, lambda v: v / 2)
    assert tw.while_loop(*halve, 40.0) == 0.625
    assert tw.cond(X[0, 0] > 0, lambda: "positive", lambda: "negative") == "negative"
    assert tw.switch(np.int64(1), [lambda x: x, lambda x: -x], 3) == -3


def test_eager_loops_compile_once():
    calls = []

    def step(carry, x):
        calls.append(1)
        return carry + x, None

    for k in range(3):
        assert tw.scan(step, 1.0, V + k)[0] == np.float64(1 + (V + k).sum())
    assert len(calls) == 2  # for the number, and for its settled type
    tw.scan(step, np.float64(1), V, reverse=True)
    assert len(calls) == 3


def test_eager_loops_do_not_keep_functions_alive():
    def step(carry, x):
        return carry + x, None

    gc.collect()  # what other tests have left
    tw.scan(step, np.float64(0), V)
    kept, count = weakref.ref(step), len(eager._PROGRAMS._found)
    del step
    gc.collect()
    assert kept() is None
    assert len(eager._PROGRAMS._found) == count - 1


def test_eager_loops_of_callables_that_cannot_be_kept():
    class Step:
        __slots__ = ()
        __hash__ = None

        def __call__(self, carry, x):
            return carry + x, None

    for _ in range(2):
        assert tw.scan(Step(), np.float64(0), np.ones(3))[0] == 3


def test_eager_counts_are_data():
    calls = []

    def body(i, val):
        calls.append(i)
        return val + i

    assert [tw.fori_loop(0, n, body, 0) for n in range(5)] == [0, 0, 1, 3, 6]
    assert len(calls) == 1
