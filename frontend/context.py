"""The state of one running trace: the graph under construction and what is known of its sizes.

Layer: frontend, imports the compiler's IR. Every emitted node takes the user's current line. A
symbolic size has a hint, the size in the call that is traced; `decide` answers questions about
sizes from the hints and makes the graph's guards (or the restart) that keep the answer true:

- an inequality that depends on the hints becomes a `Guard`, checked natively at every call;
- an equality (`n == m`, `int(n)`) raises `Specialise`: the trace starts again with the symbol
  replaced, so that from then on sizes are equal exactly when they are written the same.

Nodes go to the graph of the current `Scope`: that of the traced function, or that of a region
inside of it (a loop's body, a branch; see region.py). Guards belong to the function's graph always.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..compiler import ops as _ops  # noqa: F401  fills the registry
from ..compiler.errors import InternalError, UserError
from ..compiler.ir.builder import GraphBuilder
from ..compiler.ir.dims import Dim, Monomial, evaluate
from ..compiler.ir.graph import Guard, Node, Value
from ..compiler.ir.opdef import REGISTRY
from ..compiler.ir.types import Size
from ..compiler.transforms.reverse import gradient_loc
from .location import user_location

# The native entry takes a size as symbolic only from here on; 0 and 1 are always compiled in.
SMALLEST_SYMBOLIC = 2


class Specialise(BaseException):
    """Restart the trace with these symbols replaced (by another symbol, or by their sizes).

    Not an `Exception`, so that an `except Exception` in the user's function lets it through.
    """

    def __init__(self, replacement: Mapping[str, Size]) -> None:
        super().__init__(replacement)
        self.replacement = dict(replacement)


@dataclass(frozen=True, slots=True)
class RegionKind:
    """How messages speak of a region, and what they advise."""

    what: str  # "the body of tw.scan"
    instead_of_assigning: str  # to an array made outside of the region
    instead_of_storing: str  # an array made in it, for later


class Scope:
    """One graph under construction; `kind` is None for that of the traced function itself.

    Arrays made in a region are gone when it ends. Arrays made outside of it can be read there, but
    not assigned to: the region runs any number of times, later.
    """

    __slots__ = ("builder", "cache", "is_open", "kind", "parent")

    def __init__(
        self, name: str, kind: RegionKind | None = None, builder: GraphBuilder | None = None
    ) -> None:
        self.builder = builder or GraphBuilder(name)
        self.cache: dict[Any, Value] = {}  # values that need to exist only once: constants
        self.kind = kind
        self.parent: Scope | None = None
        self.is_open = False

    def producers(self) -> dict[Value, Node]:
        """The node that defines each value, here and in the graphs around."""
        found = self.parent.producers() if self.parent else {}
        found.update((v, node) for node in self.builder.nodes for v in node.outputs)
        return found


class TraceContext:
    """One trace. `function` names the user's function in messages; `sizes` are the hints."""

    def __init__(self, function: str, sizes: Mapping[str, int]) -> None:
        self.function = function
        self.sizes = dict(sizes)
        self.active = True
        self.is_gradient = False  # whether a rule for derivatives runs
        self.forward_rules: set[Any] = set()  # functions whose own forward rule runs
        self._guards = self._enter(Scope(function)).builder
        self.scope.is_open = True

    def _enter(self, scope: Scope) -> Scope:
        self.scope = scope
        self.builder, self.cache = scope.builder, scope.cache
        return scope

    @contextmanager
    def inside(self, scope: Scope) -> Iterator[None]:
        """Let nodes go to `scope`, a region of the current one."""
        before = scope.parent = self.scope
        scope.is_open = True
        self._enter(scope)
        try:
            yield
        finally:
            scope.is_open = False
            self._enter(before)

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Let nodes and inputs go to the traced function's own graph, out of all regions."""
        before = outermost = self.scope
        while outermost.parent is not None:
            outermost = outermost.parent
        self._enter(outermost)
        try:
            yield
        finally:
            self._enter(before)

    def emit(self, op: str, *inputs: Value, **attrs: Any) -> Value:
        """Append a node at the user's current line; returns its output."""
        return self.emit_node(op, inputs, **attrs).output

    def emit_node(self, op: str, inputs: Sequence[Value], **attrs: Any) -> Node:
        """As `emit`, for ops with any number of outputs."""
        builder = self.builder
        loc = user_location()
        builder.loc = gradient_loc(loc) if self.is_gradient else loc
        try:
            return builder.emit_node(REGISTRY[op], inputs, **attrs)
        except UserError as error:
            raise error.at(builder.loc) from None

    def emit_once(self, op: str, *inputs: Value, **attrs: Any) -> Value:
        """As `emit`, but an equal earlier node serves again: for constants and conversions."""
        key = (op, inputs, tuple(attrs.items()))
        value = self.cache.get(key)
        if value is None:
            value = self.cache[key] = self.emit(op, *inputs, **attrs)
        return value

    # Questions about sizes

    def equal(self, a: Size, b: Size) -> bool:
        """Whether two sizes are equal, in this call and in every call that the graph serves."""
        if a == b:
            return True
        difference = a - b
        if isinstance(difference, int):
            return False
        low, high = bounds(difference)
        if (low is not None and low > 0) or (high is not None and high < 0):
            return False
        if self.hint(difference) != 0:
            self._guards.guard(Guard(difference, "!="))
            return False
        raise Specialise(self._unify(a, b, difference))

    def at_least(self, a: Size, b: Size) -> bool:
        """Whether `a >= b`, in this call and in every call that the graph serves."""
        difference = a - b
        if isinstance(difference, int):
            return difference >= 0
        low, high = bounds(difference)
        if low is not None and low >= 0:
            return True
        if high is not None and high < 0:
            return False
        holds = self.hint(difference) >= 0
        self._guard_at_least_0(difference if holds else -difference - 1)
        return holds

    def hint(self, size: Size) -> int:
        """The number that `size` stands for in the call that is traced."""
        return evaluate(size, self.sizes)

    def static(self, size: Size) -> int:
        """`size` as a number: restarts the trace with its symbols fixed if it has any."""
        if isinstance(size, int):
            return size
        raise Specialise({name: self.sizes[name] for name in size.names()})

    def _guard_at_least_0(self, size: Size) -> None:
        """Record a bound, unless one that is recorded implies it; drop those that it implies."""
        guards = self._guards.guards
        for other in [g for g in guards if g.relation == ">="]:
            slack = size - other.size
            if isinstance(slack, int):
                if slack >= 0:
                    return
                del guards[other]
        self._guards.guard(Guard(size, ">="))

    def _unify(self, a: Size, b: Size, difference: Dim) -> dict[str, Size]:
        names = sorted(difference.names())
        if len(names) == 2 and {str(a), str(b)} == set(names):
            return {names[1]: Dim.symbol(names[0])}
        return {name: self.sizes[name] for name in names}


def bounds(size: Size) -> tuple[int | None, int | None]:
    """Numbers that a size can never be below or above; None where there is no such number."""
    if isinstance(size, int):
        return size, size
    low: int | None = 0
    high: int | None = 0
    for monomial, coefficient in size.terms:
        smallest = _smallest(monomial)
        at_least = None if smallest is None else coefficient * smallest
        if not monomial:
            low, high = _sum(low, coefficient), _sum(high, coefficient)
        elif coefficient > 0:
            low, high = _sum(low, at_least), None
        else:
            low, high = None, _sum(high, at_least)
    return low, high


def _sum(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else a + b


def _smallest(monomial: Monomial) -> int | None:
    """A number that the product of atoms never falls below; None if an atom may be negative."""
    product = 1
    for atom in monomial:
        if isinstance(atom, str):
            product *= SMALLEST_SYMBOLIC
            continue
        low, _ = bounds(atom.numerator)
        if low is None or low < 0:
            return None
        product *= low // atom.divisor
    return product


class _State(threading.local):
    context: TraceContext | None = None


_STATE = _State()


def current() -> TraceContext | None:
    """The trace that runs on this thread, if any."""
    return _STATE.context


def require() -> TraceContext:
    """The trace that runs on this thread."""
    context = _STATE.context
    if context is None:
        raise InternalError("no trace is running on this thread")
    return context


@contextmanager
def entered(context: TraceContext | None) -> Iterator[None]:
    """Make `context` the current one; None suspends tracing."""
    before, _STATE.context = _STATE.context, context
    try:
        yield
    finally:
        _STATE.context = before
