"""`tf.io`: base64 and files."""

from ..frontend.tf.files import (
    decode_base64,
    decode_raw,
    encode_base64,
    matching_files,
    read_file,
    write_file,
)
from ..io import gfile

__all__ = [
    "decode_base64",
    "decode_raw",
    "encode_base64",
    "gfile",
    "matching_files",
    "read_file",
    "write_file",
]
