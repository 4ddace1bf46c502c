from pathlib import Path

import pytest

from tests.golden.case import Case, cases_in
from tests.golden.kinds import compared

FOLDER = next(iter(Path(__file__).parents[2].glob("*/golden/INDEX.json")), None)
CASES = [] if FOLDER is None else list(cases_in(FOLDER.parent))


@pytest.mark.skipif(FOLDER is None, reason="no recorded numbers beside this checkout")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_recorded_numbers_are_reproduced(case: Case):
    found = compared(case)
    assert not found.problems
