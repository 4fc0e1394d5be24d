"""What the report says of memory: kept, computed again, or used where it is computed."""

import numpy as np

import tensorwright as tw
from support.sources import ROOT

HERE = (ROOT / "tests/kernel/test_report.py").as_posix()


def line(text):
    """The number of the line of this file that has this text."""
    lines = (ROOT / "tests/kernel/test_report.py").read_text().splitlines()
    (number,) = [k for k, each in enumerate(lines, 1) if each.strip() == text]
    return number


def layers(x, w):
    h = x @ w
    y = np.sin(h)
    return np.sum(y @ w)


def with_checkpoint(x, w):
    @tw.checkpoint
    def inner(x, w):
        a = x @ w
        b = np.sin(a)
        return b @ w

    return np.sum(inner(x, w) ** 3)


def test_kept_values():
    report = tw.grad(layers, 1).lower("f64[8, n]", "f64[n, n]").report()
    first, rest = report.split("\n\n")
    assert first.startswith("memory of layers: 8*n*n + 64*n bytes of inputs, 8*n*n of outputs, ")
    assert rest == (
        "kept for the gradient: 128*n bytes\n"
        f"  f64[8, n]  64*n bytes  sin     {HERE}:{line('y = np.sin(h)')} in layers\n"
        f"  f64[8, n]  64*n bytes  matmul  {HERE}:{line('h = x @ w')} in layers\n"
    )


def test_values_computed_again():
    report = tw.grad(with_checkpoint, 1).lower("f64[8, 8]", "f64[8, 8]").report()
    sections = report.split("\n\n")
    assert [s.partition(":")[0] for s in sections[1:]] == [
        "kept for the gradient",
        "computed again for the gradient",
    ]
    assert f"matmul  {HERE}:{line('return b @ w')} in inner" in sections[1]
    again = sections[2].splitlines()[1:]
    assert [each.split("bytes")[1].split()[0] for each in again] == ["matmul", "sin"]
    assert f"{HERE}:{line('a = x @ w')} in inner" in again[0]
    assert "(gradient)" not in report


def test_values_used_at_once():
    def loss(x):
        return np.sum(np.exp(x) ** 2)

    report = tw.grad(loss).lower("f32[100]").report()
    assert report.startswith("memory of loss: 400 bytes of inputs, 400 of outputs, 0 of scratch\n")
    assert "used where it is computed: 400 bytes\n  f32[100]  400 bytes  exp " in report


def test_functions_without_a_gradient():
    assert tw.jit(np.exp).lower("f32[100]").report() == (
        "memory of exp: 400 bytes of inputs, 400 of outputs, 0 of scratch\n"
    )


def test_values_that_a_loop_keeps():
    def loss(x, w):
        return tw.scan(lambda c, _: (np.tanh(c @ w), None), x, None, length=5)[0].sum()

    report = tw.grad(loss, 1).lower("f64[4, 4]", "f64[4, 4]").report()
    kept = report.split("\n\n")[1]
    assert "f64[5, 4, 4]  640 bytes  scan " in kept
