"""Memory layouts that native code and the runtime agree on: offsets in bytes.

Layer: compiler, imports nothing of ours. Three kinds of facts: the fields of CPython and NumPy
objects that native code touches directly (everything else goes through API functions); the fields
of our own callables; and the record that describes a loaded program.

The first hold for 64-bit builds with a GIL, CPython 3.11 and NumPy 2 or later. `runtime/host.py`
compares each one with live objects before the first program is loaded.
"""

from __future__ import annotations

# -- CPython and NumPy ------------------------------------------------------------------------

OBJECT_TYPE = 8  # PyObject.ob_type
SCALAR_VALUE = 16  # the value of a float and of every fixed-size NumPy scalar

CONTAINER_SIZE = 16  # the number of items of a tuple, a list or a dict
TUPLE_ITEMS = tuple.__basicsize__  # the items themselves; 24, since CPython 3.14 it is 32
LIST_ITEMS = 24  # a pointer to the items

# PyArrayObject
ARRAY_DATA = 16
ARRAY_NDIM = 24
ARRAY_DIMS = 32
ARRAY_DESCR = 56
ARRAY_FLAGS = 64
ARRAY_HANDLER = 88  # the capsule whose functions free the data (NEP 49)

ARRAY_FLAG_C_CONTIGUOUS = 0x001
ARRAY_FLAG_OWNDATA = 0x004
ARRAY_FLAG_ALIGNED = 0x100
ARRAY_FLAG_WRITEABLE = 0x400

# PyDataMem_Handler, the content of a handler capsule
HANDLER_CONTEXT = 128
HANDLER_MALLOC = 136
HANDLER_FREE = 160

VECTORCALL_COUNT_MASK = (1 << 63) - 1  # all but PY_VECTORCALL_ARGUMENTS_OFFSET

# -- instances of runtime.native.NativeCallable ------------------------------------------------

CALLABLE_VECTORCALL = 16  # CPython's vectorcall pointer
CALLABLE_RECORDS = 24  # pointer to an array of record addresses that ends with null
CALLABLE_EXECUTABLES = 32  # a Python object that keeps the records alive
CALLABLE_SIZE = 40

# -- the record of a loaded program: 64-bit words ----------------------------------------------

RECORD_ARITY = 0  # number of positional arguments
RECORD_CALL = 8  # ptr (ptr record, ptr args): see codegen/llvm/call.py
RECORD_CONSTANTS = 16  # pointer to the data pointers of the constants
RECORD_ARENA = 24  # pointer to an idle scratch block, or null
RECORD_KEYS = 32  # pointer to the keys of dicts: strings
RECORD_PROGRAM = 40  # from here on a copy of the program's global @tw.program:
RECORD_RUN = 40  # i64 (ptr in, ptr out, ptr arena, ptr constants, ptr sizes)
RECORD_COST = 48  # i64 (ptr sizes)
RECORD_ARENA_BYTES = 56  # i64 (ptr sizes), or null: RECORD_ARENA_STATIC says it
RECORD_DERIVE = 64  # i1 (ptr sizes), or null: no derived sizes, no guards
RECORD_ARENA_STATIC = 72
RECORD_SIZE = 80
