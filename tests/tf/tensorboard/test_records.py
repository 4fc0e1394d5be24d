"""Record files and their checksums."""

import io
import random

import pytest

import tensorwright as tf
from tensorwright.frontend.tf.summaries.checksum import crc32c, masked
from tensorwright.frontend.tf.summaries.records import (
    RecordWriter,
    framed,
    read_records,
    record_iterator,
)


def plain_crc(data):
    """Bit by bit, as the standard says."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_known_checksums():
    # RFC 3720, B.4
    assert crc32c(b"") == 0
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert masked(b"123456789") == 0xC78AB0E5


@pytest.mark.parametrize("size", [1, 79, 80, 81, 255, 256, 257, 4096, 4097, 12_345])
def test_long_data(size):
    data = random.Random(size).randbytes(size)
    assert crc32c(data) == plain_crc(data)


def test_longer_data_is_consistent():
    data = random.Random(0).randbytes(700_000)
    whole = crc32c(data)
    assert whole != crc32c(data[:-1] + bytes([data[-1] ^ 1]))
    assert whole == crc32c(bytearray(data))


def test_records_are_read_back():
    records = [b"", b"a", bytes(5000)]
    file = io.BytesIO(b"".join(map(framed, records)))
    assert list(read_records(file)) == records


@pytest.mark.parametrize("place", [0, 9, 13, -1])
def test_damage_is_noticed(place):
    data = bytearray(framed(b"some data"))
    data[place] ^= 1
    with pytest.raises(tf.errors.DataLossError, match="corrupted record at 0"):
        list(read_records(io.BytesIO(bytes(data))))


@pytest.mark.parametrize("size", [5, 15, 22, 24])
def test_missing_ends_are_noticed(size):
    first = framed(b"first")
    data = first + framed(b"some data")[:size]
    found = read_records(io.BytesIO(data))
    assert next(found) == b"first"
    with pytest.raises(tf.errors.DataLossError, match=f"truncated record at {len(first)}"):
        next(found)


def test_files(tmp_path):
    with RecordWriter(tmp_path / "x") as writer:
        writer.write(b"one")
        writer.flush()
        assert list(record_iterator(tmp_path / "x")) == [b"one"]
        writer.write(b"two")
    assert list(record_iterator(tmp_path / "x")) == [b"one", b"two"]
    with pytest.raises(NotImplementedError):
        RecordWriter(tmp_path / "y", options="GZIP")
    with pytest.raises(NotImplementedError):
        list(record_iterator(tmp_path / "x", "ZLIB"))
