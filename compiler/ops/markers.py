"""Ops that compute nothing: they tell the transformations how to treat a value.

Layer: compiler/ops. Passes remove them once the derivatives are generated.
"""

from __future__ import annotations

from ..ir.derivative import pointwise
from .elementwise import elementwise
from .infer import ALL

STOP_GRADIENT = elementwise(
    "stop_gradient",
    1,
    ALL,
    reference=lambda x: x,
    lower=lambda s, x: x,
    derivative=pointwise(None),
    cost=0.0,
    doc="The operand itself, as a constant for derivatives.",
)
