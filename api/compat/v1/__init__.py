"""TensorFlow 1's names, for programs that run eagerly: `import tensorwright.compat.v1 as tf`.

Names that are not here are those of the package root, of `tf.math` and of `tf.linalg`, where
TensorFlow 1 had most of them at its root.
"""

import importlib
from typing import Any

from ...frontend.tf.files import decode_base64, encode_base64, matching_files, read_file, write_file
from ...frontend.tf.random.seeds import set_seed as set_random_seed
from ...frontend.tf.random.stateful import normal as random_normal
from ...frontend.tf.random.stateful import shuffle as random_shuffle
from ...frontend.tf.random.stateful import truncated_normal
from ...frontend.tf.random.stateful import uniform as random_uniform
from ...frontend.tf.strings import join as string_join
from ...frontend.tf.strings import regex_replace, substr
from ...frontend.tf.strings import strip as string_strip
from ...frontend.tf.strings import to_number as string_to_number
from ...frontend.tf.v1.names import (
    GRAPH_MODE,
    arg_max,
    arg_min,
    argmax,
    argmin,
    count_nonzero,
    div,
    enable_control_flow_v2,
    enable_eager_execution,
    enable_resource_variables,
    enable_v2_behavior,
    enable_v2_tensorshape,
    expand_dims,
    gather,
    graph_mode,
    multinomial,
    norm,
    random_gamma,
    random_poisson,
    reduce_all,
    reduce_any,
    reduce_logsumexp,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_prod,
    reduce_sum,
    squeeze,
    to_double,
    to_float,
    to_int32,
    to_int64,
)
from ...frontend.tf.v1.variables import VariableV1 as Variable
from ...frontend.tf.v1.variables import (
    assign,
    assign_add,
    assign_sub,
    get_variable,
    global_variables_initializer,
    initialize_all_variables,
    local_variables_initializer,
    scatter_add,
    scatter_nd_add,
    scatter_nd_sub,
    scatter_nd_update,
    scatter_sub,
    scatter_update,
    variables_initializer,
)
from . import nn, train

_ROOT = importlib.import_module(__name__.removesuffix(".compat.v1"))
# Names of the root that were others in tf.math and tf.linalg since.
_MOVED = {
    "ceil": ("math", "ceil"),
    "lin_space": ("root", "linspace"),
    "matrix_determinant": ("linalg", "det"),
    "matrix_diag": ("linalg", "diag"),
    "matrix_diag_part": ("linalg", "diag_part"),
    "matrix_inverse": ("linalg", "inv"),
    "matrix_solve": ("linalg", "solve"),
    "matrix_transpose": ("linalg", "matrix_transpose"),
    "floor_div": ("math", "floordiv"),
    "self_adjoint_eig": ("linalg", "eigh"),
}


def __getattr__(name: str) -> Any:
    """Names of graph mode, which say so; else names of the root, tf.math and tf.linalg."""
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in GRAPH_MODE:
        found: Any = graph_mode(name)
    else:
        found = _newer(name)
    globals()[name] = found
    return found


def _newer(name: str) -> Any:
    place, own = _MOVED.get(name, ("root", name))
    for space in (place, "root", "math", "linalg"):
        module = _ROOT if space == "root" else getattr(_ROOT, space)
        try:
            return getattr(module, own)
        except AttributeError:
            continue
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *GRAPH_MODE, *dir(_ROOT)})


__all__ = [
    "Variable", "arg_max", "arg_min", "argmax", "argmin", "assign", "assign_add", "assign_sub",
    "count_nonzero", "decode_base64", "div", "enable_control_flow_v2", "enable_eager_execution",
    "enable_resource_variables", "enable_v2_behavior", "enable_v2_tensorshape", "encode_base64",
    "expand_dims", "gather", "get_variable", "global_variables_initializer",
    "initialize_all_variables", "local_variables_initializer", "matching_files", "multinomial",
    "nn", "norm", "random_gamma", "random_normal", "random_poisson", "random_shuffle",
    "random_uniform", "read_file", "reduce_all", "reduce_any", "reduce_logsumexp", "reduce_max",
    "reduce_mean", "reduce_min", "reduce_prod", "reduce_sum", "regex_replace", "scatter_add",
    "scatter_nd_add", "scatter_nd_sub", "scatter_nd_update", "scatter_sub", "scatter_update",
    "set_random_seed", "squeeze", "string_join", "string_strip", "string_to_number", "substr",
    "to_double", "to_float", "to_int32", "to_int64", "train", "truncated_normal",
    "variables_initializer", "write_file",
]  # fmt: skip
