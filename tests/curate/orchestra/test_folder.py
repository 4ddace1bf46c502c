from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audiostory.audio.waveform import Waveform, load
from audiostory.curate.compose import compose_stories
from audiostory.curate.orchestra.folder import clip_file, clip_score, compose_music, split_of
from audiostory.curate.orchestra.render import Renderer
from audiostory.curate.orchestra.score import Score
from audiostory.curate.recordings import load_corpus
from audiostory.data.manifest import read_sounds, read_stories
from audiostory.data.mixing import Mixer
from audiostory.data.sounds import check_lengths, contents_of, load_rows, load_waveforms
from audiostory.errors import OutputError
from tests.curate.corpus import make_corpus
from tests.curate.orchestra.playing import NO_SOUNDFONT, tones

COUNT = 12


class StoppedError(Exception):
    """Somebody pulled the plug."""


class Counting:
    """Tones, until the plug is pulled."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.played = 0
        self.stop_after = stop_after

    def __call__(self, score: Score) -> Waveform:
        if self.played == self.stop_after:
            raise StoppedError
        self.played += 1
        return tones(score)


def make(folder: Path, renderer: Renderer = tones, *, count: int = COUNT, seed: int = 1):
    return compose_music(folder, count, seed, soundfont=NO_SOUNDFONT, renderer=renderer)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "music"
    make(folder)
    return folder


def contents(folder: Path) -> tuple[str, list[np.ndarray]]:
    """Manifest and samples: the bytes of ogg files hold when they were written."""
    clips = [load(path).samples for path in sorted(folder.rglob("*.ogg"))]
    return (folder / "metadata.jsonl").read_text(), clips


def test_rows_are_complete_and_agree_with_their_files(made):
    rows = list(read_sounds(made / "metadata.jsonl"))
    assert [row.file for row in rows] == [clip_file(1, index) for index in range(COUNT)]
    for index, row in enumerate(rows):
        clip = load(made / row.file)
        assert clip.sample_rate_hz == 24_000
        assert clip.duration_s == pytest.approx(row.seconds, abs=1e-3)
        assert row.caption == clip_score(1, index)[1]
        assert (row.license, row.attribution) == ("CC0-1.0", "nobody")
        assert row.group
        assert row.labels
        assert row.source_repo
        assert row.source_path
        assert 0 < row.bandwidth_hz <= 12_000
        assert -60 < row.rms_db < -5


def test_takes_of_a_score_share_recording_and_split_and_differ():
    first, second = clip_score(1, 0)[0], clip_score(1, 1)[0]
    assert first != second
    assert [note.pitch for note in first.lead.notes] == [note.pitch for note in second.lead.notes]
    assert split_of("orchestra:1-00000") == split_of("orchestra:1-00000")


def test_no_recording_spans_two_splits(made):
    splits = defaultdict(set)
    for row in read_sounds(made / "metadata.jsonl"):
        splits[row.recording].add(row.split)
    assert len(splits) == COUNT / 2
    assert all(len(found) == 1 for found in splits.values())


def test_about_eight_in_ten_recordings_are_for_training():
    found = [split_of(f"orchestra:1-{number:05d}") for number in range(2_000)]
    shares = [found.count(name) / 2_000 for name in ("train", "val", "test")]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.03)


def test_a_stopped_run_goes_on_repeats_nothing_and_ends_identical(made, tmp_path):
    stopped, resumed = Counting(stop_after=5), Counting()
    with pytest.raises(StoppedError):
        make(tmp_path / "music", stopped)
    assert not (tmp_path / "music" / "metadata.jsonl").exists()
    make(tmp_path / "music", resumed)
    assert stopped.played + resumed.played == COUNT
    (manifest, clips), (whole, whole_clips) = contents(tmp_path / "music"), contents(made)
    assert manifest == whole
    for clip, other in zip(clips, whole_clips, strict=True):
        np.testing.assert_array_equal(clip, other)


def test_more_clips_are_added_to_those_that_are_there(made, tmp_path):
    make(tmp_path / "music", count=4)
    added = Counting()
    make(tmp_path / "music", added)
    assert added.played == COUNT - 4
    assert contents(tmp_path / "music")[0] == contents(made)[0]


def test_a_folder_of_another_seed_soundfont_or_count_is_refused(made):
    with pytest.raises(OutputError, match="another seed: 1, not 2"):
        make(made, seed=2)
    other = replace(NO_SOUNDFONT, sha256="1" * 64)
    with pytest.raises(OutputError, match="another soundfont"):
        compose_music(made, COUNT, 1, soundfont=other, renderer=tones)
    with pytest.raises(OutputError, match="not among 4 clips"):
        make(made, count=4)


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "metadata.jsonl").write_text("")
    with pytest.raises(OutputError, match="holds other files"):
        make(tmp_path)


def test_it_joins_a_corpus_with_the_commands_of_the_docs(made, tmp_path):
    clips = tmp_path / "corpus" / "audio"  # clips in a folder of their own, as corpora have them
    clips.mkdir(parents=True)
    corpus = make_corpus(clips.parent)
    for path in corpus.glob("*.wav"):
        path.rename(clips / path.name)
    manifest = corpus / "metadata.jsonl"
    entries = [json.loads(line) for line in manifest.read_text().splitlines()]
    lines = (json.dumps(row | {"file": f"audio/{row['file']}"}) + "\n" for row in entries)
    manifest.write_text("".join(lines))
    page = (Path(__file__).parents[3] / "docs" / "nano.md").read_text()
    (block,) = (each for each in page.split("```") if "ln -s" in each)
    script = block.removeprefix("sh\n").replace("CORPUS", str(corpus)).replace("MUSIC", str(made))
    subprocess.run(["sh", "-e", "-c", script.partition("audiostory")[0]], cwd=tmp_path, check=True)

    joined = tmp_path / "JOINED"
    rows = load_rows(joined, split="train")
    train = sum(row.split == "train" for row in read_sounds(made / "metadata.jsonl"))
    assert len(rows) == 10 + train
    music = [row for row in rows if row.recording.startswith("orchestra:")]
    contents = contents_of(joined, music)
    decoded = load_waveforms(joined, music, tmp_path / "cache", contents=contents)
    check_lengths(music, decoded, 24_000)
    assert {row.group for row in music} <= set(load_corpus(joined).groups)
    compose_stories(tmp_path / "stories.jsonl", 60, 1, joined)
    stories = list(read_stories(tmp_path / "stories.jsonl"))
    played = [
        (story, index)
        for story in stories
        for index, layers in enumerate(story.layers)
        if any(layer.file.startswith("music/") for layer in layers)
    ]
    assert played
    assert np.abs(Mixer(joined, 8_000).event(*played[0])).max() > 0.01
