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
from .frontend.batching import vmap
from .frontend.control import fori_loop, map, switch
from .frontend.convolution import conv
from .frontend.devices import device, device_get, device_put, from_dlpack
from .frontend.dialects import TensorSpec, cond, scan, stop_gradient, while_loop
from .frontend.jacobians import hessian, hvp, jacfwd, jacobian, jacrev
from .frontend.jit import Jitted, jit
from .frontend.lowered import Lowered
from .frontend.transforms import (
    checkpoint,
    custom_jvp,
    custom_vjp,
    grad,
    jvp,
    value_and_grad,
    vjp,
)
from .runtime.threads import get_num_threads, set_num_threads

__version__ = "0.1.0"

remat = checkpoint  # its other name in JAX

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
    """TensorFlow's names, and what is loaded for a GPU only."""
    if name == "DeviceArray":
        return _importlib.import_module(".frontend.device_arrays", __name__).DeviceArray
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    table = _importlib.import_module(".frontend.tf.exports", __name__)
    found = globals()[name] = table.find(__name__, name)
    return found


def __dir__() -> list[str]:
    table = _importlib.import_module(".frontend.tf.exports", __name__)
    return sorted({*globals(), *table.names()})
