"""The TensorFlow dialect: tensors, variables, functions and tapes with TensorFlow's names.

Layer: frontend, above the NumPy dialect. An op is a function on arrays, written with NumPy; applied
to concrete arrays it runs at once, applied to traced ones it becomes part of a graph. The public
namespaces are in api/, which loads this package when they are first used. The modules imported here
fill the table of the operators of tensors.
"""

from . import arrays, elementwise, indexing, linalg, shaping

__all__ = ["arrays", "elementwise", "indexing", "linalg", "shaping"]
