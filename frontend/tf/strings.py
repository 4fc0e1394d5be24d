"""`tf.strings`: ops on tensors of bytes.

Layer: frontend; eager only. Strings are arrays of objects, each of class bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import dtypes
from .convert import convert_to_tensor
from .errors import InvalidArgumentError
from .static import value as static_value
from .tensors import Tensor

_SPACE = b" \t\n\v\f\r"


def values(x: Any, op: str) -> Any:
    """The array of bytes of a tensor of strings.

    Raises:
        InvalidArgumentError: the tensor has another dtype.
    """
    tensor = convert_to_tensor(x)
    if tensor.dtype is not dtypes.string:
        raise InvalidArgumentError(
            f"cannot compute {op} as input #0(zero-based) was expected to be a string tensor but"
            f" is a {tensor.dtype.kernel_name} tensor [Op:{op}] name: "
        )
    return np.asarray(static_value(tensor, f"strings.{op}"))


def tensor_of(found: np.ndarray) -> Tensor:
    """A tensor of strings."""
    return Tensor(found if found.ndim else np.asarray(found, object)[()], dtypes.string)


def mapped(function: Callable[..., bytes], *arrays: np.ndarray) -> Tensor:
    """A function of elements applied to arrays that are broadcast."""
    shaped = np.broadcast_arrays(*arrays)
    found = np.empty(shaped[0].shape, object)
    for index in np.ndindex(found.shape):
        found[index] = function(*[a[index] for a in shaped])
    return _strings(found)


def _strings(found: np.ndarray) -> Tensor:
    return convert_to_tensor(found if found.ndim else found[()])


def _decoded(text: bytes, encoding: str) -> str:
    return text.decode("utf-8", "replace") if encoding else text.decode("latin-1")


def _cased(name: str, change: Callable[[str], str], of_bytes: Callable[[bytes], bytes]) -> Any:
    def op(input: Any, encoding: str = "", name: str | None = None) -> Tensor:
        if encoding not in ("", "utf-8"):
            raise ValueError(f"encoding has to be '' or 'utf-8', got {encoding!r}")
        if not encoding:
            return mapped(of_bytes, values(input, op_name))
        return mapped(lambda s: change(s.decode()).encode(), values(input, op_name))

    op_name = name
    op.__doc__ = f"Strings in {name[6:].lower()} case."
    op.__name__ = op.__qualname__ = name[6:].lower()
    return op


lower = _cased("StringLower", str.lower, bytes.lower)
upper = _cased("StringUpper", str.upper, bytes.upper)


def length(input: Any, unit: str = "BYTE", name: str | None = None) -> Tensor:
    """The number of bytes, or of characters for unit="UTF8_CHAR"."""
    encoding = _encoding(unit)
    array = values(input, "StringLength")
    found = np.empty(array.shape, np.int32)
    for index in np.ndindex(array.shape):
        found[index] = len(_decoded(array[index], encoding))
    return convert_to_tensor(found)


def _encoding(unit: str) -> str:
    if unit not in ("BYTE", "UTF8_CHAR"):
        raise ValueError(f"unit has to be 'BYTE' or 'UTF8_CHAR', got {unit!r}")
    return "utf-8" if unit == "UTF8_CHAR" else ""


def join(inputs: Sequence[Any], separator: str = "", name: str | None = None) -> Tensor:
    """Strings at the same places joined; scalars are repeated."""
    arrays = [values(x, "StringJoin") for x in inputs]
    shapes = {a.shape for a in arrays if a.ndim}
    if len(shapes) > 1:
        raise InvalidArgumentError(
            "Input shapes do not match: "
            f"{' vs. '.join(str(list(s)) for s in sorted(shapes))} [Op:StringJoin] name: "
        )
    between = separator.encode() if isinstance(separator, str) else separator
    return mapped(lambda *parts: between.join(parts), *arrays)


def reduce_join(
    inputs: Any,
    axis: Any = None,
    keepdims: bool = False,
    separator: str = "",
    name: str | None = None,
) -> Tensor:
    """All strings along one axis (or all axes) joined."""
    array = values(inputs, "ReduceJoin")
    between = separator.encode()
    if axis is None:
        found = np.empty((1,) * array.ndim if keepdims else (), object)
        found[...] = between.join(array.ravel().tolist())
        return _strings(found)
    moved = np.moveaxis(array, int(axis), -1)
    joined = np.empty(moved.shape[:-1], object)
    for index in np.ndindex(joined.shape):
        joined[index] = between.join(moved[index].tolist())
    return _strings(np.expand_dims(joined, int(axis)) if keepdims else joined)


def split(input: Any, sep: Any = None, maxsplit: int = -1, name: str | None = None) -> Tensor:
    """The parts of one string; of a vector if all have equally many parts.

    Args:
        input: a string, or a vector of them.
        sep: what stands between the parts; white space by default.
        maxsplit: at most so many cuts; -1 for all.
        name: for TensorFlow's signature.

    Raises:
        NotImplementedError: the result would be a ragged tensor.
    """
    array = values(input, "StringSplit")
    between = None if sep in (None, "", b"") else (sep.encode() if isinstance(sep, str) else sep)
    rows = [s.split(between, maxsplit) for s in array.ravel()]
    if len({len(r) for r in rows}) > 1:
        raise NotImplementedError(
            "tf.strings.split gives a ragged tensor where the strings have different numbers of"
            " parts, and there are no ragged tensors: split the strings one by one"
        )
    found = np.empty((*array.shape, len(rows[0]) if rows else 0), object)
    flat = found.reshape(len(rows), -1)
    for k, row in enumerate(rows):
        flat[k, :] = row
    return tensor_of(found)


def strip(input: Any, name: str | None = None) -> Tensor:
    """Strings without white space at both ends."""
    return mapped(lambda s: s.strip(_SPACE), values(input, "StringStrip"))


def substr(input: Any, pos: Any, len: Any, unit: str = "BYTE", name: str | None = None) -> Tensor:
    """Parts of strings.

    Args:
        input: strings.
        pos: where each part starts; counted from the end if negative.
        len: how long each part is at most.
        unit: "BYTE" or "UTF8_CHAR", what is counted.
        name: for TensorFlow's signature.

    Raises:
        InvalidArgumentError: a part would start outside of its string.
    """
    encoding = _encoding(unit)

    def part(text: bytes, start: int, count: int) -> bytes:
        whole = _decoded(text, encoding)
        size = whole.__len__()
        if not -size <= start <= size:
            raise InvalidArgumentError(
                f"pos {start} out of range for string {text!r} [Op:Substr] name: "
            )
        first = start if start >= 0 else size + start
        return whole[first : first + count].encode(encoding or "latin-1")

    starts = static_value(pos, "strings.substr")
    return mapped(part, values(input, "Substr"), starts, static_value(len, "strings.substr"))


def regex_replace(
    input: Any, pattern: Any, rewrite: Any, replace_global: bool = True, name: str | None = None
) -> Tensor:
    r"""Matches of a regular expression replaced; `\1` in the rewrite is the first group."""
    expression = re.compile(_text(pattern))
    new = re.sub(rb"\\0", rb"\\g<0>", _text(rewrite))
    count = 0 if replace_global else 1
    return mapped(lambda s: expression.sub(new, s, count), values(input, "RegexReplace"))


def regex_full_match(input: Any, pattern: Any, name: str | None = None) -> Tensor:
    """Whether whole strings match a regular expression."""
    expression = re.compile(_text(pattern))
    array = values(input, "RegexFullMatch")
    found = np.empty(array.shape, np.bool_)
    for index in np.ndindex(array.shape):
        found[index] = expression.fullmatch(array[index]) is not None
    return convert_to_tensor(found)


def _text(x: Any) -> bytes:
    found = values(x, "RegexReplace")[()]
    return bytes(found)


def to_number(input: Any, out_type: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """The numbers that strings spell.

    Raises:
        InvalidArgumentError: a string spells none.
    """
    wanted = dtypes.as_dtype(out_type)
    array = values(input, "StringToNumber")
    read = float if wanted.is_floating else int
    found = np.empty(array.shape, wanted.numpy)
    for index in np.ndindex(array.shape):
        try:
            found[index] = read(array[index])
        except (ValueError, OverflowError):
            raise InvalidArgumentError(
                "StringToNumberOp could not correctly convert string: "
                f"{_decoded(array[index], 'utf-8')} [Op:StringToNumber] name: "
            ) from None
    return convert_to_tensor(found)


def as_string(
    input: Any,
    precision: int = -1,
    scientific: bool = False,
    shortest: bool = False,
    width: int = -1,
    fill: str = "",
    name: str | None = None,
) -> Tensor:
    """Numbers and truth values as strings.

    Args:
        input: what is written.
        precision: digits after the point, of floats.
        scientific: whether floats are written with an exponent.
        shortest: whether floats are written in the shorter of the two ways.
        width: at least so many characters.
        fill: what a wider field is filled with: "" for spaces, "0" or "-" (to the right).
        name: for TensorFlow's signature.
    """
    tensor = convert_to_tensor(input)
    if tensor.dtype is dtypes.string:
        return tensor
    if scientific and shortest:
        raise ValueError("Cannot select both scientific and shortest notation")
    kind = tensor.dtype.numpy.kind
    letter = ("e" if scientific else "g" if shortest else "f") if kind == "f" else "d"
    size = "" if width < 0 else str(width)
    digits = f".{precision}" if precision >= 0 and kind == "f" else ""
    form = f"%{fill}{size}{digits}{letter}"

    def written(x: Any) -> bytes:
        if kind == "b":
            return b"true" if x else b"false"
        return (form % x.item()).encode()

    array = np.asarray(static_value(tensor, "strings.as_string"))
    found = np.empty(array.shape, object)
    for index in np.ndindex(array.shape):
        found[index] = written(array[index])
    return _strings(found)


def format(
    template: str, inputs: Any, placeholder: str = "{}", summarize: int = 3, name: str | None = None
) -> Tensor:
    """A text with tensors in the places of the placeholders.

    Raises:
        ValueError: there are not as many tensors as placeholders.
    """
    given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    parts = template.split(placeholder)
    if len(parts) != len(given) + 1:
        raise ValueError(
            f"The template expects {len(parts) - 1} tensors, but the inputs only has {len(given)}."
            " Please ensure the number of placeholders in template matches inputs length."
        )
    text = parts[0]
    for x, rest in zip(given, parts[1:], strict=True):
        text += summary(convert_to_tensor(x), summarize) + rest
    return convert_to_tensor(text)


def summary(tensor: Tensor, summarize: int = 3) -> str:
    """The elements of a tensor in brackets; of long axes only the first and last `summarize`."""
    array: Any = np.asarray(static_value(tensor, "strings.format"))
    if array.dtype == object and array.ndim == 0:
        return f'"{_decoded(array[()], "utf-8")}"'
    if array.dtype == object:
        array = np.vectorize(lambda s: f'"{_decoded(s, "utf-8")}"', otypes=[object])(array)
    count = max(array.shape, default=0) if summarize < 0 else summarize
    return _nested(array, count, 0)


def _nested(array: np.ndarray, summarize: int, depth: int) -> str:
    if array.ndim == 0:
        x = array[()]
        return f"{x:.9g}" if array.dtype.kind == "f" else str(x)
    rows = [_nested(array[k, ...], summarize, depth + 1) for k in _shown(len(array), summarize)]
    if len(array) > 2 * summarize:
        rows.insert(summarize, "...")
    between = " " if array.ndim == 1 else "\n" * (array.ndim - 1) + " " * (depth + 1)
    return f"[{between.join(rows)}]"


def _shown(size: int, summarize: int) -> Sequence[int]:
    if size <= 2 * summarize:
        return range(size)
    return [*range(summarize), *range(size - summarize, size)]


def bytes_split(input: Any, name: str | None = None) -> Tensor:
    """The bytes of a string, each as a string."""
    array = values(input, "StringBytesSplit")
    if array.ndim:
        raise NotImplementedError(
            "tf.strings.bytes_split of several strings gives a ragged tensor, and there are no"
            " ragged tensors: split the strings one by one"
        )
    return convert_to_tensor([bytes([b]) for b in array[()]])


__all__ = [
    "as_string", "bytes_split", "format", "join", "length", "lower", "reduce_join",
    "regex_full_match", "regex_replace", "split", "strip", "substr", "to_number", "upper",
]  # fmt: skip
