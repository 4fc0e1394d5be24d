import numpy as np
import pytest

from tensorwright.compiler.errors import DTypeError
from tensorwright.compiler.ir.literal import Literal
from tensorwright.compiler.ir.types import DType


def test_equal_means_equal_bits():
    assert Literal([1.0, 2.0]) == Literal([1.0, 2.0])
    assert hash(Literal(1.5)) == hash(Literal(1.5))
    assert Literal(np.nan) == Literal(np.nan)
    assert Literal(0.0) != Literal(-0.0)
    assert Literal(1, DType.I64) != Literal(1, DType.I32)
    assert Literal([1]) != Literal(1)
    quiet, other = np.array([0x7FF8000000000000, 0x7FF8000000000001]).view(np.float64)
    assert Literal(quiet) != Literal(other)


def test_a_literal_is_a_private_copy():
    source = np.array([1, 2])
    literal = Literal(source)
    source[0] = 5
    assert literal.array[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        literal.array[0] = 5


def test_other_element_types_are_refused():
    with pytest.raises(DTypeError, match="no such element type"):
        Literal(1j)


def test_scalar_is_a_python_number():
    assert Literal(np.float32(0.5)).scalar == 0.5
    assert Literal([[3]]).scalar == 3
