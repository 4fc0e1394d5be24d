"""`tf.contrib.learn`: the estimators of TensorFlow 1's first years, in their simple forms.

Layer: frontend. They are those of canned.py, called `fit`, `evaluate` and `predict`; losses are
means.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..graph.losses import Reduction
from ..graph.scoping import variable_scope
from ..v1 import optimizers
from .canned import DNNClassifier as _DNNClassifier
from .canned import DNNRegressor as _DNNRegressor
from .canned import _linear_rate, optimizer_of, training
from .columns import linear_model, real_valued_column
from .estimator import Estimator
from .heads import Head, Regression, classification
from .inputs import learn_numpy_input_fn

_MEAN = Reduction.SUM_OVER_BATCH_SIZE


class _Learner:
    """`fit`, `evaluate` and `predict` around an estimator."""

    _estimator: Estimator
    _output = "predictions"

    def _input(self, x: Any, y: Any, input_fn: Any, size: Any, is_training: bool) -> Any:
        if input_fn is not None:
            return input_fn
        if x is None:
            raise ValueError("Either x or input_fn must be provided.")
        features = x if isinstance(x, dict) else {"": np.asarray(x)}
        count = size or len(next(iter(features.values())))
        return learn_numpy_input_fn(
            features, y, count, None if is_training else 1, shuffle=is_training
        )

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        input_fn: Any = None,
        steps: int | None = None,
        batch_size: int | None = None,
        monitors: Any = None,
        max_steps: int | None = None,
    ) -> Any:
        """Train; either on arrays, or on what `input_fn` gives.

        Args:
            x: features: an array, or a dict of them.
            y: labels.
            input_fn: gives (features, labels).
            steps: how many steps.
            batch_size: of `x`; all by default.
            monitors: hooks.
            max_steps: how many steps in all.
        """
        if steps is None and max_steps is None and input_fn is None:
            raise ValueError("either steps or max_steps must be given")
        given = self._input(x, y, input_fn, batch_size, True)
        self._estimator.train(given, monitors, steps, max_steps)
        return self

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        input_fn: Any = None,
        feed_fn: Any = None,
        batch_size: int | None = None,
        steps: int | None = None,
        metrics: Any = None,
        name: str | None = None,
    ) -> dict[str, Any]:
        """The loss and the metrics, as a dict; arguments as of `fit`."""
        given = self._input(x, y, input_fn, batch_size, False)
        found = self._estimator.evaluate(given, steps)
        return {k: v for k, v in found.items() if k not in ("average_loss", "label/mean")}

    def predict(
        self,
        x: Any = None,
        input_fn: Any = None,
        batch_size: int | None = None,
        outputs: Any = None,
        as_iterable: bool = True,
    ) -> Any:
        """The predictions, one for each example; arguments as of `fit`."""
        found = self._each(self._output, x, input_fn, batch_size)
        return found if as_iterable else np.array(list(found))

    def _each(self, key: str, x: Any, input_fn: Any, batch_size: Any) -> Iterator[Any]:
        given = self._input(x, None, input_fn, batch_size, False)
        for example in self._estimator.predict(given, [key]):
            value = example[key]
            yield value[0] if value.shape == (1,) else value

    @property
    def model_dir(self) -> str:
        """Where checkpoints are."""
        return self._estimator.model_dir

    def get_variable_names(self) -> list[str]:
        """The names of the variables."""
        return self._estimator.get_variable_names()

    def get_variable_value(self, name: str) -> np.ndarray:
        """The value of a variable."""
        return self._estimator.get_variable_value(name)


class _Classifier(_Learner):
    """Classes, and how likely they are."""

    _output = "class_ids"

    predict_classes = _Learner.predict

    def predict_proba(
        self,
        x: Any = None,
        input_fn: Any = None,
        batch_size: int | None = None,
        as_iterable: bool = True,
    ) -> Any:
        """How likely each class is; arguments as of `fit`."""
        found = self._each("probabilities", x, input_fn, batch_size)
        return found if as_iterable else np.array(list(found))


class _Regressor(_Learner):
    """Numbers."""

    predict_scores = _Learner.predict


def _linear(head: Head, feature_columns: Any, model_dir: Any, optimizer: Any, config: Any) -> Any:
    columns = list(feature_columns)
    rate = _linear_rate(columns)

    def model(features: Any, labels: Any, mode: str) -> Any:
        with variable_scope("linear"):
            logits = linear_model(features, columns, head.width, ("weight", "bias_weight"))
        chosen = optimizer_of(optimizer, lambda: optimizers.FtrlOptimizer(rate), rate)
        return head.spec(mode, logits, labels, training(chosen))

    return Estimator(model, model_dir, config)


class LinearRegressor(_Regressor):
    """Numbers as a weighted sum of features, trained by squared errors.

    Args:
        feature_columns: see `tf.contrib.layers.real_valued_column`.
        model_dir: where checkpoints are.
        weight_column_name: not supported.
        optimizer: an optimiser, its name, or a function that makes it; Ftrl by default.
        gradient_clip_norm: not supported.
        enable_centered_bias: not supported.
        label_dimension: how many numbers an example has.
        config: a `RunConfig`.
    """

    def __init__(
        self,
        feature_columns: Any,
        model_dir: Any = None,
        weight_column_name: Any = None,
        optimizer: Any = None,
        gradient_clip_norm: Any = None,
        enable_centered_bias: bool = False,
        label_dimension: int = 1,
        _joint_weights: bool = False,
        config: Any = None,
    ) -> None:
        _refuse(weight_column_name, gradient_clip_norm, enable_centered_bias)
        head = Regression(label_dimension, _MEAN)
        self._estimator = _linear(head, feature_columns, model_dir, optimizer, config)


class LinearClassifier(_Classifier):
    """Classes by weighted sums of features; arguments as of `LinearRegressor`."""

    def __init__(
        self,
        feature_columns: Any,
        model_dir: Any = None,
        n_classes: int = 2,
        weight_column_name: Any = None,
        optimizer: Any = None,
        gradient_clip_norm: Any = None,
        enable_centered_bias: bool = False,
        config: Any = None,
    ) -> None:
        _refuse(weight_column_name, gradient_clip_norm, enable_centered_bias)
        head = classification(n_classes, _MEAN)
        self._estimator = _linear(head, feature_columns, model_dir, optimizer, config)


def _refuse(*options: Any) -> None:
    if any(options):
        raise NotImplementedError(
            "weight_column_name, gradient_clip_norm and enable_centered_bias are not supported:"
            " write a model_fn for tf.estimator.Estimator"
        )


class DNNClassifier(_Classifier):
    """Classes by layers of neurons; see `tf.estimator.DNNClassifier`."""

    def __init__(
        self,
        hidden_units: Any,
        feature_columns: Any,
        model_dir: Any = None,
        n_classes: int = 2,
        weight_column_name: Any = None,
        optimizer: Any = None,
        activation_fn: Any = None,
        dropout: float | None = None,
        config: Any = None,
    ) -> None:
        _refuse(weight_column_name)
        self._estimator = _DNNClassifier(
            hidden_units, feature_columns, model_dir, n_classes, None, None, optimizer,
            activation_fn, dropout, config, None, _MEAN,
        )  # fmt: skip


class DNNRegressor(_Regressor):
    """Numbers by layers of neurons; see `tf.estimator.DNNRegressor`."""

    def __init__(
        self,
        hidden_units: Any,
        feature_columns: Any,
        model_dir: Any = None,
        weight_column_name: Any = None,
        optimizer: Any = None,
        activation_fn: Any = None,
        dropout: float | None = None,
        label_dimension: int = 1,
        config: Any = None,
    ) -> None:
        _refuse(weight_column_name)
        self._estimator = _DNNRegressor(
            hidden_units, feature_columns, model_dir, label_dimension, None, optimizer,
            activation_fn, dropout, config, None, _MEAN,
        )  # fmt: skip


def infer_real_valued_columns_from_input(x: Any) -> list[Any]:
    """The columns of an array of numbers, or of a dict of them."""
    parts = x if isinstance(x, dict) else {"": x}
    return [
        real_valued_column(name, int(np.prod(np.shape(array)[1:], dtype=int)))
        for name, array in parts.items()
    ]
