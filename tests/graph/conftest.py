import pytest

from tensorwright.frontend.tf.graph.state import MODE, STACKS


@pytest.fixture(autouse=True)
def _graph(_eager: None):
    """Calls build ops, of an empty graph; what a test leaves open is closed."""
    MODE.is_eager, MODE.default = False, None
    yield
    while STACKS.sessions:
        STACKS.sessions[-1].close()
        del STACKS.sessions[-1:]
    STACKS.graphs.clear()
    MODE.is_eager, MODE.default = True, None
