"""From an instruction to a narration as the release does it, number for number in float32.

The other path, ``pipeline.py``, is the product's. This one is for comparing with the release: the
model writes freely, every clip starts from the same noise, tracks come out at 32 kHz as they are.
It departs from the release only where that crashes or loses finished work, and says so in the
plan's notes.

Source: the inference code of TencentARC/AudioStory at 899d4f9.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace

import torch

from audiostory.audio.loudness import Level, LoudnessReport, integrated_lufs, true_peak_dbtp
from audiostory.audio.meter import ABSOLUTE_GATE_LUFS, GATE_BLOCK_S
from audiostory.audio.waveform import Samples, Waveform
from audiostory.errors import InstructionError
from audiostory.generate.narration import (
    ClipReady,
    Narration,
    NarrationReady,
    PassagePlanned,
    Progress,
    StorylineReady,
)
from audiostory.generate.pipeline import decided_duration
from audiostory.generate.released.clips import ReleasedStory, extract
from audiostory.generate.released.decoding import (
    Decoded,
    DecodingRules,
    Lookahead,
    decode,
    end_ids_of,
    forced_runs,
    recite,
)
from audiostory.generate.released.plan import released_plan
from audiostory.generate.released.sound import SCHEDULES, ReleasedRenderer, ReleasedSettings
from audiostory.models.audiostory import AudioStoryModel
from audiostory.models.bridge import Condition
from audiostory.models.catalogue import DEFAULT_MODEL, resolve_model
from audiostory.models.pretrained import (
    dtype_for,
    fingerprint_of,
    load_pretrained,
    variant_of,
)
from audiostory.models.quantization import Bits
from audiostory.models.tokenizer import StoryTokenizer
from audiostory.story.format import render
from audiostory.story.lead_phrases import released_instruction
from audiostory.story.plan import Plan, story_of
from audiostory.story.prompt import chat_prompt, instruction_text, without_markers
from audiostory.story.tokens import clean_field
from audiostory.story.types import Instruction


class ReleasedPipeline:
    """Instruction to narration with one model, the release's way.

    Args:
        model: the networks, ready for inference.
        tokenizer: the model's own.
        name: how plans call the model: a known name or a folder.
        fingerprint: what tells these weights from all others.
        settings: how stories are told and sounded.
    """

    def __init__(
        self,
        model: AudioStoryModel,
        tokenizer: StoryTokenizer,
        *,
        name: str,
        fingerprint: str,
        settings: ReleasedSettings | None = None,
    ) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.name = name
        self.fingerprint = fingerprint
        self.settings = settings or ReleasedSettings()
        self.rules = DecodingRules(
            runs=forced_runs(tokenizer, model.config.tokens),
            end_ids=end_ids_of(tokenizer),
            repetition_penalty=self.settings.repetition_penalty or model.config.repetition_penalty,
            max_new_tokens=self.settings.max_new_tokens,
        )

    @classmethod
    def from_pretrained(
        cls,
        name_or_dir: str = DEFAULT_MODEL,
        *,
        device: str = "cpu",
        dtype: torch.dtype | None = None,
        quantize: Bits | None = None,
        settings: ReleasedSettings | None = None,
    ) -> ReleasedPipeline:
        """A pipeline with the model of that name, or in that folder.

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
            settings=settings,
        )

    def generate(self, instruction: Instruction, *, seed: int = 0) -> Narration:
        """The finished narration; other seeds than 0 begin from another noise than the release."""
        *_, ready = self.stream(instruction, seed=seed)
        assert isinstance(ready, NarrationReady)
        return ready.narration

    def stream(self, source: Instruction | Plan, *, seed: int = 0) -> Iterator[Progress]:
        """The steps to a narration, the last of which is ``NarrationReady``.

        Args:
            source: an instruction for the model to write about, or a plan, whose story the model
                reads as if it had written it; the rest of a plan is not used.
            seed: added to the settings' ``noise_seed``.

        Raises:
            FormatError: if the text has no complete clip, or one that does not say how long it
                lasts.
            PlanError: if no plan can hold the story.
        """
        began = time.perf_counter()
        settings = replace(self.settings, noise_seed=self.settings.noise_seed + seed)
        renderer = ReleasedRenderer(self.model, settings)
        if isinstance(source, Plan):
            instruction, notes, story = asked_of(source), unused_of(source), self.read(source)
        else:
            instruction, (text, notes) = source, self.told(source)
            story = self.write(text)
        condition = self.condition(story)
        plan = released_plan(story, instruction, renderer, model=self.name, notes=notes)
        yield PassagePlanned(until_s=plan.duration_s, total_s=plan.duration_s)
        yield StorylineReady(plan)
        planning_s = time.perf_counter() - began
        durations_s = [clip.duration_s for clip in plan.clips]
        rate_hz, clips = self.model.codec.sample_rate_hz, list[Samples]()
        for index, samples in enumerate(renderer.clips(condition, durations_s)):
            clips.append(samples)
            yield ClipReady(
                index=index,
                total=len(durations_s),
                waveform=Waveform(samples, rate_hz),
                is_reused=False,
            )
        waveform = Waveform(renderer.track(clips).samples, settings.target_rate_hz)
        narration = Narration(
            waveform=waveform,
            plan=plan,
            loudness=measured(waveform),
            planning_s=planning_s,
            rendering_s=time.perf_counter() - began - planning_s,
        )
        yield NarrationReady(narration)

    def told(self, instruction: Instruction) -> tuple[str, list[str]]:
        """The instruction as the model reads it, and what was decided about it.

        Raises:
            InstructionError: if it holds nothing but markers, or states an impossible length.
        """
        if not clean_field(instruction.text):
            raise InstructionError(
                "the instruction holds nothing but markers of the model: say in words what should "
                "happen"
            )
        if self.settings.lead_phrase_seed is None:
            return instruction_text(instruction), []
        duration_s, notes = decided_duration(instruction)
        text = released_instruction(
            without_markers(instruction.text), duration_s, self.settings.lead_phrase_seed
        )
        return text, [*notes, f"the model was told: {text}"]

    def write(self, text: str) -> ReleasedStory:
        """The story that the model writes for an instruction's text."""
        ids = self.tokenizer.encode(chat_prompt(text))
        return self._extracted(decode(self.model.llm, ids, self.rules, self._ahead))

    def read(self, plan: Plan) -> ReleasedStory:
        """The story of a plan, read by the model as if it had written it.

        Raises:
            FormatError: if the plan does not have one clip per event.
        """
        prompt_ids = self.tokenizer.encode(chat_prompt(instruction_text(asked_of(plan))))
        ids = self.tokenizer.encode(render(story_of(plan), self.model.config.tokens))
        return self._extracted(recite(self.model.llm, prompt_ids, ids, self.rules, self._ahead))

    def condition(self, story: ReleasedStory) -> Condition:
        """What the DiT sees of each clip.

        Raises:
            FormatError: if there is no clip.
        """
        bridge = self.model.bridge
        with torch.no_grad():
            return bridge.fuse(bridge.for_generation(bridge.read(*story.hidden)))

    @property
    def _ahead(self) -> Lookahead:
        return SCHEDULES[self.settings.schedule].ahead

    def _extracted(self, decoded: Decoded) -> ReleasedStory:
        return extract(decoded, self.tokenizer, self.model.config.tokens)


def asked_of(plan: Plan) -> Instruction:
    """The instruction of a plan, for a track of the plan's length."""
    return Instruction(text=plan.instruction.text, duration_s=plan.duration_s)


def unused_of(plan: Plan) -> list[str]:
    """What of a plan's sound the released way has no means for."""
    is_mixed = any(clip.gain != 1 or clip.layer != plan.clips[0].layer for clip in plan.clips)
    return ["the plan's gains and layers are not used: the release has none"] if is_mixed else []


def measured(waveform: Waveform) -> LoudnessReport:
    """How loud a track is that nothing was done to: no gain, no limiter, no ceiling."""
    level = Level(lufs=integrated_lufs(waveform), true_peak_dbtp=true_peak_dbtp(waveform))
    has_gates = waveform.duration_s >= GATE_BLOCK_S
    is_silent = level.lufs <= ABSOLUTE_GATE_LUFS
    return LoudnessReport(
        before=level,
        after=level,
        target_lufs=None,
        ceiling_dbtp=math.inf,
        gain_db=0.0,
        reduction_db=0.0,
        limiter=None,
        method="silent" if is_silent else "gated" if has_gates else "ungated",
    )
