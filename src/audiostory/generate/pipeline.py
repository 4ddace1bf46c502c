"""From an instruction to a finished narration: the straight path (paper Fig. 2).

``plan`` writes the story, ``render`` makes a plan sound, ``generate`` is one after the other.
``stream`` is the same with its steps: commands, servers and pages consume it, there is no second
path.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from audiostory.audio.limiter import FAST
from audiostory.audio.loudness import LoudnessReport
from audiostory.errors import InstructionError
from audiostory.generate.catalogue import DEFAULT_MODEL, resolve_model
from audiostory.generate.clip_store import MemoryStore, TakeStore
from audiostory.generate.narration import (
    Narration,
    NarrationReady,
    PassagePlanned,
    Progress,
    StorylineReady,
)
from audiostory.generate.reasoner import Passage, Reasoner, ReasonerConfig
from audiostory.generate.sounding import Sounding
from audiostory.models.audiostory import AudioStoryModel
from audiostory.models.checkpoint import CONFIG, INDEX, from_pretrained
from audiostory.models.tokenizer import StoryTokenizer
from audiostory.story.plan import Plan, PlanLevel, PlanModel, PlanSettings, plan_of
from audiostory.story.stated import stated_duration
from audiostory.story.tokens import clean_field
from audiostory.story.types import Instruction, Story, Storyline, check_duration

DEFAULT_DURATION_S = 30.0
"""Length of a track when neither the instruction nor its text names one."""


class AudioStoryPipeline:
    """Instruction to narration with one model.

    Args:
        model: the networks, ready for inference.
        tokenizer: the model's own.
        name: how plans call the model: a known name or a folder.
        fingerprint: what tells these weights from all others; part of what a finished clip is
            kept by.
        reasoner: how stories are planned.
    """

    def __init__(
        self,
        model: AudioStoryModel,
        tokenizer: StoryTokenizer,
        *,
        name: str,
        fingerprint: str,
        reasoner: ReasonerConfig | None = None,
    ) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.name = name
        self.fingerprint = fingerprint
        self.reasoner = Reasoner(model, tokenizer, reasoner or ReasonerConfig())

    @classmethod
    def from_pretrained(
        cls,
        name_or_dir: str = DEFAULT_MODEL,
        *,
        device: str = "cpu",
        reasoner: ReasonerConfig | None = None,
    ) -> AudioStoryPipeline:
        """A pipeline with the model of that name, or in that folder.

        Args:
            name_or_dir: a known name, or the folder of a checkpoint.
            device: where to compute.
            reasoner: how stories are planned.

        Raises:
            CheckpointError: if there is no such model, or its files are damaged.
        """
        folder = resolve_model(name_or_dir)
        loaded = from_pretrained(folder, device=device)
        return cls(
            loaded.model,
            loaded.tokenizer,
            name=name_or_dir,
            fingerprint=fingerprint_of(folder),
            reasoner=reasoner,
        )

    def plan(
        self, instruction: Instruction, *, seed: int = 0, settings: PlanSettings | None = None
    ) -> Plan:
        """The story as a plan; nothing sounds yet.

        Args:
            instruction: what is asked for.
            seed: decides the clips' noise, and the words where the reasoner samples them.
            settings: how the plan will be sounded; by default the model's ways.

        Raises:
            InstructionError: if the instruction is too long for the model, or only markers.
        """
        *_, ready = self._planned(instruction, seed, settings or PlanSettings())
        assert isinstance(ready, StorylineReady)
        return ready.plan

    def render(self, plan: Plan, *, store: TakeStore | None = None) -> Narration:
        """The track of a plan.

        Args:
            plan: what to sound.
            store: where finished sound is looked up and kept; by default in memory.
        """
        *_, ready = self.stream(plan, store=store)
        assert isinstance(ready, NarrationReady)
        return ready.narration

    def generate(self, instruction: Instruction, *, seed: int = 0) -> Narration:
        """The finished narration: ``plan`` followed by ``render``."""
        *_, ready = self.stream(instruction, seed=seed)
        assert isinstance(ready, NarrationReady)
        return ready.narration

    def stream(
        self,
        source: Instruction | Plan,
        *,
        seed: int = 0,
        settings: PlanSettings | None = None,
        store: TakeStore | None = None,
    ) -> Iterator[Progress]:
        """The steps to a narration, the last of which is ``NarrationReady``.

        Args:
            source: an instruction to plan first, or a plan to sound.
            seed: of the plan to be made; a given plan has its own.
            settings: of the plan to be made; a given plan has its own.
            store: where finished sound is looked up and kept; by default in memory.
        """
        began, plan = time.perf_counter(), source
        if isinstance(source, Instruction):
            for step in self._planned(source, seed, settings or PlanSettings()):
                yield step
                plan = step.plan if isinstance(step, StorylineReady) else plan
        assert isinstance(plan, Plan)
        planning_s = time.perf_counter() - began
        sounding = Sounding(
            self.model,
            self.tokenizer,
            plan,
            store=store or MemoryStore(),
            fingerprint=self.fingerprint,
            reading=self.reasoner.config.reading,
        )
        yield from sounding.clips()
        waveform, loudness = sounding.track()
        narration = Narration(
            waveform=waveform,
            plan=with_level(plan, loudness),
            loudness=loudness,
            planning_s=planning_s,
            rendering_s=time.perf_counter() - began - planning_s,
        )
        yield NarrationReady(narration)

    def _planned(
        self, instruction: Instruction, seed: int, settings: PlanSettings
    ) -> Iterator[PassagePlanned | StorylineReady]:
        """Passages as they are written, then the plan."""
        if not clean_field(instruction.text):
            raise InstructionError(
                "the instruction holds nothing but markers of the model: say in words what should "
                "happen"
            )
        duration_s, notes = decided_duration(instruction)
        asked = replace(instruction, text=instruction.text.strip())
        rng = torch.Generator().manual_seed(seed)
        passages: list[Passage] = []
        for passage in self.reasoner.passages(asked.text, duration_s, rng=rng):
            passages.append(passage)
            yield PassagePlanned(until_s=passage.end_s, total_s=duration_s)
        notes += [note for passage in passages for note in passage.notes]
        plan = plan_of(
            story_in(passages),
            asked,
            duration_s=duration_s,
            seed=seed,
            model=PlanModel(name=self.name),
            settings=settings,
            notes=notes,
        )
        yield StorylineReady(plan)


def fingerprint_of(folder: Path) -> str:
    """What tells the model in ``folder`` from all others: a digest of its index and configuration.

    The index holds the digest of every weights file, which loading checks.
    """
    digest = hashlib.sha256()
    for name in (INDEX, CONFIG):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:32]


def decided_duration(instruction: Instruction) -> tuple[float, list[str]]:
    """How long the track will be in seconds, and a note where nobody asked for just that.

    Raises:
        InstructionError: if the text states a length that no track can have.
    """
    stated_s = stated_duration(instruction.text)
    if instruction.duration_s is not None:
        if stated_s is None or abs(stated_s - instruction.duration_s) < 0.05:
            return instruction.duration_s, []
        return instruction.duration_s, [
            f"the text speaks of {stated_s:g} s; made {instruction.duration_s:g} s as asked"
        ]
    if stated_s is not None:
        return check_duration(stated_s), []
    return DEFAULT_DURATION_S, [
        f"no duration was asked for: made {DEFAULT_DURATION_S:g} s (--duration changes it)"
    ]


def with_level(plan: Plan, loudness: LoudnessReport) -> Plan:
    """The plan, keeping the gain that its loudness took; without a target there is none to keep."""
    if plan.settings.loudness_lufs is None or loudness.method == "silent":
        return plan
    limiter = "fast" if loudness.limiter == FAST.name else "smooth"
    level = PlanLevel(gain_db=loudness.gain_db, limiter=limiter)
    settings = plan.settings.model_copy(update={"level": level})
    return plan.model_copy(update={"settings": settings})


def story_in(passages: Sequence[Passage]) -> Story:
    """Passages in order as one story, under the summary of the first."""
    return Story(
        storyline=Storyline(
            summary=passages[0].summary,
            events=tuple(event for passage in passages for event in passage.events),
        ),
        clips=tuple(clip for passage in passages for clip in passage.clips),
    )
