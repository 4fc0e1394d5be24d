"""Memory layouts that native code and the runtime agree on: offsets in bytes, codes, records.

Layer: compiler, imports nothing of ours. Three kinds of facts: the fields of CPython and NumPy
objects that native code reads directly (everything else goes through API functions); the fields of
our own callables; and the records that describe a loaded program to the native entry.

The first hold for 64-bit builds with a GIL, CPython 3.11 and NumPy 2 or later. `runtime/host.py`
compares each one with live objects before the first program is loaded.
"""

from __future__ import annotations

# -- CPython and NumPy ------------------------------------------------------------------------

OBJECT_TYPE = 8  # PyObject.ob_type
SCALAR_VALUE = 16  # the value of a float and of every fixed-size NumPy scalar

# PyArrayObject
ARRAY_DATA = 16
ARRAY_NDIM = 24
ARRAY_DIMS = 32
ARRAY_DESCR = 56
ARRAY_FLAGS = 64
ARRAY_FLAG_C_CONTIGUOUS = 0x001
ARRAY_FLAG_ALIGNED = 0x100

MAX_RANK = 64  # NPY_MAXDIMS
VECTORCALL_COUNT_MASK = (1 << 63) - 1  # all but PY_VECTORCALL_ARGUMENTS_OFFSET

# -- instances of runtime.native.NativeCallable ------------------------------------------------

CALLABLE_VECTORCALL = 16  # CPython's vectorcall pointer
CALLABLE_RECORDS = 24  # pointer to an array of program records that ends with null
CALLABLE_EXECUTABLES = 32  # a Python object that keeps the records alive
CALLABLE_SIZE = 40

# -- the record of a loaded program: 64-bit words, here by their offsets ------------------------

RECORD_INPUT_COUNT = 0
RECORD_OUTPUT_COUNT = 8
RECORD_SIZE_COUNT = 16  # words of `sizes`: the size names, then the derived sizes
RECORD_STACK_WORDS = 24  # words that a call needs on the stack: see `stack_words`
RECORD_INPUTS = 32  # pointer to the words that describe the inputs
RECORD_OUTPUTS = 40  # pointer to the words that describe the outputs
RECORD_IS_TUPLE = 48  # 1: outputs are packed into a tuple, 0: there is just one
RECORD_CONSTANTS = 56  # pointer to the data pointers of the constants
RECORD_ARENA = 64  # pointer to an idle scratch block, or null
# from here on a copy of the program's global @tw.program
RECORD_PROGRAM = 72
RECORD_RUN = 72  # i64 (ptr in, ptr out, ptr arena, ptr constants, ptr sizes)
RECORD_COST = 80  # i64 (ptr sizes)
RECORD_ARENA_BYTES = 88  # i64 (ptr sizes), or null if RECORD_ARENA_STATIC says it
RECORD_DERIVE = 96  # i1 (ptr sizes), or null if there is nothing to derive and no guard
RECORD_ARENA_STATIC = 104
RECORD_WORDS = 14

# Words of an input: kind, type object; for an ARRAY then descriptor, rank, one code per dimension.
# Words of an output: descriptor, rank, one code per dimension.
# A dimension's code is the size itself, or ~k for the k-th word of `sizes`.
INPUT_ARRAY = 0
INPUT_SCALAR = 1  # a float or a NumPy scalar
INPUT_INT = 2
INPUT_BOOL = 3


def stack_words(inputs: int, outputs: int, sizes: int) -> int:
    """RECORD_STACK_WORDS: two words an input, three an output, one a size."""
    return 2 * inputs + 3 * outputs + sizes
