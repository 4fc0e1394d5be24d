"""The command line: every stage, and for each way to get it wrong one line that says so."""

import os
import subprocess
import sys

import pytest

import tensorwright
from support.sources import ROOT
from tensorwright.cli.main import main

PROGRAM = '''\
"""A program that uses the library."""

import dataclasses

import helper_beside_it
import numpy as np
import tensorwright as tw


@dataclasses.dataclass
class Pair:
    left: np.ndarray
    right: np.ndarray


@tw.jit
def axpy(a, x, y):
    return a * x + y


def repeated(x, steps, mode="sine"):
    for _ in range(steps):
        x = np.sin(x) if mode == "sine" else x + helper_beside_it.ONE
    return x


def nested(pair, weights, scale=1.0):
    a, b = pair
    return (a @ b + weights["bias"]) * scale


def table(count=3):
    return np.arange(count) * 2.0


def shapes_differ(x):
    return x + np.zeros((3, 4))


def lookup(x):
    return {}["missing"] + x


def loss(x, y):
    return np.sum(np.sin(x) * y**2)


def summed(x, steps):
    return repeated(x, steps).sum()


def layer(x, w):
    y = np.sin(x @ w)
    return np.sum(y @ w)


class Model:
    rate = 0.5

    @staticmethod
    def step(x):
        return x * Model.rate


@tw.jit(static_argnames="steps")
def halved(x, steps):
    for _ in range(steps):
        x = x / 2
    return x
'''


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A program in a folder of its own, with a module beside it; the path to write in commands."""
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "helper_beside_it.py").write_text("ONE = 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "program", raising=False)
    monkeypatch.delitem(sys.modules, "helper_beside_it", raising=False)
    return "program.py"


def run(capsys, *arguments):
    status = main(arguments)
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def dump(capsys, *arguments):
    status, out, err = run(capsys, "dump", *arguments)
    assert (status, err) == (0, "")
    return out


# --- what works --------------------------------------------------------------------------------

AXPY = ("--args", "float, f32[n], f32[n]")


def test_graph_is_the_default_stage(program, capsys):
    assert dump(capsys, f"{program}:axpy", *AXPY) == (
        "graph @axpy(%a: f64[], %x: f32[n], %y: f32[n]) {\n"
        "  %0: f32[] = cast(%a) {dtype=f32}  # program.py:18 in axpy\n"
        "  %1: f32[n] = broadcast(%0) {dims=[], shape=[n]}  # program.py:18 in axpy\n"
        "  %2: f32[n] = multiply(%1, %x)  # program.py:18 in axpy\n"
        "  %3: f32[n] = add(%2, %y)  # program.py:18 in axpy\n"
        "  return %3\n"
        "}\n"
    )


@pytest.mark.parametrize(
    ("stage", "mark"),
    [
        ("graph", "graph @axpy("),
        ("optimized", "graph @axpy("),
        ("kernels", "store out0[i0]"),
        ("report", "memory of axpy: 8*n + 8 bytes of inputs, 4*n of outputs, 4 of scratch"),
        ("llvm", "define internal i64 @tw.run("),
        ("asm", ".text"),
    ],
)
def test_stages(program, capsys, stage, mark):
    out = dump(capsys, f"{program}:axpy", *AXPY, "--stage", stage)
    assert mark in out
    assert out.endswith("\n")


def test_all_stages_stand_under_headings(program, capsys):
    out = dump(capsys, f"{program}:axpy", *AXPY, "--stage", "all")
    headings = [line for line in out.splitlines() if line.startswith("==== ")]
    stages = ("graph", "optimized", "kernels", "report", "llvm", "asm")
    assert headings == [f"==== {s}" for s in stages]


def test_values_are_static_for_a_plain_function(program, capsys):
    out = dump(capsys, f"{program}:repeated", "--args", "f64[n, 2], steps=2")
    assert out.count("sin(") == 2
    out = dump(capsys, f"{program}:repeated", "--args", "f64[n], 3, mode='add'")
    assert out.count("add(") == 3


def test_gradients(program, capsys):
    args = ("--args", "f64[n], f64[n]", "--stage", "optimized")
    out = dump(capsys, f"{program}:loss", *args, "--grad", "0,1")
    assert out.startswith("graph @loss(%x: f64[n], %y: f64[n]) {")
    assert len(out.splitlines()[-2].split(",")) == 3  # the value and two gradients
    assert "(gradient)" in out
    for number in ("0", "-1"):
        one = dump(capsys, f"{program}:loss", *args, "--grad", number)
        assert len(one.splitlines()[-2].split(",")) == 2
    assert len(one.splitlines()) < len(out.splitlines())


def test_gradients_of_plain_functions_with_values(program, capsys):
    out = dump(capsys, f"{program}:summed", "--args", "f64[n], steps=3", "--grad", "0")
    assert out.count("cos(") == 3


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("2", "--grad 2: --args gives loss 2 positional arguments, counted from 0"),
        ("-3", "--grad -3: --args gives loss 2 positional arguments, counted from 0"),
        ("x", "--grad 'x': write numbers of arguments, as in --grad 0,1"),
        ("0,", "--grad '0,': write numbers of arguments, as in --grad 0,1"),
        ("1,-1", "--grad 1,-1: an argument is chosen twice"),
    ],
)
def test_bad_numbers_for_gradients(program, capsys, number, message):
    args = ("dump", f"{program}:loss", "--args", "f64[n], f64[n]", f"--grad={number}")
    status, out, err = run(capsys, *args)
    assert (status, out) == (2, "")
    assert one_line(err) == message


def test_gradients_that_there_are_none_of(program, capsys):
    status, out, err = run(
        capsys, "dump", f"{program}:axpy", "--args", "float, f64[n], f64[n]", "--grad", "1"
    )
    assert (status, out) == (1, "")
    assert err.startswith("GradientError: value_and_grad: the function has to return one number")


def test_report_of_a_gradient(program, capsys):
    args = ("--args", "f64[8, 4], f64[4, 4]", "--grad", "1", "--stage", "report")
    out = dump(capsys, f"{program}:layer", *args)
    assert "kept for the gradient: 512 bytes\n  f64[8, 4]  256 bytes  sin     program.py:" in out


def test_static_arguments_of_a_jitted_function(program, capsys):
    assert dump(capsys, f"{program}:halved", "--args", "f64[n], steps=4").count("divide(") == 4
    assert dump(capsys, f"{program}:halved", "--args", "f64[n], 2").count("divide(") == 2


def test_nested_arguments(program, capsys):
    text = "(f64[3, n], f64[n, 5]), {'bias': f64[5]}, scale=float"
    out = dump(capsys, f"{program}:nested", "--args", text)
    first = out.splitlines()[0]
    assert first.count("f64[") == 4
    assert "f64[3, n]" in first and "bias: f64[5]" in first and "scale: f64[]" in first


def test_defaults_need_no_args(program, capsys):
    assert "return" in dump(capsys, f"{program}:table")


def test_dotted_names(program, capsys):
    assert dump(capsys, f"{program}:Model.step", "--args", "f32[]").startswith("graph @step(")


@pytest.mark.parametrize(
    ("example", "arguments"),
    [
        ("option_prices.py:price", ", ".join(["f64[n]"] * 4)),
        ("option_prices.py:implied_volatility", ", ".join(["f64[n]"] * 4)),
        ("option_prices.py:statistics", ", ".join(["f64[n]"] * 5)),
        ("image_pipeline.py:pipeline", "f32[height, width, 3]"),
        ("planets.py:advance", "f64[9, 3], f64[9, 3]"),
    ],
)
@pytest.mark.parametrize("stage", ["graph", "optimized", "kernels", "llvm", "asm"])
def test_every_stage_of_every_example(capsys, example, arguments, stage):
    path = ROOT / "examples" / example
    assert dump(capsys, str(path), "--args", arguments, "--stage", stage).count("\n") > 5


# --- what is wrong ----------------------------------------------------------------------------

EXAMPLE = 'write for instance --args "f64[n, 3], float, steps=10"'
WRONG = [
    ("missing.py:f", [], "cannot read missing.py: No such file or directory"),
    ("broken.py:f", [], "broken.py:1: '(' was never closed"),
    ("program.py", [], "'program.py' names no function; write FILE.py:FUNCTION"),
    ("program.py:", [], "'program.py:' names no function; write FILE.py:FUNCTION"),
    ("program.py:axpi", [], "program.py has no function 'axpi'; did you mean 'axpy'?"),
    (
        "program.py:zzz",
        [],
        "program.py has no function 'zzz'; there are axpy, repeated, nested, table, "
        "shapes_differ, lookup, loss, summed, layer, halved",
    ),
    ("program.py:Model.stop", [], "Model has no function 'stop'; did you mean 'step'?"),
    ("program.py:Model", [], "Model in program.py is a class, not a function"),
    ("program.py:Model.rate", [], "Model.rate in program.py is a float, not a function"),
    (
        "program.py:axpy",
        [*AXPY, "--stage", "asmm"],
        "there is no stage 'asmm'; did you mean 'asm'?",
    ),
    (
        "program.py:axpy",
        [*AXPY, "--stage", "x"],
        "there is no stage 'x'; there are graph, optimized, kernels, report, llvm, asm, all",
    ),
    (
        "program.py:axpy",
        [],
        "axpy(a, x, y): missing a required argument: 'a'; write for instance "
        '--args "f64[n], f64[n], f64[n]"',
    ),
    (
        "program.py:repeated",
        ["--args", "f64[n], 2, step=3"],
        "repeated(x, steps, mode='sine'): got an unexpected keyword argument 'step'; write for "
        'instance --args "f64[n], f64[n]"',
    ),
]
MALFORMED = [
    ("float32[n]", "'float32' is no element type; float32 is written f32"),
    ("q8[n]", "'q8' is no element type; there are bool, i8, i16, i32, i64, u8, u16, u32, u64"),
    ("f64", "'f64' is neither a type nor a value (write f64[])"),
    ("f64[n], thing", "'thing' is neither a type nor a value"),
    ("f64[n", "'f64' is neither a type nor a value (write f64[])"),
    ("f64[n+]", "'f64[n+]': expected '(', found ']'"),
    ("f64[2*n]", "'f64[2*n]': the size of an argument is a name or an int of at least 0"),
    ("f64[-1]", "'f64[-1]': the size of an argument is a name or an int of at least 0"),
    ("(f64[3], f64[4]", "')' is missing"),
    ("(f64[3] f64[4])", "expected ')', found 'f64[4]'"),
    ("f64[3] f64[4]", "expected ',', found 'f64[4]'"),
    ("f64[3],,", "',' is neither a type nor a value"),
    ("{'w': }", "'}' is neither a type nor a value"),
    ("{'w' f64[3]}", "expected ':', found 'f64[3]'"),
    ("x=f64[3], f64[3]", "an argument without a name follows one with a name"),
    ("x=f64[3], x=f64[3]", "x is given twice"),
    ("x=", "it ends early"),
    ("f64[3]; f64[3]", "'; f64[3]' is not understood"),
    ("'\\x'", "'\\x' is no Python value"),
]


def one_line(err):
    assert err.startswith("tensorwright: error: ") and err.count("\n") == 1
    return err.removeprefix("tensorwright: error: ").rstrip("\n")


@pytest.mark.parametrize(("place", "options", "message"), WRONG, ids=[w[2][:40] for w in WRONG])
def test_wrong_use_gives_one_line(program, capsys, tmp_path, place, options, message):
    (tmp_path / "broken.py").write_text("f(\n")
    status, out, err = run(capsys, "dump", place, *options)
    assert (status, out) == (2, "")
    assert one_line(err) == message


@pytest.mark.parametrize(("text", "message"), MALFORMED)
def test_malformed_arguments_give_one_line(program, capsys, text, message):
    status, out, err = run(capsys, "dump", f"{program}:axpy", "--args", text)
    assert (status, out) == (2, "")
    shown = one_line(err)
    assert shown.startswith(f"--args {text!r}: {message}") and shown.endswith(EXAMPLE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["dum"], "argument COMMAND: invalid choice: 'dum'"),
        (["dump"], "the following arguments are required: FILE.py:FUNCTION"),
        (["dump", "a.py:f", "--stages"], "unrecognized arguments: --stages"),
        (["demo", "fast"], "unrecognized arguments: fast"),
    ],
)
def test_unknown_commands_and_options_give_one_line(capsys, arguments, message):
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert message in one_line(err)


def test_errors_while_tracing_have_the_layout_of_user_errors(program, capsys):
    status, out, err = run(capsys, "dump", f"{program}:shapes_differ", "--args", "f64[5]")
    assert (status, out) == (1, "")
    lines = err.splitlines()
    assert lines[0].startswith("ShapeError: add: ")
    assert lines[1:3] == [
        "  at:       program.py:37 in shapes_differ",
        "            return x + np.zeros((3, 4))",
    ]


def test_pythons_own_errors_show_the_users_frames_alone(program, capsys):
    status, out, err = run(capsys, "dump", f"{program}:lookup", "--args", "f64[5]")
    assert (status, out) == (1, "")
    assert 'File "program.py", line 41, in lookup' in err
    assert err.count("  File ") == 1 and err.endswith("KeyError: 'missing'\n")


def test_a_file_that_fails_to_load_shows_where(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fails.py").write_text("import numpy\n\n1 / 0\n")
    status, out, err = run(capsys, "dump", "fails.py:f")
    assert (status, out) == (1, "")
    assert 'File "fails.py", line 3' in err and err.endswith(
        "ZeroDivisionError: division by zero\n"
    )


# --- as a process ------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["-m", "tensorwright"], ["-m", "tensorwright.__main__"]])
def test_version(command):
    found = subprocess.run(
        [sys.executable, *command, "--version"], capture_output=True, text=True, check=True
    )
    assert found.stdout == f"tensorwright {tensorwright.__version__}\n"


def test_a_reader_that_goes_away_leaves_no_traceback():
    place = f"{ROOT / 'examples' / 'option_prices.py'}:implied_volatility"
    types = ", ".join(["f64[n]"] * 4)
    read, write = os.pipe()
    os.close(read)
    try:
        found = subprocess.run(
            [
                sys.executable,
                "-m",
                "tensorwright",
                "dump",
                place,
                "--args",
                types,
                "--stage",
                "asm",
            ],
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        os.close(write)
    assert found.stderr == ""
    assert found.returncode == 141
