"""tf.app, tf.flags, tf.logging, tf.gfile and tf.test."""

import subprocess
import sys

import pytest

import tensorwright.compat.v1 as tf
from tensorwright.frontend.tf.v1.flags import FlagValues

PROGRAM = '''"""A program."""
import tensorwright.compat.v1 as tf

flags = tf.app.flags
flags.DEFINE_string("data_dir", "/tmp/x", "where")
flags.DEFINE_integer("n", 3, "how many")
flags.DEFINE_float(flag_name="rate", default_value=0.1, docstring="rate")
flags.DEFINE_boolean("fake", False, "fake data")
flags.DEFINE_bool("real", True, "real data")
flags.DEFINE_list("names", ["a"], "names")
flags.DEFINE_enum("kind", "x", ["x", "y"], "kind")
FLAGS = tf.flags.FLAGS


def main(argv):
    print(argv[1:], FLAGS.data_dir, FLAGS.n, FLAGS.rate, FLAGS.fake, FLAGS.real, FLAGS.names,
          FLAGS.kind)
    return 3


if __name__ == "__main__":
    tf.app.run()
'''


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)

    def run(*args):
        found = subprocess.run(
            [sys.executable, str(path), *args], capture_output=True, text=True, timeout=60
        )
        return found.returncode, found.stdout.strip(), found.stderr

    return run


def test_programs_read_their_flags(program):
    code, text, _ = program()
    assert (code, text) == (3, "[] /tmp/x 3 0.1 False True ['a'] x")
    code, text, _ = program(
        "--n", "5", "--rate=2", "--fake", "--noreal", "--names=a,b", "-data_dir", "q", "rest",
        "--kind=y", "--other",
    )  # fmt: skip
    assert (code, text) == (3, "['rest', '--other'] q 5 2.0 True False ['a', 'b'] y")


def test_help_and_errors_of_programs(program):
    code, text, _ = program("--help")
    assert code == 1 and text.startswith("A program.")
    assert "  --[no]fake: fake data\n    (default: 'false')" in text
    assert "  --n: how many\n    (default: '3')\n    (an integer)" in text
    code, _, error = program("--n=abc")
    assert code == 1 and "FATAL Flags parsing error:\n  flag --n=abc: invalid literal" in error
    code, _, error = program("--kind=z")
    assert code == 1 and "value should be one of <x|y>" in error


def test_flags_are_read_when_they_are_asked_for(monkeypatch):
    values = FlagValues()
    tf.flags.DEFINE_integer("n", 1, "", flag_values=values)
    monkeypatch.setattr(sys, "argv", ["program", "--n=4", "--unknown=1"])
    assert not values.is_parsed() and values.n == 4
    values.n = 7
    assert values.n == 7 and values["n"].present and "n" in values and list(values) == ["n"]
    assert values.flag_values_dict() == {"n": 7}
    assert values(["program", "x", "--", "--n=2"]) == ["program", "x", "--n=2"]


def test_what_flags_refuse():
    values = FlagValues()
    tf.flags.DEFINE_integer("n", None, "a number", flag_values=values, lower_bound=0)
    with pytest.raises(tf.flags.DuplicateFlagError, match="defined twice"):
        tf.flags.DEFINE_string("n", "", "", flag_values=values)
    with pytest.raises(AttributeError, match="other"):
        _ = values.other
    with pytest.raises(AttributeError, match="other"):
        values.other = 3
    with pytest.raises(tf.flags.UnrecognizedFlagError, match="'other'"):
        values(["program", "--other=1"])
    with pytest.raises(tf.flags.IllegalFlagValueError, match="not between"):
        values(["program", "--n=-1"])
    with pytest.raises(tf.flags.Error, match="Missing value"):
        values(["program", "--n"])
    tf.flags.mark_flag_as_required("n", values)
    with pytest.raises(tf.flags.IllegalFlagValueError, match="other than None"):
        values(["program"])
    with pytest.raises(tf.flags.IllegalFlagValueError, match="Non-boolean"):
        tf.flags.DEFINE_bool("b", "maybe", "", flag_values=values)


def test_run_calls_main_with_what_remains():
    seen = []
    with pytest.raises(SystemExit) as found:
        tf.app.run(lambda argv: seen.extend(argv), ["program", "a"])
    assert seen == ["program", "a"] and found.value.code is None


def test_messages(capsys):
    before = tf.logging.get_verbosity()
    try:
        tf.logging.set_verbosity(tf.logging.INFO)
        assert tf.logging.get_verbosity() == 20
        tf.logging.debug("hidden")
        tf.logging.info("step %d", 3)
        for k in range(4):
            tf.logging.log_every_n(tf.logging.WARN, "every %d", 2, k)
            tf.logging.log_first_n(tf.logging.ERROR, "first %d", 1, k)
        tf.logging.log_if(tf.logging.FATAL, "never", False)
    finally:
        tf.logging.set_verbosity(before)
    shown = capsys.readouterr().err.splitlines()
    own = [line for line in shown if line.startswith(("INFO:", "WARNING:", "ERROR:"))]
    assert own in (
        [],  # the test runner has set up logging
        ["INFO:tensorflow:step 3", "WARNING:tensorflow:every 0", "ERROR:tensorflow:first 0",
         "WARNING:tensorflow:every 2"],
    )  # fmt: skip


def test_files(tmp_path):
    folder = str(tmp_path / "a" / "b")
    tf.gfile.MakeDirs(folder)
    with tf.gfile.GFile(folder + "/x.txt", "w") as file:
        file.write("text")
    assert tf.gfile.Exists(folder) and tf.gfile.ListDirectory(folder) == ["x.txt"]
    assert tf.gfile.Glob(folder + "/*") == [folder + "/x.txt"]
    tf.gfile.DeleteRecursively(folder)
    assert not tf.gfile.Exists(folder)


class SessionTest(tf.test.TestCase):
    """Runs as any other test."""

    __test__ = True

    def test_sessions(self):
        v = tf.Variable(2.0)
        with self.test_session() as sess:
            sess.run(v.initializer)
            assert self.evaluate(v * 2.0) == 4.0
        with self.cached_session() as sess:  # the same one
            self.assertAllClose(sess.run(v), 2.0)
        with self.session() as sess:
            assert sess.run(tf.constant(1)) == 1
            with self.assertRaisesOpError("uninitialized"):
                sess.run(v)

    def test_graphs_are_empty_and_seeded(self):
        assert not tf.get_default_graph().get_operations()
        assert tf.get_seed(None)[0] == 87654321
        with pytest.raises(AssertionError):
            self.assertAllEqual([1, 2], [1, 3])
