"""`tf.data.TFRecordDataset`: the records of files as a data set.

Layer: frontend.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from .convert import boxed, convert_to_tensor
from .data import Dataset
from .specs import TensorSpec
from .summaries.records import record_iterator


class TFRecordDataset(Dataset):
    """The records of one file or several, one after the other, as strings.

    Args:
        filenames: a path, or a vector of paths.
        compression_type: has to be None or "": compressed files are not read.
        buffer_size: for TensorFlow's signature, as are the others.
        num_parallel_reads: files are read one after the other.
        name: not used.

    Raises:
        DataLossError (when it is read): a file is damaged.
    """

    def __init__(
        self,
        filenames: Any,
        compression_type: str | None = None,
        buffer_size: int | None = None,
        num_parallel_reads: int | None = None,
        name: str | None = None,
    ) -> None:
        if isinstance(filenames, os.PathLike):
            filenames = os.fspath(filenames)
        paths = np.ravel(convert_to_tensor(filenames).numpy()).tolist()

        def start() -> Iterator[Any]:
            for path in paths:
                for record in record_iterator(path, compression_type):
                    yield boxed(record)

        super().__init__(start, TensorSpec([], "string"))
