"""Loops and branches give what the same code gives as plain Python with NumPy."""

import copy
from typing import NamedTuple

import numpy as np
import pytest

import tensorwright as tw
from support import plain_control as plain
from support.tracing import assert_same, graph_of, run_traced

X = np.arange(12.0).reshape(3, 4) - 4
V = np.linspace(-1, 2, 5)
I8 = np.arange(5, dtype=np.int8)


def check(function, *args, rtol=0.0, sizes=("", "equal", "apart")):
    """`function(m, *args)` with m = tw, by the interpreter and natively, and with plain loops."""
    expected = function(plain, *copy.deepcopy(args))
    for symbolic in sizes:
        found = run_traced(lambda *a: function(tw, *a), *args, symbolic=symbolic)
        assert_same(found, expected, rtol)
    found = tw.jit(lambda *a: function(tw, *a))(*args)
    assert_same(found, expected, rtol)


# --- scan --------------------------------------------------------------------------------------


def test_scan_carries_and_stacks():
    def function(m, x):
        def step(carry, row):
            total = carry + row.sum()
            return total, (total, row * 2)

        return m.scan(step, 0.0, x)

    check(function, X)


def test_scan_in_reverse_leaves_results_in_place():
    check(lambda m, v: m.scan(lambda c, x: (c * 2 + x, c), 1.0, v, reverse=True), V)


def test_scan_of_nested_structures():
    class State(NamedTuple):
        place: object
        speed: object

    def function(m, x, v):
        def step(state, force):
            speed = state.speed + force["f"] * 0.1 - force["drag"][0] * state.speed
            made = State(state.place + speed, speed)
            return made, {"place": made.place, "both": [made.speed, made.place]}

        forces = {"f": x, "drag": (v[:3],)}
        last, path = m.scan(step, State(np.zeros(4), np.ones(4)), forces)
        return tuple(last), path

    check(function, X, V)


def test_scan_by_length_alone():
    check(lambda m, v: m.scan(lambda c, x: (c * 2, c), v, length=4), V)
    check(lambda m, v: m.scan(lambda c, x: (c + v, None), v, None, 3), V)


def test_scan_with_a_size_as_length():
    def function(m, v):
        return m.scan(lambda c, x: (c + 1, c), 0, length=v.shape[0] - 1)

    check(function, V)


def test_scan_without_carry_or_without_results():
    check(lambda m, x: m.scan(lambda c, row: (None, row + 1), None, x), X)
    check(lambda m, x: m.scan(lambda c, row: (c + row, None), np.zeros(4), x), X)
    check(lambda m, x: m.scan(lambda c, row: (None, None), None, x), X)


@pytest.mark.parametrize("dtype", ["int8", "int32", "uint16", "float32", "float64", "bool"])
def test_scan_keeps_dtypes(dtype):
    x = np.arange(6).astype(dtype)

    def function(m, x):
        return m.scan(lambda c, e: (c | e if e.dtype.kind == "b" else c + e, c), x[0], x)

    check(function, x)


def test_scan_of_nothing():
    x = np.zeros((0, 3), np.float32)
    for native in (False, True):
        run = tw.jit if native else lambda f: lambda *a: run_traced(f, *a)
        found = run(lambda x: tw.scan(lambda c, r: (c + r.sum(), (c, r * 2)), np.float32(5), x))(x)
        empty = (np.zeros(0, np.float32), np.zeros((0, 3), np.float32))
        assert_same(found, (np.float32(5), empty))
    assert tw.scan(lambda c, _: (c + 1, None), 7, length=0) == (7, None)


def test_results_that_do_not_depend_on_the_slice():
    check(lambda m, x: m.scan(lambda c, row: (c, (1.5, np.arange(3), c)), 2, x), X)


def test_bodies_may_assign_to_their_carry():
    def function(m, x):
        def step(carry, row):
            carry[1:] += row[1:]
            carry[0] = row.max()
            return carry, carry.copy()

        return m.scan(step, np.zeros(4), x)

    check(function, X)


def test_the_start_of_a_carry_is_left_alone():
    def function(x):
        start = np.zeros(4)

        def step(carry, row):
            carry += row
            return carry, None

        return tw.scan(step, start, x)[0], start

    assert_same(run_traced(function, X), (X.sum(axis=0), np.zeros(4)))


def test_arrays_made_in_a_body_may_be_assigned_to():
    def function(m, x):
        def step(carry, row):
            made = np.zeros(5)
            made[1:] = row
            made[0] = carry
            return carry + 1, made

        return m.scan(step, 0, x)

    check(function, X)


def test_programs_for_any_size():
    def function(m, x, v):
        def step(carry, both):
            row, e = both
            return carry + row * e + v[0], (row.sum(), m.fori_loop(0, x.shape[0], _add, e))

        return m.scan(step, x[0] * 0, (x, v)), m.map(lambda row: row[::-1], x)

    jitted = tw.jit(lambda x, v: function(tw, x, v))
    for rows, columns in ((3, 4), (5, 4), (7, 2), (2, 9), (1, 3), (40, 6)):
        x, v = np.arange(1.0, 1 + rows * columns).reshape(rows, columns), np.arange(1.0, 1 + rows)
        assert_same(jitted(x, v), function(plain, x, v))


def test_results_are_arrays_of_their_own():
    for function in (
        lambda x: tw.fori_loop(0, 3, lambda i, v: v, x),
        lambda x: tw.fori_loop(0, 0, lambda i, v: v + 1, x),
        lambda x: tw.while_loop(lambda v: v[0, 0] > 100, lambda v: v, x),
        lambda x: tw.cond(x[0, 0] < 1, lambda: x, lambda: x),
        lambda x: tw.map(lambda row: row, x),
    ):
        found = tw.jit(function)(X)
        assert_same(found, X)
        assert not np.shares_memory(found, X)


# --- what bodies read from outside -------------------------------------------------------------


def test_closures_over_traced_arrays_constants_and_sizes():
    table = np.array([3.0, -1.0, 2.0, 0.5])

    def function(m, x, scale):
        doubled = x * 2
        columns = doubled.T  # a view, first read in the body

        def step(carry, row):
            inner = row * scale + table + columns[:, 0] + x.shape[0]
            return carry + inner.sum(), inner

        return m.scan(step, 0.0, x), columns[0], doubled.sum()

    check(function, X, 3)


def test_views_read_inside_and_outside():
    def function(m, x):
        made = x + 1
        row = made[1]
        last, _ = m.scan(lambda c, r: (c + row * r, None), np.zeros(4), x)
        made[1] = 7
        other, _ = m.scan(lambda c, r: (c + row, None), np.zeros(4), x)
        return last, other, row + 0

    check(function, X)


def test_known_arrays_are_read_in_bodies():
    def function(m, x):
        index = np.arange(4)
        return m.scan(lambda c, r: (c + r[index[2]] * index, r[int(index[1])]), np.zeros(4), x)

    check(function, X)


def test_selections_by_masks():
    def function(m, x):
        mask = x[0] > -3
        return m.scan(lambda c, r: (c + r[mask].sum() + x[0][mask].sum(), None), 0.0, x)

    check(function, X, rtol=1e-15)


def test_constants_are_not_captured():
    graph = graph_of(lambda x: tw.scan(lambda c, r: (c + r * np.ones(4), None), 0 * x[0], x)[0], X)
    (loop,) = (node for node in graph.nodes if node.op.name == "scan")
    assert len(loop.inputs) == 2
    assert len(loop.attrs["body"].inputs) == 2


def test_guards_stay_on_the_function():
    def function(x):
        def step(carry, row):
            return carry + (row[:3].sum() if row.shape[0] > 3 else 0.0), None

        return tw.scan(step, 0.0, x)[0]

    graph = graph_of(function, X, symbolic="apart")
    (loop,) = (node for node in graph.nodes if node.op.name == "scan")
    assert [str(g) for g in graph.guards] == ["d1 - 4 >= 0"]
    assert not loop.attrs["body"].guards


def test_restarts_pass_through_regions():
    def function(m, x):
        return m.scan(lambda c, row: (c + row.reshape(2, 2).sum(), int(row.shape[0])), 0.0, x)

    check(function, X)


def test_errors_leave_the_trace_usable():
    def function(x):
        try:
            tw.scan(lambda c, row: (c + row.reshape(5), None), 0.0, x)
        except ValueError:
            return x * 2

    assert_same(run_traced(function, X), X * 2)


# --- nesting -----------------------------------------------------------------------------------


def test_nested_loops_capture_through_one_another():
    def function(m, x, v, k):
        offset = v.sum() * k

        def outer(carry, row):
            scaled = row * carry

            def inner(total, e):
                return total + e * offset + scaled[0] + carry, total

            total, all_of_them = m.scan(inner, 0.0, scaled)
            return carry + 1, (total, all_of_them)

        return m.scan(outer, 1.0, x)

    check(function, X, V, 2, rtol=1e-14)


def test_every_form_inside_of_every_other():
    def function(m, x, n):
        def body(i, val):
            grown = m.cond(
                val[0] > n,
                lambda v: m.scan(lambda c, e: (c + e, e * n), 0.0, v)[1],
                lambda v: m.fori_loop(0, n, lambda j, w: w + i * j, v),
                val,
            )
            halved = m.while_loop(lambda w: w.max() > 9, lambda w: w / 2, grown)
            return m.switch(i, [lambda: halved, lambda: halved + n, lambda: -halved])

        return m.map(lambda row: m.fori_loop(0, 4, body, row), x)

    check(function, X, 3)


def test_jitted_functions_as_bodies():
    @tw.jit
    def step(carry, row):
        return carry + row.sum(), row[0]

    check(lambda m, x: m.scan(step, 0.0, x), X)


# --- types of carries --------------------------------------------------------------------------


def test_python_numbers_take_the_types_of_the_body():
    x = V.astype(np.float32)
    check(lambda m, x: m.scan(lambda c, e: (c + e, c * 1), 0.0, x[1:])[0], x)
    check(lambda m, x: m.scan(lambda c, e: (c + e, None), 0, x), V)
    check(lambda m, x: m.scan(lambda c, e: (c + 0.5, None), 0, x), V)
    check(lambda m, x: m.scan(lambda c, e: (c + e, None), 0, x), I8)
    check(lambda m, x: m.scan(lambda c, e: (e > 0, c), False, x)[0], V)
    check(lambda m, x: m.scan(lambda c, e: (c + 1, None), 0, x), V)


def test_types_grow_from_carry_to_carry():
    def function(m, x):
        return m.scan(lambda c, e: ((c[1], c[2], e), None), (0, 0, 0), x)

    check(function, V)


def test_python_numbers_returned_for_typed_carries():
    x = V.astype(np.float32)

    def function(x):
        return tw.scan(lambda c, e: (1, c), x[0], x)

    assert_same(run_traced(function, x), (np.float32(1), np.append(x[0], np.ones(4, np.float32))))


def test_arrays_without_axes_and_scalars():
    check(lambda m, x: m.scan(lambda c, e: (c + e, None), np.zeros(()), x), V)

    def assign(m, x):
        def step(carry, e):
            carry[...] = carry + e
            return carry, None

        return m.scan(step, np.zeros(()), x)

    check(assign, V)


def test_none_and_strings_are_passed_through():
    seen = []

    def function(m, x):
        def step(carry, row):
            seen.append(carry["kind"])
            return {**carry, "sum": carry["sum"] + row}, ("row", row)

        return m.scan(step, {"kind": "running", "none": None, "sum": np.zeros(4)}, x)[0]

    check(function, X)
    assert set(seen) == {"running"}


# --- counting ----------------------------------------------------------------------------------


@pytest.mark.parametrize("bounds", [(0, 5), (2, 4), (-3, 2), (3, 3), (4, 1)])
def test_fori_loop(bounds):
    lower, upper = bounds

    def body(i, val):
        return val + val[i] * i

    check(lambda m, v: m.fori_loop(lower, upper, body, v), V)
    check(lambda m, v, lower, upper: m.fori_loop(lower, upper, body, v), V, lower, upper)
    check(lambda m, v, upper: m.fori_loop(lower, upper, body, v), V, upper)
    check(lambda m, v, lower: m.fori_loop(lower, upper, body, v), V, np.int8(lower))


def test_the_index_is_a_python_int():
    x = V.astype(np.float32)
    check(lambda m, x: m.fori_loop(0, 3, lambda i, val: val * i + i / 2, x), x)
    check(lambda m, x, n: m.fori_loop(0, n, lambda i, val: val * i + i / 2, x), x, 3)


def test_fori_loop_over_sizes():
    def function(m, x):
        n = x.shape[0]
        body = lambda i, val: val + x[i] * x[n - 1 - i]  # noqa: E731
        return m.fori_loop(0, n, body, np.zeros(4)), m.fori_loop(n - 2, n, body, x[0])

    check(function, X)
    graph = graph_of(lambda x: function(tw, x), X, symbolic="apart")
    assert [str(n.attrs["length"]) for n in graph.nodes if n.op.name == "scan"] == ["d0", "2"]


def test_counted_loops_are_scans_where_the_bounds_are_known():
    names = [n.op.name for n in graph_of(lambda v: tw.fori_loop(0, 3, _add, v), V).nodes]
    assert names == ["iota", "scan"]
    names = [n.op.name for n in graph_of(lambda v, n: tw.fori_loop(0, n, _add, v), V, 3).nodes]
    assert names == ["constant", "while"]


def _add(i, val):
    return val + i


# --- while -------------------------------------------------------------------------------------


def test_while_loop():
    def newton(m, v):
        def is_far(state):
            x, k = state
            return (np.abs(x * x - v * v).max() > 1e-9) & (k < 50)

        def step(state):
            x, k = state
            return (x + v * v / x) / 2, k + 1

        return m.while_loop(is_far, step, (np.ones(5), 0))

    check(newton, V)


def test_conditions_that_are_numbers_or_constants():
    check(lambda m, n: m.while_loop(lambda k: k, lambda k: k - 1, n), 5)
    check(lambda m, n: m.while_loop(lambda k: k % 4.0, lambda k: k - 1, n), 6.0)
    check(lambda m, n: m.while_loop(lambda k: False, lambda k: k - 1, n), 5)


def test_regions_of_a_while_share_their_captures():
    def function(m, x, n):
        limit, step = x.sum() + n, n * 2.0
        return m.while_loop(lambda k: k < limit, lambda k: k + step + x[0, 1], 0.0)

    check(function, np.abs(X), 3)


# --- branches ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 3])
def test_cond(n):
    def function(m, x, n):
        return m.cond(n > 1, lambda a, b: (a + b, {"k": 1}), lambda a, b: (a * b, {"k": 2}), x, n)

    check(function, X, n)


def test_only_the_chosen_branch_runs():
    def function(m, v, k):
        return m.cond(k < 5, lambda: v[k], lambda: v[0])

    check(function, V, 3)
    check(function, V, 7)


def test_conditions_known_while_tracing():
    calls = []

    def function(x):
        first = tw.cond(True, lambda: x, lambda: calls.append("never"))
        second = tw.cond(x.shape[0] > 9, lambda: calls.append("never"), lambda: "text")
        third = tw.cond(np.arange(3)[0] == 0, lambda: 3, lambda: calls.append("never"))
        return first, second, third, tw.switch(5, [lambda: 1, lambda: 2])

    assert_same(run_traced(function, X), (X, "text", 3, 2))
    assert not calls


@pytest.mark.parametrize("index", [-3, 0, 1, 2, 9])
def test_switch(index):
    def function(m, x, k):
        return m.switch(k, [lambda a: a + 1, lambda a: a * 2, lambda a: -a], x)

    check(function, X, index)
    check(function, X, np.int8(index))


def test_switch_of_large_unsigned_numbers():
    last = run_traced(lambda k: tw.switch(k, [lambda: 1, lambda: 2]), np.uint64(2**64 - 1))
    assert last == 2


def test_branches_agree_on_python_numbers():
    x = V.astype(np.float32)
    one_or_element = lambda x, n: tw.cond(n > 1, lambda: x[0], lambda: 1)  # noqa: E731
    assert_same(run_traced(one_or_element, x, 1), np.float32(1))
    assert_same(run_traced(one_or_element, x, 2), x[0])
    assert_same(run_traced(lambda n: tw.cond(n > 1, lambda: 2, lambda: 0.5), 3), 2.0)
    found = run_traced(lambda n: tw.cond(n > 1, lambda: None, lambda: None), 3)
    assert found is None


def test_functions_of_a_while_loop_may_take_one_argument_per_variable():
    def double(k, x):
        return [k + 1, x * 2]

    @tw.jit
    def grow(x, n):
        k, x = tw.while_loop(lambda k, x: (k < n) & (x.sum() < 100), double, (0, x))
        return k, x + 1

    k, x = grow(np.ones(3), 4)
    assert (k, x.tolist()) == (4, [17.0, 17.0, 17.0])
    slope = tw.grad(lambda x: tw.while_loop(lambda k, x: k < 3, double, [0, x])[1].sum())
    assert slope(np.ones(2)).tolist() == [8.0, 8.0]
