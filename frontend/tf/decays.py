"""Formulas of learning rates that fall with the number of the step.

Layer: frontend. They take the step, of any dtype, and numbers as arrays of shape () of one dtype,
in which they compute. `tf.keras.optimizers.schedules` and TensorFlow 1's `tf.train` share them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def exponential(step: Any, start: Any, steps: Any, rate: Any, *, stairs: bool) -> Any:
    """start * rate ** (step / steps); with stairs, whole quotients."""
    p = step.astype(start.dtype) / steps
    return start * np.power(rate, np.floor(p) if stairs else p)


def natural(step: Any, start: Any, steps: Any, rate: Any, *, stairs: bool) -> Any:
    """start * e ** (-rate * step / steps)."""
    p = step.astype(start.dtype) / steps
    return start * np.exp(-rate * (np.floor(p) if stairs else p))


def inverse(step: Any, start: Any, steps: Any, rate: Any, *, stairs: bool) -> Any:
    """start / (1 + rate * step / steps)."""
    p = step.astype(start.dtype) / steps
    return start / (1 + rate * (np.floor(p) if stairs else p))


def piecewise(step: Any, *numbers: Any, count: int) -> Any:
    """Of the values behind the first `count` numbers, the first whose bound the step respects."""
    values = numbers[count:]
    found = np.zeros_like(step, dtype=values[0].dtype) + values[0]
    for bound, value in zip(numbers[:count], values[1:], strict=True):
        found = np.where(step > bound, value, found)
    return found


def polynomial(step: Any, start: Any, steps: Any, end: Any, power: Any, *, cycle: bool) -> Any:
    """From start to end by (1 - step / steps) ** power; with cycle, again and again."""
    done, total = step.astype(start.dtype), steps
    if cycle:
        total = total * np.maximum(np.ceil(done / total), start.dtype.type(1))
    else:
        done = np.minimum(done, total)
    return (start - end) * np.power(1 - done / total, power) + end


def _wave(part: Any) -> Any:
    """Half a cosine wave, from 1 at 0 to 0 at 1."""
    of = part.dtype.type
    return of(0.5) * (1 + np.cos(of(math.pi) * part))


def cosine(step: Any, start: Any, steps: Any, alpha: Any) -> Any:
    """Half a wave from start to alpha * start (Loshchilov and Hutter, "SGDR", 2016)."""
    done = np.minimum(step.astype(start.dtype), steps)
    return start * ((1 - alpha) * _wave(done / steps) + alpha)


def warm_cosine(step: Any, start: Any, steps: Any, alpha: Any, target: Any, warmup: Any) -> Any:
    """The same from `target`, after rising to it from `start` for `warmup` steps."""
    done = step.astype(start.dtype)
    falling = cosine(done - warmup, target, steps, alpha)
    rising = (target - start) * (done / np.maximum(warmup, start.dtype.type(1))) + start
    return np.where(done < warmup, rising, falling)


def restarts(
    step: Any, start: Any, steps: Any, longer: Any, lower: Any, alpha: Any, *, is_even: bool
) -> Any:
    """Waves one after the other, each `longer` and `lower` by a factor than the one before.

    `is_even` says that they are of the same length: the factor is 1.
    """
    part = step.astype(start.dtype) / steps
    if is_even:
        number = np.floor(part)
        part = part - number
    else:
        number = np.floor(np.log(1 - part * (1 - longer)) / np.log(longer))
        before = (1 - np.power(longer, number)) / (1 - longer)
        part = (part - before) / np.power(longer, number)
    return start * ((1 - alpha) * np.power(lower, number) * _wave(part) + alpha)


def linear_cosine(step: Any, start: Any, steps: Any, periods: Any, alpha: Any, beta: Any) -> Any:
    """(alpha + linear) * cosine + beta (Bello et al., "Neural optimizer search", 2017)."""
    of = start.dtype.type
    done = np.minimum(step.astype(start.dtype), steps)
    linear = (steps - done) / steps
    wave = of(0.5) * (1 + np.cos(of(2 * math.pi) * periods * (done / steps)))
    return start * ((alpha + linear) * wave + beta)
