"""Calls of programs: what stays on the device, what is waited for, and who is told of errors."""

from __future__ import annotations

import inspect
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tensorwright as tw
from support.one_thread import CountingDriver, executable, use
from tensorwright.compiler.errors import DeviceError
from tensorwright.runtime.cuda import calls, memory
from tensorwright.runtime.cuda.arrays import DeviceArray


@pytest.fixture
def device(monkeypatch):
    device = CountingDriver(late=True)
    use(monkeypatch, device)
    return device


def put(values, dtype=None):
    return DeviceArray.from_host(np.array(values, dtype))


def line():
    """The number of the line that calls this."""
    return inspect.currentframe().f_back.f_lineno


def taken(x, i):
    return x[i]


# -- results --------------------------------------------------------------------------------------


def test_results_of_arrays_on_the_host_are_there_too(device):
    total, twice = executable(lambda x: (x.sum(), x * 2), "f64[n]")(np.arange(4.0))
    assert isinstance(total, np.float64) and total == 6.0
    assert twice.tolist() == [0.0, 2.0, 4.0, 6.0]


def test_results_stay_where_an_argument_is(device):
    total, twice = executable(lambda x, y: (x.sum(), x * y), "f64[n]", "f64[n]")(
        put([1.0, 2.0]), np.array([3.0, 4.0])
    )
    assert isinstance(total, DeviceArray) and isinstance(twice, DeviceArray)
    assert (total.shape, twice.shape) == ((), (2,))
    assert np.asarray(twice).tolist() == [3.0, 8.0]


def test_a_call_returns_before_its_kernels_run(device):
    x = put([1.0, 2.0])
    f = executable(lambda x: x * 2, "f64[n]")
    before = device.done["synchronize"]
    (y,) = f(x)
    (z,) = f(y)
    assert device.done["synchronize"] == before
    assert np.asarray(z).tolist() == [4.0, 8.0]


def test_arguments_may_change_when_the_call_has_returned(device):
    x = np.array([1.0, 2.0])
    (y,) = executable(lambda x, y: x + y, "f64[n]", "f64[n]")(x, put([10.0, 20.0]))
    x[:] = 0
    assert np.asarray(y).tolist() == [11.0, 22.0]


def test_sizes_that_do_not_fit_are_not_taken(device):
    f = executable(lambda x, y: x + y, "f64[n]", "f64[n]")
    assert f(np.zeros(3), np.zeros(4)) is NotImplemented
    assert f(np.zeros(3), np.zeros((3, 3))) is NotImplemented


def test_constants_and_arrays_without_elements(device):
    table = np.array([5.0, 7.0, 9.0])
    flags = np.array([True, False, True])
    f = executable(lambda x: (np.where(flags, x, table), x[:0] * 2), "f64[3]")
    chosen, none = f(np.arange(3.0))
    assert chosen.tolist() == [0.0, 7.0, 2.0]
    assert none.shape == (0,)


def test_conditions_are_read_as_soon_as_they_are_needed(device):
    def f(x):
        y = tw.while_loop(lambda x: x.sum() < 100, lambda x: x * 2, x)
        return tw.cond(y.max() > 70, lambda y: y - 1, lambda y: y + 1, y)

    for x in ([1.0, 2.0], [1.0, 40.0], [200.0, 1.0]):
        (y,) = executable(f, "f64[n]")(put(x))
        assert np.asarray(y).tolist() == tw.jit(f)(np.array(x)).tolist()


def test_threads_share_a_program(monkeypatch):
    use(monkeypatch, CountingDriver())

    def f(x):
        y = tw.while_loop(lambda x: x.sum() < 50, lambda x: x * 2 - x.min() / x.max(), x)
        return (y - y.mean()) / y.std(), y[1:]

    run, expected = executable(f, "f64[n]"), tw.jit(f)

    def work(seed):
        x = np.random.default_rng(seed).random(5) + 1
        return all(
            np.allclose(np.asarray(got), wanted, rtol=1e-12)
            for _ in range(10)
            for got, wanted in zip(run(put(x)), expected(x), strict=True)
        )

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(work, range(8)))


# -- loops that record ----------------------------------------------------------------------------


def many_steps(x):
    """Two values are recorded in each of some 40 iterations."""
    return tw.while_loop(lambda x: (x < 3).all(), lambda x: x + np.sin(x) * np.exp(-x) * 0.2, x)


def within_a_scan(x):
    """As many iterations as each row needs; a row of large numbers needs none."""

    def step(total, row):
        row = tw.while_loop(lambda r: r.sum() < 20, lambda r: r * r + 0.5, row)
        return total + (row**2).sum(), row

    return tw.scan(step, np.float64(0), x)[0]


def one_branch_records(x):
    return tw.cond(x.sum() > 3, lambda x: many_steps(x / 8), lambda x: x * x, x)


@pytest.mark.parametrize(
    ("function", "x"),
    [
        (many_steps, np.array([0.05, 0.1, 0.07])),
        (within_a_scan, np.array([[1.0, 0.5], [30.0, 1.0], [2.0, 2.0]])),
        (one_branch_records, np.array([1.0, 2.5])),
        (one_branch_records, np.array([1.0, 1.5])),
    ],
    ids=["many steps", "within a scan", "branch that records", "other branch"],
)
def test_derivatives_of_while_loops(function, x, device):
    def gradient(x):
        return tw.grad(lambda x: (function(x) ** 2).sum())(x)

    f, given = executable(gradient, f"f64{list(x.shape)}"), put(x)
    expected = tw.jit(gradient)(x)
    for _ in range(3):
        (got,) = f(given)
        np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-11)


def test_tapes_are_given_back(device):
    def gradient(x):
        return tw.grad(lambda x: within_a_scan(x))(x)

    f, x = executable(gradient, "f64[3, 2]"), put(np.full((3, 2), 0.6))
    used = []
    for _ in range(3):
        f(x)
        used.append(memory.pool().statistics().in_use)
    assert len(set(used)) == 1


def test_bodies_that_record_become_graphs(device):
    def normalised(x):
        x = tw.while_loop(lambda x: (x < 3).all(), lambda x: x * 1.1 + x.mean() / x.std(), x)
        return x.sum()

    f, x = executable(tw.grad(normalised), "f64[n]"), put([0.05, 0.1, 0.07])
    for _ in range(8):
        f(x)
    assert device.done["graph launch"] > device.done["graph"] > 0


# -- faults in the data ---------------------------------------------------------------------------


def test_programs_without_faults_are_not_watched(device):
    (y,) = executable(lambda x: x * 2, "f64[n]")(put([1.0, 2.0]))
    assert y.block.pending is None


def test_a_fault_is_raised_where_the_result_is_used_and_names_the_call(device):
    f = executable(taken, "f64[n]", "i64[m]")
    (y,) = f(put([1.0, 2.0]), put([0, 5]))
    called = line() - 1
    for _ in range(2):
        with pytest.raises(IndexError) as caught:
            np.asarray(y)
        assert str(caught.value).startswith(
            "index is out of bounds\n  got:      in a call of taken"
        )
        assert f"{__file__}:{called} in test_a_fault" in str(caught.value)


def test_results_made_of_wrong_ones_are_wrong(device):
    x = put([1.0, 2.0, 3.0])
    (bad,) = executable(taken, "f64[n]", "i64[m]")(x, put([0, 5]))
    twice = executable(lambda x: x * 2, "f64[n]")
    (worse,) = twice(bad)
    (good,) = twice(x)
    assert np.asarray(good).tolist() == [2.0, 4.0, 6.0]
    with pytest.raises(IndexError, match="in a call of taken"):
        np.asarray(worse)
    with pytest.raises(IndexError, match="in a call of taken"):
        twice(bad)  # by now it is known


def test_the_first_of_several_faults_is_told(device):
    def first(x, i):
        return x[i]

    f, g = executable(first, "f64[n]", "i64[m]"), executable(taken, "f64[n]", "i64[m]")
    x = put([1.0, 2.0])
    (bad,) = f(x, put([9, 0]))
    (worse,) = g(bad, put([7, 0]))
    with pytest.raises(IndexError, match="in a call of first"):
        np.asarray(worse)


def test_results_without_elements_are_wrong_too(device):
    f = executable(lambda x, i: (x[i], x[i][:0]), "f64[n]", "i64[m]")
    _, none = f(put([1.0, 2.0]), put([0, 5]))
    with pytest.raises(IndexError):
        np.asarray(none)


def test_right_indices_are_forgotten(device):
    f = executable(taken, "f64[n]", "i64[m]")
    (y,) = f(put([1.0, 2.0]), put([1, 0]))
    assert y.block.pending is not None
    assert np.asarray(y).tolist() == [2.0, 1.0]
    assert y.block.pending is None


def test_more_calls_than_there_are_places_for_their_status(device, monkeypatch):
    monkeypatch.setattr(calls, "_SLOTS", 4)
    monkeypatch.setattr(device, "calls", calls.CallLog(device))
    f, x = executable(taken, "f64[n]", "i64[m]"), put([1.0, 2.0])
    results = [f(x, put([k % 3, 0]))[0] for k in range(12)]
    for k, result in enumerate(results):
        if k % 3 == 2:
            with pytest.raises(IndexError):
                np.asarray(result)
        else:
            assert np.asarray(result).tolist() == [k % 3 + 1.0, 1.0]


def test_a_loop_ends_when_its_condition_may_be_garbage(device):
    def f(x, i):
        return tw.while_loop(lambda s: x[s] >= 0, lambda s: s + 1, i)

    with pytest.raises(IndexError, match="out of bounds"):
        executable(f, "f64[n]", "i64[]")(np.ones(5), np.int64(0))


# -- errors of the device -------------------------------------------------------------------------


def test_what_stops_the_device_is_told_with_the_call(device):
    f = executable(lambda x: x * 2, "f64[n]")
    x = put([1.0, 2.0])
    np.asarray(x)  # waits: nothing else can be to blame
    device.failing.add("k0")
    (y,) = f(x)
    called = line() - 1
    with pytest.raises(DeviceError) as caught:
        np.asarray(y)
    assert re.fullmatch(
        r"the GPU stopped: kernel k0 failed\n"
        rf"  got:      .*lambda.*, called at {re.escape(__file__)}:{called} in test_what_stops\S*\n"
        r"  hint:     start a new process: this one can no longer use the GPU",
        str(caught.value),
    )
    with pytest.raises(DeviceError, match="the GPU stopped"):
        f(x)


def test_several_calls_may_be_to_blame(device):
    f, g = executable(lambda x: x * 2, "f64[n]"), executable(taken, "f64[n]", "i64[m]")
    x = put([1.0, 2.0])
    device.failing.add("k0")
    (y,) = f(x)
    g(y, put([0, 0]))
    with pytest.raises(DeviceError, match=r"one of these calls failed: (.|\n)*lambda(.|\n)*taken"):
        np.asarray(y)


def test_a_call_without_memory_leaves_the_device_usable(monkeypatch):
    device = CountingDriver(limit=64 << 20)
    use(monkeypatch, device)
    x = DeviceArray.from_host(np.zeros(3 << 20))
    f = executable(lambda x: (x * 2, x + 1), "f64[n]")
    with pytest.raises(MemoryError, match=r"24\.0 MiB asked for"):
        f(x)
    assert memory.pool().statistics().in_use < 32 << 20
    (total,) = executable(lambda x: x.sum(), "f64[n]")(x)
    assert np.asarray(total) == 0
