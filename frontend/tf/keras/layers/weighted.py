"""Layers whose weights have roles: how those of a role begin, and what holds them.

Layer: frontend. The arguments `kernel_initializer`, `kernel_regularizer` and `kernel_constraint`
of a layer are attributes of these names, and are the options of the weights that are its kernels.
"""

from __future__ import annotations

from typing import Any

from ...tensors import Tensor
from ...variables import Variable
from .. import constraints, initializers, regularizers
from .base import Layer


class Weighted(Layer):
    """A layer whose weights have roles."""

    def _describe(
        self, role: str, initializer: Any, regularizer: Any = None, constraint: Any = None
    ) -> None:
        """Set the attributes for the weights of a role."""
        setattr(self, f"{role}_initializer", initializers.get(initializer))
        setattr(self, f"{role}_regularizer", regularizers.get(regularizer))
        setattr(self, f"{role}_constraint", constraints.get(constraint))

    def _make(self, role: str, shape: Any, **others: Any) -> Variable:
        """A weight of a role.

        Args:
            role: gives its name, and how it begins and is held.
            shape: of it.
            others: options of `add_weight` that are not the role's.
        """
        kinds = ("initializer", "regularizer", "constraint")
        options = {kind: getattr(self, f"{role}_{kind}") for kind in kinds}
        return self.add_weight(**{"name": role, "shape": shape, **options, **others})


class Scaled(Weighted):
    """A layer whose result is scaled by `gamma` and shifted by `beta`, where that is wanted."""

    supports_masking = True
    computes_wide = True  # means of many numbers need more digits than halves have

    fields: tuple[str, ...] = (
        "center", "scale", "beta_initializer", "gamma_initializer", "beta_regularizer",
        "gamma_regularizer", "beta_constraint", "gamma_constraint",
    )  # fmt: skip

    def __init__(
        self,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.center, self.scale = bool(center), bool(scale)
        self._describe("beta", beta_initializer, beta_regularizer, beta_constraint)
        self._describe("gamma", gamma_initializer, gamma_regularizer, gamma_constraint)

    def _add_scale(self, shape: Any) -> None:
        if self.scale:
            self.gamma = self._make("gamma", shape)
        if self.center:
            self.beta = self._make("beta", shape)

    def _scale_and_shift(self) -> list[Tensor]:
        """The values of those that there are."""
        weights = [self.gamma.value()] if self.scale else []
        return [*weights, self.beta.value()] if self.center else weights
