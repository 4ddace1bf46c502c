"""From an instruction to a finished narration: the straight path (paper Fig. 2).

``plan`` writes the story, ``render`` makes a plan sound, ``generate`` is one after the other.
``stream`` is the same with its steps: commands, servers and pages consume it, there is no second
path.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import torch

from audiostory.audio.limiter import FAST
from audiostory.audio.loudness import LoudnessReport
from audiostory.errors import InstructionError
from audiostory.generate.ahead import SoundingAhead
from audiostory.generate.clip_store import MemoryStore, TakeStore
from audiostory.generate.narration import (
    CaptionReady,
    Narration,
    NarrationReady,
    PassagePlanned,
    Progress,
    StorylineReady,
)
from audiostory.generate.reasoner import Passage, Reasoner, ReasonerConfig
from audiostory.generate.renderer import Renderer
from audiostory.generate.sounding import Sounding
from audiostory.generate.transcript import Memory
from audiostory.models.audiostory import AudioStoryModel
from audiostory.models.catalogue import DEFAULT_MODEL, resolve_model
from audiostory.models.pretrained import (
    dtype_for,
    fingerprint_of,
    load_pretrained,
    variant_of,
)
from audiostory.models.quantization import Bits
from audiostory.models.tokenizer import StoryTokenizer
from audiostory.story.plan import Plan, PlanLevel, PlanModel, PlanSettings, plan_of
from audiostory.story.stated import stated_duration
from audiostory.story.tokens import clean_field
from audiostory.story.types import Clip, Instruction, Story, Storyline, check_duration

PLACEHOLDER = "..."
"""Stands for a caption that is not written yet."""
DEFAULT_DURATION_S = 30.0
"""Length of a track when neither the instruction nor its text names one."""


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """What stories have in common that are under way at once."""

    lend: Callable[[], AbstractContextManager[Memory]]
    """The memory a story is planned with, its own for as long as that takes."""
    renderer: Renderer
    """Makes takes, perhaps those of several stories at once."""


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
        self.renderer = Renderer(model)

    @classmethod
    def from_pretrained(
        cls,
        name_or_dir: str = DEFAULT_MODEL,
        *,
        device: str = "cpu",
        dtype: torch.dtype | None = None,
        quantize: Bits | None = None,
        reasoner: ReasonerConfig | None = None,
    ) -> AudioStoryPipeline:
        """A pipeline with the model of that name, or in that folder.

        Args:
            name_or_dir: a known name, or the folder of a checkpoint.
            device: where to compute.
            dtype: in which type; None takes what suits the device.
            quantize: store the language model in fewer bits (``int8``, ``int4``).
            reasoner: how stories are planned.

        Raises:
            CheckpointError: if there is no such model, or its files are damaged.
        """
        folder = resolve_model(name_or_dir)
        loaded = load_pretrained(name_or_dir, device=device, dtype=dtype, quantize=quantize)
        return cls(
            loaded.model,
            loaded.tokenizer,
            name=name_or_dir,
            fingerprint=variant_of(fingerprint_of(folder), dtype or dtype_for(device), quantize),
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
        *_, ready = self.plan_steps(instruction, seed=seed, settings=settings)
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
        sharing: Sharing | None = None,
        ahead: bool | None = None,
    ) -> Iterator[Progress]:
        """The steps to a narration, the last of which is ``NarrationReady``.

        Args:
            source: an instruction to plan first, or a plan to sound.
            seed: of the plan to be made; a given plan has its own.
            settings: of the plan to be made; a given plan has its own.
            store: where finished sound is looked up and kept; by default in memory.
            sharing: what stories have in common that are under way at once; by default this one
                is alone.
            ahead: sound clips while later captions are written: the first one is there sooner, but
                their batches are smaller, so that last bits may differ. By default where the
                device can do both at once (CUDA). Stories told in several passages, and stories
                that share, are planned to the end before.
        """
        began, plan = time.perf_counter(), source
        store = store or MemoryStore()

        def sounding_of(plan: Plan) -> Sounding:
            return Sounding(
                self.model,
                self.tokenizer,
                plan,
                store=store,
                fingerprint=self.fingerprint,
                reading=self.reasoner.reading,
                renderer=self.renderer if sharing is None else sharing.renderer,
            )

        if ahead is None:
            ahead = self.model.device.type == "cuda"
        with SoundingAhead(sounding_of, self.model.device) as sooner:
            if isinstance(source, Instruction):
                for step in self.plan_steps(
                    source,
                    seed=seed,
                    settings=settings,
                    sharing=sharing,
                    gives_parts=ahead and sharing is None,
                ):
                    if isinstance(step, CaptionReady):
                        sooner.begin(step)
                    else:
                        yield step
                    plan = step.plan if isinstance(step, StorylineReady) else plan
                    yield from sooner.finished()
            planning_s = time.perf_counter() - began
            yield from sooner.rest()
        assert isinstance(plan, Plan)
        sounding = sounding_of(plan)
        yield from (clip for clip in sounding.clips() if clip.index >= sooner.num_ready)
        waveform, loudness = sounding.track()
        narration = Narration(
            waveform=waveform,
            plan=with_level(with_notes(plan, sounding.notes), loudness),
            loudness=loudness,
            planning_s=planning_s,
            rendering_s=time.perf_counter() - began - planning_s,
        )
        yield NarrationReady(narration)

    def plan_steps(
        self,
        instruction: Instruction,
        *,
        seed: int = 0,
        settings: PlanSettings | None = None,
        sharing: Sharing | None = None,
        gives_parts: bool = False,
    ) -> Iterator[PassagePlanned | CaptionReady | StorylineReady]:
        """Passages as they are written, then the plan; arguments are those of ``stream``.

        With ``gives_parts``, the plan as it grows by captions, too, if one passage tells it all.
        """
        if not clean_field(instruction.text):
            raise InstructionError(
                "the instruction holds nothing but markers of the model: say in words what should "
                "happen"
            )
        duration_s, notes = decided_duration(instruction)
        asked = replace(instruction, text=instruction.text.strip())
        rng = torch.Generator().manual_seed(seed)
        passages: list[Passage] = []

        def planned(passages: Sequence[Passage]) -> Plan:
            return plan_of(
                story_in(passages),
                asked,
                duration_s=duration_s,
                seed=seed,
                model=PlanModel(name=self.name),
                settings=settings or PlanSettings(),
                notes=notes,
            )

        with sharing.lend() if sharing else nullcontext() as memory:
            told = self.reasoner.passages(
                asked.text, duration_s, rng=rng, memory=memory, gives_parts=gives_parts
            )
            for passage in told:
                if passage.is_finished:
                    passages.append(passage)
                    yield PassagePlanned(until_s=passage.end_s, total_s=duration_s)
                elif passage.is_whole(duration_s):
                    yield CaptionReady(index=len(passage.clips) - 1, plan=planned([passage]))
        notes += [note for passage in passages for note in passage.notes]
        yield StorylineReady(planned(passages))


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


def with_notes(plan: Plan, notes: Sequence[str]) -> Plan:
    """The plan, its provenance saying these things too."""
    known = plan.provenance.notes
    notes = [*known, *(note for note in notes if note not in known)]
    provenance = plan.provenance.model_copy(update={"notes": notes})
    return plan.model_copy(update={"provenance": provenance})


def with_placeholders(passage: Passage) -> tuple[Clip, ...]:
    """The clips of a passage, those that have no caption yet among them."""
    unwritten = passage.events[len(passage.clips) :]
    return (
        *passage.clips,
        *(Clip(caption=PLACEHOLDER, duration_s=event.duration_s) for event in unwritten),
    )


def story_in(passages: Sequence[Passage]) -> Story:
    """Passages in order as one story, under the summary of the first."""
    return Story(
        storyline=Storyline(
            summary=passages[0].summary,
            events=tuple(event for passage in passages for event in passage.events),
        ),
        clips=tuple(clip for passage in passages for clip in with_placeholders(passage)),
    )
