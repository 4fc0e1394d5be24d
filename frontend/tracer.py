"""The traced array: what the user's function receives and computes with instead of an ndarray.

Layer: frontend. A `Tracer` has a dtype and a shape but no elements; every operation on it goes
through `_call` to the implementation that the table names, which appends to the graph.

Storage follows NumPy's aliasing. A tracer is a base, which holds its current graph value, or a
view: a parent tracer and a `View` record. Assigning to a view gives the parent a new value, and so
on up to the base; other views see that the base's version has changed and read again.

A tracer belongs to the scope that it was made in: the traced function, or a region of it (a loop's
body, a branch). In inner regions it can be read, not assigned to; outside of its own it is leaked.

A base may be *known*: its elements are concrete, made while tracing from concrete data only
(`np.arange(3)`). Operations on known arrays run in NumPy at once, so that they can steer Python
code; a known array becomes an ordinary one when something traced is assigned to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..compiler.errors import LeakedTracerError, UnsupportedError, UserError
from ..compiler.ir.dims import product
from ..compiler.ir.graph import Value
from ..compiler.ir.opdef import REGISTRY
from ..compiler.ir.types import TensorType
from . import values
from .concrete import no_value
from .context import TraceContext, current
from .location import user_location
from .operators import Operators
from .symint import SymInt, sizes, wrap_size
from .table import find, unsupported
from .views import Applied, View, contiguous_strides, kept_strides

# As the table knows it: while a trace runs, the numpy module has a replacement.
_ZEROS_LIKE = np.zeros_like
# Elements; larger arrays are left to the compiled function, they do not steer Python code.
KNOWN_LIMIT = 1024


class Tracer(Operators):
    """A traced ndarray, NumPy scalar or Python number.

    `_weak` is int, float or bool for a Python number, whose dtype gives way to an array's.
    `_scalar` tells NumPy and Python scalars from 0-d arrays: they cannot be assigned to.
    """

    __slots__ = (
        "__weakref__",
        "_context",
        "_frozen",
        "_known",
        "_like",
        "_name",
        "_parent",
        "_root",
        "_scalar",
        "_scope",
        "_seen",
        "_type",
        "_value",
        "_version",
        "_view",
        "_weak",
    )

    # Above ndarray's 0, and above subclasses that leave it at that.
    __array_priority__ = 1000.0

    def __init__(
        self,
        context: TraceContext,
        type: TensorType,
        value: Value | None,
        *,
        scalar: bool = False,
        weak: type | None = None,
        known: np.ndarray | None = None,
        frozen: str = "",
        name: str = "",
    ) -> None:
        self._context = context
        self._scope = context.scope
        self._type = type
        self._value = value
        self._known = known
        self._scalar = scalar
        self._weak = weak
        self._frozen = frozen  # why it cannot be assigned to
        self._name = name  # of the argument it is
        self._like: tuple[Tracer, ...] = ()  # arrays whose memory order this new one has
        self._root: Tracer | None = None  # the base of a view
        self._parent: Tracer | None = None
        self._view: View | None = None
        self._version = 0
        self._seen = 0

    def _new_view(self, type: TensorType, view: View) -> Tracer:
        if self._scalar:  # what NumPy makes of a scalar is an array of its own
            return Tracer(self._context, type, view.read(self._context, self._read()))
        made = Tracer(self._context, type, None, frozen=self._frozen)
        made._parent, made._view, made._root = self, view, self._base
        made._seen = -1
        if self._base._known is not None and self._known is not None:
            made._known = view.known(self._known)
        return made

    def _read_only_view(self, why: str, op: str, **attrs: Any) -> Tracer:
        """What a view op of the graph reads; `why` it cannot be assigned to."""
        (type,) = REGISTRY[op].infer([self._type], attrs)
        view = self._new_view(type, Applied(op, tuple(attrs.items())))
        view._frozen = why
        return view

    # Storage

    def _hint_shape(self) -> tuple[int, ...]:
        """The sizes in the call that is traced."""
        return tuple(self._context.hint(s) for s in self._type.shape)

    def _strides(self) -> tuple[int, ...]:
        """How NumPy would lay this array out, in elements."""
        shape = self._hint_shape()
        if self._parent is None or self._view is None:
            if not self._like:
                return contiguous_strides(shape)
            return kept_strides(shape, [(t._hint_shape(), t._strides()) for t in self._like])
        return self._view.strides(self._parent._hint_shape(), self._parent._strides(), shape)

    def _is_same_view(self, other: Tracer) -> bool:
        """Whether both are made by the same steps from one base."""
        if self._parent is None or other._parent is None:
            return self is other
        return self._view == other._view and self._parent._is_same_view(other._parent)

    @property
    def _base(self) -> Tracer:
        # Not a slot that holds self: a cycle would keep whole graphs until garbage is collected.
        return self if self._root is None else self._root

    @property
    def _is_known(self) -> bool:
        return self._base._known is not None

    def _read(self) -> Value:
        """The graph value that holds the elements now."""
        context = self._context
        if context is not current() or not self._scope.is_open:
            raise self._leaked()
        base = self._base
        if base._known is not None:
            return values.constant(context, self._known)
        if self is not base and self._seen != base._version:
            assert self._parent is not None and self._view is not None
            value = self._view.read(context, self._parent._read())
            if self._scope is not context.scope:
                return value  # of an inner region: not to be used outside of it
            self._value = value
            self._seen = base._version
        assert self._value is not None
        return self._value

    def _write(self, value: Value) -> None:
        """Replace the elements; `value` has this array's dtype and shape."""
        self._check_writable()
        base = self._base
        if base._known is not None:
            base._value = values.constant(base._context, base._known)
            base._known = None
        self._put(value)

    def _put(self, value: Value) -> None:
        if self._parent is None:
            self._version += 1
        else:
            assert self._view is not None
            parent = self._parent
            parent._put(self._view.write(self._context, parent._read(), value))
            self._seen = self._base._version
        self._value = value

    def _check_writable(self) -> None:
        if not self._scope.is_open:
            raise self._leaked()
        kind = self._context.scope.kind
        if kind and self._base._scope is not self._context.scope:
            raise UnsupportedError(
                f"{kind.what} assigns to an array that is made outside of it",
                got=self._describe(),
                loc=user_location(),
                hint=kind.instead_of_assigning,
            )
        if self._frozen:
            name = self._base._name
            raise UnsupportedError(
                self._frozen,
                got=self._describe(),
                loc=user_location(),
                hint=f"copy it first: {name} = {name}.copy()" if name else "copy it first",
            )

    # What Python and NumPy ask

    def _call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return call(function, args, kwargs, self)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(isinstance(x, Operators) and x._rank > 0 for x in inputs):
            return NotImplemented  # the other operand's turn
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        return call(function, inputs, kwargs, self)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> Any:
        if any(isinstance(x, Operators) and x._rank > 0 for x in args):
            return NotImplemented
        return call(function, args, kwargs, self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self._is_known:
            return np.array(self._known, dtype=dtype)
        raise no_value(self, "array")

    def __bool__(self) -> bool:
        return bool(self._concrete("bool"))

    def __int__(self) -> int:
        return int(self._concrete("int"))

    def __float__(self) -> float:
        return float(self._concrete("float"))

    def __complex__(self) -> complex:
        return complex(self._concrete("complex"))

    def __index__(self) -> int:
        return self._concrete("index").__index__()

    def _concrete(self, wanted: str) -> Any:
        if self._known is None or not self._is_known:
            raise no_value(self, wanted)
        return self._known

    def item(self, *index: Any) -> Any:
        """The element as a Python number, where it is known while tracing."""
        return self._concrete("item").item(*index)

    def tolist(self) -> Any:
        """The elements as Python numbers, where they are known while tracing."""
        return self._concrete("tolist").tolist()

    def __len__(self) -> int:
        if not self._type.shape:
            raise TypeError("len() of unsized object")
        return self._context.static(self._type.shape[0])

    def __iter__(self) -> Iterator[Any]:
        if not self._type.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[k] for k in range(len(self)))

    def __repr__(self) -> str:
        name = f', "{self._name}"' if self._name else ""
        return f"Traced({self._type}{name})"

    def __format__(self, spec: str) -> str:
        if self._is_known:
            return format(self._known, spec)
        if spec:
            raise no_value(self, "format")
        return repr(self)

    # Attributes

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # type: ignore[override]
        """For `isinstance(x, np.ndarray)` in the user's code; `type(x)` is Tracer."""
        return Tracer if self._scalar else np.ndarray

    @property
    def dtype(self) -> np.dtype:
        """The NumPy dtype."""
        return self._type.dtype.numpy

    @property
    def shape(self) -> tuple[Any, ...]:
        """Sizes: ints, and `SymInt`s where a size may differ from call to call."""
        return sizes(self._context, self._type.shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._type.shape)

    @property
    def size(self) -> Any:
        """The number of elements."""
        return wrap_size(self._context, product(self._type.shape))

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return self._type.dtype.itemsize

    @property
    def nbytes(self) -> Any:
        """Bytes of all elements."""
        return self.size * self.itemsize

    @property
    def T(self) -> Any:
        """The array with its axes reversed, as a view."""
        return self._call(np.transpose, self)

    @property
    def mT(self) -> Any:
        """The array with its last two axes swapped, as a view."""
        return self._call(np.matrix_transpose, self)

    @property
    def real(self) -> Tracer:
        """The array itself: it has no imaginary part."""
        return self

    @property
    def imag(self) -> Any:
        """Zeros: a real array has no imaginary part."""
        return self._call(_ZEROS_LIKE, self)

    @property
    def flat(self) -> Any:
        """The elements in row-major order, to be read."""
        flat = self._call(np.ndarray.flatten, self)
        flat._frozen = "assigning through x.flat is not supported"
        return flat

    def __getattr__(self, name: str) -> Any:
        if name in _ARRAY_ATTRIBUTES:
            raise UnsupportedError(
                f"x.{name} is not supported on traced arrays",
                got=self._describe(),
                loc=user_location(),
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    # Messages

    def _describe(self) -> str:
        if self._name:
            kind = f"Python {self._weak.__name__} " if self._weak else ""
            owner = f" of {self._scope.builder.name}" if self._scope.kind else ""
            return f"{kind}argument {self._name}{owner}: {self._type}"
        if self._parent is not None:
            return f"{self._type}, a view of {self._base._describe()}"
        node = self._scope.producers().get(self._value) if self._value else None
        if node is None:
            return str(self._type)
        where = f" at {node.loc}" if node.loc else ""
        return f"{self._type}, the result of {node.op.name}{where}"

    def _leaked(self) -> UserError:
        context = self._context
        hint = "return it from the function instead of storing it"
        if context is current() and self._scope.kind:
            what = f"a traced array of {self._scope.kind.what} is used after that has ended"
            hint = self._scope.kind.instead_of_storing
        elif context.active:
            what = f"a traced array of {context.function} is used in another thread or trace"
            hint = "compute it there, or pass it as an argument"
        else:
            what = f"a traced array is used after the trace of {context.function} has ended"
        return LeakedTracerError(what, got=self._describe(), loc=user_location(), hint=hint)


_ARRAY_ATTRIBUTES = frozenset({"strides", "flags", "ctypes", "data", "base", "device"})


def call(function: Callable[..., Any], args: Any, kwargs: Any, tracer: Tracer) -> Any:
    """`function(*args, **kwargs)`, at once if all arrays are known, else into the graph."""
    if tracer._context is not current():
        raise tracer._leaked()
    implementation = find(function)
    if tracer._base._known is not None:
        result = _evaluate(function, args, kwargs, implementation is None)
        if result is not NotImplemented:
            return result
    if implementation is None:
        raise unsupported(function)
    return implementation(*args, **kwargs)


class _NotKnownError(Exception):
    """An operand has no concrete elements."""


def _evaluate(function: Callable[..., Any], args: Any, kwargs: Any, at_any_size: bool) -> Any:
    """Run a NumPy function on known arrays; NotImplemented if it belongs into the graph."""
    seen: dict[int, Tracer] = {}
    try:
        concrete_args = [_concrete(a, seen) for a in args]
        concrete_kwargs = {k: _concrete(v, seen) for k, v in kwargs.items()}
    except _NotKnownError:
        return NotImplemented
    # known arrays have known sizes
    size = sum(int(product(t._type.shape)) for t in seen.values())  # type: ignore[arg-type, misc]
    if size > KNOWN_LIMIT and not at_any_size:
        return NotImplemented
    try:
        result = function(*concrete_args, **concrete_kwargs)
    except ValueError as error:
        if "read-only" in str(error):
            for tracer in seen.values():
                tracer._check_writable()
        raise
    return _adopt(result, seen)


def _concrete(x: Any, seen: dict[int, Tracer]) -> Any:
    if isinstance(x, Tracer):
        if not x._is_known:
            raise _NotKnownError
        array = x._known
        if isinstance(array, np.ndarray) and x._base._scope is not x._context.scope:
            array = array.view()
            array.flags.writeable = False  # an inner region must not change it
        seen[id(array)] = x
        return array
    if isinstance(x, (SymInt, Operators)):
        raise _NotKnownError
    cls = type(x)
    if cls is tuple or cls is list:
        return cls([_concrete(y, seen) for y in x])
    if cls is slice:
        return slice(*(_concrete(y, seen) for y in (x.start, x.stop, x.step)))
    return x


def _adopt(result: Any, seen: dict[int, Tracer]) -> Any:
    """Concrete results as known tracers; scalars and other objects as they are."""
    if isinstance(result, np.ndarray):
        if id(result) in seen:
            return seen[id(result)]
        # A view has to be made as one, so that later assignments reach what it is a view of.
        if any(np.may_share_memory(result, t._known) for t in seen.values()):
            return NotImplemented
        context = current()
        assert context is not None
        return Tracer(context, values.type_of(result), None, known=result)
    if type(result) in (tuple, list):
        adopted = [_adopt(x, seen) for x in result]
        return (
            NotImplemented if any(x is NotImplemented for x in adopted) else type(result)(adopted)
        )
    return result
