"""Where work is done: what blocks of `tw.device` choose, and whether there are arrays on a GPU.

Layer: frontend, imports nothing of ours. It is read on the way of every call that Python prepares,
so it loads nothing of what a GPU needs.
"""

from __future__ import annotations

import threading


class _Thread(threading.local):
    """`device` is "cpu", "gpu", or None where no block has chosen."""

    device: str | None = None


class _Process:
    """`in_use` is set for good when a block chooses the GPU, or the first array lies there.

    `array` is then the class of arrays on the GPU, once it is loaded.
    """

    in_use = False
    array: type | None = None


CHOSEN = _Thread()
GPU = _Process()


def is_on_gpu(x: object) -> bool:
    """Whether x is an array on the GPU."""
    return type(x) is GPU.array and GPU.array is not None
