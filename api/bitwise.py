"""tf.bitwise: ops on the bits of integers."""

from .frontend.tf.deferred import wrap as _wrap
from .frontend.tf.elementwise import (
    bitwise_and,
    bitwise_or,
    bitwise_xor,
    invert,
    left_shift,
    right_shift,
)

__all__ = [
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "invert",
    "left_shift",
    "right_shift",
]

_wrap(globals(), __all__)
