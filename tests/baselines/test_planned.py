from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audiostory.baselines.planned import PlannedConfig, PlannedTextToAudio, num_parts, pieces_of
from audiostory.baselines.planners import WholeInstruction
from audiostory.errors import AudioError, ConfigError, InstructionError
from audiostory.story.plan import Plan, derive_seed
from audiostory.story.types import Instruction
from tests.baselines.systems import RATE_HZ, Fixed, Remarkable, Tones, Unlimited, story

ASKED = Instruction(text="Rain, a dog, a bell", duration_s=9.0)
TOLD = story(("rain", 4.0), ("a dog", 2.0), ("a bell", 3.0))


def system(told=TOLD, model=None, **config) -> PlannedTextToAudio:
    return PlannedTextToAudio(Fixed(told), model or Tones(), PlannedConfig(**config))


def test_the_track_is_the_clips_end_to_end_sample_for_sample():
    model = Tones()
    narration = system(model=model).generate(ASKED, seed=5)
    clips = [
        model.sound(caption, seconds, seed=derive_seed(5, index)).samples
        for index, (caption, seconds) in enumerate([("rain", 4.0), ("a dog", 2.0), ("a bell", 3.0)])
    ]
    assert np.allclose(narration.waveform.samples, np.concatenate(clips, axis=1), atol=1e-6)


def test_the_plan_says_what_sounded_when_and_from_which_seed():
    plan = system().generate(ASKED, seed=5).plan
    assert [(clip.start_s, clip.duration_s) for clip in plan.clips] == [(0, 4), (4, 2), (6, 3)]
    assert [clip.seed for clip in plan.clips] == [derive_seed(5, index) for index in range(3)]
    assert plan.settings.join == "none"
    assert plan.settings.evenness == 0
    assert plan.model.name == "fixed + tones"
    assert plan.provenance.notes == []
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_the_same_seed_gives_the_same_track_and_another_does_not():
    first, again, other = (system().generate(ASKED, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.waveform.samples, again.waveform.samples)
    assert not np.array_equal(first.waveform.samples, other.waveform.samples)


def test_stereo_stays_stereo():
    assert system(model=Tones(channels=2)).generate(ASKED).waveform.channels == 2


def test_a_crossfaded_track_is_as_long_as_asked_and_its_clips_longer():
    model = Tones()
    narration = system(model=model, join="crossfade", overlap_s=0.5).generate(ASKED)
    assert narration.waveform.num_samples == 9 * RATE_HZ
    assert [seconds for _, seconds, _ in model.asked] == [4.5, 2.5, 3.0]
    assert narration.plan.settings.join == "equal_power"
    assert narration.plan.settings.overlap_s == 0.5


def test_a_long_event_is_sounded_in_equal_parts_of_one_caption():
    model = Tones(max_duration_s=2.0)
    narration = system(story(("rain", 5.0), ("a dog", 2.0)), model).generate(ASKED, seed=1)
    own = derive_seed(1, 0)
    assert [(caption, seed) for caption, _, seed in model.asked] == [
        ("rain", own),
        ("rain", derive_seed(own, 1)),
        ("rain", derive_seed(own, 2)),
        ("a dog", derive_seed(1, 1)),
    ]
    assert [seconds for _, seconds, _ in model.asked] == pytest.approx([5 / 3] * 3 + [2.0])
    assert narration.waveform.duration_s == pytest.approx(7.0, abs=4 / RATE_HZ)
    assert [clip.duration_s for clip in narration.plan.clips] == [5.0, 2.0]
    assert "clip 1: 5 s are more than the 2 s of tones" in narration.plan.provenance.notes[0]


def test_a_long_event_can_be_shortened_and_what_follows_comes_earlier():
    model = Tones(max_duration_s=2.0)
    told = story(("rain", 5.0), ("a dog", 2.0))
    narration = system(told, model, long_events="shorten").generate(ASKED)
    assert [seconds for _, seconds, _ in model.asked] == [2.0, 2.0]
    assert [clip.start_s for clip in narration.plan.clips] == [0.0, 2.0]
    assert narration.plan.provenance.notes == [
        "clip 1: shortened from 5 s to the 2 s of tones",
        "the track lasts 4 s; 9 s are asked for",
    ]


def test_a_long_event_can_be_refused():
    with pytest.raises(InstructionError, match="clip 1 of 1 asks for 5 s; tones makes at most 2 s"):
        system(story(("rain", 5.0)), Tones(max_duration_s=2.0), long_events="refuse").generate(
            ASKED
        )


@pytest.mark.parametrize("policy", ["split", "shorten"])
def test_a_crossfade_never_asks_for_more_than_the_model_makes(policy):
    model = Tones(max_duration_s=2.0)
    told = story(("rain", 5.0), ("a dog", 2.0), ("a bell", 1.9))
    system(told, model, join="crossfade", overlap_s=0.5, long_events=policy).generate(ASKED)
    assert max(seconds for _, seconds, _ in model.asked) <= 2.0 + 1e-6


def test_a_model_without_a_longest_clip_sounds_each_event_in_one_go():
    model = Unlimited()
    system(story(("rain", 60.0)), model).generate(Instruction(text="rain", duration_s=60.0))
    assert len(model.asked) == 1


def test_direct_with_less_than_was_asked_for_says_so():
    asked = Instruction(text="Rain falls", duration_s=35.0)
    narration = PlannedTextToAudio(WholeInstruction(), Tones()).generate(asked)
    assert narration.waveform.duration_s == 10.0
    assert narration.plan.instruction.duration_s == 35.0
    assert narration.plan.provenance.notes == ["the track lasts 10 s; 35 s are asked for"]


def test_notes_of_the_planner_and_remarks_of_the_model_are_in_the_plan_once():
    told = story(("rain", 5.0), ("a dog", 2.0))
    planner = Fixed(told, notes=("planned so",))
    narration = PlannedTextToAudio(planner, Remarkable(max_duration_s=3.0)).generate(
        Instruction(text="x", duration_s=7.0)
    )
    notes = narration.plan.provenance.notes
    assert notes[0] == "planned so"
    assert notes[-2:] == ["clip 1: tone for rain", "clip 2: tone for a dog"]


def test_peaks_stay_under_the_ceiling_and_the_report_tells():
    class Loud(Tones):
        def sound(self, caption, duration_s, *, seed):
            quiet = super().sound(caption, duration_s, seed=seed)
            return type(quiet)(quiet.samples * np.float32(10), quiet.sample_rate_hz)

    narration = system(model=Loud()).generate(ASKED)
    assert np.abs(narration.waveform.samples).max() < 1.0
    assert narration.loudness.reduction_db > 6


def test_clips_with_different_channels_are_not_joined():
    class Fickle(Tones):
        def sound(self, caption, duration_s, *, seed):
            self.channels = 2 if caption == "a dog" else 1
            return super().sound(caption, duration_s, seed=seed)

    with pytest.raises(AudioError, match="channels"):
        system(model=Fickle()).generate(ASKED)


def test_sounds_and_videos_are_refused():
    with pytest.raises(InstructionError, match="takes text alone"):
        system().generate(Instruction(text="go on", audio=Path("x.wav")))


@pytest.mark.parametrize(
    "wrong", [{"join": "blend"}, {"long_events": "loop"}, {"overlap_s": -1.0}, {"overlap_s": 11.0}]
)
def test_unknown_choices_are_refused(wrong):
    with pytest.raises(ConfigError):
        PlannedConfig(**wrong)


def test_an_overlap_as_long_as_the_longest_clip_is_refused():
    model = Tones(max_duration_s=2.0)
    with pytest.raises(ConfigError, match="lower overlap_s"):
        system(model=model, join="crossfade", overlap_s=2.0).generate(ASKED)


@pytest.mark.parametrize(
    ("seconds", "parts"), [(1.0, 1), (10.0, 1), (10.000001, 1), (10.1, 2), (20.0, 2), (20.1, 3)]
)
def test_there_are_as_few_parts_as_are_not_too_long(seconds, parts):
    assert num_parts(seconds, 10.0) == parts


def test_pieces_cover_the_plan_without_gaps():
    plan = system(model=Tones(max_duration_s=1.5)).generate(ASKED).plan
    pieces = pieces_of(plan, 1.5)
    moment = 0.0
    for piece in pieces:
        assert piece.start_s == pytest.approx(moment)
        moment += piece.duration_s
    assert moment == pytest.approx(9.0)
