import re
from collections import Counter

import numpy as np
import pytest
import soundfile

from audiostory.audio.loudness import integrated_lufs
from audiostory.audio.waveform import load, save, silence
from audiostory.errors import AudioError, MeasureError, OutputError
from audiostory.evaluate.listening import study as module
from audiostory.evaluate.listening.key import read_key
from audiostory.evaluate.listening.study import StudyConfig, make_study
from tests.evaluate.listening.studies import SYSTEMS, TEXTS, small_study, tracks


def given_files(study) -> dict[str, bytes]:
    root = study.page.parent
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracks")
    return small_study(folder, folder / "study", repeats=1, contact="Ada, room 4")


@pytest.fixture
def arguments(tmp_path):
    return {
        "tracks": tracks(tmp_path),
        "instructions": TEXTS,
        "folder": tmp_path / "study",
        "seed": 1,
        "participants": 1,
        "per_participant": 2,
    }


def test_nothing_that_participants_get_says_whose_a_track_is(study):
    secrets = [*(word for name in SYSTEMS for word in name.split() if len(word) > 3), *TEXTS]
    secrets += [str(study.page.parents[1].parent), ".wav"]
    for name, content in given_files(study).items():
        shown = content.decode("latin-1")
        for secret in secrets:
            assert secret.lower() not in name.lower()
            assert secret.lower() not in shown.lower()


def test_sound_files_have_no_tags_and_one_form(study):
    audio = [path for path in study.page.parent.rglob("*.mp3") if path.stem != "check"]
    assert len(audio) == len(SYSTEMS) * len(TEXTS)
    assert all(re.fullmatch("[0-9a-f]{12}", path.stem) for path in audio)
    for path in audio:
        assert b"ID3" not in path.read_bytes()[:10]
        with soundfile.SoundFile(path) as file:
            assert file.copy_metadata() == {}
            assert (file.samplerate, file.channels) == (44_100, 2)


def test_files_were_written_in_the_order_of_their_names(study):
    audio = sorted(p for p in study.page.parent.rglob("*.mp3") if p.stem != "check")
    times = [path.stat().st_mtime_ns for path in audio]
    assert times == sorted(times)


def test_all_tracks_are_equally_loud(study):
    levels = [integrated_lufs(load(path)) for path in study.page.parent.rglob("*.mp3")]
    assert levels == pytest.approx([-23.3] * len(levels), abs=0.3)  # the encoder takes 0.3 dB
    assert all(sound.lufs == pytest.approx(-23.0, abs=0.2) for sound in study.key.sounds.values())
    assert study.notes == ()


def test_levels_are_left_alone_when_asked(tmp_path):
    study = small_study(tmp_path, tmp_path / "study", loudness_lufs=None)
    levels = Counter(round(sound.lufs) for sound in study.key.sounds.values())
    assert len(levels) == 3


def test_the_key_lies_apart_and_leads_back_to_every_track(study):
    assert study.key_file.parent == study.page.parents[1]
    assert not list(study.page.parent.rglob("key*"))
    key = read_key(study.key_file)
    assert key == study.key
    assert {(s.system, s.item) for s in key.sounds.values()} == {
        (system, item) for system in SYSTEMS for item in TEXTS
    }
    assert key.participants == ("P01", "P02", "P03", "P04")


def test_a_token_leads_to_the_sound_it_is_said_to_be(study, tmp_path):
    originals = tracks(tmp_path)
    for token, sound in study.key.sounds.items():
        heard = load(study.page.parent / "audio" / f"{token}.mp3", 16_000, mono=True).samples[0]
        made = load(originals[sound.system][sound.item], 16_000, mono=True).samples[0]
        assert pitch(heard[1_600:6_400]) == pitch(made[1_600:6_400])


def pitch(samples) -> int:
    return int(np.abs(np.fft.rfft(samples)).argmax())


def test_equal_arguments_give_equal_bytes(study, tmp_path):
    again = small_study(tmp_path, tmp_path / "again", repeats=1, contact="Ada, room 4")
    assert given_files(again) == given_files(study)
    assert again.key == study.key


def test_another_seed_gives_other_names(study, tmp_path):
    other = small_study(tmp_path, tmp_path / "other", seed=6)
    assert not set(other.key.sounds) & set(study.key.sounds)
    assert other.key.study != study.key.study


def test_an_embedded_study_is_one_file_of_the_size_said(tmp_path):
    study = small_study(tmp_path, tmp_path / "study", audio="embedded")
    (only,) = given_files(study).values()
    assert len(only) == study.num_bytes
    assert only.count(b'id="sound-') == len(SYSTEMS) * len(TEXTS) + 1


def test_sizes_and_lengths_are_said(study):
    assert study.num_bytes == sum(map(len, given_files(study).values()))
    assert study.minutes["P01"] == pytest.approx(7 * 0.5 / 60, rel=0.01)


def test_what_levelling_could_not_do_cleanly_is_noted(arguments, tmp_path):
    path = tmp_path / "silent.wav"
    save(silence(0.5, 16_000), path)
    arguments["tracks"][SYSTEMS[0]]["storm-17"] = path
    study = make_study(**arguments)
    (note,) = study.notes
    assert note.startswith("Zephyrine, storm-17: silent")
    silent = [
        s for s in study.key.sounds.values() if (s.system, s.item) == (SYSTEMS[0], "storm-17")
    ]
    assert silent[0].lufs is None


def test_a_missing_track_is_named(arguments):
    del arguments["tracks"][SYSTEMS[1]]["harbour-4"]
    with pytest.raises(MeasureError, match=r"LLM \+ Quillfish has no track of harbour-4"):
        make_study(**arguments)


def test_a_track_without_instruction_is_named(arguments):
    arguments["instructions"] = {"storm-17": "Thunder."}
    with pytest.raises(MeasureError, match="Zephyrine has tracks of harbour-4"):
        make_study(**arguments)


def test_an_empty_instruction_is_refused(arguments):
    arguments["instructions"] = {**TEXTS, "storm-17": " "}
    with pytest.raises(MeasureError, match="storm-17 is empty"):
        make_study(**arguments)


@pytest.mark.parametrize("shown", [{"title": "Is zephyrine good?"}, {"contact": "Zephyrine team"}])
def test_words_that_give_a_system_away_are_refused(arguments, shown):
    with pytest.raises(MeasureError, match="name the system 'Zephyrine'"):
        make_study(**arguments, config=StudyConfig(**shown))


def test_a_share_to_listen_to_is_between_0_and_1():
    with pytest.raises(MeasureError, match="0 to 1"):
        StudyConfig(min_listened=80)


def test_a_folder_that_holds_something_is_left_alone(arguments):
    arguments["folder"].mkdir()
    (arguments["folder"] / "mine").touch()
    with pytest.raises(OutputError, match="not an empty folder"):
        make_study(**arguments)
    assert [path.name for path in arguments["folder"].iterdir()] == ["mine"]


def test_an_empty_folder_is_used(arguments):
    arguments["folder"].mkdir()
    assert make_study(**arguments).page.is_file()


def test_a_folder_that_cannot_be_made_is_told(arguments, tmp_path):
    arguments["folder"] = tmp_path / "nowhere" / "study"
    with pytest.raises(OutputError, match="cannot write the study"):
        make_study(**arguments)


def test_a_study_that_fails_leaves_nothing_behind(arguments, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    arguments["tracks"][SYSTEMS[2]]["storm-17"] = tmp_path / "gone.wav"
    with pytest.raises(AudioError, match=r"no sound file at .*gone\.wav"):
        make_study(**arguments)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_page_too_large_for_browsers_is_refused(arguments, monkeypatch):
    monkeypatch.setattr(module, "MAX_EMBEDDED_BYTES", 1_000)
    with pytest.raises(MeasureError, match="choose audio='beside'"):
        make_study(**arguments, config=StudyConfig(audio="embedded"))
    assert not arguments["folder"].exists()
