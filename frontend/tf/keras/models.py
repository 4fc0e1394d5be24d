"""Models: layers that can be trained.

Layer: frontend.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..convert import convert_to_tensor
from ..shapes import TensorShape
from . import saving
from .layers.base import FAMILY, Layer
from .layers.core import InputLayer
from .layers.recurrent import states_kept
from .settings import float_dtype
from .training import Trainer

_WIDTHS = (34, 28, 12)


class Model(Trainer):
    """A layer that can be trained; subclasses make layers and define `call`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args or "inputs" in kwargs or "outputs" in kwargs:
            raise NotImplementedError(
                "Models of inputs and outputs are not supported: write a subclass of"
                " `keras.Model` with a `call` method, or use `keras.Sequential`."
            )
        super().__init__(**kwargs)

    def build(self, input_shape: Any = None) -> None:
        """Make the weights, by calling the model on zeros of this shape."""
        if input_shape is None:
            raise ValueError("Input shape must be defined when calling `build()` on a `Model`.")
        self.built = True
        with states_kept(self):
            self(_zeros(input_shape, float_dtype()), training=False)

    def _maybe_build(self, first: Any) -> None:
        if type(self).build in _OWN_BUILDS:
            self.built = True  # the layers inside make their weights when they are called
        else:
            super()._maybe_build(first)

    @property
    def layers(self) -> list[Layer]:
        """The layers, in the order in which they were made attributes."""
        return [x for x in self._layers if not isinstance(x, InputLayer)]

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

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the weights to a file; see `saving`."""
        saving.save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, **ignored: Any) -> None:
        """Read the weights from a file; see `saving`."""
        saving.load_weights(self, filepath, skip_mismatch)

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[[str], Any] | None = None,
        **ignored: Any,
    ) -> None:
        """Print the layers, their outputs' shapes and numbers of parameters."""
        show = print_fn or print
        for text in _summary(self):
            show(text)


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
        for layer in layers or ():
            self.add(layer)

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Put a layer at the end; a function becomes a layer.

        Raises:
            TypeError: it is neither.
        """
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
        first = self._sequence[0]
        if first._batch_shape is not None:
            self.build(first._batch_shape)

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer away."""
        return self._sequence.pop()

    def build(self, input_shape: Any = None) -> None:
        """Make the weights for inputs of this shape."""
        if input_shape is None:
            raise ValueError("Input shape must be defined when calling `build()` on a `Model`.")
        first = self._sequence[0] if self._sequence else None
        dtype = getattr(first, "input_dtype", None) or float_dtype()
        self.built = True
        with states_kept(self):
            self(_zeros(input_shape, dtype), training=False)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The layers' computations, one after the other."""
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


def clone_model(model: Any, **ignored: Any) -> Any:
    """A model of the same structure, with new weights."""
    return type(model).from_config(model.get_config())


def _zeros(shape: Any, dtype: Any) -> Any:
    """Zeros of a shape, with 1 for unknown sizes; or a structure of them."""
    if isinstance(shape, dict):
        return {k: _zeros(s, dtype) for k, s in shape.items()}
    if isinstance(shape, (list, tuple)) and shape and not _is_size(shape[0]):
        return [_zeros(s, dtype) for s in shape]
    sizes = [1 if d is None else d for d in TensorShape(shape)]
    return convert_to_tensor(np.zeros(sizes, dtype.numpy))


def _is_size(x: Any) -> bool:
    return x is None or isinstance(x, (int, np.integer))


def _summary(model: Model) -> list[str]:
    rule = "=" * sum(_WIDTHS)
    lines = [f'Model: "{model.name}"', "_" * sum(_WIDTHS)]
    lines += [_row("Layer (type)", "Output Shape", "Param #"), rule]
    for layer in model.layers:
        shape = layer._output_shape
        text = "?" if shape is None else _shape_text(shape)
        title = f"{layer.name} ({type(layer).__name__})"
        lines.append(_row(title, text, f"{layer.count_params():,}" if layer.built else "?"))
    total = model.count_params()
    trained = sum(v.shape.num_elements() or 0 for v in model.trainable_weights)
    lines += [
        rule,
        f"Total params: {total:,}",
        f"Trainable params: {trained:,}",
        f"Non-trainable params: {total - trained:,}",
        "_" * sum(_WIDTHS),
    ]
    return lines


def _row(*cells: str) -> str:
    return "".join(f"{c[: w - 1]:<{w}}" for c, w in zip(cells, _WIDTHS, strict=True)).rstrip()


def _shape_text(shape: Any) -> str:
    """A shape with the size of the batch left open."""
    if isinstance(shape, dict):
        return str({k: _shape_text(v) for k, v in shape.items()})
    if isinstance(shape, list):
        return str([_shape_text(s) for s in shape])
    return str((None, *shape[1:])) if shape else "()"
