"""What generated code finds in this process: symbols of CPython, NumPy, libm and BLAS.

Layer: runtime. Out: tables from symbol name to address. Importing it checks that the process is
one that generated code understands (see compiler/abi.py) and raises ImportError if not.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import struct
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from importlib.machinery import PathFinder
from typing import Any

import numpy as np
from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

from ..compiler import abi
from ..compiler.ir.types import DType

# NumPy's C-API table: numpy/__multiarray_api.h, the same since NumPy 1.7
_NUMPY_API = {"Scalar": 60, "NewFromDescr": 94}
_NUMPY_DEFAULT_HANDLER = 306
_NUMPY_API_SIZE = 307

_PYTHON_FUNCTIONS = (
    "PyBool_FromLong",
    "PyDict_New",
    "PyDict_Next",
    "PyDict_SetItem",
    "PyErr_NoMemory",
    "PyErr_SetString",
    "PyEval_RestoreThread",
    "PyEval_SaveThread",
    "PyFloat_FromDouble",
    "PyList_New",
    "PyLong_AsLongLongAndOverflow",
    "PyLong_FromLongLong",
    "PyMem_Free",
    "PyMem_Malloc",
    "PyObject_VectorcallMethod",
    "PyTuple_New",
    "PyTuple_Size",
    "PyUnicode_Compare",
    "Py_DecRef",
    "Py_IncRef",
)
_PYTHON_VARIABLES = ("PyExc_IndexError", "PyExc_OverflowError", "PyExc_ValueError")

_ALLOCATOR_FUNCTIONS = ("calloc", "realloc", "free")
_HALF_FUNCTIONS = ("__extendhfsf2", "__truncsfhf2", "__truncdfhf2")

_HANDLER_CAPSULE = b"mem_handler"  # the name that NumPy asks for

_BUILTIN_DTYPES = tuple(d for d in DType if d is not DType.BF16)
# The interned name must stay alive: its address is a symbol.
_CALL_NAME = sys.intern("__call__")


@cache
def symbols() -> dict[str, int]:
    """Addresses of what generated code may use of CPython and NumPy."""
    return _python_symbols() | _numpy_symbols() | _half_symbols() | _allocator_symbols()


def _python_symbols() -> dict[str, int]:
    symbols = {name: _address(getattr(ctypes.pythonapi, name)) for name in _PYTHON_FUNCTIONS}
    for name in _PYTHON_VARIABLES:
        symbols[name] = ctypes.addressof(ctypes.c_void_p.in_dll(ctypes.pythonapi, name))
    symbols |= {
        "tw.py.NotImplemented": id(NotImplemented),
        "tw.py.True": id(True),
        "tw.py.False": id(False),
        "tw.py.None": id(None),
        "tw.py.dict": id(dict),
        "tw.py.float": id(float),
        "tw.py.int": id(int),
        "tw.py.list": id(list),
        "tw.py.str": id(str),
        "tw.py.tuple": id(tuple),
        "tw.py.__call__": id(_CALL_NAME),
    }
    return symbols


def _half_symbols() -> dict[str, int]:
    """What code for processors without float16 instructions calls, x86 before F16C."""
    try:
        library = ctypes.CDLL("libgcc_s.so.1")
    except OSError:
        return {}
    return {n: _address(getattr(library, n)) for n in _HALF_FUNCTIONS if hasattr(library, n)}


def _allocator_symbols() -> dict[str, int]:
    """C's allocator, for what loops record."""
    library = ctypes.CDLL(None)
    return {f"tw.c.{name}": _address(getattr(library, name)) for name in _ALLOCATOR_FUNCTIONS}


def _numpy_symbols() -> dict[str, int]:
    table = _numpy_api()
    symbols = {f"tw.np.{name}": table[index] for name, index in _NUMPY_API.items()}
    symbols["tw.type.ndarray"] = id(np.ndarray)
    for dtype in _BUILTIN_DTYPES:
        symbols |= dtype_symbols(dtype)
    symbols["tw.np.capsule"] = table[_NUMPY_DEFAULT_HANDLER]
    symbols["tw.np.handler"] = ctypes.addressof(_handler)
    symbols["PyExc_LinAlgError"] = ctypes.addressof(_linear_algebra_error)
    return symbols


def dtype_symbols(dtype: DType) -> dict[str, int]:
    """The descriptor and the scalar type of a dtype, which live as long as the process."""
    return {f"tw.descr.{dtype}": id(dtype.numpy), f"tw.type.{dtype}": id(dtype.numpy.type)}


def bfloat16_symbols() -> dict[str, int]:
    """Those of bfloat16, whose package is loaded by programs that have arrays of it.

    Raises:
        ImportError: its scalars are laid out in a way that is not known.
    """
    if not _scalar_value_agrees(DType.BF16):
        raise ImportError("tensorwright does not know this build of ml_dtypes")
    return dtype_symbols(DType.BF16)


def blas_symbols(names: list[str]) -> dict[str, int]:
    """Addresses of routines (`tw.blas.dgemm`, `tw.lapack.dgetrf`) with their Fortran interface."""
    found = {}
    for name in names:
        _, library, routine = name.split(".")
        found[name] = _capsule_pointer(_cython_module(library).__pyx_capi__[routine])
    return found


@cache
def _cython_module(library: str) -> Any:
    """SciPy's module of pointers to BLAS or LAPACK.

    It is loaded without the package around it, which takes six times as long to import and is not
    needed. A later import of scipy.linalg finds this module and uses it.
    """
    import scipy  # imported late: only programs with matrix products and the like need it

    name = f"scipy.linalg.cython_{library}"
    if name in sys.modules:
        return sys.modules[name]
    folders = [os.path.join(folder, "linalg") for folder in scipy.__path__]
    spec = PathFinder.find_spec(name, folders)
    if spec is None or spec.loader is None:
        return importlib.import_module(name)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def new_handler_capsule(handler: int) -> int:
    """The address of a capsule with the memory handler at this address; it is never freed."""
    new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(
        ("PyCapsule_New", ctypes.pythonapi)
    )
    capsule = new(handler, _HANDLER_CAPSULE, None)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(capsule))
    return id(capsule)


def _numpy_api() -> ctypes.Array[ctypes.c_size_t]:
    pointer = _capsule_pointer(_multiarray_umath._ARRAY_API)
    return (ctypes.c_size_t * _NUMPY_API_SIZE).from_address(pointer)


def _capsule_pointer(capsule: Any) -> int:
    api = ctypes.pythonapi
    get_name = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", api))
    get = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", api)
    )
    return get(capsule, get_name(capsule))


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _pointer_at(owner: object, offset: int) -> int:
    return ctypes.c_void_p.from_address(id(owner) + offset).value or 0


def _default_handler() -> Any:
    """The capsule of NumPy's default memory handler."""
    return ctypes.py_object.from_address(_numpy_api()[_NUMPY_DEFAULT_HANDLER]).value


def _check_process() -> None:
    """Compare the offsets of abi.py with live objects; ImportError at the first difference."""
    if sys.implementation.name != "cpython" or struct.calcsize("P") != 8:
        raise ImportError("tensorwright needs a 64-bit CPython")
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise ImportError("tensorwright does not support free-threaded builds of Python")
    for what, holds in _layout_facts():
        if not holds:
            raise ImportError(
                f"tensorwright does not know this build of Python {sys.version.split()[0]} and "
                f"NumPy {np.__version__}: {what} is laid out differently"
            )


def _layout_facts() -> Iterator[tuple[str, bool]]:
    """What must hold, in an order that follows no pointer before it is known to be one."""
    a = np.arange(6.0).reshape(2, 3)
    yield "PyObject.ob_type", _pointer_at(a, abi.OBJECT_TYPE) == id(np.ndarray)
    yield from _container_facts()
    yield "float", ctypes.c_double.from_address(id(2.5) + abi.SCALAR_VALUE).value == 2.5
    for dtype in _BUILTIN_DTYPES:
        yield f"numpy.{dtype.numpy.name}", _scalar_value_agrees(dtype)
    yield "ndarray data", _pointer_at(a, abi.ARRAY_DATA) == a.ctypes.data
    yield "ndarray ndim", ctypes.c_int.from_address(id(a) + abi.ARRAY_NDIM).value == 2
    dims = _pointer_at(a, abi.ARRAY_DIMS)
    strides = _pointer_at(a, abi.ARRAY_DIMS + ctypes.sizeof(ctypes.c_void_p))
    yield "ndarray shape", strides - dims == 2 * ctypes.sizeof(ctypes.c_ssize_t)
    yield "ndarray shape", tuple((ctypes.c_ssize_t * 2).from_address(dims)) == (2, 3)
    yield "ndarray dtype", _pointer_at(a, abi.ARRAY_DESCR) == id(DType.F64.numpy)
    wanted = abi.ARRAY_FLAG_C_CONTIGUOUS | abi.ARRAY_FLAG_ALIGNED
    flags, transposed = _flags(a), _flags(a.T)
    yield "ndarray flags", flags & wanted == wanted != transposed & wanted
    owner = np.empty(3)
    yield "ndarray flags", _flags(owner) & ~_flags(owner[:]) == abi.ARRAY_FLAG_OWNDATA
    handler = _pointer_at(owner, abi.ARRAY_HANDLER)
    yield "ndarray memory handler", handler == id(_default_handler())


def _container_facts() -> Iterator[tuple[str, bool]]:
    items = [object(), object(), object()]  # made with room for three items and no more
    same = tuple(items)
    for container in (items, same, dict.fromkeys(items)):
        size = ctypes.c_ssize_t.from_address(id(container) + abi.CONTAINER_SIZE).value
        yield f"{type(container).__name__} size", size == 3
    word = ctypes.sizeof(ctypes.c_void_p)
    places = [_pointer_at(same, abi.TUPLE_ITEMS + word * k) for k in range(3)]
    yield "tuple items", places == [id(item) for item in items]
    yield "list items", _pointer_at(items, abi.LIST_ITEMS + word) == 3
    found = (ctypes.c_void_p * 3).from_address(_pointer_at(items, abi.LIST_ITEMS))
    yield "list items", list(found) == [id(item) for item in items]


def _flags(array: np.ndarray[Any, Any]) -> int:
    return ctypes.c_int.from_address(id(array) + abi.ARRAY_FLAGS).value


def _scalar_value_agrees(dtype: DType) -> bool:
    scalar = dtype.numpy.type(1)
    memory = (ctypes.c_char * dtype.itemsize).from_address(id(scalar) + abi.SCALAR_VALUE)
    return memory.raw == scalar.tobytes()


_check_process()

# A variable that points to the class, as CPython has them for its own exceptions.
_linear_algebra_error = ctypes.py_object(np.linalg.LinAlgError)
# A variable that points to the handler's functions.
_handler = ctypes.c_void_p(_capsule_pointer(_default_handler()))
