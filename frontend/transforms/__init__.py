"""Derivatives of Python functions: what users call.

Layer: frontend. A transform runs the user's function on the trace that is going on, with *fresh*
values in place of what is differentiated, and lets the drivers of compiler/transforms walk what it
has emitted (segment.py). Called outside of a trace, a transform compiles itself, as `jit` does.
"""

from .checkpoint import checkpoint
from .custom import custom_jvp, custom_vjp
from .gradient import grad, value_and_grad
from .products import jvp, vjp
from .segment import Inputs, Segment, argument_names, fresh_inputs, split_aux, substituted
from .stop import stop_gradient

__all__ = [
    "Inputs",
    "Segment",
    "argument_names",
    "checkpoint",
    "custom_jvp",
    "custom_vjp",
    "fresh_inputs",
    "grad",
    "jvp",
    "split_aux",
    "stop_gradient",
    "substituted",
    "value_and_grad",
    "vjp",
]
