"""The functions of `tf.losses`: losses that join a collection, and their total.

Layer: frontend. In eager programs there are no collections.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..elementwise import add_n
from ..shapes import TensorShape
from ..v1 import loss_values
from ..v1.loss_values import Reduction
from .build import constant, convert_public, graph_op
from .graph import get_default_graph
from .keys import GraphKeys
from .state import is_building
from .surroundings import name_scope

_MEAN = Reduction.SUM_BY_NONZERO_WEIGHTS
_elementwise = graph_op(loss_values.elementwise, "value", "DivNoNan")
_pairwise = graph_op(loss_values.pairwise, "value", "Select")
_softmax = graph_op(loss_values.softmax, "value", "DivNoNan")
_sparse_softmax = graph_op(loss_values.sparse_softmax, "value", "DivNoNan")
_sigmoid = graph_op(loss_values.sigmoid, "value", "DivNoNan")
_weighted = graph_op(loss_values.weighted, "value", "DivNoNan")
_sum = graph_op(add_n, "total_loss", "AddN")


def _present(x: Any, what: str) -> Any:
    if x is None:
        raise ValueError(f"Argument `{what}` must not be None.")
    return x


def _checked(predictions: Any, labels: Any) -> None:
    """Raise ValueError if the shapes are not compatible."""
    if isinstance(predictions, (int, float)) or isinstance(labels, (int, float)):
        return
    first, second = (TensorShape(convert_shape(x)) for x in (predictions, labels))
    first.assert_is_compatible_with(second)


def convert_shape(x: Any) -> Any:
    """The shape of a tensor, or of what becomes one."""
    found = getattr(x, "shape", None)
    return convert_public(x).shape if found is None else found


def _collected(loss: Any, collection: Any) -> Any:
    if collection is not None:
        add_loss(loss, collection)
    return loss


def _of_pairs(kind: str, doc: str, what: str = "predictions") -> Callable[..., Any]:
    """A loss of pairs of elements without further arguments."""

    def loss(
        labels: Any,
        predictions: Any,
        weights: Any = 1.0,
        scope: str | None = None,
        loss_collection: Any = GraphKeys.LOSSES,
        reduction: str = _MEAN,
    ) -> Any:
        return _pairs(kind, labels, predictions, weights, scope, loss_collection, reduction, what)

    loss.__name__ = loss.__qualname__ = kind
    loss.__doc__ = doc
    return loss


def _pairs(
    kind: str,
    labels: Any,
    predictions: Any,
    weights: Any,
    scope: str | None,
    collection: Any,
    reduction: str,
    what: str = "predictions",
    **attrs: Any,
) -> Any:
    _present(labels, "labels")
    _present(predictions, what)
    Reduction.validate(reduction)
    with name_scope(scope, kind):
        _checked(predictions, labels)
        found = _elementwise(labels, predictions, weights, kind, reduction, **attrs)
    return _collected(found, collection)


absolute_difference = _of_pairs("absolute_difference", "|predictions - labels|, weighted.")
mean_squared_error = _of_pairs("mean_squared_error", "(predictions - labels) ** 2, weighted.")


def hinge_loss(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = _MEAN,
) -> Any:
    """max(1 - s * logits, 0), weighted, where s is 1 for a label of 1 and -1 for one of 0."""
    return _pairs(
        "hinge_loss", labels, logits, weights, scope, loss_collection, reduction, "logits"
    )


def huber_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    delta: float = 1.0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = _MEAN,
) -> Any:
    """Half the squared error of errors up to `delta`, linear beyond, weighted."""
    return _pairs(
        "huber_loss", labels, predictions, weights, scope, loss_collection, reduction,
        delta=float(delta),
    )  # fmt: skip


def log_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    epsilon: float = 1e-7,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = _MEAN,
) -> Any:
    """The logistic loss of probabilities, weighted; `epsilon` keeps logarithms finite."""
    return _pairs(
        "log_loss", labels, predictions, weights, scope, loss_collection, reduction,
        epsilon=float(epsilon),
    )  # fmt: skip


def cosine_distance(
    labels: Any,
    predictions: Any,
    axis: int | None = None,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = _MEAN,
    dim: int | None = None,
) -> Any:
    """1 minus the sum of the products along an axis, of vectors that have length 1 already."""
    chosen = dim if axis is None else axis
    if chosen is None:
        raise ValueError("You must specify argument `axis`.")
    return _pairs(
        "cosine_distance_loss", labels, predictions, weights, scope, loss_collection, reduction,
        axis=int(chosen),
    )  # fmt: skip


def mean_pairwise_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
) -> Any:
    """The squared differences between the errors of all pairs of elements of each example."""
    _present(labels, "labels")
    _present(predictions, "predictions")
    with name_scope(scope, "mean_pairwise_squared_error"):
        _checked(predictions, labels)
        found = _pairwise(labels, predictions, weights)
    return _collected(found, loss_collection)


def softmax_cross_entropy(
    onehot_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = _MEAN,
) -> Any:
    """The cross entropy of softmax(logits), weighted.

    Args:
        onehot_labels: probabilities of the classes; gradients do not pass to them.
        logits: of the same shape.
        weights: a number, or one for each example.
        label_smoothing: the part of the labels that is spread over all classes.
        scope: of the ops.
        loss_collection: the name of a list that the loss joins, or None.
        reduction: see `Reduction`.
    """
    _present(onehot_labels, "onehot_labels")
    _present(logits, "logits")
    with name_scope(scope, "softmax_cross_entropy_loss"):
        _checked(logits, onehot_labels)
        found = _softmax(onehot_labels, logits, weights, label_smoothing, reduction)
    return _collected(found, loss_collection)


def sparse_softmax_cross_entropy(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = _MEAN,
) -> Any:
    """-log(softmax(logits)) of each example's class, weighted."""
    _present(labels, "labels")
    _present(logits, "logits")
    with name_scope(scope, "sparse_softmax_cross_entropy_loss"):
        found = _sparse_softmax(labels, logits, weights, reduction)
    return _collected(found, loss_collection)


def sigmoid_cross_entropy(
    multi_class_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = _MEAN,
) -> Any:
    """The logistic loss of each element, weighted; arguments as of `softmax_cross_entropy`."""
    _present(multi_class_labels, "multi_class_labels")
    _present(logits, "logits")
    with name_scope(scope, "sigmoid_cross_entropy_loss"):
        _checked(logits, multi_class_labels)
        found = _sigmoid(multi_class_labels, logits, weights, label_smoothing, reduction)
    return _collected(found, loss_collection)


def compute_weighted_loss(
    losses: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = _MEAN,
) -> Any:
    """The elements of a loss of one's own with their weights, reduced."""
    Reduction.validate(reduction)
    with name_scope(scope, "weighted_loss"):
        found = _weighted(losses, weights, reduction)
    return _collected(found, loss_collection)


# -- collections ----------------------------------------------------------------------------------


def add_loss(loss: Any, loss_collection: Any = GraphKeys.LOSSES) -> None:
    """Let a loss join a collection; eager programs have none."""
    if loss_collection and is_building():
        get_default_graph().add_to_collection(loss_collection, loss)


def get_losses(scope: str | None = None, loss_collection: str = GraphKeys.LOSSES) -> list[Any]:
    """The losses so far."""
    return get_default_graph().get_collection(loss_collection, scope)


def get_regularization_losses(scope: str | None = None) -> list[Any]:
    """What the regularisers of variables gave so far."""
    return get_default_graph().get_collection(GraphKeys.REGULARIZATION_LOSSES, scope)


def get_regularization_loss(
    scope: str | None = None, name: str = "total_regularization_loss"
) -> Any:
    """The sum of these; 0 if there are none."""
    found = get_regularization_losses(scope)
    return _sum(found, name=name) if found else constant(0.0)


def get_total_loss(
    add_regularization_losses: bool = True, name: str = "total_loss", scope: str | None = None
) -> Any:
    """The sum of all losses.

    Raises:
        ValueError: there are none.
    """
    found = get_losses(scope)
    if add_regularization_losses:
        found = [*found, *get_regularization_losses(scope)]
    if not found:
        raise ValueError(
            "Inputs must be an iterable of at least one Tensor/IndexedSlices with the same dtype"
            " and shape."
        )
    return _sum(found, name=name)
