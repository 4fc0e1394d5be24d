"""What models are called with.

Layer: frontend.
"""

from __future__ import annotations

from typing import Any

from .....compiler.errors import UnsupportedError
from ...dtypes import as_dtype
from ...shapes import TensorShape
from ..settings import floatx
from ..symbolic import KerasTensor, Node
from .base import FAMILY, Layer


@FAMILY.add()
class InputLayer(Layer):
    """What a model is called with.

    Args:
        shape: of one example.
        batch_size: the number of examples, if it is known.
        dtype: of the input, by default `floatx`.
        batch_shape: of the whole input, instead of `shape`.
        name: of the layer and of its output; by default each has its own, with a number.
        input_shape: the older name of `shape`.
    """

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        batch_shape: Any = None,
        name: str | None = None,
        input_shape: Any = None,
        **ignored: Any,
    ) -> None:
        super().__init__(name=name)
        shape = input_shape if shape is None else shape
        if shape is not None and batch_shape is not None:
            raise ValueError("You cannot pass both `shape` and `batch_shape` at the same time.")
        if batch_shape is None:
            if shape is None:
                raise ValueError("You must pass a `shape` argument.")
            batch_shape = (batch_size, *TensorShape(shape))
        self.batch_shape = self._batch_shape = tuple(batch_shape)
        self.input_dtype = as_dtype(dtype or floatx())
        self.built = True
        tensor = KerasTensor(batch_shape, self.input_dtype, name)
        self._tensor_name = tensor.name
        Node(self, None, tensor)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        Node(self, None, KerasTensor(self.batch_shape, self.input_dtype, self._tensor_name))

    @property
    def dtype(self) -> str:
        """The dtype of the input, as a name."""
        return self.input_dtype.name

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer."""
        return {"batch_shape": self.batch_shape, "dtype": self.dtype, "name": self.name}

    def call(self, inputs: Any) -> Any:
        """The input itself."""
        return inputs


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    batch_shape: Any = None,
    name: str | None = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    tensor: Any = None,
) -> KerasTensor:
    """What a model is called with, as a Keras tensor: layers and functions can be called on it.

    Args:
        shape: of one example; None for sizes that differ.
        batch_size: the number of examples, if it is known.
        dtype: of the input, by default `floatx`.
        batch_shape: of the whole input, instead of `shape`.
        name: see `InputLayer`.
        sparse: and `ragged`: not supported.
        ragged: see above.
        tensor: a Keras tensor to take shape and dtype from.
    """
    if sparse or ragged:
        raise UnsupportedError(
            "inputs of models are dense tensors",
            got="sparse=True" if sparse else "ragged=True",
            hint="convert the data, for instance with keras.utils.pad_sequences",
        )
    if tensor is not None:
        batch_shape, dtype, shape = tensor.shape, tensor.dtype, None
    made: KerasTensor = InputLayer(shape, batch_size, dtype, batch_shape, name).output
    return made
