"""Strings, files, devices and test cases."""

import unittest

import numpy as np
import pytest

import tensorwright as tf


def text(tensor):
    return tensor.numpy() if tensor.shape == () else tensor.numpy().tolist()


def test_strings():
    s = tf.strings
    assert text(s.join(["a", ["b", "c"]], "-")) == [b"a-b", b"a-c"]
    assert text(s.reduce_join([["a", "b"], ["c", "d"]], axis=1, separator="+")) == [b"a+b", b"c+d"]
    assert text(s.reduce_join(["a", "b"])) == b"ab"
    assert text(s.length(["hé", "abc"])) == [3, 3]
    assert text(s.length("hé", unit="UTF8_CHAR")) == 2
    assert text(s.upper("abc")) == b"ABC" and text(s.lower("ÄB", encoding="utf-8")) == "äb".encode()
    assert text(s.split("a b  c")) == [b"a", b"b", b"c"]
    assert text(s.split(["a,b", "c,d"], ",")) == [[b"a", b"b"], [b"c", b"d"]]
    assert text(tf.strings.strip("  x\n")) == b"x"  # noqa: B005
    assert text(s.substr(["hello", "world"], 1, 3)) == [b"ell", b"orl"]
    assert text(s.substr("hello", -3, 2)) == b"ll"
    assert text(s.regex_replace("hello", "(l+)", r"<\1>")) == b"he<ll>o"
    assert text(s.regex_full_match(["ab", "b"], "a.*")) == [True, False]
    assert text(s.bytes_split("abc")) == [b"a", b"b", b"c"]


def test_numbers_as_strings():
    assert text(tf.strings.to_number(["3.5", "-1"])) == [3.5, -1.0]
    assert tf.strings.to_number("3", tf.int64).dtype == tf.int64
    assert text(tf.as_string([1, 2])) == [b"1", b"2"] and text(tf.as_string(True)) == b"true"
    assert text(tf.as_string(3.5)) == b"3.500000"
    assert text(tf.as_string(3.14159, precision=2, width=6)) == b"  3.14"
    assert text(tf.strings.format("a {} {}", (tf.constant([1, 2]), "x"))) == b'a [1 2] "x"'
    long = tf.strings.format("{}", tf.range(10))
    assert text(long) == b"[0 1 2 ... 7 8 9]"


def test_errors_of_strings():
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="could not correctly convert string: a"
    ):
        tf.strings.to_number("a")
    with pytest.raises(tf.errors.InvalidArgumentError, match="pos 7 out of range for string"):
        tf.strings.substr("hello", 7, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected to be a string tensor"):
        tf.strings.length([1])
    with pytest.raises(NotImplementedError, match="ragged"):
        tf.strings.split(["a b", "c"])
    with pytest.raises(ValueError, match="expects 1 tensors, but the inputs only has 2"):
        tf.strings.format("{}", [1, 2])


def test_base64_and_bytes():
    encoded = tf.io.encode_base64(["hello!?", "a"], pad=True)
    assert text(encoded) == [b"aGVsbG8hPw==", b"YQ=="]
    assert text(tf.io.decode_base64(encoded)) == [b"hello!?", b"a"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="Invalid character found in base64"):
        tf.io.decode_base64("**")
    assert text(tf.io.decode_raw(b"\x01\x00\x02\x00", tf.int16)) == [1, 2]


def test_files(tmp_path):
    path = str(tmp_path / "a" / "b.txt")
    tf.io.write_file(path, "hello")
    assert text(tf.io.read_file(path)) == b"hello"
    assert text(tf.io.matching_files(str(tmp_path / "a" / "*.txt"))) == [path.encode()]
    with pytest.raises(tf.errors.NotFoundError, match="No such file"):
        tf.io.read_file(str(tmp_path / "nothing"))
    gfile = tf.io.gfile
    with gfile.GFile(path, "a") as file:
        file.write(" world")
    with gfile.GFile(path) as file:
        assert file.read() == "hello world" and file.size() == 11
    gfile.copy(path, f"{path}2")
    with pytest.raises(tf.errors.AlreadyExistsError):
        gfile.copy(path, f"{path}2")
    assert sorted(gfile.listdir(tmp_path / "a")) == ["b.txt", "b.txt2"]
    gfile.rmtree(tmp_path / "a")
    assert not gfile.exists(path)


def test_devices():
    assert repr(tf.config.list_physical_devices()) == (
        "[PhysicalDevice(name='/physical_device:CPU:0', device_type='CPU')]"
    )
    assert tf.config.list_physical_devices("GPU") == []
    assert tf.config.list_logical_devices("CPU")[0].name == "/device:CPU:0"
    assert tf.test.is_gpu_available() is False and tf.test.gpu_device_name() == ""
    tf.config.experimental.set_memory_growth(tf.config.list_physical_devices()[0], True)
    for name in ("CPU:0", "/cpu:0", "/GPU:0", "/job:localhost/replica:0/task:0/device:CPU:0", None):
        with tf.device(name):
            assert tf.constant(1.0).device.endswith("CPU:0")
    with pytest.raises(ValueError, match="Unknown attribute 'foo' is encountered"):
        tf.device("foo")
    with pytest.raises(ValueError, match="No matching devices found for 'GPU:0'"):
        tf.config.experimental.get_memory_info("GPU:0")


def test_placement_that_is_not_soft():
    tf.config.set_soft_device_placement(False)
    try:
        with tf.device("CPU:0"):
            pass
        with pytest.raises(tf.errors.InvalidArgumentError, match="Could not satisfy device"):  # noqa: SIM117
            with tf.device("GPU:0"):
                pass
    finally:
        tf.config.set_soft_device_placement(True)


def test_functions_that_run_eagerly():
    calls = []

    @tf.function
    def f(x):
        calls.append(x)
        return x + 1

    f(tf.constant(1))
    tf.config.run_functions_eagerly(True)
    try:
        assert tf.config.functions_run_eagerly()
        assert [f(tf.constant(k)).numpy() for k in (1, 2)] == [2, 3]
    finally:
        tf.config.run_functions_eagerly(False)
    assert len(calls) == 3 and f(tf.constant(5)).numpy() == 6 and len(calls) == 3


class Example(tf.test.TestCase):
    def test_comparisons(self):
        self.assertAllEqual(tf.constant([1, 2]), [1, 2])
        self.assertAllClose({"a": tf.constant(1.0)}, {"a": np.float32(1 + 1e-7)})
        self.assertNotAllClose(tf.constant(1.0), 2.0)
        with self.assertRaises(AssertionError):
            self.assertAllEqual([1], [2])
        first = self.evaluate(tf.random.uniform([2]))
        tf.random.set_seed(87654321)
        self.assertAllEqual(first, tf.random.uniform([2]))


def test_the_test_case_is_a_unittest():
    assert issubclass(tf.test.TestCase, unittest.TestCase)


def test_versions():
    assert tf.version.VERSION == "2.21.0"
    assert tf.sysconfig.get_build_info()["is_cuda_build"] is True
