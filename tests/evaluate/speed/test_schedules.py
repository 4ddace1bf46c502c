from __future__ import annotations

import pytest
import torch

from audiostory.evaluate.speed import schedules
from audiostory.evaluate.speed.subject import Subject, story_of_length
from audiostory.generate.released.sound import ReleasedSettings
from audiostory.story.format import render
from audiostory.story.grammar import slots_of
from audiostory.story.plan import PlanModel, PlanSettings, plan_of
from audiostory.story.types import Instruction
from tests.tiny import tiny_model, tiny_tokenizer

SETTINGS = ReleasedSettings(steps=2, crossfade_s=0.2)


@pytest.fixture(scope="module")
def subject() -> Subject:
    story = story_of_length(4.0, 2)
    return Subject(
        model=tiny_model(),
        tokenizer=tiny_tokenizer(),
        story=story,
        plan=plan_of(
            story,
            Instruction(text="Rain", duration_s=4.0),
            duration_s=4.0,
            seed=0,
            model=PlanModel(name="tiny"),
            settings=PlanSettings(),
        ),
        text_encoder=None,
        weights="random",
    )


def test_the_releases_numbers_come_out_the_same_in_either_order(subject):
    slow = schedules.released_schedule(subject, SETTINGS)
    quick = schedules.released_numbers(subject, SETTINGS)
    torch.testing.assert_close(slow.latents_BTC, quick.latents_BTC, atol=1e-4, rtol=1e-3)
    assert slow.latents_BTC.shape[0] == 2
    assert slow.num_tokens == quick.num_tokens


def test_every_schedule_tells_every_token_and_sounds_every_clip(subject):
    tokens, encode = subject.model.config.tokens, subject.tokenizer.encode
    at_once = len(encode(render(subject.story, tokens)))
    in_slots = sum(len(encode(text)) for _, text in slots_of(subject.story, tokens))
    for schedule in schedules.SCHEDULES.values():
        told = schedule(subject, SETTINGS)
        is_ours = schedule is schedules.our_schedule
        assert told.num_tokens == (in_slots if is_ours else at_once)
        assert told.clip_s >= 4.0
        assert 0 < told.watch.planned_s < told.watch.first_clip_s <= told.watch.total_s


def test_the_lora_of_the_releases_schedule_changes_no_number_and_is_gone_after(subject):
    llm = subject.model.llm
    before = {name: value.clone() for name, value in llm.state_dict().items()}
    ids_BL = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        plain_BLD = llm.hidden_states(ids_BL)
        with schedules.lora_apart(subject):
            assert llm.config.lora is not None
            assert torch.equal(llm.hidden_states(ids_BL), plain_BLD)
    assert llm.config.lora is None
    after = llm.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
