"""Random programs of views, copies and assignments: NumPy's aliasing to the letter."""

import random

import numpy as np
import pytest

from support.tracing import check

SEEDS_PER_TEST = 40


class Program:
    """A function of two arrays that is a list of random steps, the same for NumPy and traced."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, x, y):
        self.rng = random.Random(self.seed)
        self.arrays = [x.copy(), y * 2, np.zeros_like(x), np.arange(6)]
        for _ in range(12):
            self.rng.choice(STEPS)(self)
        return self.arrays

    def pick(self, rank=0):
        found = [a for a in self.arrays if a.ndim >= rank]
        return self.rng.choice(found) if found else None

    def keep(self, array):
        self.arrays.append(array)
        if len(self.arrays) > 8:
            del self.arrays[self.rng.randrange(3)]

    def part(self, size):
        """A slice of an axis, or the whole of it."""
        start = self.rng.choice([None, 0, 1, -2])
        stop = self.rng.choice([None, None, -1, size])
        return slice(start, stop, self.rng.choice([None, 1, 2, -1]) if start is None else None)

    def index(self, array):
        items = [self.part(n) for n in array.shape[: self.rng.randint(0, array.ndim)]]
        if items and array.shape[0] > 2 and self.rng.random() < 0.3:
            items[0] = self.rng.choice([0, -1, 1])
        if self.rng.random() < 0.2:
            items.insert(self.rng.randint(0, len(items)), None)
        return tuple(items)

    # steps

    def view(self):
        array = self.pick(1)
        found = array[self.index(array)]
        if found.ndim:
            self.keep(found)

    def reorder(self):
        array = self.pick(1)
        makers = [
            lambda a: a.T, np.ravel, np.flip, lambda a: a.reshape(-1), lambda a: a[..., None],
            lambda a: np.swapaxes(a, 0, -1), lambda a: a.reshape(a.shape[::-1]), np.squeeze,
        ]  # fmt: skip
        self.keep(self.rng.choice(makers)(array))

    def copied(self):
        array = self.pick(1)
        self.keep(self.rng.choice([np.copy, lambda a: a.flatten(), lambda a: a[[0, -1]]])(array))

    def compute(self):
        array = self.pick(1)
        self.keep(self.rng.choice([np.negative, np.square, lambda a: a + 1, abs])(array))

    def in_place(self):
        array = self.pick(1)
        kind = self.rng.randrange(5)
        if kind == 0:
            array += 1
        elif kind == 1:
            array *= array
        elif kind == 2:
            np.subtract(array, 3, out=array)
        elif kind == 3:
            array[...] = array[::-1]
        else:
            array //= 2

    def assign(self):
        array = self.pick(1)
        index = self.index(array)
        kind = self.rng.randrange(4)
        if kind == 0:
            array[index] = self.rng.randint(-9, 9)
        elif kind == 1:
            array[index] += 5
        elif kind == 2:
            array[index] = array[index] * 2
        else:
            array[array > self.rng.randint(-4, 4)] = self.rng.randint(-9, 9)

    def assign_other(self):
        array, other = self.pick(1), self.pick(1)
        if other.shape[-1] == array.shape[-1]:
            array[-1] = other[(0,) * (other.ndim - 1)] if array.ndim > 1 else other.ravel()[0]

    def gathered(self):
        array = self.pick(1)
        if array.shape[0] > 1:
            array[np.array([0, -1])] = array[np.array([1, 0])]


STEPS = [
    Program.view, Program.view, Program.reorder, Program.reorder, Program.copied, Program.compute,
    Program.in_place, Program.in_place, Program.assign, Program.assign, Program.assign_other,
    Program.gathered,
]  # fmt: skip


@pytest.mark.parametrize("first", range(0, 200, SEEDS_PER_TEST))
@pytest.mark.parametrize("symbolic", ["", "equal"])
def test_random_program(first, symbolic):
    for seed in range(first, first + SEEDS_PER_TEST):
        draw = np.random.default_rng(seed)
        x = draw.integers(-9, 9, (3, 4))
        y = draw.integers(-9, 9, (2, 3, 2))
        try:
            check(Program(seed), x, y, symbolic=symbolic)
        except IndexError:
            continue  # a program that NumPy refuses too: nothing to index
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
