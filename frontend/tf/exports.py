"""The table of TensorFlow's top-level names: which module of this package has each.

Layer: frontend. The package root looks names up here when they are first used, so that importing
it does not load this dialect. Sub-namespaces (`tf.math`) are modules of the package root.
"""

from __future__ import annotations

import importlib
from types import FunctionType, ModuleType
from typing import Any

from .deferred import deferring
from .scopes import init_scope

# module of this package -> names; "public=own" where the two differ
TOP_LEVEL: dict[str, str] = {
    "arrays": """
        broadcast_dynamic_shape broadcast_static_shape eye fill linspace meshgrid one_hot ones
        ones_like range rank sequence_mask shape shape_n size zeros zeros_like
    """,
    "clipping": "clip_by_global_norm clip_by_norm",
    "control": "case foldl foldr map_fn switch_case vectorized_map",
    "convert": "convert_to_tensor",
    "devices": "device",
    "dtypes": """
        DType as_dtype bfloat16 bool=bool_ double float16 float32 float64 half int16 int32 int64
        int8 string uint16 uint32 uint64 uint8
    """,
    "elementwise": """
        abs acos acosh add add_n asin asinh atan atan2 atanh cast ceil clip_by_value constant cos
        cosh divide equal exp floor floordiv greater greater_equal
        identity identity_n less less_equal logical_and logical_not logical_or maximum minimum
        multiply negative not_equal pow realdiv=real_divide round saturate_cast scalar_mul sigmoid
        sign sin sinh sqrt square subtract tan tanh truediv truncatediv truncatemod
        guarantee_const=identity
    """,
    "custom": "custom_gradient recompute_grad",
    "debugging": "Assert assert_equal assert_greater assert_less assert_rank",
    "decompositions": "matrix_square_root=sqrtm",
    "functions": "function",
    "indexing": """
        boolean_mask gather gather_nd scatter_nd slice strided_slice tensor_scatter_nd_add
        tensor_scatter_nd_max tensor_scatter_nd_min tensor_scatter_nd_sub tensor_scatter_nd_update
        where
    """,
    "keras.initializers": """
        constant_initializer=Constant ones_initializer=Ones random_normal_initializer=RandomNormal
        random_uniform_initializer=RandomUniform zeros_initializer=Zeros
    """,
    "layout": """
        batch_to_space bitcast space_to_batch space_to_batch_nd=space_to_batch unravel_index
    """,
    "linalg": "einsum matmul norm tensordot",
    "module": "Module",
    "printing": "print",
    "proto.arrays": "make_ndarray=tensor_array make_tensor_proto",
    "reductions": """
        argmax argmin cumsum reduce_all reduce_any reduce_logsumexp reduce_max reduce_mean
        reduce_min reduce_prod reduce_sum
    """,
    "scopes": """
        control_dependencies executing_eagerly group init_scope is_tensor name_scope no_op
        get_logger get_static_value gradients inside_function is_symbolic_tensor numpy_function
        py_function timestamp tuple=tuple_of
    """,
    "segments": "dynamic_partition dynamic_stitch",
    "shapes": "TensorShape",
    "shaping": """
        broadcast_to concat ensure_shape expand_dims pad repeat reshape reverse reverse_sequence
        parallel_stack=stack roll split squeeze stack tile transpose unstack
    """,
    "sorting": """
        argsort histogram_fixed_width histogram_fixed_width_bins searchsorted sort unique
        unique_with_counts
    """,
    "slices": "IndexedSlices",
    "strings": "as_string",
    "tape": "GradientTape UnconnectedGradients",
    "tensors": "Tensor",
    "variables": "Variable",
}
# Modules of the package root that are loaded when they are first used.
NAMESPACES = frozenset(
    [
        "autodiff",
        "bitwise",
        "compat",
        "config",
        "data",
        "debugging",
        "dtypes",
        "errors",
        "experimental",
        "image",
        "io",
        "keras",
        "linalg",
        "math",
        "nest",
        "nn",
        "random",
        "saved_model",
        "strings",
        "summary",
        "sysconfig",
        "test",
        "train",
        "version",
    ]
)
# Namespaces that have another place, too.
ALIASES = {name: f"keras.{name}" for name in ("initializers", "losses", "metrics", "optimizers")}
CONSTANTS: dict[str, Any] = {"newaxis": None}


def _entries() -> dict[str, tuple[str, str]]:
    found = {}
    for module, names in TOP_LEVEL.items():
        for entry in names.split():
            public, _, own = entry.partition("=")
            found[public] = (module, own or public)
    return found


NAMES = _entries()


def names() -> list[str]:
    """All top-level names, namespaces included."""
    return sorted({*NAMES, *NAMESPACES, *ALIASES, *CONSTANTS})


def find(package: str, name: str) -> Any:
    """What TensorFlow's top-level name stands for.

    Raises:
        AttributeError: there is no such name.
    """
    if name in CONSTANTS:
        return CONSTANTS[name]
    if name in NAMESPACES or name in ALIASES:
        return _imported(f"{package}.{ALIASES.get(name, name)}")
    if name not in NAMES:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    module, own = NAMES[name]
    made = getattr(_imported(f"{__package__}.{module}"), own)
    return deferring(made, name) if isinstance(made, FunctionType) else made


def _imported(module: str) -> ModuleType:
    """A module, loaded outside of the trace in which its name may be used first.

    What it creates then, such as the state of random numbers, must not belong to that trace.
    """
    with init_scope():
        return importlib.import_module(module)
