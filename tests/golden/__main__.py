"""``python -m tests.golden DIR``: a line per recorded case, the totals, exit code 1 on failure."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.golden.case import cases_in
from tests.golden.kinds import compared


def main(folder: Path) -> int:
    """Check every case of ``folder``; the exit code."""
    if not (folder / "INDEX.json").is_file():
        print(f"{folder} has no INDEX.json: give a folder of recorded cases")
        return 2
    outcomes = []
    for case in cases_in(folder):
        found = compared(case)
        outcomes.append(not found.problems)
        verdict = "pass" if not found.problems else "FAIL: " + "; ".join(found.problems[:3])
        print(f"{case.name:28} {found.largest_error:9.2e}  {verdict}", flush=True)
    print(f"{sum(outcomes)} of {len(outcomes)} pass")
    return 0 if outcomes and all(outcomes) else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.golden DIR")
    sys.exit(main(Path(sys.argv[1])))
