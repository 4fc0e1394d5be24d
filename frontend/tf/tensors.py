"""The tensor: an immutable array with TensorFlow's methods, operators and printed form.

Layer: frontend. A tensor holds a concrete array (an ndarray, or a NumPy scalar for shape ()) or,
while a function is traced, a `Tracer`. Operators and methods are looked up in a table that the op
modules fill (`OPERATORS`), so that this module needs none of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from ..placement import GPU, is_on_gpu, placed
from ..tracer import Tracer
from . import dtypes
from .dtypes import DType
from .errors import OperatorNotAllowedInGraphError
from .shapes import TensorShape

# name of the special method -> implementation; "getitem" among them
OPERATORS: dict[str, Callable[..., Any]] = {}
# assign and the like, of parts of variables
PART_METHODS: dict[str, Callable[..., Any]] = {}
_numbers = count()


class Tensor:
    """An immutable array. Made by ops, `tf.constant` and `tf.convert_to_tensor`."""

    __slots__ = ("__weakref__", "_keras_mask", "_name", "_part", "_value", "dtype")
    _keras_mask: Any  # only of tensors that layers have put one on
    # NumPy's operators leave expressions like `ndarray + tensor` to the tensor.
    __array_priority__ = 100

    def __init__(self, value: Any, dtype: DType | None = None) -> None:
        if GPU.in_use:
            value = placed(value)
        self._value = value
        self.dtype = dtype if dtype is not None else dtypes.of_numpy(value.dtype)
        self._name = ""
        self._part: Any = None  # (variable, index) of a part of a variable, which can be assigned

    # -- what it is -------------------------------------------------------------------------------

    @property
    def shape(self) -> TensorShape:
        """The sizes of the axes; None for a size that differs from call to call."""
        sizes = self._value.shape
        return TensorShape([d if isinstance(d, int) else None for d in sizes])

    def get_shape(self) -> TensorShape:
        """As `shape`."""
        return self.shape

    def set_shape(self, shape: Any) -> None:
        """Check that the shape is compatible with what is known."""
        self.shape.assert_is_compatible_with(shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._value.shape)

    @property
    def name(self) -> str:
        """The name of the op and the number of its output; of symbolic tensors only."""
        if not self.is_symbolic:
            raise AttributeError("Tensor.name is undefined when eager execution is enabled.")
        if not self._name:
            self._name = f"Tensor_{next(_numbers)}:0"
        return self._name

    @property
    def is_symbolic(self) -> bool:
        """Whether it stands for a value that is known only when a traced function runs."""
        return type(self._value) is Tracer and not self._value._is_known

    @property
    def device(self) -> str:
        """Where it lies."""
        return device_of(self._value)

    # -- its elements -----------------------------------------------------------------------------

    def numpy(self) -> Any:
        """The elements, as an array of their own; a scalar for shape ()."""
        value = self._concrete("numpy()")
        if is_on_gpu(value):
            value = np.asarray(value)
        elif value.ndim:
            return value.copy()
        return value if value.ndim else value[()]

    def _concrete(self, what: str) -> Any:
        if type(self._value) is Tracer:
            if self._value._is_known:
                return self._value._known
            raise NotImplementedError(
                f"{what} is not available while a tf.function is traced: the tensor has no value"
            )
        return self._value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        value = self._concrete("__array__()")
        if copy is False:
            return np.asarray(value, dtype)
        return np.array(value, dtype)

    def _scalar(self, what: str, convert: Callable[[Any], Any]) -> Any:
        if self.is_symbolic:
            raise OperatorNotAllowedInGraphError(
                f"Using a symbolic `tf.Tensor` as a Python `{what}` is not allowed: "
                "use tf.cond, tf.while_loop or tf.where"
            )
        value = self._concrete(what)
        if value.size != 1:
            raise ValueError(
                "The truth value of an array with more than one element is ambiguous. "
                "Use a.any() or a.all()"
                if what == "bool"
                else "only length-1 arrays can be converted to Python scalars"
            )
        return convert(value.reshape(())[()])

    def __bool__(self) -> bool:
        return bool(self._scalar("bool", bool))

    def __int__(self) -> int:
        return int(self._scalar("int", int))

    def __float__(self) -> float:
        return float(self._scalar("float", float))

    def __complex__(self) -> complex:
        return complex(self._scalar("complex", complex))

    def __index__(self) -> int:
        if not self.dtype.is_integer:
            raise TypeError("only integer scalar tensors can be converted to a scalar index")
        return int(self._scalar("index", int))

    def __format__(self, spec: str) -> str:
        if self.is_symbolic:
            return format(repr(self), spec)
        value = np.asarray(self._concrete("format()"))
        return format(value.item() if not value.ndim else value, spec)

    def __len__(self) -> int:
        shape = self._value.shape
        if not shape:
            raise TypeError("Scalar tensor has no `len()`")
        if not isinstance(shape[0], int):
            raise TypeError("len is not well defined for a symbolic Tensor. Use `tf.shape`.")
        return int(shape[0])

    def __iter__(self) -> Iterator[Tensor]:
        if not self._value.shape:
            raise TypeError("Cannot iterate over a scalar tensor")
        return (OPERATORS["getitem"](self, k) for k in range(len(self)))

    def __hash__(self) -> int:
        raise TypeError("Tensor is unhashable. Instead, use tensor.ref() as the key.")

    def ref(self) -> Reference:
        """Something hashable that stands for this tensor."""
        return Reference(self)

    experimental_ref = ref

    def __deepcopy__(self, memo: Any) -> Tensor:
        return self

    def __copy__(self) -> Tensor:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (self._concrete("pickling"),)

    def __dlpack__(self, **options: Any) -> Any:
        return self._concrete("__dlpack__()").__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        value = self._concrete("__dlpack_device__()")
        return value.__dlpack_device__() if is_on_gpu(value) else np.zeros(0).__dlpack_device__()

    def __getattr__(self, name: str) -> Any:
        if name in PART_METHODS and self._part is not None:
            return partial(PART_METHODS[name], self)
        raise AttributeError(f"'Tensor' object has no attribute '{name}'")

    # -- printed form -----------------------------------------------------------------------------

    def __repr__(self) -> str:
        if self.is_symbolic:
            return f"<tf.Tensor '{self.name}' shape={self.shape} dtype={self.dtype.name}>"
        return f"<tf.Tensor: shape={self.shape}, dtype={self.dtype.name}, {numpy_text(self)}>"

    def __str__(self) -> str:
        if self.is_symbolic:
            return f'Tensor("{self.name}", shape={self.shape}, dtype={self.dtype.name})'
        text = _text(self._concrete("str()"))
        text = f"\n{text}" if "\n" in text else text
        return f"tf.Tensor({text}, shape={self.shape}, dtype={self.dtype.name})"


def _unpickled(value: Any) -> Tensor:
    dtype = dtypes.of_numpy(value.dtype)
    if not np.ndim(value):
        return Tensor(value, dtype)
    # unpickled arrays have dtypes of their own, which programs do not take for NumPy's
    made = np.empty(value.shape, dtype.numpy)
    made[...] = value
    return Tensor(made, dtype)


def device_of(value: Any) -> str:
    """The full name of the device where an array lies."""
    kind = "GPU" if is_on_gpu(value) else "CPU"
    return f"/job:localhost/replica:0/task:0/device:{kind}:0"


class Reference:
    """A hashable stand-in for a tensor or variable; equal if it is the same object."""

    __slots__ = ("_object",)

    def __init__(self, object: Any) -> None:
        self._object = object

    def deref(self) -> Any:
        """What it stands for."""
        return self._object

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and self._object is other._object

    def __hash__(self) -> int:
        return id(self._object)

    def __repr__(self) -> str:
        return f"<Reference wrapping {self._object!r}>"


def numpy_text(x: Any) -> str:
    """`numpy=...` as tensors and variables print it."""
    value = np.asarray(x._concrete("repr()"))
    if value.ndim == 0:
        return f"numpy={value.item()!r}"
    text = repr(value)
    return f"numpy=\n{text}" if "\n" in text else f"numpy={text}"


def _text(value: Any) -> str:
    value = np.asarray(value)
    if value.ndim == 0:
        return str(value[()])
    return str(value)


def _operator(name: str) -> None:
    def method(self: Tensor, *args: Any) -> Any:
        return OPERATORS[name](self, *args)

    method.__name__ = f"__{name}__"
    setattr(Tensor, f"__{name}__", method)


OPERATOR_NAMES = (
    "add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "floordiv", "rfloordiv",
    "mod", "rmod", "pow", "rpow", "matmul", "rmatmul", "neg", "abs", "invert", "and", "rand", "or",
    "ror", "xor", "rxor", "lt", "le", "gt", "ge", "eq", "ne", "getitem", "round",
)  # fmt: skip
for _name in OPERATOR_NAMES:
    _operator(_name)


class _State(threading.local):
    """What is going on, on this thread."""

    def __init__(self) -> None:
        self.recorders: tuple[Any, ...] = ()  # tapes that record, outermost first
        self.function: Any = None  # the trace of a tf.function, innermost
        self.environment: Any = None  # of the op of a graph that runs; see graph/state.py


STATE = _State()
