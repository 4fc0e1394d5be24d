"""The optimisers of TensorFlow 1's `tf.train`.

Layer: frontend. Each names its rule (rules.py), its numbers and what its slots start with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..graph.build import convert_public
from ..graph.ops import control_dependencies, group
from . import rules
from .optimizer_base import Optimizer

__all__ = [
    "AdadeltaOptimizer",
    "AdagradDAOptimizer",
    "AdagradOptimizer",
    "AdamOptimizer",
    "FtrlOptimizer",
    "GradientDescentOptimizer",
    "MomentumOptimizer",
    "Optimizer",
    "ProximalAdagradOptimizer",
    "ProximalGradientDescentOptimizer",
    "RMSPropOptimizer",
]


class GradientDescentOptimizer(Optimizer):
    """value -= learning_rate * gradient."""

    _rule = rules.DESCENT

    def __init__(
        self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent"
    ) -> None:
        super().__init__(use_locking, name)
        self._numbers = {"learning_rate": learning_rate}


class MomentumOptimizer(Optimizer):
    """Gradients are summed up, older ones with less weight."""

    _rule = rules.MOMENTUM

    def __init__(
        self,
        learning_rate: Any,
        momentum: Any,
        use_locking: bool = False,
        name: str = "Momentum",
        use_nesterov: bool = False,
    ) -> None:
        super().__init__(use_locking, name)
        self._numbers = {"learning_rate": learning_rate, "momentum": momentum}
        self._attrs = {"nesterov": bool(use_nesterov)}


class AdamOptimizer(Optimizer):
    """Steps scaled by running means of the gradient and its square."""

    _rule = rules.ADAM

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "Adam",
        use_own_namescope_for_non_slot_vars: bool = False,
    ) -> None:
        super().__init__(use_locking, name)
        self._numbers = {
            "learning_rate": learning_rate, "beta1": beta1, "beta2": beta2, "epsilon": epsilon,
        }  # fmt: skip

    def _powers(self) -> list[tuple[Any, str]]:
        """The variables with the powers of the betas, and the names of the betas."""
        return [
            (
                self._create_non_slot_variable(
                    self._call_if_callable(self._numbers[b]), f"{b}_power"
                ),
                b,
            )
            for b in ("beta1", "beta2")
        ]

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        self._powers()
        super()._create_slots(var_list)

    def _prepare(self) -> None:
        super()._prepare()
        self._tensors |= {f"{beta}_power": power.value() for power, beta in self._powers()}

    def _finish(self, update_ops: Sequence[Any], name_scope: str) -> Any:
        changed = []
        for power, beta in self._powers():
            with control_dependencies(update_ops):
                product = power.value() * self._tensors[beta]
            changed.append(power.assign(product))
        return group(*update_ops, *changed, name=name_scope)


class AdagradOptimizer(Optimizer):
    """Steps divided by the root of the sum of squared gradients."""

    _rule = rules.ADAGRAD

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        use_locking: bool = False,
        name: str = "Adagrad",
    ) -> None:
        _check_positive(initial_accumulator_value)
        super().__init__(use_locking, name)
        self._numbers = {"learning_rate": learning_rate}
        self._starts = {"accumulator": initial_accumulator_value}


def _check_positive(initial: float) -> None:
    if initial <= 0.0:
        raise ValueError(f"initial_accumulator_value must be positive: {initial}")


class AdadeltaOptimizer(Optimizer):
    """Steps in proportion to earlier steps."""

    _rule = rules.ADADELTA

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: Any = 0.95,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "Adadelta",
    ) -> None:
        super().__init__(use_locking, name)
        self._numbers = {"lr": learning_rate, "rho": rho, "epsilon": epsilon}


class RMSPropOptimizer(Optimizer):
    """Steps divided by the root of a running mean of squared gradients."""

    def __init__(
        self,
        learning_rate: Any,
        decay: Any = 0.9,
        momentum: Any = 0.0,
        epsilon: Any = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        name: str = "RMSProp",
    ) -> None:
        super().__init__(use_locking, name)
        self._rule = rules.CENTERED_RMSPROP if centered else rules.RMSPROP
        self._numbers = {
            "learning_rate": learning_rate, "decay": decay, "momentum": momentum,
            "epsilon": epsilon,
        }  # fmt: skip
        self._starts = {"rms": 1.0}


class FtrlOptimizer(Optimizer):
    """Follow the regularised leader: many weights become exactly 0."""

    def __init__(
        self,
        learning_rate: Any,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "Ftrl",
        accum_name: str | None = None,
        linear_name: str | None = None,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float | None = None,
    ) -> None:
        super().__init__(use_locking, name)
        strengths = {
            "initial_accumulator_value": initial_accumulator_value,
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
            "l2_shrinkage_regularization_strength": l2_shrinkage_regularization_strength,
        }
        for label, strength in strengths.items():
            if strength < 0.0:
                raise ValueError(f"{label} {strength:f} needs to be positive or zero")
        if learning_rate_power > 0.0:
            raise ValueError(
                f"learning_rate_power {learning_rate_power:f} needs to be negative or zero"
            )
        self._starts = {"accum": strengths.pop("initial_accumulator_value")}
        if not l2_shrinkage_regularization_strength:
            del strengths["l2_shrinkage_regularization_strength"]
        self._rule = rules.FTRL_V2 if l2_shrinkage_regularization_strength else rules.FTRL
        self._numbers = {
            "learning_rate": learning_rate, **strengths, "learning_rate_power": learning_rate_power,
        }  # fmt: skip
        self._attrs = {"is_root": learning_rate_power == -0.5}
        self._labels = {"accum": accum_name, "linear": linear_name}
        self._beta = beta or 0.0

    def _label(self, slot: str) -> str:
        return self._labels[slot] or self._name

    def _prepare(self) -> None:
        super()._prepare()
        if self._beta:
            rate = self._tensors["learning_rate"]
            own = self._tensors["l2_regularization_strength"]
            self._tensors["l2_regularization_strength"] = own + self._beta / (2.0 * rate)


class ProximalGradientDescentOptimizer(Optimizer):
    """Gradient descent with regularisation, which makes weights exactly 0."""

    _rule = rules.PROXIMAL_DESCENT

    def __init__(
        self,
        learning_rate: Any,
        l1_regularization_strength: Any = 0.0,
        l2_regularization_strength: Any = 0.0,
        use_locking: bool = False,
        name: str = "ProximalGradientDescent",
    ) -> None:
        super().__init__(use_locking, name)
        self._numbers = {
            "learning_rate": learning_rate,
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
        }


class ProximalAdagradOptimizer(Optimizer):
    """Adagrad with regularisation, which makes weights exactly 0."""

    _rule = rules.PROXIMAL_ADAGRAD

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: Any = 0.0,
        l2_regularization_strength: Any = 0.0,
        use_locking: bool = False,
        name: str = "ProximalAdagrad",
    ) -> None:
        _check_positive(initial_accumulator_value)
        super().__init__(use_locking, name)
        self._numbers = {
            "learning_rate": learning_rate,
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
        }
        self._starts = {"accumulator": initial_accumulator_value}


class AdagradDAOptimizer(Optimizer):
    """Adagrad from all gradients so far (dual averaging); many weights become exactly 0.

    Args:
        learning_rate: see `tf.train.Optimizer`.
        global_step: the variable that counts the steps.
        initial_gradient_squared_accumulator_value: what the sums of squares start with.
        l1_regularization_strength: how much is taken off the sums of gradients.
        l2_regularization_strength: how much larger weights are made smaller.
        use_locking: changes nothing.
        name: of the optimiser.
    """

    _rule = rules.ADAGRAD_DA

    def __init__(
        self,
        learning_rate: Any,
        global_step: Any,
        initial_gradient_squared_accumulator_value: float = 0.1,
        l1_regularization_strength: Any = 0.0,
        l2_regularization_strength: Any = 0.0,
        use_locking: bool = False,
        name: str = "AdagradDA",
    ) -> None:
        if initial_gradient_squared_accumulator_value <= 0.0:
            raise ValueError(
                "initial_gradient_squared_accumulator_value must be positive: "
                f"{initial_gradient_squared_accumulator_value}"
            )
        super().__init__(use_locking, name)
        self._step = global_step
        self._numbers = {
            "learning_rate": learning_rate,
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
        }
        self._starts = {"gradient_squared_accumulator": initial_gradient_squared_accumulator_value}

    def _prepare(self) -> None:
        super()._prepare()
        self._tensors["global_step"] = convert_public(self._step) + 1
