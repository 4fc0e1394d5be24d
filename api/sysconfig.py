"""`tf.sysconfig`: how the package is built."""

from .frontend.tf.devices import (
    get_build_info,
    get_compile_flags,
    get_include,
    get_lib,
    get_link_flags,
)

__all__ = [
    "get_build_info",
    "get_compile_flags",
    "get_include",
    "get_lib",
    "get_link_flags",
]
