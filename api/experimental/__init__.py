"""tf.experimental: NumPy's functions on tensors, and DLPack."""

from . import dlpack, numpy

__all__ = ["dlpack", "numpy"]
