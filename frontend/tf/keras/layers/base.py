"""`Layer`: weights, made when they are first needed, and a computation with them.

Layer: frontend. A layer finds its weights and the layers inside of it among its attributes, also in
lists and dicts of them. `__call__` converts arrays, builds, and hands on `training` to the layers
that are called inside.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...convert import convert_to_tensor
from ...dtypes import DType
from ...elementwise import cast
from ...scopes import init_scope
from ...shapes import TensorShape
from ...tensors import Tensor
from ...variables import Variable
from .. import constraints, initializers, policies, regularizers, symbolic
from ..masks import mask_of, masks_of, put_masks
from ..policies import AutoCastVariable, reading_as
from ..registry import Family
from ..settings import float_dtype, snake_case, unique_name
from ..symbolic import has_symbolic

FAMILY = Family("layer")
serialize, deserialize = FAMILY.serialize, FAMILY.deserialize


class _Calls(threading.local):
    """What is going on, on this thread."""

    def __init__(self) -> None:
        self.depth = 0
        self.training: bool | None = None  # of the layer around


_CALLS = _Calls()


def current_training() -> bool | None:
    """What the call that is going on says about training; None if nobody has said anything."""
    return _CALLS.training


class derived:
    """A property that attributes of programs may have the name of."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else self._function(instance)


class Layer:
    """A computation with weights; subclasses define `build` and `call`.

    Args:
        trainable: whether optimisers change the weights.
        dtype: of the weights, and of floats that the layer is called with; or a dtype policy, by
            which the two differ.
        name: by default made of the class's name.
        activity_regularizer: a penalty on the layer's output.
    """

    # Names of constructor arguments that are attributes too; `get_config` gives them.
    fields: tuple[str, ...] = ()
    # Whether masks of the inputs go on to the outputs; subclasses may also set it in `__init__`.
    supports_masking = False
    # Whether the layer computes in the dtype of its weights under mixed precision, too.
    computes_wide = False
    # What `call` is told where nobody has said whether this is training.
    training_by_default = False
    _weights: list[Variable]

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        object.__setattr__(self, "_weights", [])
        given = kwargs.pop("input_shape", None)
        if "input_dim" in kwargs:
            given = (kwargs.pop("input_dim"),)
        self._batch_shape = None if given is None else (None, *given)
        kwargs.pop("batch_input_shape", None)
        if kwargs:
            raise ValueError(
                f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}"
            )
        self.name = name or unique_name(snake_case(type(self).__name__))
        self.built = False
        self.dtype_policy = policies.get(dtype)
        self._dtype = self.dtype_policy.variable
        self._autocast = autocast
        self._trainable = bool(trainable)
        self._frozen: list[Any] = []  # cells that `trainable = False` has switched off
        self._penalties: list[tuple[Variable, Callable[[Any], Any]]] = []
        self._added_losses: list[Any] = []
        self._output_shape: Any = None
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._takes_training: bool | None = None
        self._mask_places: list[tuple[int, str, str]] | None = None
        self._nodes: list[symbolic.Node] = []  # calls on Keras tensors

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = _marking_built(cls.build)  # type: ignore[method-assign]

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (Layer, Variable)) and "_weights" not in self.__dict__:
            raise RuntimeError(
                f"In layer {type(self).__name__!r}, you forgot to call `super().__init__()` as the"
                " first statement in the `__init__()` method. Go add it!"
            )
        object.__setattr__(self, name, value)

    # -- weights ----------------------------------------------------------------------------------

    def add_weight(self, *args: Any, **options: Any) -> Variable:
        """A new variable of this layer.

        Args:
            args: as positional arguments in Keras 3's order: shape, initializer, dtype, trainable;
                or, if the first is a string, in Keras 2's: name, shape, dtype, initializer,
                regularizer, trainable, constraint.
            options: the same by name, and `regularizer` (a penalty, part of `losses`) and
                `constraint` (what the variable is held to after each update).
        """
        order = _KERAS_2 if args and isinstance(args[0], str) else _KERAS_3
        named = dict(zip(order, args, strict=False))
        twice = named.keys() & options.keys()
        if twice or len(args) > len(order):
            raise TypeError(f"add_weight() got too many values for {sorted(twice) or list(order)}")
        return self._add_weight(**named, **options)

    def _add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool | None = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
        **ignored: Any,
    ) -> Variable:
        chosen = self._dtype if dtype is None else float_dtype(getattr(dtype, "name", dtype))
        if initializer is None:
            initializer = "glorot_uniform" if chosen.is_floating else "zeros"
        given = () if shape is None else tuple(shape)
        if None in given:
            raise ValueError(
                "Shapes used to initialize variables must be fully-defined (no `None` dimensions)."
                f" Received: shape={given} for variable '{self.name}/{name}'"
            )
        sizes = tuple(int(d) for d in given)
        value = initializers.get(initializer)(sizes, dtype=chosen)
        mixed = self.dtype_policy.is_mixed and chosen is self._dtype and not self.computes_wide
        variable = (AutoCastVariable if mixed else Variable)(
            convert_to_tensor(value, chosen),
            trainable=trainable is not False,
            name=f"{self.name}/{name or unique_name('variable')}",
            constraint=constraints.get(constraint),
        )
        self._weights.append(variable)
        if regularizer is not None:
            self._penalties.append((variable, regularizers.get(regularizer)))
        if not self._trainable:
            self._freeze(variable)
        return variable

    def add_variable(self, name: Any = None, shape: Any = None, **options: Any) -> Variable:
        """The older name of `add_weight`; the name comes first."""
        return self.add_weight(shape=shape, name=name, **options)

    def _own(self) -> Iterator[Any]:
        """The variables and layers that attributes lead to, each once."""
        seen: set[int] = set()
        for found in (*self._weights, *_inside(self._attributes())):
            key = id(found._cell) if isinstance(found, Variable) else id(found)
            if key not in seen:
                seen.add(key)
                yield found

    def _attributes(self) -> list[Any]:
        return [value for name, value in self.__dict__.items() if name not in _PRIVATE]

    @property
    def _layers(self) -> list[Layer]:
        return [x for x in self._own() if isinstance(x, Layer)]

    def _flatten_layers(self) -> list[Layer]:
        """This layer and all inside of it, each once."""
        found: dict[int, Layer] = {}

        def visit(layer: Layer) -> None:
            if id(layer) not in found:
                found[id(layer)] = layer
                for inner in layer._layers:
                    visit(inner)

        visit(self)
        return list(found.values())

    @property
    def weights(self) -> list[Variable]:
        """All variables: of this layer, the trainable ones first, then of those inside of it."""
        found: dict[int, Variable] = {}
        for layer in self._flatten_layers():
            own = [x for x in layer._own() if isinstance(x, Variable)]
            own.sort(key=lambda v: not (v.trainable or v._cell in layer._frozen))
            for v in own:
                found.setdefault(id(v._cell), v)
        return list(found.values())

    variables = weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """The variables that optimisers change."""
        return [v for v in self.weights if v.trainable] if self._trainable else []

    trainable_variables = trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The other variables."""
        return [v for v in self.weights if not (self._trainable and v.trainable)]

    non_trainable_variables = non_trainable_weights

    @property
    def trainable(self) -> bool:
        """Whether optimisers change the weights; also of the layers inside."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self._flatten_layers():
            layer._trainable = bool(value)
            if value:
                for cell in layer._frozen:
                    cell.trainable = True
                layer._frozen = []
            else:
                for v in layer._own():
                    if isinstance(v, Variable):
                        layer._freeze(v)

    def _freeze(self, variable: Variable) -> None:
        if variable.trainable:
            variable._cell.trainable = False
            self._frozen.append(variable._cell)

    def get_weights(self) -> list[np.ndarray]:
        """The values of `weights`."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Any) -> None:
        """Assign the values of `weights`; ValueError if their number or shapes are others."""
        variables = self.weights
        if len(variables) != len(weights):
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of"
                f" length {len(weights)}, but the layer was expecting {len(variables)} weights."
            )
        for variable, value in zip(variables, weights, strict=True):
            if not variable.shape.is_compatible_with(np.shape(value)):
                raise ValueError(
                    f"Layer {self.name} weight shape {variable.shape} is not compatible with "
                    f"provided weight shape {np.shape(value)}."
                )
            variable.assign(np.asarray(value, variable.dtype.numpy))

    def count_params(self) -> int:
        """The number of elements of all weights."""
        return sum(v.shape.num_elements() or 0 for v in self.weights)

    # -- losses -----------------------------------------------------------------------------------

    def add_loss(self, loss: Any) -> None:
        """Add a scalar to `losses`; kept until the outermost layer is called again."""
        self._added_losses += loss if isinstance(loss, (list, tuple)) else [loss]

    @property
    def losses(self) -> list[Any]:
        """What `add_loss` was given, and the penalties of regularised weights."""
        layers = self._flatten_layers()
        found = [x for layer in layers for x in layer._added_losses]
        for layer in layers:
            found += [penalty(v) for v, penalty in layer._penalties if v.trainable]
        return found

    def _clear_losses(self) -> None:
        for layer in self._flatten_layers():
            layer._added_losses = []

    # -- calling ----------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the weights; called before the first call, with the shape of its argument."""
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The computation."""
        raise NotImplementedError(
            f"Layer {type(self).__name__} does not have a `call()` method implemented."
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Build if need be, and compute."""
        if not args and not kwargs:
            raise ValueError(f"Layer {self.name!r} was called without arguments")
        if has_symbolic(args) or (kwargs and has_symbolic(kwargs.values())):
            return self._noted(args, kwargs)
        wanted = self._inner_dtype
        args = tuple([self._converted(x, wanted) for x in args])
        kwargs = {
            k: self._converted(x, wanted) if k != "training" else x for k, x in kwargs.items()
        }
        outermost = _CALLS.depth == 0
        if outermost and "_added_losses" in self.__dict__:
            self._clear_losses()
        before = _CALLS.training
        given = kwargs.get("training")
        training = before if given is None else bool(given)
        if self._wants_training():
            kwargs["training"] = self.training_by_default if training is None else training
        else:
            kwargs.pop("training", None)
        _CALLS.training, _CALLS.depth = training, _CALLS.depth + 1
        try:
            first = args[0] if args else next(iter(kwargs.values()))
            self._maybe_build(first)
            masks = masks_of(first)
            self._fill_masks(args, kwargs)
            outputs = self._computed(args, kwargs)
        finally:
            _CALLS.training, _CALLS.depth = before, _CALLS.depth - 1
        if self.supports_masking:
            put_masks(outputs, self.compute_mask(first, masks))
        if self.activity_regularizer is not None:
            self._added_losses.append(self.activity_regularizer(outputs))
        self._output_shape = _shape_of(outputs)
        return outputs

    def _noted(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """What stands for the results of a call on Keras tensors."""
        try:
            return symbolic.note(self, self.__call__, args, kwargs)
        finally:
            self._clear_losses()  # tensors of a trace mean nothing outside of it

    @derived
    def input(self) -> Any:
        """The Keras tensors that the layer was first called on; AttributeError if it was not."""
        return self._first_call("input").given

    @derived
    def output(self) -> Any:
        """The Keras tensors that the first call gave; AttributeError if there was none."""
        return self._first_call("output").structure

    def _first_call(self, what: str) -> symbolic.Node:
        if not self._nodes:
            raise AttributeError(
                f"The layer {self.name} has never been called and thus has no defined {what}."
            )
        return self._nodes[0]

    def _computed(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """What `call` gives, with weights read in the dtype that the layer computes in."""
        if not self.dtype_policy.is_mixed:
            return self.call(*args, **kwargs)
        with reading_as(self._inner_dtype):
            outputs = self.call(*args, **kwargs)
        if self.computes_wide:
            outputs = self._converted(outputs, self.dtype_policy.compute)
        return outputs

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The masks of the outputs, given the inputs and their masks."""
        return previous_mask

    def _fill_masks(self, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        """Give `call` the masks of its arguments, where it takes them and they are not given."""
        if self._mask_places is None:
            names = list(inspect.signature(self.call).parameters)
            self._mask_places = [
                (k, name, mask)
                for k, name in enumerate(names)
                for mask in (("mask", f"{name}_mask") if k == 0 else (f"{name}_mask",))
                if mask in names
            ]
        for k, name, mask in self._mask_places:
            given = args[k] if k < len(args) else kwargs.get(name)
            if kwargs.get(mask) is None and (found := masks_of(given)) is not None:
                kwargs[mask] = found

    def _wants_training(self) -> bool:
        if self._takes_training is None:
            parameters = inspect.signature(self.call).parameters
            self._takes_training = "training" in parameters or any(
                p.kind is p.VAR_KEYWORD and type(self).call is not Layer.call
                for p in parameters.values()
            )
        return self._takes_training

    @property
    def _inner_dtype(self) -> DType:
        """Of floats inside of `call`."""
        return self._dtype if self.computes_wide else self.dtype_policy.compute

    def _converted(self, x: Any, wanted: DType) -> Any:
        """Arrays, and lists of them, as tensors; floats in the dtype that is wanted."""
        if isinstance(x, dict):
            return {k: self._converted(v, wanted) for k, v in x.items()}
        if isinstance(x, (list, tuple)) and any(
            isinstance(v, (Tensor, np.ndarray, Variable)) for v in x
        ):
            return type(x)([self._converted(v, wanted) for v in x])
        if isinstance(x, (np.ndarray, list)):
            x = convert_to_tensor(x)
        if (
            isinstance(x, Tensor)
            and self._autocast
            and x.dtype.is_floating
            and x.dtype is not wanted
        ):
            found = cast(x, wanted)
            put_masks(found, mask_of(x))
            return found
        return x

    def _maybe_build(self, first: Any) -> None:
        if self.built:
            return
        with init_scope():  # weights are made now, also while the call is traced
            self.build(_shape_of(first, TensorShape))
        self.built = True

    # -- what it is -------------------------------------------------------------------------------

    @property
    def dtype(self) -> str:
        """The dtype of the weights, as a name."""
        return self._dtype.name

    variable_dtype = dtype

    @property
    def compute_dtype(self) -> str:
        """The dtype of what the layer computes and gives, as a name."""
        return self.dtype_policy.compute_dtype

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer, without its weights."""
        config = {"name": self.name, "trainable": self._trainable, "dtype": self.dtype_policy.name}
        for field in self.fields:
            config[field] = _plain(getattr(self, field))
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer with this configuration."""
        return cls(**config)

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles take: not the calls on Keras tensors, which are of models."""
        return {**self.__dict__, "_nodes": []}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


# The order of `add_weight`'s positional arguments.
_KERAS_3 = ("shape", "initializer", "dtype", "trainable")
_KERAS_2 = ("name", "shape", "dtype", "initializer", "regularizer", "trainable", "constraint")
# Attributes that are looked through on their own, or not at all.
_PRIVATE = frozenset(
    {"_weights", "_frozen", "_penalties", "_added_losses", "_last_states", "_nodes"}
)


def _marking_built(build: Callable[..., Any]) -> Callable[..., Any]:
    """A `build` after which the layer knows that it has its weights."""

    @functools.wraps(build)
    def marking(self: Layer, *args: Any, **kwargs: Any) -> Any:
        found = build(self, *args, **kwargs)
        self.built = True
        return found

    return marking


def _inside(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (Layer, Variable)):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _inside(value)
        elif isinstance(value, dict):
            yield from _inside(value.values())


def _shape_of(x: Any, make: Callable[[Any], Any] = tuple) -> Any:
    """The shape of a tensor, or the structure of shapes of several."""
    if isinstance(x, dict):
        return {k: _shape_of(v, make) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [_shape_of(v, make) for v in x]
    shape = getattr(x, "shape", ())
    return make(TensorShape(shape))


def _plain(value: Any) -> Any:
    """An attribute as an argument: objects with a configuration as dicts, functions as names."""
    if hasattr(value, "get_config"):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    if callable(value) and hasattr(value, "__name__"):
        return value.__name__
    return list(value) if isinstance(value, tuple) else value
