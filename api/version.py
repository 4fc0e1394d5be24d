"""`tf.version`: which TensorFlow programs see.

`VERSION` is the release of TensorFlow whose behaviour this package follows; its own version is
`tensorwright.__version__`.
"""

VERSION = "2.21.0"
GIT_VERSION = "v2.21.0"
COMPILER_VERSION = ""
GRAPH_DEF_VERSION = 2472
GRAPH_DEF_VERSION_MIN_CONSUMER = 0
GRAPH_DEF_VERSION_MIN_PRODUCER = 0

__all__ = [
    "COMPILER_VERSION",
    "GIT_VERSION",
    "GRAPH_DEF_VERSION",
    "GRAPH_DEF_VERSION_MIN_CONSUMER",
    "GRAPH_DEF_VERSION_MIN_PRODUCER",
    "VERSION",
]
