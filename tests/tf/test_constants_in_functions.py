"""Tensors from outside of a function, beside positions that are known only when it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorwright as tf

TABLE = tf.constant(np.arange(15, dtype=np.float32).reshape(5, 3))
LINE, GRID, ONE = (tf.constant(x) for x in ([1, 2], [[1, 2], [0, 1]], 1))
CASES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "gather": (lambda i: tf.gather(TABLE, i), LINE),
    "gather_along_another_axis": (lambda i: tf.gather(TABLE, i, axis=1), LINE),
    "gather_of_each_row": (lambda i: tf.gather(TABLE[:2], i, batch_dims=1), GRID),
    "gather_nd": (lambda i: tf.gather_nd(TABLE, i), GRID),
    "index": (lambda i: TABLE[i], ONE),
    "index_behind_a_slice": (lambda i: TABLE[1:3, i], ONE),
    "embedding_lookup": (lambda i: tf.nn.embedding_lookup(TABLE, i), LINE),
    "scatter_nd": (lambda i: tf.scatter_nd(i, tf.constant([1.0, 2.0]), (5, 3)), GRID),
    "update": (lambda i: tf.tensor_scatter_nd_update(TABLE, i, [1.0, 2.0]), GRID),
    "unsorted_segment_sum": (lambda i: tf.math.unsorted_segment_sum(TABLE[:2], i, 3), LINE),
}


@pytest.mark.parametrize("name", CASES)
def test_constants(name: str) -> None:
    function, positions = CASES[name]
    found = tf.function(function)(positions)
    np.testing.assert_array_equal(found, function(positions))
