"""Where CPython, NumPy and our callables keep what native code reads: offsets in bytes.

Layer: compiler, imports nothing of ours. Generated code reads these fields directly; everything
else goes through API functions. `runtime/host.py` compares each one with live objects before the
first program is loaded. The values hold for 64-bit builds with a GIL (CPython 3.11 and later,
NumPy 2 and later).
"""

from __future__ import annotations

OBJECT_TYPE = 8  # PyObject.ob_type

# PyFloatObject.ob_fval, and obval of every fixed-size NumPy scalar
SCALAR_VALUE = 16

# PyArrayObject
ARRAY_DATA = 16
ARRAY_NDIM = 24
ARRAY_DIMS = 32
ARRAY_DESCR = 56
ARRAY_FLAGS = 64

# PyArrayObject.flags: the ones that an argument must have
FLAG_C_CONTIGUOUS = 0x001
FLAG_ALIGNED = 0x100

# the instances of runtime.native.NativeCallable
CALLABLE_VECTORCALL = 16
CALLABLE_EXECUTABLES = 24
CALLABLE_SIZE = 32

# The top bit of vectorcall's nargsf: PY_VECTORCALL_ARGUMENTS_OFFSET
VECTORCALL_COUNT_MASK = (1 << 63) - 1
