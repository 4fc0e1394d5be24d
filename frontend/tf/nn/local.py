"""Normalisation by neighbouring channels, and channels exchanged for pixels.

Layer: frontend. Images are [batch, height, width, channels].
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..apply import apply, checked
from ..convert import convert_to_tensor
from ..errors import InvalidArgumentError
from ..tensors import Tensor
from .windows import is_channels_first


def lrn(
    input: Any,
    depth_radius: int = 5,
    bias: float = 1.0,
    alpha: float = 1.0,
    beta: float = 0.5,
    name: str | None = None,
) -> Tensor:
    """x / (bias + alpha * s) ** beta, where s is the sum of squares of the channels nearby.

    Args:
        input: [batch, height, width, channels].
        depth_radius: how many channels before and behind count.
        bias: see above.
        alpha: see above.
        beta: see above.
        name: of the op.
    """
    x = checked("LRN", convert_to_tensor(input), "f")
    if x.ndim != 4:
        raise InvalidArgumentError(f"in must be 4-dimensional, got {x.shape} [Op:LRN]")
    attrs = {
        "radius": int(depth_radius),
        "bias": float(bias),
        "alpha": float(alpha),
        "beta": float(beta),
    }
    found: Tensor = apply("LRN", _lrn, [x], attrs)
    return found


def _lrn(x: Any, *, radius: int, bias: float, alpha: float, beta: float) -> Any:
    of, count = x.dtype.type, x.shape[-1]
    squares = np.pad(np.square(x), ((0, 0), (0, 0), (0, 0), (radius, radius)))
    total = squares[..., :count]
    for k in range(1, 2 * radius + 1):
        total = total + squares[..., k : k + count]
    return x / (of(bias) + of(alpha) * total) ** of(beta)


local_response_normalization = lrn


# -- channels and pixels --------------------------------------------------------------------------


def space_to_depth(
    input: Any, block_size: int, data_format: str = "NHWC", name: str | None = None
) -> Tensor:
    """The pixels of each block as channels of one pixel.

    Raises:
        InvalidArgumentError: height or width is no multiple of the block's size.
    """
    return _exchanged("SpaceToDepth", _to_depth, input, block_size, data_format)


def depth_to_space(
    input: Any, block_size: int, data_format: str = "NHWC", name: str | None = None
) -> Tensor:
    """Channels as the pixels of a block: the inverse of `space_to_depth`.

    Raises:
        InvalidArgumentError: the channels are no multiple of the pixels of a block.
    """
    return _exchanged("DepthToSpace", _to_space, input, block_size, data_format)


def _exchanged(op: str, function: Any, input: Any, block_size: int, data_format: str) -> Tensor:
    x, size = convert_to_tensor(input), int(block_size)
    if size < 2:
        raise ValueError(f"block_size should be > 1: {block_size} [Op:{op}]")
    if x.ndim != 4:
        raise InvalidArgumentError(f"Input rank should be 4 instead of {x.ndim} [Op:{op}]")
    first = is_channels_first(data_format, 2)
    shape = x._value.shape
    sizes = (shape[2:] if first else shape[1:3]) if op == "SpaceToDepth" else ()
    channels = () if sizes else (shape[1 if first else 3],)
    for n, unit in (*((n, size) for n in sizes), *((n, size * size) for n in channels)):
        if isinstance(n, int) and n % unit:
            raise InvalidArgumentError(
                f"an axis of {n} elements cannot be divided into blocks of {unit} [Op:{op}]"
            )
    found: Tensor = apply(op, function, [x], {"size": size, "first": first})
    return found


def _to_depth(x: Any, *, size: int, first: bool) -> Any:
    x = np.moveaxis(x, 1, -1) if first else x
    n, h, w, c = x.shape
    blocks = x.reshape((n, h // size, size, w // size, size, c)).transpose((0, 1, 3, 2, 4, 5))
    found = blocks.reshape((n, h // size, w // size, size * size * c))
    return np.moveaxis(found, -1, 1) if first else found


def _to_space(x: Any, *, size: int, first: bool) -> Any:
    x = np.moveaxis(x, 1, -1) if first else x
    n, h, w, c = x.shape
    blocks = x.reshape((n, h, w, size, size, c // (size * size))).transpose((0, 1, 3, 2, 4, 5))
    found = blocks.reshape((n, h * size, w * size, c // (size * size)))
    return np.moveaxis(found, -1, 1) if first else found
