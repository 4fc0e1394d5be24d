"""Random programs: NumPy and the compiled function agree, whatever the sizes."""

import random

import numpy as np
import pytest

import tensorwright as tw
from support.jitted import Raised, check_calls, difference, outcome
from support.program_blocks import BLOCKS
from support.random_programs import SIZES, SMALL_SIZES, random_program
from support.thorough import one_in

PER_TEST = 5


@pytest.mark.parametrize("seed", one_in(2, range(0, 100, PER_TEST)))
def test_programs(seed):
    for one in range(seed, seed + PER_TEST):
        check(one)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(100, 20_000, 100))
def test_many_programs(seed):
    for one in range(seed, seed + 100):
        check(one)


def check(seed):
    """Sizes fixed, then symbolic in two calls, then with ones and an empty axis."""
    rng = random.Random(seed)
    program = random_program(rng, BLOCKS, rng.randint(3, 12))
    wrong = failure(program, seed)
    if wrong:
        program = reduced(program, seed)
        pytest.fail(f"seed {seed}:\n{program.source}\n{failure(program, seed)}", pytrace=False)


def failure(program, seed):
    """What is wrong with the first call that goes wrong; "" if all are right."""
    function, rng = program.function(), random.Random(seed)
    jitted = tw.jit(function)
    for sizes in (*SIZES, *SMALL_SIZES):
        arguments = program.arguments(rng, sizes)
        expected, found = outcome(function, arguments), outcome(jitted, arguments)
        wrong = difference(found, expected, program.close)
        if wrong and not is_excused(found, expected, sizes):
            return f"with {sizes}: {wrong}"
    return ""


def is_excused(found, expected, sizes):
    """Differences that are meant to be."""
    errors = [r.error for r in (found, expected) if isinstance(r, Raised)]
    # at some sizes a variable is an argument, or a part of one: NumPy changes the caller's array
    if any("would change the caller's array" in str(e) for e in errors):
        return True
    # a wrong index where there is no element to be read, or nobody reads it
    if sizes in SMALL_SIZES and any(isinstance(e, IndexError) for e in errors):
        return True
    # a scalar NaN assigned to integers: an array may be
    if any("cannot convert float" in str(e) for e in errors):
        return True
    # assigning to a broadcast array is an error of another class
    if any("output array is read-only" in str(e) for e in errors) and len(errors) == 2:
        return True
    # `reduced` has taken away what defines a variable
    return any(isinstance(e, NameError) for e in errors)


def reduced(program, seed):
    """The program with all statements left out that the failure does not need."""
    k = 0
    while k < len(program.statements):
        shorter = program.without(k)
        if failure(shorter, seed):
            program = shorter
        else:
            k += 1
    return program


# --- programs that went wrong once ---------------------------------------------------------------

RNG = np.random.default_rng(7)


def arrays(*shapes):
    return [RNG.normal(size=shape) for shape in shapes]


def calls(*shapes):
    """Calls with one array each."""
    return [[x] for x in arrays(*shapes)]


def test_addition_of_an_overlapping_part_in_place():
    def function(x):
        y = np.sqrt(np.abs(x))
        y[1:] += y[:-1]
        return y

    check_calls(function, *calls((4, 5), (7, 18), (9, 33), (40,), (41,)))


def test_values_kept_for_a_later_pass_over_columns():
    def function(x):
        y = np.exp(x - np.max(x, axis=0, keepdims=True))
        return y / y.sum(axis=0, keepdims=True)

    check_calls(function, *calls((4, 5), (9, 33), (40, 70)), close=1e-14)

    def update(x):
        y = x - x.mean(axis=0, keepdims=True)
        y[[0, -1]] = 0.5
        return y

    check_calls(update, *calls((4, 5), (9, 33), (40, 70)), close=1e-14)


def test_new_arrays_with_an_empty_axis():
    def function(x):
        return np.zeros_like(x), np.ones(x.shape), x.reshape(x.shape[0], -1)

    check_calls(function, *calls((4, 5), (7, 8), (0, 3), (3, 0), (0, 8)))


def test_products_with_an_empty_axis():
    sizes = [(m, k, n) for m in (0, 1, 3) for k in (0, 1, 3) for n in (0, 1, 3)]
    check_calls(lambda x, y: x @ y, *(arrays((m, k), (k, n)) for m, k, n in sizes), close=1e-14)
    check_calls(
        lambda x, y: x @ y.T, *(arrays((2, m, k), (n, k)) for m, k, n in sizes), close=1e-14
    )


def test_results_of_shape_0():
    """NumPy gives scalars or arrays, depending on how they are made."""

    def function(x):
        y = np.where(x > 0, x, 1.0)
        return (
            x,
            x[...],
            x + 1,
            y,
            y[()],
            np.array(x),
            [x.copy(), np.array(2.0)],
            x.T,
            x.reshape(()),
        )

    check_calls(function, [np.array(3.0)], [np.float64(3.0)], [np.array(7)])


def test_arrays_made_of_scalars_share_nothing():
    def function(x, k):
        y = x[k]
        made = [y[None], y.reshape(1), np.atleast_1d(y), np.expand_dims(y, 0)]
        for m in made:
            m[...] = 5
        return y, made

    check_calls(function, [np.arange(3.0), 2], [np.arange(4.0), 3])


def test_powers_of_a_bool():
    def function(x):
        return x[0] ** 2, x**2, x[0] ** 3, x**3

    check_calls(function, [np.array([True, False])])


def test_rows_chosen_by_a_number_are_views():
    def function(x, i):
        y = x * 1
        row, column = y[i], y[..., i]
        row[1:] = row[:-1]
        y[0] = 7
        column += i
        y[i][None, :].T[::2] *= 2
        return y, row, column

    for k in (0, 2, -3):
        made = [[x, np.int64(k)] for x in arrays((3, 4), (5, 4), (6, 5))]
        check_calls(function, *made, [np.ones((2, 3)), 5])


def test_read_only_views_see_assignments():
    def function(x):
        y = x * 1
        rows = np.broadcast_to(y[0], y.shape)
        parts = [rows, np.diag(y), np.diagonal(y.T, 1), np.broadcast_arrays(y, y[:1])[1]]
        parts += [np.lib.stride_tricks.sliding_window_view(y, 2, axis=0), np.einsum("ij->ji", y)]
        y[1:] = 2 * y[:-1]
        y[0, 0] = 7
        parts[-1][1] = 5
        return y, parts, [p.T.reshape(-1) for p in parts]

    check_calls(function, *calls((3, 4), (5, 9), (33, 8)))
    check_calls(lambda x: np.einsum("ii->i", x), *calls((3, 3), (5, 5), (3, 4)))
