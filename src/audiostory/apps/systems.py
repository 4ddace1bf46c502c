"""Systems that a benchmark asks, by names such as ``nano``, ``captions+nano`` or ``reference``.

A name is ``[PLANNER+]MODEL[=LOCATION]``. The planner is ``direct`` (the whole instruction as one
caption), ``captions`` (the truth's captions and durations) or ``llm`` (a chat model writes them);
AudioStory without a planner tells its own story. The model is AudioStory (a known name or a folder
of weights), one of ``baselines.catalogue``, or ``reference``: the set's own sounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from audiostory.errors import ConfigError

if TYPE_CHECKING:
    from audiostory.baselines.planners import Planner
    from audiostory.data.sets.item import ItemSet
    from audiostory.evaluate.benchmark.folder import RunCard
    from audiostory.evaluate.benchmark.run import Answer
    from audiostory.generate.narration import Generator

REFERENCE = "reference"
PLANNERS = ("direct", "captions", "llm")
FLOORS = ("retrieval", "noise")
"""Baselines that only sound a plan: without a planner they take the truth's captions."""


@dataclass(frozen=True, kw_only=True)
class SystemSpec:
    """A system's name, taken apart."""

    model: str
    planner: str | None = None
    location: str | None = None
    """Where its weights, corpus or endpoint are; None where the name says it all."""

    @property
    def name(self) -> str:
        """How reports call it: also the name of its folder."""
        model = Path(self.model).name if "/" in self.model else self.model
        return f"{self.planner}+{model}" if self.planner else model


def parse_system(text: str) -> SystemSpec:
    """The system that ``text`` names.

    Raises:
        ConfigError: if the planner is unknown, or something is empty.
    """
    named, equals, location = text.partition("=")
    planner, plus, model = named.partition("+")
    if not plus:
        planner, model = "", named
    if not model or (equals and not location) or (plus and not planner):
        raise ConfigError(f"{text!r} names no system: give [PLANNER+]MODEL[=LOCATION]")
    if planner and planner not in PLANNERS:
        raise ConfigError(f"there is no planner {planner!r}: choose from {', '.join(PLANNERS)}")
    if planner and model == REFERENCE:
        raise ConfigError("references need no planner: ask for `reference`")
    if model in FLOORS and not planner:
        planner = "captions"
    return SystemSpec(model=model, planner=planner or None, location=location or None)


@dataclass(frozen=True)
class System:
    """A system that can be asked."""

    card: RunCard
    answer: Answer


@dataclass(frozen=True, kw_only=True)
class SystemOptions:
    """What a system needs beside its name."""

    device: str = "cpu"
    dtype: str = "float32"
    chat: str | None = None
    """The chat model of the ``llm`` planner, as ``chat.build_client`` reads it."""
    corpus: Path | None = None
    """Folder of captioned clips: what ``retrieval`` pastes."""


def build_system(spec: SystemSpec, item_set: ItemSet, options: SystemOptions) -> System:
    """The system of a name, loaded.

    Raises:
        ConfigError: if options that it needs are missing.
        CheckpointError: if its weights are missing or damaged.
        MeasureError: if it is ``reference`` and the set has no sounds.
    """
    from audiostory.evaluate.benchmark.run import asking, reference_answers

    if spec.model == REFERENCE:
        described = "the set's own sounds"
        return System(_card(spec, item_set, described), reference_answers(item_set))
    from audiostory.baselines.catalogue import BASELINES

    if spec.model in BASELINES:
        return _baseline(spec, item_set, options)
    pipeline_name = spec.location or spec.model
    from audiostory.apps.work import loaded

    pipeline = loaded(pipeline_name, options.device)
    generator: Generator = pipeline
    if spec.planner:
        from audiostory.baselines.planned_story import PlannedStory

        planner = _planner(spec.planner, item_set, options)
        generator = PlannedStory(planner, pipeline.render, pipeline_name)
    card = _card(
        spec, item_set, f"AudioStory {pipeline_name} {pipeline.fingerprint[:12]}{_told_by(spec)}"
    )
    return System(card, asking(generator, has_plan=spec.planner != "direct"))


def _baseline(spec: SystemSpec, item_set: ItemSet, options: SystemOptions) -> System:
    from audiostory.baselines.catalogue import BASELINES, BuildOptions, build_text_to_audio
    from audiostory.baselines.planned import PlannedTextToAudio
    from audiostory.evaluate.benchmark.run import asking

    baseline = BASELINES[spec.model]
    location = spec.location
    if spec.model == "retrieval" and location is None and options.corpus is not None:
        location = str(options.corpus)
    built = build_text_to_audio(
        spec.model, location, BuildOptions(device=options.device, dtype=options.dtype)
    )
    planner = _planner(spec.planner or "direct", item_set, options)
    card = _card(
        spec,
        item_set,
        f"{built.name}{_told_by(spec)}",
        max_duration_s=baseline.max_duration_s,
    )
    generator = PlannedTextToAudio(planner, built)
    return System(card, asking(generator, has_plan=spec.planner not in (None, "direct")))


def _planner(name: str, item_set: ItemSet, options: SystemOptions) -> Planner:
    from audiostory.baselines.planners import ChatPlanner, OracleCaptions, WholeInstruction

    if name == "direct":
        return WholeInstruction()
    if name == "captions":
        return OracleCaptions(item_set.items)
    if options.chat is None:
        raise ConfigError("the planner llm asks a chat model: name one with --chat, see its help")
    from audiostory.models.remote.catalogue import build_client

    return ChatPlanner(build_client(options.chat))


def _told_by(spec: SystemSpec) -> str:
    told = {
        "captions": ", captions and durations of the truth",
        "llm": ", planned by a chat model",
        "direct": ", the whole instruction as one caption",
    }
    return told.get(spec.planner or "", "")


def _card(
    spec: SystemSpec, item_set: ItemSet, described: str, max_duration_s: float | None = None
) -> RunCard:
    from audiostory.evaluate.benchmark.folder import RunCard

    return RunCard(
        system=spec.name,
        described=described,
        set_name=item_set.name,
        set_version=item_set.version,
        set_notes=item_set.notes,
        max_duration_s=max_duration_s,
        is_reference=spec.model == REFERENCE,
        has_own_plan=spec.planner in (None, "llm") and spec.model != REFERENCE,
    )
