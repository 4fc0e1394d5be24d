"""What the layers of `tf.layers` have in common: scopes, weights, regularisers.

Layer: frontend. A layer's weights are variables of `get_variable` in a scope of the layer's name:
so scopes with `reuse` share them. Its ops have the same prefix.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from ... import dtypes
from ...keras.regularizers import Regularizer
from ...keras.settings import snake_case
from ...shapes import TensorShape
from ...tensors import Tensor
from ..build import convert_public, graph_op
from ..graph import get_default_graph
from ..keys import GraphKeys
from ..named_variables import get_variable
from ..scoping import VariableScope, variable_scope
from ..state import is_building
from ..surroundings import name_scope


class Layer:
    """Base of the layers; subclasses define `call` and, if they have weights, `build`.

    Args:
        trainable: whether optimisers change the weights.
        name: of the scope of the weights; by default made of the class's name, with a number.
        dtype: of the weights; by default that of the first input.
        activity_regularizer: a function of the output, whose result joins the losses.
        _scope: a scope for the weights, instead of one named `name`.
        _reuse: whether weights that exist are used.
    """

    least_rank = 0  # that inputs must have

    def __init__(
        self,
        trainable: bool = True,
        name: str | None = None,
        dtype: Any = None,
        activity_regularizer: Any = None,
        _scope: Any = None,
        _reuse: bool | None = None,
        **kwargs: Any,
    ) -> None:
        if kwargs:
            raise TypeError(f"Keyword argument not understood: {next(iter(kwargs))}")
        self.trainable = trainable
        self.built = False
        self.activity_regularizer = activity_regularizer
        self.dtype: Any = None if dtype is None else dtypes.as_dtype(dtype)
        self._name, self._scope, self._reuse = name, _scope, _reuse
        self._in: VariableScope | None = None
        self._weights: list[Any] = []
        self._fixed: list[Any] = []
        self._updates: list[Any] = []
        self._losses: list[Any] = []

    # -- what it is -------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The last part of the name of its scope."""
        return self._name or self._base_name

    @property
    def _base_name(self) -> str:
        return snake_case(type(self).__name__)

    @property
    def scope_name(self) -> str:
        """The name of the scope of its weights.

        Raises:
            ValueError: it was not called yet.
        """
        if self._in is None:
            raise ValueError(
                f'No name available for layer scope because the layer "{self.name}" has not been'
                " used yet. The scope name is determined the first time the layer instance is"
                " called."
            )
        return self._in.name

    @property
    def trainable_weights(self) -> list[Any]:
        """The weights that optimisers change."""
        return list(self._weights) if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Any]:
        """The weights that optimisers leave alone."""
        return list(self._fixed) if self.trainable else [*self._weights, *self._fixed]

    @property
    def weights(self) -> list[Any]:
        """All weights."""
        return [*self._weights, *self._fixed]

    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights
    variables = weights

    @property
    def updates(self) -> list[Any]:
        """Ops that update weights by what the layer has seen."""
        return list(self._updates)

    @property
    def losses(self) -> list[Any]:
        """What the regularisers gave."""
        return list(self._losses)

    def count_params(self) -> int:
        """The number of elements of all weights."""
        return sum(v.shape.num_elements() for v in self.weights)

    # -- weights ----------------------------------------------------------------------------------

    def add_weight(
        self,
        name: str,
        shape: Any,
        dtype: Any = None,
        initializer: Any = None,
        regularizer: Any = None,
        trainable: bool = True,
        constraint: Any = None,
    ) -> Any:
        """The variable of this name in the layer's scope."""
        made = get_variable(
            name,
            shape,
            dtype=dtype or self.dtype or dtypes.float32,
            initializer=initializer,
            regularizer=regularizer and _recording(regularizer, self._losses),
            trainable=trainable and self.trainable,
            constraint=constraint,
        )
        (self._weights if trainable else self._fixed).append(made)
        return made

    add_variable = add_weight

    def add_loss(self, losses: Any) -> None:
        """Let tensors join the regularisation losses."""
        found = losses if isinstance(losses, (list, tuple)) else [losses]
        self._losses.extend(found)
        if is_building():
            for loss in found:
                get_default_graph().add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)

    def add_update(self, updates: Any) -> None:
        """Let ops join `UPDATE_OPS`, which training steps should run."""
        found = updates if isinstance(updates, (list, tuple)) else [updates]
        self._updates.extend(found)
        if is_building():
            for update in found:
                get_default_graph().add_to_collection(GraphKeys.UPDATE_OPS, update)

    # -- running ----------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        self.built = True

    # takes the inputs and what else the layer wants
    call: Callable[..., Any]

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Build the layer at its first call, and apply it.

        Args:
            inputs: a tensor, or a structure of them for layers that take one.
            args: for `call`; `scope=` names the scope of the weights.
            kwargs: as `args`.

        Raises:
            ValueError: the layer does not take inputs of this shape.
        """
        self._enter_first(kwargs.pop("scope", None))
        scope = self._in
        assert scope is not None
        reuse = True if self.built else self._reuse
        with ExitStack() as stack:
            stack.enter_context(variable_scope(scope, reuse=reuse, auxiliary_name_scope=False))
            stack.enter_context(name_scope(scope.original_name_scope))
            tensor = inputs if _is_nested(inputs) else self._checked(convert_public(inputs))
            if not self.built:
                if self.dtype is None and not _is_nested(tensor):
                    self.dtype = tensor.dtype.base_dtype
                self.build(None if _is_nested(tensor) else TensorShape(tensor.shape))
                self.built = True
            outputs = self.call(tensor, *args, **kwargs)
            if self.activity_regularizer is not None:
                with name_scope("ActivityRegularizer"):
                    self.add_loss(penalty(self.activity_regularizer, outputs))
        return outputs

    apply = __call__

    def _enter_first(self, scope: Any) -> None:
        """Find the layer's scope, at its first call."""
        if self._in is not None:
            return
        given = scope or self._scope or self._name
        if self._reuse:
            entered = variable_scope(given or self._base_name)
        else:
            entered = variable_scope(given, default_name=self._base_name)
        with entered as found:
            self._in = found
        if self._name is None:
            self._name = found.name.rpartition("/")[2]

    def _checked(self, tensor: Any) -> Any:
        rank = tensor.shape.rank
        if self.least_rank and rank is None:
            raise ValueError(
                f"Input 0 of layer {self.name} is incompatible with the layer: its rank is"
                " undefined, but the layer requires a defined rank."
            )
        if rank is not None and rank < self.least_rank:
            raise ValueError(
                f"Input 0 of layer {self.name} is incompatible with the layer: expected"
                f" min_ndim={self.least_rank}, found ndim={rank}. Full shape received:"
                f" {tensor.shape.as_list()}"
            )
        return tensor


def _is_nested(x: Any) -> bool:
    return isinstance(x, dict) or (
        isinstance(x, (list, tuple)) and any(isinstance(y, Tensor) for y in x)
    )


def penalty(regularizer: Callable[[Any], Any], x: Any) -> Any:
    """What a regulariser gives for a tensor or a variable."""
    if isinstance(regularizer, Regularizer):
        return graph_op(regularizer.__call__, "penalty", "Regularizer")(x)
    return regularizer(x)


def _recording(regularizer: Callable[[Any], Any], losses: list[Any]) -> Callable[[Any], Any]:
    def recorded(x: Any) -> Any:
        found = penalty(regularizer, x)
        if found is not None:
            losses.append(found)
        return found

    return recorded


def known_size(size: Any, layer: str) -> int:
    """The number of channels of an input.

    Raises:
        ValueError: it is not known.
    """
    if size is None:
        raise ValueError(
            f"The last dimension of the inputs to `{layer}` should be defined. Found `None`."
        )
    return int(size)
