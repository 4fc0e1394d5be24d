"""oneDNN in this process (the extra `onednn`): finds it, and makes what programs ask it for.

Layer: runtime. In: the names that programs have for convolutions (codegen/llvm/onednn.py). Out: for
each a record for native code. Where the library is not there, is built for threads of another kind,
or refuses, the record says so, and the program's own kernels do the work.

The library is only ever told to use one thread: those of tensorwright call it side by side.
"""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from ..compiler.codegen.llvm.machine import compile_module, llvm_binding
from ..compiler.codegen.llvm.onednn import (
    BY_INPUT,
    LIBRARY_FUNCTIONS,
    ONEDNN,
    RECORD,
    RESULT,
    RESULT_SLOPE,
    RUN,
    SOURCE,
    SOURCE_SLOPE,
    Asked,
)
from ..compiler.options import onednn_library, onednn_named
from . import threads
from .dispatch import dispatch

# oneDNN's numbers: dnnl_types.h, the same in all of version 3.
_MAJOR, _OPENMP = 3, 2
_CPU, _F32, _ANY_ORDER, _FORWARD, _DIRECT, _CALLERS_SCRATCH = 1, 3, 1, 64, 1, 1
_MOST_AXES = 12  # the length of its arrays of sizes
_FILTER, _SCRATCH = 131, 136  # what a primitive's description is asked for

Object = ctypes.c_void_p  # one of the library's


class OneDnnError(Exception):
    """The library cannot be used, or does not do what it is asked for."""


class _Version(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int) for name in ("major", "minor", "patch")),
        ("hash", ctypes.c_char_p),
        *((name, ctypes.c_uint) for name in ("cpu", "gpu")),
    )


class Library:
    """The loaded library, and the native code that calls it.

    Attributes:
        version: as text.
        engine: its CPU.
        run: the address of the native code.

    Raises:
        OneDnnError: it cannot be loaded, or its threads are of another kind.
    """

    def __init__(self, path: Path) -> None:
        try:
            self.functions = ctypes.CDLL(str(path))
            self.version = self._check_version()
            addresses = {name: self._address(name) for name in LIBRARY_FUNCTIONS}
        except (OSError, AttributeError) as error:
            raise OneDnnError(f"{path}: {error}") from error
        self.functions.dnnl_primitive_desc_query_md.restype = Object
        self.functions.dnnl_memory_desc_get_size.restype = ctypes.c_size_t
        self.engine = self.make("engine_create", _CPU, ctypes.c_size_t(0))
        self.run = self._load(addresses)

    def _check_version(self) -> str:
        self.functions.dnnl_version.restype = ctypes.POINTER(_Version)
        found = self.functions.dnnl_version().contents
        text = f"{found.major}.{found.minor}.{found.patch}"
        if (found.major, found.cpu) != (_MAJOR, _OPENMP):
            raise OSError(f"oneDNN {text} for threads of kind {found.cpu}, not {_MAJOR} for OpenMP")
        return text

    def _address(self, name: str) -> int:
        return ctypes.cast(getattr(self.functions, name), Object).value or 0

    def _load(self, addresses: dict[str, int]) -> int:
        """Link the native code, which is never freed."""
        self._jit = llvm_binding().create_lljit_compiler(use_jit_link=True)
        builder = llvm_binding().JITLibraryBuilder().add_object_img(compile_module(ONEDNN))
        builder.add_current_process().export_symbol(RUN)
        symbols = {**addresses, **dispatch().memory_symbols(), "tw.parallel": threads.parallel()}
        for name, address in symbols.items():
            builder.import_symbol(name, address)
        self._code = builder.link(self._jit, "tw.onednn")
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))
        found: int = self._code[RUN]
        return found

    def make(self, function: str, *arguments: Any) -> Object:
        """The object that a function of the library makes.

        Raises:
            OneDnnError: it refuses.
        """
        made = Object()
        status = getattr(self.functions, f"dnnl_{function}")(ctypes.byref(made), *arguments)
        if status:
            raise OneDnnError(f"oneDNN {self.version}: dnnl_{function} returns {status}")
        return made

    def destroy(self, kind: str, made: Object) -> None:
        """End the life of an object of this kind."""
        getattr(self.functions, f"dnnl_{kind}_destroy")(made)

    @contextmanager
    def one_thread(self) -> Iterator[None]:
        """Let it plan for one thread, and not for those that OpenMP would start."""
        before = self.functions.omp_get_max_threads()
        self.functions.omp_set_num_threads(1)
        try:
            yield
        finally:
            self.functions.omp_set_num_threads(before)


class Primitive:
    """A convolution as the library does it, with what its calls need.

    Attributes:
        words: the record.

    Raises:
        OneDnnError: the library has nothing for it.
    """

    def __init__(self, library: Library, asked: Asked) -> None:
        self._library = library
        self._made: list[tuple[str, Object]] = []
        with library.one_thread():
            values = self._values(asked)
        self.words = _words(run=library.run, engine=library.engine.value, **values)

    def __del__(self) -> None:
        for kind, made in reversed(self._made):
            self._library.destroy(kind, made)

    def _values(self, asked: Asked) -> dict[str, int | None]:
        """The words of the record."""
        x = self._images(asked.images, asked.source, asked.channels)
        y = self._images(asked.images, asked.result, asked.features)
        plain, any_order = self._filters(asked)
        description = self._description(asked, x, y, any_order)
        w, scratch = (self._part(description, what) for what in (_FILTER, _SCRATCH))
        is_plain = self._library.functions.dnnl_memory_desc_equal(plain, w)
        by_input = asked.kind == BY_INPUT
        size = self._library.functions.dnnl_memory_desc_get_size
        return {
            "primitive": self._primitive(description),
            "reorder": None if is_plain else self._reorder(plain, w),
            **{"x": x.value, "w": w.value, "y": y.value},
            **{"plain": plain.value, "scratch": scratch.value},
            **{"w_bytes": size(w), "scratch_bytes": size(scratch)},
            "x_role": RESULT_SLOPE if by_input else SOURCE,
            "y_role": SOURCE_SLOPE if by_input else RESULT,
        }

    def _description(self, asked: Asked, x: Object, y: Object, w: Object) -> Object:
        """What the library plans; by input, it wants to see its plan for forward first."""
        attributes = self._keep("primitive_attr", "primitive_attr_create")
        set_mode = self._library.functions.dnnl_primitive_attr_set_scratchpad_mode
        set_mode(attributes, _CALLERS_SCRATCH)
        by_input = asked.kind == BY_INPUT
        (source, sides), (result, places) = (x, asked.source), (y, asked.result)
        if by_input:
            (source, sides), (result, places) = (result, places), (source, sides)
        behind = (
            (places[k] - 1) * asked.steps[k]
            + (asked.window[k] - 1) * asked.dilation[k]
            + 1
            - sides[k]
            - asked.padding[k]
            for k in range(2)
        )
        # the library counts the elements that a dilated window leaves out
        dilation = (asked.dilation[0] - 1, asked.dilation[1] - 1)
        geometry = [_numbers(asked.steps), _numbers(dilation), _numbers(asked.padding)]
        geometry.append(_numbers(behind))
        engine, create = self._library.engine, "primitive_desc_create"
        arrays = (source, w, None, result)
        head = (engine, _FORWARD, _DIRECT, *arrays, *geometry, attributes)
        forward = self._keep("primitive_desc", f"convolution_forward_{create}", *head)
        if not by_input:
            return forward
        rest = (engine, _DIRECT, source, w, result, *geometry, forward, attributes)
        return self._keep("primitive_desc", f"convolution_backward_data_{create}", *rest)

    def _images(self, count: int, sides: tuple[int, int], channels: int) -> Object:
        """Arrays of images, described as the library does: images, channels, height, width."""
        height, width = sides
        strides = (height * width * channels, 1, width * channels, channels)
        return self._array((count, channels, height, width), strides)

    def _filters(self, asked: Asked) -> tuple[Object, Object]:
        """The filters as they lie, and in any order."""
        channels, features = asked.channels, asked.features
        if asked.kind == BY_INPUT:
            channels, features = features, channels
        *window_strides, channel, feature = asked.filter
        shape, strides = (features, channels, *asked.window), (feature, channel, *window_strides)
        return self._array(shape, strides), self._array(shape)

    def _array(self, shape: tuple[int, ...], strides: tuple[int, ...] | None = None) -> Object:
        start = (len(shape), _numbers(shape), _F32)
        if strides is None:
            return self._keep("memory_desc", "memory_desc_create_with_tag", *start, _ANY_ORDER)
        numbers = _numbers(strides)
        return self._keep("memory_desc", "memory_desc_create_with_strides", *start, numbers)

    def _part(self, description: Object, what: int) -> Object:
        """The description of an array, which belongs to what is asked."""
        query = self._library.functions.dnnl_primitive_desc_query_md
        return Object(query(description, what, 0))

    def _primitive(self, description: Object) -> int | None:
        return self._keep("primitive", "primitive_create", description).value

    def _reorder(self, source: Object, target: Object) -> int | None:
        engine = self._library.engine
        arguments = (source, engine, target, engine, None)
        made = self._keep("primitive_desc", "reorder_primitive_desc_create", *arguments)
        return self._primitive(made)

    def _keep(self, kind: str, function: str, *arguments: Any) -> Object:
        made = self._library.make(function, *arguments)
        self._made.append((kind, made))
        return made


class Refused:
    """What the library does not do; `words` is a record that says so."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.words = _words(run=0)


def _words(**values: int | None) -> ctypes.Array[ctypes.c_int64]:
    return (ctypes.c_int64 * len(RECORD))(*(values.get(name) or 0 for name in RECORD))


def _numbers(values: Iterable[int]) -> ctypes.Array[ctypes.c_int64]:
    return (ctypes.c_int64 * _MOST_AXES)(*values)


# What programs in this process use, by name; who has asked keeps it.
_primitives: WeakValueDictionary[str, Primitive | Refused] = WeakValueDictionary()


def primitives(names: Iterable[str]) -> dict[str, Primitive | Refused]:
    """What the library does for these names; callers hold the lock of `cpu.load`."""
    found = {}
    for name in names:
        known = _primitives.get(name)
        found[name] = _primitives[name] = known or _primitive(name)
    return found


def _primitive(name: str) -> Primitive | Refused:
    found = library()
    if isinstance(found, str):
        return Refused(found)
    try:
        return Primitive(found, Asked.of_name(name))
    except OneDnnError as error:
        return Refused(str(error))


@cache
def library() -> Library | str:
    """The one of this process, or why there is none."""
    path = onednn_library()
    if path is None:
        return "oneDNN is not installed, or not wanted"
    try:
        return Library(path)
    except OneDnnError as error:
        if onednn_named():
            warnings.warn(f"{error}; our own kernels compute convolutions", stacklevel=2)
        return str(error)
