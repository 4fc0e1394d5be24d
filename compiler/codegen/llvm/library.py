"""The library: functions that are the same for all programs, because what differs are arguments.

Layer: compiler/codegen/llvm. Programs declare the functions that they use (`ModuleWriter.shared`).
The runtime has those compiled that it has not loaded yet, once per process: LLVM would take as long
for them as for all of a small network's own kernels. What a function needs to know beside its
arguments is in its name::

    @tw.lib.tile.f32.16.14.2.runs      a dtype, the lanes of a vector, and more
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable

from ...errors import InternalError
from ...ir.types import DType
from .convolve_band import band_function, lines_function
from .convolve_filter import filter_part
from .convolve_outputs import outputs_part
from .copies import copy_row, copy_rows
from .sorting import argsort_pairs_part, argsort_part, sort_part
from .tiles import Left, Tile, micro_kernel
from .transposing import turn_block
from .writer import ModuleWriter

_DTYPES = {dtype.text: dtype for dtype in DType}
_NAME = re.compile(rf"tw\.lib\.(\w+)\.({'|'.join(_DTYPES)})\.(\d+)((?:\.\w+)*)")
_FUNCTIONS: dict[str, Callable[[ModuleWriter, DType, int], str]] = {
    "argsort": argsort_part,
    "argsort_pairs": argsort_pairs_part,
    "band": band_function,
    "convolve": outputs_part,
    "convolve_filter": filter_part,
    "copy": copy_row,
    "copy_rows": copy_rows,
    "lines": lines_function,
    "sort": sort_part,
    "turn": turn_block,
}


def library_module(names: Iterable[str], loaded: Container[str]) -> ModuleWriter:
    """A module with the functions of these names (with @), and those that they call.

    Of what is loaded already there are only declarations.
    """
    module = ModuleWriter(loaded)
    for name in names:
        found = _NAME.fullmatch(name[1:])
        if found is None or found[1] not in {*_FUNCTIONS, "tile"}:
            raise InternalError(f"the library has no {name}")
        kind, text, lanes, rest = found.groups()
        dtype = _DTYPES[text]
        if kind == "tile":
            _, rows, vectors, left, *apart = rest.split(".")
            sizes = (int(rows), int(vectors), int(lanes))
            micro_kernel(module, Tile(dtype, *sizes, not apart, Left(left)))
        else:
            _FUNCTIONS[kind](module, dtype, int(lanes))
    return module
