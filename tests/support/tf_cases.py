"""Ops of TensorFlow's namespaces as a table: a call, its operands, and what NumPy gives for them.

One table serves several tests: values and dtypes eagerly and in compiled functions, gradients
against differences, and a comparison with TensorFlow itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import special

_random = np.random.default_rng(7)


def normal(*shape, dtype=np.float32):
    return _random.standard_normal(shape).astype(dtype)


def positive(*shape, dtype=np.float32):
    return (0.2 + 2 * _random.random(shape)).astype(dtype)


def unit(*shape, dtype=np.float32):
    """Numbers inside of (-1, 1)."""
    return (1.8 * _random.random(shape) - 0.9).astype(dtype)


def whole(*shape, low=-9, high=10, dtype=np.int32):
    return _random.integers(low, high, shape).astype(dtype)


def truth(*shape):
    return _random.random(shape) < 0.5


@dataclass(frozen=True)
class Case:
    """`path` of the function below tf; it is called with `make(operands)` or the operands."""

    path: str
    operands: tuple[Any, ...]
    expected: Callable[..., Any]
    kwargs: dict[str, Any] = field(default_factory=dict)
    is_smooth: bool = False  # whether it is differentiated with respect to its float operands
    in_function: bool = True  # whether traced functions can call it
    at_open_sizes: bool = True  # and whether they can where sizes are not known
    as_list: bool = False  # whether the operands are given as one list
    tolerance: float = 2e-6
    label: str = ""

    def __str__(self) -> str:
        return f"{self.path}{self.label}"

    def call(self, tf: Any, operands: Any) -> Any:
        function = tf
        for name in self.path.split("."):
            function = getattr(function, name)
        args = [list(operands)] if self.as_list else operands
        return function(*args, **self.kwargs)


def same_dtype(function):
    """NumPy's result in the dtype of the first operand."""
    return lambda x, *rest: np.asarray(function(x, *rest)).astype(x.dtype)


CASES: list[Case] = []


def case(path, operands, expected, **options):
    names = set(Case.__dataclass_fields__)
    own = {k: v for k, v in options.items() if k in names}
    kwargs = {k.removesuffix("_"): v for k, v in options.items() if k not in names}
    CASES.append(Case(path, tuple(operands), expected, kwargs, **own))


def softplus(x):
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)


# -- elementwise ----------------------------------------------------------------------------------

for path, function, make in (
    ("abs", np.abs, normal), ("math.acos", np.arccos, unit), ("math.asin", np.arcsin, unit),
    ("math.atan", np.arctan, normal), ("math.asinh", np.arcsinh, normal),
    ("math.atanh", np.arctanh, unit), ("math.acosh", lambda x: np.arccosh(x), None),
    ("math.ceil", np.ceil, normal), ("cos", np.cos, normal), ("cosh", np.cosh, normal),
    ("exp", np.exp, normal), ("math.expm1", np.expm1, normal), ("floor", np.floor, normal),
    ("math.log", np.log, positive), ("math.log1p", np.log1p, positive),
    ("negative", np.negative, normal), ("math.reciprocal", lambda x: 1 / x, positive),
    ("math.rint", np.rint, normal), ("round", np.rint, normal),
    ("math.rsqrt", lambda x: 1 / np.sqrt(x), positive), ("sigmoid", special.expit, normal),
    ("sign", np.sign, normal), ("sin", np.sin, normal), ("sinh", np.sinh, normal),
    ("sqrt", np.sqrt, positive), ("square", np.square, normal), ("tan", np.tan, unit),
    ("tanh", np.tanh, normal), ("math.erf", special.erf, normal),
    ("math.erfc", special.erfc, normal), ("math.softplus", softplus, normal),
    ("math.log_sigmoid", lambda x: -softplus(-x), normal),
    ("math.lgamma", special.gammaln, positive),
    ("math.digamma", special.psi, positive), ("math.erfinv", special.erfinv, unit),
    ("identity", np.array, normal), ("math.softsign", lambda x: x / (1 + np.abs(x)), normal),
):  # fmt: skip
    operand = 1.1 + positive(3, 4) if make is None else make(3, 4)
    stepped = path in ("math.ceil", "floor", "math.rint", "round", "sign")
    case(path, [operand], same_dtype(function), is_smooth=not stepped, tolerance=1e-5)

for path, function in (
    ("add", np.add), ("subtract", np.subtract), ("multiply", np.multiply), ("divide", np.divide),
    ("maximum", np.maximum), ("minimum", np.minimum), ("math.atan2", np.arctan2),
    ("math.squared_difference", lambda x, y: (x - y) ** 2), ("math.xlogy", special.xlogy),
    ("math.xlog1py", special.xlog1py), ("math.divide_no_nan", np.divide),
    ("math.multiply_no_nan", np.multiply), ("pow", np.power), ("math.xdivy", np.divide),
):  # fmt: skip
    case(path, [positive(3, 4), positive(4)], same_dtype(function), is_smooth=True, tolerance=1e-5)
for path, function in (
    ("add", np.add), ("subtract", np.subtract), ("multiply", np.multiply),
    ("math.floordiv", np.floor_divide), ("math.floormod", np.remainder), ("truncatemod", np.fmod),
    ("maximum", np.maximum), ("bitwise.bitwise_and", np.bitwise_and),
    ("bitwise.bitwise_or", np.bitwise_or), ("bitwise.bitwise_xor", np.bitwise_xor),
):  # fmt: skip
    case(path, [whole(3, 4), whole(4, low=1)], function, label="-int")
case("truncatediv", [whole(9), whole(9, low=1)], lambda x, y: np.trunc(x / y).astype(np.int32))
case("math.floordiv", [normal(9), positive(9)], lambda x, y: np.floor(x / y), label="-float")
case("math.floormod", [normal(9), -positive(9)], np.remainder, label="-float")
case("math.truediv", [whole(9), whole(9, low=1)], lambda x, y: x / y)
case("math.truediv", [whole(9, dtype=np.int8), whole(9, low=1, dtype=np.int8)],
     lambda x, y: (x.astype(np.float32) / y.astype(np.float32)), label="-int8")  # fmt: skip
case("bitwise.invert", [whole(5)], np.invert)
case("bitwise.left_shift", [whole(5, low=0), whole(5, low=0, high=4)], np.left_shift)
case("bitwise.right_shift", [whole(5), whole(5, low=0, high=4)], np.right_shift)
for path, function in (
    ("less", np.less), ("less_equal", np.less_equal), ("greater", np.greater),
    ("greater_equal", np.greater_equal), ("equal", np.equal), ("not_equal", np.not_equal),
):  # fmt: skip
    case(path, [whole(3, 4, low=0, high=3), whole(4, low=0, high=3)], function)
for path, function in (
    ("logical_and", np.logical_and), ("logical_or", np.logical_or),
    ("math.logical_xor", np.logical_xor),
):  # fmt: skip
    case(path, [truth(3, 4), truth(4)], function)
case("logical_not", [truth(4)], np.logical_not)
SPECIALS = np.array([np.nan, np.inf, -np.inf, 0, 1], np.float32)
case("math.is_nan", [SPECIALS], np.isnan)
case("math.is_inf", [SPECIALS], np.isinf)
case("math.is_finite", [SPECIALS], np.isfinite)
case("cast", [normal(5)], lambda x: x.astype(np.int32), dtype="int32")
case("cast", [truth(5)], lambda x: x.astype(np.float64), dtype="float64", label="-bool")
case("saturate_cast", [np.array([-5, 3, 300], np.int32)],
     lambda x: np.clip(x, 0, 255).astype(np.uint8), dtype="uint8")  # fmt: skip
case("clip_by_value", [normal(3, 4)], lambda x: np.clip(x, -0.5, 0.5), is_smooth=True,
     clip_value_min=-0.5, clip_value_max=0.5)  # fmt: skip
case("add_n", [normal(3), normal(3), normal(3)], lambda *x: sum(x), as_list=True)
case("math.polyval", [positive(2), positive(2), positive(2)],
     lambda a, b, c: (a * 2 + b) * 2 + c, as_list=True, x=2.0)  # fmt: skip
case("where", [truth(3, 4), normal(3, 4), normal(4)], np.where, is_smooth=True)
case("where", [truth(7)], np.argwhere, in_function=False, label="-positions")
case("clip_by_norm", [normal(5)], lambda x: x * min(1, 1 / np.linalg.norm(x)), is_smooth=True,
     clip_norm=1.0)  # fmt: skip

# -- reductions -----------------------------------------------------------------------------------

for path, function, smooth in (
    ("reduce_sum", np.sum, True), ("reduce_mean", np.mean, True), ("reduce_max", np.max, True),
    ("reduce_min", np.min, True), ("reduce_prod", np.prod, True),
    ("math.reduce_variance", np.var, True), ("math.reduce_std", np.std, True),
    ("reduce_logsumexp", lambda x, **o: special.logsumexp(x, **o).astype(np.float32), True),
    ("math.reduce_euclidean_norm", lambda x, **o: np.sqrt(np.sum(x * x, **o)), True),
):  # fmt: skip
    for axis, keepdims in ((None, False), (1, True), ((0, 2), False), (-1, False)):
        case(path, [normal(2, 3, 4)],
             lambda x, f=function, a=axis, k=keepdims: f(x, axis=a, keepdims=k), axis=axis,
             keepdims=keepdims, is_smooth=smooth, tolerance=1e-5,
             label=f"-{axis}-{keepdims}")  # fmt: skip
for path, function in (("reduce_sum", np.sum), ("reduce_prod", np.prod), ("reduce_max", np.max)):
    case(path, [whole(3, 4)], same_dtype(lambda x, f=function: f(x, 0)), axis=0, label="-int")
case("reduce_mean", [whole(3, 4)], same_dtype(lambda x: np.trunc(np.mean(x, 0))), axis=0,
     label="-int")  # fmt: skip
case("reduce_any", [truth(3, 4)], lambda x: np.any(x, 1), axis=1)
case("reduce_all", [truth(3, 4)], lambda x: np.all(x, 1), axis=[1])
case("math.count_nonzero", [whole(3, 4, low=0, high=2)], lambda x: np.count_nonzero(x, 0), axis=0)
case("math.zero_fraction", [whole(9, low=0, high=2)], lambda x: np.float32(np.mean(x == 0)))
case("argmax", [normal(3, 4)], lambda x: np.argmax(x, 1), axis=1)
case("argmin", [normal(3, 4)], lambda x: np.argmin(x, 0).astype(np.int32), output_type="int32")
for exclusive in (False, True):
    for reverse in (False, True):
        options = {"exclusive": exclusive, "reverse": reverse}

        def cumulative(x, ufunc=np.add, e=exclusive, r=reverse):
            x = x[:, ::-1] if r else x
            if e:
                x = np.concatenate([np.full_like(x[:, :1], ufunc.identity), x[:, :-1]], 1)
            found = ufunc.accumulate(x, 1)
            return found[:, ::-1] if r else found

        label = f"-{exclusive}-{reverse}"
        case("cumsum", [normal(2, 5)], cumulative, axis=1, label=label, is_smooth=True, **options)
        case("math.cumprod", [positive(2, 5)], lambda x, c=cumulative: c(x, np.multiply), axis=1,
             label=label, is_smooth=True, tolerance=1e-5, **options)  # fmt: skip
case("math.cumulative_logsumexp", [normal(6)], lambda x: np.logaddexp.accumulate(x),
     tolerance=1e-5, is_smooth=True)  # fmt: skip
case("math.l2_normalize", [normal(3, 4)], lambda x: x / np.linalg.norm(x, axis=1, keepdims=True),
     axis=1, is_smooth=True)  # fmt: skip
case("norm", [normal(3, 4)], np.linalg.norm, is_smooth=True)
case("norm", [normal(3, 4)], lambda x: np.linalg.norm(x, 1, 1), ord=1, axis=1, label="-1")
case("norm", [normal(3, 4)], lambda x: np.linalg.norm(x, np.inf, 1), ord=np.inf, axis=1,
     label="-inf")  # fmt: skip

# -- shapes ---------------------------------------------------------------------------------------

case("reshape", [normal(2, 6)], lambda x: x.reshape(3, 4), shape=[3, -1], is_smooth=True)
case("transpose", [normal(2, 3, 4)], np.transpose, is_smooth=True)
case("transpose", [normal(2, 3, 4)], lambda x: x.transpose(1, 2, 0), perm=[1, 2, 0], label="-perm")
case("expand_dims", [normal(2, 3)], lambda x: x[:, None], axis=1)
case("squeeze", [normal(1, 3, 1)], np.squeeze)
case("squeeze", [normal(1, 3, 1)], lambda x: x[..., 0], axis=-1, label="-axis")
case("broadcast_to", [normal(3)], lambda x: np.broadcast_to(x, (2, 3)), shape=[2, 3],
     is_smooth=True)  # fmt: skip
case("concat", [normal(2, 3), normal(2, 1)], lambda *x: np.concatenate(x, 1), axis=1,
     as_list=True)  # fmt: skip
case("stack", [normal(2), normal(2)], lambda *x: np.stack(x, 1), axis=1, as_list=True)
case("unstack", [normal(3, 2)], lambda x: [x[:, 0], x[:, 1]], axis=1)
case("split", [normal(4, 2)], lambda x: np.split(x, 2), num_or_size_splits=2)
case("split", [normal(4, 3)], lambda x: [x[:, :1], x[:, 1:]], num_or_size_splits=[1, -1], axis=1,
     label="-sizes")  # fmt: skip
case("tile", [normal(2, 3)], lambda x: np.tile(x, (2, 1)), multiples=[2, 1], is_smooth=True)
case("repeat", [normal(2, 3)], lambda x: np.repeat(x, 2, 1), repeats=2, axis=1, is_smooth=True)
case("repeat", [normal(3)], lambda x: np.repeat(x, [1, 0, 2]), repeats=[1, 0, 2], axis=0,
     label="-each")  # fmt: skip
for mode in ("constant", "reflect", "symmetric"):
    case("pad", [normal(3, 4)], lambda x, m=mode: np.pad(x, ((1, 2), (0, 1)), m),
         paddings=[[1, 2], [0, 1]], mode=mode.upper(), is_smooth=True,
         label=f"-{mode}")  # fmt: skip
case("reverse", [normal(3, 4)], lambda x: x[:, ::-1], axis=[1], is_smooth=True)
case("roll", [normal(3, 4)], lambda x: np.roll(x, 1, 1), shift=1, axis=1, is_smooth=True)
case("reverse_sequence", [normal(2, 4)],
     lambda x: np.stack([x[0, [1, 0, 2, 3]], x[1, [2, 1, 0, 3]]]), seq_lengths=[2, 3],
     seq_axis=1, batch_axis=0, is_smooth=True)  # fmt: skip
case("one_hot", [whole(5, low=-1, high=4)], lambda x: (x[:, None] == np.arange(3)) * np.float32(1),
     depth=3)  # fmt: skip
case("one_hot", [whole(5, low=0, high=3)], lambda x: np.where(x == np.arange(3)[:, None], 5, 2)
     .astype(np.int32), depth=3, on_value=5, off_value=2, axis=0, label="-values")  # fmt: skip
case("sequence_mask", [np.array([1, 3], np.int32)], lambda x: np.arange(4) < x[:, None], maxlen=4)
case("zeros_like", [normal(2, 3)], np.zeros_like)
case("ones_like", [normal(2, 3)], lambda x: np.ones(x.shape, np.int32), dtype="int32")
case("shape", [normal(2, 3)], lambda x: np.array([2, 3], np.int32))
case("size", [normal(2, 3)], lambda x: np.int32(6))
case("rank", [normal(2, 3)], lambda x: np.int32(2))
case("fill", [], lambda: np.full((2, 3), 7, np.int32), dims=[2, 3], value=7)
case("range", [], lambda: np.arange(2, 9, 3, dtype=np.int32), start=2, limit=9, delta=3)
case("linspace", [], lambda: np.linspace(0, 2, 5, dtype=np.float32), start=0.0, stop=2.0, num=5)
case("eye", [], lambda: np.eye(2, 3, dtype=np.float32), num_rows=2, num_columns=3)
case("meshgrid", [normal(2), normal(3)], lambda x, y: np.meshgrid(x, y))
case("unravel_index", [whole(4, low=0, high=6)], lambda x: np.stack(np.unravel_index(x, (2, 3)))
     .astype(np.int32), dims=[2, 3])  # fmt: skip
case("space_to_batch", [normal(1, 4, 4, 1)],
     lambda x: np.stack([x[0, i::2, j::2] for i in (0, 1) for j in (0, 1)]),
     block_shape=[2, 2], paddings=[[0, 0], [0, 0]])  # fmt: skip

# -- parts ----------------------------------------------------------------------------------------

ROWS = np.array([[0, 2], [1, 1]], np.int32)
case("gather", [normal(3, 4), np.array([2, 0, 2], np.int32)], lambda x, i: x[i], is_smooth=True)
case("gather", [normal(3, 4), ROWS], lambda x, i: x[:, i], axis=1, label="-axis", is_smooth=True)
case("gather", [normal(2, 3, 4), ROWS], lambda x, i: np.take_along_axis(x, i[..., None], 1),
     batch_dims=1, label="-batch", is_smooth=True)  # fmt: skip
case("gather_nd", [normal(2, 3, 4), ROWS], lambda x, i: x[i[:, 0], i[:, 1]], is_smooth=True)
case("gather_nd", [normal(2, 3), np.array([[1], [0]], np.int32)], lambda x, i: x[[0, 1], i[:, 0]],
     batch_dims=1, label="-batch")  # fmt: skip


def scattered(shape, indices, updates):
    found = np.zeros(shape, updates.dtype)
    np.add.at(found, tuple(indices.T), updates)
    return found


TWICE = np.array([[1], [3], [1]], np.int32)
case("scatter_nd", [TWICE, normal(3, 2)], lambda i, x: scattered((4, 2), i, x), shape=[4, 2],
     is_smooth=True)  # fmt: skip
case("tensor_scatter_nd_add", [normal(4, 2), TWICE, normal(3, 2)],
     lambda x, i, u: x + scattered((4, 2), i, u), is_smooth=True)  # fmt: skip


def updated(x, i, u, how):
    found = x.copy()
    for row, new in zip(i[:, 0], u, strict=True):
        found[row] = how(found[row], new)
    return found


ONCE = np.array([[1], [3]], np.int32)
case("tensor_scatter_nd_update", [normal(4, 2), ONCE, normal(2, 2)],
     lambda x, i, u: updated(x, i, u, lambda a, b: b), is_smooth=True,
     at_open_sizes=False)  # fmt: skip
case("tensor_scatter_nd_sub", [normal(4, 2), ONCE, normal(2, 2)],
     lambda x, i, u: updated(x, i, u, np.subtract))  # fmt: skip
case("slice", [normal(3, 4)], lambda x: x[1:3, 1:], begin=[1, 1], size=[2, -1], is_smooth=True)
case("strided_slice", [normal(5, 4)], lambda x: x[1:5:2, ::-1], begin=[1, -1], end=[5, -5],
     strides=[2, -1], is_smooth=True)  # fmt: skip
case("boolean_mask", [normal(4, 2), np.array([True, False, True, True])], lambda x, m: x[m],
     in_function=False)  # fmt: skip

# -- order ----------------------------------------------------------------------------------------

case("sort", [normal(3, 6)], np.sort, is_smooth=True)
case("sort", [normal(6, 2)], lambda x: -np.sort(-x, 0), axis=0, direction="DESCENDING",
     label="-down")  # fmt: skip
case("argsort", [whole(3, 6, low=0, high=3)], lambda x: np.argsort(x, kind="stable")
     .astype(np.int32), stable=True)  # fmt: skip
case("math.top_k", [normal(2, 5)],
     lambda x: [-np.sort(-x)[:, :2], np.argsort(-x)[:, :2].astype(np.int32)], k=2)  # fmt: skip
case("unique", [np.array([3, 1, 3, 2], np.int32)],
     lambda x: [np.array([3, 1, 2], np.int32), np.array([0, 1, 0, 2], np.int32)],
     in_function=False)  # fmt: skip
case("searchsorted", [np.array([1, 3, 5], np.float32), np.array([0, 3, 9], np.float32)],
     lambda t, x: np.searchsorted(t, x, "right").astype(np.int32), side="right")  # fmt: skip
case("math.bincount", [whole(9, low=0, high=5)], lambda x: np.bincount(x, minlength=6)
     .astype(np.int32), minlength=6, in_function=False)  # fmt: skip
case("math.confusion_matrix", [whole(9, low=0, high=3), whole(9, low=0, high=3)],
     lambda a, b: np.array([[np.sum((a == i) & (b == j)) for j in range(3)] for i in range(3)],
                           np.int32), num_classes=3)  # fmt: skip
case("math.in_top_k", [np.array([1, 0], np.int32), np.array([[1, 2, 3], [3, 2, 1]], np.float32)],
     lambda t, p: np.array([False, True]), k=1)  # fmt: skip
case("math.invert_permutation", [np.array([2, 0, 1], np.int32)],
     lambda x: np.argsort(x).astype(np.int32))  # fmt: skip
case("math.is_non_decreasing", [np.array([1, 1, 2], np.float32)], lambda x: np.bool(True))
case("math.is_strictly_increasing", [np.array([1, 1, 2], np.float32)], lambda x: np.bool(False))
case("histogram_fixed_width", [np.array([-1, 0.5, 1.5, 9], np.float32), np.array([0.0, 2.0],
     np.float32)], lambda x, r: np.array([2, 2], np.int32), nbins=2, in_function=False)  # fmt: skip

# -- segments -------------------------------------------------------------------------------------

IDS = np.array([0, 0, 2, 2, 2], np.int32)
SEGMENTS = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min, "prod": np.prod}


def by_segment(how, empty):
    def expected(x, ids):
        rows = [x[ids == k] for k in range(3)]
        return np.stack([SEGMENTS[how](r, 0) if len(r) else np.full(2, empty, x.dtype)
                         for r in rows])  # fmt: skip

    return expected


LARGE = np.finfo(np.float32)
for how, empty in (("sum", 0), ("mean", 0), ("max", 0), ("min", 0), ("prod", 1)):
    case(f"math.segment_{how}", [normal(5, 2), IDS], by_segment(how, empty), in_function=False,
         is_smooth=True, tolerance=1e-5)  # fmt: skip
FULL = np.array([0, 1, 2, 0, 2], np.int32)
for how, empty in (("sum", 0), ("mean", 0), ("max", LARGE.min), ("min", LARGE.max), ("prod", 1)):
    case(f"math.unsorted_segment_{how}", [normal(5, 2), IDS], by_segment(how, empty),
         num_segments=3, tolerance=1e-5)  # fmt: skip
    case(f"math.unsorted_segment_{how}", [normal(5, 2), FULL], by_segment(how, empty),
         num_segments=3, is_smooth=True, tolerance=1e-5, label="-full")  # fmt: skip
case("dynamic_partition", [normal(4, 2), np.array([1, 0, 1, 1], np.int32)],
     lambda x, p: [x[p == 0], x[p == 1]], num_partitions=2, in_function=False)  # fmt: skip

# -- linear algebra -------------------------------------------------------------------------------

SQUARE = normal(3, 3, dtype=np.float64) + 3 * np.eye(3)
SYMMETRIC = SQUARE @ SQUARE.T
case("matmul", [normal(2, 3), normal(3, 4)], np.matmul, is_smooth=True)
case("matmul", [normal(3, 2), normal(4, 3)], lambda a, b: a.T @ b.T, transpose_a=True,
     transpose_b=True, label="-transposed", is_smooth=True)  # fmt: skip
case("matmul", [normal(5, 2, 3), normal(3, 4)], np.matmul, label="-batch", is_smooth=True)
case("linalg.matvec", [normal(2, 3), normal(3)], np.matmul, is_smooth=True)
case("tensordot", [normal(2, 3, 4), normal(3, 4, 5)], lambda a, b: np.tensordot(a, b, 2), axes=2,
     tolerance=1e-5, is_smooth=True)  # fmt: skip
case("linalg.cross", [normal(4, 3), normal(4, 3)], np.cross, is_smooth=True)
case("linalg.trace", [normal(2, 3, 3)], lambda x: np.trace(x, axis1=1, axis2=2), is_smooth=True)
case("linalg.diag", [normal(2, 3)], lambda x: np.stack([np.diag(r) for r in x]), is_smooth=True)
case("linalg.diag", [normal(3)], lambda x: np.diag(x, -1), k=-1, label="-below")
case("linalg.diag_part", [normal(3, 4)], lambda x: np.diagonal(x, 1), k=1, is_smooth=True)
case("linalg.band_part", [normal(4, 4)], lambda x: np.triu(np.tril(x, 2), -1), num_lower=1,
     num_upper=2, is_smooth=True)  # fmt: skip
case("linalg.set_diag", [normal(3, 3), normal(3)],
     lambda x, d: x - np.diag(np.diag(x)) + np.diag(d), is_smooth=True)  # fmt: skip
case("linalg.matrix_transpose", [normal(2, 3, 4)], lambda x: np.swapaxes(x, 1, 2))
case("linalg.global_norm", [normal(3), normal(2)],
     lambda *x: np.sqrt(sum(np.sum(v * v) for v in x)), as_list=True)  # fmt: skip
case("linalg.inv", [SQUARE], np.linalg.inv, is_smooth=True, tolerance=1e-12)
case("linalg.det", [SQUARE], np.linalg.det, is_smooth=True, tolerance=1e-12)
case("linalg.solve", [SQUARE, normal(3, 2, dtype=np.float64)], np.linalg.solve, is_smooth=True,
     tolerance=1e-12)  # fmt: skip
case("linalg.triangular_solve", [SQUARE, normal(3, 2, dtype=np.float64)],
     lambda a, b: np.linalg.solve(np.tril(a), b), tolerance=1e-12, is_smooth=True)  # fmt: skip
case("linalg.cholesky", [SYMMETRIC], np.linalg.cholesky, tolerance=1e-12)
case("linalg.logdet", [SYMMETRIC], lambda x: np.linalg.slogdet(x)[1], tolerance=1e-12)
case("linalg.slogdet", [SQUARE], lambda x: list(np.linalg.slogdet(x)), tolerance=1e-12)
case("linalg.eigvalsh", [SYMMETRIC], np.linalg.eigvalsh, in_function=False, tolerance=1e-12)
case("linalg.pinv", [normal(3, 2)], np.linalg.pinv, in_function=False, tolerance=1e-5)
case("linalg.lstsq", [normal(4, 2), normal(4, 1)], lambda a, b: np.linalg.lstsq(a, b)[0],
     in_function=False, tolerance=1e-5)  # fmt: skip
case("linalg.matrix_rank", [np.ones((3, 3), np.float32)], lambda x: np.int32(1),
     in_function=False)  # fmt: skip
