"""Arrays on the GPU, as users see them: NumPy's operators, functions and methods.

Layer: frontend, loaded when the first such array is made. What an operator or function computes is
a jitted function of one operation, kept by that operation, so the result stays on the device.
Parts that lie side by side (`x[2:4]`, `x.reshape(...)`) are views of the same memory, since arrays
on the device never change.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from ..compiler.errors import DTypeError, UnsupportedError
from ..compiler.ir.types import DType
from ..runtime.cuda import arrays
from . import dispatch as _dispatch  # noqa: F401  fills the table of functions
from . import values
from .arguments import Static
from .jit import Jitted
from .location import user_location
from .operators import Operators
from .placement import GPU
from .table import find, lookup, name_of
from .tree import TreeDef, flatten, unflatten

_AGAINST_CHANGE = "arrays on the GPU do not change: write x = x + y, or np.where(condition, new, x)"


class DeviceArray(Operators, arrays.DeviceArray):
    """An array on the GPU. It never changes.

    `np.asarray(x)` copies it to the host, and waits for what computes it.
    """

    __slots__ = ()
    __array_priority__ = 900.0
    _rank = -1  # operations with traced arrays are theirs

    # -- what it is -----------------------------------------------------------------------------

    @property
    def device(self) -> str:
        """Where it lies: "gpu"."""
        return "gpu"

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.shape)

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return prod(self.shape) * self.dtype.itemsize

    @property
    def T(self) -> Any:
        """The array with its axes reversed."""
        return self if len(self.shape) < 2 else run(np.transpose, (self,), {})

    @property
    def mT(self) -> Any:
        """The array with its last two axes swapped."""
        return run(np.matrix_transpose, (self,), {})

    @property
    def real(self) -> DeviceArray:
        """The array itself: it has no imaginary part."""
        return self

    @property
    def imag(self) -> Any:
        """Zeros: a real array has no imaginary part."""
        return run(np.zeros_like, (self,), {})

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[k] for k in range(self.shape[0]))

    def __repr__(self) -> str:
        text = np.array2string(np.asarray(self), separator=", ", prefix="DeviceArray(")
        shape = "" if self.size else f", shape={self.shape}"
        return f"DeviceArray({text}{shape}, dtype={self.dtype}, device='gpu')"

    def __str__(self) -> str:
        return str(np.asarray(self))

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    # -- its elements ---------------------------------------------------------------------------

    def item(self, *index: Any) -> Any:
        """The only element, or the one at an index, as a Python number."""
        return np.asarray(self[index] if index and len(index) == len(self.shape) else self).item(
            *(() if len(index) == len(self.shape) else index)
        )

    def tolist(self) -> Any:
        """The elements as Python numbers, in nested lists."""
        return np.asarray(self).tolist()

    def tobytes(self, order: Any = "C") -> bytes:
        """The elements as bytes."""
        return np.asarray(self).tobytes(order)

    def _number(self) -> Any:
        if self.size != 1:
            raise TypeError("only arrays with one element can be converted to Python numbers")
        return self.item()

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(
                "The truth value of an array with more than one element is ambiguous. Use a.any()"
                " or a.all()"
            )
        return bool(self.item())

    def __int__(self) -> int:
        return int(self._number())

    def __float__(self) -> float:
        return float(self._number())

    def __complex__(self) -> complex:
        return complex(self._number())

    def __index__(self) -> int:
        if self.shape or self.dtype.kind not in "iu":
            raise TypeError("only integer scalar arrays can be converted to a scalar index")
        return int(self.item())

    def to_device(self, device: str, /, *, stream: None = None) -> Any:
        """The array on a device: itself on "gpu", a NumPy array on "cpu"."""
        if device not in ("cpu", "gpu"):
            raise ValueError(f"device is {device!r}; there are cpu, gpu")
        return self if device == "gpu" else np.asarray(self)

    def __reduce__(self) -> Any:
        return np.asarray(self).__reduce__()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return np.asarray(self).__reduce_ex__(protocol)

    def __copy__(self) -> DeviceArray:
        return self

    def __deepcopy__(self, memo: Any) -> DeviceArray:
        return self

    # -- computing with it ----------------------------------------------------------------------

    def _call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return run(function, args, kwargs)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if _is_for_others(inputs):
            return NotImplemented
        return run(ufunc if method == "__call__" else getattr(ufunc, method), inputs, kwargs)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> Any:
        if any(issubclass(each, Operators) and each._rank > self._rank for each in types):
            return NotImplemented
        return run(function, args, kwargs)

    def __getitem__(self, index: Any) -> Any:
        part = _contiguous_part(self.shape, index)
        if part is None:
            return run(operator.getitem, (self, index), {})
        start, shape = part
        return self.part(start, shape)

    def __setitem__(self, index: Any, value: Any) -> None:
        raise _unchangeable(_SIGNS[operator.setitem])

    def reshape(self, *shape: Any, order: str = "C", copy: bool | None = None) -> Any:
        """As `numpy.ndarray.reshape`; a view."""
        sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        if order != "C" or copy:
            return run(np.ndarray.reshape, (self, *shape), {"order": order})
        return self.part(0, _filled_in(self.size, tuple(map(operator.index, sizes))))

    def ravel(self, order: str = "C") -> Any:
        """As `numpy.ndarray.ravel`; a view."""
        return self.reshape(-1, order=order)

    flatten = ravel

    def copy(self, order: str = "C") -> DeviceArray:
        """The array itself, which never changes."""
        return self


def _is_for_others(operands: Sequence[Any]) -> bool:
    """Whether a traced array is among the operands: the operation belongs to its trace."""
    return any(isinstance(x, Operators) and x._rank > DeviceArray._rank for x in operands)


def _unchangeable(what: str) -> UnsupportedError:
    return UnsupportedError(
        f"{what} would change an array on the GPU",
        loc=user_location(),
        hint=_AGAINST_CHANGE,
    )


# -- making them --------------------------------------------------------------------------------


def put(x: Any, path: str) -> DeviceArray:
    """A copy of an array or a number on the device; `path` is what messages call it."""
    if type(x) is DeviceArray:
        return x
    if hasattr(x, "__cuda_array_interface__") or _is_on_device(x):
        return shared(x).copied()
    if isinstance(x, (str, bytes)) or not (
        isinstance(x, (np.ndarray, np.generic, bool, int, float, complex))
        or hasattr(x, "__array__")
    ):
        raise DTypeError(
            f"device_put: {path} is neither an array nor a number",
            got=type(x).__name__,
            loc=user_location(),
        )
    array = np.asarray(x)
    dtype = DType.of(array.dtype.newbyteorder("="))
    if dtype is None:
        raise values.unsupported_dtype(array.dtype)
    return DeviceArray.from_host(np.asarray(array, dtype.numpy, order="C"))


GPU.array, GPU.put, GPU.in_use = DeviceArray, put, True


def shared(x: Any) -> DeviceArray:
    """An array of another library on the same memory, if it lies on the device."""
    if type(x) is DeviceArray:
        return x
    if not hasattr(x, "__dlpack__") and not hasattr(x, "__cuda_array_interface__"):
        raise TypeError(f"from_dlpack: a {type(x).__name__} is no array of another library")
    made = DeviceArray.from_other(x)
    if DType.of(made.dtype) is None:
        raise values.unsupported_dtype(made.dtype)
    return made


def _is_on_device(x: Any) -> bool:
    """Whether an array of another library lies on our device, and not on the host."""
    if isinstance(x, np.ndarray) or not hasattr(x, "__dlpack_device__"):
        return False
    return arrays.is_own_device(x.__dlpack_device__())


# -- views --------------------------------------------------------------------------------------


def _contiguous_part(shape: tuple[int, ...], index: Any) -> tuple[int, tuple[int, ...]] | None:
    """Where x[index] starts, in elements, and its shape; None if it does not lie side by side.

    Integers, then at most one slice that leaves something out, then whole axes.
    """
    items = index if type(index) is tuple else (index,)
    if len(items) > len(shape):
        return None
    start, rest = 0, prod(shape)
    kept: list[int] = []
    is_whole = False  # from here on, axes have to be whole
    for axis, item in enumerate(items):
        size = shape[axis]
        rest //= max(size, 1)
        if isinstance(item, (int, np.integer)) and not isinstance(item, bool):
            if kept:
                return None
            at = int(item)
            if not -size <= at < size:
                raise IndexError(f"index {at} is out of bounds for axis {axis} with size {size}")
            start += (at + size if at < 0 else at) * rest
            continue
        if type(item) is not slice:
            return None
        first, last, step = item.indices(size)
        count = max(0, last - first)
        if step != 1 or (is_whole and count != size):
            return None
        start += first * rest if count else 0
        kept.append(count)
        is_whole = True
    return start, (*kept, *shape[len(items) :])


def _filled_in(size: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape with a number in place of -1."""
    known = prod(d for d in shape if d != -1)
    if shape.count(-1) == 1 and known and size % known == 0:
        shape = tuple(size // known if d == -1 else d for d in shape)
    if any(d < 0 for d in shape) or prod(shape) != size:
        raise ValueError(f"cannot reshape array of size {size} into shape {shape}")
    return shape


# -- one operation ------------------------------------------------------------------------------

# Those of numbers are data: x * 2 and x * 3 are one program. Elsewhere they are axes, shapes, ...
_OF_NUMBERS = frozenset(
    {
        operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv,
        operator.mod, operator.pow, operator.and_, operator.or_, operator.xor,
        operator.lshift, operator.rshift, operator.lt, operator.le, operator.gt, operator.ge,
        operator.eq, operator.ne, divmod, np.where, np.clip, np.ndarray.clip,
    }
)  # fmt: skip
_SIGNS = {
    operator.iadd: "x += y", operator.isub: "x -= y", operator.imul: "x *= y",
    operator.itruediv: "x /= y", operator.ifloordiv: "x //= y", operator.imod: "x %= y",
    operator.ipow: "x **= y", operator.imatmul: "x @= y", operator.iand: "x &= y",
    operator.ior: "x |= y", operator.ixor: "x ^= y", operator.ilshift: "x <<= y",
    operator.irshift: "x >>= y", operator.setitem: "x[index] = value",
}  # fmt: skip
_IN_PLACE = frozenset(
    {
        *_SIGNS, np.ndarray.sort, np.ndarray.fill, np.ndarray.put, np.ndarray.partition,
        np.ndarray.resize, np.put, np.copyto, np.place, np.putmask, np.fill_diagonal,
    }
)  # fmt: skip
_ON_HOST = frozenset(
    {
        np.array_repr, np.array_str, np.array2string, np.save, np.savez, np.savez_compressed,
        np.savetxt, np.ndarray.tofile, np.ndarray.dump, np.ndarray.dumps,
    }
)  # fmt: skip
_OF_SHAPES: dict[Any, Callable[..., Any]] = {
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.size: lambda a, axis=None: a.size if axis is None else a.shape[axis],
    np.iscomplexobj: lambda x: False,
    np.isrealobj: lambda x: True,
    np.reshape: lambda a, shape, **options: a.reshape(shape, **options),
    np.ravel: lambda a, **options: a.ravel(**options),
}


def run(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """`function(*args, **kwargs)` on the GPU, for a function or operator of NumPy."""
    if function in _OF_SHAPES and type(args[0]) is DeviceArray:
        return _OF_SHAPES[function](*args, **kwargs)
    if function in _ON_HOST:
        return _run_on_host(function, args, kwargs)
    is_of_numbers = function in _OF_NUMBERS or type(function) is np.ufunc
    if not kwargs and (_DATA if is_of_numbers else _ARRAYS).issuperset(map(type, args)):
        return _on_data(function, len(args))(*args)
    _check_changes(function, kwargs)
    leaves, tree = flatten((tuple(args), kwargs))
    data = [x for x in leaves if _is_data(x, is_of_numbers)]
    statics = tuple([None if _is_data(x, is_of_numbers) else _static(x) for x in leaves])
    return _program(function, tree, statics)(*data)


_ARRAYS = frozenset({DeviceArray, np.ndarray})
_DATA = _ARRAYS | {float, int, bool}


@lru_cache(maxsize=1024)
def _on_data(function: Any, count: int) -> Jitted:
    """The jitted operation on so many arrays and numbers."""
    _check_changes(function, {})
    return _program(function, flatten(((0.0,) * count, {}))[1], (None,) * count)


def _check_changes(function: Any, kwargs: dict[str, Any]) -> None:
    """Refuse what would change an array."""
    if function in _IN_PLACE or getattr(function, "__name__", "") == "at":
        raise _unchangeable(_SIGNS.get(function) or name_of(function))
    out = kwargs.get("out")
    outs = out if isinstance(out, tuple) else (out,)
    if any(type(x) is DeviceArray for x in outs):
        raise _unchangeable(f"{name_of(function)}: out=")
    if any(x is not None for x in outs):
        raise UnsupportedError(
            f"{name_of(function)}: out= is an array on the host, the operands lie on the GPU",
            loc=user_location(),
            hint="leave out= away, or copy the operands to the host: np.asarray(x)",
        )


def _is_data(x: Any, numbers: bool) -> bool:
    cls = type(x)
    if cls is DeviceArray or isinstance(x, (np.ndarray, np.generic)):
        return True
    return numbers and (cls is float or cls is int or cls is bool)


def _static(x: Any) -> Static:
    # slices cannot be hashed before Python 3.12
    return Static(x, (slice, x.start, x.stop, x.step)) if type(x) is slice else Static.of(x)


@lru_cache(maxsize=4096)
def _program(function: Any, tree: TreeDef, statics: tuple[Static | None, ...]) -> Jitted:
    """The jitted operation."""
    if find(function) is None:
        raise UnsupportedError(
            f"{name_of(function)} is not supported on arrays on the GPU",
            loc=user_location(),
            hint="compute it on the host: np.asarray(x) copies the array there",
        )

    def operation(*data: Any) -> Any:
        rest = iter(data)
        leaves = [next(rest) if s is None else s.value for s in statics]
        args, kwargs = unflatten(tree, leaves)
        return lookup(function)(*args, **kwargs)

    operation.__name__ = getattr(function, "__name__", "operation")
    return Jitted(operation)


def _run_on_host(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    leaves, tree = flatten((tuple(args), kwargs))
    host = [np.asarray(x) if type(x) is DeviceArray else x for x in leaves]
    args, kwargs = unflatten(tree, host)
    return function(*args, **kwargs)
