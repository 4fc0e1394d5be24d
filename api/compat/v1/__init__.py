"""TensorFlow 1: graphs, sessions, placeholders: `import tensorwright.compat.v1 as tf`.

Imported like this, calls build ops, which a session runs; `tf.enable_eager_execution()` at the
start of a program lets them run at once. Programs for TensorFlow 2 that use a name of
`tf.compat.v1` here and there stay as they are: reached as an attribute, the module changes nothing.
"""

import importlib
from typing import Any

from ...frontend.tf.graph import namespaces
from ...frontend.tf.graph.state import MODE, disable_eager_execution

_ROOT = importlib.import_module(__name__.removesuffix(".compat.v1"))
# Names of the root that are in other places, or are others, since.
_MOVED = {
    "ceil": ("math", "ceil"),
    "depth_to_space": ("nn", "depth_to_space"),
    "lin_space": ("root", "linspace"),
    "matrix_band_part": ("linalg", "band_part"),
    "matrix_determinant": ("linalg", "det"),
    "matrix_diag": ("linalg", "diag"),
    "matrix_diag_part": ("linalg", "diag_part"),
    "matrix_inverse": ("linalg", "inv"),
    "matrix_set_diag": ("linalg", "set_diag"),
    "matrix_solve": ("linalg", "solve"),
    "matrix_transpose": ("linalg", "matrix_transpose"),
    "matrix_triangular_solve": ("linalg", "triangular_solve"),
    "floor_div": ("math", "floordiv"),
    "reduce_join": ("strings", "reduce_join"),
    "reverse_v2": ("root", "reverse"),
    "self_adjoint_eig": ("linalg", "eigh"),
    "self_adjoint_eigvals": ("linalg", "eigvalsh"),
    "space_to_depth": ("nn", "space_to_depth"),
    "tensor_scatter_update": ("root", "tensor_scatter_nd_update"),
    "VERSION": ("root", "__version__"),
}
# Namespaces with modules of their own here.
_MODULES = frozenset([
    "app", "contrib", "data", "estimator", "feature_column", "flags", "gfile", "initializers",
    "layers", "logging", "losses", "metrics", "nn", "python_io", "summary", "test", "train",
])  # fmt: skip

if not MODE.reached_as_attribute:
    disable_eager_execution()


def __getattr__(name: str) -> Any:
    """Names of graphs; else names of the root, tf.math and tf.linalg, where many were."""
    if name.startswith("__") and name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    place, own = _MOVED.get(name, ("root", name))
    order = [_ROOT if space == "root" else getattr(_ROOT, space) for space in (place, *_PLACES)]
    found = globals()[name] = namespaces.find("", name if own == name else own, order)
    return found


_PLACES = ("root", "math", "linalg")


def __dir__() -> list[str]:
    return sorted({*namespaces.names(), *_MODULES, *_MOVED, *dir(_ROOT)})
