"""Plans as files: what is read, what is refused and how, and what is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audiostory.errors import OutputError, PlanError
from audiostory.story.plan_file import load_plan, save_plan
from tests.story.plans import plan_from, two_events

FORMAT_PAGE = Path(__file__).parents[2] / "docs" / "story-format.md"


@pytest.fixture
def fields():
    """A valid plan as JSON fields, to be spoilt."""
    return json.loads(plan_from(two_events()).model_dump_json())


def written(fields, folder):
    path = folder / "story.json"
    path.write_text(json.dumps(fields), encoding="utf-8")
    return path


def test_a_plan_survives_its_file(tmp_path):
    plan = plan_from(two_events())
    path = tmp_path / "story.json"
    save_plan(plan, path)
    assert load_plan(path) == plan
    assert "脚步声" in path.read_text(encoding="utf-8")
    assert [entry.name for entry in tmp_path.iterdir()] == ["story.json"]


def test_a_plan_with_a_byte_order_mark_is_read(tmp_path, fields):
    path = tmp_path / "story.json"
    path.write_text(json.dumps(fields), encoding="utf-8-sig")
    assert load_plan(path).seed == 7


def test_a_short_plan_written_by_hand_takes_the_defaults(tmp_path, fields):
    short = {name: fields[name] for name in ("format", "version", "instruction", "duration_s")}
    short["storyline"] = fields["storyline"]
    short["clips"] = [{"caption": "Rain.", "start_s": 0, "duration_s": 10}]
    plan = load_plan(written(short, tmp_path))
    assert plan.clips[0].gain == 1.0
    assert plan.clips[0].layer == "main"
    assert plan.settings.join == "equal_power"


def test_an_existing_plan_is_kept_unless_overwritten(tmp_path):
    path = tmp_path / "story.json"
    path.write_text("precious")
    with pytest.raises(OutputError, match="--overwrite"):
        save_plan(plan_from(two_events()), path)
    assert path.read_text() == "precious"
    save_plan(plan_from(two_events()), path, overwrite=True)
    assert load_plan(path).title is None


def test_an_unwritable_place_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        save_plan(plan_from(two_events()), tmp_path / "missing" / "story.json")


def test_a_full_disk_leaves_the_old_plan_whole(tmp_path, monkeypatch):
    path = tmp_path / "story.json"
    path.write_text("precious")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("audiostory.story.plan_file.os.fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        save_plan(plan_from(two_events()), path, overwrite=True)
    assert path.read_text() == "precious"
    assert [entry.name for entry in tmp_path.iterdir()] == ["story.json"]


def spoil(fields, place, value):
    *parents, name = place
    for parent in parents:
        fields = fields[parent]
    fields[name] = value


@pytest.mark.parametrize(
    ("place", "value", "complaint"),
    [
        (("clips", 1, "gain"), -1, "clips.1.gain: Input should be greater than or equal to 0"),
        (("clips", 0, "seed"), -3, "clips.0.seed: "),
        (("clips", 0, "seed"), 1.5, "clips.0.seed: "),
        (("clips", 0, "duration_s"), "4.0", "clips.0.duration_s: Input should be a valid number"),
        (("clips", 0, "duration_s"), 0, "clips.0.duration_s: "),
        (("clips", 0, "start_s"), float("nan"), "clips.0.start_s: Input should be a finite"),
        (("clips", 0, "caption"), " \n", "clips.0.caption: is empty"),
        (("clips", 0, "caption"), "a <|gen|> b", "clips.0.caption: holds the marker <|gen|>"),
        (("clips", 0, "volume"), 2, "clips.0.volume: unknown field"),
        (("clips", 1, "start_s"), 3.0, "clips.1 starts at 3 s, before clips.0 of the same layer"),
        (("clips", 1, "duration_s"), 7.0, "clips.1 ends at 11 s, after the track's end at 10 s"),
        (("clips",), [], "clips: List should have at least 1 item"),
        (("storyline", "events", 0, "end_s"), 0, "storyline.events.0: ends at 0 s, but starts"),
        (("storyline", "events", 1, "end_s"), 30, "storyline.events.1 ends at 30 s, after"),
        (("version",), 2, "version: is 2; this AudioStory reads version 1"),
        (("version",), True, "version: is True"),
        (("format",), "srt", "not a plan of a story"),
        (("duration_s",), 4 * 3600 + 1, "duration_s: Input should be less than or equal to 14400"),
        (("duration_s",), float("inf"), "duration_s: Input should be a finite number"),
        (("settings", "join"), "cubic", "settings.join: Input should be 'equal_power'"),
        (("settings", "sample_rate_hz"), 12, "settings.sample_rate_hz: "),
        (("settings", "loudness_lufs"), 3.0, "settings.loudness_lufs: "),
        (("titel",), "x", "titel: unknown field"),
        (("instruction", "text"), "", "instruction.text: "),
    ],
)
def test_a_spoilt_plan_names_the_field_and_what_is_wrong(tmp_path, fields, place, value, complaint):
    spoil(fields, place, value)
    with pytest.raises(PlanError) as caught:
        load_plan(written(fields, tmp_path))
    message = str(caught.value)
    assert complaint in message
    assert "story.json" in message
    assert len(message.splitlines()) == 2


def test_every_wrong_field_has_its_line_and_a_flood_is_cut_short(tmp_path, fields):
    fields["clips"] = [{**fields["clips"][0], "gain": -1} for _ in range(30)]
    with pytest.raises(PlanError, match="20 more") as caught:
        load_plan(written(fields, tmp_path))
    assert len(str(caught.value).splitlines()) == 12


def test_clips_on_different_layers_may_sound_together(tmp_path, fields):
    bed = {"caption": "Rain.", "start_s": 0.0, "duration_s": 10.0, "layer": "bed"}
    fields["clips"].append(bed)
    assert len(load_plan(written(fields, tmp_path)).clips) == 3


def test_overlap_within_rounding_is_no_overlap(tmp_path, fields):
    fields["clips"][0]["duration_s"] = 4.04
    assert load_plan(written(fields, tmp_path)).clips[0].duration_s == 4.04


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b'{"format": "audiostory.plan",\n "version" 1}', "not JSON: .* line 2, column 12"),
        (b"", "not JSON: .* line 1, column 1"),
        (b"\xff\xfe{}", "byte 0 is not UTF-8"),
        (b"[1, 2]", "valid dictionary|an object"),
        (b'{"seed": 1, "seed": 2}', "'seed' is given twice"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_file_that_holds_no_plan_says_why(tmp_path, content, complaint):
    path = tmp_path / "story.json"
    path.write_bytes(content)
    with pytest.raises(PlanError, match=complaint):
        load_plan(path)


def test_a_missing_plan_says_how_to_write_one(tmp_path):
    with pytest.raises(PlanError, match="audiostory plan"):
        load_plan(tmp_path / "story.json")
    with pytest.raises(PlanError, match="cannot be read"):
        load_plan(tmp_path)


def test_the_example_in_the_documentation_is_a_plan(tmp_path):
    page = FORMAT_PAGE.read_text(encoding="utf-8")
    example = page.split("```json\n")[1].split("```")[0]
    assert len(load_plan(written(json.loads(example), tmp_path)).clips) == 3
