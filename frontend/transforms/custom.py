"""`custom_vjp` and `custom_jvp`: functions whose derivatives the user writes.

Layer: frontend. Usage is JAX's. Each rule serves both modes: it is linear in the cotangents (or
tangents) that it is given, so the other mode is its transpose. A rule that is not linear (one that
clips gradients) raises a `GradientError` there.

In a trace a `custom_vjp` function is its forward rule, so that residuals are at hand wherever the
derivative is taken, in a loop's body too; what nobody reads is removed. Outside of a trace it is
the function itself.

A forward rule may call the function it belongs to. That call is the function itself, again with a
rule, but a *late* one: it calls the forward rule where its derivative is taken. So the calls end.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import MethodType
from typing import Any

from ...compiler.errors import GradientError
from ...compiler.ir.batching import BatchSite, Mapped
from ...compiler.ir.derivative import Contribution, Site
from ...compiler.ir.graph import Value
from ...compiler.ir.term import Term
from ..context import TraceContext, current
from ..location import user_location
from ..trace import start_of
from .batched import batch_rule
from .marked import (
    Layout,
    Marked,
    Terms,
    check_captured,
    derivatives,
    emit_marked,
    emitting,
    given_for,
    transposed,
)
from .matching import shown

Arguments = tuple[Any, ...]


def custom_vjp(
    function: Callable[..., Any] | None = None, nondiff_argnums: Sequence[int] = ()
) -> Any:
    """A function whose derivative in reverse mode is given by two others; a decorator.

    Args:
        function: of arrays and numbers, in any nesting.
        nondiff_argnums: positions of arguments that are passed on as they are: functions, flags.

    Returns:
        The function, with a method `defvjp(fwd, bwd)`: `fwd(*args)` returns (result, residuals);
        `bwd(*nondiff, residuals, ct)` returns a tuple, one cotangent for each other argument, where
        None stands for zeros.
    """
    if function is None:
        return functools.partial(custom_vjp, nondiff_argnums=nondiff_argnums)
    return CustomVjp(function, nondiff_argnums)


def custom_jvp(
    function: Callable[..., Any] | None = None, nondiff_argnums: Sequence[int] = ()
) -> Any:
    """A function whose derivative in forward mode is given by another; a decorator.

    Args:
        function: of arrays and numbers, in any nesting.
        nondiff_argnums: positions of arguments that are passed on as they are: functions, flags.

    Returns:
        The function, with a method `defjvp(rule)`: `rule(*nondiff, primals, tangents)` returns
        (result, tangent of the result); and `defjvps(*rules)`, one for each argument (or None):
        `rule(tangent, result, *primals)` returns what it adds to the tangent of the result.
    """
    if function is None:
        return functools.partial(custom_jvp, nondiff_argnums=nondiff_argnums)
    return CustomJvp(function, nondiff_argnums)


class _Custom:
    """What both have in common: how they are called."""

    _method: str  # that sets a rule

    def __init__(self, function: Callable[..., Any], nondiff_argnums: Sequence[int]) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        numbers = (nondiff_argnums,) if isinstance(nondiff_argnums, int) else nondiff_argnums
        self._nondiff = tuple(sorted(numbers))
        self._name = getattr(function, "__name__", "function")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function's result."""
        if not self._has_rule():
            method = f"{self._name}.{self._method}"
            raise AttributeError(f"{self._name} has no rule for its derivative yet: call {method}")
        ctx = current()
        if ctx is None:
            return self._function(*args, **kwargs)
        return self._emit(ctx, *self._parts(self._positional(args, kwargs)))

    def _has_rule(self) -> bool:
        raise NotImplementedError

    def _emit(self, ctx: TraceContext, arguments: Arguments, fixed: Arguments) -> Any:
        raise NotImplementedError

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name}>"

    def _positional(self, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
        """The arguments of a call by position, defaults filled in."""
        try:
            signature = inspect.signature(self._function)
        except ValueError:
            return list(args)
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        if bound.kwargs:
            name = next(iter(bound.kwargs))
            raise TypeError(f"{self._name}: {name} can only be passed by name, make it positional")
        return list(bound.args)

    def _parts(self, args: Sequence[Any]) -> tuple[Arguments, Arguments]:
        """The arguments with and without derivatives."""
        numbers = {k + len(args) if k < 0 else k for k in self._nondiff}
        return (
            tuple([x for k, x in enumerate(args) if k not in numbers]),
            tuple([x for k, x in enumerate(args) if k in numbers]),
        )

    def _whole(self, with_derivatives: Sequence[Any], without: Sequence[Any]) -> list[Any]:
        """The arguments in order."""
        count = len(with_derivatives) + len(without)
        numbers = {k + count if k < 0 else k for k in self._nondiff}
        first, second = iter(with_derivatives), iter(without)
        return [next(second) if k in numbers else next(first) for k in range(count)]


# -- reverse mode -------------------------------------------------------------------------------


class CustomVjp(_Custom):
    """A function with a derivative in reverse mode; made by `custom_vjp`."""

    _method = "defvjp(fwd, bwd)"
    _rules: tuple[Callable[..., Any], Callable[..., Any]] | None = None

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Set the rules: see `custom_vjp`."""
        self._rules = fwd, bwd

    def _has_rule(self) -> bool:
        return self._rules is not None

    def _emit(self, ctx: TraceContext, arguments: Arguments, fixed: Arguments) -> Any:
        what = f"the custom_vjp function {self._name}"
        late = self in ctx.forward_rules

        def forward(given: Arguments) -> tuple[Any, Any]:
            if late:
                return self._function(*self._whole(given, fixed)), None
            return self._forward(ctx, given, fixed)

        def rule(marked: Marked) -> _VjpRule:
            return _VjpRule(self, fixed, marked, late)

        return emit_marked(ctx, what, forward, arguments, rule, stop=True)

    def _forward(
        self, ctx: TraceContext, arguments: Arguments, fixed: Arguments
    ) -> tuple[Any, Any]:
        """(result, residuals)."""
        assert self._rules is not None
        fwd, _ = self._rules
        outermost = self not in ctx.forward_rules
        ctx.forward_rules.add(self)
        try:
            returned = fwd(*self._whole(arguments, fixed))
        finally:
            if outermost:
                ctx.forward_rules.remove(self)
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise GradientError(
                f"fwd of {self._name} has to return (result, residuals)",
                got=shown(returned),
                loc=start_of(fwd),
            )
        return returned


@dataclass(frozen=True, eq=False)
class _VjpRule:
    """`bwd` of one call; a `late` one calls `fwd` before, for the residuals."""

    function: CustomVjp
    fixed: Arguments
    marked: Marked
    late: bool

    @property
    def name(self) -> str:
        """What messages call the function."""
        return self.function._name

    def vjp(self, site: Site, cts: Terms) -> list[Contribution]:
        """Run `bwd`."""
        layout, marked = self.marked.layout, self.marked
        check_captured(self.name, layout, site.wanted)
        assert self.function._rules is not None
        _, bwd = self.function._rules
        with emitting(site.operands[0].builder, self.name) as ctx:
            residuals = self._residuals(ctx, site)
            ct = derivatives(ctx, marked.results, site.results, cts)
            returned = bwd(*self.fixed, residuals, ct)
            if isinstance(returned, list):
                returned = tuple(returned)
            what = f"bwd of {self.name}"
            found = given_for(ctx, what, "its result", marked.arguments, returned, bwd)
        return _contributions(site, layout, found)

    def _residuals(self, ctx: TraceContext, site: Site) -> Any:
        layout, marked = self.marked.layout, self.marked
        if not self.late:
            kept = site.operands[layout.results : layout.first_argument]
            return marked.residuals.traced(ctx, [x.value for x in kept])
        operands = site.operands[layout.first_argument : layout.first_captured]
        arguments = marked.arguments.traced(ctx, [x.value for x in operands])
        return self.function._forward(ctx, arguments, self.fixed)[1]

    def jvp(self, site: Site, tangents: Terms) -> Terms:
        """The transpose of `bwd`, in the cotangent."""
        layout = self.marked.layout
        check_captured(self.name, layout, tangents)
        wanted = replace(site, wanted=tuple([t is not None for t in tangents]))
        types = [r.type if r.dtype.is_float else None for r in site.results]

        def pulled(cts: list[Term | None]) -> Terms:
            contributions = self.vjp(wanted, cts)
            return [c if isinstance(c, Term) else None for c in contributions]

        given = [None] * layout.first_argument + list(tangents[layout.first_argument :])
        return transposed(site.operands[0].builder, self.name, types, pulled, given)

    def batch(self, site: BatchSite) -> Sequence[Mapped]:
        """The rule for a stack of examples."""
        return batch_rule(self, self.marked.layout.results, site)


def _contributions(site: Site, layout: Layout, found: Sequence[Value | None]) -> list[Contribution]:
    """One contribution per operand, from one value per argument."""
    builder = site.operands[0].builder
    given = [None if v is None else Term(builder, v) for v in found]
    captured = len(site.operands) - layout.first_captured
    return [*[None] * layout.first_argument, *given, *[None] * captured]


# -- forward mode -------------------------------------------------------------------------------


class CustomJvp(_Custom):
    """A function with a derivative in forward mode; made by `custom_jvp`."""

    _method = "defjvp(rule)"
    _rule: Callable[..., Any] | None = None
    _rules: tuple[Callable[..., Any] | None, ...] = ()

    def defjvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Set the rule: see `custom_jvp`; returns it."""
        self._rule = rule
        return rule

    def defjvps(self, *rules: Callable[..., Any] | None) -> None:
        """Set a rule for each argument: see `custom_jvp`."""
        if self._nondiff:
            raise TypeError(f"{self._name}: defjvps does not go with nondiff_argnums, use defjvp")
        self._rules = rules

    def _has_rule(self) -> bool:
        return self._rule is not None or bool(self._rules)

    def _emit(self, ctx: TraceContext, arguments: Arguments, fixed: Arguments) -> Any:
        what = f"the custom_jvp function {self._name}"

        def plain(given: tuple[Any, ...]) -> tuple[Any, Any]:
            return self._function(*self._whole(given, fixed)), None

        def rule(marked: Marked) -> _JvpRule:
            return _JvpRule(self._name, self._rule, self._rules, fixed, marked)

        return emit_marked(ctx, what, plain, arguments, rule, stop=True)


@dataclass(frozen=True, eq=False)
class _JvpRule:
    """The rule, or the rules per argument, of one call."""

    name: str
    rule: Callable[..., Any] | None
    rules: tuple[Callable[..., Any] | None, ...]
    fixed: tuple[Any, ...]
    marked: Marked

    def jvp(self, site: Site, tangents: Terms) -> Terms:
        """Run the rule."""
        layout, builder = self.marked.layout, site.operands[0].builder
        check_captured(self.name, layout, tangents)
        given = tangents[layout.first_argument : layout.first_captured]
        with emitting(builder, self.name) as ctx:
            operands = site.operands[layout.first_argument : layout.first_captured]
            template = self.marked.arguments
            primals = template.traced(ctx, [x.value for x in operands])
            if self.rule is None:
                dots = derivatives(ctx, template, operands, given, zeros=False)
                found = self._by_argument(ctx, site, primals, dots)
            else:
                dots = derivatives(ctx, template, operands, given)
                returned = self.rule(*self.fixed, primals, dots)
                found = self._checked(ctx, self.rule, returned)
        return [None if v is None else Term(builder, v) for v in found]

    def _checked(
        self, ctx: TraceContext, rule: Callable[..., Any], returned: Any
    ) -> list[Value | None]:
        if not isinstance(returned, (tuple, list)) or len(returned) != 2:
            raise GradientError(
                f"the jvp rule of {self.name} has to return (result, tangent)",
                got=shown(returned),
                loc=start_of(rule),
            )
        what, kind = f"the jvp rule of {self.name}", "tangent"
        return given_for(ctx, what, kind, self.marked.results, returned[1], rule)

    def _by_argument(
        self, ctx: TraceContext, site: Site, primals: tuple[Any, ...], dots: tuple[Any, ...]
    ) -> list[Value | None]:
        """The sum of what the rules of the single arguments give."""
        if len(self.rules) != len(primals):
            raise GradientError(
                f"defjvps of {self.name} has to set one rule, or None, for each argument",
                got=f"{len(self.rules)} rules, {len(primals)} arguments",
                loc=user_location(),
            )
        results = self.marked.results
        out = results.traced(ctx, [r.value for r in site.results])
        total: list[Value | None] = [None] * len(results.specs)
        for k, (rule, dot) in enumerate(zip(self.rules, dots, strict=True)):
            if rule is None or dot is None:
                continue
            what = f"rule {k} of defjvps of {self.name}"
            given = rule(dot, out, *primals)
            part = given_for(ctx, what, "tangent", results, given, rule)
            total = [
                a if b is None else b if a is None else ctx.emit("add", a, b)
                for a, b in zip(total, part, strict=True)
            ]
        return total

    def vjp(self, site: Site, cts: Terms) -> list[Contribution]:
        """The transpose of the rule, in the tangents."""
        layout, builder = self.marked.layout, site.operands[0].builder
        check_captured(self.name, layout, site.wanted)
        operands = site.operands[layout.first_argument : layout.first_captured]
        wanted = site.wanted[layout.first_argument : layout.first_captured]
        types = [x.type if w else None for x, w in zip(operands, wanted, strict=True)]
        captured = [None] * (len(site.operands) - layout.first_captured)

        def pushed(tangents: list[Term | None]) -> Terms:
            return self.jvp(site, [*[None] * layout.first_argument, *tangents, *captured])

        found = transposed(builder, self.name, types, pushed, cts)
        return [*[None] * layout.first_argument, *found, *captured]

    def batch(self, site: BatchSite) -> Sequence[Mapped]:
        """The rule for a stack of examples."""
        return batch_rule(self, self.marked.layout.results, site)
