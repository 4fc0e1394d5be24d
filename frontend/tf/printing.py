"""tf.print: values of tensors in TensorFlow's short form, eagerly and from compiled functions.

Layer: frontend. In a traced function the tensors become results of its program, and are printed
when it has run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import nest
from .tensors import STATE, Tensor

_STREAMS: dict[str, Callable[[], Any]] = {
    "stdout": lambda: sys.stdout,
    "stderr": lambda: sys.stderr,
    "tf.logging.info": lambda: sys.stderr,
    "tf.logging.warning": lambda: sys.stderr,
    "tf.logging.error": lambda: sys.stderr,
}


def print(*inputs: Any, **kwargs: Any) -> None:
    """Print tensors and objects on one line.

    Args:
        inputs: tensors, in any nesting, and anything else.
        kwargs: `output_stream` (sys.stderr, sys.stdout or "file://path"); `summarize`, how many
            elements to show at the start and end of each axis (3; -1 for all); `sep`, `end`,
            `name`.
    """
    stream = kwargs.pop("output_stream", sys.stderr)
    summarize = kwargs.pop("summarize", 3)
    sep, end = kwargs.pop("sep", " "), kwargs.pop("end", "\n")
    kwargs.pop("name", None)
    if kwargs:
        raise ValueError(f"Unrecognized keyword arguments for tf.print: {sorted(kwargs)}")
    write = _writer(stream)
    tensors = [
        x._read_tensor() if hasattr(x, "_read_tensor") else x
        for x in nest.flatten(list(inputs))
        if isinstance(x, Tensor) or hasattr(x, "_read_tensor")
    ]

    def effect(values: Sequence[Tensor]) -> None:
        texts = iter([text_of(np.asarray(v._value), summarize) for v in values])
        write(sep.join([_shown(x, texts) for x in inputs]) + end)

    if STATE.function is not None and any(t.is_symbolic for t in tensors):
        STATE.function.defer("tf.print", effect, tensors)
    else:
        effect(tensors)


def _writer(stream: Any) -> Callable[[str], None]:
    if isinstance(stream, str) and stream.startswith("file://"):

        def append(text: str) -> None:
            with open(stream.removeprefix("file://"), "a", encoding="utf-8") as file:
                file.write(text)

        return append
    if isinstance(stream, str):
        if stream not in _STREAMS:
            raise ValueError(f"Unsupported output stream, logging level, or file. {stream}")
        return lambda text: _STREAMS[stream]().write(text)
    return lambda text: stream.write(text)


class _Text:
    """A text that is shown as it is inside of containers."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _shown(x: Any, texts: Any) -> str:
    """One argument, with the texts of the tensors in it."""
    if isinstance(x, str):
        return x
    if not nest.is_nested(x):
        is_tensor = isinstance(x, Tensor) or hasattr(x, "_read_tensor")
        return next(texts) if is_tensor else repr(x)
    leaves = [
        _Text(next(texts)) if isinstance(leaf, Tensor) or hasattr(leaf, "_read_tensor") else leaf
        for leaf in nest.flatten(x)
    ]
    return repr(nest.pack_sequence_as(x, leaves))


# -- elements -------------------------------------------------------------------------------------


def text_of(array: np.ndarray, summarize: int | None = 3) -> str:
    """An array as tf.print shows it: `[[1 2] ...]`, long axes shortened.

    Args:
        array: any array.
        summarize: how many elements to show at both ends of an axis; -1 or None for all.
    """
    limit = -1 if summarize is None else summarize
    if not array.ndim:
        return _element(array[()])
    return _nested(array, limit, 1)


def _nested(array: np.ndarray, limit: int, depth: int) -> str:
    if array.ndim == 1:
        shown: Callable[[Any], str] = _element
        between = " "
    else:
        between = "\n" * (array.ndim - 1) + " " * depth

        def shown(x: Any) -> str:
            return _nested(x, limit, depth + 1)

    if limit < 0 or len(array) <= 2 * limit:
        parts = [shown(x) for x in array]
    else:
        parts = [*[shown(x) for x in array[:limit]], "...", *[shown(x) for x in array[-limit:]]]
    return f"[{between.join(parts)}]"


def _element(x: Any) -> str:
    if isinstance(x, bytes):
        return f'"{x.decode(errors="backslashreplace")}"'
    kind = np.asarray(x).dtype
    if kind.kind == "b":
        return str(int(x))
    if kind.kind != "f":
        return str(x)
    short, long = (15, 17) if kind.itemsize == 8 else (6, 9)
    text = f"{float(x):.{short}g}"
    return text if kind.type(text) == x or np.isnan(x) else f"{float(x):.{long}g}"
