"""tf.function: a Python function traced once per kind of arguments, run as one native program.

Layer: frontend. Tensors among the arguments are data: one program for each pattern of dtypes and
shapes. Everything else (Python numbers, strings, objects) is part of the key. Variables that the
function reads become arguments of the program behind the tensors, those that it assigns to become
results; a call reads and replaces their values around one native call.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from threading import RLock
from types import MethodType
from typing import Any

import numpy as np

from ...compiler.errors import InternalError
from ...compiler.ir.dims import Dim
from ...compiler.ir.types import Shape
from ...compiler.options import Options
from ...compiler.program import LeafSpec
from .. import values
from ..arguments import signature_of
from ..transforms.resize import fits
from ..tree import flatten, unflatten
from .concrete import DATA, ConcreteFunction, FlatCall, flat_call
from .convert import convert_to_tensor
from .deferred import NoValue
from .specs import TensorSpec
from .tensors import STATE, Tensor
from .variables import Variable, in_order


class Function:
    """A function that compiles itself; made by `tf.function`."""

    def __init__(
        self,
        python_function: Callable[..., Any],
        input_signature: Sequence[Any] | None = None,
        fast_math: bool = False,
    ) -> None:
        functools.update_wrapper(self, python_function)
        self.python_function = python_function
        self.input_signature = None if input_signature is None else tuple(input_signature)
        self._options = Options.from_environment()
        self._programs: dict[Any, list[ConcreteFunction]] = {}
        self._signature = signature_of(python_function)
        self._lock = RLock()
        self._has_traced = False
        self._last: ConcreteFunction | None = None  # of flat tensors, to be tried first

    # -- calling ----------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program for these arguments; trace and compile it if there is none."""
        if self._last is not None and not kwargs and not STATE.recorders:
            arrays = [x._value for x in args if type(x) is Tensor]
            if len(arrays) == len(args):  # the program itself checks dtypes and shapes
                found = self._last.run(arrays)
                if found is not NotImplemented:
                    return found
        if STATE.function is not None:
            return self.python_function(*args, **kwargs)
        try:
            call = self._read(args, kwargs)
        except NoValue as error:
            return error.noted(self.__name__, self.python_function, args, kwargs)  # type: ignore[attr-defined]
        if STATE.recorders:
            return self._recorded(call)
        for concrete in self._programs.get(call.key, ()):
            found = concrete.run(call.tensors)
            if found is not NotImplemented:
                return found
        found = self._compile(call).run(call.tensors)
        if found is NotImplemented:
            raise InternalError(f"{self!r}: a new program does not accept {call.key}")
        return found

    def _recorded(self, call: FlatCall) -> Any:
        """Run the program as one op, whose derivative is that of its graph."""
        shapes = [x.shape for x in call.tensors]
        for concrete in self._programs.get(call.key, ()):
            if fits(concrete.graph, shapes):
                return concrete.run_recorded(call.objects)
        return self._compile(call).run_recorded(call.objects)

    def _read(self, args: Sequence[Any], kwargs: dict[str, Any]) -> FlatCall:
        if self._signature is not None and (kwargs or self.input_signature):
            bound = self._signature.bind(*args, **kwargs)
            args, kwargs = bound.args, bound.kwargs
        if self.input_signature is not None:
            args = [
                convert_to_tensor(x, spec.dtype)
                for x, spec in zip(args, self.input_signature, strict=True)
            ]
        leaves, tree = flatten((tuple(args), dict(kwargs)))
        tensors: list[Any] = []
        found: list[Tensor] = []
        keys: list[Any] = []
        statics: list[Any] = []
        for k, leaf in enumerate(leaves):
            if isinstance(leaf, (np.ndarray, np.generic)):
                leaf = convert_to_tensor(leaf)
            if isinstance(leaf, Tensor):
                tensors.append(in_order(leaf._value))
                found.append(leaf)
                keys.append(self._data_key(k, leaf))
                statics.append(DATA)
            else:
                keys.append(_static_key(leaf))
                statics.append(leaf)
        return FlatCall(tensors, found, (tree, tuple(keys)), tree, tuple(statics))

    def _data_key(self, position: int, tensor: Tensor) -> Any:
        if self.input_signature is not None:
            spec = self.input_signature[position]
            if not spec.is_compatible_with(tensor):
                raise TypeError(
                    f"Binding inputs to tf.function failed: argument {position} is"
                    f" {TensorSpec.from_tensor(tensor)}, expected {spec}"
                )
            return spec
        return tensor._value.dtype, tensor._value.shape

    def _compile(self, call: FlatCall) -> ConcreteFunction:
        with self._lock:
            specs, sizes = self._specs(call)
            concrete = ConcreteFunction(self.python_function, call, specs, sizes, self._options)
            if concrete._state.new_variables:
                if self._has_traced:
                    raise ValueError(
                        "tf.function only supports singleton tf.Variables created on the first"
                        " call. Make sure the tf.Variable is only created once or created outside"
                        " tf.function."
                    )
                self._has_traced = True
                concrete = ConcreteFunction(  # as TensorFlow: traced again, without creating any
                    self.python_function, call, specs, sizes, self._options
                )
                if concrete._state.new_variables:
                    raise ValueError(
                        "tf.function-decorated function tried to create variables on non-first"
                        " call."
                    )
            self._has_traced = True
            self._programs.setdefault(call.key, []).insert(0, concrete)
            only_data = all(s is DATA for s in call.statics) and self.input_signature is None
            if only_data and call.tree == flat_call(len(call.tensors)):
                self._last = concrete
            return concrete

    def _specs(self, call: FlatCall) -> tuple[list[LeafSpec], dict[str, int]]:
        sizes: dict[str, int] = {}
        specs = []
        for k, value in enumerate(call.tensors):
            type = values.type_of(value)
            if self.input_signature is not None:
                type = type.with_shape(self._open_shape(k, type.shape, sizes))
            specs.append(LeafSpec.of(type))
        return specs, sizes

    def _open_shape(self, position: int, shape: Shape, sizes: dict[str, int]) -> Shape:
        """Sizes that the input signature leaves open as symbols, but for 0 and 1."""
        assert self.input_signature is not None
        made: list[Any] = []
        for axis, (size, declared) in enumerate(
            zip(shape, self.input_signature[position].shape, strict=True)
        ):
            if declared is not None or not isinstance(size, int) or size < 2:
                made.append(size)
                continue
            name = f"n{position}_{axis}"
            sizes[name] = size
            made.append(Dim.symbol(name))
        return tuple(made)

    # -- looking at it ----------------------------------------------------------------------------

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> Any:
        """The program for these arguments, which may be given as `TensorSpec`s."""
        leaves, tree = flatten((args or self.input_signature or (), kwargs))
        made = [_example(x) if isinstance(x, TensorSpec) else x for x in leaves]
        full_args, full_kwargs = unflatten(tree, made)
        call = self._read(full_args, full_kwargs)
        found = self._programs.get(call.key)
        return found[0] if found else self._compile(call)

    def experimental_get_tracing_count(self) -> int:
        """How many programs there are."""
        return sum(len(p) for p in self._programs.values())

    def pretty_printed_concrete_signatures(self, verbose: bool = True) -> str:
        """The arguments of every program."""
        lines = []
        for key in self._programs:
            parts = [f"{k!r}" for k in key[1]]
            lines.append(f"{self.__name__}({', '.join(parts)})")  # type: ignore[attr-defined]
        return "\n\n".join(lines)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        bound = MethodType(self.python_function, instance)
        kept = getattr(instance, "__dict__", None)
        if kept is None:
            return MethodType(self, instance)
        # one for each object, whose programs read the variables of that object
        key = f"_tf_function_{id(self)}"
        found = kept.get(key)
        if found is None:
            found = kept[key] = Function(bound, self.input_signature)
        return found

    def __repr__(self) -> str:
        return (
            "<tensorflow.python.eager.polymorphic_function.polymorphic_function.Function object at "
            f"{hex(id(self))}>"
        )


def _example(spec: TensorSpec) -> Tensor:
    """A tensor that a spec describes; open sizes are 2."""
    shape = [2 if size is None else size for size in spec.shape]
    return convert_to_tensor(np.zeros(shape, spec.dtype.numpy))


def _static_key(x: Any) -> Any:
    """What tells a Python argument from others: its class and value, or its identity."""
    if isinstance(x, Variable):
        return "variable", id(x._cell)
    try:
        hash(x)
    except TypeError:
        return type(x), id(x)
    return type(x), x


def function(
    func: Callable[..., Any] | None = None,
    input_signature: Sequence[Any] | None = None,
    autograph: bool = True,
    jit_compile: bool | None = None,
    reduce_retracing: bool = False,
    experimental_implements: str | None = None,
    experimental_autograph_options: Any = None,
    experimental_attributes: Any = None,
    experimental_relax_shapes: bool | None = None,
    experimental_compile: bool | None = None,
    experimental_follow_type_hints: bool | None = None,
) -> Any:
    """Compile a function of tensors; a decorator, with or without arguments.

    Args:
        func: what to compile.
        input_signature: a `TensorSpec` per argument: one program serves all sizes that are None.

    The other arguments are TensorFlow's and change nothing here.
    """
    if func is None:
        return functools.partial(function, input_signature=input_signature)
    return Function(func, input_signature)
