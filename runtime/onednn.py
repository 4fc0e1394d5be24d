"""oneDNN in this process (the extra `onednn`): finds it, and makes what programs ask it for.

Layer: runtime. In: the names that programs have for convolutions (codegen/llvm/onednn.py). Out: for
each a record for native code. Where the library is not there, is built for threads of another kind,
or refuses, the record says so, and the program's own kernels do the work.

The library is only ever told to use one thread: those of tensorwright call it side by side.
"""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from ..compiler.codegen.llvm.machine import compile_module, llvm_binding
from ..compiler.codegen.llvm.onednn import BY_FILTER, BY_INPUT, FORWARD, RECORD, Asked
from ..compiler.codegen.llvm.onednn_calls import (
    FILTER,
    FILTER_SLOPE,
    LIBRARY_FUNCTIONS,
    LINE,
    ONEDNN,
    RESULT,
    RESULT_SLOPE,
    RUN,
    RUN_FILTER,
    SOURCE,
    SOURCE_SLOPE,
)
from ..compiler.options import onednn_library, onednn_named
from . import threads
from .dispatch import dispatch

# oneDNN's numbers: dnnl_types.h, the same in all of version 3.
_MAJOR, _OPENMP = 3, 2
_CPU, _F32, _ANY_ORDER, _FORWARD, _DIRECT, _CALLERS_SCRATCH = 1, 3, 1, 64, 1, 1
_MOST_AXES = 12  # the length of its arrays of sizes
_FILTER, _FILTER_SLOPE, _SCRATCH = 131, 132, 136  # what a primitive's description is asked for
# As what a primitive takes input, filter and result.
_ROLES = {
    FORWARD: (SOURCE, FILTER, RESULT),
    BY_INPUT: (RESULT_SLOPE, FILTER, SOURCE_SLOPE),
    BY_FILTER: (SOURCE, FILTER_SLOPE, RESULT_SLOPE),
}

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
        run: the addresses of the native code, by what it does.

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

    def _load(self, addresses: dict[str, int]) -> dict[str, int]:
        """Link the native code, which is never freed."""
        self._jit = llvm_binding().create_lljit_compiler(use_jit_link=True)
        builder = llvm_binding().JITLibraryBuilder().add_object_img(compile_module(ONEDNN))
        builder.add_current_process().export_symbol(RUN).export_symbol(RUN_FILTER)
        symbols = {**addresses, **dispatch().memory_symbols(), "tw.parallel": threads.parallel()}
        for name, address in symbols.items():
            builder.import_symbol(name, address)
        self._code = builder.link(self._jit, "tw.onednn")
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))
        run, run_filter = self._code[RUN], self._code[RUN_FILTER]
        return {FORWARD: run, BY_INPUT: run, BY_FILTER: run_filter}

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
        self.words = _words(run=library.run[asked.kind], engine=library.engine.value, **values)

    def __del__(self) -> None:
        for kind, made in reversed(self._made):
            self._library.destroy(kind, made)

    def _values(self, asked: Asked) -> dict[str, int | None]:
        """The words of the record."""
        x = self._images(asked.images, asked.source, asked.channels)
        y = self._images(asked.images, asked.result, asked.features)
        plain, any_order = self._filters(asked)
        is_filter = asked.kind == BY_FILTER
        description = self._description(asked, x, y, any_order)
        w = self._part(description, _FILTER_SLOPE if is_filter else _FILTER)
        scratch = self._part(description, _SCRATCH)
        source, target = (w, plain) if is_filter else (plain, w)
        is_plain = self._library.functions.dnnl_memory_desc_equal(plain, w)
        size = self._library.functions.dnnl_memory_desc_get_size
        roles = zip(("x_role", "w_role", "y_role"), _ROLES[asked.kind], strict=True)
        return {
            "primitive": self._primitive(description),
            "reorder": None if is_plain else self._reorder(source, target),
            **{"x": x.value, "w": w.value, "y": y.value, "scratch": scratch.value},
            **{"from": source.value, "to": target.value},
            **{"w_bytes": size(w), "scratch_bytes": size(scratch)},
            "w_step": -(-size(w) // LINE) * LINE if is_filter else 0,
            **dict(roles),
        }

    def _description(self, asked: Asked, x: Object, y: Object, w: Object) -> Object:
        """What the library plans; for derivatives, it wants to see its plan for forward first."""
        attributes = self._keep("primitive_attr", "primitive_attr_create")
        set_mode = self._library.functions.dnnl_primitive_attr_set_scratchpad_mode
        set_mode(attributes, _CALLERS_SCRATCH)
        (source, sides), (result, places) = (x, asked.source), (y, asked.result)
        if asked.kind == BY_INPUT:
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
        name, head = f"convolution_forward_{create}", (engine, _FORWARD, _DIRECT, source, w, None)
        forward = self._keep("primitive_desc", name, *head, result, *geometry, attributes)
        if asked.kind == FORWARD:
            return forward
        arrays: tuple[Object | None, ...] = (source, w, None, result)  # there is no bias
        name = f"convolution_backward_weights_{create}"
        if asked.kind == BY_INPUT:
            arrays, name = (source, w, result), f"convolution_backward_data_{create}"
        rest = (*arrays, *geometry, forward, attributes)
        return self._keep("primitive_desc", name, engine, _DIRECT, *rest)

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
        shape, strides = [features, channels, *asked.window], [feature, channel, *window_strides]
        if asked.groups > 1:
            shape, strides = [asked.groups, 1, 1, *asked.window], [feature, *strides]
        return self._array(shape, strides), self._array(shape)

    def _array(self, shape: Sequence[int], strides: Sequence[int] | None = None) -> Object:
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
