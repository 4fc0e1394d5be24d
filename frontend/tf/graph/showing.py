"""Arrays as `tf.Print` and `tf.Assert` show them: `[1 2 3...]`, `[[1 2][3...]...]`.

Layer: frontend.
"""

from __future__ import annotations

import numpy as np


def summary(array: np.ndarray, limit: int) -> str:
    """The first elements of an array, at most `limit` in all; a negative one stands for all."""
    return _Summary(array, array.size if limit < 0 else limit).text()


class _Summary:
    """An array that is being written."""

    def __init__(self, array: np.ndarray, limit: int) -> None:
        self._array, self._limit = array, limit
        self._count = 0
        self._parts: list[str] = []

    def text(self) -> str:
        if self._array.ndim:
            self._write(self._array, 0)
            if self._count < self._array.size:
                self._parts.append("...")
        else:
            self._parts.append(element(self._array[()]))
        return "".join(self._parts)

    def _write(self, part: np.ndarray, depth: int) -> None:
        if self._count >= self._limit:
            return
        if part.ndim == 1:
            rest = part[: self._limit - self._count]
            self._parts.append(" ".join(map(element, rest)))
            self._count += len(rest)
            if len(rest) < len(part) and depth:
                self._parts.append("...")
            return
        for x in part:
            if self._count >= self._limit:
                return
            self._parts.append("[")
            self._write(x, depth + 1)
            self._parts.append("]")


def element(x: object) -> str:
    """One element: numbers with six digits, truth values as 1 and 0, strings as they are."""
    if isinstance(x, bytes):
        return x.decode(errors="replace")
    if isinstance(x, np.bool):
        return str(int(x))
    return f"{x:g}" if isinstance(x, np.floating) else str(x)
