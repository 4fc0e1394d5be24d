"""Variable scopes: prefixes and defaults for `get_variable`, which shares variables by name.

Layer: frontend. A graph has one `_Store`: the variables by name, the current scope, and how often
scopes were opened (for default names: `dense`, `dense_1`). In eager programs scopes only give names
and defaults; variables are not shared there.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from .. import dtypes
from .graph import Graph, get_default_graph
from .keys import GraphKeys
from .state import is_building


class _ReuseMode(enum.Enum):
    """Whether `get_variable` shares variables that exist."""

    AUTO_REUSE = 1

    def __repr__(self) -> str:
        return f"<_ReuseMode.AUTO_REUSE: {self.value}>"


AUTO_REUSE = _ReuseMode.AUTO_REUSE


def no_regularizer(_: Any) -> None:
    """For `regularizer=`: none, although the scope has one."""


class _Store:
    """What variable scopes keep, of one graph or of eager programs."""

    def __init__(self, shares: bool) -> None:
        self.shares = shares
        self.variables: dict[str, Any] = {}
        self.scope = VariableScope(False)
        self.counts: dict[str, int] = {}

    def open(self, name: str) -> None:
        """Count a scope as opened."""
        self.counts[name] = self.counts.get(name, 0) + 1

    def close_inner(self, name: str) -> None:
        """Forget how often scopes inside of this one were opened."""
        for key in self.counts:
            if not name or key.startswith(f"{name}/"):
                self.counts[key] = 0

    def unique(self, prefix: str) -> str:
        """A name for a scope that was not opened yet: `prefix`, `prefix_1`."""
        outer = f"{self.scope.name}/" if self.scope.name else ""
        name, k = prefix, 0
        while self.counts.get(outer + name, 0):
            k += 1
            name = f"{prefix}_{k}"
        return name


class _EagerStores(threading.local):
    def __init__(self) -> None:
        self.store = _Store(shares=False)


class VariableScope:
    """A prefix and defaults for `get_variable`; `with tf.variable_scope(scope)` enters it again.

    Attributes: `name`, `reuse`, `initializer`, `regularizer`, `dtype`, `constraint`,
    `custom_getter`, `original_name_scope` (the prefix of the ops made in it).
    """

    def __init__(
        self,
        reuse: Any,
        name: str = "",
        initializer: Any = None,
        regularizer: Any = None,
        caching_device: Any = None,
        partitioner: Any = None,
        custom_getter: Any = None,
        name_scope: str = "",
        dtype: Any = dtypes.float32,
        use_resource: bool | None = None,
        constraint: Any = None,
    ) -> None:
        self.reuse, self.name = reuse, name
        self.initializer, self.regularizer = initializer, regularizer
        self.caching_device, self.partitioner = caching_device, partitioner
        self.custom_getter, self.constraint = custom_getter, constraint
        self.original_name_scope = name_scope
        self.dtype = dtypes.as_dtype(dtype)
        self.use_resource = use_resource

    def reuse_variables(self) -> None:
        """Share variables that exist, from here on."""
        self.reuse = True

    def get_collection(self, name: str) -> list[Any]:
        """What is in a collection with a name inside of this scope."""
        return get_default_graph().get_collection(name, f"{self.name}/" if self.name else "")

    def trainable_variables(self) -> list[Any]:
        """The trainable variables of this scope."""
        return self.get_collection(GraphKeys.TRAINABLE_VARIABLES)

    def global_variables(self) -> list[Any]:
        """The global variables of this scope."""
        return self.get_collection(GraphKeys.GLOBAL_VARIABLES)

    def local_variables(self) -> list[Any]:
        """The local variables of this scope."""
        return self.get_collection(GraphKeys.LOCAL_VARIABLES)


def _setter(part: str) -> Callable[[VariableScope, Any], None]:
    def change(self: VariableScope, value: Any) -> None:
        setattr(self, part, value)

    change.__doc__ = f"Set `{part}`."
    return change


for _part in (
    "initializer", "regularizer", "caching_device", "partitioner", "custom_getter", "dtype",
    "use_resource",
):  # fmt: skip
    setattr(VariableScope, f"set_{_part}", _setter(_part))

_EAGER = _EagerStores()


def store() -> _Store:
    """What scopes keep now: in the default graph, or on this thread in eager programs."""
    if not is_building():
        return _EAGER.store
    graph: Graph = get_default_graph().root
    if graph.variable_scopes is None:
        graph.variable_scopes = _Store(shares=True)
    found: _Store = graph.variable_scopes
    return found


def get_variable_scope() -> VariableScope:
    """The current scope."""
    return store().scope


# -- entering a scope -----------------------------------------------------------------------------


class variable_scope:
    """A prefix and defaults for the variables that `get_variable` makes inside.

    Args:
        name_or_scope: added to the current prefix; or a scope that is entered again; None for
            `default_name`.
        default_name: made unique with a number.
        values: tensors, whose graph the variables belong to.
        initializer: default of `get_variable`, like `regularizer`, `dtype`, `constraint` and
            `custom_getter`.
        regularizer: see there.
        caching_device: for TensorFlow's signature.
        partitioner: refused when a variable is made.
        custom_getter: called instead of `get_variable`, with it as the first argument.
        reuse: True to share variables that exist, `tf.AUTO_REUSE` to share or make them; None for
            what the scope around says.
        dtype: see there.
        use_resource: for TensorFlow's signature.
        constraint: see there.
        auxiliary_name_scope: whether ops made inside have the prefix too.
    """

    def __init__(
        self,
        name_or_scope: Any,
        default_name: str | None = None,
        values: Any = None,
        initializer: Any = None,
        regularizer: Any = None,
        caching_device: Any = None,
        partitioner: Any = None,
        custom_getter: Any = None,
        reuse: Any = None,
        dtype: Any = None,
        use_resource: bool | None = None,
        constraint: Any = None,
        auxiliary_name_scope: bool = True,
    ) -> None:
        if name_or_scope is None and default_name is None:
            raise TypeError("If default_name is None then name_or_scope is required")
        if name_or_scope is not None and not isinstance(name_or_scope, (str, VariableScope)):
            raise TypeError(
                "VariableScope: name_or_scope must be a string or VariableScope, got"
                f" {name_or_scope!r}"
            )
        if reuse is False:
            reuse = None
        if not (reuse is None or reuse is True or reuse is AUTO_REUSE):
            raise ValueError("The reuse parameter must be True or False or None.")
        if reuse and name_or_scope is None:
            raise ValueError("reuse=True cannot be used without a name_or_scope")
        self._given, self._default, self._reuse = name_or_scope, default_name, reuse
        self._settings = {
            "initializer": initializer,
            "regularizer": regularizer,
            "caching_device": caching_device,
            "partitioner": partitioner,
            "dtype": None if dtype is None else dtypes.as_dtype(dtype),
            "use_resource": use_resource,
            "constraint": constraint,
        }
        self._getter = custom_getter
        self._has_name_scope = auxiliary_name_scope
        self._values = values
        self._contexts: list[ExitStack] = []

    def __enter__(self) -> VariableScope:
        stack = ExitStack()
        try:
            found = self._enter(stack)
        except BaseException:
            stack.close()
            raise
        self._contexts.append(stack)
        return found

    def __exit__(self, *error: Any) -> None:
        self._contexts.pop().__exit__(*error)

    def _enter(self, stack: ExitStack) -> VariableScope:
        kept = store()
        outer = kept.scope
        if isinstance(self._given, VariableScope):
            label, source = self._given.name.rpartition("/")[2], self._given
            full = source.name
        else:
            label = kept.unique(self._default or "") if self._given is None else self._given
            source = outer
            full = f"{outer.name}/{label}" if outer.name and label else outer.name or label
        ops = self._enter_names(stack, label)
        made = VariableScope(
            self._reuse or source.reuse,
            full,
            custom_getter=_nested(self._getter, source.custom_getter),
            name_scope=source.original_name_scope if source is self._given else ops,
        )
        for part, value in self._settings.items():
            setattr(made, part, getattr(source, part) if value is None else value)
        stack.enter_context(_current(kept, made, source is self._given))
        return made

    def _enter_names(self, stack: ExitStack, label: str) -> str:
        """Enter the name scope; its prefix, with a slash."""
        if not is_building():
            return f"{label}/" if label else ""
        graph = get_default_graph()
        if self._has_name_scope and label:
            name = (self._default if self._given is None else label) or ""
            return stack.enter_context(graph.name_scope(name))
        prefix = graph.get_name_scope()
        return f"{prefix}/" if prefix else ""


@contextmanager
def _current(kept: _Store, scope: VariableScope, is_again: bool) -> Iterator[None]:
    """Let a scope be the current one; scopes inside begin their numbers anew next time."""
    before, counts = kept.scope, dict(kept.counts)
    kept.open(scope.name)
    kept.scope = scope
    try:
        yield
    finally:
        kept.scope = before
        kept.close_inner(scope.name)
        if is_again:
            kept.counts = counts


def _nested(inner: Any, outer: Any) -> Any:
    """A custom getter around that of the scope around."""
    if inner is None or outer is None:
        return inner or outer

    def getter(getter: Any, *args: Any, **kwargs: Any) -> Any:
        def through(*a: Any, **k: Any) -> Any:
            return outer(getter, *a, **k)

        return inner(through, *args, **kwargs)

    return getter


@contextmanager
def variable_op_scope(
    values: Any,
    name_or_scope: Any,
    default_name: str | None = None,
    initializer: Any = None,
    regularizer: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    custom_getter: Any = None,
    reuse: Any = None,
    dtype: Any = None,
    use_resource: bool | None = None,
    constraint: Any = None,
) -> Iterator[VariableScope]:
    """`variable_scope`, with its arguments in another order."""
    scope = variable_scope(
        name_or_scope, default_name, values, initializer, regularizer, caching_device,
        partitioner, custom_getter, reuse, dtype, use_resource, constraint,
    )  # fmt: skip
    with scope as found:
        yield found
