"""Messages: what is wrong, with the user's line, and what to write instead."""

import re
import threading

import numpy as np
import pytest

import tensorwright as tw
from support.tracing import graph_of, message, run_traced

X = np.arange(12.0).reshape(3, 4)


def branch(x, limit):
    if x.sum() > limit:
        return x
    return -x


def test_truth_value():
    assert message(branch, X, 3) == (
        "the truth value of a traced array is only known when the compiled function runs\n"
        "  got:      bool[], the result of greater at FILE:+1 in branch\n"
        "  at:       FILE:+1 in branch\n"
        "            if x.sum() > limit:\n"
        "  hint:     for `if`, write np.where(condition, a, b) or tw.cond(condition, f, g); for"
        " `while`, write tw.while_loop; for `and`, `or`, `not` write &, |, ~; for min and max write"
        " np.minimum and np.maximum"
    )


def flag(x, negate):
    return -x if negate else x


def test_truth_value_of_an_argument():
    text = message(flag, X, True)
    assert "got:      Python bool argument negate: bool[]" in text
    assert text.endswith("or pass it as a Python value: tw.jit(static_argnames=('negate',))")


def size_argument(x, n):
    return np.zeros(n) + x


@pytest.mark.parametrize(
    "function",
    [
        size_argument,
        lambda x, n: x[:n],
        lambda x, n: [x for _ in range(n)],
        lambda x, n: x.sum(axis=n),
        lambda x, n: x.reshape(n, -1),
        lambda x, n: np.arange(n),
        lambda x, n: np.expand_dims(x, n),
        lambda x, n: np.swapaxes(x, n, 0),
        lambda x, n: np.eye(n),
        lambda x, n: np.tile(x, n),
        lambda x, n: np.repeat(x, n),
        lambda x, n: np.split(x, n),
        lambda x, n: np.concatenate((x, x), n),
        lambda x, n: (1, 2, 3)[n],
    ],
)
def test_sizes_and_axes_must_be_known(function):
    text = message(function, X, 1)
    assert text.startswith("an integer is needed here (for a size, an axis, a slice or range())")
    assert "got:      Python int argument n: i64[]" in text
    assert "static_argnames=('n',)" in text


def leak(x, kept):
    kept.value.append(x * 2)
    return x


class Kept:
    def __init__(self):
        self.value = []


def use(x, kept):
    return x + kept.value[0]


def test_leaked_tracer():
    kept = Kept()
    graph_of(lambda x: leak(x, kept), X)
    with pytest.raises(tw.LeakedTracerError) as error:
        run_traced(lambda x: use(x, kept), X)
    assert "a traced array is used after the trace of <lambda> has ended" in str(error.value)
    assert re.search(r"the result of multiply at .*test_errors.py:\d+ in leak", str(error.value))
    assert "hint:     return it from the function instead of storing it" in str(error.value)
    with pytest.raises(tw.LeakedTracerError):
        kept.value[0] + 1
    assert repr(kept.value[0]) == "Traced(f64[3, 4])"


def test_leaked_argument_and_size():
    kept = []
    graph_of(lambda x: kept.extend([x, x.shape[0]]), X, symbolic="equal")
    with pytest.raises(tw.LeakedTracerError, match="argument x: f64"):
        np.sin(kept[0])
    with pytest.raises(tw.LeakedTracerError, match="a size is used after the trace"):
        kept[1] + 1


def test_use_in_another_thread():
    errors = []

    def function(x):
        def work():
            try:
                np.sin(x)
            except tw.LeakedTracerError as error:
                errors.append(str(error))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return x

    graph_of(function, X)
    assert "is used in another thread or trace" in errors[0]


UNSUPPORTED = {
    "np.unique": lambda x: np.unique(x),
    "np.linalg.eig": lambda x: np.linalg.eig(x),
    "np.fft.fft": lambda x: np.fft.fft(x),
    "ndarray.nonzero": lambda x: x.nonzero(),
    "np.multiply.at": lambda x: np.multiply.at(x, [0], 1),
    "np.subtract.reduce": lambda x: np.subtract.reduce(x),
    "x.strides": lambda x: x.strides,
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_unsupported_functions_are_named(name):
    text = message(UNSUPPORTED[name], X)
    assert text.startswith(f"{name} is not supported on traced arrays")
    assert "at:       FILE:+0 in <lambda>" in text


def test_similar_functions_are_named():
    text = message(lambda x: np.array_equiv(x, x), X)
    assert "supported and similar: np.array_equal" in text
    assert "\n  hint" not in message(lambda x: np.unique(x), X)


def test_element_types():
    for function in (
        lambda x: x.astype(complex),
        lambda x: x * 1j,
        lambda x: np.zeros(3, complex) + x,
    ):
        with pytest.raises(tw.DTypeError, match="complex numbers are not supported"):
            run_traced(function, X[:, :3])
    with pytest.raises(tw.DTypeError, match="extended precision is not supported"):
        run_traced(lambda x: x.astype(np.longdouble), X)
    with pytest.raises(tw.DTypeError, match="ufunc 'invert' not supported for the input types"):
        run_traced(lambda x: ~x, X)
    with pytest.raises(tw.DTypeError, match="numpy boolean negative"):
        run_traced(lambda x: -(x > 0), X)


def test_shapes():
    assert message(lambda x: x + np.ones(3), X) == (
        "add: operands could not be broadcast together with shapes (3,4) (3,)\n"
        "  at:       FILE:+0 in <lambda>\n"
        "            assert message(lambda x: x + np.ones(3), X) == (\n"
        "  hint:     add an axis at the end of the shorter array: b[:, None]"
    )
    with pytest.raises(ValueError, match="cannot reshape array of size 12 into shape"):
        run_traced(lambda x: x.reshape(5, -1), X)
    with pytest.raises(np.exceptions.AxisError, match="axis 5 is out of bounds"):
        run_traced(lambda x: x.sum(axis=5), X)


def test_python_int_that_does_not_fit():
    with pytest.raises(OverflowError) as error:
        run_traced(lambda x: x + 300, np.zeros(3, np.int8))
    assert str(error.value).startswith("Python integer 300 out of bounds for int8\n  at:  ")
    assert isinstance(error.value, tw.UserError)


def test_concrete_values_are_asked_for():
    for function, start in (
        (lambda x: float(x.sum()), "a Python float is needed here"),
        (lambda x: int(x.sum()), "int() needs the value"),
        (lambda x: x.item(), "item() needs the value"),
        (lambda x: x.tolist(), "tolist() needs the elements"),
        (lambda x: f"{x.sum():.2f}", "a number format needs the value"),
        (lambda x: complex(x.sum()), "complex() needs the value"),
        (lambda x: np.max([x.sum(), 3]), "a concrete array is needed here"),
        (lambda x: np.float32(x.sum()), "a concrete array is needed here"),
    ):
        assert message(function, X).startswith(start)


def test_generators_are_refused():
    def function(x):
        yield x

    assert message(function, X) == (
        "the function returns a generator, which would run after the trace\n"
        "  at:       FILE:+0 in function\n"
        "            def function(x):\n"
        "  hint:     return a list or a tuple"
    )


def test_reprs():
    found = []
    graph_of(lambda x, n: found.extend([repr(x), repr(x.T), str(n), f"{x}"]), X, 3)
    assert found == ['Traced(f64[3, 4], "x")', "Traced(f64[4, 3])", 'Traced(i64[], "n")', found[0]]


def test_unknown_attributes_do_not_exist():
    assert run_traced(lambda x: hasattr(x, "no_such_thing"), X) is False
    assert run_traced(lambda x: hasattr(x, "__array_interface__"), X) is False
