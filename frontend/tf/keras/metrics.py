"""Metrics: numbers gathered over batches.

Layer: frontend. The state is in variables, so an update inside of a traced function is a part of
its program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..apply import apply
from ..elementwise import cast
from ..nn.lookup import in_top_k
from ..tensors import STATE, Tensor
from ..variables import Variable
from . import initializers, loss_functions, losses, masks
from .loss_functions import as_tensor, same_rank
from .registry import Family
from .settings import float_dtype, snake_case, unique_name

FAMILY = Family("metric")
serialize, deserialize = FAMILY.serialize, FAMILY.deserialize


def get(identifier: Any) -> Any:
    """A metric for a name, a configuration, a class or a function."""
    if isinstance(identifier, str):
        for family in (FAMILY, loss_functions.FUNCTIONS):
            if identifier in family.table:
                found = family.table[identifier]
                return found() if isinstance(found, type) else found
    return FAMILY.get(identifier)


class Metric:
    """Base class; subclasses define `update_state` and `result`.

    Args:
        dtype: of the state.
        name: in the logs of training.
    """

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or unique_name(snake_case(type(self).__name__))
        self._dtype = float_dtype(getattr(dtype, "name", dtype))
        self._variables: list[Variable] = []
        self._initial: list[np.ndarray] = []

    @property
    def dtype(self) -> str:
        """The dtype of the state, as a name."""
        return self._dtype.name

    @property
    def variables(self) -> list[Variable]:
        """The state."""
        return list(self._variables)

    weights = non_trainable_variables = variables

    def add_variable(
        self,
        shape: Any = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: Any = None,
        name: str | None = None,
    ) -> Variable:
        """A new part of the state."""
        if isinstance(shape, str):
            name, shape = shape, ()
        value = initializers.get(initializer)(tuple(shape), dtype=dtype or self._dtype)
        made = Variable(value, trainable=False, name=f"{self.name}/{name or 'variable'}")
        self._variables.append(made)
        self._initial.append(made._initial.numpy())
        return made

    def add_weight(self, *args: Any, **options: Any) -> Variable:
        """As `add_variable`; a first string is the name."""
        if args and isinstance(args[0], str):
            options["name"], args = args[0], args[1:]
        return self.add_variable(*args, **options)

    def _build(self, y_pred: Any) -> None:
        """Make what depends on the shape of predictions; nothing else may make state in a trace."""

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Take another batch into account."""
        raise NotImplementedError

    def result(self) -> Any:
        """The number for all batches so far."""
        raise NotImplementedError

    def reset_state(self) -> None:
        """Begin anew."""
        for variable, value in zip(self._variables, self._initial, strict=True):
            variable.assign(value)

    reset_states = reset_state

    def _update(self, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        recorders, STATE.recorders = STATE.recorders, ()
        try:
            self.update_state(*args, **kwargs)
        finally:
            STATE.recorders = recorders

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Update, and give the result."""
        self._update(args, kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal metric, without its state."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The metric with this configuration."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _sums(total: Any, count: Any, values: Any, *weights: Any) -> tuple[Any, Any]:
    """The new total and count after more values, weighted if there are weights."""
    if not weights:
        return total + np.sum(values), count + values.dtype.type(1) * values.size
    (w,) = weights
    w = w.reshape((*w.shape, *(1,) * (values.ndim - w.ndim)))
    w = np.broadcast_to(w, values.shape)
    return total + np.sum(values * w), count + np.sum(w)


def _quotient(total: Any, count: Any) -> Any:
    return np.where(count != 0, total / np.where(count != 0, count, 1), 0 * total)


def _accumulate(metric: Metric, function: Callable[..., Any], inputs: Sequence[Any]) -> None:
    """Replace the state by `function` of the state and the inputs."""
    state = metric._variables
    found = apply("UpdateState", function, [*(v.value() for v in state), *inputs])
    for variable, value in zip(state, found if type(found) is tuple else (found,), strict=True):
        variable.assign(value)


def _weighted(metric: Metric, values: Any, sample_weight: Any) -> list[Tensor]:
    tensor = cast(as_tensor(values), metric._dtype)
    if sample_weight is None:
        return [tensor]
    weight = cast(as_tensor(sample_weight), metric._dtype)
    weight, tensor = same_rank(weight, tensor)
    return [tensor, weight]


class _Average(Metric):
    """A total and a count."""

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable((), name="total")
        self.count = self.add_variable((), name="count")

    def result(self) -> Tensor:
        """total / count."""
        found: Tensor = apply("DivNoNan", _quotient, [self.total.value(), self.count.value()])
        return found


@FAMILY.add()
class Mean(_Average):
    """The mean of the values, weighted if wanted."""

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Take more values into account."""
        _accumulate(self, _sums, _weighted(self, values, sample_weight))


def _sum(total: Any, values: Any, *weights: Any) -> Any:
    return _sums(total, total, values, *weights)[0]


@FAMILY.add()
class Sum(Metric):
    """The sum of the values, weighted if wanted."""

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable((), name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Take more values into account."""
        _accumulate(self, _sum, _weighted(self, values, sample_weight))

    def result(self) -> Tensor:
        """The sum."""
        return self.total.value()


class MeanMetricWrapper(Mean):
    """The mean of `fn(y_true, y_pred, **kwargs)`."""

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", "metric"), dtype)
        self._fn, self._kwargs = fn, kwargs

    def update_state(  # type: ignore[override]  # of pairs, not of values
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Take another batch into account."""
        values = self._fn(as_tensor(y_true), as_tensor(y_pred), **self._kwargs)
        weight = masks.weigh(sample_weight, masks.mask_of(y_pred), self._dtype, "sum")
        super().update_state(values, weight)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal metric, without its state."""
        return {"name": self.name, "dtype": self.dtype} | self._kwargs


# -- accuracies ---------------------------------------------------------------------------------


def _equal(t: Any, p: Any) -> Any:
    return (t == p).astype(np.float32)


def _threshold(t: Any, p: Any, *, threshold: float) -> Any:
    return (t == (p > threshold).astype(t.dtype)).astype(np.float32)


def _same_class(t: Any, p: Any) -> Any:
    return (np.argmax(t, axis=-1) == np.argmax(p, axis=-1)).astype(np.float32)


def _right_class(t: Any, p: Any) -> Any:
    return (t.astype(np.int64) == np.argmax(p, axis=-1)).astype(np.float32)


def accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where y_true equals y_pred, else 0."""
    result: Tensor = apply("accuracy", _equal, loss_functions.operands(y_true, y_pred))
    return result


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Tensor:
    """1 where y_pred is above the threshold if and only if y_true is 1."""
    pair = loss_functions.operands(y_true, y_pred)
    result: Tensor = apply("binary_accuracy", _threshold, pair, {"threshold": float(threshold)})
    return result


def categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where the largest elements of y_true and y_pred are at the same place."""
    result: Tensor = apply(
        "categorical_accuracy", _same_class, [as_tensor(y_true), as_tensor(y_pred)]
    )
    return result


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where the largest element of y_pred is number y_true."""
    true, pred = as_tensor(y_true), as_tensor(y_pred)
    if true.ndim == pred.ndim:
        true = apply("Squeeze", loss_functions._squeeze, [true])
    result: Tensor = apply("sparse_categorical_accuracy", _right_class, [true, pred])
    return result


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Tensor:
    """1 where the class of y_true is among the k largest of y_pred."""
    classes = apply("ArgMax", _argmax, [as_tensor(y_true)])
    return sparse_top_k_categorical_accuracy(classes, y_pred, k)


def _argmax(t: Any) -> Any:
    return np.argmax(t, axis=-1)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Tensor:
    """1 where class number y_true is among the k largest of y_pred."""
    true, pred = as_tensor(y_true), as_tensor(y_pred)
    if true.ndim == pred.ndim:
        true = apply("Squeeze", loss_functions._squeeze, [true])
    return cast(in_top_k(cast(true, "int64"), pred, k), pred.dtype)


for _function in (
    accuracy, binary_accuracy, categorical_accuracy, sparse_categorical_accuracy,
    top_k_categorical_accuracy, sparse_top_k_categorical_accuracy,
):  # fmt: skip
    FAMILY.table[_function.__name__] = _function


def _class(
    name: str, fn: Callable[..., Any], short: str = "", doc: str = "", **defaults: Any
) -> type:
    """A metric class for the mean of a function; `defaults` are its further arguments."""

    def __init__(self: Any, *args: Any, **options: Any) -> None:
        first = () if doc else tuple(defaults)
        order = [*first, "name", "dtype", *(k for k in defaults if k not in first)]
        if len(args) > len(order):
            raise TypeError(f"{name}() takes at most {len(order)} arguments, got {len(args)}")
        given = dict(zip(order, args, strict=False)) | options
        unknown = given.keys() - set(order)
        if unknown:
            raise TypeError(f"{name}() got unexpected keyword arguments {sorted(unknown)}")
        kwargs = {key: given.get(key, value) for key, value in defaults.items()}
        MeanMetricWrapper.__init__(
            self, fn, given.get("name") or short or fn.__name__, given.get("dtype"), **kwargs
        )

    attributes = {
        "__init__": __init__, "__module__": __name__,
        "__doc__": doc or f"The mean of: {fn.__doc__}",
    }  # fmt: skip
    made = type(name, (MeanMetricWrapper,), attributes)
    registered: type = FAMILY.add()(made)
    return registered


Accuracy = _class("Accuracy", accuracy)
_ENTROPY = "The mean cross-entropy; arguments as in the loss of the same name, behind the name."
BinaryAccuracy = _class(
    "BinaryAccuracy", binary_accuracy, doc="The part of right answers; `threshold` tells 1 from 0.",
    threshold=0.5,
)  # fmt: skip
CategoricalAccuracy = _class("CategoricalAccuracy", categorical_accuracy)
SparseCategoricalAccuracy = _class("SparseCategoricalAccuracy", sparse_categorical_accuracy)
TopKCategoricalAccuracy = _class("TopKCategoricalAccuracy", top_k_categorical_accuracy, k=5)
SparseTopKCategoricalAccuracy = _class(
    "SparseTopKCategoricalAccuracy", sparse_top_k_categorical_accuracy, k=5
)
MeanSquaredError = _class("MeanSquaredError", loss_functions.mean_squared_error)
MeanAbsoluteError = _class("MeanAbsoluteError", loss_functions.mean_absolute_error)
MeanAbsolutePercentageError = _class(
    "MeanAbsolutePercentageError", loss_functions.mean_absolute_percentage_error
)
MeanSquaredLogarithmicError = _class(
    "MeanSquaredLogarithmicError", loss_functions.mean_squared_logarithmic_error
)
LogCoshError = _class("LogCoshError", loss_functions.log_cosh, "logcosh")
KLDivergence = _class("KLDivergence", loss_functions.kl_divergence)
Poisson = _class("Poisson", loss_functions.poisson)
Hinge = _class("Hinge", loss_functions.hinge)
SquaredHinge = _class("SquaredHinge", loss_functions.squared_hinge)
CategoricalHinge = _class("CategoricalHinge", loss_functions.categorical_hinge)
BinaryCrossentropy = _class(
    "BinaryCrossentropy", loss_functions.binary_crossentropy, doc=_ENTROPY, from_logits=False,
    label_smoothing=0.0,
)  # fmt: skip
CategoricalCrossentropy = _class(
    "CategoricalCrossentropy", loss_functions.categorical_crossentropy, doc=_ENTROPY,
    from_logits=False, label_smoothing=0.0, axis=-1,
)  # fmt: skip
SparseCategoricalCrossentropy = _class(
    "SparseCategoricalCrossentropy", loss_functions.sparse_categorical_crossentropy, doc=_ENTROPY,
    from_logits=False, ignore_class=None, axis=-1,
)  # fmt: skip


# -- others -------------------------------------------------------------------------------------


def _root(total: Any, count: Any) -> Any:
    return np.sqrt(_quotient(total, count))


def _squares(t: Any, p: Any) -> Any:
    return np.square(p - t)


@FAMILY.add("rmse")
class RootMeanSquaredError(Mean):
    """The root of the mean of (y_pred - y_true) ** 2."""

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(  # type: ignore[override]  # of pairs, not of values
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Take another batch into account."""
        pair = loss_functions.operands(y_true, y_pred)
        super().update_state(apply("SquaredDifference", _squares, pair), sample_weight)

    def result(self) -> Tensor:
        """The root of the mean."""
        found: Tensor = apply("RootMean", _root, [self.total.value(), self.count.value()])
        return found


def _confusion(
    hits: Any, misses: Any, t: Any, p: Any, *weights: Any, threshold: float, precision: bool
) -> tuple[Any, Any]:
    """What is right and wrong among all that is predicted (precision) or true (recall)."""
    one = hits.dtype.type(1)
    predicted, true = p > threshold, t > 0.5
    w = (
        weights[0].reshape((*weights[0].shape, *(1,) * (p.ndim - weights[0].ndim)))
        if weights
        else one
    )
    wrong = np.logical_and(predicted, ~true) if precision else np.logical_and(~predicted, true)
    right = np.logical_and(predicted, true)
    return hits + np.sum(right * w), misses + np.sum(wrong * w)


def _share(hits: Any, misses: Any) -> Any:
    return _quotient(hits, hits + misses)


class _Share(Metric):
    _is_precision: bool

    def __init__(
        self, thresholds: float | None = None, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(dtype, name)
        self.thresholds = thresholds
        self.true_positives = self.add_variable((), name="true_positives")
        self._wrong = self.add_variable((), name="wrong")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take another batch into account."""
        pair = loss_functions.operands(y_true, y_pred)
        weights = [] if sample_weight is None else [cast(as_tensor(sample_weight), self._dtype)]
        attrs = {
            "threshold": 0.5 if self.thresholds is None else float(self.thresholds),
            "precision": self._is_precision,
        }  # fmt: skip
        state = [self.true_positives.value(), self._wrong.value()]
        found = apply("Confusion", _confusion, [*state, *pair, *weights], attrs)
        for variable, value in zip(self._variables, found, strict=True):
            variable.assign(value)

    def result(self) -> Tensor:
        """The share of what is right."""
        state = [self.true_positives.value(), self._wrong.value()]
        found: Tensor = apply("Share", _share, state)
        return found

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal metric, without its state."""
        return super().get_config() | {"thresholds": self.thresholds}


@FAMILY.add()
class Precision(_Share):
    """How much of what is predicted to be true is true."""

    _is_precision = True


@FAMILY.add()
class Recall(_Share):
    """How much of what is true is predicted to be."""

    _is_precision = False


def as_metric(identifier: Any) -> Metric:
    """A metric for what `compile(metrics=...)` takes: metrics, names, losses, functions."""
    found = get(identifier)
    if isinstance(found, Metric):
        return found
    if isinstance(found, losses.Loss):
        return MeanMetricWrapper(found.call, found.name)
    name = identifier if isinstance(identifier, str) else getattr(found, "__name__", "metric")
    return MeanMetricWrapper(found, name)
