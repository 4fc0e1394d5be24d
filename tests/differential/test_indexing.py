"""x[index] and x[index] = value, compiled and run, against NumPy itself."""

import itertools

import numpy as np
import pytest

from support.expressions import check_expressions, check_statements

RNG = np.random.default_rng(17)


def numbers(shape, dtype="f8"):
    return np.asarray(RNG.integers(0, 100, shape)).astype(dtype)


def calls(*shapes, **more):
    return [{"x": numbers(shape), **more} for shape in shapes]


BOUNDS = ("", "0", "1", "3", "-1", "-3", "6", "-20", "20")
STEPS = ("", "1", "2", "-1", "-3", "7")
SLICES = [
    f"{start}:{stop}:{step}" for start, stop, step in itertools.product(BOUNDS, BOUNDS, STEPS)
]


@pytest.mark.parametrize("part", range(4))
def test_slices(part):
    """Every kind of start, stop and step; sizes known and symbolic."""
    expressions = [f"x[{s}]" for s in SLICES[part::4]]
    check_expressions(expressions, *calls((7,), (12,), (29,)), together=130)
    for size in (0, 1, 2):
        check_expressions(expressions, *calls((size,)), together=130)


def test_slices_whose_bounds_pass_through_symbolic_sizes():
    """A bound that lies inside of one array lies outside of another."""
    expressions = ["x[5:]", "x[:9]", "x[-9:]", "x[12:3:-1]", "x[-8:-2]", "x[3:-3]", "x[20:5:-2]"]
    expressions += ["x[: x.shape[0] // 2]", "x[x.shape[0] - 4 :]", "x[:: x.shape[0] // 4 + 1]"]
    sizes = (7, 12, 29, 5, 8, 2, 9, 3, 13, 4, 21)
    check_expressions(expressions, *calls(*((n,) for n in sizes)), together=1)


def test_basic():
    expressions = [
        "x[0]",
        "x[-1]",
        "x[1, 2]",
        "x[:, -1]",
        "x[..., 0]",
        "x[0, ...]",
        "x[...]",
        "x[()]",
        "x[None]",
        "x[:, None, ::-1]",
        "x[..., None, 1]",
        "x[1:, ::2][0, 1:]",
        "x[::-1, ::-1].T[1:]",
        "x[1][2]",
        "x[0, 1, 2]",
        "x[0, 0, 0, 0]",
        "x[..., ...]",
        "x[5]",
        "x[-9, 0]",
        "x[np.int8(1)]",
        "x[np.newaxis, 1:2, None]",
        "x[:0]",
        "x[3:3, 1]",
        "x[1.0]",
        "x['a']",
        "x[slice(1, None), slice(None, None, -2)]",
    ]
    for shapes in (
        [(3, 4), (6, 18)],
        [(2, 3, 4), (7, 5, 9)],
        [(3,), (8,)],
        [()],
        [(1, 1)],
        [(0, 4)],
    ):
        check_expressions(expressions, *calls(*shapes))


def test_integer_arrays():
    expressions = [
        "x[[0, 2, 1]]",
        "x[[-1, 0]]",
        "x[[1]]",
        "x[np.array([[0, 1], [2, 0]])]",
        "x[:, [0, 2]]",
        "x[[0, 1], [1, 2]]",
        "x[[[0], [1]], [1, 2]]",
        "x[[0, 2], ::-1]",
        "x[..., [1, 1, 0]]",
        "x[None, [0, 1]]",
        "x[[0, 1], None, 1:]",
        "x[[2, 1, 0]]",
        "x[[0, 2]][:, [1, 0]]",
        "x[[5]]",
        "x[[-9]]",
        "x[[True, False, True]]",
        "x[np.arange(2)]",
        "x[np.arange(x.shape[0])[::-1]]",
        "x[np.arange(3) % 2, np.arange(3)]",
        "x[np.ix_([0, 2], [1, 0])]",
        "x[[]]",
        "np.take(x, [2, 0])",
        "np.take(x, [[1, 0]], axis=1)",
        "np.take(x, 1, axis=0)",
        "np.take(x, [7, -8], mode='wrap')",
        "np.take(x, [7, -8], axis=-1, mode='clip')",
        "x.take([0, 1], axis=0)",
        "np.take_along_axis(x, np.argmax(x, axis=0, keepdims=True), axis=0)",
    ]
    check_expressions(expressions, *calls((3, 4), (3, 18)))
    check_expressions(expressions, *calls((3, 3), (9, 6)))
    check_expressions(expressions[:10], *calls((3, 4, 5), (6, 3, 8)))


def test_traced_positions():
    index = RNG.integers(-3, 3, (2, 5))
    expressions = [
        "x[i]",
        "x[i[0]]",
        "x[i, i]",
        "x[:, i]",
        "x[i[0], :, None]",
        "x[1, i]",
        "x[i, 1]",
        "x[i[:, 0], 1:]",
        "x[i.astype('i1')]",
        "x[abs(i).astype('u2')]",
        "x[i[0, 0]]",
        "x[i[0, 0], i[1, 1]]",
        "x[..., i]",
        "x[i // 9 * 5]",
        "np.take(x, i, axis=1)",
        "np.take_along_axis(x, i[0][:3, None], axis=1)",
    ]
    check_expressions(expressions, *calls((3, 4), (3, 6), (9, 4), i=index))
    check_expressions(["x[i]", "x[i, i]", "x[:, i[0]]"], *calls((0, 3), (3, 0), i=index))
    wrong = [{"x": numbers((3, 4)), "i": np.array(k)} for k in ([0, 3], [-4], [1, 2], [10**9])]
    check_expressions(["x[i]"], *wrong)


STATEMENTS = [
    "y[0] = 1",
    "y[1:-1] = 0",
    "y[::2] = y[1::2][:1]",
    "y[::-1] = x",
    "y[...] = x[::-1]",
    "y[:, 1] = x[:, 0]",
    "y[:, ::2] += 1",
    "y[1:] += y[:-1]",
    "y[:-1] = y[1:]",
    "y[1:] = y[:-1] * 2",
    "y[1:, 1:] -= y[:-1, :-1]",
    "y.T[0] = 5",
    "y.T[1:] = y.T[:-1]",
    "y[0][1] = 9",
    "y[None, 0] = 3",
    "y[-1, ...] = np.arange(y.shape[-1])",
    "y[:1] = [[7]]",
    "y[0], y[1] = y[1].copy(), y[0].copy()",
    "y[0], y[1] = y[1], y[0]",
    "y[1:3] = 2.7",
    "y[:] = True",
    "y += x",
    "y *= y[::-1]",
    "y -= y.sum()",
    "z = y[1:]\nz[0] = 4\ny[1:] *= 2\ny = [y, z]",
    "z = y.reshape(-1)\nz[::3] = 0\ny = [y, z]",
    "z = y.T.reshape(-1)\nz[::3] = 0\ny = [y, z]",
    "z = y[::-1].T\nz += np.arange(z.shape[-1])\ny = [y, z]",
    "z = y[0]\ny[0] = 5\ny = [y, z]",
    "z = y\nz[0] = 5\ny = [y, z]",
    "z = y\nz = z + 1\nz[0] = 5\ny = [y, z]",
    "z = y.copy()\nz[0] = 5\ny = [y, z]",
    "y.fill(3)",
    "y[:0] = 5",
    "y[x > 50] = 0",
    "y[x > 50] += 1",
    "y[y > 50] = y.max()",
    "y[:, y[0] > 50] = -1",
    "y[[0, 2]] = 7",
    "y[[0, 2]] = y[[2, 0]]",
    "y[[0, 0]] += 1",
    "y[:, [1, 0]] = x[:, :2]",
    "y[[0, 1], [1, 0]] = [5, 6]",
    "y[[-1]] = np.arange(y.shape[1])",
    "np.add(y, 1, out=y)",
    "np.multiply(y[1:], y[:-1], out=y[1:])",
    "np.copyto(y, 4)",
    "np.copyto(y, x[0], where=x > 40)",
    "np.fill_diagonal(y, 0)",
    "np.putmask(y, y > 40, -y)",
    "for i in range(1, 3):\n    y[i] = y[i - 1] + x[i]",
    "for i in range(y.shape[0]):\n    y[i, i % 3] = i",
    "for row in y:\n    row[0] = 1\n    row *= 2",
    "y[1:-1, 1:-1] = (y[:-2, 1:-1] + y[2:, 1:-1] + y[1:-1, :-2] + y[1:-1, 2:]) / 4",
    "y[5] = 0",
    "y[0] = [1, 2]",
    "y[:, :2] = x[:2]",
    "y[0, 0, 0] = 1",
    "y[1.5] = 1",
    "y[3:1] = 8",
]


@pytest.mark.parametrize("start", range(0, len(STATEMENTS), 10))
def test_assignments(start):
    few, more = calls((3, 4), (4, 9), (5, 33)), calls((3, 3), (1, 4), (2, 2))
    check_statements(STATEMENTS[start : start + 10], *few)
    for call in more:
        check_statements(STATEMENTS[start : start + 10], call)


@pytest.mark.parametrize("dtype", ["i1", "?", "f4", "u8"])
def test_values_take_the_dtype_of_the_array(dtype):
    statements = [
        "y[0] = 1",
        "y[1:] = 2.7",
        "y[:, 0] = True",
        "y[...] = x.astype('f8') / 3",
        "y[0] = np.float32(1.5)",
        "y[1] = x[0].astype('i2')",
        "y[0] = 300",
        "y[0] = -1",
        "y += 1",
        "y += 1.5",
        "y *= x",
        "y |= y",
        "y[y > 0] = 1",
        "y[[0, 1]] = 1.9",
        "y /= 2",
        "y **= 2",
        "y //= 2",
    ]
    given = [{"x": numbers(shape, dtype) % 2} for shape in ((3, 4), (5, 9))]
    if dtype == "?":
        given = [{"x": numbers(shape) > 50} for shape in ((3, 4), (5, 9))]
    check_statements(statements, *given)
