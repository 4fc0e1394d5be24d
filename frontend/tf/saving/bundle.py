"""Checkpoints in TensorFlow's own format: arrays by name, in files `.index` and `.data-...`.

Layer: frontend. Source: tensor_bundle.proto of TensorFlow's format. The index is a sorted table
(table.py) with, for each name, the dtype and the shape of an array and where its bytes are. What
TensorFlow 1 and 2 save is read, and they read what is written here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import dtypes
from ..errors import DataLossError, NotFoundError, UnimplementedError
from ..proto.arrays import shape_proto
from ..proto.dtypes import DATA_TYPE
from ..proto.fields import INT32, INT64, Kind, enum, many, one, table
from ..proto.graphs import TensorShapeProto, VersionDef
from ..proto.message import Message
from ..proto.wire import FIXED32
from ..summaries.checksum import masked
from .table import read_table, write_table

INDEX = ".index"
_DATA = ".data-{:05d}-of-{:05d}"
_CHECKSUM = Kind(
    "fixed32",
    FIXED32,
    0,
    int,
    lambda x: int(x).to_bytes(4, "little"),
    lambda data: int.from_bytes(data, "little"),
    str,
)


class _Header(Message):
    """The entry without a name: what holds for the whole checkpoint."""

    FIELDS = table(
        one("num_shards", 1, INT32),
        one("endianness", 2, enum("Endianness", {"LITTLE": 0, "BIG": 1})),
        one("version", 3, VersionDef),
    )


class _Slice(Message):
    """A part of an array; only that there is one matters."""


class _Entry(Message):
    """An array: what it is, and where its bytes are."""

    FIELDS = table(
        one("dtype", 1, DATA_TYPE),
        one("shape", 2, TensorShapeProto),
        one("shard_id", 3, INT32),
        one("offset", 4, INT64),
        one("size", 5, INT64),
        one("crc32c", 6, _CHECKSUM),
        many("slices", 7, _Slice),
    )


def write_bundle(prefix: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays to the files of a prefix, all or nothing.

    Raises:
        UnimplementedError: an array holds strings.
    """
    header = _Header(num_shards=1, version=VersionDef(producer=1))
    entries = [(b"", header.SerializeToString())]
    own = f".{os.getpid()}.tmp"
    places = [prefix + _DATA.format(0, 1), prefix + INDEX]
    offset = 0
    with open(places[0] + own, "wb") as file:
        for name in sorted(arrays, key=str.encode):
            array = np.asarray(arrays[name])
            if array.dtype == object:
                raise UnimplementedError(f"variable {name!r} holds strings: it cannot be saved")
            data = array.astype(array.dtype.newbyteorder("<")).tobytes()
            entry = _Entry(
                dtype=dtypes.of_numpy(array.dtype).as_datatype_enum,
                shape=shape_proto(array.shape),
                offset=offset,
                size=len(data),
                crc32c=masked(data),
            )
            entries.append((name.encode(), entry.SerializeToString()))
            file.write(data)
            offset += len(data)
    with open(places[1] + own, "wb") as file:
        file.write(write_table(entries))
    for place in places:
        os.replace(place + own, place)


def has_bundle(prefix: str) -> bool:
    """Whether there is a checkpoint with this prefix."""
    return os.path.exists(prefix + INDEX)


def remove_bundle(prefix: str) -> None:
    """Delete the files of a prefix."""
    folder, name = os.path.split(prefix)
    for found in os.listdir(folder or "."):
        if found in (name + INDEX, f"{name}.meta") or found.startswith(f"{name}.data-"):
            os.remove(os.path.join(folder, found))


class BundleReader:
    """The arrays of a checkpoint (`tf.train.NewCheckpointReader`); each is read when asked for.

    Raises:
        NotFoundError: there are no files with this prefix.
        DataLossError: they are damaged, or something else.
    """

    def __init__(self, filepattern: Any) -> None:
        self._prefix = os.fsdecode(filepattern)
        if not has_bundle(self._prefix):
            raise NotFoundError(None, None, _missing(self._prefix))
        with open(self._prefix + INDEX, "rb") as file:
            entries = read_table(file.read())
        self._header = _Header.FromString(entries.pop(b"", b""))
        if self._header.endianness:
            raise UnimplementedError("checkpoints of big-endian machines are not supported")
        self._entries = {name.decode(): _Entry.FromString(x) for name, x in entries.items()}

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """The sizes of each array."""
        return {name: [d.size for d in e.shape.dim] for name, e in self._entries.items()}

    def get_variable_to_dtype_map(self) -> dict[str, Any]:
        """The dtype of each array."""
        return {name: _dtype(e) for name, e in self._entries.items()}

    def has_tensor(self, tensor_str: str) -> bool:
        """Whether there is an array of this name."""
        return tensor_str in self._entries

    def get_tensor(self, tensor_str: Any) -> np.ndarray:
        """An array.

        Raises:
            NotFoundError: there is none of this name.
            DataLossError: its bytes are not those that were written.
            UnimplementedError: it holds strings, or was saved in parts.
        """
        name = tensor_str.decode() if isinstance(tensor_str, bytes) else str(tensor_str)
        entry = self._entries.get(name)
        if entry is None:
            raise NotFoundError(None, None, f"Key {name} not found in checkpoint")
        dtype = _dtype(entry)
        if dtype is dtypes.string or len(entry.slices):
            what = "strings" if dtype is dtypes.string else "parts of a partitioned variable"
            raise UnimplementedError(f"{name} in {self._prefix} holds {what}: not supported")
        shard = _DATA.format(entry.shard_id, self._header.num_shards)
        try:
            with open(self._prefix + shard, "rb") as file:
                file.seek(entry.offset)
                data = file.read(entry.size)
        except FileNotFoundError:
            raise NotFoundError(None, None, f"{self._prefix + shard}; No such file") from None
        if len(data) != entry.size or masked(data) != entry.crc32c:
            raise DataLossError(None, None, f"Checksum does not match: the bytes of {name}")
        sizes = [d.size for d in entry.shape.dim]
        return np.frombuffer(data, dtype.numpy).reshape(sizes).copy()

    def debug_string(self) -> bytes:
        """Names, dtypes and shapes, a line for each."""
        lines = []
        for name, entry in self._entries.items():
            sizes = ",".join(str(d.size) for d in entry.shape.dim)
            lines.append(f"{name} ({DATA_TYPE.text(entry.dtype)}) [{sizes}]\n")
        return "".join(lines).encode()


def _missing(prefix: str) -> str:
    if os.path.exists(prefix):
        return (
            f"{prefix} is no prefix of a checkpoint; TensorFlow's oldest format, of one file, is"
            " not supported: save it again with TensorFlow 1's Saver (write_version=V2)"
        )
    return (
        "Unsuccessful TensorSliceReader constructor: Failed to find any matching files for"
        f" {prefix}"
    )


def _dtype(entry: _Entry) -> dtypes.DType:
    found = {d.as_datatype_enum: d for d in (*dtypes.ALL, *dtypes.COMPLEX)}.get(entry.dtype)
    if found is None:
        raise UnimplementedError(f"arrays of {DATA_TYPE.text(entry.dtype)} are not supported")
    return found
