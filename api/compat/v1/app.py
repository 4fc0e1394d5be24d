"""`tf.app`: how programs start, and their options."""

from ...frontend.tf.v1.app import run
from . import flags

__all__ = ["flags", "run"]
