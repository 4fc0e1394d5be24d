"""Arrays as summaries, in bytes: scalars, histograms, images, sounds, texts.

Layer: frontend. What TensorFlow 1's summary ops give; `merged` puts several into one.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Any

import numpy as np

from ..errors import InvalidArgumentError
from ..proto.arrays import tensor_proto
from ..proto.events import Summary, SummaryMetadata
from ..proto.fields import FLOAT
from ..proto.message import Message
from ..proto.wire import BYTES, FIXED32, key, read, with_length, write
from .histograms import growing
from .png import encode_png
from .sound import encode_wav

_VALUE, _TAG, _SIMPLE = key(1, BYTES), key(1, BYTES), key(2, FIXED32)  # of Summary and Value
_FIELDS = Summary.Value.FIELDS
_METADATA = _FIELDS["metadata"].number
_BAD_COLOUR = np.array([255, 0, 0, 255], np.uint8)  # of pixels that are no finite numbers
_FAINT = 1e-6  # a picture with no larger value is black


def scalar(tag: str, value: Any) -> bytes:
    """One number.

    Raises:
        InvalidArgumentError: the array has axes.
    """
    array = np.asarray(value)
    if array.ndim:
        raise InvalidArgumentError(
            None, None,
            f"tags and values are not the same shape: [] != {_shape(array)} (tag '{tag}')"
            " [Op:ScalarSummary] name: ",
        )  # fmt: skip
    return _value(tag, _SIMPLE + FLOAT.encode(FLOAT.check(array.item())))


def histogram(tag: str, values: Any) -> bytes:
    """How the elements are spread.

    Raises:
        InvalidArgumentError: an element is NaN or infinite.
    """
    return _value(tag, _part("histo", growing(np.asarray(values), tag)))


def image(tag: str, images: Any, max_outputs: int = 3) -> bytes:
    """The first `max_outputs` pictures of a batch, with tags `tag/image/0` and so on.

    Args:
        tag: the tag; with max_outputs=1 that of the picture is `tag/image`.
        images: [batch, height, width, 1, 3 or 4 channels]; uint8 are shown as they are, floats are
            scaled so that the largest is 255, or, where some are negative, so that 0 is 128.
        max_outputs: how many at most.

    Raises:
        InvalidArgumentError: the shape is another one.
    """
    array = np.asarray(images)
    if array.ndim != 4 or array.shape[3] not in (1, 3, 4):
        raise InvalidArgumentError(
            None, None,
            f"Tensor must be 4-D with last dim 1, 3, or 4, not {_shape(array)}"
            " [Op:ImageSummary] name: ",
        )  # fmt: skip
    if not array[0:1, :, :, 0].size and len(array):
        raise InvalidArgumentError(
            None, None, f"a picture has no pixels: {_shape(array)} [Op:ImageSummary] name: "
        )
    found = []
    for i, picture in enumerate(array[:max_outputs]):
        height, width, channels = picture.shape
        pixels = picture if picture.dtype == np.uint8 else _normalised(picture)
        shown = Summary.Image(
            height=height, width=width, colorspace=channels, encoded_image_string=encode_png(pixels)
        )
        found.append(_value(_numbered(f"{tag}/image", i, max_outputs), _part("image", shown)))
    return b"".join(found)


def _normalised(picture: np.ndarray) -> np.ndarray:
    """Floats as uint8."""
    kind = picture.dtype.type
    finite = np.isfinite(picture).all(axis=2)
    seen = picture[finite]
    # TensorFlow finds the range and the scale in float32, whatever the dtype.
    low, high = (np.float32(x) for x in ((seen.min(), seen.max()) if seen.size else (0, 0)))
    largest, full, offset = high, np.float32(255), kind(0)
    if low < 0:
        largest, full, offset = max(abs(low), abs(high)), np.float32(127), kind(128)
    scale = kind(0) if largest < _FAINT else kind(full / largest)
    found = np.empty(picture.shape, np.uint8)
    found[finite] = (seen * scale + offset).astype(np.uint8)
    found[~finite] = _BAD_COLOUR[: picture.shape[2]]
    return found


def audio(tag: str, sounds: Any, sample_rate: float, max_outputs: int = 3) -> bytes:
    """The first `max_outputs` sounds of a batch, with tags `tag/audio/0` and so on.

    Args:
        tag: the tag; with max_outputs=1 that of the sound is `tag/audio`.
        sounds: float32 [batch, frames] or [batch, frames, channels], from -1 to 1.
        sample_rate: frames in a second.
        max_outputs: how many at most.

    Raises:
        InvalidArgumentError: the shape is another one.
    """
    array = np.asarray(sounds)
    if array.ndim not in (2, 3):
        raise InvalidArgumentError(
            None, None,
            f"input must be [batch, frames] or [batch, frames, channels], got {_shape(array)}"
            " [Op:AudioSummaryV2] name: ",
        )  # fmt: skip
    found = []
    for i, sound in enumerate(array.reshape(*array.shape[:2], -1)[:max_outputs]):
        made = Summary.Audio(
            sample_rate=float(sample_rate),
            num_channels=sound.shape[1],
            length_frames=sound.shape[0],
            encoded_audio_string=encode_wav(sound, int(sample_rate)),
            content_type="audio/wav",
        )
        found.append(_value(_numbered(f"{tag}/audio", i, max_outputs), _part("audio", made)))
    return b"".join(found)


def text(tag: str, texts: Any) -> bytes:
    """Strings (an array of bytes objects), which TensorBoard shows as Markdown."""
    return tensor(tag, texts, plugin("text"))


def tensor(tag: str, array: Any, metadata: SummaryMetadata | None = None) -> bytes:
    """Any array; the metadata name the plugin of TensorBoard that shows it."""
    described = b"" if metadata is None else _part("metadata", metadata)
    return _value(tag, _part("tensor", tensor_proto(array)) + described)


def plugin(name: str, **more: Any) -> SummaryMetadata:
    """The metadata that name a plugin of TensorBoard."""
    return SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=name), **more)


def merged(summaries: Sequence[bytes]) -> bytes:
    """One summary with the values of several.

    Raises:
        InvalidArgumentError: two have a tag in common.
    """
    joined = b"".join(summaries)
    found = set()
    for tag, _ in tags(joined):
        if tag in found:
            raise InvalidArgumentError(
                None, None,
                f"Duplicate tag {tag} found in summary inputs [Op:MergeSummary] name: ",
            )  # fmt: skip
        found.add(tag)
    return joined


def tags(summary: bytes) -> Iterator[tuple[str, bool]]:
    """The tag of each value, and whether it has metadata; the contents are not looked at.

    Raises:
        DecodeError: the bytes are no summary.
    """
    for value in _values(summary):
        fields = {item.number for item in read(value)}
        yield _tag(value), _METADATA in fields


def without_metadata(summary: bytes, described: Container[str]) -> bytes:
    """The summary, with no metadata for the tags in `described`."""
    found = []
    for value in _values(summary):
        if _tag(value) in described:
            value = b"".join(write(item) for item in read(value) if item.number != _METADATA)
        found.append(_VALUE + with_length(value))
    return b"".join(found)


def _values(summary: bytes) -> Iterator[bytes]:
    for item in read(summary):
        if item.number == 1 and item.wire == BYTES:
            assert not isinstance(item.value, int)
            yield item.value


def _tag(value: bytes) -> str:
    for item in read(value):
        if item.number == 1 and not isinstance(item.value, int):
            return item.value.decode(errors="replace")
    return ""


def _value(tag: str, content: bytes) -> bytes:
    """A summary with one value. Put together here: programs make summaries at every step."""
    return _VALUE + with_length(_TAG + with_length(tag.encode()) + content)


def _part(field: str, message: Message) -> bytes:
    """A field of a value."""
    return key(_FIELDS[field].number, BYTES) + with_length(message.SerializeToString())


def _numbered(tag: str, index: int, count: int) -> str:
    return f"{tag}/{index}" if count > 1 else tag


def _shape(array: np.ndarray) -> str:
    return f"[{','.join(map(str, array.shape))}]"
