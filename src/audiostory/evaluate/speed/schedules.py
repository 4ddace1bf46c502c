"""The schedules: the release's own, the same numbers in a better order, and ours.

Each tells the whole story and sounds it; see ``subject.py`` for how a given story is "written".

Shapes: ``L`` tokens, ``D`` the language model's width, ``B`` clips, ``T`` latent frames, ``C``
latent channels, ``S`` condition tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from audiostory.evaluate.speed.meter import Stopwatch
from audiostory.evaluate.speed.subject import Subject
from audiostory.generate.ahead import SoundingAhead
from audiostory.generate.clip_store import MemoryStore
from audiostory.generate.conditions import ReadingLimits
from audiostory.generate.narration import CaptionReady, ClipReady
from audiostory.generate.released.clips import extract
from audiostory.generate.released.decoding import (
    Decoded,
    DecodingRules,
    end_ids_of,
    forced_runs,
)
from audiostory.generate.released.sound import ReleasedRenderer, ReleasedSettings
from audiostory.generate.sounding import Sounding
from audiostory.generate.transcript import Sampling, Transcript
from audiostory.models.bridge import Condition
from audiostory.models.llm import LoraSettings
from audiostory.story.format import render
from audiostory.story.grammar import Fixed, Number, Words, slots_of
from audiostory.story.prompt import chat_prompt, instruction_text
from audiostory.story.types import Instruction


@dataclass(frozen=True)
class Told:
    """What a schedule did, and how long it took."""

    watch: Stopwatch
    num_tokens: int
    """Tokens of the story, bridge tokens among them."""
    clip_s: float
    """Seconds of sound that the DiT made, parts that were cut off left out."""
    latents_BTC: Tensor | None
    """Latents of all clips under the release's numbers; None where they are others."""
    overlaps: bool = False
    """Whether clips were sounded while the story was being told."""


@torch.no_grad()
def released_schedule(subject: Subject, settings: ReleasedSettings) -> Told:
    """The release's own: token by token, all layers' states kept, LoRA apart, clip after clip.

    The empty text is encoded anew for every clip, every clip fills the whole window.
    """
    with lora_apart(subject), _at_hand(subject):
        return _released_schedule(subject, settings)


def _released_schedule(subject: Subject, settings: ReleasedSettings) -> Told:
    model, plan = subject.model, subject.plan
    watch = Stopwatch(model.device)
    decoded = _step_by_step(subject)
    condition = _fused(subject, decoded)
    watch.planned_s = watch.read()
    renderer = ReleasedRenderer(model, settings)
    lengths_s = renderer.lengths_s([clip.duration_s for clip in plan.clips])
    samples, latents = [], []
    for index, length_s in enumerate(lengths_s):
        _encode_nothing(subject)
        latents.append(renderer.latents(condition.clip(index), [length_s]))
        samples.append(renderer.samples(latents[-1], length_s))
        watch.clip()
    renderer.track(samples)
    watch.stop()
    return Told(watch, len(decoded.ids), sum(lengths_s), torch.cat(latents))


@torch.no_grad()
def released_numbers(subject: Subject, settings: ReleasedSettings) -> Told:
    """The release's numbers, our order: bridge blocks at once, LoRA merged, clips in one batch."""
    model, plan = subject.model, subject.plan
    watch = Stopwatch(model.device)
    decoded = _in_blocks(subject)
    condition = _fused(subject, decoded)
    watch.planned_s = watch.read()
    renderer = ReleasedRenderer(model, settings)
    lengths_s = renderer.lengths_s([clip.duration_s for clip in plan.clips])
    latents_BTC = renderer.latents(condition, lengths_s)
    samples = []
    for row, length_s in enumerate(lengths_s):
        samples.append(renderer.samples(latents_BTC[row : row + 1], length_s))
        watch.clip()
    renderer.track(samples)
    watch.stop()
    return Told(watch, len(decoded.ids), sum(lengths_s), latents_BTC)


@torch.no_grad()
def our_schedule(subject: Subject, settings: ReleasedSettings) -> Told:
    """The product's way, profile ``story``: only frames that are heard, the model's own steps."""
    model, plan = subject.model, subject.plan
    watch = Stopwatch(model.device)
    sounding = _Timed(
        model,
        subject.tokenizer,
        plan,
        store=MemoryStore(),
        fingerprint="bench",
        reading=ReadingLimits(passage_s=max(model.config.story_s, plan.duration_s)),
    )
    sounding.watch = watch
    with SoundingAhead(lambda _: sounding, model.device) as ahead:
        num_tokens = _through_the_grammar(
            subject, ahead.begin if model.device.type == "cuda" else lambda _: None
        )
        watch.planned_s = watch.read()
        list(ahead.rest())
    for _ in sounding.clips():
        watch.clip()
    sounding.track()
    watch.stop()
    overlaps = model.device.type == "cuda"
    return Told(watch, num_tokens, sum(sounding.lengths_s), None, overlaps)


class _Timed(Sounding):
    """A sounding whose clips are timed where they are made."""

    watch: Stopwatch

    def clip(self, index: int) -> ClipReady:
        """One clip, before the others."""
        ready = super().clip(index)
        self.watch.clip()
        return ready


SCHEDULES: dict[str, Callable[[Subject, ReleasedSettings], Told]] = {
    "the release's schedule": released_schedule,
    "the release's numbers, our order": released_numbers,
    "ours (profile story)": our_schedule,
}


@contextmanager
def lora_apart(subject: Subject) -> Iterator[None]:
    """Within the block, the language model has low-rank updates of its own, which change nothing.

    They are fresh, their second factor zero: the same numbers, with all the work of having them.
    """
    llm = subject.model.llm
    llm.add_lora(LoraSettings())
    try:
        yield
    finally:
        llm.merge_lora()


@contextmanager
def _at_hand(subject: Subject) -> Iterator[None]:
    """Within the block, the text encoder is where the model is; before and after, it is not."""
    encoder = subject.text_encoder or torch.nn.Identity()
    encoder.to(subject.model.device)
    try:
        yield
    finally:
        encoder.to("cpu")


def _prompt_ids(subject: Subject) -> list[int]:
    asked = Instruction(text=subject.plan.instruction.text, duration_s=subject.plan.duration_s)
    return subject.tokenizer.encode(chat_prompt(instruction_text(asked)))


def _story_ids(subject: Subject) -> list[int]:
    return subject.tokenizer.encode(render(subject.story, subject.model.config.tokens))


def _rules(subject: Subject) -> DecodingRules:
    return DecodingRules(
        runs=forced_runs(subject.tokenizer, subject.model.config.tokens),
        end_ids=end_ids_of(subject.tokenizer),
        repetition_penalty=subject.model.config.repetition_penalty,
        max_new_tokens=1,
    )


def _step_by_step(subject: Subject) -> Decoded:
    """Every token by itself, scored over prompt and story, the states of all layers kept."""
    llm, rules = subject.model.llm, _rules(subject)
    prompt_ids, ids = _prompt_ids(subject), _story_ids(subject)
    device = subject.model.device
    is_known_V = torch.zeros(llm.config.vocab_size, dtype=torch.bool, device=device)
    is_known_V[prompt_ids] = True
    cache, kept, fed = llm.new_cache(), [], prompt_ids
    for index in ids:
        output = llm.network(
            input_ids=torch.tensor([fed], device=device),
            past_key_values=cache,
            use_cache=True,
            output_hidden_states=True,
            logits_to_keep=1,
        )
        kept.append(output.hidden_states)
        rules.choose(output.logits[0, -1].float(), is_known_V, fed[-1])
        is_known_V[index] = True
        fed = [index]
    hidden_LD = torch.cat([states[-1][0] for states in kept[1:]])
    return Decoded(ids=tuple(ids), hidden_LD=hidden_LD, is_cut=False)


def _in_blocks(subject: Subject) -> Decoded:
    """Bridge blocks in one forward, other tokens one by one; the last layer's states only."""
    llm, rules = subject.model.llm, _rules(subject)
    prompt_ids, ids = _prompt_ids(subject), _story_ids(subject)
    device = subject.model.device
    is_known_V = torch.zeros(llm.config.vocab_size, dtype=torch.bool, device=device)
    is_known_V[prompt_ids] = True
    transcript, place = Transcript(llm), 0
    transcript.push(prompt_ids)
    rules.choose(transcript.next_logits(), is_known_V, prompt_ids[-1])
    states: list[Tensor] = []
    while place < len(ids) - 1:
        count = min(1 + len(rules.rest_of_block(ids[place])), len(ids) - 1 - place)
        transcript.push(ids[place : place + count])
        hidden_LD = transcript.feed()[0]
        states.append(hidden_LD)
        for logits_V, last_id in zip(
            llm.logits(hidden_LD).float(), ids[place : place + count], strict=True
        ):
            rules.choose(logits_V, is_known_V, last_id)
            is_known_V[last_id] = True
        place += count
    return Decoded(ids=tuple(ids), hidden_LD=torch.cat(states), is_cut=False)


def _through_the_grammar(subject: Subject, tell: Callable[[CaptionReady], None]) -> int:
    """The story as the product writes it: fixed text is fed, free tokens are chosen one by one.

    ``tell`` hears of each caption when it is written, but of the last.
    """
    model, tokenizer, vocabulary = subject.model, subject.tokenizer, subject.vocabulary
    sampling, rng = Sampling(), torch.Generator().manual_seed(0)
    transcript = Transcript(model.llm)
    transcript.push(_prompt_ids(subject))
    num_prompt = len(transcript.ids)
    for slot, text in slots_of(subject.story, model.config.tokens):
        if isinstance(slot, Fixed):
            transcript.push(tokenizer.encode(text))
            continue
        allowed_V = vocabulary.is_number_V if isinstance(slot, Number) else vocabulary.is_word_V
        for index in tokenizer.encode_plain(text):
            sampling.choose(transcript.next_logits(), allowed_V, rng)
            transcript.push([index])
        match slot:
            case Words(name="caption", event=int(index)) if index + 1 < len(subject.story.clips):
                tell(CaptionReady(index=index, plan=subject.plan))
            case _:
                pass
    transcript.feed()
    return len(transcript.ids) - num_prompt


def _fused(subject: Subject, decoded: Decoded) -> Condition:
    """The condition of all clips, from what was written."""
    story = extract(decoded, subject.tokenizer, subject.model.config.tokens)
    bridge = subject.model.bridge
    return bridge.fuse(bridge.for_generation(bridge.read(*story.hidden)))


def _encode_nothing(subject: Subject) -> None:
    """The empty text through the text encoder, padded to a clip's semantic tokens."""
    if subject.text_encoder is None:
        return
    num_tokens = subject.model.config.tokens.num_semantic
    ids_1S = torch.zeros(1, num_tokens, dtype=torch.long, device=subject.model.device)
    ids_1S[0, 0] = 1
    subject.text_encoder(input_ids=ids_1S, attention_mask=(ids_1S != 0).long())
