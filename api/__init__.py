"""tensorwright compiles functions written with NumPy to native code.

import numpy as np
import tensorwright as tw

@tw.jit
def f(x, y):
    return np.exp(-x) * y
"""

from .compiler.errors import (
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
from .frontend.arguments import TensorSpec
from .frontend.batching import vmap
from .frontend.control import cond, fori_loop, map, scan, switch, while_loop
from .frontend.jacobians import hessian, hvp, jacfwd, jacobian, jacrev
from .frontend.jit import Jitted, jit
from .frontend.lowered import Lowered
from .frontend.transforms import (
    checkpoint,
    custom_jvp,
    custom_vjp,
    grad,
    jvp,
    stop_gradient,
    value_and_grad,
    vjp,
)

__version__ = "0.1.0"

remat = checkpoint  # its other name in JAX

__all__ = [
    "DTypeError",
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
    "custom_jvp",
    "custom_vjp",
    "fori_loop",
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
    "stop_gradient",
    "switch",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]
