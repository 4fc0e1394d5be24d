"""`tf.io`: base64, files, record files."""

from ..frontend.tf.files import (
    decode_base64,
    decode_raw,
    encode_base64,
    matching_files,
    read_file,
    write_file,
)
from ..frontend.tf.summaries.records import RecordWriter as TFRecordWriter
from ..io import gfile

__all__ = [
    "TFRecordWriter",
    "decode_base64",
    "decode_raw",
    "encode_base64",
    "gfile",
    "matching_files",
    "read_file",
    "write_file",
]
