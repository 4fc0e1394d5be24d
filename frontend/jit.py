"""`jit`: a function that compiles itself for the arguments it is called with.

Layer: frontend. A call goes first to the compiled programs, in machine code, and only what none of
them accepts reaches `Jitted.__call__`: a new combination of types, new sizes, or arguments
that have to be prepared (keywords, dataclasses, arrays that are not contiguous). So do calls with
arrays on a GPU, and all calls while a block chooses the GPU (device_calls.py has their programs).
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from threading import Lock, RLock
from types import MethodType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload
from weakref import WeakSet

from ..compiler.compile import Compilation, host_target
from ..compiler.errors import InternalError
from ..compiler.options import DEVICES, Options
from ..compiler.program import Nest
from ..runtime import cpu
from ..runtime.native import NativeCallable
from .arguments import ArgumentReader, Call, LeafKey, Structure, spec_of
from .context import current
from .lowered import Lowered, spec_call
from .placement import CHOSEN, GPU
from .trace import TraceResult, trace
from .variants import Variant, Variants

if TYPE_CHECKING:
    from .device_calls import DeviceCalls

F = TypeVar("F", bound=Callable[..., Any])

# To give them new locks in a forked child: threads that held the old ones are not there.
_all_jitted: WeakSet[Jitted] = WeakSet()


class Jitted(NativeCallable):
    """A function compiled on demand; made by `jit`.

    Calls are thread-safe. A call with traced arguments, from inside of another jitted function,
    runs the Python function, so that both are compiled as one.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        static_argnums: int | Sequence[int] = (),
        static_argnames: str | Sequence[str] = (),
        options: Options | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._static = (static_argnums, static_argnames)
        self._reader = ArgumentReader(function, static_argnums, static_argnames)
        self._options = options or Options.from_environment()
        self._variants: dict[tuple[Structure, tuple[LeafKey, ...]], Variants] = {}
        self._device_calls: DeviceCalls | None = None
        self._lock = RLock()
        self._is_paused = False  # native calls, since a block chose the GPU
        _all_jitted.add(self)

    @staticmethod
    def like(function: Callable[..., Any], model: Callable[..., Any]) -> Jitted:
        """A jitted `function`, static in the same parameters as `model` and with its options."""
        if not isinstance(model, Jitted):
            return Jitted(function)
        numbers, names = model._static
        return Jitted(function, numbers, names, model._options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Prepare the arguments, compile if need be, and run."""
        if current() is not None:
            return self._function(*args, **kwargs)
        if self._is_paused and not _Pauses.count:
            self._end_pause()
        device = self._options.device
        if device == "gpu" or (GPU.in_use and device is None):
            calls = self._device_calls or self._new_device_calls()
            result = calls.run(self, args, kwargs, (device or CHOSEN.device) == "gpu")
            if result is not NotImplemented:
                return result
        call = self._reader.read(args, kwargs)
        if GPU.in_use:
            call = call.on_host()
        variants = self._variants.get((call.structure, call.keys))
        if variants is not None:
            result = variants.run(call.leaves)
            if result is not NotImplemented:
                return result
        return self._compile_and_run(call)

    def _new_device_calls(self) -> DeviceCalls:
        """Its programs on the GPU, of which there are none yet."""
        module = import_module(f"{__package__}.device_calls")  # loaded where there is a use
        calls: DeviceCalls = module.DeviceCalls()
        self._device_calls = calls
        return calls

    def takes_static(self, parameter: int | str) -> bool:
        """Whether what is given for a parameter (by position or name) is a static value."""
        return self._reader.takes_static(parameter)

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """Every stage of the compilation for these arguments, without running anything.

        Arguments are arrays and numbers as in a call, or types: `TensorSpec("f64[n, 3]")`, or the
        text itself, `"f64[n, 3]"`.
        """
        call, shapes, sizes = spec_call(self._reader, args, kwargs)
        result = self._trace(call, shapes, sizes)
        return Lowered(self._compilation(result, call.structure.nest))

    def _compile_and_run(self, call: Call) -> Any:
        with self._lock:
            variants = self._variants.setdefault(
                (call.structure, call.keys), Variants(call.structure)
            )
            result = variants.run(call.leaves)  # another thread may have compiled it meanwhile
            if result is not NotImplemented:
                return result
            self._compile(call, variants, "cpu")
        result = variants.run(call.leaves)
        if result is NotImplemented:
            raise InternalError(f"{self!r}: a new program does not accept {call.keys}")
        return result

    def _compile(self, call: Call, variants: Variants, device: str) -> None:
        """Add a program that accepts the call, under the lock."""
        shapes, sizes = variants.generalise(call.shapes)
        traced = self._trace(call, shapes, sizes)
        compilation = self._compilation(traced, variants.nest)
        if device == "gpu":
            gpu = import_module(f"{__package__}.device_calls")  # loaded where there is a use
            variants.add(gpu.DeviceVariant(compilation, traced.output))
            return
        executable = cpu.load(compilation.program)
        built = traced.output.nest is not None
        variants.add(Variant(executable.call, None if built else traced.output))
        if variants.nest is not None and traced.output.nest is not None:
            self._attach(executable)

    def _trace(self, call: Call, shapes: Sequence[Any], sizes: dict[str, int]) -> TraceResult:
        specs = [spec_of(key, shape) for key, shape in zip(call.keys, shapes, strict=True)]
        names = self._reader.names(call.structure)
        return trace(self._function, call.structure.rebuild, specs, names, sizes)

    def _compilation(self, result: TraceResult, arguments: Nest | None) -> Compilation:
        signature = result.signature(arguments)
        return Compilation(result.graph, signature, self._options, host_target())

    def _renew_lock(self) -> None:
        self._lock = RLock()

    def _attach(self, executable: Any) -> None:
        with _Pauses.lock:
            super()._attach(executable)
            if _Pauses.count:
                self._pause()
                self._is_paused = True
            else:
                _Pauses.native.add(self)

    def _end_pause(self) -> None:
        """Let further calls go to machine code again."""
        with _Pauses.lock:
            if not _Pauses.count:
                self._resume()
                self._is_paused = False
                _Pauses.native.add(self)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> str:
        # Pickled by name, as functions are: for process pools.
        return str(self.__qualname__)  # type: ignore[attr-defined]  # set by update_wrapper

    def __repr__(self) -> str:
        return f"<jitted {self._reader.name}>"


def _renew_locks() -> None:
    _Pauses.lock = Lock()
    for jitted in list(_all_jitted):
        jitted._renew_lock()


os.register_at_fork(after_in_child=_renew_locks)


# -- native calls while a block chooses the GPU ---------------------------------------------------


class _Pauses:
    """How many blocks of all threads choose the GPU; the functions whose calls go to machine code.

    Pauses end for each function when it is called: a block in a loop pauses few of them again.
    """

    count = 0
    native: ClassVar[WeakSet[Jitted]] = WeakSet()
    lock = Lock()


def pause_native_calls() -> None:
    """Let all calls of jitted functions be prepared in Python, which asks where they run."""
    with _Pauses.lock:
        _Pauses.count += 1
        for jitted in list(_Pauses.native):
            jitted._pause()
            jitted._is_paused = True
        _Pauses.native.clear()


def resume_native_calls() -> None:
    """Undo one pause; once all are undone, calls go to machine code again."""
    with _Pauses.lock:
        _Pauses.count -= 1


@overload
def jit(function: F, /) -> F: ...


@overload
def jit(
    *,
    static_argnums: int | Sequence[int] = ...,
    static_argnames: str | Sequence[str] = ...,
    fast_math: bool = ...,
    device: str | None = ...,
) -> Callable[[F], F]: ...


def jit(
    function: Callable[..., Any] | None = None,
    /,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    fast_math: bool = False,
    device: str | None = None,
) -> Any:
    """Compile a NumPy function to machine code; a decorator, with or without arguments.

    Args:
        function: a function of arrays and numbers, nested in tuples, lists, dicts, dataclasses.
        static_argnums: positions of the parameters that are Python values while compiling (axes,
            flags, counts); a new value compiles anew.
        static_argnames: the same, by name.
        fast_math: allow results that differ in rounding, and in the sign of zeros.
        device: "gpu" for an NVIDIA GPU, or "cpu": arguments that lie elsewhere are copied there. By
            default the function runs where its arguments lie, or on the device of the block of
            `tw.device` around. Results lie on the GPU if an argument did.

    Returns:
        A function with the same parameters and results; see `Jitted`.
    """
    if function is None:
        return functools.partial(
            jit,
            static_argnums=static_argnums,
            static_argnames=static_argnames,
            fast_math=fast_math,
            device=device,
        )
    if device is not None and device not in DEVICES:
        raise ValueError(f"device is {device!r}; there are {', '.join(DEVICES)}")
    options = replace(Options.from_environment(), fast_math=fast_math, device=device)
    return Jitted(function, static_argnums, static_argnames, options)
