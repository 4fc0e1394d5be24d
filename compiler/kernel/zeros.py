"""What is known to be zero: choices that change nothing are left out.

Layer: compiler/kernel. What is padded reads zeros where it has no elements, and chooses zeros there
itself. Padded twice, by the padding of a window and by a derivative's, each element would be chosen
twice more::

    %2 = load x[...] if %1
    %4 = select(%1, %2, %3)      =>    %2
    %5 = select(%6, %2, %3)      =>    %5, and a second one like it is %5
"""

from __future__ import annotations

import math

from .form import Apply, Const, Instr, Load


def already_chosen(instr: Apply) -> Instr | None:
    """The second operand, if it is zero wherever the first is false, as the third is everywhere."""
    if instr.op is None or instr.op.name != "select":
        return None
    condition, value, other = instr.args
    if not _is_zero(other) or not _parts(condition) <= _needed(value):
        return None
    return value


def _is_zero(instr: Instr) -> bool:
    """Whether it is the constant 0, but not -0.0."""
    return isinstance(instr, Const) and instr.value == 0 and math.copysign(1.0, instr.value) > 0


def _parts(condition: Instr) -> set[Instr]:
    """The conditions that hold together where this one does."""
    if isinstance(condition, Apply) and condition.op and condition.op.name == "logical_and":
        return {part for arg in condition.args for part in _parts(arg)}
    return {condition}


def _needed(value: Instr) -> set[Instr]:
    """Conditions without any of which a value is 0."""
    if isinstance(value, Load):
        return {part for condition in value.args for part in _parts(condition)}
    if isinstance(value, Apply) and value.op and value.op.name == "select":
        condition, inner, other = value.args
        return _parts(condition) | _needed(inner) if _is_zero(other) else set()
    return set()
