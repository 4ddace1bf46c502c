from __future__ import annotations

import json
from random import Random
from time import perf_counter

import numpy as np
import pytest

from audiostory.curate.compose import compose, compose_stories
from audiostory.curate.recordings import load_corpus
from audiostory.data.manifest import read_stories
from audiostory.data.mixing import Mixer
from audiostory.errors import OutputError
from audiostory.story.tokens import clean_field
from tests.curate.corpus import RATE_HZ, make_corpus


@pytest.fixture(scope="module")
def rows():
    return [compose(Random(seed)) for seed in range(150)]


def test_the_same_seed_gives_the_same_story():
    assert compose(Random(5)) == compose(Random(5))
    assert compose(Random(5)) != compose(Random(6))


def test_stories_are_well_formed(rows):
    for row in rows:
        assert 1 <= len(row.events) <= 8
        shortest_s, longest_s = (6.0, 150.0) if len(row.events) > 1 else (2.0, 12.0)
        assert shortest_s <= row.duration_s <= longest_s
        assert all(event.duration_s >= 1.0 - 1e-9 for event in row.events)
        assert row.instruction.strip()


def test_texts_are_clean_single_lines(rows):
    for row in rows:
        fields = [row.summary, *row.captions]
        fields += [text for event in row.events for text in (event.detail, event.sounds)]
        for text in fields:
            assert clean_field(text) == text


def test_captions_of_named_stories_copy_from_the_instruction(rows):
    copied = total = 0
    for row in rows:
        asked = set(row.instruction.lower().replace(",", " ").replace(".", " ").split())
        stems = {word[:4] for word in asked if len(word) > 3}
        for event in row.events:
            words = [word.strip(".,").lower() for word in event.sounds.split(",")[0].split()]
            long = [word for word in words if len(word) > 3]
            copied += sum(word[:4] in stems for word in long)
            total += len(long)
    assert copied / total > 0.8


def test_instructions_differ(rows):
    assert len({row.instruction for row in rows}) > 145
    assert len({word for row in rows for word in row.instruction.lower().split()}) > 1000


def test_files_are_written_fast_and_rows_do_not_depend_on_the_count(tmp_path):
    started = perf_counter()
    compose_stories(tmp_path / "a.jsonl", 60, seed=1)
    assert perf_counter() - started < 2
    compose_stories(tmp_path / "b.jsonl", 5, seed=1)
    first, second = (list(read_stories(tmp_path / name)) for name in ("a.jsonl", "b.jsonl"))
    assert first[:5] == second
    assert json.loads((tmp_path / "a.jsonl").read_text().splitlines()[0])["layers"] == []


def test_recorded_stories_can_be_heard(tmp_path):
    corpus = load_corpus(make_corpus(tmp_path))
    mixer = Mixer(tmp_path, RATE_HZ)
    for seed in range(2):
        row = compose(Random(seed), corpus, seed=seed)
        assert row.has_audio
        samples = mixer.story(row)
        assert samples.shape == (round(row.duration_s * RATE_HZ),)
        assert 1e-4 < np.abs(samples).max() <= 1.0


def test_files_of_recorded_stories(tmp_path):
    compose_stories(tmp_path / "a.jsonl", 3, seed=2, corpus_dir=make_corpus(tmp_path))
    assert all(row.has_audio for row in read_stories(tmp_path / "a.jsonl"))


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        compose_stories(tmp_path / "missing" / "a.jsonl", 1, seed=0)
