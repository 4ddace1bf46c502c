"""One plan on its way to sound: what is finished, what is missing, and the track of all.

Takes are made in batches and kept in a store before the next batch starts; what the store already
holds is not made again. Only one batch and the track are in memory when the store is a folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from audiostory.audio.join import assemble, lengths_to_render
from audiostory.audio.loudness import KeptGain, LoudnessReport, evened, normalize
from audiostory.audio.waveform import Waveform
from audiostory.errors import AudioError
from audiostory.generate.clip_store import TakeStore, content_key
from audiostory.generate.conditions import ConditionReader, ReadingLimits, windows_of
from audiostory.generate.narration import ClipReady
from audiostory.generate.renderer import (
    Renderer,
    SamplingSettings,
    Take,
    batches_of,
)
from audiostory.models.audiostory import AudioStoryModel
from audiostory.models.bridge import Condition
from audiostory.models.tokenizer import StoryTokenizer
from audiostory.story.plan import Plan


class Sounding:
    """Sounds one plan with one model.

    Args:
        model: the networks.
        tokenizer: the model's own.
        plan: what to sound.
        store: where finished takes are looked up and kept.
        fingerprint: what tells these weights from all others.
        reading: how much of the story the language model reads at once.
        renderer: makes takes; by default one of its own.
    """

    def __init__(
        self,
        model: AudioStoryModel,
        tokenizer: StoryTokenizer,
        plan: Plan,
        *,
        store: TakeStore,
        fingerprint: str,
        reading: ReadingLimits,
        renderer: Renderer | None = None,
    ) -> None:
        self.plan = plan
        self.store = store
        self.renderer = renderer or Renderer(model)
        self.reader = ConditionReader(model, tokenizer)
        self.settings = settings_of(plan, model)
        self.windows = windows_of(plan, reading)
        overlap_s = 0.0 if plan.settings.join == "none" else plan.settings.overlap_s
        self.lengths_s = lengths_to_render(plan.clips, overlap_s)
        self.takes = [
            self.renderer.takes(index, length_s, clip.seed)
            for index, (clip, length_s) in enumerate(zip(plan.clips, self.lengths_s, strict=True))
        ]
        self._keys = self._named(fingerprint)
        self._conditions: dict[int, Condition] = {}

    @property
    def notes(self) -> list[str]:
        """What had to be done in another way than usual, in the reader's words."""
        if not self.renderer.has_shrunk:
            return []
        return ["memory did not suffice for the usual batches: sounded in smaller ones"]

    def clip(self, index: int) -> ClipReady:
        """One clip, before the others: its takes are made in batches of their own."""
        missing = [take for take in self.takes[index] if self._find(take) is None]
        if missing and index not in self._conditions:
            (window,) = (window for window in self.windows if index in window.clips)
            self._conditions |= self.reader.read(self.reader.up_to(window, index))
        for batch in batches_of(missing, self.renderer.max_batch_frames):
            self._render(batch)
        return self._ready(index, is_reused=not missing)

    def clips(self) -> Iterator[ClipReady]:
        """Each clip in the plan's order, as soon as it is finished."""
        rendered: set[int] = set()
        all_takes = [take for takes in self.takes for take in takes]
        for batch in batches_of(all_takes, self.renderer.max_batch_frames):
            missing = [take for take in batch if self._find(take) is None]
            if missing:
                self._render(missing)
                rendered |= {take.clip_index for take in missing}
            for take in batch:
                if take is self.takes[take.clip_index][-1]:
                    index = take.clip_index
                    yield self._ready(index, is_reused=index not in rendered)

    def track(self) -> tuple[Waveform, LoudnessReport]:
        """All clips joined, at the asked length, rate and loudness.

        Raises:
            AudioError: if a clip has not been finished before.
        """
        settings = self.plan.settings
        joined = assemble(
            (self._clip(index) for index in range(len(self.takes))),
            self.plan.clips,
            total_s=self.plan.duration_s,
            sample_rate_hz=settings.sample_rate_hz or self.renderer.sample_rate_hz,
            overlap_s=settings.overlap_s,
            curve=settings.join,
        )
        level = settings.level if settings.loudness_lufs is not None else None
        kept = level and KeptGain(gain_db=level.gain_db, limiter=level.limiter)
        return normalize(joined, settings.loudness_lufs, kept=kept)

    def _ready(self, index: int, *, is_reused: bool) -> ClipReady:
        return ClipReady(
            index=index, total=len(self.takes), waveform=self._clip(index), is_reused=is_reused
        )

    def _find(self, take: Take) -> Waveform | None:
        return self.store.find(self._keys[take], take.num_samples)

    def _render(self, takes: Sequence[Take]) -> None:
        """Make takes of one batch and keep them."""
        conditions = [self._condition(take.clip_index) for take in takes]
        waveforms = self.renderer.render(takes, conditions, self.settings)
        self.store.commit(
            {self._keys[take]: waveform for take, waveform in zip(takes, waveforms, strict=True)}
        )

    def _clip(self, index: int) -> Waveform:
        """A finished clip, its takes joined, as loud as it should come to the others."""
        waveforms = [self._find(take) for take in self.takes[index]]
        found = [waveform for waveform in waveforms if waveform is not None]
        if len(found) < len(waveforms):
            raise AudioError(
                f"clip {index + 1} of {len(self.takes)} is no longer where it was kept: "
                "render again"
            )
        clip = self.renderer.joined(found, self.lengths_s[index])
        return evened(clip, self.plan.settings.evenness)

    def _condition(self, index: int) -> Condition:
        """The condition of a clip; its whole window is read when one of it is first asked for."""
        if index not in self._conditions:
            (window,) = (window for window in self.windows if index in window.clips)
            self._conditions |= self.reader.read(window)
        return self._conditions[index]

    def _named(self, fingerprint: str) -> dict[Take, str]:
        """A key for each take: a digest of everything that decides how it sounds."""
        contexts = {
            index: text
            for window in self.windows
            for index, text in self.reader.context_texts(window).items()
        }
        return {
            take: content_key(
                model=fingerprint,
                context=contexts[take.clip_index],
                take=[take.duration_s, take.num_frames, take.num_samples, take.seed],
                settings=asdict(self.settings),
            )
            for takes in self.takes
            for take in takes
        }


def settings_of(plan: Plan, model: AudioStoryModel) -> SamplingSettings:
    """The plan's settings, where it leaves them open the model's own."""
    flow, asked = model.config.flow, plan.settings
    guidance_scale = asked.guidance_scale
    return SamplingSettings(
        steps=asked.steps or flow.steps,
        guidance_scale=flow.guidance_scale if guidance_scale is None else guidance_scale,
        solver=asked.solver or flow.solver,
        sigma_shift=asked.sigma_shift or flow.sigma_shift,
        guidance_interval=flow.guidance_interval,
        cache_interval=flow.cache_interval,
    )
