"""`tf.feature_column`: how features become columns of numbers.

Layer: frontend. Columns of words or numbers of classes become one column for each class.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import dtypes, elementwise, linalg, reductions, shaping
from ..arrays import one_hot
from ..graph.build import convert, graph_op
from ..graph.named_variables import get_variable
from ..graph.ops import host_op
from ..graph.scoping import variable_scope
from ..v1.initializers import TruncatedNormal, Zeros

_reshape = graph_op(shaping.reshape)
_expand_dims = graph_op(shaping.expand_dims)
_cast = graph_op(elementwise.cast)
_matmul = graph_op(linalg.matmul)
_add = graph_op(elementwise.add)
_one_hot = graph_op(one_hot)
_sum = graph_op(reductions.reduce_sum)
_concat = graph_op(shaping.concat)


class Column:
    """How one feature becomes columns. Attributes: `key`, `name`, `width`."""

    key = ""
    width = 1

    @property
    def name(self) -> str:
        """What its variables are called."""
        return self.key

    def dense(self, features: Any) -> Any:
        """The columns, [batch, width]."""
        raise NotImplementedError

    def _feature(self, features: Any) -> Any:
        if self.key not in features:
            raise ValueError(f"Feature {self.key} is not in features dictionary.")
        return convert(features[self.key])


class NumericColumn(Column):
    """Numbers as they are; see `numeric_column`."""

    def __init__(self, key: str, shape: Any, dtype: Any, normalizer_fn: Any) -> None:
        self.key = key
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        self.dtype = dtypes.as_dtype(dtype)
        self.normalizer_fn = normalizer_fn
        self.width = math.prod(self.shape)

    def dense(self, features: Any) -> Any:
        """The numbers, [batch, width]."""
        x = self._feature(features)
        if not x.dtype.is_numeric:
            raise ValueError(f"feature {self.key} has to be of numbers, got {x.dtype.name}")
        x = _cast(x, dtypes.float32)
        if self.normalizer_fn is not None:
            x = self.normalizer_fn(x)
        return _reshape(x, [-1, self.width])


class BucketizedColumn(Column):
    """In which of several ranges a number lies; see `bucketized_column`."""

    def __init__(self, source: NumericColumn, boundaries: Sequence[float]) -> None:
        self.source, self.boundaries = source, tuple(boundaries)
        self.key = source.key
        self.width = source.width * (len(self.boundaries) + 1)

    @property
    def name(self) -> str:
        """What its variables are called."""
        return f"{self.source.name}_bucketized"

    def dense(self, features: Any) -> Any:
        """A one in the column of the range, [batch, width]."""
        x = _expand_dims(self.source.dense(features), -1)
        limits = np.array(self.boundaries, np.float32)
        numbers = _sum(_cast(x >= limits, dtypes.int32), -1)
        return _reshape(_one_hot(numbers, len(self.boundaries) + 1), [-1, self.width])


class CategoricalColumn(Column):
    """One of several classes.

    Args:
        key: of the feature.
        count: how many classes there are.
        numbers: the number of a class for each value, as an array; None if values are numbers.
        default: the number for other values.
    """

    def __init__(
        self, key: str, count: int, numbers: Callable[[np.ndarray], np.ndarray] | None, default: Any
    ) -> None:
        self.key, self.width = key, count
        self._numbers, self._default = numbers, default

    def ids(self, features: Any) -> Any:
        """The numbers of the classes, [batch, values of an example]."""
        x = self._feature(features)
        size = x.shape.as_list() if x.shape.rank is not None else [None]
        if self._numbers is not None:
            find = self._numbers
            op = host_op("LookupTableFind", lambda a: [find(a)], [x], [(dtypes.int64, size)])
            x = op.outputs[0]
        x = _reshape(x, [-1, size[1] if len(size) > 1 and size[1] else 1])
        if self._default is None:
            return _cast(x, dtypes.int64)
        return _replace_outside(x, self.width, self._default)

    def dense(self, features: Any) -> Any:
        """How often each class is there, [batch, classes]."""
        return _sum(_one_hot(self.ids(features), self.width), 1)


def _inside(x: Any, count: int, default: int) -> Any:
    numbers = elementwise.cast(x, dtypes.int64)
    good = elementwise.logical_and(
        elementwise.greater_equal(numbers, 0), elementwise.less(numbers, count)
    )
    kept = elementwise.multiply(numbers, elementwise.cast(good, dtypes.int64))
    other = elementwise.cast(elementwise.logical_not(good), dtypes.int64)
    return elementwise.add(kept, elementwise.multiply(other, default))


_replace_outside = graph_op(_inside)


class IndicatorColumn(Column):
    """A class as ones and zeros; see `indicator_column`."""

    def __init__(self, source: CategoricalColumn) -> None:
        self.source, self.key, self.width = source, source.key, source.width

    @property
    def name(self) -> str:
        """What its variables are called."""
        return f"{self.source.name}_indicator"

    def dense(self, features: Any) -> Any:
        """How often each class is there, [batch, classes]."""
        return self.source.dense(features)


class EmbeddingColumn(Column):
    """A class as a vector that is trained; see `embedding_column`."""

    def __init__(
        self, source: CategoricalColumn, dimension: int, combiner: str, start: Any
    ) -> None:
        self.source, self.key, self.width = source, source.key, dimension
        self._combiner = combiner
        self._start = start or TruncatedNormal(0.0, 1.0 / math.sqrt(dimension))

    @property
    def name(self) -> str:
        """What its variables are called."""
        return f"{self.source.name}_embedding"

    def dense(self, features: Any) -> Any:
        """The vectors, [batch, dimension]."""
        counts = self.source.dense(features)
        shape = [self.source.width, self.width]
        with variable_scope(None, self.name):
            table = get_variable("embedding_weights", shape, initializer=self._start)
        found = _matmul(counts, table)
        if self._combiner == "sum":
            return found
        total = _sum(counts, 1, True)
        return found / (total if self._combiner == "mean" else total**0.5)


# -- public ---------------------------------------------------------------------------------------


def numeric_column(
    key: str,
    shape: Any = (1,),
    default_value: Any = None,
    dtype: Any = dtypes.float32,
    normalizer_fn: Callable[[Any], Any] | None = None,
) -> NumericColumn:
    """A feature of numbers.

    Args:
        key: of the feature.
        shape: of an example.
        default_value: for TensorFlow's signature.
        dtype: of the numbers.
        normalizer_fn: is applied to the tensor.
    """
    if not isinstance(key, str):
        raise ValueError(f"key must be a string, got {key!r}")
    return NumericColumn(key, shape, dtype, normalizer_fn)


def real_valued_column(
    column_name: str,
    dimension: int = 1,
    default_value: Any = None,
    dtype: Any = dtypes.float32,
    normalizer: Callable[[Any], Any] | None = None,
) -> NumericColumn:
    """A feature of `dimension` numbers: `tf.contrib.layers.real_valued_column`."""
    return NumericColumn(column_name, (dimension,), dtype, normalizer)


def bucketized_column(source_column: NumericColumn, boundaries: Sequence[float]) -> Column:
    """In which of the ranges between boundaries a number lies."""
    if not isinstance(source_column, NumericColumn):
        raise ValueError("source_column must be a column generated with numeric_column().")
    if list(boundaries) != sorted(boundaries) or not boundaries:
        raise ValueError("boundaries must be a sorted list.")
    return BucketizedColumn(source_column, boundaries)


def categorical_column_with_identity(
    key: str, num_buckets: int, default_value: int | None = None
) -> CategoricalColumn:
    """A feature that is the number of a class."""
    return CategoricalColumn(key, num_buckets, None, default_value)


def categorical_column_with_vocabulary_list(
    key: str,
    vocabulary_list: Sequence[Any],
    dtype: Any = None,
    default_value: int = -1,
    num_oov_buckets: int = 0,
) -> CategoricalColumn:
    """A feature that is one of the words (or integers) of a list.

    Args:
        key: of the feature.
        vocabulary_list: the words.
        dtype: for TensorFlow's signature.
        default_value: the number of other words; -1 for none.
        num_oov_buckets: not supported.
    """
    if num_oov_buckets:
        raise NotImplementedError("num_oov_buckets is not supported: use default_value")
    words = [w.encode() if isinstance(w, str) else w for w in vocabulary_list]
    table = {word: k for k, word in enumerate(words)}

    def numbers(array: np.ndarray) -> np.ndarray:
        found = [table.get(x, default_value) for x in array.ravel().tolist()]
        return np.array(found, np.int64).reshape(array.shape)

    return CategoricalColumn(key, len(words), numbers, None)


def categorical_column_with_hash_bucket(key: str, *args: Any, **kwargs: Any) -> Any:
    """Refused.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(
        "categorical_column_with_hash_bucket is not supported: use"
        f" categorical_column_with_vocabulary_list for {key!r}"
    )


def indicator_column(categorical_column: CategoricalColumn) -> IndicatorColumn:
    """A class as ones and zeros."""
    return IndicatorColumn(categorical_column)


def embedding_column(
    categorical_column: CategoricalColumn,
    dimension: int,
    combiner: str = "mean",
    initializer: Any = None,
) -> EmbeddingColumn:
    """A class as a vector that is trained.

    Args:
        categorical_column: the class.
        dimension: the length of the vector.
        combiner: of several values: "mean", "sqrtn" or "sum".
        initializer: of the vectors.
    """
    if combiner not in ("mean", "sqrtn", "sum"):
        raise ValueError(f"combiner has to be 'mean', 'sqrtn' or 'sum', got {combiner!r}")
    return EmbeddingColumn(categorical_column, dimension, combiner, initializer)


def input_layer(features: Any, feature_columns: Any) -> Any:
    """The columns of all features side by side, ordered by name: [batch, all widths]."""
    listed = [feature_columns] if isinstance(feature_columns, Column) else list(feature_columns)
    with variable_scope(None, "input_layer"):
        parts = []
        for column in sorted(listed, key=lambda c: c.name):
            if isinstance(column, CategoricalColumn):
                raise ValueError(
                    "Items of feature_columns must be dense: wrap categorical columns with"
                    f" embedding_column or indicator_column. Given: {column.name}"
                )
            parts.append(column.dense(features))
        return parts[0] if len(parts) == 1 else _concat(parts, 1)


def linear_model(
    features: Any, feature_columns: Any, units: int = 1, names: tuple[str, str] | None = None
) -> Any:
    """The weighted sum of all columns, and a bias: [batch, units].

    Args:
        features: tensors by name.
        feature_columns: how they become columns.
        units: how many sums.
        names: what the weights and the bias are called.
    """
    weights, bias = names or ("weights", "bias_weights")
    listed = [feature_columns] if isinstance(feature_columns, Column) else list(feature_columns)
    total = get_variable(bias, [units], initializer=Zeros())
    for column in sorted(listed, key=lambda c: c.name):
        with variable_scope(column.name or "column"):
            w = get_variable(weights, [column.width, units], initializer=Zeros())
            total = _add(_matmul(column.dense(features), w), total)
    return total
