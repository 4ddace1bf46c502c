"""Ears that rank sounds by their caption."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from audiostory.errors import CheckpointError, ConfigError, MeasureError
from audiostory.evaluate.caption_fit import CaptionFit, build_ranker
from audiostory.evaluate.encoders.encoder import EncoderCard
from tests.evaluate.encoders.random_weights import write_clap
from tests.evaluate.tracks import features, noise, tone

CARD = EncoderCard(
    name="tiny",
    checkpoint="tiny",
    digest="0" * 12,
    sample_rate_hz=16_000,
    window_s=1.0,
    hop_s=1.0,
    dimension=2,
)


@dataclass
class Encoder:
    rows: list[list[float]]
    card: EncoderCard = CARD

    def hear(self, waveform):
        return features(self.rows)

    def read(self, texts):
        return np.array([[1.0, 0.0] for _ in texts], np.float32)


def test_the_fit_is_the_mean_cosine_over_windows() -> None:
    ranker = CaptionFit(Encoder([[2.0, 0.0], [0.0, 1.0]]))
    assert ranker.fit(tone(2.0), ranker.read("rain")) == pytest.approx(0.5)


def test_an_embedding_without_numbers_is_refused() -> None:
    ranker = CaptionFit(Encoder([[float("nan"), 0.0]]))
    with pytest.raises(MeasureError):
        ranker.fit(tone(1.0), ranker.read("rain"))


def test_clap_is_read_from_its_folder(tmp_path: Path) -> None:
    ranker = build_ranker(f"clap={write_clap(tmp_path / 'clap')}")
    text = ranker.read("rain")
    fits = {ranker.fit(noise(1.0), text), ranker.fit(tone(1.0), text)}
    assert len(fits) == 2
    assert all(-1 <= fit <= 1 for fit in fits)
    assert not ranker.described.startswith("embedded")
    (name,) = ranker.preferred_by
    assert name.startswith("clap ")
    assert name in ranker.described


def test_the_embedded_one_says_so_and_names_yamnet_beneath_it() -> None:
    ranker = build_ranker("embedded")
    assert ranker.described.startswith("embedded: audiostory evaluator")
    assert ranker.fit(noise(1.0), ranker.read("rain falling")) == pytest.approx(
        ranker.fit(noise(1.0), ranker.read("rain falling"))
    )
    evaluator, yamnet = ranker.preferred_by
    assert evaluator in ranker.described
    assert yamnet.startswith("yamnet")


@pytest.mark.parametrize("text", ["", "clap=", "vggish", "Clap", "=x"])
def test_what_names_no_ears_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="clap=FOLDER"):
        build_ranker(text)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no folder"):
        build_ranker(f"clap={tmp_path / 'nowhere'}")
    with pytest.raises(CheckpointError, match=r"no evaluator.json"):
        build_ranker(f"embedded={tmp_path}")
