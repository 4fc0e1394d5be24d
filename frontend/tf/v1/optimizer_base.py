"""The base of TensorFlow 1's optimisers, for graphs and for eager programs.

Layer: frontend. An optimiser names a rule (rules.py) and its numbers. In a graph each update is one
op that reads and writes a variable and its slots; eagerly, or in a traced function, it is done at
once. Slots are variables, made when a variable is first updated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..elementwise import cast
from ..graph.build import convert_public, graph_op
from ..graph.gradients import gradients
from ..graph.graph import get_default_graph
from ..graph.keys import GraphKeys
from ..graph.ops import group
from ..graph.state import is_building
from ..graph.updates import checked_pairs, make_slot, update_op
from ..graph.variables import Variable as AnyVariable
from ..graph.variables import trainable_variables
from ..slices import IndexedSlices
from ..tape import GradientTape
from ..tensors import STATE, Tensor
from ..variables import Variable
from .rules import Rule, step

Pairs = Sequence[tuple[Any, Any]]

_cast = graph_op(cast)


class Optimizer:
    """Base of the optimisers.

    Args:
        use_locking: changes nothing: updates are never interleaved.
        name: of the optimiser: of the scope of its ops, and of its slots.
        use_own_namescope_for_non_slot_vars: for TensorFlow's signature.
    """

    GATE_NONE, GATE_OP, GATE_GRAPH = 0, 1, 2
    _rule: Rule | None = None

    def __init__(
        self, use_locking: bool, name: str, use_own_namescope_for_non_slot_vars: bool = False
    ) -> None:
        if not name:
            raise ValueError("Must specify the optimizer name")
        self._use_locking = use_locking
        self._name = name
        self._numbers: dict[str, Any] = {}  # what the rule takes, by the names of its operands
        self._attrs: dict[str, Any] = {}  # the constants of the rule
        self._starts: dict[str, float] = {}  # what slots start with, where it is not 0
        self._tensors: dict[str, Any] = {}  # the numbers of this step
        self._slots: dict[str, dict[Any, Any]] = {}
        self._others: dict[tuple[str, Any], Any] = {}

    def get_name(self) -> str:
        """The name."""
        return self._name

    # -- gradients --------------------------------------------------------------------------------

    def minimize(
        self,
        loss: Any,
        global_step: Any = None,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Any = None,
    ) -> Any:
        """Change the variables so that the loss becomes smaller.

        Args:
            loss: a tensor of the graph; eagerly, a function without arguments that computes it.
            global_step: a variable that counts the steps.
            var_list: the variables; by default all trainable ones; eagerly, those that are read.
            gate_gradients: for TensorFlow's signature, like the next two.
            aggregation_method: see there.
            colocate_gradients_with_ops: see there.
            name: of the operation.
            grad_loss: the gradient by the loss itself; 1 by default.

        Returns:
            The operation that does one step; eagerly None.

        Raises:
            RuntimeError: eagerly, the loss is no function.
            ValueError: there are no variables, or the loss depends on none of them.
        """
        pairs = self.compute_gradients(
            loss, var_list, gate_gradients, aggregation_method, colocate_gradients_with_ops,
            grad_loss,
        )  # fmt: skip
        if pairs and all(g is None for g, _ in pairs):
            raise ValueError(
                "No gradients provided for any variable, check your graph for ops that do not"
                f" support gradients, between variables {[_printed(v) for _, v in pairs]} and loss"
                f" {loss}."
            )
        return self.apply_gradients(pairs, global_step=global_step, name=name)

    def compute_gradients(
        self,
        loss: Any,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        grad_loss: Any = None,
    ) -> list[tuple[Any, Any]]:
        """(gradient, variable) for each variable; see `minimize`."""
        if not is_building():
            return self._taped(loss, var_list, grad_loss)
        if gate_gradients not in (self.GATE_NONE, self.GATE_OP, self.GATE_GRAPH):
            raise ValueError(
                "gate_gradients must be one of: Optimizer.GATE_NONE, Optimizer.GATE_OP,"
                f" Optimizer.GATE_GRAPH.  Not {gate_gradients}"
            )
        target = loss() if callable(loss) else loss
        self._assert_valid_dtypes([target])
        if grad_loss is not None:
            self._assert_valid_dtypes([grad_loss])
        variables = trainable_variables() if var_list is None else _flat(var_list)
        if not variables:
            raise ValueError("No variables to optimize.")
        for v in variables:
            _check_variable(v)
        found = gradients(
            target, variables, grad_loss, gate_gradients=gate_gradients == self.GATE_OP
        )
        pairs = list(zip(found, variables, strict=True))
        self._assert_valid_dtypes([v for g, v in pairs if g is not None])
        return pairs

    def _taped(self, loss: Any, var_list: Any, grad_loss: Any) -> list[tuple[Any, Any]]:
        if not callable(loss):
            raise RuntimeError(
                "`loss` passed to Optimizer.compute_gradients should be a function when eager"
                " execution is enabled."
            )
        with GradientTape() as tape:
            if var_list is not None:
                tape.watch(var_list)
            value = loss()
        variables = tape.watched_variables() if var_list is None else _flat(var_list)
        sources = list(variables)
        return list(zip(tape.gradient(value, sources, grad_loss), sources, strict=True))

    def apply_gradients(
        self,
        grads_and_vars: Iterable[tuple[Any, Any]],
        global_step: Any = None,
        name: str | None = None,
        skip_gradients_aggregation: bool = False,
    ) -> Any:
        """Change variables by gradients that were computed before.

        Args:
            grads_and_vars: (gradient, variable) pairs; variables with None stay as they are.
            global_step: a variable that counts the steps.
            name: of the operation.
            skip_gradients_aggregation: for TensorFlow's signature.

        Returns:
            The operation that does it; eagerly None.

        Raises:
            ValueError: there are no variables, or no gradients; shapes do not fit.
            TypeError: a gradient has another dtype than its variable.
        """
        pairs = list(grads_and_vars)
        if not pairs:
            raise ValueError("No variables provided.")
        for _, v in pairs:
            _check_variable(v)
        live = [(g, v) for g, v in pairs if g is not None]
        if not live:
            raise ValueError(
                f"No gradients provided for any variable: {[_printed(v) for _, v in pairs]}."
            )
        if is_building():
            return self._added(live, global_step, name)
        recorders, STATE.recorders = STATE.recorders, ()
        try:
            self._create_slots([v for _, v in live])
            self._prepare()
            self._finish([self._update(g, v) for g, v in live], "")
            if global_step is not None:
                global_step.assign_add(1)
        finally:
            STATE.recorders = recorders
        return None

    def _added(self, pairs: Pairs, global_step: Any, name: str | None) -> Any:
        """The operation of a graph that does one step."""
        graph = get_default_graph()
        pairs = checked_pairs(pairs, graph, f"Apply{self._rule.op if self._rule else self._name}")
        with graph.control_dependencies(None):
            self._create_slots([v for _, v in pairs])
        with graph.name_scope(name or self._name) as scope:
            self._prepare()
            updates = []
            for gradient, variable in pairs:
                with graph.name_scope(f"update_{variable.op.name}"):
                    updates.append(self._update(gradient, variable))
            if global_step is None:
                done = self._finish(updates, scope)
            else:
                with graph.control_dependencies([self._finish(updates, "update")]):
                    done = global_step.assign_add(1, name=scope).op
        known = graph.get_collection_ref(GraphKeys.TRAIN_OP)
        if done not in known:
            known.append(done)
        return done

    # -- slots ------------------------------------------------------------------------------------

    def get_slot_names(self) -> list[str]:
        """The names of what is kept for each variable."""
        return sorted(self._slots)

    def get_slot(self, var: Any, name: str) -> Any:
        """What is kept for a variable; None before it is first updated."""
        return self._slots.get(name, {}).get(var.handle)

    def variables(self) -> list[Any]:
        """All that is kept, by name."""
        kept = [v for slots in self._slots.values() for v in slots.values()]
        if is_building():
            graph = get_default_graph()
            kept = [v for v in kept if v.graph is graph]
        others = [v for (_, home), v in self._others.items() if home is _home()]
        return sorted([*others, *kept], key=lambda v: v.name)

    def _slot(self, variable: Any, name: str, start: Any, label: str | None = None) -> Any:
        """What is kept for a variable; made at the first call."""
        slots = self._slots.setdefault(name, {})
        found = slots.get(variable.handle)
        if found is not None:
            return found
        own = label or self._name
        if is_building():
            found = make_slot(variable, start, own)
        else:
            sizes = np.shape(variable.handle.array)
            value = np.full(sizes, start, variable.dtype.numpy)
            found = Variable(value, trainable=False, name=f"{variable.handle.name}/{own}")
        slots[variable.handle] = found
        return found

    def _zeros_slot(self, var: Any, slot_name: str, op_name: str) -> Any:
        """A slot of zeros; for optimisers that programs derive, like the next four methods."""
        return self._slot(var, slot_name, 0.0, op_name)

    def _get_or_make_slot(self, var: Any, val: Any, slot_name: str, op_name: str) -> Any:
        return self._slot(var, slot_name, val, op_name)

    def _create_non_slot_variable(
        self, initial_value: Any, name: str, colocate_with: Any = None
    ) -> Any:
        key = name, _home()
        if key not in self._others:
            value = convert_public(initial_value) if not is_building() else initial_value
            self._others[key] = AnyVariable(value, trainable=False, name=name)
        return self._others[key]

    def _get_non_slot_variable(self, name: str, graph: Any = None) -> Any:
        return self._others.get((name, _home()))

    def _call_if_callable(self, param: Any) -> Any:
        return _called(param)

    # -- what subclasses may say ------------------------------------------------------------------

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        """Make what is kept for these variables."""
        if self._rule is not None:
            for variable in var_list:
                for name in self._rule.slots:
                    self._slot(variable, name, self._starts.get(name, 0.0), self._label(name))

    def _label(self, slot: str) -> str:
        """What a slot's variables are called behind the names of their variables."""
        return self._name

    def _prepare(self) -> None:
        """Make tensors of the numbers, before the updates of one step."""
        self._tensors = {
            name: convert_public(_called(x), name=name) for name, x in self._numbers.items()
        }

    def _update(self, gradient: Any, variable: Any) -> Any:
        """Update one variable; in a graph, the op that does it."""
        constraint = variable.constraint
        if not isinstance(gradient, IndexedSlices):
            done = self._apply_dense(gradient, variable)
        elif constraint is not None:
            raise RuntimeError("Cannot use a constraint function on a sparse variable.")
        else:
            done = self._apply_sparse(gradient, variable)
        if constraint is None:
            return done
        if not is_building():
            return variable.assign(constraint(variable.value()))
        with get_default_graph().control_dependencies([done]):
            return variable.assign(constraint(variable.read_value()))

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        return self._applied(grad, var)

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Any:
        return self._applied(grad, var)

    def _applied(self, gradient: Any, variable: Any) -> Any:
        rule = self._rule
        if rule is None:
            raise NotImplementedError(f"{type(self).__name__} does not say how to update")
        slots = [self._slots[name][variable.handle] for name in rule.slots]
        dtype = variable.dtype.base_dtype
        is_rows = isinstance(gradient, IndexedSlices)
        operands: list[Any] = []
        for name in rule.operands:
            if name != "gradient":
                operands.append(_of_dtype(self._tensors[name], dtype))
            elif is_rows:
                operands += [gradient.values, gradient.indices]
            else:
                operands.append(gradient)
        if is_building():
            return update_op(rule, self._attrs, is_rows, [variable, *slots], operands)
        targets = [variable, *slots]
        values = [*(v.value() for v in targets), *map(convert_public, operands)]
        for target, value in zip(targets, step(rule, self._attrs, is_rows, values), strict=True):
            target.assign(value)
        return None

    def _finish(self, update_ops: Sequence[Any], name_scope: str) -> Any:
        """What is done after the updates; in a graph, the operation that waits for them."""
        return group(*update_ops, name=name_scope)

    # -- checks -----------------------------------------------------------------------------------

    def _valid_dtypes(self) -> Sequence[Any]:
        return dtypes.float32, dtypes.float64, dtypes.float16

    def _assert_valid_dtypes(self, tensors: Sequence[Any]) -> None:
        valid = self._valid_dtypes()
        for t in tensors:
            if t.dtype.base_dtype not in valid:
                raise ValueError(
                    f"Invalid type {t.dtype.base_dtype!r} for {t.name}, expected: {list(valid)}."
                )


def _home() -> Any:
    """Where variables that are made now belong: a graph, or None in eager programs."""
    return get_default_graph() if is_building() else None


def _called(x: Any) -> Any:
    """The number itself, where a function gives it."""
    is_function: Callable[..., bool] = callable
    return x() if is_function(x) and not isinstance(x, (Tensor, Variable)) else x


def _of_dtype(x: Any, dtype: dtypes.DType) -> Any:
    return x if x.dtype.base_dtype is dtype else _cast(x, dtype)


def _flat(x: Any) -> list[Any]:
    if not isinstance(x, (list, tuple)):
        return [x]
    return [v for item in x for v in _flat(item)]


def _printed(variable: Any) -> str:
    return str(variable) if is_building() else str(variable.name)


def _check_variable(x: Any) -> None:
    if isinstance(x, Variable):
        return
    if isinstance(x, Tensor):
        raise NotImplementedError("Trying to update a Tensor ", x)
    raise NotImplementedError("Trying to optimize unsupported type ", x)
