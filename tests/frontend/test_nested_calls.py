"""Calls with nested arguments and results: in machine code, and through Python."""

import collections
import dataclasses
import sys
import threading
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorwright as tw
from support.jitted import difference
from tensorwright.frontend.tree import flatten, unflatten

X = np.arange(6.0).reshape(2, 3)


class WentThroughPython(Exception):
    """A call was not made by machine code alone."""


class NoReader:
    """In place of what reads the arguments of calls that machine code does not take."""

    def __getattr__(self, name):
        raise WentThroughPython(name)


def natively(jitted, *args):
    """What a call returns that may not go through Python."""
    reader, jitted._reader = jitted._reader, NoReader()
    try:
        return jitted(*args)
    finally:
        jitted._reader = reader


def through_python(jitted, *args):
    """What the same call returns on the way of arguments that have to be prepared."""
    return type(jitted).__call__(jitted, *args)


def goes_through_python(jitted, *args):
    try:
        natively(jitted, *args)
    except WentThroughPython:
        return True
    return False


def assert_native(function, *args):
    """All ways to call give what NumPy gives; returns the jitted function."""
    jitted, expected = tw.jit(function), function(*args)
    for result in (
        jitted(*args),
        natively(jitted, *args),
        through_python(jitted, *args),
        natively(jitted, *args),
    ):
        wrong = difference(result, expected)
        assert not wrong, wrong
    return jitted


# -- random structures ------------------------------------------------------------------------


LEAVES = st.one_of(
    st.sampled_from([(), (3,), (0,), (2, 3), (1, 2)]).map(lambda s: np.ones(s) * 1.5),
    st.sampled_from(["f4", "i8", "u1", "?"]).map(lambda d: np.ones(2, d)),
    st.sampled_from([np.float64(2.5), np.float32(1.5), np.int64(3), np.uint8(7), np.bool(True)]),
    st.sampled_from([0.5, -3, True, False, 2**40]),
)
KEYS = st.sampled_from(["w", "b", "weights", "läng", "", "a b", "0"])


def containers(children):
    return st.one_of(
        st.lists(children, max_size=3),
        st.lists(children, max_size=3).map(tuple),
        st.dictionaries(KEYS, children, max_size=3),
    )


TREES = st.recursive(st.one_of(LEAVES, st.none()), containers, max_leaves=6)
NESTINGS = st.recursive(st.one_of(st.integers(0, 9), st.none()), containers, max_leaves=6)


@settings(max_examples=60, deadline=None)
@given(st.lists(TREES, max_size=3), NESTINGS)
def test_random_structures(args: list[Any], nesting: Any) -> None:
    """The result is a tree of its own, whose leaves are computed from those of the arguments."""
    numbers, tree = flatten(nesting)

    def function(*args):
        leaves = flatten(args)[0]
        if not leaves:
            return unflatten(tree, [None] * len(numbers))
        chosen = [leaves[n % len(leaves)] for n in numbers]
        return unflatten(
            tree, [x * 2 if n % 2 else x for n, x in zip(numbers, chosen, strict=True)]
        )

    jitted = assert_native(function, *args)
    # other containers are other programs, and the first one is still right
    if args:
        other = [args[0]], *args[1:]
        assert not difference(jitted(*other), function(*other))
        assert not difference(natively(jitted, *args), function(*args))


# -- what takes the native way ----------------------------------------------------------------


def step(params, x, rate):
    error = x @ params["layers"][0]["w"] + params["bias"] - 1
    loss = np.mean(error**2)
    layer = {"w": params["layers"][0]["w"] - rate * (x.T @ error), "name": None}
    return loss, {"layers": [layer], "bias": params["bias"] - rate * np.mean(error)}


def test_a_training_step():
    params = {"layers": [{"w": np.ones(3), "name": None}], "bias": 0.5}
    jitted = assert_native(step, params, X, 0.01)
    for _ in range(3):
        expected = step(params, X, 0.01)
        loss, params = jitted(params, X, 0.01)
        assert not difference((loss, params), expected, close=1e-12)
    loss, params = natively(jitted, params, X, 0.01)
    assert type(loss) is type(params["bias"]) is np.float64


def test_gradients():
    def loss(params, x):
        return np.sum((x @ params["w"] + params["b"][0]) ** 2)

    params = {"w": np.ones(3), "b": [0.5]}
    for transform in (tw.grad, tw.value_and_grad):
        f = transform(loss)
        expected = f(params, X)
        assert not difference(natively(f, params, X), expected)
        assert not difference(through_python(f, params, X), expected)


def test_new_sizes():
    def function(d):
        return {"sum": np.concatenate([d["x"], d["y"]]), "x": [d["x"] * 2]}

    f = tw.jit(function)
    for n, m in [(2, 3), (4, 5), (6, 7)]:
        d = {"x": np.ones(n), "y": np.ones(m)}
        assert not difference(f(d), function(d))
    d = {"x": np.ones(20), "y": np.ones(9)}
    assert not difference(natively(f, d), function(d))


def test_keys_made_at_run_time():
    def function(d):
        return {k: v + 1 for k, v in d.items()}

    def make():
        return {"".join(["layer", str(k)]): X + k for k in range(4)}

    f = tw.jit(function)
    f(make())
    assert not difference(natively(f, make()), function(make()))
    # another order is another structure
    backwards = dict(reversed(make().items()))
    assert goes_through_python(f, backwards)
    assert list(f(backwards)) == list(natively(f, backwards)) == list(backwards)
    assert not difference(natively(f, make()), function(make()))


def test_new_containers_for_every_call():
    f = tw.jit(lambda d, x: ({"a": [x, d["a"]], "b": {}}, []))
    argument = {"a": X}
    first, second = f(argument, X), f(argument, X)
    first[0]["a"].append(1)
    first[0]["b"]["c"] = 1
    first[0]["a"][0][...] = 7
    assert not difference(second, ({"a": [X, X], "b": {}}, []))
    assert not difference(f(argument, X), second) and argument["a"] is X


def test_arguments_that_have_to_be_prepared():
    f = tw.jit(lambda d: [d["a"][0] * 2, {"b": d["a"][1]}])
    good = {"a": [X, 2.5]}
    expected = f(good)
    for other in (np.asfortranarray(X), X.astype(">f8"), np.repeat(X, 2, 0)[::2]):
        argument = {"a": [other, 2.5]}
        assert goes_through_python(f, argument)
        assert not difference(f(argument), expected)
    assert not difference(f({"a": [X, Number(2.5)]}), expected)
    assert len(f._variants) == 1 and [len(v.programs) for v in f._variants.values()] == [1]
    assert not difference(natively(f, good), expected)


class Number(float):
    pass


class Pair(NamedTuple):
    x: Any
    y: Any


@dataclasses.dataclass
class Box:
    x: Any


def test_other_containers_go_through_python():
    def function(p):
        leaves, tree = flatten(p)
        return unflatten(tree, [x + 1 for x in leaves])

    f = tw.jit(function)
    for argument in (
        Pair(X, 1.5),
        {"a": Pair(X, 1.5)},
        Box([X]),
        collections.OrderedDict(a=X),
        {1: X, "a": X},
        [collections.defaultdict(int, a=X)],
    ):
        for _ in range(3):
            result = f(argument)
            assert type(result) is type(argument)
            assert not difference(flatten(result)[0], flatten(function(argument))[0])
        assert goes_through_python(f, argument)


def test_constants_keywords_and_static_arguments_go_through_python():
    f = tw.jit(lambda d, name="x": {name: d["x"], "n": 3})
    for _ in range(2):
        assert not difference(f({"x": X}), {"x": X, "n": 3})
        assert not difference(f({"x": X}, "y"), {"y": X, "n": 3})
        assert not difference(f(d={"x": X}), {"x": X, "n": 3})
    g = tw.jit(lambda d, axis: [np.sum(d["x"], axis)], static_argnames=("axis",))
    for axis in (0, 1, 0, 1):
        assert not difference(g({"x": X}, axis), [X.sum(axis)])
        assert not difference(g(d={"x": X}, axis=axis), [X.sum(axis)])


def test_inside_of_another_trace():
    inner = tw.jit(lambda d: {"y": [d["x"] * 2]})
    inner({"x": X})
    outer = tw.jit(lambda x: inner({"x": x})["y"][0] + 1)
    assert not difference(outer(X), X * 2 + 1)


# -- errors -----------------------------------------------------------------------------------


def test_wrong_structures():
    f = tw.jit(lambda p: p["w"] @ p["b"])
    good = {"w": X, "b": X[0]}
    f(good)
    objects = [X, good, f]
    before = [sys.getrefcount(o) for o in objects]
    for wrong, error in [
        ({"w": X}, KeyError),
        ([X, X[0]], TypeError),
        ({"w": X, "b": object()}, tw.TraceError),
        ({"w": X, "b": None}, tw.DTypeError),
        ({"w": X, "b": np.ones(4)}, tw.ShapeError),
        ({"w": X, "b": 2**70}, tw.UnsupportedError),
        (X, IndexError),
        (None, TypeError),
    ]:
        with pytest.raises(error):
            f(wrong)
        del wrong
    assert not difference(natively(f, good), X @ X[0])
    with pytest.raises(TypeError):
        f(good, good)
    after = [sys.getrefcount(o) for o in objects]
    assert max(abs(a - b) for a, b in zip(after, before, strict=True)) < 50


def test_faults_in_data():
    f = tw.jit(lambda d: {"y": d["x"][d["k"]]})
    good = {"x": X[0], "k": np.array([0, 2])}
    assert not difference(f(good), {"y": X[0, [0, 2]]})
    bad = {"x": X[0].copy(), "k": np.array([0, 3])}
    before = [sys.getrefcount(bad[k]) for k in bad]
    for _ in range(10):
        with pytest.raises(IndexError):
            natively(f, bad)
    assert [sys.getrefcount(bad[k]) for k in bad] == before


def test_recursive_containers():
    loop: list[Any] = [X]
    loop.append(loop)
    with pytest.raises(RecursionError):
        tw.jit(lambda x: x[0])(loop)


# -- threads ----------------------------------------------------------------------------------


def test_threads_replace_parameters_during_calls():
    params = {"w": np.full(200_000, 1.0), "b": [2.0]}
    f = tw.jit(lambda p: {"s": np.sum(np.sin(p["w"]) * 0 + p["w"]), "b": p["b"]})
    f(params)
    stop = threading.Event()

    def replace():
        k = 0
        while not stop.is_set():
            k += 1
            params["w"] = np.full(200_000, float(k))
            params["b"][0] = float(k)

    thread = threading.Thread(target=replace)
    thread.start()
    try:
        for _ in range(200):
            result = natively(f, params)
            assert result["s"] % 200_000 == 0
    finally:
        stop.set()
        thread.join()
