"""Containers as leaves and trees."""

import collections
import dataclasses
from typing import NamedTuple

import pytest

from tensorwright.frontend.tree import LEAF, flatten, unflatten


class Point(NamedTuple):
    x: float
    y: float


@dataclasses.dataclass
class Box:
    low: Point
    size: object = None
    area: float = dataclasses.field(init=False, default=0.0)


TREES = [
    (1, [1]),
    (None, []),
    ((), []),
    ([1, (2, None), {}], [1, 2]),
    ({"b": 1, "a": [2, 3]}, [1, 2, 3]),
    (Point(1, 2), [1, 2]),
    (Box(Point(1, 2), [3]), [1, 2, 3]),
    (collections.OrderedDict(b=1, a=2), [1, 2]),
]


@pytest.mark.parametrize(("obj", "leaves"), TREES, ids=str)
def test_round_trip(obj, leaves):
    found, tree = flatten(obj)
    assert found == leaves
    assert unflatten(tree, found) == obj
    assert type(unflatten(tree, found)) is type(obj)
    assert flatten(obj)[1] == tree and hash(flatten(obj)[1]) == hash(tree)


def test_trees_differ():
    trees = [flatten(obj)[1] for obj, _ in TREES]
    assert len(set(trees)) == len(trees)
    assert flatten([1])[1] != flatten((1,))[1]
    assert flatten({"a": 1})[1] != flatten({"b": 1})[1]


def test_paths():
    obj = {"w": [1, Point(2, 3)], "b": Box(Point(4, 5))}
    paths = ["p['w'][0]", "p['w'][1].x", "p['w'][1].y", "p['b'].low.x", "p['b'].low.y"]
    assert list(flatten(obj)[1].paths("p")) == paths
    assert LEAF.is_leaf and list(LEAF.paths("x")) == ["x"]


def test_defaultdict_keeps_its_class():
    obj = collections.defaultdict(list, a=1)
    leaves, tree = flatten(obj)
    assert unflatten(tree, leaves) == obj
