"""Numbers that a model was tuned to please, and how reports warn of them.

A model whose sounds were ranked by some ears, and who then learnt to sound like the best
(``AudioStoryConfig.preferred_by``), scores well with these ears whether it sounds better or not.
"""

from __future__ import annotations

from collections.abc import Sequence

from audiostory.evaluate.metric import Column

EVALUATOR = "audiostory evaluator"
"""How checkpoints of every version of the embedded evaluator begin: all hear through YAMNet, learn
from one corpus, and cannot be told apart as witnesses."""


def are_pleased(ears: str, preferred_by: Sequence[str]) -> bool:
    """Whether ears, by what describes them, are networks that a model was tuned to please."""
    return any(
        entry.rpartition(" ")[2] in ears or (entry.startswith(EVALUATOR) and EVALUATOR in ears)
        for entry in preferred_by
    )


def taste_warning(ears: str, preferred_by: Sequence[str]) -> str:
    """What has to be said of numbers that these ears alone gave; empty where nothing has."""
    if not are_pleased(ears, preferred_by):
        return ""
    return (
        f"the model was tuned on sounds that {' and '.join(preferred_by)} ranked: that it is "
        "recognised by them is no evidence that it sounds better."
    )


def tuning_warning(system: str, preferred_by: Sequence[str], columns: Sequence[Column]) -> str:
    """What has to be said of a system's numbers; empty where nothing has.

    Args:
        system: its name in the report.
        preferred_by: as its model's configuration has it.
        columns: of the report.
    """
    if not preferred_by:
        return ""
    told = f"{system} was tuned on sounds that {' and '.join(preferred_by)} ranked"
    lost = [column.title for column in columns if are_pleased(column.detail, preferred_by)]
    if not lost:
        return f"{told}; no column here is heard by them."
    return f"{told}: its numbers in {', '.join(lost)} are no evidence that it sounds better."
