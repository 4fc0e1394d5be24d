"""Instructions of GPUs that approximate a function of an f32, and what the simulator does for them.

Layer: runtime. `approximate_NAME(x)` of kernels is the instruction `NAME.approx.f32`. A simulated
one is as wrong as NVIDIA says that the instruction may be (PTX ISA 9.1, floating-point
instructions), to one side or the other as the bits of x have it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Function = Callable[[np.float64], np.float64]


def _sine_error(x: np.float64, y: np.float64) -> float:
    return 2.0**-20.5 if abs(x) <= 2 * np.pi else 2.0**-14.7


def _log_error(x: np.float64, y: np.float64) -> float:
    return 2.0**-22 * (1.0 if 0.5 < x < 2 else abs(float(y)))


def _relative(error: float) -> Callable[[np.float64, np.float64], float]:
    return lambda x, y: error * abs(float(y))


# The function, and the largest error for an argument and the exact result, before it is rounded.
_EXACT: dict[str, tuple[Function, Callable[[np.float64, np.float64], float]]] = {
    "ex2": (np.exp2, _relative(2.0**-23)),  # 1.5 ulp at most when it is rounded
    "lg2": (np.log2, _log_error),
    "sin": (np.sin, _sine_error),
    "cos": (np.cos, _sine_error),
    "sqrt": (np.sqrt, _relative(2.0**-24)),
}
INSTRUCTIONS = tuple(_EXACT)


def simulated(name: str) -> Callable[[np.float32], np.float32]:
    """An instruction of the simulator."""
    function, error = _EXACT[name]

    def approximate(x: np.float32) -> np.float32:
        with np.errstate(all="ignore"):
            wide = np.float64(x)
            exact = function(wide)
            side = 1 if int(np.float32(x).view(np.uint32)) % 3 else -1
            wrong = side * error(wide, exact)
            return np.float32(exact + wrong if np.isfinite(exact) and exact != 0 else exact)

    return approximate
