"""The tables of conventions in docs/gradients.md, row by row."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

import tensorwright as tw
from support.sources import ROOT

PAGE = (ROOT / "docs" / "gradients.md").read_text().partition("## Conventions")[2]
ROWS = re.findall(r"^\| `([^`]+)` \| `(\w+=[^`]+)` \| `([^`]+)` \| .+ \|$", PAGE, re.MULTILINE)
NAMES = {"np": np, "nan": math.nan, "inf": math.inf}


def test_rows_are_found() -> None:
    assert len(ROWS) == PAGE.count("\n| `") >= 30


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("expression", "at", "expected"), ROWS, ids=lambda text: str(text))
def test_row(expression: str, at: str, expected: str, dtype: str) -> None:
    point: dict[str, Any] = eval(f"dict({at})", NAMES)
    function = eval(f"lambda {', '.join(point)}: {expression}", NAMES)
    wanted = eval(f"[{expected}]", NAMES)
    arguments = [np.asarray(v, dtype)[()] for v in point.values()]
    with np.errstate(all="ignore"):
        found = tw.grad(function, argnums=tuple(range(len(arguments))))(*arguments)
    for gradient, number in zip(found, wanted, strict=True):
        assert gradient.dtype == dtype
        np.testing.assert_array_equal(gradient, np.asarray(number, dtype))
