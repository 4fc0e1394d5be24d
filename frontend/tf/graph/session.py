"""Sessions: they keep the values of variables and run what is fetched.

Layer: frontend. The fetches and the fed tensors of a call are looked up in a table of `_Plan`s; the
usual plan is one native program, called with the fed arrays and the variables' arrays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from ...tree import TreeDef, flatten, unflatten
from ..devices import list_logical_devices
from ..slices import IndexedSlices
from ..variables import Cell
from .config import ConfigProto, RunMetadata
from .feeding import fed_array, feed_of
from .graph import Graph, Operation, get_default_graph
from .plan import Segment, segments
from .program import NeedsHost, Program, State, run_on_host
from .state import STACKS, stacked
from .symbolic import GraphTensor
from .variables import Storage


class IndexedSlicesValue(NamedTuple):
    """What fetching an `IndexedSlices` gives."""

    values: Any
    indices: Any
    dense_shape: Any


class _Plan:
    """What a call of `run` with certain fetches and feeds does.

    Args:
        elements: the tensors and operations that are fetched, each once.
        order: for each leaf of the result the place of its element; -1 for operations.
        tree: the nesting of the result.
        fed: the tensors that are fed, in the order of the feeds.
    """

    def __init__(
        self,
        state: State,
        elements: Sequence[Operation | GraphTensor],
        order: Sequence[int],
        tree: TreeDef,
        fed: Sequence[GraphTensor],
    ) -> None:
        self._state = state
        self._elements = list(elements)
        self._order = list(order)
        self._tree = tree
        self.feeds = [feed_of(t) for t in fed]
        self._fed = list(fed)
        self._on_host: set[Operation] = set()
        self._programs: dict[int, list[Program]] = {}
        self._arrange()

    def _arrange(self) -> None:
        self._segments = segments(self._elements, self._fed, self._on_host)
        self._programs = {k: [] for k in range(len(self._segments))}
        # one program, whose outputs are the result: the short way
        first = self._segments[0] if len(self._segments) == 1 else None
        self._is_short = first is not None and not first.is_host and first.inputs == self._fed
        outputs: dict[Any, int] = {t: k for k, t in enumerate(first.outputs)} if first else {}
        fetched = [self._elements[k] if k >= 0 else None for k in self._order]
        self._places: list[int] | None = None
        if first is not None and all(x is None or x in outputs for x in fetched):
            self._places = [-1 if x is None else outputs[x] for x in fetched]
        self._is_short = self._is_short and self._places is not None
        self._last: Program | None = None

    def run(self, arrays: list[Any]) -> Any:
        """The result for the values of the feeds."""
        last = self._last
        if last is not None:
            found = last(arrays)
            if found is not NotImplemented:
                if last.draws:
                    self._state.end_run()
                return self._nested(found)
        return self._run(arrays)

    def _nested(self, found: Sequence[Any]) -> Any:
        places = self._places
        assert places is not None
        if self._tree.is_leaf:
            return None if places[0] < 0 else found[places[0]]
        return unflatten(self._tree, [None if k < 0 else found[k] for k in places])

    def _run(self, arrays: Sequence[Any]) -> Any:
        env: dict[GraphTensor, Any] = dict(zip(self._fed, arrays, strict=True))
        done: set[Operation] = set()
        parts, programs = self._segments, self._programs
        try:
            while True:
                try:
                    for k, segment in enumerate(parts):
                        self._run_segment(segment, programs[k], env)
                        done.update(op for op in segment.ops if segment.is_host or op._body.writes)
                    break
                except NeedsHost as found:
                    # the rest of this run in another order: nothing has an effect twice
                    self._on_host.add(found.op)
                    self._arrange()
                    parts = (
                        segments(self._elements, env, self._on_host, done)
                        if done
                        else (self._segments)
                    )
                    programs = {k: [] for k in range(len(parts))} if done else self._programs
        finally:
            self._state.end_run()
        leaves = [None if k < 0 else _own(env[self._elements[k]]) for k in self._order]  # type: ignore[index]
        return unflatten(self._tree, leaves)

    def _run_segment(
        self, segment: Segment, programs: list[Program], env: dict[GraphTensor, Any]
    ) -> None:
        if segment.is_host:
            run_on_host(segment, self._state, env)
            return
        arrays = [env[t] for t in segment.inputs]
        found = NotImplemented
        for program in programs:
            found = program(arrays)
            if found is not NotImplemented:
                break
        if found is NotImplemented:
            program = Program(segment, self._state, arrays)
            programs.insert(0, program)
            found = program(arrays)
            assert found is not NotImplemented, segment
            if self._is_short:
                self._last = program
        env.update(zip(segment.outputs, found, strict=False))

    @property
    def programs(self) -> list[Program]:
        """The programs compiled so far."""
        return [p for found in self._programs.values() for p in found]


def _own(x: Any) -> Any:
    """A value that the caller may change; scalars (strings among them) are no arrays."""
    if isinstance(x, np.ndarray):
        return x.copy() if x.ndim else x[()]
    return x


class BaseSession:
    """Runs operations of one graph; see `Session`."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        if graph is not None and not isinstance(graph, Graph):
            given = type(graph).__name__
            raise TypeError(f"Argument `graph` must be a tf.Graph, but got {given!r}")
        if config is not None and not isinstance(config, ConfigProto):
            raise TypeError(
                f"Argument `config` must be a tf.ConfigProto, but got {type(config).__name__!r}"
            )
        self._graph = graph or get_default_graph()
        self._config = config
        self._target = target
        self._state = State()
        self._plans: dict[Any, _Plan] = {}
        self._is_open = True
        self._entered: list[Any] = []

    @property
    def graph(self) -> Graph:
        """The graph that it runs."""
        return self._graph

    @property
    def graph_def(self) -> Any:
        """The graph as a `GraphDef`."""
        return self._graph.as_graph_def()

    @property
    def sess_str(self) -> str:
        """What it was connected to."""
        return self._target

    def cell(self, storage: Storage) -> Cell:
        """Where the value of a variable is."""
        return self._state.cell(storage)

    # -- running ----------------------------------------------------------------------------------

    def run(
        self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None
    ) -> Any:
        """Run what the fetches need, once.

        Args:
            fetches: a tensor, an operation, a variable, a name of one, or nested lists, tuples,
                dicts and named tuples of them.
            feed_dict: values for placeholders and other tensors: numbers, lists or arrays.
            options: for TensorFlow's signature.
            run_metadata: is filled, if `options` ask for a trace.

        Returns:
            The values, nested as the fetches are: arrays and NumPy scalars; None for operations.

        Raises:
            RuntimeError: the session is closed.
            TypeError: something cannot be fetched or fed.
            ValueError: it belongs to another graph; a value has the wrong shape.
            InvalidArgumentError: a placeholder that is needed is not fed; shapes do not fit.
            FailedPreconditionError: a variable that is needed is not initialised.
        """
        try:
            # what is the same from call to call is found by identity
            nest = _nest_key(fetches) if isinstance(fetches, (list, tuple, dict)) else fetches
            key = nest, tuple(feed_dict) if feed_dict else ()
            plan = self._plans.get(key)
        except TypeError:
            key, plan = None, None
        if not self._is_open:
            raise RuntimeError("Attempted to use a closed Session.")
        if plan is None:
            plan = self._plan(fetches, feed_dict)
            if key is not None:
                self._plans[key] = plan
        if feed_dict:
            arrays = [
                fed_array(feed, value)
                for feed, value in zip(plan.feeds, feed_dict.values(), strict=True)
            ]
        else:
            arrays = []
        if run_metadata is not None:
            return self._traced(plan, arrays, options, run_metadata)
        return plan.run(arrays)

    def _traced(
        self, plan: _Plan, arrays: list[Any], options: Any, run_metadata: RunMetadata
    ) -> Any:
        run_metadata.begin(options)
        try:
            return plan.run(arrays)
        finally:
            run_metadata.end(plan.programs)

    def _plan(self, fetches: Any, feed_dict: Any) -> _Plan:
        if not self._graph.operation_count:
            raise RuntimeError(
                "The Session graph is empty. Add operations to the graph before calling run()."
            )
        leaves, tree = _fetched(fetches)
        fed = [self._fed_tensor(key) for key in feed_dict or ()]
        elements: dict[Any, int] = {}
        order = []
        for leaf in leaves:
            element = self._element(leaf)
            if _read_of(element) in fed:
                element = _read_of(element)
            place = elements.setdefault(element, len(elements))
            order.append(place if isinstance(element, GraphTensor) else -1)
        key = (tuple(elements), tuple(order), tree, tuple(fed))
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = _Plan(self._state, list(elements), order, tree, fed)
        return plan

    def _element(self, fetch: Any) -> Operation | GraphTensor:
        try:
            return self._graph.as_graph_element(fetch)  # type: ignore[no-any-return]
        except TypeError as error:
            raise TypeError(
                f'Argument `fetch` = {fetch} has invalid type "{type(fetch).__name__}" must be a'
                f" string or Tensor. ({error})"
            ) from None
        except (ValueError, KeyError) as error:
            text = error.args[0]
            raise ValueError(
                f"Argument `fetch` = {fetch} cannot be interpreted as a Tensor. ({text})"
            ) from None

    def _fed_tensor(self, key: Any) -> GraphTensor:
        try:
            return _read_of(self._graph.as_graph_element(key, allow_operation=False))
        except (TypeError, ValueError, KeyError) as error:
            raise TypeError(f"Cannot interpret feed_dict key as Tensor: {error.args[0]}") from None

    def make_callable(
        self, fetches: Any, feed_list: Sequence[Any] | None = None, accept_options: bool = False
    ) -> Any:
        """A function of the values of `feed_list` that runs the fetches."""
        feeds = list(feed_list or ())

        def call(*args: Any, **kwargs: Any) -> Any:
            if len(args) != len(feeds):
                raise ValueError(f"expected {len(feeds)} values, got {len(args)}")
            return self.run(fetches, dict(zip(feeds, args, strict=True)), **kwargs)

        return call

    def partial_run(self, *args: Any, **kwargs: Any) -> Any:
        """Refused.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            "partial_run is not supported: fetch what you need with several calls of run"
        )

    partial_run_setup = partial_run

    def list_devices(self) -> list[Any]:
        """The devices that there are."""
        return list(list_logical_devices())

    # -- opening and closing ----------------------------------------------------------------------

    def close(self) -> None:
        """Give the variables' memory back; the session cannot run any more."""
        self._is_open = False
        self._plans.clear()
        self._state.cells.clear()

    @contextmanager
    def as_default(self) -> Iterator[Any]:
        """Let `eval()` and `Operation.run()` use this session."""
        with stacked(STACKS.sessions, self):
            yield self


class Session(BaseSession):
    """Runs operations of one graph and keeps the values of its variables.

    Args:
        target: for TensorFlow's signature; sessions run in this process.
        graph: what it runs; by default the default graph.
        config: a `ConfigProto`; accepted, and without effect on results.
    """

    def __enter__(self) -> Session:
        for context in (self._graph.as_default(), self.as_default()):
            context.__enter__()
            self._entered.append(context)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        while self._entered:
            self._entered.pop().__exit__(None, None, None)
        self.close()

    @staticmethod
    def reset(target: str, containers: Any = None, config: Any = None) -> None:
        """Nothing: sessions do not share anything."""


class InteractiveSession(BaseSession):
    """A session that is the default session from the start, until it is closed."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        super().__init__(target, graph, config)
        self._entered.append(self.as_default())
        if graph is not None:
            self._entered.append(graph.as_default())
        for context in self._entered:
            context.__enter__()

    def close(self) -> None:
        """Give the variables' memory back, and be the default session no longer."""
        super().close()
        while self._entered:
            self._entered.pop().__exit__(None, None, None)


def get_default_session() -> Any:
    """The session that `eval()` uses; None if there is none."""
    return STACKS.sessions[-1] if STACKS.sessions else None


# -- fetches and feeds ----------------------------------------------------------------------------


def _nest_key(fetches: Any) -> Any:
    """What finds the plan for nested fetches: their kinds, and the fetches themselves."""
    if isinstance(fetches, (list, tuple)):
        return type(fetches), *[
            _nest_key(x) if isinstance(x, (list, tuple, dict)) else x for x in fetches
        ]
    if isinstance(fetches, dict):
        return type(fetches), tuple(fetches), _nest_key(tuple(fetches.values()))
    return fetches


def _read_of(x: Any) -> Any:
    """The read of a variable, which is what is fed for it; all else is itself."""
    if isinstance(x, GraphTensor) and x.op.type == "VariableV2":
        read = x.graph._operations.get(f"{x.op.name}/read")
        return read.outputs[0] if read is not None else x
    return x


def _fetched(fetches: Any) -> tuple[list[Any], TreeDef]:
    """The fetches as a flat list; `IndexedSlices` as their parts."""
    leaves, tree = flatten(_with_parts(fetches))
    if _has_none(fetches):
        raise TypeError('Argument `fetch` = None has invalid type "NoneType". Cannot be None')
    return leaves, tree


def _with_parts(x: Any) -> Any:
    if isinstance(x, IndexedSlices):
        return IndexedSlicesValue(x.values, x.indices, x.dense_shape)
    if type(x) in (list, tuple):
        return type(x)(_with_parts(y) for y in x)
    if isinstance(x, dict):
        return type(x)((k, _with_parts(y)) for k, y in x.items())
    return x


def _has_none(x: Any) -> bool:
    if x is None:
        return True
    if isinstance(x, dict):
        return any(_has_none(y) for y in x.values())
    if isinstance(x, IndexedSlicesValue):
        return False
    return isinstance(x, (list, tuple)) and any(_has_none(y) for y in x)
