"""The errors for Python code that asks a traced array for its elements.

Layer: frontend. Each says which value was asked for, where, and what to write instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..compiler.errors import TraceError
from .location import user_location

if TYPE_CHECKING:
    from .tracer import Tracer

_STATIC = "or pass it as a Python value: tw.jit(static_argnames=({name!r},))"

# what was asked for -> (what is wrong, what to write instead)
_ADVICE = {
    "bool": (
        "the truth value of a traced array is only known when the compiled function runs",
        "for `if`, write np.where(condition, a, b) or tw.cond(condition, f, g); for `while`, write"
        " tw.while_loop; for `and`, `or`, `not` write &, |, ~; for min and max write np.minimum and"
        " np.maximum",
    ),
    "int": (
        "int() needs the value of a traced array, which is only known when the compiled"
        " function runs",
        "to convert the elements, write x.astype(np.int64)",
    ),
    "float": (
        "a Python float is needed here, but the value of a traced array is only known when the"
        " compiled function runs",
        "for math.exp and the like, write np.exp; to convert elements, write"
        " x.astype(np.float64); to assign to an element of an array, create that array inside of"
        " the function with np.zeros(...)",
    ),
    "complex": (
        "complex() needs the value of a traced array, which is only known when the compiled"
        " function runs",
        "complex numbers are not supported",
    ),
    "index": (
        "an integer is needed here (for a size, an axis, a slice or range()), but the value of a"
        " traced array is only known when the compiled function runs",
        "for a slice of fixed length, write np.take(x, start + np.arange(length)); for a loop over"
        " range(), write tw.fori_loop",
    ),
    "array": (
        "a concrete array is needed here, but the elements of a traced array are only known when"
        " the compiled function runs",
        "to assign to parts of an array, create that array inside of the function with"
        " np.zeros(...) or np.zeros_like(x), written with the prefix np.; to convert elements,"
        " write x.astype(dtype)",
    ),
    "item": (
        "item() needs the value of a traced array, which is only known when the compiled"
        " function runs",
        "leave it an array of shape (): NumPy computes with those as with numbers",
    ),
    "tolist": (
        "tolist() needs the elements of a traced array, which are only known when the compiled"
        " function runs",
        "compute with the array itself, or convert the result outside of the function",
    ),
    "format": (
        "a number format needs the value of a traced array, which is only known when the compiled"
        " function runs",
        "print the result outside of the function",
    ),
}


def no_value(tracer: Tracer, wanted: str) -> TraceError:
    """The error for `wanted` (a key of the table above) asked of `tracer`."""
    what, hint = _ADVICE[wanted]
    name = tracer._base._name
    is_argument = name.isidentifier() and not tracer._base._scope.kind
    if is_argument and wanted in ("bool", "int", "float", "index"):
        hint = f"{hint}; {_STATIC.format(name=name)}"
    return TraceError(what, got=tracer._describe(), loc=user_location(), hint=hint)
