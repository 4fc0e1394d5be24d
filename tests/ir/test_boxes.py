"""Masks of boxes: what two of them make together."""

import functools
import itertools

import numpy as np

from tensorwright.compiler import ops
from tensorwright.compiler.ir.boxes import BoxMask, UnionMask, joined, region_mask, union
from tensorwright.compiler.ir.builder import GraphBuilder
from tensorwright.compiler.ir.dims import Dim
from tensorwright.compiler.ir.interpret import interpret
from tensorwright.compiler.ir.term import Mask, Term
from tensorwright.compiler.ir.types import DType, TensorType

assert ops  # importing it fills the registry
SHAPE = (3, 4)


def like(*shape) -> Term:
    builder = GraphBuilder()
    return Term(builder, builder.input(TensorType(DType.F64, shape)))


def array(x: Term, mask: Mask) -> np.ndarray:
    (found,) = interpret(x.builder.finish([mask.term().value]), [np.zeros(x.shape)])
    return found


def random_box(rng: np.random.Generator, x: Term) -> BoxMask:
    ends = [sorted(rng.integers(0, n + 1, 2).tolist()) for n in SHAPE]
    starts, stops = zip(*ends, strict=True)
    return BoxMask(x, starts, stops, outside=bool(rng.integers(0, 2)))


def test_joined_masks_are_unions() -> None:
    rng = np.random.default_rng(0)
    x = like(*SHAPE)
    known = whole = 0
    for _ in range(1000):
        a, b = random_box(rng, x), random_box(rng, x)
        union = joined(a, b)
        if union is None:
            continue
        known += 1
        whole += not union
        found = array(x, union[0]) if union else np.ones(SHAPE, bool)
        np.testing.assert_array_equal(found, array(x, a) | array(x, b))
    assert known > 100 and whole > 10


def test_unions_of_several_masks() -> None:
    rng = np.random.default_rng(1)
    x = like(*SHAPE)
    for _ in range(60):
        boxes = [random_box(rng, x) for _ in range(5)]
        masks: tuple[Mask, ...] | None = (boxes[0],)
        expected = array(x, boxes[0])
        for box in boxes[1:]:
            masks = masks and union(masks[0], box)  # none: True everywhere
            assert masks is not None
            expected = expected | array(x, box)
        found = array(x, masks[0]) if masks else np.ones(SHAPE, bool)
        np.testing.assert_array_equal(found, expected)


def test_neighbours_on_all_sides_leave_no_mask_but_the_corners() -> None:
    x = like(6, 7)
    rim = region_mask(x, [1, 1], [1, 1], (4, 5), outside=True)
    sides = [region_mask(x, at, [1, 1], (4, 5)) for at in ([0, 1], [2, 1], [1, 0], [1, 2])]
    (cross,) = functools.reduce(lambda masks, side: union(masks[0], side), sides[1:], (sides[0],))
    assert isinstance(cross, UnionMask) and len(cross.boxes) == 2
    assert array(x, cross).sum() == 6 * 7 - 4
    assert union(rim, cross) == union(cross, rim) == ()


def test_regions() -> None:
    x = like(9)
    for start, step, size in itertools.product(range(9), (-2, -1, 1, 3), range(4)):
        if not 0 <= start + step * (size - 1) < 9:
            continue
        expected = np.zeros(9, bool)
        expected[[start + k * step for k in range(size)]] = True
        for outside in (False, True):
            mask = region_mask(x, [start], [step], (size,), outside)
            np.testing.assert_array_equal(array(x, mask), expected ^ outside)


def test_symbolic_sizes() -> None:
    n = Dim.symbol("n")
    x = like(n)
    inner, rim = (region_mask(x, [1], [1], (n - 2,), outside) for outside in (False, True))
    assert joined(inner, rim) == ()
    left, right = region_mask(x, [0], [1], (n - 1,)), region_mask(x, [1], [1], (n - 1,))
    assert joined(left, inner) == (left,)
    assert joined(left, right) is None  # of n = 0 or 1, who knows
    assert joined(region_mask(x, [0], [1], (n - 1,)), region_mask(x, [n - 1], [1], (1,))) == ()
