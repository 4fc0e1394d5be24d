"""Each pass on graphs in text form; `pytest --update-golden` writes the expected parts anew."""

import random
from pathlib import Path

import pytest

from support.golden import Case, read_cases, update
from support.graphs import random_inputs
from support.same import assert_same_outcome
from tensorwright.compiler.ir.parser import parse
from tensorwright.compiler.ir.printer import to_text
from tensorwright.compiler.options import Options
from tensorwright.compiler.pipeline import PASSES, run_pipeline

CASES = [case for path in sorted(Path(__file__).parent.glob("*.ir")) for case in read_cases(path)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_golden(case: Case, request: pytest.FixtureRequest):
    graph = parse(case.text)
    passes = [PASSES[name] for name in case.header["RUN"].split(",")]
    found = run_pipeline(graph, passes, Options(verify=True))
    if request.config.getoption("--update-golden"):
        update(case, to_text(found))
    else:
        assert to_text(found) == case.expected
    if "simplify-fast" not in case.header["RUN"]:
        inputs = random_inputs(random.Random(case.title), graph)
        assert_same_outcome(found, graph, inputs)
    for p in passes[-1:]:
        assert p.run(found) is found, "a pass has more to do on its own result"


def test_titles_are_unique():
    titles = [str(case) for case in CASES]
    assert len(set(titles)) == len(titles)
