"""Penalties on weights: `l1`, `l2` and both.

Layer: frontend.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..apply import apply
from ..convert import convert_to_tensor
from ..tensors import Tensor
from .registry import Configured, Family

FAMILY = Family("regularizer")
get, serialize, deserialize = FAMILY.get, FAMILY.serialize, FAMILY.deserialize


class Regularizer(Configured):
    """Base class; subclasses define `__call__(x)`, which gives a scalar."""


def _penalty(x: Any, *, l1: float, l2: float) -> Any:
    parts = []
    if l1:
        parts.append(l1 * np.sum(np.abs(x)))
    if l2:
        parts.append(l2 * np.sum(np.square(x)))
    return sum(parts) if parts else 0 * np.sum(x)


@FAMILY.add("l1_l2")
class L1L2(Regularizer):
    """l1 * sum(|x|) + l2 * sum(x ** 2)."""

    fields: tuple[str, ...] = ("l1", "l2")

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = float(l1 or 0.0), float(l2 or 0.0)

    def __call__(self, x: Any) -> Tensor:
        """The penalty of a weight."""
        attrs = {"l1": self.l1, "l2": self.l2}
        result: Tensor = apply("Regularizer", _penalty, [convert_to_tensor(x)], attrs)
        return result


@FAMILY.add()
class L1(L1L2):
    """l1 * sum(|x|)."""

    fields = ("l1",)

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=0.01 if l1 is None else l1)


@FAMILY.add()
class L2(L1L2):
    """l2 * sum(x ** 2)."""

    fields = ("l2",)

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=0.01 if l2 is None else l2)


l1, l2, l1_l2 = L1, L2, L1L2
