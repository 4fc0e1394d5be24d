"""Runs compiled programs: loads machine code into the process and makes it callable."""

from .cpu import Executable, load, release_memory
from .native import NativeCallable
from .threads import get_num_threads, set_num_threads

__all__ = [
    "Executable",
    "NativeCallable",
    "get_num_threads",
    "load",
    "release_memory",
    "set_num_threads",
]
