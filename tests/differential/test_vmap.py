"""Random programs over many examples at once: vmap and a loop of NumPy calls agree."""

import random

import numpy as np
import pytest

import tensorwright as tw
from support.jitted import Raised, outcome
from support.program_blocks import BLOCKS
from support.random_programs import SIZES, random_program
from tensorwright.frontend.tree import flatten

PER_TEST = 5
EXAMPLES = 3


@pytest.mark.parametrize("seed", range(0, 100, PER_TEST))
def test_programs(seed):
    for one in range(seed, seed + PER_TEST):
        check(one)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(100, 10_000, 100))
def test_many_programs(seed):
    for one in range(seed, seed + 100):
        check(one)


def check(seed):
    rng = random.Random(seed)
    program = random_program(rng, BLOCKS, rng.randint(3, 10))
    examples = [program.arguments(rng, SIZES[0]) for _ in range(EXAMPLES)]
    # an example of a stack of 0-d arrays would be a NumPy scalar, which has rules of its own
    axes = tuple(0 if np.ndim(x) else None for x in examples[0])
    for example in examples[1:]:
        example[:] = [
            x if a == 0 else y for x, y, a in zip(example, examples[0], axes, strict=True)
        ]
    outcomes = [outcome(program.function(), example) for example in examples]
    if any(isinstance(o, Raised) for o in outcomes) or not any(a == 0 for a in axes):
        return
    columns = zip(*examples, strict=True)
    arguments = [np.stack(c) if a == 0 else c[0] for c, a in zip(columns, axes, strict=True)]
    found = outcome(tw.vmap(program.function(), axes), arguments)
    if isinstance(found, Raised) and "assigning to an example" in str(found.error):
        return
    expected = zip(*(flatten(o)[0] for o in outcomes), strict=True)
    try:
        for f, column in zip(flatten(found)[0], expected, strict=True):
            compare(f, column, program.close)
    except AssertionError as error:
        pytest.fail(f"seed {seed}:\n{program.source}\n{error}", pytrace=False)


def compare(found, column, close):
    if isinstance(column[0], str):
        assert found == column[0]
        return
    expected = np.stack(column)
    largest = np.max(np.abs(expected[np.isfinite(expected)]), initial=0)
    tolerance = max(max(close, 1e-12) * largest, 1e-14)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance, strict=True)
