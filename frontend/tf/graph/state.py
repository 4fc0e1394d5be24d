"""What is default on a thread: the graph, the session; whether calls build ops or run them.

Layer: frontend. TensorFlow 1 programs build: `tensorwright.compat.v1`, imported by itself, turns
eager execution off. Inside of `with graph.as_default()` calls build in any case. While ops run (or
their shapes are found), the functions they consist of run at once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..tensors import STATE

if TYPE_CHECKING:
    from .graph import Graph, Operation
    from .variables import Storage


class _Mode:
    """Whether ops run when they are called; for all threads."""

    def __init__(self) -> None:
        self.is_eager = True
        self.default: Graph | None = None  # the graph of all threads that have no other
        self.reached_as_attribute = False  # whether compat.v1 is loaded by a program for TF 2


MODE = _Mode()


class _Stacks(threading.local):
    def __init__(self) -> None:
        self.graphs: list[Any] = []
        self.sessions: list[Any] = []


STACKS = _Stacks()


@contextmanager
def stacked(stack: list[Any], x: Any) -> Iterator[Any]:
    """Let x be the last of a stack; it may be there several times."""
    stack.append(x)
    try:
        yield x
    finally:
        # others that were put there since, and are not left yet, stay
        del stack[max(k for k, y in enumerate(stack) if y is x)]


class Environment:
    """What the bodies of ops ask for: the values of variables, streams of random numbers.

    Attributes:
        op: the op whose body runs.
    """

    op: Operation

    def __init__(self) -> None:
        self._draws: dict[Operation, int] = {}  # by each op since its body began

    def begin(self, op: Operation) -> None:
        """The body of `op` is about to run."""
        self.op = op
        self._draws[op] = 0

    @contextmanager
    def again(self, op: Operation) -> Iterator[None]:
        """While another op's body runs, or runs once more: then it draws what it drew before."""
        before = getattr(self, "op", op)
        self.begin(op)
        try:
            yield
        finally:
            self.op = before

    def _next_draw(self) -> tuple[Operation, int]:
        """The op whose body runs, and how many draws it has made before this one."""
        number = self._draws[self.op]
        self._draws[self.op] = number + 1
        return self.op, number

    def cell(self, storage: Storage) -> Any:
        """Where the value of a variable is."""
        raise NotImplementedError

    def random_start(self, name: str, seed: int | None, size: int) -> Any:
        """Where the op's next draw of `size` numbers starts: u64[3]."""
        raise NotImplementedError


def is_building() -> bool:
    """Whether calls make ops of a graph, rather than run at once."""
    if STATE.environment is not None:
        return False
    return bool(STACKS.graphs) or not (MODE.is_eager or STATE.function is not None)


def working_graph(graph: Graph) -> Graph:
    """The graph itself, or the branch or loop in it whose graph is being built."""
    found: Any = STACKS.graphs[-1] if STACKS.graphs else None
    return found if found is not None and found.root is graph.root else graph


@contextmanager
def running(environment: Environment) -> Iterator[None]:
    """Let calls run at once; what bodies ask for comes from `environment`."""
    before, STATE.environment = STATE.environment, environment
    try:
        yield
    finally:
        STATE.environment = before


def disable_eager_execution() -> None:
    """Let calls build ops of the default graph from here on."""
    MODE.is_eager = False


def enable_eager_execution(
    config: Any = None, device_policy: Any = None, execution_mode: Any = None
) -> None:
    """Let calls run at once from here on.

    Raises:
        ValueError: ops have been built already.
    """
    if MODE.is_eager:
        return
    if MODE.default is not None and MODE.default.get_operations():
        raise ValueError("tf.enable_eager_execution must be called at program startup.")
    MODE.is_eager = True


def executing_eagerly() -> bool:
    """Whether calls run at once."""
    return not is_building() and STATE.function is None


def session_for(session: Any, graph: Graph, what: str) -> Any:
    """The session to use: the one that is given, or the default one of this graph.

    Raises:
        ValueError: there is none, or the default one runs another graph.
    """
    if session is not None:
        return session
    if not STACKS.sessions:
        raise ValueError(
            f"Cannot {what} using `run()`: No default session is registered. Use `with"
            " sess.as_default()` or pass an explicit session to `run(session=sess)`"
            if what.startswith("execute")
            else f"Cannot {what} using `eval()`: No default session is registered. Use `with"
            " sess.as_default()` or pass an explicit session to `eval(session=sess)`"
        )
    found = STACKS.sessions[-1]
    if found.graph is not graph:
        raise ValueError(
            f"Cannot use the default session to {what}: the tensor's graph is different from the"
            " session's graph. Pass an explicit session."
        )
    return found
