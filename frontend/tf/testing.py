"""`tf.test.TestCase`: assertions on tensors.

Layer: frontend.
"""

from __future__ import annotations

import tempfile
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..tree import flatten, unflatten
from .random.seeds import set_seed
from .tensors import Tensor
from .variables import Variable


def _evaluated(x: Any) -> Any:
    return x.numpy() if isinstance(x, (Tensor, Variable)) else x


class TestCase(unittest.TestCase):
    """A `unittest.TestCase` that compares tensors, variables and arrays."""

    __test__ = False  # for pytest: the class itself holds no tests

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.__test__ = True  # type: ignore[misc]

    def setUp(self) -> None:
        """Start each test from the same random numbers."""
        super().setUp()
        np.random.seed(1)
        set_seed(87654321)

    def evaluate(self, tensors: Any) -> Any:
        """The arrays of tensors, in any structure."""
        leaves, tree = flatten(tensors)
        return unflatten(tree, [_evaluated(x) for x in leaves])

    def get_temp_dir(self) -> str:
        """A folder that goes with the test."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return folder.name

    def assertAllEqual(self, a: Any, b: Any, msg: str | None = None) -> None:
        """Equal shapes and elements; NaN equals NaN."""
        x, y = (np.asarray(_evaluated(v)) for v in (a, b))
        np.testing.assert_array_equal(x, y, msg or "")

    def assertAllClose(
        self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: str | None = None
    ) -> None:
        """Equal shapes, and elements that differ by little."""
        first, first_tree = flatten(a)
        second, second_tree = flatten(b)
        if first_tree != second_tree:
            first, second = [a], [b]
        for x, y in zip(first, second, strict=True):
            x, y = np.asarray(_evaluated(x)), np.asarray(_evaluated(y))
            self.assertEqual(x.shape, y.shape, msg)
            np.testing.assert_allclose(x, y, rtol=rtol, atol=atol, err_msg=msg or "")

    def assertNotAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6) -> None:
        """Elements that differ by more than a little."""
        if np.allclose(_evaluated(a), _evaluated(b), rtol=rtol, atol=atol):
            self.fail("the two values are close at all elements")

    def assertAllGreater(self, a: Any, comparison_target: Any) -> None:
        """All elements above a number."""
        self.assertTrue(np.all(np.asarray(_evaluated(a)) > comparison_target))

    def assertAllLess(self, a: Any, comparison_target: Any) -> None:
        """All elements below a number."""
        self.assertTrue(np.all(np.asarray(_evaluated(a)) < comparison_target))

    def assertAllInRange(self, target: Any, lower_bound: Any, upper_bound: Any) -> None:
        """All elements between two numbers, which are included."""
        x = np.asarray(_evaluated(target))
        self.assertTrue(np.all((x >= lower_bound) & (x <= upper_bound)))

    def assertShapeEqual(self, input_a: Any, input_b: Any, msg: str | None = None) -> None:
        """Equal shapes."""
        self.assertEqual(tuple(input_a.shape), tuple(input_b.shape), msg)

    def assertDTypeEqual(self, target: Any, expected_dtype: Any) -> None:
        """An array or tensor of this dtype."""
        self.assertEqual(np.asarray(_evaluated(target)).dtype, expected_dtype)

    def assertNear(self, f1: float, f2: float, err: float, msg: str | None = None) -> None:
        """Two numbers that differ by at most `err`."""
        self.assertTrue(f1 == f2 or abs(f1 - f2) <= err, msg)

    @contextmanager
    def session(self, *args: Any, **options: Any) -> Iterator[TestCase]:
        """A context for tests that were written for sessions: everything runs eagerly."""
        yield self


def main(argv: Any = None) -> None:
    """Run the tests of the program."""
    unittest.main(argv=argv)
