"""Elementwise ops: arithmetic, comparisons, logic, bits, rounding, exponentials, trigonometry.

Layer: frontend. Most are NumPy's ufuncs under TensorFlow's names, which take and give TensorFlow's
dtypes. The operators of tensors are at the end.
"""

from __future__ import annotations

import operator
from functools import reduce
from typing import Any

import numpy as np

from ..tracer import Tracer
from ..values import kind_of
from . import dtypes
from .apply import apply, binary, checked, many, pair, unary
from .convert import convert_to_tensor
from .dtypes import DType
from .errors import InvalidArgumentError, UnimplementedError
from .shapes import TensorShape
from .static import integer
from .tensors import OPERATORS, Tensor

# -- arithmetic -----------------------------------------------------------------------------------

add = binary("AddV2", np.add, "Elementwise sum.", "iuf")
subtract = binary("Sub", np.subtract, "Elementwise difference.", "iuf")
multiply = binary("Mul", np.multiply, "Elementwise product.", "iuf")
negative = unary("Neg", np.negative, "Elementwise negation.", "iuf")
square = unary("Square", np.square, "x * x, elementwise.", "iuf")
maximum = binary("Maximum", np.maximum, "The larger element of each pair.", "iuf")
minimum = binary("Minimum", np.minimum, "The smaller element of each pair.", "iuf")
abs = unary("Abs", np.absolute, "The absolute value of each element.", "iuf")
sign = unary("Sign", np.sign, "-1, 0 or 1, by the sign of each element.", "iuf")
real_divide = binary("RealDiv", np.divide, "Elementwise quotient of floats.", "f")


def _pow(x: Any, y: Any) -> Any:
    return x**y


pow = binary("Pow", _pow, "x to the power y, elementwise.", "iuf")


def _floordiv(x: Any, y: Any) -> Any:
    return np.floor(x / y) if x.dtype.kind == "f" else x // y


def _checked_divisor(name: str, function: Any) -> Any:
    """An op of two operands that refuses integer divisors of 0."""

    def op(x: Any, y: Any, name: str | None = None) -> Any:
        a, b = pair(op_name, x, y)
        checked(op_name, a, "iuf")
        if b.dtype.is_integer and not b.is_symbolic and not np.all(b._concrete(op_name)):
            raise InvalidArgumentError(f"Integer division by zero [Op:{op_name}] name: ")
        return apply(op_name, function, (a, b))

    op_name = name
    op.__name__ = op.__qualname__ = function.__name__.lstrip("_")
    return op


floordiv = _checked_divisor("FloorDiv", _floordiv)
floordiv.__doc__ = "x / y rounded down, elementwise."
floormod = _checked_divisor("FloorMod", np.remainder)
floormod.__doc__ = "What remains of x / y rounded down: it has the sign of y."
mod = floormod
truncatemod = _checked_divisor("TruncateMod", np.fmod)
truncatemod.__doc__ = "What remains of x / y rounded to zero: it has the sign of x."


def _truncatediv(x: Any, y: Any) -> Any:
    if x.dtype.kind == "f":
        return np.trunc(x / y)
    return x // y + ((x % y != 0) & ((x < 0) != (y < 0)))


truncatediv = _checked_divisor("TruncateDiv", _truncatediv)
truncatediv.__doc__ = "x / y rounded to zero, elementwise."

# What true division makes of integers.
_QUOTIENTS = {
    d: dtypes.float32 if d.size <= 2 else dtypes.float64 for d in dtypes.ALL if d.is_integer
}


def _truediv(x: Any, y: Any, *, dtype: np.dtype) -> Any:
    return x.astype(dtype) / y.astype(dtype)


def truediv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y; of integers in float64, of those of up to 16 bits in float32."""
    a, b = pair("RealDiv", x, y)
    wide: DType | None = _QUOTIENTS.get(a.dtype)
    if wide is None:
        return apply("RealDiv", np.divide, (checked("RealDiv", a, "f"), b))  # type: ignore[no-any-return]
    return apply("RealDiv", _truediv, (a, b), {"dtype": wide.numpy})  # type: ignore[no-any-return]


def divide(x: Any, y: Any, name: str | None = None) -> Any:
    """x / y, as the operator does it."""
    if not hasattr(x, "dtype"):
        x = convert_to_tensor(x, y.dtype if isinstance(y, Tensor) else None)
    return truediv(x, y)


def _divide_no_nan(x: Any, y: Any) -> Any:
    zero = x.dtype.type(0)
    return np.where(y == zero, zero, x / np.where(y == zero, x.dtype.type(1), y))


def divide_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y, 0 where y is 0."""
    a, b = pair("DivNoNan", x, y)
    wide = _QUOTIENTS.get(a.dtype)
    if wide is not None:
        a, b = cast(a, wide), cast(b, wide)
    return apply("DivNoNan", _divide_no_nan, (a, b))  # type: ignore[no-any-return]


def _multiply_no_nan(x: Any, y: Any) -> Any:
    zero = x.dtype.type(0)
    return np.where(y == zero, zero, x * y)


multiply_no_nan = binary("MulNoNan", _multiply_no_nan, "x * y, 0 where y is 0.", "f")


def _squared_difference(x: Any, y: Any) -> Any:
    return np.square(x - y)


squared_difference = binary("SquaredDifference", _squared_difference, "(x - y) squared.", "iuf")


def _add_all(*xs: Any) -> Any:
    return reduce(operator.add, xs)


def add_n(inputs: Any, name: str | None = None) -> Tensor:
    """The sum of tensors of one shape and dtype."""
    if not isinstance(inputs, (list, tuple)) or not inputs:
        raise ValueError(
            "Inputs must be an iterable of at least one Tensor/IndexedSlices with the same dtype"
            " and shape."
        )
    tensors = many("AddN", inputs)
    if any(t.shape != tensors[0].shape for t in tensors):
        raise InvalidArgumentError(
            f"Inputs to operation AddN must have the same size and shape: "
            f"{', '.join(str(t.shape.as_list()) for t in tensors)} [Op:AddN] name: "
        )
    return apply("AddN", _add_all, tensors)  # type: ignore[no-any-return]


def accumulate_n(
    inputs: Any, shape: Any = None, tensor_dtype: Any = None, name: str | None = None
) -> Tensor:
    """The sum of tensors of one shape and dtype."""
    return add_n(inputs)


def scalar_mul(scalar: Any, x: Any, name: str | None = None) -> Tensor:
    """A scalar times a tensor."""
    tensor = convert_to_tensor(x)
    factor = convert_to_tensor(scalar, tensor.dtype)
    if factor.ndim:
        raise ValueError(f"The input scalar must be a 0-D value. Received shape {factor.shape}.")
    return multiply(factor, tensor)  # type: ignore[no-any-return]


# -- dtypes ---------------------------------------------------------------------------------------


def _cast(x: Any, *, dtype: np.dtype) -> Any:
    return x.astype(dtype)


def cast(x: Any, dtype: Any, name: str | None = None) -> Tensor:
    """The same values in another dtype; floats are rounded to zero for integers."""
    tensor, wanted = convert_to_tensor(x), dtypes.as_dtype(dtype)
    if tensor.dtype is wanted:
        return tensor
    if dtypes.string in (tensor.dtype, wanted):
        names = f"{tensor.dtype.kernel_name} to {wanted.kernel_name}"
        raise UnimplementedError(f"Cast {names} is not supported [Op:Cast] name: ")
    return apply("Cast", _cast, (tensor,), {"dtype": wanted.numpy})  # type: ignore[no-any-return]


def _saturate(x: Any, *, low: Any, high: Any, dtype: np.dtype) -> Any:
    return np.clip(x, low, high).astype(dtype)


def saturate_cast(value: Any, dtype: Any, name: str | None = None) -> Tensor:
    """The values in another dtype; those beyond its range become its limits."""
    tensor, wanted = convert_to_tensor(value), dtypes.as_dtype(dtype)
    if tensor.dtype is wanted or tensor.dtype.is_bool or wanted.is_bool:
        return cast(tensor, wanted)
    kind = tensor.dtype.numpy.type
    low, high = max(wanted.min, tensor.dtype.min), min(wanted.max, tensor.dtype.max)
    low, high = kind(low), kind(high)
    if wanted.is_integer and tensor.dtype.is_floating and float(high) > wanted.max:
        high = np.nextafter(high, kind(0))  # the limit itself is not a float of this size
    attrs = {"low": low, "high": high, "dtype": wanted.numpy}
    return apply("Cast", _saturate, (tensor,), attrs)  # type: ignore[no-any-return]


def to_dtype(dtype: DType) -> Any:
    """`cast` to one dtype, as TensorFlow 1 names it: to_float."""

    def convert(x: Any, name: str | None = None) -> Tensor:
        return cast(x, dtype)

    convert.__doc__ = f"The same values as {dtype.name}."
    return convert


def complex_parts(x: Any, name: str | None = None) -> Tensor:
    """The tensor itself: it is real."""
    return convert_to_tensor(x)


real = conj = complex_parts


def _zero(x: Any) -> Any:
    return np.zeros_like(x)


imag = unary("Imag", _zero, "The imaginary part: 0 everywhere, as tensors are real.", "iuf")


def _angle(x: Any) -> Any:
    kind = x.dtype.type
    return np.where(x < 0, kind(np.pi), kind(0))


angle = unary("Angle", _angle, "The argument of real numbers: pi of negative ones, else 0.", "f")

# -- comparisons ----------------------------------------------------------------------------------

less = binary("Less", np.less, "x < y, elementwise.", "iuf")
less_equal = binary("LessEqual", np.less_equal, "x <= y, elementwise.", "iuf")
greater = binary("Greater", np.greater, "x > y, elementwise.", "iuf")
greater_equal = binary("GreaterEqual", np.greater_equal, "x >= y, elementwise.", "iuf")
equal = binary("Equal", np.equal, "x == y, elementwise.")
not_equal = binary("NotEqual", np.not_equal, "x != y, elementwise.")


def _approximately(x: Any, y: Any, *, tolerance: Any) -> Any:
    return np.absolute(x - y) < tolerance


def approximate_equal(x: Any, y: Any, tolerance: float = 1e-5, name: str | None = None) -> Tensor:
    """|x - y| < tolerance, elementwise."""
    a, b = pair("ApproximateEqual", x, y)
    attrs = {"tolerance": a.dtype.numpy.type(tolerance)}
    return apply("ApproximateEqual", _approximately, (a, b), attrs)  # type: ignore[no-any-return]


is_nan = unary("IsNan", np.isnan, "Which elements are NaN.", "f")
is_inf = unary("IsInf", np.isinf, "Which elements are infinite.", "f")
is_finite = unary("IsFinite", np.isfinite, "Which elements are neither infinite nor NaN.", "f")

# -- logic and bits -------------------------------------------------------------------------------

logical_and = binary("LogicalAnd", np.logical_and, "x and y, elementwise.", "b")
logical_or = binary("LogicalOr", np.logical_or, "x or y, elementwise.", "b")
logical_not = unary("LogicalNot", np.logical_not, "not x, elementwise.", "b")
_exclusive_or = binary("LogicalXor", np.logical_xor, "", "b")


def logical_xor(x: Any, y: Any, name: str | None = "LogicalXor") -> Tensor:
    """Either x or y, but not both; elementwise."""
    return _exclusive_or(x, y)  # type: ignore[no-any-return]


bitwise_and = binary("BitwiseAnd", np.bitwise_and, "x & y, bit by bit.", "iu")
bitwise_or = binary("BitwiseOr", np.bitwise_or, "x | y, bit by bit.", "iu")
bitwise_xor = binary("BitwiseXor", np.bitwise_xor, "x ^ y, bit by bit.", "iu")
invert = unary("Invert", np.invert, "~x, bit by bit.", "iu")
left_shift = binary("LeftShift", np.left_shift, "x << y, elementwise.", "iu")
right_shift = binary("RightShift", np.right_shift, "x >> y, elementwise.", "iu")

# -- rounding -------------------------------------------------------------------------------------

ceil = unary("Ceil", np.ceil, "Elements rounded up.", "f")
floor = unary("Floor", np.floor, "Elements rounded down.", "f")
rint = unary("Rint", np.rint, "Elements rounded to the nearest integer, halves to even.", "f")


def round(x: Any, name: str | None = None) -> Tensor:
    """Elements rounded to the nearest integer, halves to even."""
    tensor = convert_to_tensor(x)
    return tensor if tensor.dtype.is_integer else rint(tensor)


# -- exponentials and roots -----------------------------------------------------------------------

exp = unary("Exp", np.exp, "e to the power x, elementwise.", "f")
expm1 = unary("Expm1", np.expm1, "exp(x) - 1, elementwise.", "f")
log = unary("Log", np.log, "The natural logarithm, elementwise.", "f")
log1p = unary("Log1p", np.log1p, "log(1 + x), elementwise.", "f")
sqrt = unary("Sqrt", np.sqrt, "The square root, elementwise.", "f")


def _rsqrt(x: Any) -> Any:
    return x.dtype.type(1) / np.sqrt(x)


def _reciprocal(x: Any) -> Any:
    return x.dtype.type(1) / x


def _reciprocal_no_nan(x: Any) -> Any:
    return _divide_no_nan(np.ones_like(x), x)


# Below it exp(-x) overflows, which would make the derivative 0 * inf.
_LOWEST = {2: -11.0, 4: -88.0, 8: -709.0}


def logistic(x: Any) -> Any:
    """1 / (1 + exp(-x)) of an array, without overflow."""
    one = x.dtype.type(1)
    if type(x) is Tracer:
        x = np.maximum(x, x.dtype.type(_LOWEST[x.dtype.itemsize]))
    return one / (one + np.exp(-x))


def soft_positive(x: Any) -> Any:
    """log(1 + exp(x)) of an array, without overflow."""
    return np.maximum(x, x.dtype.type(0)) + np.log1p(np.exp(-np.absolute(x)))


def _log_sigmoid(x: Any) -> Any:
    return -soft_positive(-x)


rsqrt = unary("Rsqrt", _rsqrt, "1 / sqrt(x), elementwise.", "f")
reciprocal = unary("Reciprocal", _reciprocal, "1 / x, elementwise.", "f")
reciprocal_no_nan = unary("DivNoNan", _reciprocal_no_nan, "1 / x, 0 where x is 0.", "f")
sigmoid = unary("Sigmoid", logistic, "1 / (1 + exp(-x)), elementwise.", "f")
softplus = unary("Softplus", soft_positive, "log(1 + exp(x)), elementwise.", "f")
log_sigmoid = unary("LogSigmoid", _log_sigmoid, "log(sigmoid(x)), elementwise.", "f")

# -- trigonometry ---------------------------------------------------------------------------------

sin = unary("Sin", np.sin, "The sine, elementwise.", "f")
cos = unary("Cos", np.cos, "The cosine, elementwise.", "f")
tan = unary("Tan", np.tan, "The tangent, elementwise.", "f")
asin = unary("Asin", np.arcsin, "The inverse sine, elementwise.", "f")
acos = unary("Acos", np.arccos, "The inverse cosine, elementwise.", "f")
atan = unary("Atan", np.arctan, "The inverse tangent, elementwise.", "f")
sinh = unary("Sinh", np.sinh, "The hyperbolic sine, elementwise.", "f")
cosh = unary("Cosh", np.cosh, "The hyperbolic cosine, elementwise.", "f")
tanh = unary("Tanh", np.tanh, "The hyperbolic tangent, elementwise.", "f")
asinh = unary("Asinh", np.arcsinh, "The inverse hyperbolic sine, elementwise.", "f")
acosh = unary("Acosh", np.arccosh, "The inverse hyperbolic cosine, elementwise.", "f")
atanh = unary("Atanh", np.arctanh, "The inverse hyperbolic tangent, elementwise.", "f")
atan2 = binary("Atan2", np.arctan2, "The angle of the point (y, x), given as y and x.", "f")
nextafter = binary("NextAfter", np.nextafter, "The next float after x towards y.", "f")


# -- clipping -------------------------------------------------------------------------------------


def _clip(x: Any, low: Any, high: Any) -> Any:
    return np.minimum(np.maximum(x, low), high)


def clip_by_value(
    t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None
) -> Tensor:
    """Elements limited to a range."""
    tensors = many("ClipByValue", [convert_to_tensor(t), clip_value_min, clip_value_max])
    result: Tensor = apply("ClipByValue", _clip, tensors)
    if result.shape != tensors[0].shape:
        other = next(x for x in tensors[1:] if x.shape != tensors[0].shape and x.ndim)
        raise ValueError(f"Shapes {tensors[0].shape} and {other.shape} are incompatible")
    return result


# -- identities -----------------------------------------------------------------------------------


def _identity(x: Any) -> Any:
    return np.positive(x) if kind_of(x.dtype) in "iuf" else x.copy()


def identity(input: Any, name: str | None = None) -> Tensor:
    """A tensor with the same elements."""
    tensor = convert_to_tensor(input)
    return apply("Identity", _identity, (tensor,))  # type: ignore[no-any-return]


def identity_n(input: Any, name: str | None = None) -> list[Tensor]:
    """Tensors with the same elements."""
    return [identity(x) for x in input]


def constant(
    value: Any, dtype: Any = None, shape: Any = None, name: str | None = "Const"
) -> Tensor:
    """A tensor of Python values or an array.

    Args:
        value: numbers, strings, nested lists or an array.
        dtype: of the result.
        shape: what the elements are arranged in; one element is repeated.
        name: for TensorFlow's signature.
    """
    if isinstance(value, np.ndarray) and dtype is not None:
        tensor = cast(value, dtype)
    else:
        tensor = convert_to_tensor(value, dtype)
    if shape is None:
        return tensor
    wanted = tuple(integer(s, "the shape of tf.constant") for s in TensorShape(shape))
    if tensor.shape == wanted:
        return tensor
    count = int(np.prod(wanted, dtype=np.int64))
    array = np.asarray(tensor._value)
    if array.size == 1:
        return Tensor(np.broadcast_to(array.reshape(()), wanted).copy(), tensor.dtype)
    if array.size != count:
        raise TypeError(
            f"Eager execution of tf.constant with unsupported shape. Tensor {tensor!r} (converted "
            f"from {value!r}) has {array.size} elements, but got `shape` {TensorShape(wanted)} with"
            f" {count} elements)."
        )
    return Tensor(array.reshape(wanted), tensor.dtype)


# -- operators ------------------------------------------------------------------------------------


def _reflected(op: Any) -> Any:
    def reflected(x: Any, y: Any) -> Any:
        return op(y, x)

    return reflected


def _by_kind(logical: Any, bitwise: Any) -> Any:
    """An operator that is logical for bools and bitwise for integers."""

    def op(x: Any, y: Any) -> Any:
        a, b = pair("LogicalAnd" if logical is logical_and else "LogicalOr", x, y)
        return (logical if a.dtype.is_bool else bitwise)(a, b)

    return op


def _invert(x: Any) -> Any:
    tensor = convert_to_tensor(x)
    return logical_not(tensor) if tensor.dtype.is_bool else invert(tensor)


def _same(op: Any, unequal: bool) -> Any:
    """== and !=: elementwise; shapes that do not fit together, and None, are just not equal."""

    def compare(x: Any, y: Any) -> Any:
        if y is None:
            return unequal
        try:
            return op(x, y)
        except InvalidArgumentError as error:
            if "Incompatible shapes" in error.message:
                return Tensor(np.bool(unequal), dtypes.bool_)
            raise

    return compare


OPERATORS.update(
    {"add": add, "radd": _reflected(add), "sub": subtract, "rsub": _reflected(subtract)},
    mul=multiply, rmul=_reflected(multiply), truediv=truediv, rtruediv=_reflected(truediv),
    floordiv=floordiv, rfloordiv=_reflected(floordiv), mod=floormod, rmod=_reflected(floormod),
    pow=pow, rpow=_reflected(pow), neg=negative, abs=abs, invert=_invert,
    lt=less, le=less_equal, gt=greater, ge=greater_equal, eq=_same(equal, False),
    ne=_same(not_equal, True), round=round,
)  # fmt: skip
_and, _or = _by_kind(logical_and, bitwise_and), _by_kind(logical_or, bitwise_or)
_xor = _by_kind(logical_xor, bitwise_xor)
OPERATORS.update(
    {"and": _and, "rand": _reflected(_and), "or": _or, "ror": _reflected(_or)},
    xor=_xor, rxor=_reflected(_xor),
)  # fmt: skip
