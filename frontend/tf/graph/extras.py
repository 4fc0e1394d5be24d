"""Methods of graphs that do nothing here, or are refused.

Layer: frontend.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class GraphExtras:
    """Methods of graphs that do nothing here, or are refused."""

    @contextmanager
    def colocate_with(self, op: Any, ignore_existing: bool = False) -> Iterator[None]:
        """Nothing: there is one device."""
        yield

    @contextmanager
    def container(self, container_name: str) -> Iterator[str]:
        """Nothing: sessions keep the values of variables by themselves."""
        yield container_name

    def gradient_override_map(self, op_type_map: Any) -> Any:
        """Refused.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            "gradient_override_map is not supported: use tf.custom_gradient, or tf.stop_gradient"
        )

    def create_op(self, *args: Any, **kwargs: Any) -> Any:
        """Refused.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            "create_op is not supported: call TensorFlow's functions, or tf.py_func"
        )

    def switch_to_thread_local(self) -> None:
        """Nothing: what is default is so for each thread."""
