"""Random elementwise expressions on special values: equal to NumPy to the last bit.

What rewriting, folding and code generation do to expressions must not show: not in NaN, nor in the
sign of zeros, nor where integers wrap around.
"""

import random

import numpy as np
import pytest

import tensorwright as tw
from support import op_cases
from support.same import same_bits
from tensorwright.compiler.ir.types import DType

DTYPES = ("f8", "f4", "i8", "i4", "i1", "u1", "u8", "?", "f2")
TOGETHER = 12
UNARY = {
    "f": (
        *("-{}", "abs({})", "+{}", "np.sign({})", "np.floor({})", "np.rint({})", "np.trunc({})"),
        *("np.sqrt({})", "np.square({})", "{} ** 2", "1 / {}", "np.fabs({})", "np.reciprocal({})"),
        *(
            "np.isnan({})",
            "(np.signbit({}) & ({} == {}))",
            "np.isfinite({})",
            "np.logical_not({})",
            "np.ceil({})",
        ),
        *("{}.astype('f4')", "{}.astype('f8')", "{} ** 1", "{} ** 0.5", "({} != {})"),
    ),
    "i": (
        *("-{}", "abs({})", "+{}", "~{}", "np.sign({})", "{} ** 2", "{} ** 3", "{} // 7", "{} % 5"),
        *("{} << 3", "{} >> 1", "{} // -1", "{} % 8", "np.square({})", "np.bitwise_count({})"),
        *("{}.astype('i2')", "{}.astype('u4')", "{}.astype('f8')", "{}.astype(bool)", "{} / 2"),
        *("{} // 4", "np.reciprocal({})", "({} == {})"),
    ),
    "b": ("~{}", "np.logical_not({})", "{}.astype('i1')", "{} + 1", "{} * 0.5", "{} | True"),
}
UNARY["u"] = tuple(form for form in UNARY["i"] if "-1" not in form)
BINARY = {
    "f": (
        *("{} + {}", "{} - {}", "{} * {}", "{} / {}", "{} // {}", "{} % {}", "np.fmod({}, {})"),
        *(
            "np.copysign({}, np.nan_to_num({}))",
            "np.where({} > {}, {}, {})",
            "{} < {}",
            "{} == {}",
            "{} >= {}",
        ),
        *("np.logical_and({}, {})", "np.heaviside({}, {})", "np.subtract({}, {})"),
    ),
    "i": (
        *("{} + {}", "{} - {}", "{} * {}", "{} // {}", "{} % {}", "{} & {}", "{} | {}", "{} ^ {}"),
        *("np.maximum({}, {})", "np.minimum({}, {})", "{} < {}", "{} != {}", "{} / {}"),
        *("np.gcd({}, {})", "np.fmod({}, {})", "np.where({} <= {}, {}, {})"),
        *("np.right_shift({}, {} & 7)", "np.left_shift({}, {} & 7)", "np.logical_xor({}, {})"),
    ),
    "b": ("{} & {}", "{} | {}", "{} ^ {}", "{} + {}", "{} * {}", "np.where({}, {}, {})", "{} < {}"),
}
BINARY["u"] = BINARY["i"]
NUMBERS = {
    "f": ("0.0", "-0.0", "1", "-1.0", "2", "0.5", "np.inf", "np.nan", "3", "1e-3", "-2.5"),
    "i": ("0", "1", "2", "3", "7", "64"),
    "u": ("0", "1", "2", "3", "7", "64"),
    "b": ("True", "False", "1", "2.5"),
}


class Expressions:
    """Random expressions in x, y and z."""

    def __init__(self, rng, arrays):
        self.rng, self.arrays = rng, arrays

    def grow(self, depth):
        """(text, its value in NumPy)"""
        if depth == 0:
            return self.leaf()
        for _ in range(20):
            text, value = self.grow(depth - 1)
            kind = np.asarray(value).dtype.kind
            if self.rng.random() < 0.35:
                form = self.rng.choice(UNARY[kind])
                made = form.replace("{}", f"({text})")
            else:
                form = self.rng.choice(BINARY[kind])
                texts = [text, self.partner(kind, depth)]
                texts += [self.rng.choice(texts) for _ in range(form.count("{}") - 2)]
                if self.rng.random() < 0.5:
                    texts[:2] = texts[1::-1]
                made = form.format(*(f"({t})" for t in texts))
            found = self.value(made)
            # which zero of two the larger one is, NumPy leaves open
            open_sign = found is not None and "imum" in form and found.dtype.kind == "f"
            if found is not None and not open_sign:
                return made, found
        return self.leaf()

    def leaf(self):
        name = self.rng.choice(sorted(self.arrays))
        return name, self.arrays[name]

    def partner(self, kind, depth):
        if self.rng.random() < 0.4:
            return self.rng.choice(NUMBERS[kind])
        return self.grow(self.rng.randrange(depth))[0]

    def value(self, text):
        """The array that NumPy gives; None if it gives none of a dtype of ours."""
        try:
            with np.errstate(all="ignore"):
                found = eval(text, {"np": np}, self.arrays)
        except (TypeError, ValueError, OverflowError):
            return None
        fits = isinstance(found, np.ndarray) and DType.of(found.dtype) is not None
        return found if fits else None


def arrays_of(rng, dtypes):
    """All pairs of some special values of two dtypes, and values of a third one beside them."""
    columns = []
    for dtype in dtypes:
        special = op_cases.special_values(DType.of(np.dtype(dtype)))
        columns.append(np.array(rng.sample(special, min(14, len(special))), dtype))
    x, y = (a.ravel() for a in np.meshgrid(*columns[:2]))
    z = np.resize(columns[2], x.shape)
    return {"x": x, "y": y, "z": z}


def check(seed):
    rng = random.Random(seed)
    first = rng.choice(DTYPES)
    arrays = arrays_of(rng, [first, rng.choice((first, first, rng.choice(DTYPES))), first])
    writer = Expressions(rng, arrays)
    made = [writer.grow(rng.randint(2, 6)) for _ in range(TOGETHER)]
    texts = [text for text, _ in made]
    function = tw.jit(eval(f"lambda x, y, z: ({', '.join(texts)},)", {"np": np}))
    for count in (len(arrays["x"]), 37, 8):
        operands = {name: a[:count] for name, a in arrays.items()}
        found = function(**operands)
        with np.errstate(all="ignore"):
            expected = function.__wrapped__(**operands)
        for text, result, wanted in zip(texts, found, expected, strict=True):
            assert same_bits(result, wanted), report(seed, text, operands, result, wanted)


def report(seed, text, operands, found, expected):
    """The first wrong element."""
    if (found.dtype, found.shape) != (expected.dtype, expected.shape):
        return f"seed {seed}: {text}: {found.dtype}{found.shape}, {expected.dtype}{expected.shape}"
    wrong = [k for k in range(len(found)) if not same_bits(found[k : k + 1], expected[k : k + 1])]
    at = {name: a[wrong[0]] for name, a in operands.items()}
    return f"seed {seed}: {text} at {at}: {found[wrong[0]]!r} in place of {expected[wrong[0]]!r}"


@pytest.mark.parametrize("start", range(0, 60, 10))
def test_expressions(start):
    for seed in range(start, start + 10):
        check(seed)


@pytest.mark.exhaustive
@pytest.mark.parametrize("start", range(1000, 6000, 100))
def test_many_expressions(start):
    for seed in range(start, start + 100):
        check(seed)
