import gc

import pytest

from tensorwright.frontend.tf.graph.state import MODE


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what the code gives into the expected parts of golden files",
    )


@pytest.fixture(autouse=True)
def _eager() -> None:
    """Calls run at once, whichever modules other tests have imported."""
    MODE.is_eager = True


def pytest_collection_finish() -> None:
    """What collection has made stays: the collector need not walk it again with every test."""
    gc.freeze()
