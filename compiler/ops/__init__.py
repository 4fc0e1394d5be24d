"""The operations, one module per family; importing this package loads and closes the registry.

Layer: compiler/ops, imports compiler/ir. To add an op, write its stanza in a family's module; a
new family is imported here.
"""

from ..ir.opdef import REGISTRY
from . import (
    arithmetic,
    assemble,
    bitwise,
    checks,
    compare,
    contract,
    control,
    convolve,
    division,
    floatbits,
    gather,
    integer_power,
    integers,
    largest,
    markers,
    matrices,
    power,
    random,
    reduce,
    rejection,
    rounding,
    select,
    shape,
    sort,
    source,
    transcendental,
)

__all__ = [
    "arithmetic",
    "assemble",
    "bitwise",
    "checks",
    "compare",
    "contract",
    "control",
    "convolve",
    "division",
    "floatbits",
    "gather",
    "integer_power",
    "integers",
    "largest",
    "markers",
    "matrices",
    "power",
    "random",
    "reduce",
    "rejection",
    "rounding",
    "select",
    "shape",
    "sort",
    "source",
    "transcendental",
]

REGISTRY.close()
