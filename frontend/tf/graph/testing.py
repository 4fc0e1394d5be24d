"""`tf.test.TestCase` for graphs: each test has a graph of its own, and sessions.

Layer: frontend. In eager programs it is TensorFlow 2's.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import OpError
from ..testing import TestCase as Eager
from .graph import get_default_graph, reset_default_graph
from .session import Session, get_default_session
from .state import STACKS, is_building


class TestCase(Eager):
    """A `unittest.TestCase` that compares tensors of sessions, variables and arrays."""

    __test__ = False  # for pytest: the class itself holds no tests

    def setUp(self) -> None:
        """Start each test with an empty graph, and from the same random numbers."""
        self._sessions: dict[Any, Session] = {}
        if is_building() and not STACKS.graphs:
            reset_default_graph()
            get_default_graph().seed = 87654321
        super().setUp()

    def tearDown(self) -> None:
        """Close the sessions."""
        for session in self._sessions.values():
            session.close()
        super().tearDown()

    def evaluate(self, tensors: Any) -> Any:
        """The values of tensors, in any nesting: those of the default session in a graph."""
        session = get_default_session()
        return super().evaluate(tensors) if session is None else session.run(tensors)

    @contextmanager
    def session(self, graph: Any = None, config: Any = None, **options: Any) -> Iterator[Any]:
        """A new session, which is the default inside."""
        if not is_building():
            yield self
            return
        with Session(graph=graph, config=config) as found:
            yield found

    @contextmanager
    def cached_session(
        self, graph: Any = None, config: Any = None, **options: Any
    ) -> Iterator[Any]:
        """A session that is the same in all of the test, and is the default inside."""
        if not is_building():
            yield self
            return
        key = graph or get_default_graph()
        found = self._sessions.get(key)
        if found is None:
            found = self._sessions[key] = Session(graph=key, config=config)
        with found.graph.as_default(), found.as_default():
            yield found

    @contextmanager
    def test_session(self, graph: Any = None, config: Any = None, **options: Any) -> Iterator[Any]:
        """As `cached_session`."""
        with self.cached_session(graph, config) as found:
            yield found

    test_session.__test__ = False  # type: ignore[attr-defined]

    @contextmanager
    def assertRaisesOpError(self, expected_err_re_or_predicate: Any) -> Iterator[None]:
        """An error of an op, whose message matches."""
        wanted = expected_err_re_or_predicate
        try:
            yield
        except OpError as error:
            matches = wanted(error) if callable(wanted) else re.search(wanted, str(error))
            self.assertTrue(matches, f"unexpected error: {error}")
        else:
            self.fail(f"no error was raised: {wanted}")


def get_temp_dir() -> str:
    """A folder for files of tests."""
    return tempfile.mkdtemp()
