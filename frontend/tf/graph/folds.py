"""Functions along the first axis of tensors in graphs: `tf.map_fn`, `tf.foldl`, `tf.scan`.

Layer: frontend. See control.py: the function is called once, with one slice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from .. import control as eager
from .. import dtypes, nest
from ..abstract import TensorType
from ..shapes import TensorShape
from ..tensors import Tensor
from .build import convert, graph_of
from .control import named_results
from .graph import Graph
from .region import Region, structured
from .state import is_building
from .symbolic import GraphTensor


def _slices(elems: Any, graph: Graph) -> list[GraphTensor]:
    """The tensors to walk along.

    Raises:
        ValueError: there are none, or one is a scalar.
    """
    found = [graph.owned(convert(x, None, "elems", graph)) for x in nest.flatten(elems)]
    if not found:
        raise ValueError("elems must be a Tensor or (possibly nested) sequence of Tensors.")
    if any(t.shape.rank == 0 for t in found):
        raise ValueError("Elements in elems must be 1+ dimensional Tensors, not scalars")
    return found


def _part(tensor: GraphTensor) -> TensorType:
    """The type of a slice."""
    dims = tensor.shape._dims
    return TensorType(tensor.dtype.base_dtype, TensorShape(None if dims is None else dims[1:]))


def _length(tensors: Sequence[GraphTensor]) -> int | None:
    return next((t.shape._dims[0] for t in tensors if t.shape._dims), None)


def _stacked(length: int | None, type: TensorType) -> TensorType:
    return TensorType(type.dtype, TensorShape([length]).concatenate(type.shape))


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
        fn: takes a slice in the nesting of `elems`, returns tensors in the nesting of `dtype`.
        elems: tensors [n, ...] in any nesting.
        dtype: what `fn` returns; by default as `elems`.
        parallel_iterations: for TensorFlow's signature.
        back_prop: for TensorFlow's signature.
        swap_memory: for TensorFlow's signature.
        infer_shape: for TensorFlow's signature.
        name: of the scope.
        fn_output_signature: as `dtype`.

    Raises:
        TypeError: `fn` is no function.
        ValueError: `elems` are scalars; `fn` returns another nesting or dtype.
    """
    if not is_building():
        return eager.map_fn(fn, elems, dtype, fn_output_signature=fn_output_signature)
    if not callable(fn):
        raise TypeError(f"The provided function {fn} is not callable.")
    signature = dtype if fn_output_signature is None else fn_output_signature
    graph = graph_of(nest.flatten(elems))
    with graph.name_scope(name or "map"):
        slices = _slices(elems, graph)
        wanted = _signature(elems if signature is None else signature, slices, signature is None)

        def call(*xs: GraphTensor) -> list[GraphTensor]:
            returned = fn(nest.pack_sequence_as(elems, list(xs)))
            structure = elems if signature is None else signature
            nest.assert_same_structure(structure, returned, check_types=False)
            return [_of_type(x, d) for x, d in zip(nest.flatten(returned), wanted, strict=True)]

        region = Region(graph, call, [_part(t) for t in slices])
        length = _length(slices)
        types = [_stacked(length, TensorType(t.dtype.base_dtype, t.shape)) for t in region.results]
        op = structured(graph, "Map", _map, [region], slices, types, "while")
        found = named_results(op, "TensorArrayGatherV3", "TensorArrayStack/TensorArrayGatherV3")
        return nest.pack_sequence_as(elems if signature is None else signature, found)


def _signature(structure: Any, slices: Sequence[GraphTensor], is_same: bool) -> list[Any]:
    if is_same:
        return [t.dtype.base_dtype for t in slices]
    return [dtypes.as_dtype(getattr(d, "dtype", d)) for d in nest.flatten(structure)]


def _of_type(x: Any, dtype: Any) -> GraphTensor:
    found = convert(x, None if hasattr(x, "dtype") else dtype)
    if found.dtype.base_dtype is not dtype:
        raise TypeError(
            f"tf.map_fn: the function returns {found.dtype.base_dtype.name}, where dtype= (or the"
            f" dtype of elems) says {dtype.name}"
        )
    return found


def _map(fn: Callable[..., list[Tensor]], *slices: Tensor) -> list[Tensor]:
    return list(eager.map_fn(lambda xs: fn(*xs), list(slices)))


# -- folds ----------------------------------------------------------------------------------------


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
    if not is_building():
        return eager.foldl(fn, elems, initializer)
    return _fold(fn, elems, initializer, name or "foldl", _foldl, False)


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
    if not is_building():
        return eager.foldr(fn, elems, initializer)
    return _fold(fn, elems, initializer, name or "foldr", _foldr, False)


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
        name: of the scope.
    """
    if not is_building():
        return eager.scan(fn, elems, initializer, reverse=reverse)
    return _fold(fn, elems, initializer, name or "scan", _scan_back if reverse else _scan, True)


def _fold(
    fn: Any, elems: Any, initializer: Any, name: str, run: Callable[..., Any], is_stacked: bool
) -> Any:
    if not callable(fn):
        raise TypeError(f"{fn} is not callable.")
    graph = graph_of([*nest.flatten(elems), *nest.flatten(initializer)])
    with graph.name_scope(name):
        slices = _slices(elems, graph)
        structure = elems if initializer is None else initializer
        start = []
        if initializer is not None:
            flat = nest.flatten(initializer)
            start = [graph.owned(convert(x, None, "initializer", graph)) for x in flat]
        carried = [TensorType(t.dtype.base_dtype, t.shape) for t in start] or [
            _part(t) for t in slices
        ]

        def call(*xs: GraphTensor) -> list[GraphTensor]:
            count = len(carried)
            accumulated = nest.pack_sequence_as(structure, list(xs[:count]))
            returned = fn(accumulated, nest.pack_sequence_as(elems, list(xs[count:])))
            nest.assert_same_structure(structure, returned, check_types=False)
            flat = zip(nest.flatten(returned), carried, strict=True)
            return [_carried(x, t) for x, t in flat]

        region = Region(graph, call, [*carried, *[_part(t) for t in slices]])
        length = _length(slices)
        types = [_stacked(length, t) if is_stacked else t for t in carried]
        function = partial(_folded, run, len(start))
        operands = [*start, *slices]
        op = structured(graph, "Fold", function, [region], operands, types, "while/LoopCond")
        label = "TensorArrayStack/TensorArrayGatherV3" if is_stacked else "while/Exit_2"
        found = named_results(op, "TensorArrayGatherV3" if is_stacked else "Exit", label)
        return nest.pack_sequence_as(structure, found)


def _carried(x: Any, type: TensorType) -> GraphTensor:
    found = convert(x, None if hasattr(x, "dtype") else type.dtype)
    if found.dtype.base_dtype is not type.dtype or not type.shape.is_compatible_with(found.shape):
        raise ValueError(
            f"the accumulator is {type.dtype.name} of shape {type.shape} at first, but the"
            f" function returns {found.dtype.base_dtype.name} of shape {found.shape}"
        )
    return found


def _folded(run: Callable[..., Any], count: int, fn: Any, *operands: Tensor) -> list[Tensor]:
    start = list(operands[:count]) or None
    slices = list(operands[count:])
    return list(run(lambda a, xs: fn(*a, *xs), slices, start))


_foldl, _foldr, _scan = eager.foldl, eager.foldr, eager.scan
_scan_back = partial(eager.scan, reverse=True)
