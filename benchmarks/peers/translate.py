"""How each peer gets a workload: the same source with `np` and `erf` bound to the peer's own.

Where a peer has no such names, or where its users write something else (explicit loops for
Numba, a convolution instead of gathered neighbourhoods), the modules beside this one say so.
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

import numpy as np

from .. import workloads
from ..workload import Loss, Workload, leaves

Function = Callable[..., Any]


class Translator(Protocol):
    """One peer: makes a compiled function of a workload, and its kind of array of an array."""

    def translate(self, workload: Workload) -> Function | None:
        """The workload's function, compiled on its first call; returns when the work is done.

        None where the peer has no words for such a workload.
        """

    def argument(self, value: Any) -> Any:
        """An array, or a number, as the peer's users hold it."""

    def gradient(self, loss: Loss) -> Function | None:
        """As `translate`, for the gradient of a loss, with the value where it asks for one."""

    def variable(self, value: Any) -> Any:
        """An array that gradients are taken by."""

    def constant(self, value: Any) -> Any:
        """Any other argument of a loss."""


class NoGradients:
    """A part of the peers that differentiate nothing."""

    def gradient(self, loss: Loss) -> Function | None:
        """None: there is no translation."""
        return None

    def variable(self, value: Any) -> Any:
        """The value itself."""
        return value

    constant = variable


def load(name: str) -> Translator:
    """The peer of that name; raises ImportError where it is not installed."""
    return LOADERS[name]()


def rebind(function: Function, names: dict[str, Any]) -> Function:
    """A copy of a workload's function, and of the workloads' functions it calls, in which some
    names of its modules have other values."""
    return getattr(_copied(sys.modules[function.__module__], names), function.__name__)


def _copied(module: types.ModuleType, names: dict[str, Any]) -> types.ModuleType:
    copy = types.ModuleType(f"{module.__name__}_rebound")
    # `torch.compile` looks functions up in the module that their globals name.
    sys.modules[copy.__name__] = copy
    scope = vars(copy)
    scope |= vars(module) | {"__name__": copy.__name__} | names
    for name, value in vars(module).items():
        if not isinstance(value, types.FunctionType):
            continue
        if value.__module__ == module.__name__:
            scope[name] = types.FunctionType(
                value.__code__, scope, value.__name__, value.__defaults__, value.__closure__
            )
        elif value.__module__.startswith(f"{workloads.__name__}."):
            scope[name] = rebind(value, names)
    return copy


class Numba(NoGradients):
    """`numba.njit` of the source, or of explicit loops where it rejects array expressions."""

    def __init__(self) -> None:
        self.njit = importlib.import_module("numba").njit
        self.loops = importlib.import_module("benchmarks.peers.numba_loops")

    def translate(self, workload: Workload) -> Function:
        """Loops are compiled as they are; a helper in the workload's module is compiled too."""
        written = getattr(self.loops, workload.name, None)
        return self.njit(written or workload.function)

    def argument(self, value: Any) -> Any:
        """Numba takes NumPy's arrays."""
        return value


class NumExpr(NoGradients):
    """One expression as a string, evaluated in blocks."""

    EXPRESSIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        "chain": ("x", "y", "sqrt(sin(x)**2 + cos(y)**2) * exp(-x*y) + tanh(x - y)"),
        "axpy": ("a", "x", "y", "a*x + y"),
        "muladd": ("a", "b", "c", "a*b + c"),
        "scale": ("x", "x*3"),
        "call8": ("x", "x*2 + 1"),
    }

    def __init__(self) -> None:
        self.evaluate = importlib.import_module("numexpr").evaluate

    def translate(self, workload: Workload) -> Function | None:
        """Only workloads that are one expression have a translation."""
        if workload.name not in self.EXPRESSIONS:
            return None
        *names, text = self.EXPRESSIONS[workload.name]
        return lambda *arguments: self.evaluate(text, dict(zip(names, arguments, strict=True)))

    def argument(self, value: Any) -> Any:
        """NumExpr takes NumPy's arrays."""
        return value


class Jax:
    """`jax.jit` with float64 switched on; waits for the result, as NumPy does by itself."""

    def __init__(self) -> None:
        self.jax = importlib.import_module("jax")
        self.jax.config.update("jax_enable_x64", True)
        self.names = {
            "np": importlib.import_module("jax.numpy"),
            "erf": importlib.import_module("jax.scipy.special").erf,
        }
        self.networks = importlib.import_module("benchmarks.peers.networks")
        self.loops = importlib.import_module("benchmarks.peers.loops")

    def translate(self, workload: Workload) -> Function:
        """The convolutional net uses JAX's convolution and gradient, all else is the source."""
        if workload.name == "cnn_step":
            step = self.jax.jit(self.networks.jax_step())
        else:
            step = self.jax.jit(rebind(workload.function, self.names))
        return lambda *arguments: self.jax.block_until_ready(step(*arguments))

    def argument(self, value: Any) -> Any:
        """A device array, so that no conversion is in the figures."""
        arrays = np.ndarray | np.generic
        return self.names["np"].asarray(value) if isinstance(value, arrays) else value

    def gradient(self, loss: Loss) -> Function:
        """`jax.grad`, or `jax.value_and_grad`, compiled by `jax.jit`."""
        if loss.name == "grad_scan":
            function = self.loops.jax_scan()
        else:
            function = rebind(loss.function, self.names)
        transform = self.jax.value_and_grad if loss.value else self.jax.grad
        step = self.jax.jit(transform(function, loss.argnums))
        return lambda *arguments: self.jax.block_until_ready(step(*arguments))

    variable = constant = argument


class Torch:
    """`torch.compile` of the NumPy source, on NumPy arrays, as its documentation offers.

    Gradients are taken of tensors, by autograd, compiled or not.
    """

    def __init__(self, compiled: bool) -> None:
        self.torch = importlib.import_module("torch")
        self.compiled = compiled
        numpy = importlib.import_module("benchmarks.peers.torch_numpy").namespace()
        self.names = {"np": numpy, "erf": self.torch.special.erf}
        self.networks = importlib.import_module("benchmarks.peers.networks")

    def translate(self, workload: Workload) -> Function | None:
        """The convolutional net is written in PyTorch, all else is the source."""
        torch = self.torch
        if not self.compiled:
            return None
        torch._dynamo.reset()
        if workload.name == "cnn_step":
            return self.networks.torch_step()
        erf = {"erf": lambda x: torch.special.erf(torch.from_numpy(x)).numpy()}
        return torch.compile(rebind(workload.function, erf))

    def argument(self, value: Any) -> Any:
        """The NumPy array itself: torch wraps it without a copy."""
        return value

    def gradient(self, loss: Loss) -> Function | None:
        """`torch.autograd.grad` of the source on tensors; loops of 600 steps are not compiled."""
        function = rebind(loss.function, self.names)
        if self.compiled:
            if loss.name == "grad_scan":
                return None
            self.torch._dynamo.reset()
            function = self.torch.compile(function)

        def gradient(*arguments: Any) -> Any:
            value = function(*arguments)
            by = [leaf for k in loss.argnums for leaf in leaves(arguments[k])]
            found = self.torch.autograd.grad(value, by)
            return (value.detach(), found) if loss.value else found

        return gradient

    def variable(self, value: Any) -> Any:
        """A tensor that the graph of autograd begins with."""
        return self.torch.as_tensor(value).requires_grad_()

    def constant(self, value: Any) -> Any:
        """A tensor."""
        return self.torch.as_tensor(value)


class TensorFlow:
    """`tf.function` of the source on TensorFlow's NumPy interface, with or without XLA."""

    def __init__(self, xla: bool) -> None:
        self.tf = importlib.import_module("tensorflow")
        self.xla = xla
        numpy = self.tf.experimental.numpy
        numpy.experimental_enable_numpy_behavior(dtype_conversion_mode="all")
        self.names = {"np": numpy, "erf": self.tf.math.erf}
        self.networks = importlib.import_module("benchmarks.peers.networks")
        self.loops = importlib.import_module("benchmarks.peers.loops")

    def translate(self, workload: Workload) -> Function:
        """The convolutional net is written in TensorFlow, all else is the source."""
        if workload.name == "cnn_step":
            return self.tf.function(self.networks.tensorflow_step(), jit_compile=self.xla)
        function = rebind(workload.function, self.names)
        return self.tf.function(function, jit_compile=self.xla, autograph=False)

    def argument(self, value: Any) -> Any:
        """A constant tensor; of a number too, or each step's number would be traced anew."""
        if isinstance(value, int):
            return self.tf.constant(value, self.tf.float32)
        return self.tf.constant(value)

    def gradient(self, loss: Loss) -> Function:
        """`tf.GradientTape` within a `tf.function`."""
        if loss.name == "grad_scan":
            function = self.loops.tensorflow_scan()
        else:
            function = rebind(loss.function, self.names)

        def gradient(*arguments: Any) -> Any:
            by = [arguments[k] for k in loss.argnums]
            with self.tf.GradientTape() as tape:
                tape.watch(by)
                value = function(*arguments)
            found = tape.gradient(value, by)
            return (value, found) if loss.value else found

        return self.tf.function(gradient, jit_compile=self.xla, autograph=False)

    variable = constant = argument


LOADERS: dict[str, Callable[[], Translator]] = {
    "numba": Numba,
    "numexpr": NumExpr,
    "jax": Jax,
    "torch": lambda: Torch(compiled=True),
    "torch-eager": lambda: Torch(compiled=False),
    "tensorflow": lambda: TensorFlow(xla=False),
    "tensorflow-xla": lambda: TensorFlow(xla=True),
}
