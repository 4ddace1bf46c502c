from __future__ import annotations

import pytest
import typer

from audiostory.apps.options import OPTIONS_OF_RELEASE
from audiostory.apps.outputs import TrackFiles
from audiostory.apps.work import (
    RELEASE_NAMES,
    check_float_track,
    check_track,
    instruction_of,
    mistakes_told,
    short,
    tell,
    with_plan_saved,
    with_settings,
)
from audiostory.audio.loudness import normalize
from audiostory.audio.waveform import silence
from audiostory.errors import AudioStoryError, ConfigError, OutputError
from audiostory.generate.narration import Narration, NarrationReady, StorylineReady
from audiostory.story.plan import Plan, PlanLevel, PlanSettings
from audiostory.story.plan_file import load_plan
from tests.story.plans import plan_from, two_events


def test_a_mistake_is_told_with_exit_code_two(capsys):
    with pytest.raises(typer.Exit) as ended, mistakes_told(debug=False):
        raise AudioStoryError("the roof [leaks]: mend it")
    assert ended.value.exit_code == 2
    assert capsys.readouterr().err == "error: the roof [leaks]: mend it\n"


def test_how_far_a_run_is_never_stands_among_what_it_prints(capsys):
    tell("answering", 0.25)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.strip() == "answering  25%"


def test_debug_lets_the_mistake_through():
    with pytest.raises(AudioStoryError), mistakes_told(debug=True):
        raise AudioStoryError("the roof leaks")


def test_other_errors_are_bugs_and_keep_their_traceback():
    with pytest.raises(ZeroDivisionError), mistakes_told(debug=False):
        raise ZeroDivisionError


def test_a_mistake_with_half_a_character_can_be_told(capsys):
    with pytest.raises(typer.Exit), mistakes_told(debug=False):
        raise AudioStoryError("no \udce9")
    assert "error: no ?" in capsys.readouterr().err


def test_ctrl_c_before_any_clip_promises_nothing(capsys, tmp_path):
    with (
        pytest.raises(typer.Exit) as ended,
        mistakes_told(debug=False, files=TrackFiles(tmp_path / "a.wav")),
    ):
        raise KeyboardInterrupt
    assert ended.value.exit_code == 130
    assert capsys.readouterr().err == "stopped\n"


def test_a_seed_is_a_number_that_a_plan_can_hold():
    assert instruction_of(" rain ", None, 2**63 - 1).text == "rain"
    with pytest.raises(ConfigError, match="--seed"):
        instruction_of("rain", None, 2**63)


def test_a_track_needs_a_sound_suffix(tmp_path):
    with pytest.raises(OutputError, match=r"\.wav, \.flac"):
        check_track(TrackFiles(tmp_path / "a.txt"), None, overwrite=False, picture=False)


def test_a_rate_that_the_kind_of_file_lacks_is_refused_before_anything_is_made(tmp_path):
    check_track(TrackFiles(tmp_path / "a.mp3"), 24_000, overwrite=False, picture=False)
    with pytest.raises(OutputError, match="no 96000 Hz in such files"):
        check_track(TrackFiles(tmp_path / "a.mp3"), 96_000, overwrite=False, picture=False)


def test_a_picture_is_not_replaced_unless_asked(tmp_path):
    (tmp_path / "a.png").touch()
    files = TrackFiles(tmp_path / "a.wav")
    check_track(files, None, overwrite=False, picture=False)
    with pytest.raises(OutputError, match=r"a\.png exists"):
        check_track(files, None, overwrite=False, picture=True)


def test_given_settings_win_over_the_plans():
    plan = Plan.model_validate(
        {
            "instruction": {"text": "rain"},
            "storyline": {"events": [{"start_s": 0.0, "end_s": 2.0, "detail": "d", "sounds": "s"}]},
            "clips": [{"caption": "rain", "start_s": 0.0, "duration_s": 2.0}],
            "duration_s": 2.0,
            "settings": {"steps": 3, "join": "linear"},
        }
    )
    settings = with_settings(plan, {"steps": 5}).settings
    assert (settings.steps, settings.join) == (5, "linear")


def test_long_values_are_shortened_in_messages():
    assert len(short("x" * 500)) == 60
    assert short(7) == "7"


@pytest.mark.parametrize("edited", ["{ half an edit", None])
def test_a_plan_that_was_edited_while_it_sounded_is_left_alone(tmp_path, capsys, edited):
    path = tmp_path / "a.story.json"
    plan = plan_from(two_events())
    sound = silence(10.0, 8000)
    level = PlanLevel(gain_db=3.0)
    told = plan.model_copy(update={"settings": PlanSettings(level=level)})
    narration = Narration(
        waveform=sound, plan=told, loudness=normalize(sound)[1], planning_s=0, rendering_s=0
    )

    def steps():
        yield StorylineReady(plan)
        if edited is not None:
            path.write_text(edited)
        yield NarrationReady(narration)

    list(with_plan_saved(steps(), path, overwrite=False))
    if edited is None:
        assert load_plan(path).settings.level == level
    else:
        assert path.read_text() == edited
        assert "was edited meanwhile" in capsys.readouterr().err


def test_every_option_of_the_released_way_has_its_setting():
    assert set(RELEASE_NAMES) == set(OPTIONS_OF_RELEASE)


def test_samples_as_they_come_need_a_file_that_holds_floats(tmp_path):
    check_float_track(tmp_path / "a.wav")
    with pytest.raises(OutputError, match=r"name a \.wav file"):
        check_float_track(tmp_path / "a.mp3")
