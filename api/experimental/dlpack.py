"""tf.experimental.dlpack: tensors shared with other libraries."""

from ..frontend.tf.sharing import from_dlpack, to_dlpack

__all__ = ["from_dlpack", "to_dlpack"]
