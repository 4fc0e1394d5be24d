"""The calls of a jitted function that run on the GPU.

Layer: frontend, loaded with the first such call. A warm call is looked up by the classes, dtypes
and shapes of its arguments, read off in one short walk; only what is not found that way is read in
full, as for the CPU (arguments.py). Programs take and give arrays on the device: NumPy arrays among
the arguments are copied there, and results are copied back where no argument lay there.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..compiler.compile import Compilation
from ..compiler.errors import InternalError
from ..compiler.program import LeafKind, LeafSpec
from ..runtime.cuda.executable import GpuExecutable
from .arguments import Call, LeafKey, Static, Structure
from .device_arrays import DeviceArray
from .placement import CHOSEN
from .trace import Output
from .tree import LEAF, flat_tuple
from .variants import Variants

if TYPE_CHECKING:
    from .jit import Jitted

# Calls that are found by their key. Beyond, they are forgotten, and read in full once more.
_MOST = 1024
_INT64 = 1 << 63
_NUMBERS = frozenset(
    {float, bool, np.float64, np.float32, np.float16, np.bool_}
    | {np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64}
)


class Program(Protocol):
    """A compiled program, and what it makes of its results."""

    def run(self, arguments: Sequence[Any], stays: bool) -> Any:
        """The result, whose arrays stay on the device or are copied to the host.

        NotImplemented if the program does not accept the arguments.
        """


class DeviceCalls:
    """The programs of one jitted function on the GPU.

    The function is given with each call and not kept: it has these, and without a circle of
    references both go with the last that uses it.
    """

    def __init__(self) -> None:
        self._ready: dict[Any, tuple[Program, bool]] = {}
        self._variants: dict[tuple[Structure, tuple[LeafKey, ...]], Variants] = {}

    def run(
        self, jitted: Jitted, args: Sequence[Any], kwargs: Mapping[str, Any], wanted: bool
    ) -> Any:
        """The result; NotImplemented if the call is none for the GPU.

        Args:
            jitted: the function.
            args: as the function is called.
            kwargs: as the function is called.
            wanted: whether it is one in any case, wherever its arguments lie.
        """
        reader = jitted._reader
        if reader.has_statics:
            args, kwargs = reader.with_statics(args, kwargs)
        leaves: list[Any] = []
        parts: list[Any] = []
        _read_off(args, parts, leaves)
        if kwargs:
            parts += kwargs
            _read_off(kwargs.values(), parts, leaves)
        key = tuple(parts)
        ready = self._ready.get(key)
        if ready is not None and (wanted or ready[1]):
            result = ready[0].run(leaves, ready[1])
            if result is not NotImplemented:
                return result
        elif not (wanted or _Other in key or DeviceArray in map(type, leaves)):
            return NotImplemented
        return self._read_and_run(jitted, args, kwargs, key, wanted)

    def _read_and_run(
        self,
        jitted: Jitted,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        key: Any,
        wanted: bool,
    ) -> Any:
        call = jitted._reader.read(args, kwargs)
        classes = set(map(type, call.leaves))
        stays = DeviceArray in classes
        if not stays and not wanted:
            return NotImplemented
        has_arrays = stays or np.ndarray in classes
        if not has_arrays and CHOSEN.device == "gpu":
            stays = True
        variants = self._variants.get((call.structure, call.keys))
        found = _first(variants, call, stays) or self._compile_and_run(jitted, call, stays)
        if has_arrays and _Other not in key:
            if len(self._ready) >= _MOST:
                self._ready.clear()
            self._ready[key] = found[0], stays
        return found[1]

    def _compile_and_run(self, jitted: Jitted, call: Call, stays: bool) -> tuple[Program, Any]:
        with jitted._lock:
            key = call.structure, call.keys
            variants = self._variants.setdefault(key, Variants(call.structure, flat=True))
            found = _first(variants, call, stays)
            if found is None:  # no other thread has compiled it meanwhile
                jitted._compile(call, variants, "gpu")
                found = _first(variants, call, stays)
        if found is None:
            raise InternalError(f"{jitted!r}: a new program does not accept {call.keys}")
        return found


def _first(variants: Variants | None, call: Call, stays: bool) -> tuple[Program, Any] | None:
    """The first program that accepts a call, and its result."""
    for program in variants.programs if variants else ():
        result = program.run(call.leaves, stays)
        if result is not NotImplemented:
            return program, result
    return None


class _Other:
    """In a key: there is an argument that has to be read in full."""


def _read_off(xs: Iterable[Any], key: list[Any], leaves: list[Any]) -> None:
    """Append what tells the programs for these arguments from others to `key`, data to `leaves`."""
    for x in xs:
        cls = type(x)
        if cls is DeviceArray:
            leaves.append(x)
            key += (x.dtype, x.shape)
        elif cls is tuple or cls is list:
            key += (cls, len(x))
            _read_off(x, key, leaves)
        elif cls is dict:
            key += (cls, *x, len(x))
            _read_off(x.values(), key, leaves)
        elif cls is np.ndarray:
            leaves.append(x)
            key += (cls, x.dtype, x.shape)
        elif cls in _NUMBERS or (cls is int and -_INT64 <= x < _INT64):
            leaves.append(x)
            key.append(cls)
        elif cls is Static:
            key.append(x)
        elif cls is str:
            key += (cls, x)
        else:
            key.append(None if x is None else _Other)


# -- programs -----------------------------------------------------------------------------------


def load(compilation: Compilation) -> Callable[..., Any]:
    """The program on the GPU: from arrays and numbers to a tuple of arrays there."""
    run = GpuExecutable(compilation.gpu, DeviceArray).run
    return lambda *arguments: run(arguments)


class DeviceVariant:
    """A compiled program and how to build what the user's function returns."""

    def __init__(self, compilation: Compilation, output: Output) -> None:
        self._run = GpuExecutable(compilation.gpu, DeviceArray).run
        self._output = output
        self._build = _builder(output)

    def run(self, arguments: Sequence[Any], stays: bool) -> Any:
        """As `Program.run`."""
        results = self._run(arguments)
        if results is NotImplemented:
            return results
        return self._build(results if stays else on_host(self._output.specs, results))


def _builder(output: Output) -> Callable[[Sequence[Any]], Any]:
    """`output.build`, shorter for a single result and for a flat tuple."""
    if output.slots == tuple(range(len(output.specs))):
        if output.tree == LEAF:
            return operator.itemgetter(0)
        if output.tree == flat_tuple(len(output.slots)):
            return tuple
    return output.build


def on_host(specs: Sequence[LeafSpec], results: Sequence[DeviceArray]) -> list[Any]:
    """Results as a program on the CPU gives them: arrays, NumPy scalars, Python numbers."""
    return [_on_host(spec.kind, x) for spec, x in zip(specs, results, strict=True)]


def _on_host(kind: LeafKind, x: DeviceArray) -> Any:
    array = np.asarray(x)
    if kind is LeafKind.ARRAY:
        return array
    return array[()] if kind is LeafKind.NUMPY_SCALAR else array.item()
