"""jacobian, jacfwd, jacrev, hessian, hvp: all derivatives of a function with many results.

Layer: frontend. The function runs once, on fresh inputs (transforms/segment.py). Then one product
of its derivative is emitted, for a placeholder in place of the tangent or cotangent, and replaced
by the same for all unit vectors at once (`batch_since`): work that does not depend on the
placeholder, the function's own above all, is done once.

Reverse mode gives one row per element of the results, forward mode one column per element of the
arguments; `jacobian` takes the mode with fewer of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..compiler.errors import GradientError
from ..compiler.ir.dims import product
from ..compiler.ir.graph import Value
from ..compiler.ir.term import Term, full
from ..compiler.ir.types import DType, Shape, TensorType
from ..compiler.transforms.batch import batch_since
from ..compiler.transforms.forward import push_forward_terms
from ..compiler.transforms.reverse import pull_back_terms
from . import lift, values
from .arguments import is_static
from .context import TraceContext, current, require
from .eager import remembers, run_eagerly
from .jit import Jitted
from .location import user_location
from .tracer import Tracer
from .transforms.gradient import grad
from .transforms.matching import Leaves, tangent_values
from .transforms.segment import (
    Argnums,
    Inputs,
    Segment,
    argument_names,
    check_argnums,
    derivative_of,
    fresh_inputs,
    split_aux,
    substituted,
)

# (trace, arguments, results) -> whether to take forward mode
Choice = Callable[[TraceContext, Sequence[Tracer], Sequence[Tracer]], bool]


# -- public -------------------------------------------------------------------------------------


@remembers
def jacobian(function: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Jitted:
    """The derivatives of all results of a function by all elements of its arguments.

    Args:
        function: of floats in any nesting; its results are floats in any nesting.
        argnums: which positional arguments to differentiate: one, or several.
        has_aux: the function returns (results, other things); the derivative is then
            (derivatives, other things).

    Returns:
        A compiled function of the same arguments. For one array as argument and one as result it
        returns an array of shape `result.shape + argument.shape`; else the structure of the
        results, in each place the structure of the argument (a tuple of them if `argnums` is a
        sequence), in each place such an array, of the argument's dtype.

    Raises:
        GradientError: (when called) an argument or a result is not of floats, or an op has no
            derivative.
    """
    return _compiled("jacobian", function, argnums, has_aux, _fewer_arguments)


@remembers
def jacfwd(function: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Jitted:
    """As `jacobian`, always in forward mode: for functions with few arguments."""
    return _compiled("jacfwd", function, argnums, has_aux, lambda *_: True)


@remembers
def jacrev(function: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Jitted:
    """As `jacobian`, always in reverse mode: for functions with few results."""
    return _compiled("jacrev", function, argnums, has_aux, lambda *_: False)


def hessian(function: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Jitted:
    """The second derivatives of a function: `jacfwd(jacrev(function))`.

    For one array as argument and one number as result: an array of shape `x.shape + x.shape`.
    """
    return jacfwd(jacrev(function, argnums, has_aux), argnums, has_aux)


def hvp(function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of a function with one number as its result, times a vector.

    The Hessian itself is never computed: the gradient is differentiated along the tangents.

    Args:
        function: of floats in any nesting; its result is a float of shape ().
        primals: its arguments, in a tuple or list.
        tangents: for each argument a tangent of its structure and types; None stands for zeros.

    Returns:
        For one argument the product, in its structure; for several a tuple of them.

    Raises:
        GradientError: as `grad`, and if a tangent does not fit its argument.
    """
    primals, tangents = _tuple("primals", primals), _tuple("tangents", tangents)
    if len(primals) != len(tangents):
        raise GradientError(
            "hvp: primals and tangents differ in number",
            got=f"{len(primals)} primals, {len(tangents)} tangents",
            loc=user_location(),
        )
    if current() is None:
        data = {"primals": primals, "tangents": tangents}
        return run_eagerly(_hvp, {"function": function}, data)
    return _hvp(function, primals, tangents)


def _tuple(name: str, x: Any) -> tuple[Any, ...]:
    if isinstance(x, (tuple, list)):
        return tuple(x)
    raise GradientError(
        f"hvp: {name} is a tuple or list with one object per argument",
        got=type(x).__name__,
        loc=user_location(),
    )


def _compiled(
    what: str, function: Callable[..., Any], argnums: Argnums, has_aux: bool, choose: Choice
) -> Jitted:
    """The derivative with the name, parameters and options of `function`."""
    if not callable(function):
        raise TypeError(f"{what}: needs a function, got {type(function).__name__}")
    chosen = check_argnums(what, argnums)

    def derivative(*args: Any, **kwargs: Any) -> Any:
        return _jacobian(what, function, args, kwargs, chosen, has_aux, choose)

    functools.update_wrapper(derivative, function)
    return Jitted.like(derivative, function)


def _fewer_arguments(
    ctx: TraceContext, arguments: Sequence[Tracer], results: Sequence[Tracer]
) -> bool:
    """Forward mode where it takes fewer products, at the sizes of the call that is traced."""

    def count(leaves: Sequence[Tracer]) -> int:
        return sum(ctx.hint(product(t._type.shape)) for t in leaves)

    return count(arguments) < count(results)


# -- how ----------------------------------------------------------------------------------------


def _jacobian(
    what: str,
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    argnums: Argnums,
    has_aux: bool,
    choose: Choice,
) -> Any:
    ctx = require()
    inputs, new_args, new_kwargs = substituted(ctx, what, function, args, kwargs, argnums)
    segment = Segment(ctx)
    returned = function(*new_args, **new_kwargs)
    result, aux = split_aux(what, returned) if has_aux else (returned, None)
    leaves = _float_leaves(what, result)
    outputs = [t._read() for t in leaves.floats]
    segment.close()
    if choose(ctx, inputs.outer, leaves.floats):
        table = _by_columns(ctx, segment, inputs, outputs)
    else:
        table = [_row(ctx, segment, inputs, output) for output in outputs]
    rows = [_structured(ctx, inputs, argnums, row) for row in table]
    found = leaves.rebuild(rows)
    return (found, aux) if has_aux else found


def _float_leaves(what: str, result: Any) -> Leaves:
    leaves = Leaves.of(result)
    for path, type, x in zip(
        leaves.tree.paths("result"), leaves.types, leaves.objects, strict=True
    ):
        if type is None:
            raise GradientError(
                f"{what}: {path} cannot be differentiated, it does not hold floats",
                got=_shown(x),
                expected="floats",
                loc=user_location(),
                hint="return it beside the results, with has_aux=True",
            )
    return leaves


def _shown(x: Any) -> str:
    return type(x).__name__ if is_static(x) else lift.type_text(x)


def _structured(ctx: TraceContext, inputs: Inputs, argnums: Argnums, row: Sequence[Value]) -> Any:
    """The derivatives of one result, in the structure of the arguments."""
    parts = inputs.rebuild(
        [
            lift.array(ctx, value) if value.type.shape else derivative_of(ctx, outer, value)
            for outer, value in zip(inputs.outer, row, strict=True)
        ]
    )
    return parts[0] if isinstance(argnums, int) else tuple(parts)


def _row(ctx: TraceContext, segment: Segment, inputs: Inputs, output: Value) -> list[Value]:
    """Reverse mode: for each input the derivatives [*output, *input]."""
    shape = output.type.shape
    ends = [t._type for t in inputs.outer]
    if 0 in shape:
        return [_zeros(ctx, output.type, end) for end in ends]

    def pull(ct: Term) -> list[Term | None]:
        return pull_back_terms(ctx.builder, segment.nodes, [output], [ct], inputs.values)

    return [
        _zeros(ctx, output.type, end)
        if value is None
        else values.reshape(ctx, value, (*shape, *end.shape))
        for value, end in zip(_for_all(ctx, output.type, pull), ends, strict=True)
    ]


def _by_columns(
    ctx: TraceContext, segment: Segment, inputs: Inputs, outputs: Sequence[Value]
) -> list[list[Value]]:
    """Forward mode: for each output and input the derivatives [*output, *input]."""
    columns = [_column(ctx, segment, inputs, k, outputs) for k in range(len(inputs.outer))]
    return [list(row) for row in zip(*columns, strict=True)]


def _column(
    ctx: TraceContext, segment: Segment, inputs: Inputs, position: int, outputs: Sequence[Value]
) -> list[Value]:
    """For each output the derivatives by one input."""
    end = inputs.outer[position]._type
    if 0 in end.shape:
        return [_zeros(ctx, v.type, end) for v in outputs]

    def push(tangent: Term) -> list[Term | None]:
        tangents: list[Term | None] = [None] * len(inputs.outer)
        tangents[position] = tangent
        return push_forward_terms(ctx.builder, segment.nodes, inputs.values, tangents, outputs)

    found = []
    for value, output in zip(_for_all(ctx, end, push), outputs, strict=True):
        if value is None:
            found.append(_zeros(ctx, output.type, end))
            continue
        if end.shape:
            value = values.transpose(ctx, value, (*range(1, value.type.rank), 0))
        value = values.reshape(ctx, value, (*output.type.shape, *end.shape))
        found.append(values.cast(ctx, value, end.dtype))
    return found


def _for_all(
    ctx: TraceContext, type: TensorType, apply: Callable[[Term], list[Term | None]]
) -> list[Value | None]:
    """What `apply` gives for all unit vectors of a type: [element of the vector, ...].

    Their zeros are masks: no numbers to multiply with. Of shape () there is one vector, and no axis
    for it.
    """
    builder = ctx.builder
    start, unit = len(builder.nodes), Value(type.with_dtype(DType.BOOL), "unit")
    one = full(builder, type.shape, 1, type.dtype)
    terms = apply(one.where(Term(builder, unit)) if type.shape else one)
    found = [None if t is None else t.value for t in terms]
    if not type.shape:
        return found
    stack = _unit_vectors(ctx, type.shape)
    some = [v for v in found if v is not None]
    stacks = iter(batch_since(builder, start, unit, stack, some))
    return [None if v is None else next(stacks) for v in found]


def _zeros(ctx: TraceContext, output: TensorType, input: TensorType) -> Value:
    return values.full(ctx, (*output.shape, *input.shape), 0, input.dtype)


def _unit_vectors(ctx: TraceContext, shape: Shape) -> Value:
    """For each element of an array of this shape, an array that is True in its place alone."""
    count, rank = product(shape), len(shape)
    numbers = ctx.emit_once("iota", size=count, dtype=DType.I64)
    places = values.reshape(ctx, numbers, shape)
    whole = (count, *shape)
    which = ctx.emit("broadcast", numbers, shape=whole, dims=(0,))
    where = ctx.emit("broadcast", places, shape=whole, dims=tuple(range(1, rank + 1)))
    return ctx.emit("equal", which, where)


# -- Hessians times vectors ---------------------------------------------------------------------


def _hvp(function: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
    ctx = require()
    inputs = fresh_inputs(ctx, "hvp", primals, argument_names(function, len(primals)))
    given = tangent_values(ctx, "hvp", primals, tangents)
    segment = Segment(ctx)
    gradients = grad(function, tuple(range(len(primals))))(*inputs.arguments())
    outputs = [t._read() for t in Leaves.of(gradients).floats]
    products = inputs.derivatives(ctx, segment.push_forward(inputs, given, outputs))
    return products[0] if len(primals) == 1 else tuple(products)
