"""Systems that a benchmark asks, by names such as ``nano``, ``captions+nano`` or ``reference``.

A name is ``[NAME=][PLANNER+]MODEL[=LOCATION]``. The planner is ``direct`` (the whole instruction as
one caption), ``captions`` (the truth's captions and durations) or ``llm`` (a chat model writes
them); AudioStory without a planner tells its own story. The model is AudioStory (a known name or a
folder of weights), one of ``baselines.catalogue``, or ``reference``: the set's own sounds. NAME is
what reports call it instead, so that two folders of one name can stand side by side.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from audiostory.baselines.catalogue import BASELINES
from audiostory.data.sets.catalogue import SHIPPED
from audiostory.errors import ConfigError

if TYPE_CHECKING:
    from audiostory.baselines.planners import Planner
    from audiostory.data.sets.item import ItemSet
    from audiostory.evaluate.benchmark.folder import RunCard
    from audiostory.evaluate.benchmark.run import Answer
    from audiostory.generate.narration import Generator

REFERENCE = "reference"
PLANNERS = ("direct", "captions", "llm")
WINDOWED = "tangoflux-windowed"
PLAN_SOUNDERS = ("retrieval", "noise", WINDOWED)
"""Baselines that only sound a plan: without a planner they take the truth's captions, where the set
has them."""
TAKEN = ("report", "judge", REFERENCE)
"""Folders of a benchmark that belong to no system of a person's."""


@dataclass(frozen=True, kw_only=True)
class SystemSpec:
    """A system's name, taken apart."""

    model: str
    planner: str | None = None
    location: str | None = None
    """Where its weights, corpus or endpoint are; None where the name says it all."""
    label: str | None = None
    """What reports call it; None is planner and model."""

    @property
    def name(self) -> str:
        """How reports call it: also the name of its folder."""
        if self.label:
            return self.label
        model = Path(self.model).name if "/" in self.model else self.model
        return f"{self.planner}+{model}" if self.planner else model


def parse_system(text: str) -> SystemSpec:
    """The system that ``text`` names.

    Raises:
        ConfigError: if the planner is unknown or not for this model, or something is empty.
    """
    head, equals, rest = text.partition("=")
    if equals and "+" not in head and "/" not in head and head not in (*BASELINES, REFERENCE):
        spec = replace(_parsed(rest, text), label=head)
        if not head or spec.model == REFERENCE:
            raise _nameless(text)
    else:
        spec = _parsed(text, text)
    name = spec.name
    is_taken = name in TAKEN and (spec.label or spec.model) != REFERENCE
    if not name or name.startswith(".") or is_taken:
        raise ConfigError(
            f"{text!r} would be called {name!r} in reports, which is no name for a system: choose "
            f"one with NAME={text.removeprefix(f'{spec.label}=')}"
        )
    return spec


def _parsed(text: str, whole: str) -> SystemSpec:
    """The system that ``[PLANNER+]MODEL[=LOCATION]`` names; paths may hold ``+`` and ``=``."""
    before, plus, after = text.partition("+")
    has_planner = bool(plus) and not {"=", "/"} & set(before)
    planner, body = (before, after) if has_planner else (None, text)
    if planner is not None and planner not in PLANNERS:
        if not planner:
            raise _nameless(whole)
        raise ConfigError(f"there is no planner {planner!r}: choose from {', '.join(PLANNERS)}")
    model, equals, location = body.partition("=")
    if "/" in model:
        model, equals, location = body, "", ""
    if not model or (equals and not location) or (model == REFERENCE and equals):
        raise _nameless(whole)
    if planner and model == REFERENCE:
        raise ConfigError("references need no planner: ask for `reference`")
    if planner == "direct" and model == WINDOWED:
        raise ConfigError(
            "direct gives one caption, which is one window: ask for direct+tangoflux, or for "
            f"captions+{WINDOWED} or llm+{WINDOWED}"
        )
    return SystemSpec(model=model, planner=planner, location=location or None)


def _nameless(text: str) -> ConfigError:
    return ConfigError(f"{text!r} names no system: give [NAME=][PLANNER+]MODEL[=LOCATION]")


def settled(spec: SystemSpec, item_set: ItemSet) -> SystemSpec:
    """The system with the planner that it is asked through on this set.

    What only sounds plans takes the truth's captions, or, where no item of the set has a story, the
    whole instruction as one caption.

    Raises:
        ConfigError: if the planner needs stories and the set has none.
    """
    has_stories = any(item.story is not None for item in item_set.items)
    planner = spec.planner
    if planner is None and spec.model in PLAN_SOUNDERS:
        planner = "captions" if has_stories or spec.model == WINDOWED else "direct"
    if planner == "captions" and not has_stories:
        others = f"llm+{spec.model}" if spec.model == WINDOWED else f"direct+{spec.model}"
        raise ConfigError(
            f"{item_set.name} has no stories, whose captions and durations {spec.name} would "
            f"sound: ask for {others}"
        )
    return replace(spec, planner=planner)


@dataclass(frozen=True)
class System:
    """A system that can be asked."""

    card: RunCard
    answer: Answer


@dataclass(frozen=True, kw_only=True)
class SystemOptions:
    """What a system needs beside its name."""

    device: str = "cpu"
    dtype: str | None = None
    """Type of its weights; None is float32, for AudioStory what suits the device."""
    chat: str | None = None
    """The chat model of the ``llm`` planner, as ``chat.build_client`` reads it."""
    corpus: Path | None = None
    """Folder of the set; that of ``nano-stories`` is what ``retrieval`` pastes."""


def build_system(spec: SystemSpec, item_set: ItemSet, options: SystemOptions) -> System:
    """The system of a name, loaded.

    Raises:
        ConfigError: if options that it needs are missing, or one is given that it has no use for.
        CheckpointError: if its weights are missing or damaged.
        MeasureError: if it is ``reference`` and the set has no sounds.
    """
    from audiostory.evaluate.benchmark.run import reference_answers

    if spec.model == REFERENCE:  # heard beside any system, with the options of that one
        return System(_card(spec, item_set, "the set's own sounds"), reference_answers(item_set))
    spec = settled(spec, item_set)
    _check_used(spec, options)
    return (_baseline if spec.model in BASELINES else _audiostory)(spec, item_set, options)


def _check_used(spec: SystemSpec, options: SystemOptions) -> None:
    """ConfigError if an option is given that would change nothing."""
    if options.chat is not None and spec.planner != "llm":
        raise ConfigError(
            f"{spec.name} asks no chat model: leave --chat out, or ask for llm+{spec.model}"
        )
    baseline = BASELINES.get(spec.model)
    has_weights = baseline is None or baseline.known_by == "weights"
    if not has_weights and options.dtype not in (None, "float32"):
        raise ConfigError(f"no weights of {spec.model} are loaded here: leave --dtype out")


def _audiostory(spec: SystemSpec, item_set: ItemSet, options: SystemOptions) -> System:
    from audiostory.apps.options import WeightType
    from audiostory.apps.work import loaded
    from audiostory.evaluate.benchmark.run import asking

    if options.dtype is not None and options.dtype not in list(WeightType):
        raise ConfigError(
            f"no type {options.dtype!r} for weights; there are {', '.join(WeightType)}"
        )
    called = spec.location or spec.model
    weights = None if options.dtype is None else WeightType(options.dtype)
    pipeline = loaded(called, options.device, weights=weights)
    generator: Generator = pipeline
    told = ""
    if spec.planner:
        from audiostory.baselines.planned_story import PlannedStory

        planner = _planner(spec.planner, item_set, options)
        generator, told = PlannedStory(planner, pipeline.render, called), _told_by(planner)
    digest, *kinds = pipeline.fingerprint.split("-")
    shown = Path(called).name if Path(called).exists() else called
    described = f"AudioStory {shown} {'-'.join([digest[:12], *kinds])}{told}"
    card = _card(spec, item_set, described)
    card = replace(card, preferred_by=pipeline.model.config.preferred_by)
    return System(card, asking(generator, has_plan=spec.planner != "direct"))


def _baseline(spec: SystemSpec, item_set: ItemSet, options: SystemOptions) -> System:
    from audiostory.baselines.catalogue import BuildOptions, build_baseline
    from audiostory.evaluate.benchmark.run import asking

    baseline = BASELINES[spec.model]
    location = spec.location
    if spec.model == "retrieval" and location is None and item_set.name == SHIPPED:
        location = None if options.corpus is None else str(options.corpus)
    planner = _planner(spec.planner or "direct", item_set, options)
    build = BuildOptions(device=options.device, dtype=options.dtype or "float32")
    generator = build_baseline(spec.model, planner, location, build)
    identity = baseline.identity(location, build)
    described = f"{generator.sounded_by}{f' ({identity})' if identity else ''}{_told_by(planner)}"
    card = _card(spec, item_set, described, max_duration_s=baseline.max_duration_s)
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


def _told_by(planner: Planner) -> str:
    """The planner, in words that change whenever it would plan otherwise."""
    from audiostory.baselines.planners import ChatPlanner, OracleCaptions

    if isinstance(planner, ChatPlanner):
        return f", planned by {planner.identity}"
    if isinstance(planner, OracleCaptions):
        return ", captions and durations of the truth"
    return ", the whole instruction as one caption"


def _card(
    spec: SystemSpec, item_set: ItemSet, described: str, max_duration_s: float | None = None
) -> RunCard:
    """Who answers: ``described`` holds all that changes its answers, so that people see it too."""
    from audiostory.data.cache import key_of
    from audiostory.evaluate.benchmark.folder import RunCard

    return RunCard(
        system=spec.name,
        described=described,
        set_name=item_set.name,
        set_version=item_set.version,
        set_notes=item_set.notes,
        fingerprint=key_of(described),
        max_duration_s=max_duration_s,
        is_reference=spec.model == REFERENCE,
        has_own_plan=spec.planner in (None, "llm") and spec.model != REFERENCE,
    )
