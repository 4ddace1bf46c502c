import numpy as np
import pytest
from PIL import Image

from audiostory.audio.spectrogram import RANGE_DB, row_frequencies
from audiostory.audio.waveform import Waveform, load, save, silence
from audiostory.errors import OutputError
from audiostory.evaluate.benchmark.report.pictures import (
    CLIP,
    EMPTY,
    EVENT,
    HEIGHT,
    NUM_COLOURS,
    RATE_HZ,
    WIDTH,
    Boundaries,
    boundaries_of,
    draw_pictures,
    palette,
    picture_at,
    pictures_of,
)
from audiostory.story.plan_file import save_plan
from tests.evaluate.benchmark.report.reports import OURS, small_benchmark
from tests.evaluate.benchmark.systems import plan
from tests.evaluate.tracks import noise, tone

ITEM_IDS = ("item-0", "item-1")


def drawn(tracks, **lines):
    return pictures_of(tracks, {name: lines.get(name, Boundaries()) for name in tracks})


def quieter(waveform, decibels):
    return Waveform(waveform.samples * np.float32(10 ** (-decibels / 20)), waveform.sample_rate_hz)


def test_the_longest_track_spans_the_width_and_a_shorter_one_ends_where_it_ends():
    made = drawn({"long": noise(2.0), "short": noise(0.5)})
    assert made["long"].shape == made["short"].shape == (HEIGHT, WIDTH)
    assert not (made["long"] == EMPTY).any()
    assert (made["short"][:, WIDTH // 4 :] == EMPTY).all()
    assert not (made["short"][:, : WIDTH // 4] == EMPTY).any()


def test_a_quieter_track_is_darker_by_as_many_decibels():
    made = drawn({"loud": noise(1.0), "quiet": quieter(noise(1.0), 20)})
    loud, quiet = (made[name].astype(int) for name in ("loud", "quiet"))
    seen = quiet > 0  # not yet black
    assert seen.mean() > 0.5
    steps = 20 / RANGE_DB * (NUM_COLOURS - 1)
    np.testing.assert_allclose((loud - quiet)[seen], steps, atol=1.01)


@pytest.mark.parametrize("rate_hz", [16_000, 24_000, 44_100])
def test_a_tone_is_at_the_same_height_whatever_the_rate(rate_hz):
    made = drawn({"tone": tone(1.0, 1_000, rate_hz), "long": silence(1.5, 8_000)})
    edges_hz = row_frequencies(RATE_HZ, HEIGHT + 1)
    row = HEIGHT - 1 - int(np.searchsorted(edges_hz, 1_000) - 1)
    brightest = made["tone"][:, 10:300].astype(int).sum(axis=1).argmax()
    assert abs(int(brightest) - row) <= 1


def test_nothing_of_a_loud_track_is_seen_in_its_neighbours():
    made = drawn({"before": silence(1.0, 16_000), "loud": noise(1.0), "after": silence(1.0, 8_000)})
    assert (made["before"] == 0).all()
    assert (made["after"] == 0).all()
    assert (made["loud"] > 0).any()


def test_both_channels_are_seen():
    samples = np.stack([tone(1.0, 500).samples[0], tone(1.0, 4_000).samples[0]])
    (pixels,) = drawn({"stereo": Waveform(samples, 16_000)}).values()
    edges_hz = row_frequencies(RATE_HZ, HEIGHT + 1)
    rows = [HEIGHT - int(np.searchsorted(edges_hz, one)) for one in (500, 4_000)]
    assert all(pixels[row - 1 : row + 2, 240].max() > NUM_COLOURS * 0.9 for row in rows)


def test_clips_are_solid_lines_and_events_dashed_ones_over_the_longest_track():
    lines = Boundaries(clips=(0.5,), events=(0.5, 1.0))
    made = drawn({"short": noise(0.5), "long": noise(2.0)}, short=lines)
    assert (made["short"][:, WIDTH // 4] == CLIP).all()
    dashed = made["short"][:, WIDTH // 2] == EVENT
    assert 0.2 < dashed.mean() < 0.8
    assert not np.isin(made["long"], (CLIP, EVENT)).any()


def test_a_plan_changes_where_clips_and_events_meet_and_not_at_its_ends():
    (clip,), (event,) = plan().clips, plan().storyline.events
    halves = [
        clip.model_copy(update={"duration_s": 1.25}),
        clip.model_copy(update={"start_s": 1.25, "duration_s": 0.75}),
    ]
    storyline = plan().storyline.model_copy(
        update={"events": [event.model_copy(update={"start_s": 0.5})]}
    )
    changed = plan().model_copy(update={"clips": halves, "storyline": storyline})
    assert boundaries_of(plan()) == Boundaries()
    assert boundaries_of(changed) == Boundaries(clips=(1.25,), events=(0.5,))


def test_tracks_without_samples_are_empty_pictures():
    (pixels,) = drawn({"none": silence(0.0, 16_000)}).values()
    assert (pixels == EMPTY).all()


def test_every_place_of_a_picture_has_a_colour():
    assert len(palette()) == 3 * (max(EMPTY, CLIP, EVENT) + 1)


@pytest.fixture
def benchmark(tmp_path):
    _, folders = small_benchmark(tmp_path, limit=2)
    return folders, tmp_path / "report"


def test_every_track_has_a_picture_and_a_refused_item_has_none(benchmark):
    folders, out = benchmark
    told = []
    draw_pictures(folders, ITEM_IDS, out, lambda *news: told.append(news))
    assert told == [("drawing", 0.5), ("drawing", 1.0)]
    found = {(one.parent.name, one.stem) for one in out.rglob("*.png")}
    assert found == {(OURS, "item-0"), (OURS, "item-1"), ("brief", "item-0")} | {
        ("reference", one) for one in ITEM_IDS
    }
    with Image.open(picture_at(out, "brief", "item-0")) as image:
        assert image.size == (WIDTH, HEIGHT)
        alpha = np.asarray(image.convert("RGBA"))[:, :, 3]
    assert (alpha[:, : WIDTH // 2] == 255).all()
    assert (alpha[:, WIDTH // 2 :] == 0).all()


def written(out):
    return {one: one.stat().st_ino for one in out.rglob("*.png")}


def test_pictures_that_are_up_to_date_are_left_as_they_are(benchmark):
    folders, out = benchmark
    draw_pictures(folders, ITEM_IDS, out)
    before = written(out)
    draw_pictures(folders, ITEM_IDS, out)
    assert written(out) == before


def redrawn(benchmark, change):
    folders, out = benchmark
    draw_pictures(folders, ITEM_IDS, out)
    before = {one: one.read_bytes() for one in out.rglob("*.png")}
    change(folders, out)
    draw_pictures(folders, ITEM_IDS, out)
    return {(one.parent.name, one.stem) for one, then in before.items() if one.read_bytes() != then}


def test_another_sound_changes_the_pictures_of_its_item_and_no_others(benchmark):
    def louder(folders, out):
        track = folders["brief"].track("item-0")
        found = load(track)
        save(quieter(found, -12), track, overwrite=True)

    changed = redrawn(benchmark, louder)
    assert changed == {(name, "item-0") for name in (OURS, "brief", "reference")}


def test_another_plan_changes_the_picture(benchmark):
    def split(folders, out):
        path = folders[OURS].plan("item-1")
        first = plan().clips[0].model_copy(update={"duration_s": 1.0})
        second = first.model_copy(update={"start_s": 1.0})
        changed = plan().model_copy(update={"clips": [first, second]})
        save_plan(changed, path, overwrite=True)

    assert (OURS, "item-1") in redrawn(benchmark, split)


def test_a_broken_picture_is_drawn_again(benchmark):
    folders, out = benchmark
    draw_pictures(folders, ITEM_IDS, out)
    place = picture_at(out, OURS, "item-0")
    before = place.read_bytes()
    place.write_bytes(b"\x89PNG\r\n\x1a\n broken")
    draw_pictures(folders, ITEM_IDS, out)
    assert place.read_bytes() == before


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b"])
def test_a_system_whose_name_leads_elsewhere_has_no_pictures(tmp_path, name):
    with pytest.raises(OutputError, match="cannot have a folder of pictures"):
        picture_at(tmp_path, name, "item-0")
