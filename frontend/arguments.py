"""The arguments of one call as typed leaves, and what stays a Python value.

Layer: frontend. `ArgumentReader.read` turns (args, kwargs) into a `Call`: the leaves that are data
(arrays, NumPy scalars, Python numbers), each with the key of its type, and a structure that holds
the nesting and the static values. Two calls with equal structures and keys differ only in data and
sizes, so one compiled program may serve both.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import numpy as np

from ..compiler.errors import DeviceError, DTypeError, ShapeError, TraceError, UnsupportedError
from ..compiler.ir.parser import parse_type
from ..compiler.ir.types import DType, Shape, TensorType
from ..compiler.program import LeafKind, LeafSpec, Nest
from . import values
from .nesting import nest_of
from .placement import is_on_gpu
from .tree import LEAF_CLASSES, TreeDef, flat_tuple, flatten, unflatten


class LeafKey:
    """A Python class, a dtype and a number of axes; there is one object for each combination."""

    __slots__ = ("dtype", "kind", "rank")

    def __init__(self, kind: LeafKind, dtype: DType, rank: int = 0) -> None:
        self.kind, self.dtype, self.rank = kind, dtype, rank

    def __repr__(self) -> str:
        return f"{self.kind.value} of {self.dtype}, {self.rank}-d"


_MAX_RANK = 64  # NumPy's
_INT64 = range(-(2**63), 2**63)
_PYTHON_NUMBERS: dict[type, LeafKey] = {
    float: LeafKey(LeafKind.FLOAT, DType.F64),
    int: LeafKey(LeafKind.INT, DType.I64),
    bool: LeafKey(LeafKind.BOOL, DType.BOOL),
}
# Keys of bfloat16 are added when one is seen: its package is loaded by few programs.
_NUMPY_SCALARS = {
    d.numpy.type: LeafKey(LeafKind.NUMPY_SCALAR, d) for d in DType if d is not DType.BF16
}
_SCALARS: dict[type, LeafKey] = _PYTHON_NUMBERS | _NUMPY_SCALARS
_ARRAYS = {
    (d.numpy, rank): LeafKey(LeafKind.ARRAY, d, rank)
    for d in DType
    if d is not DType.BF16
    for rank in range(_MAX_RANK + 1)
}
# Leaves that can only be meant as they are: no array function computes with them.
_ALWAYS_STATIC = (str, bytes, type, np.dtype, Enum, type(Ellipsis))


@dataclass(frozen=True, slots=True)
class Static:
    """A leaf that is a Python value while tracing. Equal only if of one class, bit for bit."""

    value: Any
    key: Any

    @staticmethod
    def of(x: Any) -> Static:
        """The leaf for this object."""
        return Static(x, _static_key(x))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Static) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


_LEAF_CLASSES = LEAF_CLASSES | {Static}
_NO_KEYWORDS = TreeDef(dict)


class Structure(NamedTuple):
    """The nesting of (args, kwargs), and for each leaf its static value, or None for data."""

    tree: TreeDef
    statics: tuple[Static | None, ...]

    def rebuild(self, leaves: Sequence[Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """(args, kwargs) with these data leaves."""
        data = iter(leaves)
        both = [next(data) if s is None else s.value for s in self.statics]
        return unflatten(self.tree, both)

    @property
    def nest(self) -> Nest | None:
        """The nesting of positional arguments that the native entry can take as they are."""
        args, kwargs = self.tree.children
        return None if kwargs.children or any(self.statics) else nest_of(args)


@dataclass(slots=True)
class Call:
    """One call, read."""

    structure: Structure
    leaves: list[Any]
    keys: tuple[LeafKey, ...]

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of every data leaf."""
        return tuple(getattr(x, "shape", ()) for x in self.leaves)

    def on_host(self) -> Call:
        """With copies of the arrays that lie on the GPU."""
        leaves = [np.asarray(x) if is_on_gpu(x) else x for x in self.leaves]
        return Call(self.structure, leaves, self.keys)


class ArgumentReader:
    """Reads the calls of one function."""

    def __init__(
        self,
        function: Callable[..., Any],
        static_argnums: int | Sequence[int],
        static_argnames: str | Sequence[str],
    ) -> None:
        self.name = getattr(function, "__name__", "function")
        self._parameters = _parameter_names(function)
        self._static_names = frozenset(_listed(static_argnames, str))
        self._static_numbers = set()
        for number in _listed(static_argnums, int):
            self._static_numbers.add(number + len(self._parameters) * (number < 0))
        for k, name in enumerate(self._parameters):
            if name in self._static_names:
                self._static_numbers.add(k)
            elif k in self._static_numbers:
                self._static_names |= {name}
        self.has_statics = bool(self._static_names or self._static_numbers)
        self._check_names(function)

    def _check_names(self, function: Callable[..., Any]) -> None:
        accepted = _all_names(function)
        unknown = sorted(self._static_names - accepted) if accepted is not None else []
        if unknown:
            raise ValueError(f"jit: static_argnames: {self.name} has no parameter {unknown[0]!r}")

    def takes_static(self, parameter: int | str) -> bool:
        """Whether what is given for a parameter (by position or name) is a static value."""
        return parameter in self._static_numbers or parameter in self._static_names

    def read(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Call:
        """Flatten and classify."""
        if self.has_statics:
            args, kwargs = self.with_statics(args, kwargs)
        if not kwargs and LEAF_CLASSES.issuperset(map(type, args)):
            leaves, tree = args, TreeDef(tuple, (), (flat_tuple(len(args)), _NO_KEYWORDS))
        else:
            leaves, tree = flatten((tuple(args), dict(kwargs)), _LEAF_CLASSES)
        data: list[Any] = []
        keys: list[LeafKey] = []
        statics: list[Static | None] = []
        for k, leaf in enumerate(leaves):
            if type(leaf) is Static:
                statics.append(leaf)
                continue
            read = read_data(leaf)
            if read is None:
                statics.append(self._automatic(leaf, tree, k))
                continue
            statics.append(None)
            data.append(read[0])
            keys.append(read[1])
        return Call(Structure(tree, tuple(statics)), data, tuple(keys))

    def with_statics(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """With a `Static` in place of each argument that is declared to be one."""
        marked = [
            self._static(x, self._name(k)) if k in self._static_numbers else x
            for k, x in enumerate(args)
        ]
        named = {
            name: self._static(x, name) if name in self._static_names else x
            for name, x in kwargs.items()
        }
        return marked, named

    def names(self, structure: Structure) -> list[str]:
        """What to call each data leaf: `x`, `params['w'][0]`."""
        args, kwargs = structure.tree.children
        paths: list[str] = []
        for k, child in enumerate(args.children):
            paths.extend(child.paths(self._name(k)))
        for name, child in zip(kwargs.keys, kwargs.children, strict=True):
            paths.extend(child.paths(str(name)))
        return [p for p, s in zip(paths, structure.statics, strict=True) if s is None]

    def _name(self, position: int) -> str:
        if position < len(self._parameters):
            return self._parameters[position]
        return f"args[{position}]"

    def _static(self, x: Any, name: str) -> Static:
        if type(x) is Static:
            return x
        key = _static_key(x)
        try:
            hash(np.asarray(x) if is_on_gpu(x) else key)
        except TypeError:
            hint = "pass a tuple" if isinstance(x, list) else "pass a hashable value"
            raise TraceError(
                f"{self.name}: the static argument {name} is not hashable",
                got=type(x).__name__,
                hint=hint,
            ) from None
        return Static(x, key)

    def _automatic(self, leaf: Any, tree: TreeDef, position: int) -> Static:
        """The static form of a leaf that cannot be data, if it is a plain constant."""
        if isinstance(leaf, _ALWAYS_STATIC):
            return Static.of(leaf)
        name = self._path(tree, position)
        raise TraceError(
            f"{self.name}: argument {name} is neither an array nor a number",
            got=type(leaf).__name__,
            hint=f"make it a Python value: tw.jit(static_argnames=({name.split('[')[0]!r},))",
        )

    def _path(self, tree: TreeDef, position: int) -> str:
        count = sum(1 for _ in tree.paths())
        return self.names(Structure(tree, (None,) * count))[position]


def _static_key(x: Any) -> Any:
    """A key that tells apart what Python's equality does not: 1, True, 1.0; 0.0 and -0.0."""
    if isinstance(x, tuple):
        return (type(x), tuple(_static_key(y) for y in x))
    return (type(x), x.hex() if isinstance(x, float) else x)


def is_static(x: Any) -> bool:
    """Whether an object is neither an array nor a number, nor a subclass of such."""
    if isinstance(x, _ALWAYS_STATIC):
        return True
    return not isinstance(x, (bool, int, float, complex)) and not hasattr(x, "__array__")


def read_data(x: Any) -> tuple[Any, LeafKey] | None:
    """A data leaf as programs take it, and its key; None if it is no data."""
    cls = type(x)
    if cls is np.ndarray:
        key = _ARRAYS.get((x.dtype, x.ndim))
        if key is None:
            return _native_array(x)
        flags = x.flags
        if not (flags.c_contiguous and flags.aligned):
            x = np.array(x, order="C")
        return _canonical(x, key.dtype), key
    key = _SCALARS.get(cls)
    if key is not None:
        if cls is int and x not in _INT64:
            raise UnsupportedError(
                "a Python int argument does not fit into 64 bits", got=str(x)[:60]
            )
        return x, key
    return _converted(x)


def _native_array(x: np.ndarray) -> tuple[np.ndarray, LeafKey]:
    if isinstance(x, (np.ma.MaskedArray, np.matrix)) or _has_own_functions(type(x)):
        raise UnsupportedError(
            f"arguments of class {type(x).__name__} are not supported",
            hint="pass a plain array: np.asarray(x)",
        )
    # Not ascontiguousarray: it makes 0-d arrays 1-d. `require` also drops subclasses.
    dtype = values.dtype_of(x.dtype)
    made = _canonical(np.require(np.asarray(x), dtype.numpy, ["C", "A"]), dtype)
    return made, _array_key(dtype, made.ndim)


def _array_key(dtype: DType, rank: int) -> LeafKey:
    return _ARRAYS.setdefault((dtype.numpy, rank), LeafKey(LeafKind.ARRAY, dtype, rank))


def _has_own_functions(cls: type[np.ndarray]) -> bool:
    """Whether a subclass computes in its own way: arrays with units, for instance."""
    plain = np.ndarray
    return (
        cls.__array_ufunc__ is not plain.__array_ufunc__
        or cls.__array_function__ is not plain.__array_function__
    )


def _canonical(x: np.ndarray, dtype: DType) -> np.ndarray:
    """The array with the dtype object that the native entry compares with, not an equal one.

    Unpickled arrays have others, and np.longlong is one beside np.int64.
    """
    return x if x.dtype is dtype.numpy else x.view(dtype.numpy)


def _converted(x: Any) -> tuple[Any, LeafKey] | None:
    """Subclasses of numbers and arrays, and foreign arrays, as what they stand for.

    Arrays on the GPU stay what they are.
    """
    if is_on_gpu(x):
        return x, array_key(values.type_of(x))
    if hasattr(x, "__cuda_array_interface__"):
        raise DeviceError(
            "an argument is an array of another library on the GPU",
            got=f"{type(x).__module__}.{type(x).__name__}",
            hint="tw.from_dlpack(x) shares its memory",
        )
    if isinstance(x, np.ndarray) or hasattr(x, "__array__"):
        if isinstance(x, np.generic):
            dtype = DType.of(x.dtype)
            if dtype is not None:
                return x, _SCALARS.setdefault(type(x), LeafKey(LeafKind.NUMPY_SCALAR, dtype))
            raise values.unsupported_dtype(x.dtype)
        return _native_array(x if isinstance(x, np.ndarray) else np.asarray(x))
    if isinstance(x, _ALWAYS_STATIC):
        return None
    for cls, key in _PYTHON_NUMBERS.items():
        if isinstance(x, cls):
            return cls(x), key
    if isinstance(x, complex):
        raise DTypeError("complex numbers are not supported", got=repr(x))
    return None


def _listed(x: Any, one: type) -> tuple[Any, ...]:
    return (x,) if isinstance(x, one) else tuple(x)


def signature_of(function: Callable[..., Any]) -> inspect.Signature | None:
    """The parameters; None for those builtins that do not tell."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _parameter_names(function: Callable[..., Any]) -> list[str]:
    """The names of the parameters that can be passed by position."""
    signature = signature_of(function)
    if signature is None:
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in signature.parameters.values() if p.kind in kinds]


def _all_names(function: Callable[..., Any]) -> set[str] | None:
    """Every name that an argument can have; None if any name is accepted."""
    signature = signature_of(function)
    if signature is None:
        return None
    parameters = signature.parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return None
    return set(parameters)


# --- types in place of arguments ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """The type of an array argument, for compiling without data: `TensorSpec("f64[n, 3]")`.

    A size that is a name may differ from call to call; it stands for a size of at least 2.
    """

    type: TensorType

    def __init__(self, type: TensorType | str) -> None:
        found = parse_type(type) if isinstance(type, str) else type
        for size in found.shape:
            if not (size >= 0 if isinstance(size, int) else str(size) in size.names()):
                raise ShapeError(
                    "the size of an argument is a name or an int of at least 0",
                    got=f"{size} in {found}",
                )
        object.__setattr__(self, "type", found)

    @property
    def shape(self) -> Shape:
        """The sizes: ints and `Dim`s."""
        return self.type.shape


def spec_of(key: LeafKey, shape: Shape) -> LeafSpec:
    """The type of a data leaf."""
    return LeafSpec(key.kind, TensorType(key.dtype, shape))


def array_key(type: TensorType) -> LeafKey:
    """The key of an array of this type."""
    return _array_key(type.dtype, type.rank)
