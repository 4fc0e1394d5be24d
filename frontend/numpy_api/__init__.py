"""NumPy's functions on traced arrays, one module per family.

Layer: frontend. Each function has NumPy's name and signature and is registered in the table by
`implements`; importing this package fills the table.
"""

from . import (
    compound,
    create,
    edit,
    einsum,
    join,
    linear,
    logic,
    order,
    quantiles,
    reduce,
    select,
    shape,
    special,
    systems,
    tables,
    windows,
)

__all__ = [
    "compound",
    "create",
    "edit",
    "einsum",
    "join",
    "linear",
    "logic",
    "order",
    "quantiles",
    "reduce",
    "select",
    "shape",
    "special",
    "systems",
    "tables",
    "windows",
]
