from __future__ import annotations

import json
import math

import numpy as np
import pytest

from audiostory.audio.waveform import load
from audiostory.baselines.planned import PlannedTextToAudio
from audiostory.baselines.retrieval import CaptionIndex, RetrievalTextToAudio, words_of
from audiostory.data.manifest import sound_row
from audiostory.data.mixing import REFERENCE_DB
from audiostory.errors import ConfigError, CorpusError
from audiostory.story.types import Instruction
from tests.baselines.systems import Fixed, story
from tests.data.corpus import RATE_HZ, write_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus") / "corpus")


@pytest.fixture(scope="module")
def retrieval(corpus) -> RetrievalTextToAudio:
    return RetrievalTextToAudio(corpus, sample_rate_hz=RATE_HZ)


def test_words_are_compared_by_their_stems():
    assert words_of("Dogs barking!") == words_of("dog barks")


def test_a_caption_is_most_like_itself():
    captions = ["a dog barks", "rain falls on a roof", "a bell rings twice", "a dog and a bell"]
    index = CaptionIndex(captions)
    for number, caption in enumerate(captions):
        scores = index.similarities(caption)
        assert scores[number] == pytest.approx(1.0)
        assert scores.argmax() == number


def test_similarity_is_the_cosine_of_tf_idf_vectors_worked_out_by_hand():
    index = CaptionIndex(["dog", "dog rain"])
    common, rare = math.log(3 / 3) + 1, math.log(3 / 2) + 1
    expected = [1.0, common / math.hypot(common, rare)]
    assert index.similarities("dog") == pytest.approx(expected)
    assert index.similarities("rain") == pytest.approx([0.0, rare / math.hypot(common, rare)])


def test_rare_words_weigh_more_than_common_ones():
    index = CaptionIndex(["a dog", "a bell", "a cat", "a rooster crows"])
    scores = index.similarities("a rooster and a something")
    assert scores.argmax() == 3


def test_unknown_words_change_nothing_and_only_unknown_words_match_nothing():
    index = CaptionIndex(["a dog barks", "rain"])
    assert index.similarities("dog zyzzyva") == pytest.approx(index.similarities("dog"))
    assert not index.similarities("zyzzyva").any()


def test_the_nearest_training_clip_sounds(retrieval):
    row, score = retrieval.found("bells ring", seed=0)
    assert row.group == "bell"
    assert score > 0.8
    assert retrieval.found(row.caption, seed=0)[1] == pytest.approx(1.0)


def test_clips_of_the_test_split_are_never_found(corpus, retrieval):
    rows = [json.loads(line) for line in (corpus / "metadata.jsonl").read_text().splitlines()]
    held_out = {row["file"] for row in rows if row["split"] == "test"}
    assert held_out
    found = {retrieval.found(row["caption"], seed=s)[0].file for row in rows for s in range(30)}
    assert found == {row["file"] for row in rows} - held_out


def test_the_seed_chooses_among_equally_near_clips_and_only_there(retrieval):
    assert len({retrieval.found("rain", seed=seed)[0].file for seed in range(20)}) == 3
    assert {retrieval.found("rain", seed=seed)[0].group for seed in range(20)} == {"rain"}
    assert retrieval.found("rain", seed=7) == retrieval.found("rain", seed=7)


def test_more_may_be_chosen_from_when_asked_for(corpus):
    wide = RetrievalTextToAudio(corpus, sample_rate_hz=RATE_HZ, top_k=4)
    groups = {wide.found("a bell", seed=seed)[0].group for seed in range(40)}
    assert len(groups) > 1


def test_a_short_clip_is_repeated_to_the_length_and_a_long_one_cut(retrieval):
    for seconds in (0.25, 9.0):
        sound = retrieval.sound("a dog barks", seconds, seed=1)
        assert sound.num_samples == round(seconds * RATE_HZ)
        assert sound.channels == 1
        late = sound.samples[0, -RATE_HZ // 8 :]
        assert np.abs(late).max() > 0.01


def test_loud_parts_have_the_reference_level(retrieval):
    samples = retrieval.sound("rain falls", 2.0, seed=0).samples.astype(np.float64)
    assert 10 * np.log10((samples**2).mean()) == pytest.approx(REFERENCE_DB, abs=1.5)


def test_remarks_name_the_file_its_author_and_its_licence(corpus, retrieval):
    (remark,) = retrieval.remarks("a bell", 30.0, seed=0)
    row, _ = retrieval.found("a bell", seed=0)
    assert row.file in remark
    assert row.attribution in remark
    assert row.license in remark
    assert "repeated from" in remark
    assert load(corpus / row.file).duration_s == row.seconds


def test_a_caption_that_shares_no_word_is_drawn_and_said_to_be(retrieval):
    (remark,) = retrieval.remarks("zyzzyva", 0.2, seed=0)
    assert "no word in common" in remark
    assert len({retrieval.found("zyzzyva", seed=seed)[0].group for seed in range(40)}) == 3


def test_the_plan_of_a_track_has_the_credits(retrieval):
    narration = PlannedTextToAudio(
        Fixed(story(("a bell", 2.0), ("rain", 3.0))), retrieval
    ).generate(Instruction(text="x", duration_s=5.0))
    notes = narration.plan.provenance.notes
    assert [note.split(":")[0] for note in notes] == ["clip 1", "clip 2"]
    assert all("synthesised" in note for note in notes)


def test_a_corpus_without_training_clips_is_refused(tmp_path):
    folder = write_corpus(tmp_path / "c")
    manifest = folder / "metadata.jsonl"
    manifest.write_text(manifest.read_text().replace('"train"', '"val"'))
    with pytest.raises(CorpusError, match="no clip of the split train"):
        RetrievalTextToAudio(folder)


def test_only_recordings_that_are_kept_back_are_found_when_asked_so(corpus, tmp_path):
    rows = [json.loads(line) for line in (corpus / "metadata.jsonl").read_text().splitlines()]
    for number, row in enumerate(rows):
        row |= {"split": "train", "recording": f"take {number}"}
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "metadata.jsonl").write_text(lines)
    kept = RetrievalTextToAudio(tmp_path, kept_back_only=True).rows
    everything = RetrievalTextToAudio(tmp_path).rows
    assert kept == [row for row in everything if row.is_kept_back]
    assert 0 < len(kept) < len(everything)
    (tmp_path / "metadata.jsonl").write_text(
        "".join(
            json.dumps(json.loads(line) | {"recording": "take 0"}) + "\n"
            for line in lines.splitlines()
        )
    )
    is_kept = sound_row(rows[0] | {"recording": "take 0"}).is_kept_back
    assert not is_kept, "choose another name: this test needs a recording that is not"
    with pytest.raises(CorpusError, match="kept back"):
        RetrievalTextToAudio(tmp_path, kept_back_only=True)


def test_no_corpus_and_no_neighbours_are_refused(corpus, tmp_path):
    with pytest.raises(CorpusError, match="cannot read"):
        RetrievalTextToAudio(tmp_path / "none")
    with pytest.raises(ConfigError, match="top_k is 0"):
        RetrievalTextToAudio(corpus, top_k=0)


def test_a_clip_that_is_gone_is_the_corpus_fault_not_the_captions(tmp_path):
    corpus = write_corpus(tmp_path / "corpus")
    floor = RetrievalTextToAudio(corpus, sample_rate_hz=RATE_HZ)
    row, _ = floor.found("rain", seed=0)
    (corpus / row.file).unlink()
    with pytest.raises(CorpusError, match="cannot be read"):
        floor.sound("rain", 1.0, seed=0)
