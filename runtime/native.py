"""A base class whose instances CPython calls straight into machine code.

Layer: runtime. `NativeCallable` is a C-level type with CPython's vectorcall pointer in every
instance. While the pointer is null, calls go to the subclass's `__call__`; `_attach` points it at
an executable, and calls whose arguments match none of the attached ones still end in `__call__`.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Self

from ..compiler import abi

if TYPE_CHECKING:
    from .cpu import Executable

Records = ctypes.Array[ctypes.c_void_p]  # of record addresses, null at the end

_TPFLAGS_DEFAULT = 1 << 18  # Py_TPFLAGS_HAVE_VERSION_TAG, the only bit of the default set
_TPFLAGS_BASETYPE = 1 << 10
_TPFLAGS_HAVE_VECTORCALL = 1 << 11
_TYPE_VECTORCALL_OFFSET = 56  # PyTypeObject.tp_vectorcall_offset
_TYPE_FLAGS = 168  # PyTypeObject.tp_flags

_SLOT_CALL = 50  # Py_tp_call
_SLOT_MEMBERS = 72  # Py_tp_members
_T_OBJECT_EX = 16
_T_PYSSIZET = 19
_READONLY = 1


class _Member(ctypes.Structure):
    """CPython's PyMemberDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("offset", ctypes.c_ssize_t),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class _Slot(ctypes.Structure):
    """CPython's PyType_Slot."""

    _fields_ = (("slot", ctypes.c_int), ("value", ctypes.c_void_p))


class _Spec(ctypes.Structure):
    """CPython's PyType_Spec."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("basicsize", ctypes.c_int),
        ("itemsize", ctypes.c_int),
        ("flags", ctypes.c_uint),
        ("slots", ctypes.c_void_p),
    )


def _make_base() -> type:
    """The C-level type; compiler/abi.py has its layout.

    `_executables` is a linked list of (records, executable, earlier ones or None); the first array
    of records is the one that CALLABLE_RECORDS points to.
    """
    members = (_Member * 3)(
        _Member(b"__vectorcalloffset__", _T_PYSSIZET, abi.CALLABLE_VECTORCALL, _READONLY, None),
        _Member(b"_executables", _T_OBJECT_EX, abi.CALLABLE_EXECUTABLES, 0, None),
    )
    slots = (_Slot * 3)(
        _Slot(_SLOT_CALL, ctypes.cast(ctypes.pythonapi.PyVectorcall_Call, ctypes.c_void_p)),
        _Slot(_SLOT_MEMBERS, ctypes.addressof(members)),
    )
    flags = _TPFLAGS_DEFAULT | _TPFLAGS_BASETYPE | _TPFLAGS_HAVE_VECTORCALL
    name = b"tensorwright.runtime.native._NativeCallable"
    spec = _Spec(name, abi.CALLABLE_SIZE, 0, flags, ctypes.addressof(slots))
    from_spec = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.POINTER(_Spec))(
        ("PyType_FromSpec", ctypes.pythonapi)
    )
    _kept.extend((members, spec, name))  # older CPythons keep pointers into them
    return from_spec(ctypes.byref(spec))


_kept: list[Any] = []

if TYPE_CHECKING:

    class _Base:
        _executables: tuple[Any, ...]
else:
    _Base = _make_base()


class NativeCallable(_Base):
    """Base of callables with a fast path in machine code; subclasses define `__call__`."""

    __slots__ = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # CPython drops the flag for Python subclasses that define `__call__`, because it cannot
        # know that the vectorcall pointer will agree with it. Ours falls back to `__call__`.
        offset = ctypes.c_ssize_t.from_address(id(cls) + _TYPE_VECTORCALL_OFFSET)
        flags = ctypes.c_ulong.from_address(id(cls) + _TYPE_FLAGS)
        if flags.value != cls.__flags__ or offset.value != abi.CALLABLE_VECTORCALL:
            raise ImportError("tensorwright does not know this build of Python: types differ")
        flags.value |= _TPFLAGS_HAVE_VECTORCALL

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What calls do that no attached executable accepts."""
        raise NotImplementedError(f"{type(self).__name__} does not define __call__")

    def __copy__(self) -> Self:
        """The object itself, as for Python functions."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """The object itself, as for Python functions."""
        return self

    def _attach(self, executable: Executable) -> None:
        """Try `executable` first from now on; one thread at a time may attach."""
        attached = getattr(self, "_executables", None)
        addresses, rest = [executable.record], attached
        while rest is not None:
            _, another, rest = rest
            addresses.append(another.record)
        records = (ctypes.c_void_p * (len(addresses) + 1))(*addresses)
        # both the old and the new array are alive while the pointer changes
        self._executables = (records, executable, attached)
        self._point_to(executable.vectorcall, records)

    def _pause(self) -> None:
        """Let calls go to `__call__`, until `_resume`."""
        ctypes.c_void_p.from_address(id(self) + abi.CALLABLE_VECTORCALL).value = None

    def _resume(self) -> None:
        """Try the attached executables again."""
        attached = getattr(self, "_executables", None)
        if attached is not None:
            self._point_to(attached[1].vectorcall, attached[0])

    def _point_to(self, vectorcall: int, records: Records) -> None:
        """Let CPython call the function at `vectorcall`; the caller keeps `records` alive."""
        table = ctypes.c_void_p.from_address(id(self) + abi.CALLABLE_RECORDS)
        table.value = ctypes.addressof(records)
        ctypes.c_void_p.from_address(id(self) + abi.CALLABLE_VECTORCALL).value = vectorcall
