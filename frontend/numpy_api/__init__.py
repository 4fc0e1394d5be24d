"""NumPy's functions on traced arrays, one module per family.

Layer: frontend. Each function has NumPy's name and signature and is registered in the table by
`implements`; importing this package fills the table.
"""

from . import compound, create, einsum, linear, logic, reduce, select, shape

from . import join  # isort: skip  uses the table that shape.py fills

__all__ = [
    "compound",
    "create",
    "einsum",
    "join",
    "linear",
    "logic",
    "reduce",
    "select",
    "shape",
]
