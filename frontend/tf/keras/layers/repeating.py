"""Layers that repeat: pixels, vectors, and other layers for each step of a sequence.

Layer: frontend.
"""

from __future__ import annotations

from typing import Any

from ...convert import convert_to_tensor
from ...image.resize import resize
from ...nn.normalise import dropout
from ...shapes import TensorShape
from ...shaping import expand_dims, repeat, reshape, tile, transpose
from ...tensors import Tensor
from .base import FAMILY, Layer, deserialize, serialize
from .convolutions import checked_rank, per_axis, read_format


class _UpSampling(Layer):
    """Each element as many."""

    _rank: int
    fields: tuple[str, ...] = ("size", "data_format")

    def __init__(self, size: Any = 2, data_format: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.size = per_axis(size, "size", self._rank)
        self.data_format = read_format(data_format)

    def call(self, inputs: Any) -> Any:
        """The result."""
        x = checked_rank(self, inputs, self._rank)
        first = 2 if self.data_format == "channels_first" else 1
        for axis, count in enumerate(self.size, start=first):
            x = repeat(x, count, axis=axis)
        return x


@FAMILY.add()
class UpSampling1D(_UpSampling):
    """Each step `size` times."""

    _rank = 1


@FAMILY.add()
class UpSampling3D(_UpSampling):
    """Each element of a volume many times along each axis."""

    _rank = 3


@FAMILY.add()
class UpSampling2D(_UpSampling):
    """Larger images.

    Args:
        size: how often height and width are multiplied.
        data_format: "channels_last" or "channels_first".
        interpolation: a method of `tf.image.resize`; "nearest" repeats pixels.
        options: see `Layer`.
    """

    _rank = 2
    fields = (*_UpSampling.fields, "interpolation")

    def __init__(
        self,
        size: Any = 2,
        data_format: str | None = None,
        interpolation: str = "nearest",
        **options: Any,
    ) -> None:
        super().__init__(size, data_format, **options)
        self.interpolation = interpolation.lower()

    def call(self, inputs: Any) -> Any:
        """The result."""
        if self.interpolation == "nearest":
            return super().call(inputs)
        x = checked_rank(self, inputs, 2)
        is_first = self.data_format == "channels_first"
        x = transpose(x, [0, 2, 3, 1]) if is_first else x
        height, width = (n * k for n, k in zip(x._value.shape[1:3], self.size, strict=True))
        found = resize(x, (height, width), self.interpolation)
        return transpose(found, [0, 3, 1, 2]) if is_first else found


@FAMILY.add()
class RepeatVector(Layer):
    """A vector as a sequence of `n` equal ones."""

    fields = ("n",)

    def __init__(self, n: int, **options: Any) -> None:
        super().__init__(**options)
        self.n = int(n)

    def call(self, inputs: Any) -> Any:
        """[batch, n, features]."""
        return tile(expand_dims(inputs, 1), [1, self.n, 1])


class _SpatialDropout(Layer):
    """In training, sets whole channels to 0 and scales the others up."""

    supports_masking = True

    _rank: int
    fields = ("rate", "data_format", "seed")

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.rate, self.seed, self.data_format = float(rate), seed, read_format(data_format)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The result."""
        x = checked_rank(self, inputs, self._rank)
        if not training or self.rate == 0:
            return x
        batch, *sizes = x._value.shape
        ones, is_first = (1,) * self._rank, self.data_format == "channels_first"
        noise = (batch, sizes[0], *ones) if is_first else (batch, *ones, sizes[-1])
        return dropout(x, self.rate, noise, self.seed)


@FAMILY.add()
class SpatialDropout1D(_SpatialDropout):
    """In training, sets whole channels of sequences to 0."""

    _rank = 1


@FAMILY.add()
class SpatialDropout2D(_SpatialDropout):
    """In training, sets whole channels of images to 0."""

    _rank = 2


@FAMILY.add()
class SpatialDropout3D(_SpatialDropout):
    """In training, sets whole channels of volumes to 0."""

    _rank = 3


@FAMILY.add()
class TimeDistributed(Layer):
    """A layer applied to each step of a sequence, all steps at once.

    Args:
        layer: for one step.
        options: see `Layer`.
    """

    supports_masking = True

    def __init__(self, layer: Any, **options: Any) -> None:
        super().__init__(**options)
        self.layer = layer

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        """[batch, steps, ...]."""
        x = convert_to_tensor(inputs)
        if x.ndim < 3:
            raise ValueError(
                "`TimeDistributed` Layer should be passed an `input_shape` with at least 3"
                f" dimensions, received: {TensorShape(x.shape)}"
            )
        batch, steps, *rest = x._value.shape
        found: Tensor = self.layer(reshape(x, [batch * steps, *rest]))
        return reshape(found, [batch, steps, *found._value.shape[1:]])

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer."""
        return super().get_config() | {"layer": serialize(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer with this configuration."""
        return cls(**config | {"layer": deserialize(config["layer"])})


__all__ = [
    "RepeatVector", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "TimeDistributed",
    "UpSampling1D", "UpSampling2D", "UpSampling3D",
]  # fmt: skip
