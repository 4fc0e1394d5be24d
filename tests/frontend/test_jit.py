"""Compiled calls: arguments, specialisation on types and sizes, static arguments, threads."""

import copy
import dataclasses
import functools
import gc
import pickle
import threading
import weakref
from typing import NamedTuple

import numpy as np
import pytest

import tensorwright as tw
from support.tracing import assert_same

X = np.arange(12.0).reshape(3, 4)


def programs(jitted):
    """How many programs exist for each kind of call."""
    return [len(v.programs) for v in jitted._variants.values()]


def black_scholes(spot, strike, years, rate, sigma):
    d1 = np.log(spot / strike) + (rate + 0.5 * sigma**2) * years
    d1 /= sigma * np.sqrt(years)
    d2 = d1 - sigma * np.sqrt(years)
    discounted = strike * np.exp(-rate * years)
    call = spot * np.tanh(d1) - discounted * np.tanh(d2)
    return call, discounted * np.tanh(-d2) - spot * np.tanh(-d1)


def test_call():
    spot, strike = np.linspace(10, 50, 9), np.linspace(40, 20, 9)
    arguments = (spot, strike, 1.5, 0.1, 0.2)
    assert_same(tw.jit(black_scholes)(*arguments), black_scholes(*arguments), rtol=1e-13)
    small = (spot.astype("f4"), strike.astype("f4"), 1.5, 0.1, 0.2)
    assert_same(tw.jit(black_scholes)(*small), black_scholes(*small), rtol=1e-5)


def test_kinds_of_arguments():
    double = tw.jit(lambda x: x * 2)
    for x in (X, X.astype("f4"), np.float32(2.5), np.array(2), 3, 2.5, True, np.bool(True), X[0]):
        assert_same(double(x), x * 2)
    for x in (X.T, X[::2], X[:, ::-1], X.astype(">f8"), np.asfortranarray(X), X[:, :1], X[3:]):
        assert_same(double(x), np.ascontiguousarray(x.astype("f8") * 2))
    misaligned = np.frombuffer(b"0" + X.tobytes(), np.uint8)[1:].view(np.float64)
    assert_same(double(misaligned), misaligned * 2)
    readonly = np.broadcast_to(np.float64(1), (2, 3))
    assert_same(double(readonly), readonly * 2)


class Pair(NamedTuple):
    left: np.ndarray
    right: float


@dataclasses.dataclass
class Layer:
    weight: np.ndarray
    bias: np.ndarray


def test_containers():
    def function(params, pair, layers):
        y = pair.left @ params["w"] * pair.right
        for layer in layers:
            y = y @ layer.weight + layer.bias
        return {"y": y, "pair": Pair(pair.left + 1, pair.right), "nothing": None}, [
            layers[0],
            "text",
        ]

    layers = [Layer(np.ones((2, 2)), np.ones(2)), Layer(np.ones((2, 3)), np.arange(3.0))]
    arguments = ({"w": np.ones((4, 2))}, Pair(X, 0.5), layers)
    found, expected = tw.jit(function)(*arguments), function(*arguments)
    assert_same(found[0]["y"], expected[0]["y"])
    assert type(found[0]["pair"]) is Pair and found[0]["pair"].right == 0.5
    assert found[0]["nothing"] is None and found[1][1] == "text"
    assert type(found[1][0]) is Layer
    assert_same(found[1][0].bias, expected[1][0].bias)


def test_keywords_and_defaults():
    @tw.jit
    def function(x, y=2.0, *rest, scale=1, **more):
        return (x * y + sum(rest)) * scale + more.get("offset", 0)

    plain = function.__wrapped__
    for args, kwargs in [
        ((X,), {}), ((X, 3.0), {}), ((X,), {"y": 3.0}), ((X, 3.0, X, X), {"scale": 2}),
        ((X,), {"offset": X, "scale": 4}), ((), {"x": X}),
    ]:  # fmt: skip
        assert_same(function(*args, **kwargs), plain(*args, **kwargs))
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        function()


def test_defaults_are_python_values():
    @tw.jit
    def total(x, axis=0, mode="sum"):
        return x.sum(axis=axis) if mode == "sum" else x.mean(axis=axis)

    assert_same(total(X), X.sum(axis=0))
    assert_same(total(X, mode="mean"), X.mean(axis=0))
    with pytest.raises(tw.TraceError, match=r"static_argnames=\('axis',\)"):
        total(X, axis=1)


def test_static_arguments():
    traced = []

    def function(x, axis, power=2):
        traced.append((axis, power))
        return x.sum(axis=axis) ** power

    by_name = tw.jit(function, static_argnames=("axis", "power"))
    by_number = tw.jit(function, static_argnums=(1, -1))
    for jitted in (by_name, by_number):
        traced.clear()
        assert_same(jitted(X, 0), X.sum(0) ** 2)
        assert_same(jitted(X, 1), X.sum(1) ** 2)
        assert_same(jitted(X, axis=1, power=3), X.sum(1) ** 3, rtol=1e-15)
        assert_same(jitted(X, 1), X.sum(1) ** 2)
        assert traced == [(0, 2), (1, 2), (1, 3)]
    assert_same(by_name(X, (0, 1)), X.sum() ** 2)
    with pytest.raises(tw.TraceError, match="static argument axis is not hashable"):
        by_name(X, [0, 1])
    with pytest.raises(ValueError, match="function has no parameter 'axes'"):
        tw.jit(function, static_argnames="axes")


def test_static_values_that_compare_equal_are_told_apart():
    f = tw.jit(lambda x, n: x * n, static_argnames="n")
    x = np.ones(2, np.float32)
    assert f(x, 2).dtype == np.float32
    assert f(x, np.float64(2)).dtype == np.float64
    assert np.signbit(f(x, 0.0)).tolist() == [False, False]
    assert np.signbit(f(x, -0.0)).tolist() == [True, True]
    assert f(np.ones(2, bool), True).dtype == bool
    assert f(np.ones(2, bool), 1).dtype == np.int64


def test_sizes_become_symbolic():
    f = tw.jit(lambda x, y: (x + y).sum(axis=1))
    traces = []

    def counted(x, y):
        traces.append(x.shape)
        return f.__wrapped__(x, y)

    g = tw.jit(counted)
    for rows in (2, 3, 4, 5, 100, 3, 2):
        x = np.ones((rows, 4))
        assert_same(g(x, x), np.full(rows, 8.0))
    assert len(traces) == 2
    for columns in (5, 6, 7):
        x = np.ones((rows, columns))
        assert_same(g(x, x), np.full(rows, 2.0 * columns))
    assert len(traces) == 3
    assert_same(g(np.ones((1, 4)), np.ones((1, 4))), np.full(1, 8.0))
    assert_same(g(np.ones((0, 4)), np.ones((0, 4))), np.full(0, 8.0))
    assert_same(g(np.ones((7, 4)), np.ones((1, 4))), np.full(7, 8.0))
    assert_same(g(np.ones((9, 4)), np.ones((1, 4))), np.full(9, 8.0))


def test_guards_are_checked():
    @tw.jit
    def f(x):
        return x * 2 if x.shape[0] > 4 else x - 1

    for n in (2, 3, 4, 5, 6, 3, 9, 4):
        x = np.ones(n)
        assert_same(f(x), f.__wrapped__(x))
    assert sum(programs(f)) <= 3


def test_sizes_that_must_be_ints_compile_again():
    @tw.jit
    def f(x):
        for k in range(x.shape[0]):
            x = x + k
        return x

    for n in (2, 3, 4, 3):
        assert_same(f(np.zeros(n)), f.__wrapped__(np.zeros(n)))


def test_number_of_programs_is_bounded():
    @tw.jit
    def f(x):
        return x * len(range(x.shape[0]))

    for n in range(2, 45):
        assert_same(f(np.ones(n)), np.ones(n) * n)
    assert max(programs(f)) <= 32


def test_nested():
    inner = tw.jit(lambda x, a: x * a + 1)

    @tw.jit
    def outer(x):
        return inner(x, 2) + inner(x.T, a=3.0).T

    assert_same(outer(X), X * 2 + 1 + X * 3 + 1)
    assert_same(outer(np.ones((2, 2), np.float32)), np.full((2, 2), 7, np.float32))
    names = [n.op.name for n in outer.lower(X).graph.nodes]
    assert names.count("multiply") == 2


def test_call_of_another_jitted_function_with_constants_while_tracing():
    table = tw.jit(lambda n: np.arange(4) * n)

    @tw.jit
    def outer(x):
        return x + table(np.int64(2))

    assert_same(outer(X), X + np.arange(4) * 2)


def test_methods():
    @dataclasses.dataclass
    class Model:
        weight: np.ndarray

        @tw.jit
        def apply(self, x):
            return x @ self.weight

    model = Model(np.ones((4, 2)))
    assert_same(model.apply(X), X @ model.weight)
    model.weight = np.zeros((4, 2))
    assert_same(model.apply(X), X @ model.weight)
    assert Model.apply.__name__ == "apply"

    class Plain:
        @tw.jit
        def apply(self, x):
            return x

    with pytest.raises(tw.TraceError, match="argument self is neither an array nor a number"):
        Plain().apply(X)


def test_decorator_forms_and_attributes():
    @tw.jit
    def f(x):
        """Doc."""
        return x

    @tw.jit(static_argnames="n", fast_math=True)
    def g(x, n):
        return x * n

    assert f.__name__ == "f" and f.__doc__ == "Doc." and f.__wrapped__(3) == 3
    assert repr(f) == "<jitted f>"
    assert_same(g(X, 2), X * 2)
    assert isinstance(f, tw.Jitted)


@tw.jit
def importable(x):
    return x + 1


def test_pickled_by_name():
    assert pickle.loads(pickle.dumps(importable)) is importable
    assert copy.deepcopy(importable) is importable


def test_callables_of_other_kinds():
    assert_same(tw.jit(np.sin)(X), np.sin(X), rtol=1e-15)
    assert_same(tw.jit(functools.partial(np.add, 2))(X), X + 2)

    class Scale:
        def __init__(self, by):
            self.by = by

        def __call__(self, x):
            return x * self.by

    assert_same(tw.jit(Scale(3))(X), X * 3)


def test_class_of_traced_arguments():
    kinds = []
    tw.jit(lambda x, s, n: kinds.extend(isinstance(v, np.ndarray) for v in (x, x.T, s, n)))(
        X, np.float64(1), 2
    )
    assert kinds == [True, True, False, False]


def test_nothing_of_a_trace_stays():
    gc.collect()
    gc.disable()
    try:
        alive = []
        big = np.ones(5000)

        def f(x):
            y = x.copy()
            y[1:] += big[1:]
            alive.append(weakref.ref(y))
            return y.T

        f = tw.jit(f)
        f(np.ones(5000))
        assert alive[0]() is None
    finally:
        gc.enable()


def test_unsupported_arguments():
    f = tw.jit(lambda x: x)
    with pytest.raises(tw.DTypeError, match="complex numbers are not supported"):
        f(1j)
    with pytest.raises(tw.DTypeError, match="complex numbers are not supported"):
        f(np.ones(2, complex))
    with pytest.raises(tw.DTypeError, match="text is not supported"):
        f(np.array(["a"]))
    with pytest.raises(tw.UnsupportedError, match="does not fit into 64 bits"):
        f(2**70)
    with pytest.raises(tw.UnsupportedError, match="class MaskedArray are not supported"):
        f(np.ma.masked_array([1.0], [True]))
    with pytest.raises(tw.TraceError, match="argument x is neither an array nor a number"):
        f(object())
    with pytest.raises(tw.TraceError, match=r"argument x\['a'\]\[1\] is neither"):
        f({"a": [1, object()]})


def test_errors_while_running():
    with pytest.raises(IndexError):
        tw.jit(lambda x, i: x[i])(X, 7)
    with pytest.raises(OverflowError):
        tw.jit(lambda x, n: x + n)(np.zeros(3, np.int8), 300)
    with pytest.raises(ValueError, match="negative integer powers"):
        tw.jit(lambda x, n: x**n)(np.ones(3, int), -2)


def test_results_that_are_not_arrays():
    assert tw.jit(lambda: 3)() == 3
    assert tw.jit(lambda x: None)(X) is None
    assert_same(tw.jit(lambda x: (x, 1, "s"))(X), (X, 1, "s"))
    assert_same(tw.jit(lambda x, n: (n * 2, n / 2, n > 1, x.shape[0]))(X, 3), (6, 1.5, True, 3))
    assert_same(tw.jit(lambda x: (x, x))(X), (X, X))
    assert_same(tw.jit(lambda x: [x.sum()])(X), [X.sum()])


def test_results_share_no_memory_with_arguments():
    x = X.copy()
    for result in (tw.jit(lambda x: x)(x), tw.jit(lambda x: x.T)(x), tw.jit(lambda x: x[1:])(x)):
        result[...] = -1
    assert_same(x, X)


def test_threads():
    f = tw.jit(lambda x: np.sin(x).sum())
    errors = []

    def work(n):
        try:
            for k in range(20):
                x = np.full(n + k % 3, float(k))
                assert abs(f(x) - np.sin(x).sum()) < 1e-9
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(2, 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


def test_function_that_raises_can_be_called_again():
    @tw.jit
    def f(x, n):
        if n.ndim:
            raise KeyError("no")
        return x * n

    for _ in range(2):
        with pytest.raises(KeyError):
            f(X, X)
    assert_same(f(X, 2), X * 2)


def test_lower():
    lowered = tw.jit(lambda x, n: x * n).lower("f64[n, 3]", "float")
    assert lowered.stages == ("graph", "optimized", "kernels", "report", "llvm", "asm")
    assert "%x: f64[n, 3]" in lowered.text()
    for stage in lowered.stages:
        assert lowered.text(stage)
    with pytest.raises(ValueError, match="unknown stage"):
        lowered.text("none")
    assert "f32[2]" in tw.jit(lambda x: x["a"]).lower({"a": tw.TensorSpec("f32[2]")}).text()
    assert "f64[3, 4]" in str(tw.jit(lambda x: x + 1).lower(X))
