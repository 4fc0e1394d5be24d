"""The base class of optimisers: state, learning rate, gradients given and computed.

Layer: frontend. Optimisers with a rule update all variables in one program; inside of a traced
function that is a part of the function's program. Optimisers of users override `update_step`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ...convert import convert_to_tensor
from ...functions import Function
from ...in_place import is_large
from ...tape import GradientTape
from ...tensors import STATE, Tensor
from ...variables import Variable
from ..registry import Family
from ..settings import snake_case, unique_name
from .program import Parameter, Plan, gathered, program_for, write_update
from .schedules import FAMILY as SCHEDULES
from .schedules import LearningRateSchedule

FAMILY = Family("optimizer")
_UNSUPPORTED = ("use_ema", "loss_scale_factor", "gradient_accumulation_steps")


class Optimizer:
    """Changes variables by their gradients.

    Args:
        learning_rate: a number, a `LearningRateSchedule`, or a function without arguments.
        weight_decay: how much of a variable is taken away per step, times the learning rate.
        clipnorm: gradients are scaled down to this norm, each on its own.
        clipvalue: the elements of gradients are held between its negative and itself.
        global_clipnorm: gradients are scaled down so that the norm of all of them is this.
        name: of the optimiser.
    """

    # Set by subclasses: the rule, the names of its states, its hyperparameters by attribute.
    _rule: Callable[..., Any] | None = None
    _hyper: tuple[tuple[str, str], ...] = ()  # (keyword of the rule, attribute)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        _check_options(kwargs)
        if sum(c is not None for c in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: "
                f"clipnorm={clipnorm}, clipvalue={clipvalue}, global_clipnorm={global_clipnorm}"
            )
        self.name = name or unique_name(snake_case(type(self).__name__))
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.built = False
        self._excluded: tuple[Any, Any] = ((), ())
        self.iterations = _state(np.int64(0), f"{self.name}/iteration")
        self._variables: list[Variable] = [self.iterations]
        self._states: dict[Any, list[Variable]] = {}
        self._programs: dict[Any, Function] = {}  # that change large variables in place
        self._trainable_variables: list[Variable] = []
        self._learning_rate = self._new_rate(learning_rate)

    # -- learning rate ----------------------------------------------------------------------------

    def _new_rate(self, value: Any) -> Any:
        if isinstance(value, LearningRateSchedule) or callable(value):
            return value
        made = _state(np.float32(_number(value)), f"{self.name}/learning_rate")
        self._variables.insert(1, made)
        return made

    @property
    def learning_rate(self) -> Any:
        """The learning rate: a variable, or a tensor where a schedule or a function gives it."""
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return rate
        return rate(self.iterations) if isinstance(rate, LearningRateSchedule) else rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if isinstance(value, LearningRateSchedule) or callable(value):
            self._learning_rate = value
        elif isinstance(self._learning_rate, LearningRateSchedule):
            raise TypeError(
                "This optimizer was created with a `LearningRateSchedule` object as its"
                " `learning_rate` constructor argument, hence its learning rate is not settable."
                " If you need the learning rate to be settable, you should instantiate the"
                " optimizer with a float `learning_rate` argument."
            )
        elif isinstance(self._learning_rate, Variable):
            self._learning_rate.assign(np.float32(_number(value)))
        else:
            self._learning_rate = self._new_rate(value)

    lr = learning_rate

    # -- state ------------------------------------------------------------------------------------

    @property
    def variables(self) -> list[Variable]:
        """The number of steps, the learning rate if it is a variable, and the states."""
        return list(self._variables)

    def state_names(self) -> Sequence[tuple[str, float]]:
        """For each state of a variable its name and the value that it begins with."""
        return ()

    def build(self, var_list: Iterable[Variable]) -> None:
        """Make the states of these variables."""
        for variable in var_list:
            if variable._cell in self._states:
                continue
            self._trainable_variables.append(variable)
            self._states[variable._cell] = [
                self.add_variable_from_reference(variable, name, value)
                for name, value in self.state_names()
            ]
        self.built = True

    def add_variable(
        self, shape: Any, initializer: Any = 0.0, dtype: Any = "float32", name: str = "variable"
    ) -> Variable:
        """A state of its own; `initializer` is a number or a function of shape and dtype."""
        numpy = convert_to_tensor(0.0, dtype).dtype.numpy
        sizes = tuple(int(d) for d in shape)
        if isinstance(initializer, str):
            initializer = {"zeros": 0.0, "ones": 1.0}[initializer]
        value = initializer(sizes, dtype) if callable(initializer) else None
        made = _state(np.full(sizes, initializer, numpy) if value is None else value, name)
        self._variables.append(made)
        return made

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str = "variable", initializer: Any = 0.0
    ) -> Variable:
        """A state like a variable: of its shape and dtype."""
        full = f"{self.name}/{reference_variable._cell.name.replace('/', '_')}_{name}"
        shape, dtype = reference_variable.shape, reference_variable.dtype
        return self.add_variable(shape, initializer, dtype, full)

    def exclude_from_weight_decay(self, var_list: Any = None, var_names: Any = None) -> None:
        """Let these variables, and those whose name has one of these parts, not decay."""
        cells = tuple(v._cell for v in var_list or ())
        self._excluded = (cells, tuple(var_names or ()))

    def get_weights(self) -> list[np.ndarray]:
        """The values of `variables`."""
        return [v.numpy() for v in self.variables]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Assign the values of `variables`."""
        if len(weights) != len(self.variables):
            raise ValueError(
                f"The optimizer has {len(self.variables)} variables, got {len(weights)} weights"
            )
        for variable, value in zip(self.variables, weights, strict=True):
            variable.assign(value)

    # -- updating ---------------------------------------------------------------------------------

    def apply_gradients(self, grads_and_vars: Iterable[Any], name: str | None = None) -> Variable:
        """Change the variables of (gradient, variable) pairs.

        Gradients may be tensors, `IndexedSlices`, or None, which leaves the variable as it is.

        Returns:
            The variable that counts the steps.

        Raises:
            ValueError: there is no gradient at all.
        """
        pairs = [(g, v) for g, v in grads_and_vars]
        missing = [v.name for g, v in pairs if g is None]
        pairs = [(g, v) for g, v in pairs if g is not None]
        if not pairs:
            raise ValueError("No gradients provided for any variable.")
        if missing:
            warnings.warn(
                f"Gradients do not exist for variables {missing} when minimizing the loss. If"
                " using `model.compile()`, did you forget to provide a `loss` argument?",
                stacklevel=2,
            )
        recorders, STATE.recorders = STATE.recorders, ()
        try:
            self._apply(pairs)
        finally:
            STATE.recorders = recorders
        return self.iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Any = None) -> None:
        """Change the variables, by default those that the optimiser was built with."""
        variables = (
            self._trainable_variables if trainable_variables is None else trainable_variables
        )
        self.apply_gradients(zip(grads, variables, strict=True))

    def _apply(self, pairs: list[tuple[Any, Variable]]) -> None:
        variables = [v for _, v in pairs]
        if any(v._cell not in self._states for v in variables):
            self.build(variables)
        if self._rule is None:
            self._apply_one_by_one(pairs)
        else:
            self._apply_rule(pairs)
        for v in variables:
            if v.constraint is not None:
                v.assign(v.constraint(v.value()))

    def _apply_rule(self, pairs: list[tuple[Any, Variable]]) -> None:
        cells = [self.iterations._cell]
        given = [convert_to_tensor(self.learning_rate)]
        for gradient, variable in pairs:
            sparse = hasattr(gradient, "indices")
            parts = (gradient.values, gradient.indices) if sparse else (gradient,)
            given += [convert_to_tensor(x) for x in parts]
            cells += [variable._cell, *(s._cell for s in self._states[variable._cell])]
        plan = self._plan(pairs)
        if STATE.function is not None or any(t.is_symbolic for t in given):
            write_update(plan, cells, given)
        elif any(is_large(cell) for cell in cells):
            key = (plan, *cells)
            if key not in self._programs:
                self._programs[key] = Function(lambda *given: write_update(plan, cells, given))
            self._programs[key](*given)
        else:
            inputs = [t._value for t in gathered(plan, cells, given)]
            for cell, array in zip(cells, program_for(plan)(*inputs), strict=True):
                cell.write(Tensor(array))

    def _plan(self, pairs: list[tuple[Any, Variable]]) -> Plan:
        parameters = tuple(
            Parameter(hasattr(g, "indices"), len(self._states[v._cell]), self._decay_of(v))
            for g, v in pairs
        )
        hyper = tuple((keyword, getattr(self, name)) for keyword, name in self._hyper)
        return Plan(type(self)._rule, hyper, self._clip(), parameters)  # type: ignore[arg-type]

    def _clip(self) -> tuple[str, float] | None:
        for kind, limit in (
            ("norm", self.clipnorm),
            ("global_norm", self.global_clipnorm),
            ("value", self.clipvalue),
        ):
            if limit is not None and limit > 0:
                return kind, float(limit)
        return None

    def _decay_of(self, variable: Variable) -> float:
        cells, names = self._excluded
        if self.weight_decay is None or variable._cell in cells:
            return 0.0
        return 0.0 if any(n in variable.name for n in names) else float(self.weight_decay)

    def _apply_one_by_one(self, pairs: list[tuple[Any, Variable]]) -> None:
        rate = convert_to_tensor(self.learning_rate)
        for gradient, variable in pairs:
            self.update_step(convert_to_tensor(gradient), variable, rate)
        self.iterations.assign_add(1)

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Change one variable; for optimisers of users to override."""
        raise NotImplementedError(f"{type(self).__name__} must override `update_step`.")

    def scale_loss(self, loss: Any) -> Any:
        """What gradients are computed of: the loss; a `LossScaleOptimizer` makes it larger."""
        return loss

    # -- computing gradients ----------------------------------------------------------------------

    def minimize(
        self,
        loss: Any,
        var_list: Any,
        tape: GradientTape | None = None,
        name: str | None = None,
        grad_loss: Any = None,
    ) -> Variable:
        """Compute gradients and apply them.

        Args:
            loss: a function without arguments that gives the loss, or with `tape` a tensor.
            var_list: variables, or a function that gives them.
            tape: on which `loss` was computed.
            name: for TensorFlow's signature.
            grad_loss: weights of the loss's elements.
        """
        if callable(loss):
            with tape or GradientTape() as tape:
                loss = loss()
        elif tape is None:
            raise ValueError(f"`tape` is required when a `Tensor` loss is passed. Received: {loss}")
        variables = list(var_list() if callable(var_list) else var_list)
        weights = None if grad_loss is None else [grad_loss]
        return self.apply_gradients(
            zip(tape.gradient(loss, variables, weights), variables, strict=True)
        )

    # -- configuration ----------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal optimiser, without its state."""
        rate = self._learning_rate
        if isinstance(rate, Variable):
            rate = float(rate.numpy())
        elif isinstance(rate, LearningRateSchedule):
            rate = SCHEDULES.serialize(rate)
        config = {
            "name": self.name, "learning_rate": rate, "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm, "clipvalue": self.clipvalue,
            "global_clipnorm": self.global_clipnorm,
        }  # fmt: skip
        return config | {name: getattr(self, name) for _, name in self._hyper}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Optimizer:
        """The optimiser with this configuration."""
        config = dict(config)
        if isinstance(config.get("learning_rate"), dict):
            rate = SCHEDULES.deserialize(config["learning_rate"], custom_objects)
            config["learning_rate"] = rate
        return cls(**config)


def _check_options(kwargs: dict[str, Any]) -> None:
    for name in _UNSUPPORTED:
        if kwargs.pop(name, None):
            raise NotImplementedError(f"the optimizer option `{name}` is not supported")
    for name in ("ema_momentum", "ema_overwrite_frequency", "jit_compile"):
        kwargs.pop(name, None)
    if kwargs:
        raise ValueError(f"Argument(s) not recognized: {kwargs}")


def _state(value: Any, name: str) -> Variable:
    return Variable(value, trainable=False, name=name)


def _number(value: Any) -> float:
    if isinstance(value, str):
        raise ValueError(
            "Argument `learning_rate` should be float, or an instance of LearningRateSchedule, or"
            f" a callable. Received instead: learning_rate={value!r}"
        )
    return float(value)
