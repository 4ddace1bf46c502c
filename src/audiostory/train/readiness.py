"""What a stage lacks to be run, told before anything costly."""

from __future__ import annotations

from audiostory.errors import TrainingError
from audiostory.models.audiostory import AudioStoryConfig
from audiostory.models.codec import NanoCodecConfig
from audiostory.train.paths import Paths
from audiostory.train.sources import OBJECTIVES, SOURCES
from audiostory.train.stages import StageConfig


def missing_parts(stage: StageConfig) -> list[str]:
    """What a stage names that there is no code for, each in words."""
    kinds = [stage, *map(stage.learning_from, stage.mixed)]
    known = [OBJECTIVES[kind.objective] for kind in kinds if kind.objective in OBJECTIVES]
    computed = frozenset[str]().union(*(objective.losses for objective in known))
    weighed = (name for name, weight in stage.weights.items() if weight)
    uncomputed = [name for name in weighed if name not in computed]
    return [
        *(f"there is no data source '{k.data}'" for k in kinds if k.data not in SOURCES),
        *(f"there is no objective '{k.objective}'" for k in kinds if k.objective not in OBJECTIVES),
        *([f"no objective computes {', '.join(uncomputed)}"] if uncomputed else []),
    ]


def needs_of(stage: StageConfig, *, has_start: bool = False) -> list[str]:
    """The fields of ``Paths`` that a stage reads, each once; ``has_start`` as ``check_ready``."""
    kinds = [stage, *map(stage.learning_from, stage.mixed)]
    needs = [need for k in kinds if k.data in SOURCES for need in SOURCES[k.data].reads(k)]
    if stage.initial == "foundation" and not has_start:
        needs.insert(0, "foundation")
    return list(dict.fromkeys(needs))


def sounds_stories(stage: StageConfig) -> bool:
    """Whether a stage learns from stories that can be heard."""
    return stage.data == "story_clips" and bool(stage.weights.get("flow"))


def asks(stage: StageConfig) -> bool:
    """Whether a stage learns from questions about recordings."""
    return "understanding" in (stage.data, *(one.name for one in stage.mixed))


def unready(stage: StageConfig, config: AudioStoryConfig) -> list[str]:
    """Why a stage cannot be run with a model of that size, whatever it is given."""
    kinds = [stage, *map(stage.learning_from, stage.mixed)]
    missing = missing_parts(stage)
    if stage.data == "sound_segments" and not isinstance(config.codec, NanoCodecConfig):
        missing.append(f"'{config.name}' has a pretrained codec: there is nothing to fit")
    if config.audio_encoder is None and any(
        SOURCES[kind.data].is_heard for kind in kinds if kind.data in SOURCES
    ):
        missing.append(f"'{config.name}' has no ears: give a --size with them, nano-hearing or 3b")
    return missing


def check_ready(
    stage: StageConfig, config: AudioStoryConfig, paths: Paths, *, has_start: bool = False
) -> None:
    """Refuse a run that cannot begin, before a model of that size takes memory.

    Args:
        stage: what is to be run.
        config: the model it is to be run with.
        paths: what the run is given.
        has_start: whether it begins with a finished model instead of the stage's own beginning.

    Raises:
        TrainingError: naming all that is missing at once: code, and the options that give what
            there is code for.
    """
    missing = unready(stage, config)
    needs = needs_of(stage, has_start=has_start)
    if lacking := [f"--{need}" for need in needs if getattr(paths, need) is None]:
        missing.append(f"give {', '.join(lacking)} (docs/training.md)")
    if missing:
        raise TrainingError(f"{stage.name} cannot run at size {config.name}: {'; '.join(missing)}")
