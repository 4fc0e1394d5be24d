"""tensorwright compiles functions written with NumPy to native code.

import numpy as np
import tensorwright as tw

@tw.jit
def f(x, y):
    return np.exp(-x) * y

TensorFlow's names (`tw.constant`, `tw.GradientTape`, `tw.math`) are loaded when they are first
used: programs for TensorFlow 2 run with `import tensorwright as tf`.
"""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from .compiler.errors import (
    DeviceError,
    DTypeError,
    GradientError,
    InternalError,
    LeakedTracerError,
    PythonIntError,
    ShapeError,
    TensorwrightError,
    TracedIndexError,
    TraceError,
    UnsupportedError,
    UserError,
)
from .frontend.devices import device, device_get, device_put, from_dlpack
from .frontend.jit import Jitted, jit
from .frontend.lowered import Lowered
from .runtime.threads import get_num_threads, set_num_threads

if _TYPE_CHECKING:
    from .frontend.batching import vmap
    from .frontend.control import fori_loop, map, switch
    from .frontend.convolution import conv
    from .frontend.dialects import TensorSpec, cond, scan, stop_gradient, while_loop
    from .frontend.jacobians import hessian, hvp, jacfwd, jacobian, jacrev
    from .frontend.transforms import (
        checkpoint,
        custom_jvp,
        custom_vjp,
        grad,
        jvp,
        value_and_grad,
        vjp,
    )

    remat = checkpoint

__version__ = "0.1.0"

# Names of modules that many programs do not need, which are loaded when one is first used.
_LATER = {
    "batching": ("vmap",),
    "control": ("fori_loop", "map", "switch"),
    "convolution": ("conv",),
    "device_arrays": ("DeviceArray",),
    "dialects": ("TensorSpec", "cond", "scan", "stop_gradient", "while_loop"),
    "jacobians": ("hessian", "hvp", "jacfwd", "jacobian", "jacrev"),
    "transforms": (
        "checkpoint",
        "custom_jvp",
        "custom_vjp",
        "grad",
        "jvp",
        "value_and_grad",
        "vjp",
    ),
}
_MODULES = {name: module for module, names in _LATER.items() for name in names}

__all__ = [
    "DTypeError",
    "DeviceError",
    "GradientError",
    "InternalError",
    "Jitted",
    "LeakedTracerError",
    "Lowered",
    "PythonIntError",
    "ShapeError",
    "TensorSpec",
    "TensorwrightError",
    "TraceError",
    "TracedIndexError",
    "UnsupportedError",
    "UserError",
    "__version__",
    "checkpoint",
    "cond",
    "conv",
    "custom_jvp",
    "custom_vjp",
    "device",
    "device_get",
    "device_put",
    "fori_loop",
    "from_dlpack",
    "get_num_threads",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jit",
    "jvp",
    "map",
    "remat",
    "scan",
    "set_num_threads",
    "stop_gradient",
    "switch",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]


def __getattr__(name: str) -> _Any:
    """What is loaded when it is first used: parts of the NumPy dialect, TensorFlow's names."""
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    own = "checkpoint" if name == "remat" else name  # JAX's other name of it
    if own in _MODULES:
        found = getattr(_importlib.import_module(f".frontend.{_MODULES[own]}", __name__), own)
    else:
        table = _importlib.import_module(".frontend.tf.exports", __name__)
        found = table.find(__name__, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    table = _importlib.import_module(".frontend.tf.exports", __name__)
    return sorted({*globals(), *__all__, *table.names()})
