"""TensorFlow 2's summaries: each an array and the plugin of TensorBoard that shows it.

Layer: frontend.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InvalidArgumentError
from ..proto.events import SummaryMetadata
from .histograms import even
from .png import encode_png
from .sound import encode_wav

# The plugin of sounds wants its version and the kind of file: field 2, WAV.
_CONTENT = {"audio": b"\x10\x0b"}
_LEVELS = 255


def metadata(name: str, description: str | None = None) -> SummaryMetadata:
    """What a file says about summaries of a plugin."""
    return SummaryMetadata(
        plugin_data={"plugin_name": name, "content": _CONTENT.get(name, b"")},
        summary_description=description or "",
    )


def scalar(data: np.ndarray) -> np.ndarray:
    """One number, as float32.

    Raises:
        ValueError: there are several.
    """
    if data.ndim:
        raise ValueError(f"Expected scalar shape, saw shape: {data.shape}.")
    return data.astype(np.float32)


def histogram(data: np.ndarray, buckets: int | None = None) -> np.ndarray:
    """How the elements are spread over buckets of equal width."""
    return even(data) if buckets is None else even(data, int(buckets))


def image(data: np.ndarray, max_outputs: int = 3) -> np.ndarray:
    """Width, height, and the files of the first pictures.

    Args:
        data: [batch, height, width, 1 to 4 channels]; floats from 0 to 1, others are clipped; uint8
            as they are; of other integers the upper eight bits.
        max_outputs: how many pictures at most.

    Raises:
        ValueError: the array has another rank.
        InvalidArgumentError: `max_outputs` is negative.
    """
    if data.ndim != 4:
        raise ValueError(
            f"Tensor data must have rank 4. Received rank {data.ndim}, shape {data.shape}"
        )
    if max_outputs < 0:
        raise InvalidArgumentError(None, None, f"max_outputs has to be >= 0, got {max_outputs}")
    files = [encode_png(_levels(picture)) for picture in data[:max_outputs]]
    return _strings([str(data.shape[2]).encode(), str(data.shape[1]).encode(), *files])


def _levels(picture: np.ndarray) -> np.ndarray:
    """The values from 0 to 255."""
    kind = picture.dtype.kind
    if picture.dtype == np.uint8:
        return picture
    if kind == "f":
        scaled = np.nan_to_num(picture * picture.dtype.type(_LEVELS + 0.5), nan=0.0)
        return np.clip(scaled, 0, _LEVELS).astype(np.uint8)
    if kind not in "iu":
        raise TypeError(f"pictures are floats or integers, got {picture.dtype.name}")
    largest = np.iinfo(picture.dtype).max
    if largest < _LEVELS:
        return (np.maximum(picture, 0).astype(np.uint8) * np.uint8(2)).astype(np.uint8)
    return (np.maximum(picture, 0) // ((largest + 1) // (_LEVELS + 1))).astype(np.uint8)


def audio(data: np.ndarray, sample_rate: int, max_outputs: int = 3) -> np.ndarray:
    """The files of the first sounds, each with an empty label: [sounds, 2].

    Args:
        data: floats [batch, frames, channels] from -1 to 1.
        sample_rate: frames in a second.
        max_outputs: how many sounds at most.

    Raises:
        ValueError: the array has another rank.
    """
    if data.ndim != 3:
        raise ValueError(
            f"Tensor data must have rank 3. Received rank {data.ndim}, shape {data.shape}"
        )
    files = [encode_wav(sound, int(sample_rate)) for sound in data[:max_outputs]]
    found = np.empty((len(files), 2), object)
    found[:, 0] = files
    found[:, 1] = b""
    return found


def text(data: Any) -> np.ndarray:
    """Strings.

    Raises:
        TypeError: it holds something else.
    """
    if data.dtype != object:
        raise TypeError(f"tensor must be of type tf.string; got {data.dtype.name}")
    return np.asarray(data)


def _strings(texts: list[bytes]) -> np.ndarray:
    found = np.empty(len(texts), object)
    found[:] = texts
    return found
