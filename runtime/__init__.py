"""Runs compiled programs: loads machine code into the process and makes it callable."""

from .cpu import Executable, load
from .native import NativeCallable

__all__ = ["Executable", "NativeCallable", "load"]
