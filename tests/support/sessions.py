"""Sessions in which all variables have their first values."""

from typing import Any

import tensorwright.compat.v1 as tf


def run(fetches: Any, feed: Any = None) -> Any:
    """What a session of its own gives."""
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        return sess.run(fetches, feed)


def started() -> Any:
    """A session that is the default from here on."""
    sess = tf.InteractiveSession()
    sess.run(tf.global_variables_initializer())
    return sess
