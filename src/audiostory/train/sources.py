"""The kinds of data and of losses that stages name, and what each needs.

``readiness.py`` says what is not there; ``workbench.py`` puts them together to a run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from audiostory.data.blocks import CaptionClips, StoryClips
from audiostory.data.cache import Parts
from audiostory.data.preferences import PairBatches
from audiostory.data.released_clips import ReleasedClips
from audiostory.data.sounds import SoundLatents, SoundSampler, SoundSegments
from audiostory.data.stories import StoryTexts
from audiostory.data.understanding.questions import Questions
from audiostory.data.understanding.sequences import (
    NUM_QUESTIONS,
    ContinuedClips,
    RecordingQuestions,
    StoryContinuations,
)
from audiostory.models.audiostory import AudioStoryModel
from audiostory.models.codec import NanoCodec
from audiostory.train.materials import Materials
from audiostory.train.objective import (
    TOLD,
    CodecObjective,
    FlowObjective,
    StoryObjective,
    TextObjective,
    UnderstandingObjective,
)
from audiostory.train.preference import preference_objective
from audiostory.train.released import ReleasedObjective
from audiostory.train.splitting import ComputeLosses
from audiostory.train.stages import StageConfig
from audiostory.train.trainer import BatchAt


@dataclass(frozen=True, kw_only=True)
class Marks:
    """What a run's data leaves behind beside the weights."""

    datasets: tuple[str, ...] = ()
    """What was learnt from, by name and digest: a run goes on with nothing else."""
    preferred_by: tuple[str, ...] = ()
    """As in ``AudioStoryConfig.preferred_by``."""


@dataclass(frozen=True)
class SourceKind:
    """A kind of training data."""

    build: Callable[[Materials, StageConfig], BatchAt]
    """Its batches for a stage."""
    num_samples: Callable[[Materials, StageConfig], int]
    """How many samples there are: what an epoch is counted by."""
    needs: tuple[str, ...]
    """The fields of ``Paths`` it reads."""
    needs_for: Mapping[str, str] = field(default_factory=dict)
    """The one that it reads besides, where a loss of this name is weighed."""
    is_heard: bool = False
    """Whether the model needs ears for it."""
    marks: Callable[[Materials], Marks] = lambda _: Marks()
    """What has to be remembered of a run that learnt from it."""
    is_told: bool = False
    """Whether its batches hold words, cut by the tokenizer."""

    def reads(self, stage: StageConfig) -> list[str]:
        """All fields of ``Paths`` that a stage's batches are made from."""
        weighed = (need for loss, need in self.needs_for.items() if stage.weights.get(loss))
        return [*self.needs, *weighed]


@dataclass(frozen=True)
class ObjectiveKind:
    """A kind of losses."""

    build: Callable[[AudioStoryModel, StageConfig], ComputeLosses]
    """What computes them for a stage."""
    losses: frozenset[str]
    """The names of all it can compute."""


def sound_segments(materials: Materials, stage: StageConfig) -> BatchAt:
    """Segments of waveforms."""
    return SoundSegments(
        materials.waveforms,
        SoundSampler(materials.rows),
        stage.seed,
        batch_size=stage.batch_size,
        num_samples=materials.nano_codec.sample_rate_hz,  # fits the encoder, if no run has yet
    ).batch_at


def single_sounds(
    materials: Materials, stage: StageConfig, features_of: Callable[[Materials], Tensor | Parts]
) -> SoundLatents:
    """Latents of single sounds with features of their wordings."""
    return SoundLatents(
        latents=materials.latents,
        features=features_of(materials),
        wordings=materials.wording_indices(),
        silence_C=materials.silence(),
        sampler=SoundSampler(materials.rows),
        seed=stage.seed,
        frames_per_s=materials.frames_per_s,
        patch_frames=materials.model.config.dit.patch_frames,
        batch_size=stage.batch_size,
        has_deviation=materials.codec.has_deviation,
    )


def sound_latents(materials: Materials, stage: StageConfig) -> BatchAt:
    """Latents of single sounds with text features."""
    return single_sounds(materials, stage, Materials.wording_features).batch_at


def bridged_latents(materials: Materials, stage: StageConfig) -> BatchAt:
    """Latents of single sounds with what the model's own bridge says of their captions."""
    return single_sounds(materials, stage, Materials.bridged_features).batch_at


def caption_clips(materials: Materials, stage: StageConfig) -> BatchAt:
    """Bridge blocks of single sounds; for a loss of ``TOLD``, an eighth as many stories as text."""
    has_text = any(stage.weights.get(loss) for loss in TOLD)
    return CaptionClips(
        sounds=single_sounds(materials, stage, Materials.wording_features),
        texts=materials.texts,
        tokenizer=materials.tokenizer,
        tokens=materials.model.config.tokens,
        stories=told(materials, stage.seed, max(1, stage.batch_size // 8)) if has_text else None,
    ).batch_at


def released_clips(materials: Materials, stage: StageConfig) -> BatchAt:
    """Single sounds as the released training forward reads them."""
    return ReleasedClips(
        sounds=single_sounds(materials, stage, Materials.wording_features),
        texts=materials.texts,
        tokenizer=materials.tokenizer,
        tokens=materials.model.config.tokens,
    ).batch_at


def told(materials: Materials, seed: int, batch_size: int) -> StoryTexts:
    """Stories as text, sounding or not."""
    tokens = materials.model.config.tokens
    return StoryTexts(materials.stories, materials.tokenizer, tokens, seed, batch_size)


def story_texts(materials: Materials, stage: StageConfig) -> BatchAt:
    """Stories as text."""
    return told(materials, stage.seed, stage.batch_size).batch_at


def story_clips(materials: Materials, stage: StageConfig) -> BatchAt:
    """Bridge blocks with targets; with latents where the stage has a flow loss."""
    return whole_stories(materials, stage).batch_at


def whole_stories(materials: Materials, stage: StageConfig) -> StoryClips:
    """Stories with their bridge blocks; those that sound where the stage has a flow loss.

    The stories told as text (L_text, L_reason) are others than those that sound: drawn by seed + 1
    from all that were composed, and half as many.
    """
    has_flow, config = bool(stage.weights.get("flow")), materials.model.config
    return StoryClips(
        stories=materials.sounding if has_flow else materials.stories,
        tokenizer=materials.tokenizer,
        tokens=config.tokens,
        teacher=materials.sounding_teacher() if has_flow else materials.teacher,
        told=told(materials, stage.seed + 1, max(1, stage.batch_size // 2)),
        seed=stage.seed,
        batch_size=stage.batch_size,
        latents=materials.story_latents if has_flow else None,
        first_clips=materials.first_clips() if has_flow else (),
        frames_per_s=materials.frames_per_s,
        patch_frames=config.dit.patch_frames,
        max_frames=config.dit.max_frames,
        context=config.bridge_context,
        has_deviation=has_flow and materials.codec.has_deviation,
    )


def continuation(materials: Materials, stage: StageConfig) -> BatchAt:
    """Stories whose beginning is heard: the rest, with its bridge blocks, is to be told."""
    stories = StoryContinuations(
        materials.continuations,
        materials.beginnings,
        num_tokens=materials.model.ears.num_tokens,
        tokenizer=materials.tokenizer,
        tokens=materials.model.config.tokens,
        seed=stage.seed,
        batch_size=stage.batch_size,
    )
    return ContinuedClips(stories, whole_stories(materials, stage)).batch_at


def understanding(materials: Materials, stage: StageConfig) -> BatchAt:
    """Questions about recordings, of the corpus or of published lists, and their answers.

    The questions are the samples.
    """
    return RecordingQuestions(
        Questions(materials.heard_rows),
        materials.heard,
        num_tokens=materials.model.ears.num_tokens,
        tokenizer=materials.tokenizer,
        seed=stage.seed,
        batch_size=stage.batch_size,
        num_questions=stage.num_questions or NUM_QUESTIONS,
        sample=None if materials.paths.questions else SoundSampler(materials.rows).draw,
    ).batch_at


def preference_pairs(materials: Materials, stage: StageConfig) -> BatchAt:
    """Sounds of the model as it is when the stage begins, one preferred to another."""
    materials.pairs.check_made_by(materials.model)
    return PairBatches(materials.pairs, stage.seed, stage.batch_size).batch_at


def num_pairs(materials: Materials, stage: StageConfig) -> int:
    """Pairs of sounds."""
    return len(materials.pairs.rows)


def marks_of_pairs(materials: Materials) -> Marks:
    """Which pairs, and whose taste they are."""
    pairs = materials.pairs
    told = f"{len(pairs.rows)} pairs {pairs.digest}, ranked by {pairs.about.ears}"
    return Marks(datasets=(told,), preferred_by=pairs.about.preferred_by)


def num_clips(materials: Materials, stage: StageConfig) -> int:
    """Clips of the corpus."""
    return len(materials.rows)


def num_questions(materials: Materials, stage: StageConfig) -> int:
    """Questions, where each recording is heard once."""
    return len(materials.heard_rows) * (stage.num_questions or NUM_QUESTIONS)


def num_stories(materials: Materials, stage: StageConfig) -> int:
    """Composed stories; for a flow loss, those that sound."""
    return len(materials.sounding if stage.weights.get("flow") else materials.stories)


def num_continuations(materials: Materials, stage: StageConfig) -> int:
    """Stories that can be told on."""
    return len(materials.continuations)


SOURCES: dict[str, SourceKind] = {
    "sound_segments": SourceKind(sound_segments, num_clips, ("corpus",)),
    "sound_latents": SourceKind(sound_latents, num_clips, ("corpus", "teacher")),
    "bridged_latents": SourceKind(bridged_latents, num_clips, ("corpus",), is_told=True),
    "caption_clips": SourceKind(
        caption_clips,
        num_clips,
        ("corpus", "teacher"),
        dict.fromkeys(TOLD, "stories"),
        is_told=True,
    ),
    "released_clips": SourceKind(released_clips, num_clips, ("corpus", "teacher"), is_told=True),
    "story_texts": SourceKind(story_texts, num_stories, ("stories",), is_told=True),
    "story_clips": SourceKind(
        story_clips, num_stories, ("stories", "teacher"), {"flow": "corpus"}, is_told=True
    ),
    "understanding": SourceKind(
        understanding, num_questions, ("corpus",), is_heard=True, is_told=True
    ),
    "preference_pairs": SourceKind(preference_pairs, num_pairs, ("pairs",), marks=marks_of_pairs),
    "continuation": SourceKind(
        continuation,
        num_continuations,
        ("stories", "corpus", "teacher"),
        is_heard=True,
        is_told=True,
    ),
}
"""Kinds of training data, by the names stages use."""


def codec_objective(model: AudioStoryModel, stage: StageConfig) -> ComputeLosses:
    """Reconstruction of the waveform."""
    assert isinstance(model.codec, NanoCodec)  # materials.nano_codec has refused others
    return CodecObjective(model.codec)


def text_objective(model: AudioStoryModel, stage: StageConfig) -> ComputeLosses:
    """Eq. 2."""
    return TextObjective(model.llm)


def flow_objective(model: AudioStoryModel, stage: StageConfig) -> ComputeLosses:
    """Eq. 5 on single sounds."""
    return FlowObjective(model, stage.noise_levels, stage.null_share)


def story_objective(model: AudioStoryModel, stage: StageConfig) -> ComputeLosses:
    """Eq. 6 to 8."""
    wanted = {name for name in OBJECTIVES["story"].losses if stage.weights.get(name)}
    return StoryObjective(model, frozenset(wanted), stage.noise_levels, stage.null_share)


def understanding_objective(model: AudioStoryModel, stage: StageConfig) -> ComputeLosses:
    """Answers about sounds heard (Eq. 7 and 8)."""
    return UnderstandingObjective(model)


def released_objective(model: AudioStoryModel, stage: StageConfig) -> ComputeLosses:
    """The released forward's losses."""
    return ReleasedObjective(model, stage.noise_levels, stage.training_divides)


OBJECTIVES: dict[str, ObjectiveKind] = {
    "codec": ObjectiveKind(codec_objective, frozenset({"spectral"})),
    "text": ObjectiveKind(text_objective, frozenset({"text"})),
    "flow": ObjectiveKind(flow_objective, frozenset({"flow"})),
    "story": ObjectiveKind(story_objective, frozenset({"semantic", "token", "flow"}) | TOLD),
    "understanding": ObjectiveKind(understanding_objective, frozenset({"understanding"})),
    "preference": ObjectiveKind(preference_objective, frozenset({"preference", "flow"})),
    "released": ObjectiveKind(released_objective, frozenset({"semantic", "text", "flow"})),
}
"""Kinds of losses, by the names stages use."""
