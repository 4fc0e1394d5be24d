"""Transformations of computations: derivatives in both modes, and batching.

Layer: compiler, above ir and below ops: the drivers here know records (`OpDef.derivative`,
`OpDef.batch`), never ops.
"""
