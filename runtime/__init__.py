"""Runs compiled programs: loads machine code into the process and makes it callable."""

from .cpu import Executable, load, release_memory
from .native import NativeCallable

__all__ = ["Executable", "NativeCallable", "load", "release_memory"]
