"""Which feature scale a checkpoint carries: its semantic tokens beside the features they stand for.

The release divides by its feature scale once where it generates and twice where it trains, and both
cannot be right for one set of weights. Where the semantic head says ``scale`` times the text
features, one division is meant; where it says ``scale`` squared times, two.

Shapes: ``B`` captions, ``S`` semantic tokens, ``D`` bridge width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from audiostory.generate.conditions import ConditionReader, windows_of
from audiostory.generate.pipeline import AudioStoryPipeline
from audiostory.models.targets import PaddedTokens
from audiostory.models.text_encoder import TextEncoder
from audiostory.story.format import TARGET_TEXTS
from audiostory.story.plan import Plan, story_of

LEAST_COSINE = 0.3
"""Below it, tokens and features have so little to do with each other that no scale is told."""
TOLERANCE = math.log(2.0)
"""A ratio counts as a scale up to a factor of two."""

Convention = Literal["once", "twice", "unclear"]


@dataclass(frozen=True, kw_only=True)
class ScaleReport:
    """How semantic tokens compare with the text features of their captions."""

    num_captions: int
    feature_scale: float
    """What the model's configuration says."""
    ratio: float
    """Median over the captions of the tokens' norm over the features' norm."""
    cosine: float
    """Mean cosine of the angle between tokens and features."""
    divides: Convention
    """How often the weights want to be divided by the scale on the way to the DiT."""

    @property
    def lines(self) -> list[str]:
        """What was found, in words."""
        scale = self.feature_scale
        meanings = {
            "once": f"one division by {scale:g}, as the released inference does (the default)",
            "twice": f"two divisions by {scale:g}, as the released training does: import the "
            "release again with --divides twice",
            "unclear": f"neither {scale:g} nor {scale * scale:g}: tokens and features do not fit "
            "together; is this the text encoder the model was trained with?",
        }
        return [
            f"semantic tokens of {self.num_captions} captions: {self.ratio:.3g} times the norm of "
            f"their text features, cosine {self.cosine:.2f}",
            f"the weights ask for {meanings[self.divides]}",
        ]


def compare_scales(
    tokens_BSD: Tensor, features_BSD: Tensor, *, feature_scale: float
) -> ScaleReport:
    """The report on semantic tokens and the features of the same captions.

    Args:
        tokens_BSD: what the semantic head says, not divided.
        features_BSD: what the text encoder says, padding included.
        feature_scale: the model's own.
    """
    tokens_BSD, features_BSD = tokens_BSD.float(), features_BSD.float()
    ratio_B = tokens_BSD.flatten(1).norm(dim=1) / features_BSD.flatten(1).norm(dim=1)
    cosine = float(functional.cosine_similarity(tokens_BSD, features_BSD, dim=-1).mean())
    ratio = float(ratio_B.median())
    return ScaleReport(
        num_captions=len(tokens_BSD),
        feature_scale=feature_scale,
        ratio=ratio,
        cosine=cosine,
        divides=convention_of(ratio, cosine, feature_scale),
    )


def convention_of(ratio: float, cosine: float, feature_scale: float) -> Convention:
    """What a ratio of norms means; a scale of 1 is divided by as often as one likes."""
    if not cosine >= LEAST_COSINE or not ratio > 0:
        return "unclear"
    once = abs(math.log(ratio / feature_scale))
    twice = abs(math.log(ratio / feature_scale**2))
    if min(once, twice) > TOLERANCE:
        return "unclear"
    return "once" if once <= twice else "twice"


@torch.no_grad()
def check_scale(pipeline: AudioStoryPipeline, encoder: TextEncoder, plan: Plan) -> list[str]:
    """What the clips of a plan that the model wrote say of its scale, and of its target text.

    Args:
        pipeline: with the model in question.
        encoder: the text encoder it was trained with.
        plan: its clips are compared.
    """
    reader = ConditionReader(pipeline.model, pipeline.tokenizer)
    tokens: dict[int, Tensor] = {}
    for window in windows_of(plan, pipeline.reasoner.reading):
        tokens |= {index: read.semantic_BSD for index, read in reader.tokens_of(window).items()}
    config = pipeline.model.config
    target = PaddedTokens(encoder, config.tokens.num_semantic)
    tokens_BSD = torch.cat([tokens[index] for index in sorted(tokens)]).cpu()
    clips = [story_of(plan).clips[index] for index in sorted(tokens)]
    reports = {
        name: compare_scales(
            tokens_BSD,
            target([text(clip, config.tokens) for clip in clips]).cpu(),
            feature_scale=config.bridge.feature_scale,
        )
        for name, text in TARGET_TEXTS.items()
    }
    cosines = ", ".join(f"{report.cosine:.2f} of {name}" for name, report in reports.items())
    nearest = max(reports, key=lambda name: reports[name].cosine)
    return [
        *reports[nearest].lines,
        f"target text: cosine {cosines}; nearest is {nearest}, the configuration says "
        f"{config.tokens.target_text}",
    ]
