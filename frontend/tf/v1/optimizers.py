"""The optimisers of TensorFlow 1's `tf.train`.

Layer: frontend. An optimiser is a rule on arrays (value, gradient, slots -> value, slots), applied
as one op for each variable, eagerly or in a traced function. Slots are variables, made when a
variable is first updated. Sources: the papers named at the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..apply import apply
from ..convert import convert_to_tensor
from ..dtypes import DType
from ..elementwise import cast, multiply
from ..errors import UnimplementedError
from ..shaping import reshape
from ..slices import IndexedSlices
from ..tape import GradientTape
from ..tensors import STATE, Tensor
from ..variables import Cell, Variable

Rule = Callable[..., tuple[Any, ...]]


class Optimizer:
    """Base of the optimisers.

    Args:
        use_locking: changes nothing: updates are never interleaved.
        name: of the optimiser.
    """

    GATE_NONE, GATE_OP, GATE_GRAPH = 0, 1, 2
    # (name of a slot, what it starts with)
    _slot_names: tuple[str, ...] = ()

    def __init__(
        self, use_locking: bool, name: str, use_own_namescope_for_non_slot_vars: bool = False
    ) -> None:
        if not name:
            raise ValueError("Must specify the optimizer name")
        self._use_locking = use_locking
        self._name = name
        self._slots: dict[tuple[Cell, str], Variable] = {}

    def get_name(self) -> str:
        """The name."""
        return self._name

    # -- gradients --------------------------------------------------------------------------------

    def minimize(
        self,
        loss: Any,
        global_step: Variable | None = None,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Any = None,
    ) -> None:
        """Change the variables so that the loss becomes smaller.

        Args:
            loss: a function without arguments that computes it.
            global_step: a variable that counts the calls.
            var_list: the variables; by default all trainable ones that the loss reads.
            gate_gradients: for TensorFlow's signature, like the next three.
            aggregation_method: see there.
            colocate_gradients_with_ops: see there.
            name: see there.
            grad_loss: the gradient by the loss itself; 1 by default.

        Raises:
            RuntimeError: the loss is no function.
            ValueError: the loss depends on none of the variables.
        """
        pairs = self.compute_gradients(loss, var_list=var_list, grad_loss=grad_loss)
        if all(g is None for g, _ in pairs):
            raise ValueError(
                "No gradients provided for any variable, check your graph for ops that do not"
                f" support gradients, between variables {[v.name for _, v in pairs]} and loss"
                f" {loss}."
            )
        self.apply_gradients(pairs, global_step=global_step, name=name)

    def compute_gradients(
        self,
        loss: Any,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        grad_loss: Any = None,
    ) -> list[tuple[Any, Variable]]:
        """(gradient, variable) for each variable; see `minimize`."""
        if not callable(loss):
            raise RuntimeError(
                "`loss` passed to Optimizer.compute_gradients should be a function when eager"
                " execution is enabled."
            )
        with GradientTape() as tape:
            if var_list is not None:
                tape.watch(var_list)
            value = loss()
        variables = tape.watched_variables() if var_list is None else var_list
        sources = list(variables) if isinstance(variables, (list, tuple)) else [variables]
        return list(zip(tape.gradient(value, sources, grad_loss), sources, strict=True))

    def apply_gradients(
        self,
        grads_and_vars: Iterable[tuple[Any, Variable]],
        global_step: Variable | None = None,
        name: str | None = None,
        skip_gradients_aggregation: bool = False,
    ) -> None:
        """Change variables by gradients that were computed before.

        Raises:
            ValueError: there are no variables, or no gradients.
        """
        pairs = list(grads_and_vars)
        if not pairs:
            raise ValueError("No variables provided.")
        live = [(g, v) for g, v in pairs if g is not None]
        if not live:
            raise ValueError(
                f"No gradients provided for any variable: {[v.name for _, v in pairs]}."
            )
        self._prepare()
        recorders, STATE.recorders = STATE.recorders, ()
        try:
            for gradient, variable in live:
                self._update(gradient, variable)
            self._finish()
            if global_step is not None:
                global_step.assign_add(1)
        finally:
            STATE.recorders = recorders

    # -- slots ------------------------------------------------------------------------------------

    def get_slot_names(self) -> list[str]:
        """The names of what is kept for each variable."""
        return list(self._slot_names)

    def get_slot(self, var: Variable, name: str) -> Variable | None:
        """What is kept for a variable; None before its first update."""
        return self._slots.get((var.handle, name))

    def variables(self) -> list[Variable]:
        """All that is kept."""
        return list(self._slots.values())

    def _slot(self, variable: Variable, name: str) -> Variable:
        found = self._slots.get((variable.handle, name))
        if found is None:
            sizes = np.shape(variable.handle.array)
            start = np.full(sizes, self._start(name), variable.dtype.numpy)
            label = f"{variable.handle.name}/{self._name}"
            found = Variable(start, trainable=False, name=label)
            self._slots[variable.handle, name] = found
        return found

    # -- what subclasses say ----------------------------------------------------------------------

    def _start(self, name: str) -> float:
        """What a slot starts with."""
        return 0.0

    def _prepare(self) -> None:
        """Before the updates of one step."""

    def _finish(self) -> None:
        """After them."""

    def _rule(self) -> tuple[Rule, Sequence[Any], dict[str, Any]]:
        """The rule, the numbers it takes behind the slots, and its constants."""
        raise NotImplementedError(f"{type(self).__name__} has no rule")

    # -- updates ----------------------------------------------------------------------------------

    def _update(self, gradient: Any, variable: Variable) -> None:
        rule, numbers, attrs = self._rule()
        slots = [self._slot(variable, name) for name in self._slot_names]
        given = convert_to_tensor(gradient)  # of slices: rows named twice are added up
        dtype = variable.dtype
        values = [_number(x, dtype) for x in numbers]
        inputs = [variable.value(), given, *[s.value() for s in slots], *values]
        op = f"ResourceApply{self._name}"
        updated = apply(op, rule, inputs, attrs)
        kept: list[Tensor] = list(updated)
        if isinstance(gradient, IndexedSlices) and self._slot_names:
            kept = self._only_rows(gradient, [variable, *slots], kept)
        for target, value in zip([variable, *slots], kept, strict=True):
            target.assign(value)

    # Whether rows without a gradient stay as they are, slots included.
    _touches_rows_only = True

    def _only_rows(
        self, gradient: IndexedSlices, targets: Sequence[Variable], updated: Sequence[Tensor]
    ) -> list[Tensor]:
        if not self._touches_rows_only:
            return list(updated)
        rows = reshape(gradient.indices, [-1])
        return [
            apply("SelectRows", _rows_replaced, [t.value(), new, rows])
            for t, new in zip(targets, updated, strict=True)
        ]


def _rows_replaced(old: Any, new: Any, rows: Any) -> Any:
    """`new` in the rows that are named, else `old`."""
    hits = np.zeros(old.shape[:1], np.int32)
    np.add.at(hits, rows, np.ones(rows.shape, np.int32))
    return np.where((hits > 0).reshape((-1,) + (1,) * (old.ndim - 1)), new, old)


def _number(x: Any, dtype: DType) -> Tensor:
    """A number, tensor or variable, or a function that returns one, as a tensor of this dtype."""
    value = x() if callable(x) and not isinstance(x, (Tensor, Variable)) else x
    if isinstance(value, (Tensor, Variable)):
        return cast(value, dtype)
    return convert_to_tensor(value, dtype)


# -- the optimisers -------------------------------------------------------------------------------


def _descend(value: Any, gradient: Any, rate: Any) -> tuple[Any, ...]:
    return (value - rate * gradient,)


class GradientDescentOptimizer(Optimizer):
    """value -= learning_rate * gradient."""

    def __init__(
        self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent"
    ) -> None:
        super().__init__(use_locking, name)
        self._rate = learning_rate

    def _rule(self) -> tuple[Rule, Sequence[Any], dict[str, Any]]:
        return _descend, (self._rate,), {}


def _momentum(
    value: Any, gradient: Any, sum: Any, rate: Any, momentum: Any, *, nesterov: bool
) -> tuple[Any, ...]:
    sum = momentum * sum + gradient
    step = gradient + momentum * sum if nesterov else sum
    return value - rate * step, sum


class MomentumOptimizer(Optimizer):
    """Gradients are summed up, older ones with less weight."""

    _slot_names = ("momentum",)

    def __init__(
        self,
        learning_rate: Any,
        momentum: Any,
        use_locking: bool = False,
        name: str = "Momentum",
        use_nesterov: bool = False,
    ) -> None:
        super().__init__(use_locking, name)
        self._rate, self._momentum, self._nesterov = learning_rate, momentum, use_nesterov

    def _rule(self) -> tuple[Rule, Sequence[Any], dict[str, Any]]:
        return _momentum, (self._rate, self._momentum), {"nesterov": bool(self._nesterov)}


def _adam(
    value: Any,
    gradient: Any,
    m: Any,
    v: Any,
    rate: Any,
    beta1: Any,
    beta2: Any,
    epsilon: Any,
    power1: Any,
    power2: Any,
) -> tuple[Any, ...]:
    """Kingma and Ba, "Adam", 2014, algorithm 1, in the faster order that section 2 ends with."""
    one = value.dtype.type(1)
    m = m + (gradient - m) * (one - beta1)
    v = v + (gradient * gradient - v) * (one - beta2)
    step = rate * np.sqrt(one - power2) / (one - power1)
    return value - step * m / (np.sqrt(v) + epsilon), m, v


class AdamOptimizer(Optimizer):
    """Steps scaled by running means of the gradient and its square."""

    _slot_names = ("m", "v")
    _touches_rows_only = False

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
        self._rate, self._epsilon = learning_rate, epsilon
        self._betas = beta1, beta2
        self._powers: list[Variable] = []

    def variables(self) -> list[Variable]:
        """All that is kept."""
        return [*self._powers, *super().variables()]

    def _prepare(self) -> None:
        if not self._powers:
            self._powers = [
                Variable(_number(b, dtypes.float32), trainable=False, name=f"beta{k}_power")
                for k, b in enumerate(self._betas, 1)
            ]

    def _finish(self) -> None:
        for power, beta in zip(self._powers, self._betas, strict=True):
            power.assign(multiply(power.value(), _number(beta, power.dtype)))

    def _rule(self) -> tuple[Rule, Sequence[Any], dict[str, Any]]:
        powers = [p.value() for p in self._powers]
        return _adam, (self._rate, *self._betas, self._epsilon, *powers), {}


def _adagrad(value: Any, gradient: Any, sum: Any, rate: Any) -> tuple[Any, ...]:
    """Duchi, Hazan and Singer, "Adaptive subgradient methods", 2011."""
    sum = sum + gradient * gradient
    return value - rate * gradient / np.sqrt(sum), sum


class AdagradOptimizer(Optimizer):
    """Steps divided by the root of the sum of squared gradients."""

    _slot_names = ("accumulator",)

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        use_locking: bool = False,
        name: str = "Adagrad",
    ) -> None:
        if initial_accumulator_value <= 0.0:
            raise ValueError(
                f"initial_accumulator_value must be positive: {initial_accumulator_value}"
            )
        super().__init__(use_locking, name)
        self._rate, self._initial = learning_rate, initial_accumulator_value

    def _start(self, name: str) -> float:
        return self._initial

    def _rule(self) -> tuple[Rule, Sequence[Any], dict[str, Any]]:
        return _adagrad, (self._rate,), {}


def _adadelta(
    value: Any, gradient: Any, sum: Any, moved: Any, rate: Any, rho: Any, epsilon: Any
) -> tuple[Any, ...]:
    """Zeiler, "ADADELTA", 2012, algorithm 1."""
    one = value.dtype.type(1)
    sum = rho * sum + (one - rho) * gradient * gradient
    step = np.sqrt(moved + epsilon) / np.sqrt(sum + epsilon) * gradient
    moved = rho * moved + (one - rho) * step * step
    return value - rate * step, sum, moved


class AdadeltaOptimizer(Optimizer):
    """Steps in proportion to earlier steps."""

    _slot_names = ("accum", "accum_update")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: Any = 0.95,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "Adadelta",
    ) -> None:
        super().__init__(use_locking, name)
        self._rate, self._rho, self._epsilon = learning_rate, rho, epsilon

    def _rule(self) -> tuple[Rule, Sequence[Any], dict[str, Any]]:
        return _adadelta, (self._rate, self._rho, self._epsilon), {}


def _rmsprop(
    value: Any,
    gradient: Any,
    squares: Any,
    mean: Any,
    step: Any,
    rate: Any,
    decay: Any,
    momentum: Any,
    epsilon: Any,
    *,
    centered: bool,
) -> tuple[Any, ...]:
    """Tieleman and Hinton, lecture 6.5 of "Neural networks for machine learning", 2012."""
    one = value.dtype.type(1)
    squares = decay * squares + (one - decay) * gradient * gradient
    spread = squares
    if centered:  # Graves, "Generating sequences with recurrent neural networks", 2013
        mean = decay * mean + (one - decay) * gradient
        spread = squares - mean * mean
    step = momentum * step + rate * gradient / np.sqrt(spread + epsilon)
    return value - step, squares, mean, step


class RMSPropOptimizer(Optimizer):
    """Steps divided by the root of a running mean of squared gradients."""

    _slot_names = ("rms", "mg", "momentum")

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
        self._numbers = learning_rate, decay, momentum, epsilon
        self._centered = centered

    def _start(self, name: str) -> float:
        return 1.0 if name == "rms" else 0.0

    def _rule(self) -> tuple[Rule, Sequence[Any], dict[str, Any]]:
        return _rmsprop, self._numbers, {"centered": bool(self._centered)}


def _ftrl(
    value: Any,
    gradient: Any,
    sum: Any,
    linear: Any,
    rate: Any,
    *,
    power: float,
    l1: float,
    l2: float,
    shrinkage: float,
) -> tuple[Any, ...]:
    """McMahan et al., "Ad click prediction: a view from the trenches", 2013, algorithm 1."""
    of = value.dtype.type
    new = sum + gradient * gradient
    shrunk = gradient + of(2 * shrinkage) * value if shrinkage else gradient
    before, after = sum ** of(-power), new ** of(-power)
    linear = linear + shrunk - (after - before) / rate * value
    quadratic = after / rate + of(2 * l2)
    beyond = np.sign(linear) * of(l1) - linear
    return np.where(np.absolute(linear) > of(l1), beyond / quadratic, of(0)), new, linear


class FtrlOptimizer(Optimizer):
    """Follow the regularised leader: many weights become exactly 0."""

    _slot_names = ("accum", "linear")

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
        if beta:
            raise UnimplementedError("FtrlOptimizer: beta other than 0 is not supported")
        self._rate, self._initial = learning_rate, initial_accumulator_value
        self._constants = {
            "power": float(learning_rate_power),
            "l1": float(l1_regularization_strength),
            "l2": float(l2_regularization_strength),
            "shrinkage": float(l2_shrinkage_regularization_strength),
        }

    def _start(self, name: str) -> float:
        return self._initial if name == "accum" else 0.0

    def _rule(self) -> tuple[Rule, Sequence[Any], dict[str, Any]]:
        return _ftrl, (self._rate,), self._constants
