"""The optimisers: names, defaults and states; the formulas are in rules.py.

Layer: frontend. Arguments and defaults are those of Keras 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import rules
from .base import FAMILY, Optimizer

_ADAM = (("beta_1", "beta_1"), ("beta_2", "beta_2"), ("epsilon", "epsilon"))


@FAMILY.add()
class SGD(Optimizer):
    """Gradient descent, with momentum if wanted."""

    _rule = staticmethod(rules.sgd)
    _hyper = (("momentum", "momentum"), ("nesterov", "nesterov"))

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay, **options)
        if not 0 <= momentum <= 1:
            raise ValueError("`momentum` must be a float between [0, 1].")
        self.momentum, self.nesterov = float(momentum), bool(nesterov)

    def state_names(self) -> Sequence[tuple[str, float]]:
        """Momentum, if there is any."""
        return [("momentum", 0.0)] if self.momentum else []


class _Moments(Optimizer):
    """Optimisers with the hyperparameters of Adam."""

    _hyper = _ADAM

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay, **options)
        self.beta_1, self.beta_2, self.epsilon = float(beta_1), float(beta_2), float(epsilon)


@FAMILY.add()
class Adam(_Moments):
    """Adam, AMSGrad if `amsgrad`."""

    _rule = staticmethod(rules.adam)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        weight_decay: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, weight_decay, **options)
        self.amsgrad = bool(amsgrad)

    def state_names(self) -> Sequence[tuple[str, float]]:
        """The averages of gradients and of their squares."""
        largest = [("velocity_hat", 0.0)] if self.amsgrad else []
        return [("momentum", 0.0), ("velocity", 0.0), *largest]

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal optimiser, without its state."""
        return super().get_config() | {"amsgrad": self.amsgrad}


@FAMILY.add()
class AdamW(Adam):
    """Adam with weight decay (Loshchilov and Hutter, 2017)."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        if weight_decay is None:
            raise ValueError("Argument `weight_decay` must be a float. Received: weight_decay=None")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, **options)


@FAMILY.add()
class Adamax(_Moments):
    """Adam with the infinity norm."""

    _rule = staticmethod(rules.adamax)

    def state_names(self) -> Sequence[tuple[str, float]]:
        """The average of gradients and their largest."""
        return [("momentum", 0.0), ("norm", 0.0)]


@FAMILY.add()
class Nadam(_Moments):
    """Adam with Nesterov momentum."""

    _rule = staticmethod(rules.nadam)

    def state_names(self) -> Sequence[tuple[str, float]]:
        """The averages of gradients and of their squares, and the product of the momenta."""
        return [("momentum", 0.0), ("velocity", 0.0), ("product", 1.0)]


@FAMILY.add()
class RMSprop(Optimizer):
    """Steps divided by the root of the average of squared gradients."""

    _rule = staticmethod(rules.rmsprop)
    _hyper = (
        ("rho", "rho"), ("momentum", "momentum"), ("epsilon", "epsilon"), ("centered", "centered"),
    )  # fmt: skip

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        weight_decay: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay, **options)
        self.rho, self.momentum = float(rho), float(momentum)
        self.epsilon, self.centered = float(epsilon), bool(centered)

    def state_names(self) -> Sequence[tuple[str, float]]:
        """The average of squares, and of gradients and steps where they are used."""
        centre = [("average_gradient", 0.0)] if self.centered else []
        return [("velocity", 0.0), *centre, *([("momentum", 0.0)] if self.momentum > 0 else [])]


@FAMILY.add()
class Adagrad(Optimizer):
    """Steps divided by the root of the sum of squared gradients."""

    _rule = staticmethod(rules.adagrad)
    _hyper = (("epsilon", "epsilon"),)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay, **options)
        self.initial_accumulator_value = float(initial_accumulator_value)
        self.epsilon = float(epsilon)

    def state_names(self) -> Sequence[tuple[str, float]]:
        """The sum of squares."""
        return [("accumulator", self.initial_accumulator_value)]

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal optimiser, without its state."""
        start = {"initial_accumulator_value": self.initial_accumulator_value}
        return super().get_config() | start


@FAMILY.add()
class Adadelta(Optimizer):
    """Steps scaled by the averages of squared steps and gradients."""

    _rule = staticmethod(rules.adadelta)
    _hyper = (("rho", "rho"), ("epsilon", "epsilon"))

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay, **options)
        self.rho, self.epsilon = float(rho), float(epsilon)

    def state_names(self) -> Sequence[tuple[str, float]]:
        """The averages of squared gradients and of squared steps."""
        return [("accumulated_grad", 0.0), ("accumulated_delta_var", 0.0)]


@FAMILY.add()
class Ftrl(Optimizer):
    """Follow the regularised leader: for sparse linear models.

    Args:
        learning_rate: see `Optimizer`.
        learning_rate_power: at most 0; how the rate falls with the sum of squared gradients.
        initial_accumulator_value: where that sum begins.
        l1_regularization_strength: pulls weights to exactly zero.
        l2_regularization_strength: pulls weights towards zero.
        l2_shrinkage_regularization_strength: the same, by the size of the weight.
        beta: of the paper.
        weight_decay: see `Optimizer`.
        options: see `Optimizer`.
    """

    _rule = staticmethod(rules.ftrl)
    _hyper = (
        ("power", "learning_rate_power"), ("l1", "l1_regularization_strength"),
        ("l2", "l2_regularization_strength"), ("shrinkage", "l2_shrinkage_regularization_strength"),
        ("beta", "beta"),
    )  # fmt: skip

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        weight_decay: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay, **options)
        self.learning_rate_power = float(learning_rate_power)
        self.initial_accumulator_value = float(initial_accumulator_value)
        self.l1_regularization_strength = float(l1_regularization_strength)
        self.l2_regularization_strength = float(l2_regularization_strength)
        self.l2_shrinkage_regularization_strength = float(l2_shrinkage_regularization_strength)
        self.beta = float(beta)
        if self.learning_rate_power > 0:
            raise ValueError(
                "`learning_rate_power` needs to be negative or zero. Received: "
                f"learning_rate_power={learning_rate_power}."
            )
        self._check_not_negative(
            "initial_accumulator_value", "l1_regularization_strength",
            "l2_regularization_strength", "l2_shrinkage_regularization_strength",
        )  # fmt: skip

    def _check_not_negative(self, *names: str) -> None:
        for name in names:
            value = getattr(self, name)
            if value < 0:
                raise ValueError(
                    f"`{name}` needs to be positive or zero. Received: {name}={value}."
                )

    def state_names(self) -> Sequence[tuple[str, float]]:
        """The sum of squares, and the linear term."""
        return [("accumulator", self.initial_accumulator_value), ("linear", 0.0)]

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal optimiser, without its state."""
        start = {"initial_accumulator_value": self.initial_accumulator_value}
        return super().get_config() | start


@FAMILY.add()
class Lamb(_Moments):
    """LAMB: Adam for large batches, each variable's step as long as the variable."""

    _rule = staticmethod(rules.lamb)

    def state_names(self) -> Sequence[tuple[str, float]]:
        """The averages of gradients and of their squares."""
        return [("momentum", 0.0), ("velocity", 0.0)]


@FAMILY.add()
class Lion(Optimizer):
    """Lion: all elements move by the learning rate, to where an average of gradients points."""

    _rule = staticmethod(rules.lion)
    _hyper = (("beta_1", "beta_1"), ("beta_2", "beta_2"))

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        weight_decay: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay, **options)
        if not 0 < beta_1 <= 1:
            raise ValueError(
                "Argument `beta_1` must be in the [0, 1] range. Otherwise, the optimizer"
                f" degenerates to SignSGD. Received: beta_1={beta_1}."
            )
        self.beta_1, self.beta_2 = float(beta_1), float(beta_2)

    def state_names(self) -> Sequence[tuple[str, float]]:
        """The average of gradients."""
        return [("momentum", 0.0)]
