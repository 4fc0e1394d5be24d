"""What loops and branches refuse, with the text that users read."""

import numpy as np
import pytest

import tensorwright as tw
from support.tracing import graph_of, message, run_traced

X = np.arange(12.0).reshape(3, 4)
V = np.arange(5.0)


def heading(function, *args):
    """The message without place and source."""
    lines = message(function, *args).split("\n")
    return [line.strip() for line in lines if not line.startswith((" " * 12, "  at:"))]


# --- carries -----------------------------------------------------------------------------------


def other_dtype(x):
    def step(carry, row):
        return {"w": carry["w"] + row, "n": carry["n"]}, None

    start = {"w": np.zeros(4, np.float32), "n": 0}
    return tw.scan(step, start, x)


def test_a_carry_keeps_its_dtype():
    assert message(other_dtype, X) == (
        "tw.scan: the body returns another dtype for carry['w'] than it starts with\n"
        "  got:      f64[4]\n"
        "  expected: f32[4]\n"
        "  at:       FILE:+5 in other_dtype\n"
        "            return tw.scan(step, start, x)\n"
        "  hint:     start with float64, or return x.astype(float32)"
    )


def test_a_carry_keeps_its_shape():
    assert heading(lambda x: tw.scan(lambda c, r: (c[:2], r), x[0], x), X) == [
        "tw.scan: the body returns another shape for carry than it starts with",
        "got:      f64[2]",
        "expected: f64[4]",
        "hint:     a carry keeps its shape: start with the shape that the body returns",
    ]
    assert heading(lambda x: tw.fori_loop(0, 3, lambda i, v: (i, v[1] + x), (0, 0.0)), V) == [
        "tw.fori_loop: the body returns another shape for val[1] than it starts with",
        "got:      f64[5]",
        "expected: Python float",
        "hint:     start with an array of that shape: np.full((5,), value)",
    ]


def test_a_carry_keeps_its_structure():
    assert heading(lambda n: tw.while_loop(lambda v: v[0] < n, lambda v: v[0], (0, n)), 3) == [
        "tw.while_loop: the body returns another structure than it starts with",
        "got:      val",
        "expected: val[0], val[1]",
    ]
    assert heading(lambda x: tw.scan(lambda c, r: (None, None), {"a": 1.0}, x), X) == [
        "tw.scan: the body returns another structure than it starts with",
        "got:      no arrays",
        "expected: carry['a']",
    ]
    assert heading(lambda x: tw.scan(lambda c, r: (list(c), None), (1.0, 2.0), x), X)[1:] == [
        "got:      a list",
        "expected: a tuple",
    ]


def test_other_leaves_of_a_carry_are_constant():
    assert heading(lambda x: tw.scan(lambda c, r: (("b", c[1]), None), ("a", 1.0), x), X) == [
        "tw.scan: the body returns another structure than it starts with",
        "got:      carry[0] = 'b'",
        "expected: carry[0] = 'a'",
    ]


def test_python_numbers_that_would_lose_their_meaning():
    assert heading(lambda x: tw.scan(lambda c, r: (0.5, None), np.int32(1), x), X)[:3] == [
        "tw.scan: the body returns another dtype for carry than it starts with",
        "got:      Python float",
        "expected: i32[]",
    ]


def test_paths_in_counted_loops_without_known_bounds():
    def function(x, n):
        return tw.fori_loop(0, n, lambda i, val: {"a": val["a"].sum()}, {"a": x})

    assert heading(function, X, 3)[0] == (
        "tw.fori_loop: the body returns another shape for val['a'] than it starts with"
    )


# --- xs and lengths ----------------------------------------------------------------------------


def test_arrays_of_different_lengths():
    assert heading(lambda x, v: tw.map(lambda r: r["a"], {"a": x, "b": v}), X, V) == [
        "tw.map: the arrays of xs have different lengths",
        "got:      3 along xs['a'], 5 along xs['b']",
        "hint:     all are walked at once, along their first axes",
    ]
    with pytest.raises(ValueError, match="length and the arrays of xs disagree"):
        run_traced(lambda x: tw.scan(lambda c, r: (c, r), 0, x, length=4), X)


def test_nothing_to_walk_over():
    assert heading(lambda x: tw.map(lambda r: r, [x[0, 0], x]), X) == [
        "tw.map: xs[0] has no axis to walk over",
        "got:      f64[]",
        "hint:     xs is one array, or a structure of arrays: write np.array([...]) for a list of"
        " numbers",
    ]
    assert heading(lambda x: tw.scan(lambda c, r: (c, r), x), X) == [
        "tw.scan: nothing says how many iterations there are",
        "hint:     give length=, or arrays as xs",
    ]


def test_lengths_and_bounds_are_integers():
    assert heading(lambda x: tw.scan(lambda c, r: (c, r), x, length=-1), X)[0] == (
        "tw.scan: length is negative"
    )
    text = message(lambda x, n: tw.scan(lambda c, r: (c, r), x, length=n), X, 3)
    assert text.startswith("an integer is needed here")
    for bound in (2.0, X[0], None):
        with pytest.raises(tw.DTypeError, match=r"tw.fori_loop: upper has to be an integer"):
            run_traced(lambda x, b=bound: tw.fori_loop(0, b, lambda i, v: v, x), X)
    with pytest.raises(tw.DTypeError, match=r"tw.fori_loop: lower has to be an integer"):
        run_traced(lambda x, n: tw.fori_loop(n, 3, lambda i, v: v, x), X, 1.0)


def test_bodies_of_scans_return_pairs():
    assert heading(lambda x: tw.scan(lambda c, r: c + r.sum(), 0.0, x), X) == [
        "tw.scan: the body does not return a pair (next carry, y)",
        "got:      f64[]",
        "hint:     return carry, None if there is nothing to stack",
    ]


def test_results_that_would_run_after_the_trace():
    text = message(lambda x: tw.map(lambda r: (e for e in r), x), X)
    assert text.startswith("the function returns a generator")


@pytest.mark.parametrize("budget", [0, -5])
def test_memory_budgets_are_positive(budget):
    with pytest.raises(ValueError, match="memory_budget is a number of bytes above 0"):
        tw.scan(lambda c, r: (c, r), 0, X, memory_budget=budget)
    with pytest.raises(ValueError, match="memory_budget is a number of bytes above 0"):
        tw.while_loop(lambda v: v < 3, lambda v: v + 1, 0, memory_budget=budget)


# --- conditions and branches -------------------------------------------------------------------


def test_conditions_are_one_value():
    assert heading(lambda x: tw.cond(x > 0, lambda: 1, lambda: 2), X) == [
        "tw.cond: the condition has to be one value",
        "got:      bool[3, 4]",
        "hint:     reduce it with np.any or np.all",
    ]
    assert heading(lambda x: tw.while_loop(lambda v: v > 0, lambda v: v - 1, x), V) == [
        "the condition of tw.while_loop has to be one value",
        "got:      bool[5]",
        "hint:     reduce it with np.any or np.all",
    ]


def test_indices_of_branches():
    assert heading(lambda x: tw.switch(x[0], [lambda: 1, lambda: 2]), V) == [
        "tw.switch: the index has to be an integer",
        "got:      f64[]",
    ]
    with pytest.raises(ValueError, match="there are no branches"):
        tw.switch(0, [])


def test_branches_return_one_type():
    assert heading(lambda x: tw.cond(x[0] > 0, lambda: x, lambda: {"a": x}), V) == [
        "tw.cond: false_fun returns another structure than true_fun",
        "got:      result['a']",
        "expected: result",
    ]
    assert heading(lambda x: tw.cond(x[0] > 0, lambda: (x, 1), lambda: (x[1:], 1)), V) == [
        "tw.cond: false_fun returns another shape for result[0] than true_fun",
        "got:      f64[4]",
        "expected: f64[5]",
        "hint:     give both the same shape, for instance with np.broadcast_to or np.full",
    ]
    branches = [lambda x: x, lambda x: x * 2, lambda x: x > 0]
    assert heading(lambda k, x: tw.switch(k, branches, x), 1, V) == [
        "tw.switch: branch 2 returns another dtype for result than branch 0",
        "got:      bool[5]",
        "expected: f64[5]",
        "hint:     convert one of them with astype",
    ]


def test_branches_do_not_change_their_operands():
    def change(d):
        d["a"] = 1
        return 0

    text = message(lambda x: tw.cond(x[0] > 0, change, lambda d: 0, {"a": x}), V)
    assert text.startswith("the function changes its argument d, a dict of the caller's")


# --- arrays from outside -----------------------------------------------------------------------


def assign(x):
    total = np.zeros(4) + x[0]

    def step(carry, row):
        total[0] = carry
        return carry + 1, None

    return tw.scan(step, 0, x), total


def test_assigning_to_an_array_from_outside():
    assert message(assign, X) == (
        "the body of tw.scan assigns to an array that is made outside of it\n"
        "  got:      f64[4], the result of add at FILE:+1 in assign\n"
        "  at:       FILE:+4 in step\n"
        "            total[0] = carry\n"
        "  hint:     return it from the body as part of the carry"
    )


def _in_place(target, row):
    target += row


ASSIGNMENTS = {
    "item": lambda a, row: a.__setitem__(0, row[0]),
    "in place": _in_place,
    "out": lambda a, row: np.add(a, row, out=a),
    "view": lambda a, row: a[1:].__setitem__(0, row[0]),
    "mask": lambda a, row: a.__setitem__(row > 0, 1.0),
    "fill": lambda a, row: a.fill(3),
    "constant": lambda a, row: a.__setitem__(0, 1.0),
    "copyto": lambda a, row: np.copyto(a, row),
}


@pytest.mark.parametrize("name", ASSIGNMENTS)
@pytest.mark.parametrize("known", [False, True])
def test_every_way_of_assigning(name, known):
    def function(x):
        array = np.zeros(4) if known else x[0] * 2
        view = array[:]

        def step(carry, row):
            ASSIGNMENTS[name](view if name == "out" else array, row)
            return carry, None

        return tw.scan(step, 0, x)

    text = message(function, X)
    assert text.startswith("the body of tw.scan assigns to an array that is made outside of it")


def test_assigning_in_branches_conditions_and_inner_loops():
    def in_branch(x):
        made = x * 2
        return tw.cond(x[0] > 0, lambda: made.fill(1), lambda: None)

    assert heading(in_branch, V) == [
        "a branch of tw.cond assigns to an array that is made outside of it",
        "got:      f64[5], the result of multiply at FILE:+1 in in_branch",
        "hint:     return the new array from every branch, and use what the branches return",
    ]

    def in_inner_loop(x):
        def outer(i, val):
            return tw.fori_loop(0, 2, lambda j, v: (val.fill(1), v)[1], val)

        return tw.fori_loop(0, 2, outer, x)

    assert heading(in_inner_loop, V)[:2] == [
        "the body of tw.fori_loop assigns to an array that is made outside of it",
        "got:      argument val of outer: f64[5]",
    ]
    assert heading(lambda x: tw.while_loop(lambda v: v.fill(1), lambda v: v, x), V)[:2] == [
        "the condition of a loop must not change what the loop carries",
        "got:      argument val of <lambda>: f64[5]",
    ]


def test_assigning_to_slices():
    assert heading(lambda x: tw.map(lambda row: row.fill(0), x), X) == [
        "assigning to a slice of xs would not change xs",
        "got:      argument x of <lambda>: f64[4]",
        "hint:     copy it first: x = x.copy()",
    ]


# --- leaks -------------------------------------------------------------------------------------


def leak(x):
    kept = []

    def step(carry, row):
        kept.append(row * 2)
        return carry, None

    tw.scan(step, 0, x)
    return kept[0] + 1


def test_arrays_of_a_body_used_outside():
    assert message(leak, X) == (
        "a traced array of the body of tw.scan is used after that has ended\n"
        "  got:      f64[4], the result of multiply at FILE:+4 in step\n"
        "  at:       FILE:+8 in leak\n"
        "            return kept[0] + 1\n"
        "  hint:     return it from the body as part of the carry, or of the results"
    )


def test_every_use_of_a_leaked_array():
    uses = {
        "returned": lambda a, x: a,
        "read": lambda a, x: np.sin(a),
        "viewed": lambda a, x: a[1:] * 2,
        "assigned to": lambda a, x: a.fill(1),
        "assigned": lambda a, x: (x * 2).__setitem__(0, a),
        "captured": lambda a, x: tw.map(lambda row: row + a, x),
        "carried": lambda a, x: tw.scan(lambda c, row: (c, None), a, x),
        "argument": lambda a, x: tw.scan(lambda c, row: (c + a, None), a, x),
        "condition": lambda a, x: tw.cond(a[0] > 0, lambda: 1, lambda: 2),
    }
    for name, use in uses.items():

        def function(x, use=use):
            kept = []
            tw.map(lambda row: kept.append(row), x)
            return use(kept[0], x)

        with pytest.raises(tw.LeakedTracerError) as error:
            run_traced(function, X)
        assert "a traced array of the body of tw.map is used" in str(error.value), name
        assert "got:      argument x of <lambda>: f64[4]" in str(error.value), name


def test_selections_of_a_body_used_outside():
    for use in (lambda s: s.size, lambda s: s.sum(), lambda s: (s + 1).sum(), np.max):

        def function(x, use=use):
            kept = []
            tw.map(lambda row: kept.append(row[row > 1]), x)
            return use(kept[0])

        with pytest.raises(tw.LeakedTracerError, match=r"of the body of tw\.map is used after"):
            run_traced(function, X)


def test_leaks_between_branches():
    def function(x):
        kept = []
        return tw.cond(x[0] > 0, lambda: kept.append(x * 2), lambda: kept[0] + 1)

    assert message(function, V).startswith(
        "a traced array of a branch of tw.cond is used after that has ended"
    )


def test_leaks_after_the_trace():
    kept = []
    graph_of(lambda x: tw.map(lambda row: kept.append(row), x), X)
    with pytest.raises(tw.LeakedTracerError, match="used after the trace of <lambda> has ended"):
        kept[0] + 1
    with pytest.raises(tw.LeakedTracerError):
        tw.cond(kept[0][0] > 0, lambda: 1, lambda: 2)


# --- Python's own statements -------------------------------------------------------------------


def test_static_arguments_are_not_advised_for_values_of_a_body():
    def function(x):
        return tw.fori_loop(0, 3, lambda i, v: v * 2 if i else v, x)

    text = message(function, X)
    assert "got:      Python int argument i of <lambda>: i64[]" in text
    assert "tw.cond(condition, f, g)" in text
    assert "static_argnames" not in text
