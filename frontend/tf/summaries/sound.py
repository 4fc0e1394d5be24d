"""Sounds as WAV files.

Layer: frontend. 16 bits per sample, uncompressed.
"""

from __future__ import annotations

import struct

import numpy as np

_LEVELS = 1 << 15


def encode_wav(sound: np.ndarray, sample_rate: int) -> bytes:
    """The file of a sound: floats [frames, channels] from -1 to 1; larger ones are cut off."""
    frames, channels = sound.shape
    exact = sound.astype(np.float64) * _LEVELS
    rounded = np.trunc(exact + np.copysign(0.5, exact))  # halves away from 0
    data = np.clip(rounded, -_LEVELS, _LEVELS - 1).astype("<i2").tobytes()
    width = 2 * channels  # bytes of a frame
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, sample_rate, sample_rate * width,
                       width, 16)  # fmt: skip
    body = b"WAVE" + head + struct.pack("<4sI", b"data", frames * width) + data
    return struct.pack("<4sI", b"RIFF", len(body)) + body
