"""The numbers of whole sets that need no download, under names that no paper's column has.

YAMNet's are computed with its released weights, so anyone who has them can compare; the embedded
evaluator's compare with nobody's.
"""

from __future__ import annotations

from audiostory.evaluate.encoders.encoder import EncoderCard
from audiostory.evaluate.heard_classes import Classes, InceptionScore, KlDivergence
from audiostory.evaluate.metric import SetMetric
from audiostory.evaluate.quality import FrechetDistance, KernelDistance

TAGGER, SHARED_SPACE = "embedded-tagger", "embedded-text-audio"
"""Names of the evaluator's two encoders."""


def embedded_metrics(card: EncoderCard) -> tuple[SetMetric, ...]:
    """The metrics of whole sets that a shipped encoder serves; none for any other."""
    if card.name == SHARED_SPACE:
        return (
            FrechetDistance(card=card, key="embedded_fd", title="embedded FD"),
            KernelDistance(card=card, key="embedded_kad", title="embedded KAD"),
        )
    if card.name == "yamnet":
        return (
            KernelDistance(card=card, key="yamnet_kad", title="KAD (YAMNet)"),
            KlDivergence(card=card, key="yamnet_kl", title="KL (YAMNet)"),
            InceptionScore(card=card, key="yamnet_is", title="IS (YAMNet)"),
        )
    if card.name == TAGGER:
        classes = Classes(given="softmax")
        return (
            KlDivergence(card=card, key="embedded_kl", title="embedded KL", classes=classes),
            InceptionScore(card=card, key="embedded_is", title="embedded IS", classes=classes),
        )
    return ()
