"""Names of TensorFlow 1 that do little or nothing here, and those that are refused.

Layer: frontend.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from .. import dtypes, indexing
from ..convert import convert_to_tensor
from ..errors import InvalidArgumentError
from ..random.stateful import uniform
from .bodies import Nothing
from .build import graph_op
from .graph import get_default_graph
from .state import is_building

# name -> what to do instead
_REFUSED = {
    "NoGradient": "use tf.stop_gradient",
    "NotDifferentiable": "use tf.stop_gradient",
    "RegisterGradient": "use tf.custom_gradient, or tf.stop_gradient",
    "fixed_size_partitioner": "variables are not cut into parts: leave the partitioner out",
    "load_file_system_library": "files are read by Python",
    "load_library": "write the op with TensorFlow's functions, or as a tf.py_func",
    "load_op_library": "write the op with TensorFlow's functions, or as a tf.py_func",
    "min_max_variable_partitioner": "variables are not cut into parts: leave the partitioner out",
    "no_gradient": "use tf.stop_gradient",
    "register_tensor_conversion_function": "convert values before calling functions",
    "variable_axis_size_partitioner": "variables are not cut into parts: leave it out",
    "parse_example": "parse records in Python, or with tf.py_func",
    "parse_single_example": "parse records in Python, or with tf.py_func",
    **dict.fromkeys(
        [
            "SparseTensor",
            "SparseTensorValue",
            "sparse_add",
            "sparse_placeholder",
            "sparse_reduce_sum",
            "sparse_tensor_dense_matmul",
            "sparse_tensor_to_dense",
            "sparse_to_dense",
        ],
        "use a dense tensor, with a mask",
    ),
    "string_split": "it gives a sparse tensor: split texts in Python, or with tf.py_func",
}
# the same, of tf.train
_REFUSED_OF_TRAIN = dict.fromkeys(
    ["ClusterSpec", "Server", "replica_device_setter"],
    "programs run in one process, whose kernels use all cores",
)


def _refusal(name: str, instead: str) -> Callable[..., NoReturn]:
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(f"tf.{name} is not supported: {instead}")

    refuse.__name__ = name.rpartition(".")[2]
    refuse.__doc__ = f"Refused: {instead}."
    return refuse


for _name, _instead in _REFUSED.items():
    globals()[_name] = _refusal(_name, _instead)
for _name, _instead in _REFUSED_OF_TRAIN.items():
    globals()[_name] = _refusal(f"train.{_name}", _instead)


# -- switches of behaviour ------------------------------------------------------------------------


def enable_resource_variables() -> None:
    """Nothing: there is one kind of variable."""


def disable_resource_variables() -> None:
    """Nothing: there is one kind of variable."""


def disable_v2_tensorshape() -> None:
    """Nothing: shapes of graphs have `Dimension`s."""


def resource_variables_enabled() -> bool:
    """Whether variables are resources; they are not."""
    return False


def tables_initializer(name: str = "init_all_tables") -> Any:
    """An operation that does nothing: there are no tables to fill."""
    return get_default_graph().add("NoOp", Nothing(), name=name) if is_building() else None


# -- random_crop ----------------------------------------------------------------------------------


def _cropped(value: Any, size: Any, seed: Any) -> Any:
    tensor = convert_to_tensor(value)
    sizes = np.ravel(np.asarray(convert_to_tensor(size)._value)).tolist()
    room = [int(d or 0) - s for d, s in zip(tensor.shape.as_list(), sizes, strict=True)]
    if any(r < 0 for r in room):
        raise InvalidArgumentError(f"Need value.shape >= size, got {tensor.shape} and {sizes}")
    drawn = uniform([len(sizes)], maxval=np.iinfo(np.int32).max, dtype=dtypes.int32, seed=seed)
    limits = np.array([r + 1 for r in room], np.int32)
    return indexing.slice(tensor, drawn % limits, sizes)


_crop = graph_op(_cropped, "random_crop", "Slice")


def random_crop(value: Any, size: Any, seed: int | None = None, name: str | None = None) -> Any:
    """A part of a tensor, at a random place.

    Args:
        value: a tensor of known shape.
        size: of the part, one number for each axis.
        seed: of the place.
        name: of the op.
    """
    return _crop(value, size, seed, name=name)
