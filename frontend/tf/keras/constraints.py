"""What weights are held to after each update.

Layer: frontend. A constraint is a function of a tensor; optimisers apply it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..apply import apply
from ..convert import convert_to_tensor
from ..tensors import Tensor
from .registry import Configured, Family
from .settings import epsilon

FAMILY = Family("constraint")
get, serialize, deserialize = FAMILY.get, FAMILY.serialize, FAMILY.deserialize


class Constraint(Configured):
    """Base class; subclasses define `__call__(w)`."""


def _norm(w: Any, axis: Any) -> Any:
    return np.sqrt(np.sum(np.square(w), axis=axis, keepdims=True))


def _max_norm(w: Any, *, limit: float, axis: Any, eps: float) -> Any:
    norms = _norm(w, axis)
    return w * (np.clip(norms, 0, limit) / (eps + norms))


def _unit_norm(w: Any, *, axis: Any, eps: float) -> Any:
    return w / (eps + _norm(w, axis))


def _min_max(w: Any, *, low: float, high: float, rate: float, axis: Any, eps: float) -> Any:
    norms = _norm(w, axis)
    wanted = rate * np.clip(norms, low, high) + (1 - rate) * norms
    return w * (wanted / (eps + norms))


def _non_negative(w: Any) -> Any:
    return np.maximum(w, 0)


def _axes(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


@FAMILY.add()
class MaxNorm(Constraint):
    """Norms along the axis of at most `max_value`."""

    fields = ("max_value", "axis")

    def __init__(self, max_value: float = 2, axis: Any = 0) -> None:
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Any) -> Tensor:
        """The weight, scaled."""
        attrs = {"limit": float(self.max_value), "axis": _axes(self.axis), "eps": epsilon()}
        result: Tensor = apply("MaxNorm", _max_norm, [convert_to_tensor(w)], attrs)
        return result


@FAMILY.add("non_neg")
class NonNeg(Constraint):
    """No negative elements."""

    def __call__(self, w: Any) -> Tensor:
        """The weight, zero where it was negative."""
        result: Tensor = apply("NonNeg", _non_negative, [convert_to_tensor(w)])
        return result


@FAMILY.add()
class UnitNorm(Constraint):
    """Norms along the axis of 1."""

    fields = ("axis",)

    def __init__(self, axis: Any = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Tensor:
        """The weight, scaled."""
        attrs = {"axis": _axes(self.axis), "eps": epsilon()}
        result: Tensor = apply("UnitNorm", _unit_norm, [convert_to_tensor(w)], attrs)
        return result


@FAMILY.add()
class MinMaxNorm(Constraint):
    """Norms along the axis between two values; `rate` says how much of the way is gone."""

    fields = ("min_value", "max_value", "rate", "axis")

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0
    ) -> None:
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: Any) -> Tensor:
        """The weight, scaled."""
        attrs = {
            "low": float(self.min_value), "high": float(self.max_value), "rate": float(self.rate),
            "axis": _axes(self.axis), "eps": epsilon(),
        }  # fmt: skip
        result: Tensor = apply("MinMaxNorm", _min_max, [convert_to_tensor(w)], attrs)
        return result


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm
