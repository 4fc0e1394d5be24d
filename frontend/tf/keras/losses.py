"""Loss classes: a function of examples, weights, and how the examples are put together.

Layer: frontend.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..apply import apply
from ..elementwise import cast
from ..tensors import Tensor
from . import loss_functions as functions
from . import masks, overlaps
from .registry import Configured, Family
from .settings import float_dtype, snake_case

FAMILY = Family("loss")
serialize, deserialize = FAMILY.serialize, FAMILY.deserialize
_REDUCTIONS = (
    "sum_over_batch_size",
    "sum",
    "mean",
    "mean_with_sample_weight",
    "none",
    "auto",
    None,
)


def get(identifier: Any) -> Any:
    """A loss for a name ("mse"), a class's name, a configuration, a class or a function."""
    if isinstance(identifier, str) and identifier in functions.FUNCTIONS.table:
        return functions.FUNCTIONS.table[identifier]
    return FAMILY.get(identifier)


class Loss(Configured):
    """Base class; subclasses define `call(y_true, y_pred)`, one number per example.

    Args:
        name: of the loss.
        reduction: "sum_over_batch_size" (the mean), "sum", "mean_with_sample_weight" (divided by
            the sum of the weights) or "none".
        dtype: for Keras's signature.
    """

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        if reduction not in _REDUCTIONS:
            raise ValueError(
                f"Invalid value for argument `reduction`. Expected one of {_REDUCTIONS}. Received: "
                f"reduction={reduction}"
            )
        self.name = name or snake_case(type(self).__name__)
        self.reduction = "sum_over_batch_size" if reduction == "auto" else reduction

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each example."""
        raise NotImplementedError

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The loss of all examples, as `reduction` says."""
        pred = functions.as_tensor(y_pred)
        if pred.dtype.is_floating and pred.dtype.size < float_dtype().size:
            pred = cast(pred, float_dtype())  # of mixed precision
        losses = functions.as_tensor(self.call(functions.as_tensor(y_true), pred))
        weight = masks.weigh(sample_weight, masks.mask_of(y_pred), losses.dtype, self.reduction)
        return reduce_weighted(losses, weight, self.reduction)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal loss."""
        return {"name": self.name, "reduction": self.reduction} | super().get_config()


def reduce_weighted(values: Any, sample_weight: Any, reduction: str | None) -> Tensor:
    """Losses of examples, weighted and put together."""
    losses = functions.as_tensor(values)
    how = reduction or "none"
    inputs = [losses]
    if sample_weight is not None:
        weight = cast(functions.as_tensor(sample_weight), losses.dtype)
        weight, _ = functions.same_rank(weight, losses)
        inputs.append(weight)
    result: Tensor = apply("ReduceLoss", _reduced, inputs, {"how": how})
    return result


def _reduced(losses: Any, *weights: Any, how: str) -> Any:
    total = losses
    for w in weights:
        w = w.reshape((*w.shape, *(1,) * (losses.ndim - w.ndim)))
        total = total * w
        if how == "mean_with_sample_weight":
            count = np.sum(np.broadcast_to(w, losses.shape))
            return np.where(count != 0, np.sum(total) / np.where(count != 0, count, 1), 0 * count)
    if how == "none":
        return total
    return np.sum(total) if how == "sum" else np.mean(total)


class LossFunctionWrapper(Loss):
    """A function of y_true and y_pred as a loss; `kwargs` go to the function."""

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", None), reduction, dtype)
        self.fn, self._kwargs = fn, kwargs

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each example."""
        return self.fn(y_true, y_pred, **self._kwargs)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal loss."""
        return {"name": self.name, "reduction": self.reduction} | self._kwargs


def _class(name: str, fn: Callable[..., Any], **defaults: Any) -> type:
    """A loss class for a function; `defaults` are further arguments of the class, in order."""

    def __init__(self: Any, *args: Any, **options: Any) -> None:
        order = [*defaults, "reduction", "name", "dtype"]
        if len(args) > len(order):
            raise TypeError(f"{name}() takes at most {len(order)} arguments, got {len(args)}")
        given = dict(zip(order, args, strict=False)) | options
        unknown = given.keys() - set(order)
        if unknown:
            raise TypeError(f"{name}() got unexpected keyword arguments {sorted(unknown)}")
        kwargs = {key: given.get(key, value) for key, value in defaults.items()}
        LossFunctionWrapper.__init__(
            self, fn, given.get("reduction", "sum_over_batch_size"),
            given.get("name") or fn.__name__, given.get("dtype"), **kwargs,
        )  # fmt: skip

    doc = f"{fn.__doc__} As a function: `{fn.__name__}`."
    attributes = {"__init__": __init__, "__doc__": doc, "__module__": __name__}
    made = type(name, (LossFunctionWrapper,), attributes)
    registered: type = FAMILY.add()(made)
    return registered


MeanSquaredError = _class("MeanSquaredError", functions.mean_squared_error)
MeanAbsoluteError = _class("MeanAbsoluteError", functions.mean_absolute_error)
MeanAbsolutePercentageError = _class(
    "MeanAbsolutePercentageError", functions.mean_absolute_percentage_error
)
MeanSquaredLogarithmicError = _class(
    "MeanSquaredLogarithmicError", functions.mean_squared_logarithmic_error
)
Huber = _class("Huber", functions.huber, delta=1.0)
LogCosh = _class("LogCosh", functions.log_cosh)
KLDivergence = _class("KLDivergence", functions.kl_divergence)
Poisson = _class("Poisson", functions.poisson)
Hinge = _class("Hinge", functions.hinge)
SquaredHinge = _class("SquaredHinge", functions.squared_hinge)
CategoricalHinge = _class("CategoricalHinge", functions.categorical_hinge)
CosineSimilarity = _class("CosineSimilarity", functions.cosine_similarity, axis=-1)
BinaryCrossentropy = _class(
    "BinaryCrossentropy", functions.binary_crossentropy, from_logits=False, label_smoothing=0.0,
    axis=-1,
)  # fmt: skip
BinaryFocalCrossentropy = _class(
    "BinaryFocalCrossentropy", functions.binary_focal_crossentropy, apply_class_balancing=False,
    alpha=0.25, gamma=2.0, from_logits=False,
)  # fmt: skip
CategoricalCrossentropy = _class(
    "CategoricalCrossentropy", functions.categorical_crossentropy, from_logits=False,
    label_smoothing=0.0, axis=-1,
)  # fmt: skip
SparseCategoricalCrossentropy = _class(
    "SparseCategoricalCrossentropy", functions.sparse_categorical_crossentropy, from_logits=False,
    ignore_class=None,
)  # fmt: skip
CategoricalFocalCrossentropy = _class(
    "CategoricalFocalCrossentropy", overlaps.categorical_focal_crossentropy, alpha=0.25, gamma=2.0,
    from_logits=False, label_smoothing=0.0, axis=-1,
)  # fmt: skip
CategoricalGeneralizedCrossEntropy = _class(
    "CategoricalGeneralizedCrossEntropy", overlaps.categorical_generalized_cross_entropy, q=0.5
)

Dice = _class("Dice", overlaps.dice, axis=None)
Tversky = _class("Tversky", overlaps.tversky, alpha=0.5, beta=0.5, axis=None)
