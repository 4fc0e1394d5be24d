"""Variables: values that change, with TensorFlow's methods.

Layer: frontend. A variable holds a tensor; assigning puts another one in its place, so tensors that
were read before stay as they are. While a function is traced, reads and assignments go to its
`FunctionTrace` (concrete.py), which makes the value an argument and a result of the program.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import getrefcount
from typing import Any

import numpy as np

from ..placement import GPU, is_on_gpu, on_host
from .convert import convert_to_tensor
from .dtypes import DType
from .shapes import TensorShape
from .tensors import (
    OPERATOR_NAMES,
    OPERATORS,
    PART_METHODS,
    STATE,
    Reference,
    Tensor,
    device_of,
    numpy_text,
)


class Cell:
    """Where a variable's value is; shared by all that stand for the variable."""

    __slots__ = ("__weakref__", "_tensor", "array", "dtype", "name", "shape", "trainable")

    def __init__(self, tensor: Tensor, name: str, trainable: bool, shape: TensorShape) -> None:
        self.array = in_order(tensor._value)
        self._tensor: Tensor | None = tensor
        self.dtype: DType = tensor.dtype
        self.shape = shape
        self.name = name
        self.trainable = trainable

    def __reduce__(self) -> tuple[Any, ...]:
        return Cell, (self.tensor, self.name, self.trainable, self.shape)

    @property
    def tensor(self) -> Tensor:
        """The value outside of traces; one object until it changes."""
        if self._tensor is None:
            self._tensor = Tensor(self.array, self.dtype)
        return self._tensor

    def put(self, array: Any) -> None:
        """Replace the value; the array must not change any more."""
        self.array = array
        self._tensor = None

    def lend(self) -> Any:
        """The value, to be overwritten: a copy, if anything else may look at the array."""
        if self._tensor is not None and _references(self, "_tensor") == _ALONE:
            self._tensor = None
        is_own = self.array.flags.owndata and self.array.flags.writeable
        if is_own and _references(self, "array") == _ALONE:
            return self.array
        self._tensor = None
        self.array = self.array.copy()
        return self.array

    def read(self) -> Tensor:
        """The value now, noted by the tapes that record."""
        trace = STATE.function
        tensor = self.tensor if trace is None else trace.read(self)
        for tape in STATE.recorders:
            tape._read_variable(self, tensor)
        return tensor

    def write(self, tensor: Tensor) -> None:
        """Put another value in place."""
        trace = STATE.function
        if trace is None and GPU.in_use and is_on_gpu(self.array) != is_on_gpu(tensor._value):
            self.put(_moved(tensor._value))  # a variable stays where it is
        elif trace is None:
            self.array, self._tensor = in_order(tensor._value), tensor
        else:
            trace.write(self, tensor)


def _references(cell: Cell, name: str) -> int:
    """How many references there are to an attribute's value, those of this function included."""
    value = getattr(cell, name)
    return getrefcount(value)


def _count_alone() -> int:
    """What `_references` gives where the cell alone holds the value: interpreters differ."""
    cell = Cell.__new__(Cell)
    cell.array = np.zeros(1)
    return _references(cell, "array")


_ALONE = _count_alone()


def _moved(array: Any) -> Any:
    """The array on the other side."""
    return on_host(array) if is_on_gpu(array) else GPU.put(array, "value")


def in_order(array: Any) -> Any:
    """The array as native code takes it: its elements side by side, in row-major order.

    Transposes and arrays that are one number everywhere are views with other strides.
    """
    if type(array) is np.ndarray and not array.flags.c_contiguous:
        return array.copy(order="C")
    return array


class Variable:
    """A value that can be assigned to.

    Args:
        initial_value: what `convert_to_tensor` takes, or a function without arguments that returns
            it.
        trainable: whether tapes watch it and optimisers change it.
        name: how it is printed.
        dtype: what the initial value is converted to.
        constraint: applied by optimisers to the value after an update.
        shape: the declared shape; sizes may be None.
    """

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        import_scope: Any = None,
        constraint: Callable[[Any], Any] | None = None,
        synchronization: Any = None,
        aggregation: Any = None,
        shape: Any = None,
    ) -> None:
        if initial_value is None:
            raise ValueError(
                "The `initial_value` arg to `tf.Variable` must be specified except when you are not"
                " providing a `variable_def`."
            )
        value = initial_value() if callable(initial_value) else initial_value
        tensor = convert_to_tensor(value, dtype)
        if tensor.is_symbolic and STATE.function is not None:
            tensor = STATE.function.initial_value(tensor)
        declared = tensor.shape if shape is None else TensorShape(shape)
        declared.assert_is_compatible_with(tensor.shape)
        chosen = True if trainable is None else bool(trainable)
        self._cell = Cell(tensor, name or "Variable", chosen, declared)
        self.constraint = constraint
        self._initial = tensor
        if STATE.function is not None:
            STATE.function.created(self)

    def _read_tensor(self) -> Tensor:
        return self._cell.read()

    def _concrete(self, what: str) -> Any:
        return self._cell.tensor._concrete(what)

    # -- what it is -------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name with the number of the output, `w:0`."""
        return f"{self._cell.name}:0"

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self._cell.dtype

    @property
    def shape(self) -> TensorShape:
        """The sizes."""
        return self._cell.shape

    def get_shape(self) -> TensorShape:
        """As `shape`."""
        return self.shape

    @property
    def ndim(self) -> int | None:
        """The number of axes."""
        return self.shape.rank

    @property
    def trainable(self) -> bool:
        """Whether tapes watch it."""
        return self._cell.trainable

    @property
    def device(self) -> str:
        """Where it lies."""
        return device_of(self._cell.array)

    @property
    def handle(self) -> Cell:
        """What all objects for this variable share."""
        return self._cell

    def ref(self) -> Reference:
        """Something hashable that stands for this variable."""
        return Reference(self._cell)

    experimental_ref = ref

    # -- its value --------------------------------------------------------------------------------

    def value(self) -> Tensor:
        """The value now, as a tensor."""
        return self._cell.read()

    read_value = value

    def numpy(self) -> Any:
        """The value now, as an array of its own."""
        return self._cell.tensor.numpy()

    def initialized_value(self) -> Tensor:
        """The value that it started with."""
        return self._initial

    initial_value = property(initialized_value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self._cell.tensor.__array__(dtype, copy)

    def __bool__(self) -> bool:
        return bool(self._cell.read())

    def __int__(self) -> int:
        return int(self._cell.read())

    def __float__(self) -> float:
        return float(self._cell.read())

    def __index__(self) -> int:
        return self._cell.read().__index__()

    def __len__(self) -> int:
        return len(self._cell.read())

    def __iter__(self) -> Any:
        return iter(self._cell.read())

    def __format__(self, spec: str) -> str:
        return format(self._cell.read(), spec) if spec else repr(self)

    def __hash__(self) -> int:
        raise TypeError("Variable is unhashable. Instead, use variable.ref() as the key.")

    # -- changing it ------------------------------------------------------------------------------

    def assign(
        self,
        value: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Put another value in place; of the same dtype and a shape that fits.

        Raises:
            ValueError: the shape or the dtype does not fit.
        """
        tensor = convert_to_tensor(value, self.dtype)
        if not self.shape.is_compatible_with(tensor.shape):
            raise ValueError(
                f"Cannot assign value to variable '{self.name}': Shape mismatch.The variable shape "
                f"{self.shape}, and the assigned value shape {tensor.shape} are incompatible."
            )
        self._cell.write(tensor)
        return UnreadVariable(self) if read_value else None

    def assign_add(
        self,
        delta: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Add to the value."""
        return self._update("add", "AssignAddVariableOp", delta, read_value)

    def assign_sub(
        self,
        delta: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Subtract from the value."""
        return self._update("sub", "AssignSubVariableOp", delta, read_value)

    def _update(self, operator: str, op: str, delta: Any, read_value: bool) -> Any:
        tensor = convert_to_tensor(delta, self.dtype)
        if not self.shape.is_compatible_with(tensor.shape):
            raise ValueError(
                f"Cannot update variable with shape {self.shape} using a Tensor with shape "
                f"{tensor.shape}, shapes must be equal. [Op:{op}]"
            )
        recorders, STATE.recorders = STATE.recorders, ()
        try:
            self._cell.write(OPERATORS[operator](self._cell.read(), tensor))
        finally:
            STATE.recorders = recorders
        return UnreadVariable(self) if read_value else None

    # -- printed form -----------------------------------------------------------------------------

    def __repr__(self) -> str:
        head = f"<tf.Variable '{self.name}' shape={self.shape} dtype={self.dtype.name}"
        if self._cell.tensor.is_symbolic or STATE.function is not None:
            return f"{head}>"
        return f"{head}, {numpy_text(self)}>"


class UnreadVariable(Variable):
    """What an assignment returns: the variable, read when it is used."""

    def __init__(self, variable: Variable) -> None:
        self._cell = variable._cell
        self.constraint = variable.constraint
        self._initial = variable._initial

    def __repr__(self) -> str:
        return super().__repr__().replace(f"'{self.name}'", "'UnreadVariable'", 1)


def _operator(name: str) -> None:
    def method(self: Variable, *args: Any) -> Any:
        return OPERATORS[name](self, *args)

    method.__name__ = f"__{name}__"
    setattr(Variable, f"__{name}__", method)


for _name in OPERATOR_NAMES:
    if _name != "getitem":
        _operator(_name)


def _getitem(self: Variable, index: Any) -> Tensor:
    part: Tensor = OPERATORS["getitem"](self._cell.read(), index)
    part._part = self, index
    return part


setattr(Variable, "__getitem__", _getitem)  # noqa: B010  (as the operators above)


def _assign_part(self: Tensor, value: Any, name: str | None = None) -> Any:
    """Replace this part of the variable."""
    variable, index = self._part
    part = convert_to_tensor(value, self.dtype)
    return variable.assign(OPERATORS["replace_part"](variable, index, part))


def _add_to_part(self: Tensor, delta: Any, name: str | None = None) -> Any:
    """Add to this part of the variable."""
    return _assign_part(self, OPERATORS["add"](self, convert_to_tensor(delta, self.dtype)))


def _subtract_from_part(self: Tensor, delta: Any, name: str | None = None) -> Any:
    """Subtract from this part of the variable."""
    return _assign_part(self, OPERATORS["sub"](self, convert_to_tensor(delta, self.dtype)))


PART_METHODS["assign"] = _assign_part
PART_METHODS["assign_add"] = _add_to_part
PART_METHODS["assign_sub"] = _subtract_from_part


def is_variable(x: Any) -> bool:
    """Whether x is a variable."""
    return isinstance(x, Variable)
