"""Convolution and pooling as loops over places, in plain NumPy: what fast forms have to equal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

Pads = Sequence[tuple[int, int]]


def same_pads(sizes: Sequence[int], window: Sequence[int], strides: Any, dilation: Any) -> Pads:
    """TensorFlow's padding "SAME"."""
    found = []
    for n, k, s, d in zip(sizes, window, strides, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        found.append((total // 2, total - total // 2))
    return found


def places(
    x: np.ndarray, window: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """Every place of the window in an array that is padded already, and what it sees there."""
    counts = [
        (n - (k - 1) * d - 1) // s + 1
        for n, k, s, d in zip(x.shape[1:-1], window, strides, dilation, strict=True)
    ]
    for place in np.ndindex(*counts):
        seen = tuple(
            slice(i * s, i * s + (k - 1) * d + 1, d)
            for i, k, s, d in zip(place, window, strides, dilation, strict=True)
        )
        yield place, (slice(None), *seen)


def _padded(x: np.ndarray, pads: Pads, fill: float = 0.0) -> np.ndarray:
    return np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=fill)


def _result(found: dict[tuple[int, ...], np.ndarray]) -> np.ndarray:
    """[batch, *places, channels] from [batch, channels] at each place."""
    counts = [max(axis) + 1 for axis in zip(*found, strict=True)]
    (batch, channels) = next(iter(found.values())).shape
    result = np.zeros((batch, *counts, channels))
    for place, value in found.items():
        result[(slice(None), *place)] = value
    return result


def convolved(
    x: np.ndarray,
    w: np.ndarray,
    strides: Sequence[int],
    pads: Pads,
    dilation: Sequence[int],
    groups: int = 1,
) -> np.ndarray:
    """Cross-correlation, one output after the other."""
    channels, outputs = w.shape[-2:]
    each = outputs // groups
    found = {}
    wide = _padded(x.astype(float), pads)
    for place, seen in places(wide, w.shape[:-2], strides, dilation):
        value = np.zeros((x.shape[0], outputs))
        for n in range(outputs):
            first = n // each * channels
            part = wide[seen][..., first : first + channels]
            value[:, n] = np.sum(part * w[..., n], axis=tuple(range(1, part.ndim)))
        found[place] = value
    return _result(found)


def transposed(
    y: np.ndarray,
    w: np.ndarray,
    sizes: Sequence[int],
    strides: Sequence[int],
    pads: Pads,
    dilation: Sequence[int],
) -> np.ndarray:
    """The transpose of `convolved`, place by place: y's elements go to what the window sees."""
    wide = _padded(np.zeros((y.shape[0], *sizes, w.shape[-2])), pads)
    for place, seen in places(wide, w.shape[:-2], strides, dilation):
        ct = y[(slice(None), *place)]
        wide[seen] += np.einsum("bn,...cn->b...c", ct, w)
    inside = tuple(slice(low, low + n) for (low, _), n in zip(pads, sizes, strict=True))
    return wide[(slice(None), *inside)]


def largest(x: np.ndarray, window: Any, strides: Any, pads: Pads) -> np.ndarray:
    """Max pooling."""
    wide = _padded(x, pads, -np.inf)
    ones = (1,) * len(window)
    axes = tuple(range(1, x.ndim - 1))
    return _result({p: wide[s].max(axis=axes) for p, s in places(wide, window, strides, ones)})


def largest_gradient(
    x: np.ndarray, ct: np.ndarray, window: Any, strides: Any, pads: Pads
) -> np.ndarray:
    """What max pooling gives back: to the first of equal elements, row by row."""
    wide = _padded(x, pads, -np.inf)
    found = np.zeros_like(wide)
    for place, seen in places(wide, window, strides, (1,) * len(window)):
        part = wide[seen].reshape((x.shape[0], -1, x.shape[-1]))
        chosen = np.argmax(part, axis=1)[:, None] == np.arange(part.shape[1])[:, None]
        value = chosen * ct[(slice(None), *place)][:, None]
        found[seen] += value.reshape(found[seen].shape)
    inside = tuple(slice(low, low + n) for (low, _), n in zip(pads, x.shape[1:-1], strict=True))
    return found[(slice(None), *inside)]


def mean(x: np.ndarray, window: Any, strides: Any, pads: Pads) -> np.ndarray:
    """Average pooling of the elements that are no padding."""
    wide = _padded(x, pads, np.nan)
    ones = (1,) * len(window)
    axes = tuple(range(1, x.ndim - 1))
    return _result(
        {p: np.nanmean(wide[s], axis=axes) for p, s in places(wide, window, strides, ones)}
    )
