"""tf.experimental.numpy: NumPy's functions, which take and give tensors."""

from ..frontend.tf.numpy_like import NUMPY

globals().update(NUMPY)

__all__ = sorted(NUMPY)  # noqa: PLE0605  (names, of a table)
