"""`LossScaleOptimizer`: training with float16, whose smallest numbers are not small enough.

Layer: frontend. The loss is multiplied by a large factor, so that gradients do not vanish in
float16; they are divided by it, as float32, before the optimiser inside sees them. A factor that is
too large shows as infinities: that step is left out and the factor halved. After many good steps it
is doubled (Micikevicius et al., Mixed Precision Training, ICLR 2018, section 3.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ... import control
from ...convert import convert_to_tensor
from ...elementwise import cast, is_finite
from ...reductions import reduce_all
from ...shaping import stack
from ...slices import IndexedSlices
from ...tensors import Tensor
from ...variables import Variable
from ..settings import unique_name
from .base import FAMILY, Optimizer

# Options of every optimiser, which are those of the one inside; configurations have the defaults.
_OF_THE_INNER = {
    **dict.fromkeys(("weight_decay", "clipnorm", "clipvalue", "global_clipnorm")),
    **dict.fromkeys(("loss_scale_factor", "gradient_accumulation_steps")),
    **{"use_ema": False, "ema_momentum": 0.99, "ema_overwrite_frequency": None},
}


@FAMILY.add()
class LossScaleOptimizer(Optimizer):
    """Scales the loss for an optimiser inside of it, by a factor that is found on the way.

    Args:
        inner_optimizer: what changes the variables.
        initial_scale: the factor that training begins with.
        dynamic_growth_steps: after so many good steps the factor is doubled.
        name: of the optimiser.
    """

    def __init__(
        self,
        inner_optimizer: Any,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **options: Any,
    ) -> None:
        self.inner_optimizer: Optimizer = FAMILY.get(inner_optimizer)
        _refuse(options)
        super().__init__(0.0, name=name or unique_name("loss_scale_optimizer"))
        self.initial_scale = float(initial_scale)
        self.dynamic_growth_steps = int(dynamic_growth_steps)
        self.dynamic_scale = Variable(np.float32(initial_scale), False, name="dynamic_scale")
        self.step_counter = Variable(np.int32(0), False, name="step_counter")
        self.iterations = self.inner_optimizer.iterations

    @classmethod
    def around(cls, optimizer: Optimizer) -> LossScaleOptimizer:
        """The optimiser itself if it scales losses, else one around it."""
        return optimizer if isinstance(optimizer, cls) else cls(optimizer)

    @property
    def learning_rate(self) -> Any:
        """That of the optimiser inside."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    @property
    def variables(self) -> list[Variable]:
        """The scale, the good steps since it was changed, and those of the optimiser inside."""
        return [self.step_counter, self.dynamic_scale, *self.inner_optimizer.variables]

    def build(self, var_list: Iterable[Variable]) -> None:
        """Make the states of these variables."""
        self.inner_optimizer.build(var_list)
        self.built = True

    # -- scaling ----------------------------------------------------------------------------------

    def scale_loss(self, loss: Any) -> Any:
        """The loss times the factor."""
        given: Any = convert_to_tensor(loss)
        return given * cast(self.dynamic_scale, given.dtype)

    get_scaled_loss = scale_loss

    def _scale(self) -> Any:
        return self.dynamic_scale.value()

    def get_unscaled_gradients(self, grads: Sequence[Any]) -> list[Any]:
        """Gradients of a scaled loss, divided by the factor."""
        factor = 1.0 / self._scale()
        return [None if g is None else _scaled(g, factor) for g in grads]

    def apply_gradients(self, grads_and_vars: Iterable[Any], name: str | None = None) -> Variable:
        """Change the variables by gradients of a scaled loss, if all of them are finite."""
        pairs = [(g, v) for g, v in grads_and_vars]
        given = [g for g, _ in pairs if g is not None]
        variables = [v for g, v in pairs if g is not None]
        if not given:
            raise ValueError("No gradients provided for any variable.")
        self.build(variables)
        unscaled = self.get_unscaled_gradients(given)
        finite = reduce_all(stack([reduce_all(is_finite(_values(g))) for g in unscaled]))

        def change() -> list[Tensor]:
            self.inner_optimizer.apply_gradients(zip(unscaled, variables, strict=True))
            self._count()
            return []

        def leave() -> list[Tensor]:
            self.dynamic_scale.assign(self._scale() * 0.5)
            self.step_counter.assign(0)
            return []

        control.cond(finite, change, leave)
        return self.iterations

    def _count(self) -> None:
        """One more good step."""
        before: Any = self.step_counter.value()
        steps = before + 1
        enough: Any = cast(steps >= self.dynamic_growth_steps, "int32")
        self.dynamic_scale.assign(self._scale() * cast(1 + enough, "float32"))
        self.step_counter.assign(steps * (1 - enough))

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal optimiser, without its state."""
        return {
            "name": self.name,
            "inner_optimizer": FAMILY.serialize(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }


def _refuse(options: dict[str, Any]) -> None:
    """Raise for what the optimiser inside is to be told, or nobody knows."""
    options = dict(options)
    if not options.pop("dynamic", True):
        raise ValueError(
            "LossScaleOptimizer has a dynamic scale alone: multiply the loss by a constant where"
            " `dynamic=False` was given"
        )
    for name, default in _OF_THE_INNER.items():
        if options.pop(name, default) != default:
            raise ValueError(
                f"LossScaleOptimizer does not support `{name}`: give `{name}` to the optimizer"
                " inside of it"
            )
    if options:
        raise ValueError(f"LossScaleOptimizer does not support the arguments {list(options)}")


def _values(gradient: Any) -> Any:
    return gradient.values if hasattr(gradient, "indices") else gradient


def _scaled(gradient: Any, factor: Any) -> Any:
    values = _values(gradient)
    values = values * cast(factor, values.dtype)
    if hasattr(gradient, "indices"):
        return IndexedSlices(values, gradient.indices, gradient.dense_shape)
    return values
