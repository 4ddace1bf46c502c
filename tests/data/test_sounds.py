"""Batches of single sounds: what is drawn, how short sounds fill a clip, what is refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from audiostory.data.cache import Ragged, pack
from audiostory.data.manifest import SoundRow
from audiostory.data.sounds import (
    SoundLatents,
    SoundSampler,
    SoundSegments,
    check_lengths,
    contents_of,
    encode_all,
    load_rows,
    load_waveforms,
    step_generator,
)
from audiostory.errors import CorpusError
from tests.data.corpus import RATE_HZ, reverse, write_corpus


def row(group: str, recording: str) -> SoundRow:
    return SoundRow(
        file="x", seconds=1, caption="X", group=group, split="train", recording=recording,
        license="CC0",
    )  # fmt: skip


def latents(repeat_share: float = 0.0) -> SoundLatents:
    arrays = [torch.full((length, 2), float(length)).half() for length in (4, 30)]
    return SoundLatents(
        latents=pack(arrays),
        features=torch.arange(12.0).view(2, 2, 3).half(),
        wordings=[[0], [1]],
        silence_C=torch.tensor([-1.0, -1.0]),
        sampler=SoundSampler([row("a", "1"), row("b", "2")]),
        seed=0,
        frames_per_s=10.0,
        patch_frames=2,
        batch_size=6,
        lengths_s=(1.5,),
        repeat_share=repeat_share,
    )


def test_share_alike_clips_and_other_splits_are_left_out(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path)
    assert len(load_rows(corpus, split="train")) == 7
    assert len(load_rows(corpus, split="train", share_alike=True)) == 8
    with pytest.raises(CorpusError, match="'val'"):
        load_rows(corpus, split="val")


def test_waveforms_are_decoded_once(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    rows = load_rows(corpus, split="train")
    contents = contents_of(corpus, rows)
    first = load_waveforms(corpus, rows, tmp_path / "cache", contents=contents)
    for clip in corpus.glob("*.wav"):
        clip.unlink()
    again = load_waveforms(corpus, rows, tmp_path / "cache", contents=contents)
    assert again.values.equal(first.values)
    check_lengths(rows, again, RATE_HZ)
    with pytest.raises(CorpusError, match="manifest says"):
        check_lengths(rows, again, 2 * RATE_HZ)


def test_another_sound_under_the_same_name_is_decoded_anew(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    rows = load_rows(corpus, split="train")

    def loaded() -> Ragged:
        contents = contents_of(corpus, rows)
        return load_waveforms(corpus, rows, tmp_path / "cache", contents=contents)

    first = loaded()
    reverse(corpus / rows[0].file)
    again = loaded()
    assert again[0].equal(first[0].flip(0))
    assert all(again[index].equal(first[index]) for index in range(1, len(rows)))
    (corpus / rows[0].file).unlink()
    with pytest.raises(CorpusError, match=rf"cannot read .*{rows[0].file}"):
        loaded()


def test_large_groups_do_not_crowd_out_small_ones() -> None:
    rows = [row("large", str(number)) for number in range(100)] + [row("small", "s")]
    sampler = SoundSampler(rows)
    generator = step_generator(0, 0)
    drawn = Counter(rows[sampler.draw(generator)].group for _ in range(2000))
    assert 0.06 < drawn["small"] / 2000 < 0.13  # 1 / 11, against 1 / 101 if clips were alike


def test_a_long_recording_counts_once() -> None:
    rows = [row("a", "long")] * 50 + [row("a", "short")]
    generator = step_generator(0, 0)
    sampler = SoundSampler(rows)
    drawn = sum(sampler.draw(generator) == 50 for _ in range(1000))
    assert 400 < drawn < 600


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    one, other = latents().batch_at(3), latents().batch_at(3)
    assert all(one[name].equal(other[name]) for name in one)
    assert not one["latents_BTC"].equal(latents().batch_at(4)["latents_BTC"])


def test_all_clips_of_a_batch_have_whole_patches_and_one_length() -> None:
    batch = latents().batch_at(0)
    assert batch["latents_BTC"].shape == (16, 16, 2)  # 1.5 s are 15 frames: 8 patches of two
    assert batch["duration_B"].unique().tolist() == pytest.approx([1.6])
    assert batch["semantic_BSD"].shape == (16, 2, 3)


def test_a_short_sound_is_heard_once_in_silence() -> None:
    stretched = latents().stretch(0, 16, step_generator(0, 1))
    assert (stretched[:, 0] == 4).sum() == 4
    assert (stretched[:, 0] == -1).sum() == 12


def test_a_short_sound_may_be_heard_again_after_a_pause() -> None:
    counts = [
        int((latents(1.0).stretch(0, 40, step_generator(0, step))[:, 0] == 4).sum())
        for step in range(20)
    ]
    assert min(counts) > 4


def test_of_a_long_sound_a_part_is_heard() -> None:
    assert (latents().stretch(1, 16, step_generator(0, 1)) == 30).all()


def test_segments_have_one_length_and_a_level_below_the_clip(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    rows = load_rows(corpus, split="train")
    contents = contents_of(corpus, rows)
    waveforms = load_waveforms(corpus, rows, tmp_path / "cache", contents=contents)
    source = SoundSegments(waveforms, SoundSampler(rows), 0, batch_size=5, num_samples=6000)
    batch = source.batch_at(0)["waveform_BN"]
    assert batch.shape == (5, 6000)
    assert 0 < float(batch.abs().max()) <= 1


def test_latents_are_encoded_once_per_codec(tmp_path: Path) -> None:
    waveforms = pack([torch.full((8,), 16384, dtype=torch.int16)])
    seen = []

    def encode(waveform_BCN: torch.Tensor) -> torch.Tensor:
        seen.append(waveform_BCN.shape)
        return waveform_BCN.transpose(1, 2)

    for _ in range(2):
        made = encode_all(waveforms, encode, tmp_path, key="k")
    assert made[0].float().eq(0.5).all()
    assert seen == [(1, 1, 8)]


def test_latents_are_drawn_anew_where_an_encoder_gives_a_deviation() -> None:
    own = latents()
    means = [torch.zeros(30, 2), torch.zeros(30, 2)]
    posterior = pack([torch.cat([mean, torch.full((30, 2), 3.0)], dim=1).half() for mean in means])
    spread = replace(
        own, latents=posterior, silence_C=torch.zeros(4), has_deviation=True, batch_size=64
    )
    first, second = spread.batch_at(0)["latents_BTC"], spread.batch_at(1)["latents_BTC"]
    assert first.shape[2] == 2
    assert float(first.std()) == pytest.approx(3.0, rel=0.1)
    assert not torch.equal(first[:4], second[:4])
    assert torch.equal(first, spread.batch_at(0)["latents_BTC"])
