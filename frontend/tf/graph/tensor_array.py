"""`tf.TensorArray`: tensors of one shape, written one by one, mostly in loops.

Layer: frontend. It is one tensor [size, ...], so that loops with it are compiled. The shape of the
elements is known from `element_shape`, or from what is first written to it: in a loop, from what
the body writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..abstract import TensorType
from ..apply import apply
from ..arrays import zeros
from ..errors import InvalidArgumentError
from ..indexing import gather, tensor_scatter_nd_update
from ..shapes import TensorShape
from ..shaping import reshape
from ..static import integer
from ..tensors import Tensor
from .bodies import Nothing
from .build import call_of, convert, graph_of, graph_op
from .graph import get_default_graph
from .region import Region, structured
from .state import is_building
from .symbolic import GraphTensor


class TensorArray:
    """Tensors of one dtype and shape, by number.

    Args:
        dtype: of the elements.
        size: how many there are, a number or a scalar tensor.
        dynamic_size: whether writing behind the end makes it longer; it runs on the host then.
        clear_after_read: for TensorFlow's signature.
        tensor_array_name: for TensorFlow's signature.
        handle: for TensorFlow's signature.
        flow: for TensorFlow's signature.
        infer_shape: whether all elements have to have one shape.
        element_shape: of the elements.
        colocate_with_first_write_call: for TensorFlow's signature.
        name: of the ops.
    """

    def __init__(
        self,
        dtype: Any,
        size: Any = None,
        dynamic_size: bool | None = None,
        clear_after_read: bool | None = None,
        tensor_array_name: str | None = None,
        handle: Any = None,
        flow: Any = None,
        infer_shape: bool = True,
        element_shape: Any = None,
        colocate_with_first_write_call: bool = True,
        name: str | None = None,
    ) -> None:
        if not is_building():
            raise NotImplementedError(
                "tf.TensorArray is for graphs: use a list and tf.stack where ops run at once"
            )
        if size is None:
            raise ValueError("Argument `size` must be provided if handle is not provided.")
        self.dtype = dtypes.as_dtype(dtype)
        self.dynamic_size = bool(dynamic_size)
        self.element_shape = TensorShape(element_shape)
        self.room = size
        self.value: GraphTensor | None = None  # [size, ...]
        self.first: GraphTensor | None = None  # an element that was written
        if self.element_shape.is_fully_defined():
            sizes = self.element_shape.as_list()
            self.value = _added(_zeros_of, "TensorArrayV3", [size, sizes, self.dtype], self.type())

    # -- in loops ---------------------------------------------------------------------------------

    def holding(self, value: GraphTensor | None, first: GraphTensor | None = None) -> TensorArray:
        """An array like this one with other elements."""
        found = object.__new__(TensorArray)
        found.dtype, found.dynamic_size, found.room = self.dtype, self.dynamic_size, self.room
        found.element_shape, found.value = self.element_shape, value
        found.first = self.first if first is None else first
        return found

    def stored(self) -> GraphTensor:
        """The elements as one tensor.

        Raises:
            ValueError: nothing has been written, and the shape of the elements is not known.
        """
        if self.value is None:
            raise ValueError(
                "the elements of this TensorArray have no shape yet: write one first, or say"
                " element_shape=..."
            )
        return self.value

    def type(self) -> TensorType:
        """What is known of the elements as one tensor."""
        size = None if self.dynamic_size or not isinstance(self.room, int) else self.room
        shape = TensorShape([size]).concatenate(self.element_shape)
        return TensorType(self.dtype, shape)

    # -- elements ---------------------------------------------------------------------------------

    def _checked(self, value: Any, axes: int = 0) -> GraphTensor:
        tensor = convert(value, self.dtype if not hasattr(value, "dtype") else None)
        if tensor.dtype.base_dtype is not self.dtype:
            raise ValueError(
                f"TensorArray dtype is {self.dtype.name} but Op is trying to write dtype"
                f" {tensor.dtype.base_dtype.name}"
            )
        shape = tensor.shape
        if shape.rank is not None:
            part = TensorShape(shape.as_list()[axes:])
            if not self.element_shape.is_compatible_with(part):
                raise ValueError(
                    f"Inconsistent shapes: saw {part} but expected {self.element_shape}"
                )
            self.element_shape = TensorShape(self.element_shape.merge_with(part))
        return tensor

    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        """The array with one element replaced.

        Raises:
            ValueError: it has another dtype or shape than the others.
        """
        element = self._checked(value)
        function = _replaced_growing if self.dynamic_size else _replaced
        at = convert(index, None, "index", graph_of([element]))
        operands = [self._or_room(element), at, element]
        made = _added(function, "TensorArrayWriteV3", operands, self.type(), name or _WRITE)
        return self.holding(made, element)

    def _or_room(self, element: GraphTensor) -> GraphTensor:
        """The elements, or zeros of the shape of the first one."""
        if self.value is not None:
            return self.value
        return _added(_room_for, "TensorArrayV3", [self.room, element], self.type())

    def read(self, index: Any, name: str | None = None) -> Any:
        """One element."""
        found = _element(self.stored(), index, name=name)
        found.set_shape(self.element_shape)
        return found

    def stack(self, name: str | None = None) -> Any:
        """All elements, along a new first axis."""
        return _stacked(self.stored(), name=name)

    def gather(self, indices: Any, name: str | None = None) -> Any:
        """Some of the elements, along a new first axis."""
        return _chosen(self.stored(), indices, name=name)

    def concat(self, name: str | None = None) -> Any:
        """All elements, one behind the other along their first axis."""
        return _joined(self.stored(), name=name)

    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        """An array of the slices of a tensor."""
        return self.holding(self._checked(value, 1))

    def scatter(self, indices: Any, value: Any, name: str | None = None) -> TensorArray:
        """The array with the elements at `indices` replaced by slices of a tensor."""
        slices = self._checked(value, 1)
        operands = [self._or_room(_element(slices, 0)), indices, slices]
        label = name or "TensorArrayScatter/TensorArrayScatterV3"
        return self.holding(_added(_several, "TensorArrayScatterV3", operands, self.type(), label))

    def split(self, value: Any, lengths: Any, name: str | None = None) -> TensorArray:
        """Refused: elements have one shape.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            "TensorArray.split is not supported: use tf.split, or unstack for parts of one size"
        )

    def size(self, name: str | None = None) -> Any:
        """The number of elements."""
        if self.value is None:
            return convert(self.room, None, name or "size")
        return _count(self.value, name=name)

    def identity(self) -> TensorArray:
        """The array itself."""
        return self

    def close(self, name: str | None = None) -> Any:
        """An operation that does nothing."""
        return get_default_graph().add("NoOp", Nothing(), name=name or "TensorArrayClose")

    @property
    def flow(self) -> Any:
        """The elements as one tensor."""
        return self.stored()

    handle = flow


# -- ops ------------------------------------------------------------------------------------------


def _room_for(size: Any, element: Tensor) -> Any:
    return zeros([integer(size, "the size of a TensorArray"), *element._value.shape], element.dtype)


def _zeros_of(size: Any, sizes: Sequence[int], dtype: Any) -> Any:
    return zeros([integer(size, "the size of a TensorArray"), *sizes], dtype)


def _replaced(array: Any, index: Any, element: Any) -> Any:
    place = reshape(index, [1, 1])
    count = array._value.shape[0]
    if not place.is_symbolic and isinstance(count, int):
        _check_place(int(place._value[0, 0]), count)
    return tensor_scatter_nd_update(array, place, reshape(element, [1, *element._value.shape]))


def _check_place(place: int, count: int) -> None:
    if not 0 <= place < count:
        raise InvalidArgumentError(
            f"TensorArray: Tried to write to index {place} but array is not resizeable and size"
            f" is: {count}"
        )


def _replaced_growing(array: Any, index: Any, element: Any) -> Any:
    place = int(index)  # has to be known: this runs on the host
    missing = place + 1 - array._value.shape[0]
    if missing > 0:
        array = apply("TensorArrayGrow", _longer, [array], {"count": missing})
    return _replaced(array, index, element)


def _longer(x: Any, *, count: int) -> Any:
    return np.concatenate([x, np.zeros((count, *x.shape[1:]), x.dtype)])


def _several(array: Any, indices: Any, slices: Any) -> Any:
    return tensor_scatter_nd_update(array, reshape(indices, [-1, 1]), slices)


def _size_of(array: Any) -> Any:
    return Tensor(np.int32(array._value.shape[0]))


def _flat(array: Any) -> Any:
    return reshape(array, [-1, *array._value.shape[2:]])


def _same(array: Any) -> Any:
    return array


def _added(
    function: Any, type: str, operands: Any, result: TensorType, name: str = "TensorArray"
) -> GraphTensor:
    """An op whose result is known to have this type, as far as it says."""
    graph = graph_of(list(operands))
    body, inputs = call_of(function, operands, {}, graph)
    return graph.add(type, body, inputs, [result], name).outputs[0]


def _operand_first(function: Any) -> Any:
    """With tensors for numbers, which the functions above expect."""

    def op(array: Any, index: Any, *rest: Any, name: str | None = None) -> Any:
        return function(array, convert(index, None, "index", graph_of([array])), *rest, name=name)

    return op


_WRITE = "TensorArrayWrite/TensorArrayWriteV3"
_element = _operand_first(graph_op(gather, "TensorArrayReadV3", "TensorArrayReadV3"))
_STACK = "TensorArrayStack/TensorArrayGatherV3"
_stacked = graph_op(_same, _STACK, "TensorArrayGatherV3")
_chosen = _operand_first(graph_op(gather, "TensorArrayGatherV3", "TensorArrayGatherV3"))
_joined = graph_op(_flat, "TensorArrayConcatV3", "TensorArrayConcatV3")
_count = graph_op(_size_of, "TensorArraySizeV3", "TensorArraySizeV3")


# -- arrays that a loop writes first --------------------------------------------------------------


def made_in_loop(
    array: TensorArray, region: Region, written: TensorArray, operands: Sequence[GraphTensor | None]
) -> GraphTensor:
    """The elements that an array has before a loop whose body is the first to write to it.

    Args:
        array: as it is before the loop.
        region: the body.
        written: as the body returns it.
        operands: the loop's variables before it; None for such arrays.

    Raises:
        ValueError: the body does not write to it, or what it writes depends on what it reads.
    """
    first = written.first
    if first is None:
        return array.stored()
    sizes = first.shape.as_list() if first.shape.rank is not None else [None]
    if None not in sizes:
        operands_of_room = [array.room, sizes, array.dtype]
        known = array.holding(None)
        known.element_shape = first.shape
        return _added(_zeros_of, "TensorArrayV3", operands_of_room, known.type())
    part = region.part([first])
    unknown = [p for p, x in zip(part.parameters, operands, strict=True) if x is None]
    if any(p in part.read for p in unknown):
        raise ValueError(
            "what is first written to this TensorArray depends on its elements: say"
            " element_shape=..."
        )
    given = [x for x in operands if x is not None]
    part.parameters = [p for p in part.parameters if p not in unknown]
    size = array.room
    static = size if isinstance(size, int) else None
    type = TensorType(array.dtype, TensorShape([static]).concatenate(first.shape))
    tensors = [convert(size, dtypes.int32, "size"), *given]
    graph = get_default_graph()
    op = structured(graph, "TensorArrayV3", _made, [part], tensors, [type], "TensorArray")
    return op.outputs[0]


def _made(body: Any, size: Tensor, *variables: Tensor) -> list[Tensor]:
    (first,) = body(*variables)
    return [_room_for(size, first)]
