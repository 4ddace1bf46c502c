"""Which check belongs to which kind of case."""

from __future__ import annotations

from collections.abc import Callable

from tests.golden import bridges, language, networks, released, sounds, texts, training
from tests.golden.case import Case, Comparison

Check = Callable[[Case, Comparison], None]

KINDS: dict[str, Check] = {
    **texts.KINDS,
    **language.KINDS,
    **bridges.KINDS,
    **networks.KINDS,
    **sounds.KINDS,
    **training.KINDS,
    **released.KINDS,
}


def compared(case: Case) -> Comparison:
    """Our numbers against those of a case; what goes wrong on the way is a problem of its own."""
    comparison = Comparison(case)
    if case.kind not in KINDS:
        comparison.problems.append(f"no check for cases of kind {case.kind!r}")
        return comparison
    try:
        KINDS[case.kind](case, comparison)
    except Exception as error:  # noqa: BLE001 - one broken case must not hide the others
        comparison.problems.append(f"{type(error).__name__}: {error}")
    if not comparison.num_compared and not comparison.problems:
        comparison.problems.append("nothing was compared")
    return comparison
