"""Models: layers that can be trained.

Layer: frontend. A model is a subclass with a `call`, a sequence of layers, or what lies between
Keras tensors: the calls that lead from inputs to outputs (network.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....compiler.errors import UnsupportedError
from ..shapes import TensorShape
from . import saving
from .configs import config_of, copied, rebuilt
from .layers.base import FAMILY, Layer, current_training, derived
from .layers.inputs import Input, InputLayer
from .masks import put_masks
from .network import Network
from .settings import float_dtype, unique_name
from .summary import summary_of
from .symbolic import KerasTensor, tensors_in
from .training import Trainer


class Model(Trainer):
    """A layer that can be trained; subclasses make layers and define `call`.

    `Model(inputs, outputs)` computes Keras tensors from others, as they were made of each other.

    Args:
        args: inputs and outputs: Keras tensors, or lists and dicts of them; or nothing.
        kwargs: the same by name, and `name`, `trainable`, `dtype`.
    """

    _network: Network | None = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """A `Functional`, if there are inputs and outputs."""
        return object.__new__(Functional if cls is Model and _is_connected(args, kwargs) else cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not _is_connected(args, kwargs):
            super().__init__(*args, **kwargs)
            return
        inputs, outputs = _ends(*args, **kwargs)
        options = {k: v for k, v in kwargs.items() if k not in ("inputs", "outputs")}
        network = Network(inputs, outputs)
        super().__init__(autocast=False, **options)
        self._network = network
        self._operations = network.callers  # among the attributes, so that weights are found
        self.output_names = [x._node.caller.name for x in network.outputs if x._node]
        self.built = True
        if not self._trainable:
            self.trainable = False

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The outputs for tensors; subclasses that are not made of inputs and outputs have theirs.

        Args:
            inputs: as the model's inputs are nested, or a dict by their names.
            training: whether layers behave as in training.
            mask: the masks of the inputs, if they do not carry them.
        """
        if self._network is None:
            raise NotImplementedError(
                f"Model {type(self).__name__} does not have a `call()` method implemented."
            )
        tensors = self._network.tensors(self.name, inputs)
        put_masks(tensors, mask)
        return self._network.run(tensors, current_training())

    def build(self, input_shape: Any = None) -> None:
        """Make the weights, by calling the model on Keras tensors of this shape."""
        if self._network is not None:
            return
        if input_shape is None:
            raise ValueError("Input shape must be defined when calling `build()` on a `Model`.")
        self.built = True
        self(_tensors(input_shape, float_dtype()))

    def _maybe_build(self, first: Any) -> None:
        if type(self).build in _OWN_BUILDS:
            self.built = True  # the layers inside make their weights when they are called
        else:
            super()._maybe_build(first)

    def _symbolic_outputs(self) -> Any:
        return None if self._network is None else self._network.structure

    # -- its structure ----------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers, in the order in which they run, or were made attributes."""
        if self._network is not None:
            return [x for x in self._network.callers if isinstance(x, Layer)]
        return [x for x in self._layers if not isinstance(x, InputLayer)]

    @derived
    def operations(self) -> list[Any]:
        """The layers and functions that the outputs are made by."""
        return list(self.layers if self._network is None else self._network.callers)

    @derived
    def input(self) -> Any:
        """The Keras tensors that the model is called with, as they were given."""
        return super().input if self._network is None else self._network.given

    @derived
    def output(self) -> Any:
        """The Keras tensors that the model gives, as they were given."""
        return super().output if self._network is None else self._network.structure

    @derived
    def inputs(self) -> list[KerasTensor]:
        """The Keras tensors that the model is called with, in a list."""
        return tensors_in(self.input)

    @derived
    def outputs(self) -> list[KerasTensor]:
        """The Keras tensors that the model gives, in a list."""
        return tensors_in(self.output)

    @derived
    def input_shape(self) -> Any:
        """The shape of the input, or a list of those of several."""
        return _one_or_all([tuple(x.shape) for x in self.inputs])

    @derived
    def output_shape(self) -> Any:
        """The shape of the output, or a list of those of several."""
        return _one_or_all([tuple(x.shape) for x in self.outputs])

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer with this name or number; ValueError if there is none."""
        if index is not None:
            if index >= len(self.layers):
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has"
                    f" {len(self.layers)} layers."
                )
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(
            f"No such layer: {name}. Existing layers are: {[x.name for x in self.layers]}."
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal model; of inputs and outputs: layers and their calls."""
        if self._network is None:
            return super().get_config()
        return {"name": self.name, "trainable": self._trainable, **config_of(self._network)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """The model with this configuration, with new weights."""
        if "input_layers" not in config:
            return super().from_config(config)
        options = {k: config[k] for k in ("name", "trainable") if k in config}
        return cls(*rebuilt(config, custom_objects), **options)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the weights to a file; see `saving`."""
        saving.save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, **ignored: Any) -> None:
        """Read the weights from a file; see `saving`."""
        saving.load_weights(self, filepath, skip_mismatch)

    def save(self, filepath: Any, overwrite: bool = True, **options: Any) -> None:
        """Refuse: whole models are not written to files."""
        raise _whole_file(filepath)

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Print the layers, their outputs' shapes and numbers of parameters.

        Args:
            line_length: the width of the table; by default that of the terminal, up to a limit.
            positions: where columns end, as parts of the width.
            print_fn: called with each line, instead of `print`.
            expand_nested: whether layers of models among the layers are listed, too.
            show_trainable: whether there is a column that tells it.
            layer_range: patterns of the names of the first and the last layer to be listed.
        """
        show = print_fn or print
        for line in summary_of(
            self, line_length, positions, expand_nested, show_trainable, layer_range
        ):
            show(line)


@FAMILY.add("Model")
class Functional(Model):
    """A model of inputs and outputs; `Model(inputs, outputs)` makes one."""


class Sequential(Model):
    """Layers one after the other.

    Args:
        layers: see above.
        trainable: whether optimisers change the weights.
        name: of the model.
    """

    def __init__(
        self, layers: Sequence[Any] | None = None, trainable: bool = True, name: str | None = None
    ) -> None:
        super().__init__(trainable=trainable, name=name)
        self._sequence: list[Layer] = []
        self._tensors: list[Any] = []  # what layers are called on, and give, once it is known
        for layer in layers or ():
            self._append(layer)
        self._begin()

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Put a layer at the end, or an `Input` at the beginning.

        Raises:
            TypeError: it is no layer.
        """
        self._append(layer)
        if self._tensors:
            self._tensors.append(self._sequence[-1](self._tensors[-1]))
            unique_name("functional")
        else:
            self._begin()

    def _begin(self) -> None:
        """Call the layers, if the first one says on what."""
        first = self._sequence[0] if self._sequence else None
        if isinstance(first, Model) and first._symbolic_outputs() is not None:
            if len(first.inputs) == 1:
                self._connect(first.inputs[0].shape, first.inputs[0].dtype)
        elif first is not None and first._batch_shape is not None:
            self.build(first._batch_shape)

    def _append(self, layer: Any) -> None:
        if isinstance(layer, KerasTensor) and layer._node is not None and layer._node.is_input:
            layer = layer._node.caller
        if not isinstance(layer, Layer):
            raise TypeError(
                "Only instances of `keras.Layer` can be added to a Sequential model. Received: "
                f"{layer} (of type {type(layer)})"
            )
        if any(x.name == layer.name for x in self._sequence):
            raise ValueError(
                "All layers added to a Sequential model should have unique names. Name"
                f" '{layer.name}' is already the name of a layer in this model. Update the `name`"
                " argument to pass a unique name."
            )
        self._sequence.append(layer)

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer away."""
        if self._tensors:
            self._tensors.pop()
        return self._sequence.pop()

    def build(self, input_shape: Any = None) -> None:
        """Make the weights for inputs of this shape."""
        if input_shape is None:
            raise ValueError("Input shape must be defined when calling `build()` on a `Model`.")
        self._connect(tuple(TensorShape(input_shape)), None)

    def _connect(self, batch_shape: Any, dtype: Any) -> None:
        """Call the layers, one after the other, on an input of this shape."""
        layers = list(self._sequence)
        if layers and isinstance(layers[0], InputLayer):
            found = layers.pop(0).output
        else:
            found = Input(batch_shape=batch_shape, dtype=dtype)
        self._tensors = [found]
        for layer in layers:
            self._tensors.append(layer(self._tensors[-1]))
        if layers:
            unique_name("functional")  # Keras has such a model inside, which has taken a name
        self.built = True

    def __getstate__(self) -> dict[str, Any]:
        first = [(tuple(x.shape), x.dtype) for x in tensors_in(self._tensors[:1])]
        return {**super().__getstate__(), "_tensors": first}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for shape, dtype in state["_tensors"]:
            self._connect(shape, dtype)

    def _noted(self, args: Any, kwargs: Any) -> Any:
        if not self.built and len(args) == 1 and isinstance(args[0], KerasTensor):
            self._connect(args[0].shape, args[0].dtype)
        return super()._noted(args, kwargs)

    @derived
    def input(self) -> Any:
        """The Keras tensor that the model is called with; AttributeError if none is known yet."""
        return self._ends()[0]

    @derived
    def output(self) -> Any:
        """What the last layer gives; AttributeError if the input is not known yet."""
        return self._ends()[-1]

    def _symbolic_outputs(self) -> Any:
        return self._tensors[-1] if self._tensors else None

    def _ends(self) -> list[Any]:
        if not self._tensors:
            raise AttributeError(
                f"Sequential model '{self.name}' has no defined input or output yet: begin it with"
                " a `keras.Input`, or call `build(input_shape)`."
            )
        return self._tensors

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The layers' computations, one after the other."""
        put_masks(inputs, mask)
        for layer in self._sequence:
            inputs = layer(inputs)
        return inputs

    def get_config(self) -> dict[str, Any]:
        """The layers' configurations."""
        layers = [
            {"class_name": type(x).__name__, "config": x.get_config()} for x in self._sequence
        ]
        return {"name": self.name, "trainable": self._trainable, "layers": layers}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Sequential:
        """The model with this configuration, with new weights."""
        layers = [FAMILY.deserialize(c, custom_objects) for c in config["layers"]]
        return cls(layers, trainable=config.get("trainable", True), name=config.get("name"))


_OWN_BUILDS = (Layer.build, Model.build, Sequential.build)
FAMILY.add()(Sequential)


def load_model(filepath: Any, *args: Any, **options: Any) -> Any:
    """Refuse: whole models are not read from files."""
    raise _whole_file(filepath)


def _whole_file(path: Any) -> UnsupportedError:
    return UnsupportedError(
        "whole Keras models are not kept in files",
        got=str(path),
        hint="save weights by save_weights, or pickle the model; its structure is"
        " in its code, or in model.get_config()",
    )


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    **ignored: Any,
) -> Any:
    """A model of the same structure, with new weights.

    Args:
        model: what is copied.
        input_tensors: Keras tensors to call the new model on.
        clone_function: makes a layer for each layer; by default one with its configuration.
        ignored: of Keras's signature.
    """
    copy = clone_function or _copied
    if isinstance(model, Sequential):
        made: Any = Sequential([copy(x) for x in model._sequence], name=model.name)
    elif model._network is None:
        made = type(model).from_config(model.get_config())
    else:
        made = type(model)(*copied(model._network, copy), name=model.name)
    if input_tensors is None:
        return made
    return Model(input_tensors, made(input_tensors), name=model.name)


def _copied(layer: Layer) -> Any:
    return type(layer).from_config(layer.get_config())


def _is_connected(args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Whether a model is called with inputs and outputs."""
    return len(args) == 2 or ("outputs" in kwargs and (len(args) == 1 or "inputs" in kwargs))


def _ends(inputs: Any, outputs: Any, **options: Any) -> tuple[Any, Any]:
    return inputs, outputs


def _one_or_all(shapes: list[Any]) -> Any:
    return shapes[0] if len(shapes) == 1 else shapes


def _tensors(shape: Any, dtype: Any) -> Any:
    """Keras tensors of a shape, or a structure of them."""
    if isinstance(shape, dict):
        return {k: _tensors(s, dtype) for k, s in shape.items()}
    if isinstance(shape, (list, tuple)) and shape and not _is_size(shape[0]):
        return [_tensors(s, dtype) for s in shape]
    return KerasTensor(shape, dtype)


def _is_size(x: Any) -> bool:
    return x is None or isinstance(x, (int, np.integer))
