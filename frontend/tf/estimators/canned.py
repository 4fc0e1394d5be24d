"""`tf.estimator.LinearRegressor`, `DNNClassifier` and the like.

Layer: frontend.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..graph.build import graph_op
from ..graph.layers.functions import dense, dropout
from ..graph.losses import Reduction
from ..graph.scoping import variable_scope
from ..nn.activations import relu
from ..v1 import optimizers
from ..v1.steps import get_global_step
from .columns import input_layer, linear_model
from .estimator import Estimator
from .heads import Head, Regression, classification
from .spec import ModeKeys

_relu = graph_op(relu)
_BY_NAME: dict[str, Callable[[float], Any]] = {
    "Adagrad": optimizers.AdagradOptimizer,
    "Adam": optimizers.AdamOptimizer,
    "Ftrl": optimizers.FtrlOptimizer,
    "RMSProp": optimizers.RMSPropOptimizer,
    "SGD": optimizers.GradientDescentOptimizer,
}


def optimizer_of(given: Any, default: Callable[[], Any], rate: float = 0.05) -> Any:
    """An optimiser: the one given, the one of a name, or the default one.

    Raises:
        ValueError: there is none of this name.
    """
    if given is None:
        return default()
    if isinstance(given, str):
        if given not in _BY_NAME:
            raise ValueError(f"Unsupported optimizer name: {given}. Supported: {list(_BY_NAME)}")
        return _BY_NAME[given](rate)
    return given if hasattr(given, "minimize") else given()


def training(optimizer: Any) -> Callable[[Any], Any]:
    """The training step of a loss."""
    return lambda loss: optimizer.minimize(loss, global_step=get_global_step())


def _linear_rate(columns: Sequence[Any]) -> float:
    return min(0.2, 1.0 / math.sqrt(len(columns)))


class _Linear(Estimator):
    """A weighted sum of features."""

    def __init__(
        self, head: Head, feature_columns: Any, model_dir: Any, optimizer: Any, config: Any
    ) -> None:
        columns = list(feature_columns)
        rate = _linear_rate(columns)

        def model(features: Any, labels: Any, mode: str) -> Any:
            with variable_scope("linear"), variable_scope("linear_model"):
                logits = linear_model(features, columns, head.width)
            chosen = optimizer_of(optimizer, lambda: optimizers.FtrlOptimizer(rate), rate)
            return head.spec(mode, logits, labels, training(chosen))

        super().__init__(model, model_dir, config)


class LinearRegressor(_Linear):
    """Numbers as a weighted sum of features, trained by squared errors.

    Args:
        feature_columns: see `tf.feature_column`.
        model_dir: where checkpoints are.
        label_dimension: how many numbers an example has.
        weight_column: not supported.
        optimizer: an optimiser, its name, or a function that makes it; Ftrl by default.
        config: a `RunConfig`.
        partitioner: for TensorFlow's signature.
        warm_start_from: not supported.
        loss_reduction: how the losses of a batch become one; their sum by default.
    """

    def __init__(
        self,
        feature_columns: Any,
        model_dir: Any = None,
        label_dimension: int = 1,
        weight_column: Any = None,
        optimizer: Any = "Ftrl",
        config: Any = None,
        partitioner: Any = None,
        warm_start_from: Any = None,
        loss_reduction: str = Reduction.SUM,
    ) -> None:
        _refuse(weight_column, warm_start_from)
        head = Regression(label_dimension, loss_reduction)
        super().__init__(head, feature_columns, model_dir, optimizer, config)


class LinearClassifier(_Linear):
    """Classes by weighted sums of features; arguments as of `LinearRegressor`.

    Args:
        feature_columns: see `tf.feature_column`.
        model_dir: where checkpoints are.
        n_classes: how many classes there are.
        weight_column: not supported.
        label_vocabulary: not supported: labels are numbers.
        optimizer: as of `LinearRegressor`.
        config: a `RunConfig`.
        partitioner: for TensorFlow's signature.
        warm_start_from: not supported.
        loss_reduction: as of `LinearRegressor`.
    """

    def __init__(
        self,
        feature_columns: Any,
        model_dir: Any = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Any = None,
        optimizer: Any = "Ftrl",
        config: Any = None,
        partitioner: Any = None,
        warm_start_from: Any = None,
        loss_reduction: str = Reduction.SUM,
    ) -> None:
        _refuse(weight_column, warm_start_from, label_vocabulary)
        head = classification(n_classes, loss_reduction)
        super().__init__(head, feature_columns, model_dir, optimizer, config)


def _refuse(weight_column: Any, warm_start_from: Any, label_vocabulary: Any = None) -> None:
    if weight_column is not None or warm_start_from is not None or label_vocabulary is not None:
        raise NotImplementedError(
            "weight_column, warm_start_from and label_vocabulary are not supported: write a"
            " model_fn for tf.estimator.Estimator"
        )


class _Deep(Estimator):
    """Layers of neurons."""

    def __init__(
        self,
        head: Head,
        hidden_units: Sequence[int],
        feature_columns: Any,
        model_dir: Any,
        optimizer: Any,
        activation_fn: Any,
        rate: float | None,
        config: Any,
    ) -> None:
        columns = list(feature_columns)

        def model(features: Any, labels: Any, mode: str) -> Any:
            with variable_scope("dnn"):
                x = input_layer(features, columns)
                for k, units in enumerate(hidden_units):
                    x = dense(x, units, activation_fn or _relu, name=f"hiddenlayer_{k}")
                    if rate is not None and mode == ModeKeys.TRAIN:
                        x = dropout(x, rate, training=True)
                logits = dense(x, head.width, name="logits")
            chosen = optimizer_of(optimizer, lambda: optimizers.AdagradOptimizer(0.05))
            return head.spec(mode, logits, labels, training(chosen))

        super().__init__(model, model_dir, config)


class DNNClassifier(_Deep):
    """Classes by layers of neurons.

    Args:
        hidden_units: how many neurons each layer has.
        feature_columns: see `tf.feature_column`.
        model_dir: where checkpoints are.
        n_classes: how many classes there are.
        weight_column: not supported.
        label_vocabulary: not supported: labels are numbers.
        optimizer: an optimiser, its name, or a function that makes it; Adagrad by default.
        activation_fn: of the layers; `tf.nn.relu` by default.
        dropout: the part of the neurons that is left out while training.
        config: a `RunConfig`.
        warm_start_from: not supported.
        loss_reduction: how the losses of a batch become one; their sum by default.
    """

    def __init__(
        self,
        hidden_units: Sequence[int],
        feature_columns: Any,
        model_dir: Any = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Any = None,
        optimizer: Any = "Adagrad",
        activation_fn: Any = None,
        dropout: float | None = None,
        config: Any = None,
        warm_start_from: Any = None,
        loss_reduction: str = Reduction.SUM,
    ) -> None:
        _refuse(weight_column, warm_start_from, label_vocabulary)
        super().__init__(
            classification(n_classes, loss_reduction), hidden_units, feature_columns, model_dir,
            optimizer, activation_fn, dropout, config,
        )  # fmt: skip


class DNNRegressor(_Deep):
    """Numbers by layers of neurons; arguments as of `DNNClassifier`.

    Args:
        hidden_units: see there.
        feature_columns: see there.
        model_dir: see there.
        label_dimension: how many numbers an example has.
        weight_column: not supported.
        optimizer: see there.
        activation_fn: see there.
        dropout: see there.
        config: see there.
        warm_start_from: not supported.
        loss_reduction: see there.
    """

    def __init__(
        self,
        hidden_units: Sequence[int],
        feature_columns: Any,
        model_dir: Any = None,
        label_dimension: int = 1,
        weight_column: Any = None,
        optimizer: Any = "Adagrad",
        activation_fn: Any = None,
        dropout: float | None = None,
        config: Any = None,
        warm_start_from: Any = None,
        loss_reduction: str = Reduction.SUM,
    ) -> None:
        _refuse(weight_column, warm_start_from)
        super().__init__(
            Regression(label_dimension, loss_reduction), hidden_units, feature_columns, model_dir,
            optimizer, activation_fn, dropout, config,
        )  # fmt: skip
