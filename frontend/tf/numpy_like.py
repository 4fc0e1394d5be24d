"""tf.experimental.numpy: NumPy's functions, which take and give tensors.

Layer: frontend. Functions are NumPy's own, so dtypes follow NumPy's rules, not TensorFlow's:
numbers become int64 and float64, and operands of different dtypes are promoted. A call is one op:
tapes record it, and traced functions compile it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..tree import TreeDef, flatten, unflatten
from . import dtypes
from .apply import apply
from .convert import convert_to_tensor
from .tensors import Tensor

_NAMES = """
    abs absolute add all allclose amax amin any append arange arccos arccosh arcsin arcsinh
    arctan arctan2 arctanh argmax argmin argsort around array array_equal asanyarray asarray
    ascontiguousarray atleast_1d atleast_2d atleast_3d average bitwise_and bitwise_not
    bitwise_or bitwise_xor broadcast_arrays broadcast_to cbrt ceil clip compress concatenate
    conj conjugate copy cos cosh count_nonzero cross cumprod cumsum deg2rad diag diag_indices
    diagflat diagonal diff divide divmod dot dsplit dstack einsum empty empty_like equal exp
    exp2 expand_dims expm1 eye fabs fix flip fliplr flipud float_power floor floor_divide full
    full_like gcd geomspace greater greater_equal heaviside hsplit hstack hypot identity imag
    inner isclose isfinite isinf isnan isneginf isposinf isreal ix_ kron lcm less less_equal
    linspace log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or
    logical_xor logspace matmul max maximum mean meshgrid min minimum mod moveaxis multiply
    nanmean nanprod nansum negative nextafter nonzero not_equal ones ones_like outer pad polyval
    positive power prod ptp rad2deg ravel real reciprocal remainder repeat reshape roll rot90
    round select sign signbit sin sinc sinh sort split sqrt square squeeze stack std subtract
    sum swapaxes take take_along_axis tan tanh tensordot tile trace transpose tri tril triu
    true_divide unique vander var vdot vsplit vstack where zeros zeros_like
"""
# Functions whose results are no arrays.
_PLAIN = "finfo iinfo iscomplexobj isrealobj isscalar issubdtype ndim promote_types result_type"
_PLAIN += " shape size"


@dataclass(frozen=True)
class _Arguments:
    """How a function is called: all but its arrays."""

    name: str
    tree: TreeDef
    statics: tuple[tuple[bool, Any], ...]  # per leaf: whether it is an array, else what it is

    def rebuild(self, arrays: Sequence[Any]) -> tuple[Any, Any]:
        """Positional and keyword arguments."""
        rest = iter(arrays)
        args, kwargs = unflatten(self.tree, [next(rest) if a else x for a, x in self.statics])
        return args, kwargs


def _call(*arrays: Any, arguments: _Arguments) -> Any:
    args, kwargs = arguments.rebuild(arrays)
    found = getattr(np, arguments.name)(*args, **kwargs)
    if isinstance(found, (tuple, list)):
        return tuple(found)
    return found if hasattr(found, "dtype") else np.asarray(found)


def _argument(x: Any) -> Any:
    if isinstance(x, dtypes.DType):
        return x.numpy
    return x


def _wrapped(name: str) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        leaves, tree = flatten((args, kwargs))
        tensors, statics = [], []
        for leaf in leaves:
            is_tensor = isinstance(leaf, (Tensor, np.ndarray)) or hasattr(leaf, "_read_tensor")
            if is_tensor:
                tensors.append(convert_to_tensor(leaf))
            statics.append((is_tensor, None if is_tensor else _argument(leaf)))
        arguments = _Arguments(name, tree, tuple(statics))
        return apply(f"numpy.{name}", _call, tensors, {"arguments": arguments})

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"As `np.{name}`, of tensors."
    return function


def _plain(name: str) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        given = [x._value if isinstance(x, Tensor) else _argument(x) for x in args]
        return getattr(np, name)(*given, **kwargs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"As `np.{name}`."
    return function


def experimental_enable_numpy_behavior(
    prefer_float32: bool = False, dtype_conversion_mode: str = "legacy"
) -> None:
    """Refused: operators of tensors have TensorFlow's rules here.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(
        "operators of tensors keep TensorFlow's dtype rules: use tensorwright's NumPy dialect"
        " (import numpy as np; @tensorwright.jit) for NumPy's"
    )


_CONSTANTS = {"e": np.e, "pi": np.pi, "inf": np.inf, "newaxis": None, "ndarray": Tensor}
_TYPES = "float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool_"
_TYPES += " object_ inexact"
NUMPY: dict[str, Any] = {
    **{name: _wrapped(name) for name in _NAMES.split()},
    **{name: _plain(name) for name in _PLAIN.split()},
    **{name: getattr(np, name) for name in _TYPES.split()},
    **_CONSTANTS,
    "float_": np.float64,
    "int_": np.int64,
    "experimental_enable_numpy_behavior": experimental_enable_numpy_behavior,
}
"""Public name -> function, of tf.experimental.numpy."""
