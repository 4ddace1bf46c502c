"""The picture of a story: drawn for any story, whole or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from audiostory.audio.picture import PALETTE, WIDTH, draw_story, moment, picture_of, span_text
from audiostory.audio.waveform import Waveform, silence
from audiostory.errors import OutputError
from audiostory.story.plan import Plan, PlanClip, PlanEvent, PlanInstruction, PlanStoryline
from tests.audio.sounds import noise


def plan_of_clips(*clips: PlanClip, duration_s: float = 4.0, **fields) -> Plan:
    event = PlanEvent(start_s=0.0, end_s=duration_s, detail="it rains", sounds="rain")
    return Plan(
        instruction=PlanInstruction(text="A chase in the rain"),
        storyline=PlanStoryline(events=[event]),
        clips=list(clips),
        duration_s=duration_s,
        **fields,
    )


def in_a_row(number: int, each_s: float = 1.0, caption: str = "rain falls") -> list[PlanClip]:
    return [
        PlanClip(caption=f"{caption} {index}", start_s=index * each_s, duration_s=each_s)
        for index in range(number)
    ]


def has_colour(image: Image.Image, colour: tuple[int, int, int]) -> bool:
    return bool((np.asarray(image) == colour).all(axis=-1).any())


def test_the_picture_is_a_png_of_the_promised_width(tmp_path):
    draw_story(noise(4.0), plan_of_clips(*in_a_row(4)), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert (image.format, image.width) == ("PNG", WIDTH)


def test_every_clip_has_its_colour():
    image = picture_of(noise(4.0), plan_of_clips(*in_a_row(4)))
    assert all(has_colour(image, colour) for colour in PALETTE[:4])
    assert not has_colour(image, PALETTE[4])


def test_the_waveform_wears_the_colour_of_the_clip_that_sounds():
    samples = noise(4.0).samples.copy()
    samples[:, 48_000:] = 0
    image = np.asarray(picture_of(Waveform(samples, 24_000), plan_of_clips(*in_a_row(2, 2.0))))
    panel = image[210:380, 100:1560]
    first = (panel == PALETTE[0]).all(axis=-1)
    second = (panel == PALETTE[1]).all(axis=-1)
    assert first[:, :700].sum() > 10 * second.sum()
    assert not first[:, 800:].any()


def test_every_layer_has_its_lane():
    clips = in_a_row(4)
    bed = PlanClip(caption="city hum", start_s=0.0, duration_s=4.0, layer="bed")
    one = picture_of(noise(4.0), plan_of_clips(*clips))
    two = picture_of(noise(4.0), plan_of_clips(*clips, bed))
    assert two.height > one.height


@pytest.mark.parametrize(
    "sound",
    [silence(4.0, 24_000), noise(4.0, 48_000, channels=2), noise(0.01), silence(0.0, 24_000)],
    ids=["silent", "stereo", "short", "empty"],
)
def test_any_sound_can_be_drawn(sound):
    assert picture_of(sound, plan_of_clips(*in_a_row(4))).width == WIDTH


@pytest.mark.parametrize("caption", ["雨が降る 🌧️", "x" * 900, "très près — “oui”", "wind " * 200])
def test_any_words_can_be_drawn(caption):
    assert picture_of(noise(4.0), plan_of_clips(*in_a_row(3, 1.3, caption))).width == WIDTH


def test_hundreds_of_clips_stay_readable_and_the_rest_is_counted():
    few = picture_of(noise(5.0), plan_of_clips(*in_a_row(80, 0.1), duration_s=40.0))
    many = picture_of(noise(5.0), plan_of_clips(*in_a_row(400, 0.1), duration_s=40.0))
    assert 0 < many.height - few.height < 60


def test_pictures_are_png_files_only(tmp_path):
    with pytest.raises(OutputError, match=r"\.png"):
        draw_story(noise(1.0), plan_of_clips(*in_a_row(2)), tmp_path / "a.jpg")


def test_an_existing_picture_is_kept_unless_overwriting_is_allowed(tmp_path):
    path, plan = tmp_path / "a.png", plan_of_clips(*in_a_row(2))
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists"):
        draw_story(noise(1.0), plan, path)
    assert path.read_bytes() == b"precious"
    draw_story(noise(1.0), plan, path, overwrite=True)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_times_are_written_as_people_write_them():
    assert span_text((4.5, 6.0), 30.0) == "4.5 – 6.0 s"
    assert span_text((59.96, 127.0), 600.0) == "1:00.0 – 2:07.0"
    assert [moment(90.0, 100.0), moment(90.0, 600.0)] == ["90 s", "1:30"]
