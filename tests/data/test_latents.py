"""Latents by a pretrained autoencoder: what is kept, under which names, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from audiostory.curate.compose import compose_stories
from audiostory.data.cache import Parts
from audiostory.data.latents import Digests, clip_latents, encoded, event_latents, samples_of
from audiostory.data.manifest import SoundRow
from audiostory.data.mixing import Mixer
from audiostory.data.sounds import contents_of, load_rows
from audiostory.data.stories import StoryFile
from audiostory.errors import CorpusError
from audiostory.models.seeding import seeded
from audiostory.models.vae import OobleckAutoencoder, OobleckConfig
from tests.data.corpus import RATE_HZ, write_corpus


@pytest.fixture(scope="module")
def codec() -> OobleckAutoencoder:
    """A tiny one at another rate than the corpus', stereo."""
    config = OobleckConfig(
        sample_rate_hz=4000, latent_channels=3, encoder_width=6, decoder_width=4,
        ratios=(4, 8), channel_multiples=(1, 1),
    )  # fmt: skip
    with seeded(torch.Generator().manual_seed(0)):
        return OobleckAutoencoder(config).eval()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nothing is written into it."""
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def latents_of(
    folder: Path, rows: list[SoundRow], codec: OobleckAutoencoder, cache: Path, key: str
) -> Parts:
    contents = contents_of(folder, rows)
    return clip_latents(folder, rows, codec, cache, key=key, contents=contents)


def test_a_clip_becomes_mean_and_deviation_at_the_codecs_rate(codec, corpus, tmp_path):
    rows = load_rows(corpus, split="train")
    kept = latents_of(corpus, rows, codec, tmp_path, "k")
    for index, row in enumerate(rows):
        samples_CN = samples_of(corpus / row.file, codec)
        assert samples_CN.shape == (2, round(row.seconds * 4000))
        with torch.no_grad():
            expected_TX = codec.posterior(samples_CN[None])[0]
        assert kept[index].shape == (-(-samples_CN.shape[1] // 32), 6)
        torch.testing.assert_close(kept[index].float(), expected_TX, atol=2e-3, rtol=2e-3)


def test_latents_are_kept_by_content_and_codec(codec, corpus, tmp_path):
    rows = load_rows(corpus, split="train")
    latents_of(corpus, rows, codec, tmp_path, "k")
    elsewhere = write_corpus(tmp_path / "elsewhere")
    latents_of(elsewhere, rows, codec, tmp_path, "k")
    assert len(list(tmp_path.glob("latents-*"))) == 1
    latents_of(corpus, rows, codec, tmp_path, "other")
    assert len(list(tmp_path.glob("latents-*"))) == 2
    soundfile.write(elsewhere / rows[0].file, np.zeros(round(rows[0].seconds * RATE_HZ)), RATE_HZ)
    latents_of(elsewhere, rows, codec, tmp_path, "k")
    assert len(list(tmp_path.glob("latents-*"))) == 3


def test_files_that_cannot_be_learned_from_are_named(codec, tmp_path):
    row = SoundRow(
        file="a.wav", seconds=1.0, caption="A", group="a", split="train", recording="a",
        license="CC0",
    )  # fmt: skip
    soundfile.write(tmp_path / "a.wav", np.zeros((4000, 3)), 4000)
    with pytest.raises(CorpusError, match=r"a.wav has 3 channels, the codec takes 2"):
        latents_of(tmp_path, [row], codec, tmp_path, "k")
    soundfile.write(tmp_path / "a.wav", np.zeros(2000), 4000)
    with pytest.raises(CorpusError, match=r"lasts 0.500 s .* its manifest says 1.000"):
        latents_of(tmp_path, [row], codec, tmp_path, "k")
    (tmp_path / "a.wav").write_text("no sound")
    with pytest.raises(CorpusError, match="cannot be read as sound"):
        latents_of(tmp_path, [row], codec, tmp_path, "k")
    with pytest.raises(CorpusError, match="not finite"):
        encoded(codec, torch.full((2, 64), torch.nan), "a.wav")
    assert not list(tmp_path.glob("latents-*.safetensors"))


def test_every_event_of_a_story_has_its_latents_in_order(codec, corpus, tmp_path):
    compose_stories(tmp_path / "stories.jsonl", 3, 0, corpus)
    stories = StoryFile(tmp_path / "stories.jsonl", sounding=True)
    kept = event_latents(stories, corpus, codec, tmp_path, key="k")
    assert len(kept) == sum(len(stories[index].events) for index in range(len(stories)))
    first = len(stories[0].events)
    mixed_N = torch.from_numpy(Mixer(corpus, 4000).event(stories[1], 0))
    expected_TX = encoded(codec, mixed_N.expand(2, -1), "")
    assert torch.equal(kept[first], expected_TX)


def test_a_storys_name_changes_with_the_files_that_sound_in_it(corpus, tmp_path):
    compose_stories(tmp_path / "stories.jsonl", 1, 0, corpus)
    row = StoryFile(tmp_path / "stories.jsonl")[0]
    other = write_corpus(tmp_path / "other")
    assert Digests(corpus).of(row) == Digests(other).of(row)
    assert Digests(corpus).of(row) != Digests(corpus).of(replace(row, seed=row.seed + 1))
    soundfile.write(other / row.layers[0][0].file, np.zeros(100), RATE_HZ)
    assert Digests(corpus).of(row) != Digests(other).of(row)
