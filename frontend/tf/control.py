"""Branches and loops with TensorFlow's signatures: cond, case, while_loop, map_fn, scan, foldl.

Layer: frontend. Outside of traced functions they are plain Python, one op after the other; while a
function is traced they become branches and loops of its program (regions.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from . import dtypes, nest, static
from .convert import convert_to_tensor
from .elementwise import logical_and
from .errors import InvalidArgumentError
from .indexing import getitem
from .regions import branch, is_traced, loop, tensors_of, walk
from .shaping import concat, stack
from .tensors import Tensor

# -- branches -------------------------------------------------------------------------------------


def cond(
    pred: Any,
    true_fn: Callable[[], Any] | None = None,
    false_fn: Callable[[], Any] | None = None,
    name: str | None = None,
) -> Any:
    """What one of two functions returns, by a truth value.

    Args:
        pred: a scalar.
        true_fn: takes nothing, returns a structure of tensors.
        false_fn: as `true_fn`; while a function is traced, of the same structure and dtypes.
        name: for TensorFlow's signature.

    Raises:
        TypeError: a function is missing, or is none; results differ in structure.
    """
    for argument, function in (("true_fn", true_fn), ("false_fn", false_fn)):
        if not callable(function):
            raise TypeError(f"'{argument}' must be callable.")
    if isinstance(pred, (bool, np.bool)):
        return true_fn() if pred else false_fn()  # type: ignore[misc]
    test = convert_to_tensor(pred)
    if not test.is_symbolic:
        return true_fn() if bool(test) else false_fn()  # type: ignore[misc]
    if not test.dtype.is_bool:
        test = test != 0  # type: ignore[assignment]
    return _choose(test, [true_fn, false_fn])


def _choose(index: Tensor, functions: Sequence[Any]) -> Any:
    structures: list[Any] = []

    def flat(function: Callable[[], Any]) -> Callable[[], list[Tensor]]:
        def run() -> list[Tensor]:
            returned = function()
            structures.append(returned)
            if len(structures) > 1:
                nest.assert_same_structure(structures[0], returned)
            return tensors_of([x for x in nest.flatten(returned) if x is not None])

        return run

    found = iter(branch(index, [flat(f) for f in functions]))
    leaves = [None if x is None else next(found) for x in nest.flatten(structures[0])]
    return nest.pack_sequence_as(structures[0], leaves)


def case(
    pred_fn_pairs: Any,
    default: Callable[[], Any] | None = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str = "case",
) -> Any:
    """What the function behind the first true condition returns; else what `default` returns.

    Raises:
        InvalidArgumentError: no condition is true, and there is no default; or several are, though
            `exclusive` says there is one.
    """
    pairs = [(p, f) for p, f in pred_fn_pairs]
    if not pairs:
        raise ValueError("pred_fn_pairs must be a non-empty list of (condition, function) pairs")
    tests = [convert_to_tensor(p, dtypes.bool_) for p, _ in pairs]
    if exclusive and static.is_known(*tests) and sum(bool(t) for t in tests) > 1:
        raise InvalidArgumentError(
            f"Input error: exclusive=True but more than one condition is true: {tests}"
        )
    for k, (test, (_, function)) in enumerate(zip(tests, pairs, strict=True)):
        if test.is_symbolic:
            rest = pairs[k + 1 :]
            other = partial(case, rest, default) if rest else default or function
            return cond(test, function, other)
        if bool(test):
            return function()
    if default is None:
        raise InvalidArgumentError(
            f"Input error: None of conditions evaluated as True. Conditions: {tests}"
        )
    return default()


def switch_case(
    branch_index: Any,
    branch_fns: Any,
    default: Callable[[], Any] | None = None,
    name: str = "switch_case",
) -> Any:
    """What the function with this number returns; `default` (the last) for all other numbers.

    Args:
        branch_index: an int32 scalar.
        branch_fns: functions, or a dict or pairs of number and function.
        default: a function.
        name: for TensorFlow's signature.
    """
    functions = _numbered(branch_fns)
    index = convert_to_tensor(branch_index)
    if not index.dtype.is_integer:
        raise TypeError(f"branch_index must be a Tensor of integers, got {index.dtype.name}")
    other = default or functions[max(functions)]
    if not index.is_symbolic:
        return functions.get(int(index), other)()
    count = max(functions) + 1
    parts = [functions.get(k, other) for k in range(count)]
    number = index._value.astype(np.int64)
    outside = (number < 0) | (number >= count)
    return _choose(Tensor(np.where(outside, np.int64(count), number)), [*parts, other])


def _numbered(branch_fns: Any) -> dict[int, Callable[[], Any]]:
    if isinstance(branch_fns, dict) or (branch_fns and isinstance(branch_fns[0], tuple)):
        found = dict(branch_fns)
    else:
        found = dict(enumerate(branch_fns or ()))
    if not found:
        raise ValueError("Argument `branch_fns` must be a non-empty list or dict of functions")
    if not all(callable(f) for f in found.values()):
        raise TypeError("Every entry of `branch_fns` must be callable")
    return found


# -- loops ----------------------------------------------------------------------------------------


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    maximum_iterations: Any = None,
    name: str | None = None,
) -> Any:
    """Repeat `loop_vars = body(*loop_vars)` as long as `cond(*loop_vars)` holds.

    Args:
        cond: takes the variables, returns a truth value.
        body: takes the variables, returns the next ones: of the same structure, dtypes and shapes.
        loop_vars: a list or tuple of tensors, in any nesting.
        shape_invariants: for TensorFlow's signature.
        parallel_iterations: for TensorFlow's signature.
        back_prop: for TensorFlow's signature.
        swap_memory: for TensorFlow's signature.
        maximum_iterations: after how many to stop.
        name: for TensorFlow's signature.

    Returns:
        The last variables, in the structure of `loop_vars`.
    """
    if not callable(cond):
        raise TypeError("'cond' must be callable.")
    if not callable(body):
        raise TypeError("'body' must be callable.")
    if not loop_vars:
        raise ValueError("'loop_vars' must be provided.")
    given = list(loop_vars) if isinstance(loop_vars, (list, tuple)) else [loop_vars]
    limit = None
    if maximum_iterations is not None:
        limit = convert_to_tensor(maximum_iterations)
    run = _traced_while if is_traced() else _eager_while
    found = run(cond, body, given, limit)
    return tuple(found) if isinstance(loop_vars, tuple) or len(found) > 1 else found


def _returned(found: Any, given: list[Any]) -> list[Any]:
    """What the body returns as a list like `given`."""
    if isinstance(found, (list, tuple)) and (len(given) > 1 or len(found) == 1):
        result = list(found)
    else:
        result = [found]
    nest.assert_same_structure(given, result, check_types=False)
    return result


def _eager_while(cond: Any, body: Any, given: list[Any], limit: Tensor | None) -> list[Any]:
    state = nest.map_structure(convert_to_tensor, given)
    count = 0
    while (limit is None or count < int(limit)) and bool(cond(*state)):
        found = _returned(body(*state), state)
        state = nest.map_structure(convert_to_tensor, found)
        count += 1
    return state  # type: ignore[no-any-return]


def _traced_while(cond: Any, body: Any, given: list[Any], limit: Tensor | None) -> list[Any]:
    start = tensors_of(nest.flatten(given))
    counter = [] if limit is None else [Tensor(limit.dtype.numpy.type(0))]
    first = len(counter)

    def packed(tensors: Sequence[Tensor]) -> Any:
        return nest.pack_sequence_as(given, list(tensors[first:]))

    def holds(tensors: Sequence[Tensor]) -> Tensor:
        found = convert_to_tensor(cond(*packed(tensors)))
        return found if limit is None else logical_and(found, tensors[0] < limit)  # type: ignore[operator, no-any-return]

    def step(tensors: Sequence[Tensor]) -> list[Tensor]:
        found = _returned(body(*packed(tensors)), given)
        flat = [
            convert_to_tensor(x, s.dtype if not hasattr(x, "dtype") else None)
            for x, s in zip(nest.flatten(found), start, strict=True)
        ]
        counted: list[Any] = [tensors[0] + 1] if counter else []  # type: ignore[operator]
        return [*counted, *flat]

    return packed(loop(holds, step, [*counter, *start]))  # type: ignore[no-any-return]


def map_fn(
    fn: Callable[[Any], Any],
    elems: Any,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    name: str | None = None,
    fn_output_signature: Any = None,
) -> Any:
    """What a function returns for each slice along the first axis, stacked.

    Args:
        fn: takes a slice in the structure of `elems`, returns a structure of tensors.
        elems: tensors [n, ...] in any nesting.
        dtype: as `fn_output_signature`.
        parallel_iterations: for TensorFlow's signature.
        back_prop: for TensorFlow's signature.
        swap_memory: for TensorFlow's signature.
        infer_shape: for TensorFlow's signature.
        name: for TensorFlow's signature.
        fn_output_signature: the dtypes that `fn` returns, for TensorFlow's signature; results of
            another dtype are an error.
    """
    if not callable(fn):
        raise TypeError(f"The provided function {fn} is not callable.")
    slices = _sequences(elems, "map_fn")
    signature = dtype if fn_output_signature is None else fn_output_signature
    wanted = nest.flatten(signature) if signature is not None else None
    structure: list[Any] = []

    def step(carry: Any, xs: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        returned = fn(nest.pack_sequence_as(elems, list(xs)))
        structure[:] = [returned]
        flat = nest.flatten(returned)
        kinds = [None] * len(flat) if wanted is None else wanted
        return [], [_as(x, kind) for x, kind in zip(flat, kinds, strict=True)]

    _, found = _walk(step, [], slices)
    return nest.pack_sequence_as(structure[0], found)


def _as(x: Any, kind: Any) -> Tensor:
    dtype = None if kind is None else dtypes.as_dtype(getattr(kind, "dtype", kind))
    tensor = convert_to_tensor(x, None if hasattr(x, "dtype") else dtype)
    if dtype is not None and tensor.dtype is not dtype:
        raise InvalidArgumentError(
            f"tf.map_fn: the function returns {tensor.dtype.name}, the signature says {dtype.name}"
        )
    return tensor


def _sequences(elems: Any, op: str) -> list[Tensor]:
    found = tensors_of(nest.flatten(elems))
    if not found:
        raise ValueError("elems must be a Tensor or (possibly nested) sequence of Tensors.")
    for t in found:
        if not t.ndim:
            raise ValueError(
                f"Elements in elems must be 1+ dimensional Tensors, not scalars: tf.{op}"
            )
        if t.shape[0] != found[0].shape[0]:
            raise InvalidArgumentError(
                f"tf.{op}: the tensors of elems have different lengths, "
                f"{found[0].shape.as_list()} and {t.shape.as_list()}"
            )
    return found


def _walk(
    step: Callable[[Any, Any], tuple[list[Tensor], list[Tensor]]],
    start: list[Tensor],
    slices: list[Tensor],
    reverse: bool = False,
) -> tuple[list[Tensor], list[Tensor]]:
    """The last carry, and the results of all steps stacked."""
    if is_traced():
        return walk(step, start, slices, reverse)
    count = len(slices[0])
    if not count:
        raise ValueError("tf.map_fn and the like: there are no elements to walk over")
    rows: list[list[Tensor]] = []
    carry = start
    for k in range(count - 1, -1, -1) if reverse else range(count):
        carry, ys = step(carry, [getitem(s, k) for s in slices])
        rows.append(ys)
    if reverse:
        rows.reverse()
    return carry, [stack(list(column)) for column in zip(*rows, strict=True)]


def vectorized_map(
    fn: Callable[[Any], Any],
    elems: Any,
    fallback_to_while_loop: bool = True,
    warn: bool = True,
) -> Any:
    """As `map_fn`."""
    return map_fn(fn, elems)


# -- folds ----------------------------------------------------------------------------------------


def _fold(
    fn: Callable[[Any, Any], Any], elems: Any, initializer: Any, reverse: bool, op: str
) -> tuple[Any, Any]:
    """The last accumulator and all of them, in their structure."""
    if not callable(fn):
        raise TypeError(f"{fn} is not callable.")
    slices = _sequences(elems, op)
    first = -1 if reverse else 0
    if initializer is None:
        start = [getitem(s, first) for s in slices]
        rest = _all_but_first(reverse)
        structure, slices = elems, [getitem(s, rest) for s in slices]
    else:
        start, structure = tensors_of(nest.flatten(initializer)), initializer

    def step(carry: Any, xs: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        accumulated = nest.pack_sequence_as(structure, list(carry))
        found = fn(accumulated, nest.pack_sequence_as(elems, list(xs)))
        new = [
            convert_to_tensor(x, s.dtype if not hasattr(x, "dtype") else None)
            for x, s in zip(nest.flatten(found), start, strict=True)
        ]
        return new, new

    if slices[0].shape[0] == 0:
        carry, stacked = start, list[Tensor]()
    else:
        carry, stacked = _walk(step, start, slices, reverse)
    if initializer is None:
        stacked = [_with_first(s, stacked, k, reverse) for k, s in enumerate(start)]
    return nest.pack_sequence_as(structure, carry), nest.pack_sequence_as(structure, stacked)


def _all_but_first(reverse: bool) -> slice:
    """All slices but the one that a fold starts with."""
    return slice(None, -1) if reverse else slice(1, None)


def _with_first(first: Tensor, stacked: list[Tensor], k: int, reverse: bool) -> Tensor:
    from_start = stack([first])
    if not stacked:
        return from_start
    parts = [stacked[k], from_start] if reverse else [from_start, stacked[k]]
    return concat(parts, 0)


def scan(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """All accumulators of `accumulator = fn(accumulator, slice)` along the first axis, stacked.

    Args:
        fn: (accumulator, slice) -> the next accumulator.
        elems: tensors [n, ...] in any nesting.
        initializer: the first accumulator, which is not among the results; without it, it is the
            first slice, which is.
        parallel_iterations: for TensorFlow's signature.
        back_prop: for TensorFlow's signature.
        swap_memory: for TensorFlow's signature.
        infer_shape: for TensorFlow's signature.
        reverse: walk from the last slice to the first.
        name: for TensorFlow's signature.
    """
    return _fold(fn, elems, initializer, reverse, "scan")[1]


def foldl(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """The last accumulator of `accumulator = fn(accumulator, slice)`, from the first slice on."""
    return _fold(fn, elems, initializer, False, "foldl")[0]


def foldr(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """The last accumulator of `accumulator = fn(accumulator, slice)`, from the last slice on."""
    return _fold(fn, elems, initializer, True, "foldr")[0]
