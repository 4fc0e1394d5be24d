"""Choices between a value and zero that are known to change nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tensorwright.compiler.ir.types import DType
from tensorwright.compiler.kernel.form import Apply, Const, Inside, Instr, Load
from tensorwright.compiler.kernel.zeros import already_chosen
from tensorwright.compiler.ops import REGISTRY

A, B, C = (Inside(DType.BOOL, offset=k, strides=(1,), size=9) for k in range(3))


def zero(value: Any = 0) -> Instr:
    return Const(DType.F32, value=value)


def both(*conditions: Instr) -> Instr:
    first, *rest = conditions
    for condition in rest:
        first = Apply(DType.BOOL, (first, condition), op=REGISTRY["logical_and"])
    return first


def load(*conditions: Instr) -> Instr:
    return Load(DType.F32, (both(*conditions),) if conditions else ())


def select(condition: Instr, value: Instr, other: Instr) -> Apply:
    return Apply(DType.F32, (condition, value, other), op=REGISTRY["select"])


@pytest.mark.parametrize("number", [0, 0.0, np.float32(0)])
def test_what_is_zero_elsewhere_is_not_chosen_again(number: Any) -> None:
    value = load(A, B)
    for condition in (A, B, both(B, A), both(A, both(A, B))):
        assert already_chosen(select(condition, value, zero(number))) is value


def test_through_another_choice() -> None:
    inner = select(C, load(A), zero())
    assert already_chosen(select(both(A, C), inner, zero())) is inner
    assert already_chosen(inner) is None


@pytest.mark.parametrize(
    ("condition", "value", "other"),
    [
        (both(A, B), load(A), zero()),  # where B is false, the element itself would remain
        (A, load(), zero()),
        (A, load(A), zero(-0.0)),
        (A, load(A), zero(1.0)),
        (A, load(A), load(B)),
        (A, select(A, load(), zero(1.0)), zero()),
        (A, zero(1.0), zero()),
    ],
)
def test_what_has_to_be_chosen(condition: Instr, value: Instr, other: Instr) -> None:
    assert already_chosen(select(condition, value, other)) is None


def test_other_ops() -> None:
    assert already_chosen(Apply(DType.F32, (load(A), zero()), op=REGISTRY["add"])) is None
