"""What the source of kernels uses beside Numba's own names, for devices and for the simulator.

Layer: runtime.

- `aligned(array)`: whether vectors may begin at its first element;
- `readN(array, place, whole)`: N elements as a tuple; with `whole` their place is aligned, and they
  are a vector (Numba promises no more than an element's own alignment, so that its loads are never
  joined to one of 16 bytes);
- `writeN(array, place, values, whole)`: the same for a tuple of N values;
- `shuffle_down(value, distance)`, `shuffle_from(value, thread)`: another thread's value, of the
  same warp; all threads of the warp take part, in the simulator all of the block;
- `approximate_NAME(value)`: an instruction of `approximate.py`;
- `inlined`: puts a function in place of its calls.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from . import approximate

WIDTHS = (2, 4, 8)  # of vectors
_ALL = 0xFFFFFFFF  # lanes of a warp
_ALIGNED = 16  # bytes


def device_names(capability: tuple[int, int]) -> dict[str, Any]:
    """The names for kernels that are compiled for a capability."""
    # optional, and slow to import
    from numba import cuda

    def shuffle_down(value: Any, distance: Any) -> Any:
        return cuda.shfl_down_sync(_ALL, value, distance)

    def shuffle_from(value: Any, thread: Any) -> Any:
        return cuda.shfl_sync(_ALL, value, thread)  # the lane is what its low bits say

    names = {f.__name__: _inlined(f, capability) for f in (shuffle_down, shuffle_from)}
    return {**_vectors(), **names, "inlined": lambda function: _inlined(function, capability)}


def _inlined(function: Callable[..., Any], capability: tuple[int, int]) -> Any:
    """A device function; Numba's own asks a device, which need not be there, what it can do."""
    # optional, and slow to import
    from numba.cuda.compiler import compile_cuda
    from numba.cuda.dispatcher import CUDADispatcher  # the same

    class Inlined(CUDADispatcher):  # type: ignore[misc]
        def compile_device(self, args: tuple[Any, ...], return_type: Any = None) -> Any:
            if args not in self.overloads:
                made = compile_cuda(
                    self.py_func,
                    return_type,
                    args,
                    forceinline=True,
                    nvvm_options={"opt": 3, "fastmath": False},
                    cc=capability,
                )
                self.overloads[args] = made
                made.target_context.insert_user_function(
                    made.entry_point, made.fndesc, [made.library]
                )
            return self.overloads[args]

    return Inlined(function, targetoptions={"device": True, "opt": True, "fastmath": False})


@lru_cache(maxsize=1)
def _vectors() -> dict[str, Any]:
    """`aligned`, and `readN` and `writeN`, as code that is written where they are called."""
    # optional, and slow to import
    from llvmlite import ir
    from numba import types  # the same
    from numba.cuda.extending import intrinsic  # the same

    made = _Vectors(ir, types, intrinsic)
    names = {f"read{width}": made.read(width) for width in WIDTHS}
    names |= {f"write{width}": made.write(width) for width in WIDTHS}
    names |= {f"approximate_{name}": made.approximate(name) for name in approximate.INSTRUCTIONS}
    return {**names, "aligned": made.aligned()}


class _Vectors:
    """Makes functions of Numba whose code is LLVM's; `ir` and so on are what they are made of."""

    def __init__(self, ir: Any, types: Any, intrinsic: Any) -> None:
        self._ir, self._types, self._intrinsic = ir, types, intrinsic
        self._word, self._half = ir.IntType(64), ir.IntType(32)

    def _address(self, context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        return builder.gep(data, [args[1]]) if len(args) > 1 else data

    def _as_vector(self, context: Any, builder: Any, place: Any, width: int) -> tuple[Any, int]:
        """The place of a vector, and the alignment that callers have made sure of."""
        element = place.type.pointee
        vector = builder.bitcast(place, self._ir.VectorType(element, width).as_pointer())
        return vector, min(_ALIGNED, width * context.get_abi_sizeof(element))

    def read(self, width: int) -> Any:
        """Reads so many elements."""
        ir, types = self._ir, self._types

        def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            place = self._address(context, builder, sig, args)
            with builder.if_else(args[2]) as (whole, apart):
                with whole:
                    at, align = self._as_vector(context, builder, place, width)
                    vector = builder.load(at, align=align)
                    left = [
                        builder.extract_element(vector, ir.Constant(self._half, k))
                        for k in range(width)
                    ]
                    left_block = builder.block
                with apart:
                    places = [
                        builder.gep(place, [ir.Constant(self._word, k)]) for k in range(width)
                    ]
                    right = [builder.load(at) for at in places]
                    right_block = builder.block
            model, elements = context.data_model_manager[sig.args[0].dtype], []
            for x, y in zip(left, right, strict=True):
                joined = builder.phi(x.type)
                joined.add_incoming(x, left_block)
                joined.add_incoming(y, right_block)
                elements.append(joined)
            values = [model.from_data(builder, x) for x in elements]
            return context.make_tuple(builder, sig.return_type, values)

        def typed(typing: Any, array: Any, place: Any, whole: Any) -> Any:
            return types.UniTuple(array.dtype, width)(array, types.int64, types.boolean), code

        return self._intrinsic(typed)

    def write(self, width: int) -> Any:
        """Writes so many elements."""
        ir, types = self._ir, self._types

        def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            place = self._address(context, builder, sig, args)
            model = context.data_model_manager[sig.args[0].dtype]
            values = [
                model.as_data(builder, builder.extract_value(args[2], k)) for k in range(width)
            ]
            with builder.if_else(args[3]) as (whole, apart):
                with whole:
                    at, align = self._as_vector(context, builder, place, width)
                    vector = ir.Constant(at.type.pointee, ir.Undefined)
                    for k, value in enumerate(values):
                        vector = builder.insert_element(vector, value, ir.Constant(self._half, k))
                    builder.store(vector, at, align=align)
                with apart:
                    for k, value in enumerate(values):
                        builder.store(value, builder.gep(place, [ir.Constant(self._word, k)]))
            return context.get_dummy_value()

        def typed(typing: Any, array: Any, place: Any, values: Any, whole: Any) -> Any:
            elements = types.UniTuple(array.dtype, width)
            return types.void(array, types.int64, elements, types.boolean), code

        return self._intrinsic(typed)

    def approximate(self, name: str) -> Any:
        """An instruction that approximates a function of an f32."""
        ir, types = self._ir, self._types

        def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            number = args[0].type
            kind = ir.FunctionType(number, [number])
            return builder.asm(kind, f"{name}.approx.f32 $0, $1;", "=f,f", list(args), False)

        def typed(typing: Any, x: Any) -> Any:
            return types.float32(types.float32), code

        return self._intrinsic(typed)

    def aligned(self) -> Any:
        """Whether vectors may begin at the first element."""
        ir, types, word = self._ir, self._types, self._word

        def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            place = builder.ptrtoint(self._address(context, builder, sig, args), word)
            low = builder.and_(place, ir.Constant(word, _ALIGNED - 1))
            return builder.icmp_unsigned("==", low, ir.Constant(word, 0))

        def typed(typing: Any, array: Any) -> Any:
            return types.boolean(array), code

        return self._intrinsic(typed)


# -- the simulator ------------------------------------------------------------------------------


def simulated_names() -> dict[str, Any]:
    """The names for kernels that run as Python code."""
    return {
        **{f"read{width}": _simulated_read(width) for width in WIDTHS},
        **{f"write{width}": _simulated_write(width) for width in WIDTHS},
        **{f"approximate_{name}": approximate.simulated(name) for name in approximate.INSTRUCTIONS},
        "aligned": lambda array: True,
        "shuffle_down": lambda value, distance: _exchanged(value, _thread() + int(distance)),
        "shuffle_from": lambda value, thread: _exchanged(value, int(thread)),
        "inlined": lambda function: function,
    }


def _simulated_read(width: int) -> Callable[..., Any]:
    return lambda array, place, whole: tuple(array[place + k] for k in range(width))


def _simulated_write(width: int) -> Callable[..., Any]:
    def write(array: Any, place: int, values: tuple[Any, ...], whole: bool) -> None:
        for k in range(width):
            array[place + k] = values[k]

    return write


_board: dict[int, Any] = {}  # by thread: blocks run one after the other


def _thread() -> int:
    running: Any = threading.current_thread()
    return int(running.threadIdx.x)


def _exchanged(value: Any, thread: int) -> Any:
    """The value of another thread, the thread's own where there is none."""
    running: Any = threading.current_thread()
    _board[_thread()] = value
    running.syncthreads()
    found = _board.get(thread, value)
    running.syncthreads()
    return found
