"""The operations, one module per family; importing this package loads and closes the registry.

Layer: compiler/ops, imports compiler/ir. To add an op, write its stanza in a family's module; a
new family is imported here.
"""

from ..ir.opdef import REGISTRY
from . import assemble, contract, gather, reduce, shape, source

__all__ = ["assemble", "contract", "gather", "reduce", "shape", "source"]

REGISTRY.close()
