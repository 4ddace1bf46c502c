from __future__ import annotations

import pytest

from audiostory.errors import CorpusError
from audiostory.evaluate.kinds import EVERY
from audiostory.evaluate.samples import folder_samples, group_captions, real_samples
from tests.evaluate.sounds import write_corpus


def test_every_group_has_eight_different_plain_captions():
    captions = group_captions(None, EVERY)
    assert set(captions) == set(EVERY)
    assert all(len(set(texts)) == 8 for texts in captions.values())


def test_captions_mix_the_corpus_test_split_and_plain_ones_and_never_change(tmp_path):
    corpus = write_corpus(tmp_path, per_split=6)
    captions = group_captions(corpus, ("bell",), 8)["bell"]
    assert [one for one in captions if "take" in one] == [
        f"A bell, take {index}" for index in (0, 2, 3, 5)
    ]
    assert len(captions) == 8
    assert group_captions(corpus, ("bell",), 8)["bell"] == captions


def test_only_test_clips_of_the_groups_are_real_samples(tmp_path):
    samples = list(real_samples(write_corpus(tmp_path, per_split=1), ("bell",)))
    assert [sample.source for sample in samples] == ["test-bell-0.wav"]


def test_missing_clips_are_clear_errors(tmp_path):
    with pytest.raises(CorpusError, match="folders named after the groups"):
        list(folder_samples(tmp_path, ("bell",)))
    with pytest.raises(CorpusError, match="ask for fewer"):
        group_captions(None, ("bell",), 100)
    with pytest.raises(CorpusError, match="no test clip"):
        list(real_samples(write_corpus(tmp_path, per_split=1), ("trumpet",)))
