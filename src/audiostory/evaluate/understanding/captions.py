"""CIDEr, METEOR, SPICE and SPIDEr of captions beside the captions people wrote.

All are computed on Penn Treebank tokens, which take Java: without it every column is missing, and
says so, since numbers of another tokenizer compare with nobody's.

Source: CIDEr-D: Vedantam et al., CVPR 2015, arXiv:1411.5726; METEOR: Denkowski and Lavie, WMT
2014; SPICE: Anderson et al., ECCV 2016, arXiv:1607.08822; SPIDEr: Liu et al., ICCV 2017,
arXiv:1612.00370. AudioStory Table 2 prints SPIDEr and CIDEr times 100.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audiostory.errors import MeasureError
from audiostory.evaluate.metric import Column
from audiostory.evaluate.statistics.samples import Indices
from audiostory.evaluate.understanding.jars import (
    EXTRA,
    Tokens,
    meteor_alignments,
    spice,
    tokenize,
)
from audiostory.evaluate.understanding.meteor import meteor_of, meteor_of_items
from audiostory.evaluate.understanding.score import PERCENT, Score, mean_score, missing_score
from audiostory.optional import require

SECTION = "understanding"
CIDER = Column(
    key="cider",
    title="CIDEr",
    better="higher",
    detail="CIDEr-D x 100; PTB tokens; document frequencies of this set's references",
    decimals=1,
    source="arXiv:1411.5726",
    section=SECTION,
)
METEOR = Column(
    key="meteor",
    title="METEOR",
    better="higher",
    detail="METEOR 1.5 x 100, English; PTB tokens; of the items' summed counts, not their mean",
    decimals=1,
    source="Denkowski and Lavie, WMT 2014",
    section=SECTION,
)
SPICE = Column(
    key="spice",
    title="SPICE",
    better="higher",
    detail="SPICE 1.0 F-score x 100; CoreNLP 3.6.0; PTB tokens",
    decimals=1,
    source="arXiv:1607.08822",
    section=SECTION,
)
SPIDER = Column(
    key="spider",
    title="SPIDEr",
    better="higher",
    detail="mean of CIDEr-D and SPICE, x 100",
    decimals=1,
    source="arXiv:1612.00370",
    section=SECTION,
)
COLUMNS = (CIDER, METEOR, SPICE, SPIDER)
NEEDS_JAVA = "caption metrics need Java for their tokens: install a Java runtime (8 or later)"


@dataclass(frozen=True, kw_only=True)
class CaptionPair:
    """A system's caption of a recording, and people's."""

    id: str
    candidate: str
    """Empty, or without a word, where the system said nothing: that scores 0 everywhere."""
    references: tuple[str, ...]


def pairs_of(
    candidates: Mapping[str, str], references: Mapping[str, Sequence[str]]
) -> tuple[CaptionPair, ...]:
    """Captions beside their references, in the order of the references.

    Args:
        candidates: a system's caption by item.
        references: people's captions by item.

    Raises:
        MeasureError: if the two do not name the same items.
    """
    without = [name for name in references if name not in candidates]
    unknown = [name for name in candidates if name not in references]
    if without or unknown:
        raise MeasureError(
            f"{len(without)} items have no caption ({', '.join(without[:3]) or 'none'}), "
            f"{len(unknown)} captions no item ({', '.join(unknown[:3]) or 'none'}): caption the "
            "same set that they are compared with"
        )
    return tuple(
        CaptionPair(id=name, candidate=candidates[name], references=tuple(texts))
        for name, texts in references.items()
    )


def score_captions(pairs: Sequence[CaptionPair], *, java: Path | None) -> tuple[Score, ...]:
    """CIDEr, METEOR, SPICE and SPIDEr of captions; each is missing with a reason where it must be.

    CIDEr weighs words by how few recordings' references have them, so that it is missing for a
    single recording: every weight is 0.

    Args:
        pairs: captions beside their references.
        java: the program that runs Java (``jars.find_java``); None leaves every column missing.

    Raises:
        MeasureError: if there are no pairs, two share an id, or a reference has no words.
        MissingExtraError: if pycocoevalcap is not installed.
    """
    _check(pairs)
    if java is None:
        return tuple(missing_score(column, NEEDS_JAVA) for column in COLUMNS)
    try:
        candidates, references = _tokens(pairs, java)
    except MeasureError as error:
        return tuple(missing_score(column, str(error)) for column in COLUMNS)
    cider = cider_score(candidates, references)
    meteor = meteor_score(candidates, references, java=java)
    spices = spice_score(candidates, references, java=java)
    return cider, meteor, spices, spider_score(cider, spices)


def cider_score(candidates: Tokens, references: Tokens) -> Score:
    """CIDEr-D of tokenised captions; missing for a set of one."""
    if len(candidates) < 2:
        return missing_score(CIDER, "CIDEr of a single recording does not exist: all weights are 0")
    module = require("pycocoevalcap.cider.cider", extra=EXTRA)
    _, per_item = module.Cider().compute_score(_lists(references), _lists(candidates))
    return mean_score(CIDER, [PERCENT * float(one) for one in per_item])


def meteor_score(candidates: Tokens, references: Tokens, *, java: Path) -> Score:
    """METEOR of tokenised captions; missing where the program fails."""
    try:
        counts = np.array(meteor_alignments(candidates, references, java=java))
    except MeasureError as error:
        return missing_score(METEOR, str(error))

    def of_items(items: Indices) -> float:
        return PERCENT * meteor_of(counts[items])

    return Score(
        column=METEOR,
        value=PERCENT * meteor_of(counts),
        per_item=tuple((PERCENT * meteor_of_items(counts)).tolist()),
        num_units=len(counts),
        resampled=of_items,
    )


def spice_score(candidates: Tokens, references: Tokens, *, java: Path) -> Score:
    """SPICE of tokenised captions; missing, naming the files, where its parser is not there."""
    try:
        per_item = spice(candidates, references, java=java)
    except MeasureError as error:
        return missing_score(SPICE, str(error))
    return mean_score(SPICE, [PERCENT * one for one in per_item])


def spider_score(cider: Score, spices: Score) -> Score:
    """The mean of CIDEr and SPICE; missing where either is."""
    absent = "; ".join(one.missing for one in (cider, spices) if one.value is None)
    if absent:
        return missing_score(SPIDER, f"SPIDEr is the mean of CIDEr and SPICE: {absent}")
    both = np.array([cider.per_item, spices.per_item], dtype=np.float64)
    return mean_score(SPIDER, both.mean(axis=0).tolist())


def num_silent(pairs: Sequence[CaptionPair]) -> int:
    """Recordings of which the system said nothing."""
    return sum(not any(char.isalnum() for char in pair.candidate) for pair in pairs)


def _check(pairs: Sequence[CaptionPair]) -> None:
    """MeasureError if there is nothing to compare."""
    if not pairs:
        raise MeasureError("there are no captions to measure")
    seen: set[str] = set()
    for pair in pairs:
        if pair.id in seen:
            raise MeasureError(f"two captions are of {pair.id!r}: give each recording one")
        seen.add(pair.id)
        if not pair.references:
            raise MeasureError(f"{pair.id!r} has no reference: leave it out")
        if any(not any(char.isalnum() for char in text) for text in pair.references):
            raise MeasureError(f"a reference of {pair.id!r} has no words: {pair.references}")


def _tokens(pairs: Sequence[CaptionPair], java: Path) -> tuple[Tokens, Tokens]:
    """Tokens of candidates and references, by item; one call, since starting Java takes time."""
    texts = [text for pair in pairs for text in (pair.candidate, *pair.references)]
    words = iter(tokenize(texts, java=java))
    candidates: dict[str, list[str]] = {}
    references: dict[str, list[str]] = {}
    for pair in pairs:
        candidates[pair.id] = [next(words)]
        references[pair.id] = [next(words) for _ in pair.references]
    return candidates, references


def _lists(tokens: Tokens) -> dict[str, list[str]]:
    return {name: list(texts) for name, texts in tokens.items()}
