"""The public names, and what is loaded with them."""

import subprocess
import sys

import pytest

import tensorwright as tw


@pytest.mark.parametrize("name", tw.__all__)
def test_names_are_there(name):
    assert getattr(tw, name) is getattr(tw, name)
    assert name in dir(tw)


def test_names_of_jax():
    assert tw.remat is tw.checkpoint
    assert tw.DeviceArray.__name__ == "DeviceArray"


def test_names_that_there_are_not():
    with pytest.raises(AttributeError, match="no_such_name"):
        tw.no_such_name  # noqa: B018


def test_what_many_programs_never_need_is_loaded_later():
    program = """
import sys
import numpy as np
import tensorwright as tw
later = ("frontend.transforms", "frontend.loops", "frontend.tf.tensors", "compiler.stages")
print(*[name for name in later if f"tensorwright.{name}" in sys.modules])
print(tw.jit(np.sin)(np.zeros(3)).sum(), tw.grad(np.sin)(0.0))
print(*[name for name in later if f"tensorwright.{name}" in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "\n0.0 1.0\nfrontend.transforms compiler.stages\n", done.stderr
