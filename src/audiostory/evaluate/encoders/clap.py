"""CLAP: sound and text in one space, through ``transformers``.

Source: Wu et al., arXiv:2211.06687 (LAION-CLAP). The hub's conversions are checkpoints of their
own: ``laion/clap-htsat-unfused``, ``laion/larger_clap_general`` and
``laion/larger_clap_music_and_speech``. The ``.pt`` files of the laion_clap package
(``630k-audioset-best.pt``, ``music_speech_audioset_epoch_15_esc_89.98.pt``, ...) that many papers
score with use other names for their tensors and other training runs; they are not read here, and
scores with them are not comparable with scores from here. Models with feature fusion are refused:
fusion takes random crops of long audio, here the whole track is heard window by window.

Run here with small random weights in this layout; the published weights could not be fetched
where this was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from audiostory.audio.waveform import Waveform
from audiostory.errors import CheckpointError, InstructionError
from audiostory.evaluate.encoders.encoder import EncoderCard, Features, Floats
from audiostory.evaluate.encoders.hub_folder import ModelFolder, read_model, read_part
from audiostory.evaluate.encoders.windows import Heard, at_rate, hear_windows

TEXTS_AT_ONCE = 64
VOCABULARIES = (("tokenizer.json",), ("vocab.json", "merges.txt"))
"""Files that a tokenizer is read from, newer and older."""


@dataclass(frozen=True, kw_only=True)
class ClapConfig:
    """Where a CLAP comes from, and how tracks are cut for it."""

    name: str
    repo: str
    """Repository of the hub it is fetched from where no folder is given."""
    hop_s: float = 5.0
    """Time from window to window of 10 s; half a window, so that every joint of a long track is
    inside of one. A track of up to 10 s is one window, as in published scores."""


CLAP = ClapConfig(name="clap", repo="laion/clap-htsat-unfused")
CLAP_GENERAL = ClapConfig(name="clap-general", repo="laion/larger_clap_general")
CLAP_MUSIC_SPEECH = ClapConfig(name="clap-music-speech", repo="laion/larger_clap_music_and_speech")


class ClapEncoder:
    """Hears and reads through a ``ClapModel`` without fusion."""

    def __init__(
        self,
        parts: tuple[Any, Any, Any],
        card: EncoderCard,
        *,
        device: torch.device | str = "cpu",
    ) -> None:
        model, self._extractor, self._tokenizer = parts
        self.card = card
        self.network = model.eval().to(device)
        self._device = torch.device(device)

    def hear(self, waveform: Waveform) -> Features:
        """Embeddings of unit length; a track shorter than a window is repeated to fill it.

        Whole repetitions, then silence: what LAION-CLAP was trained and is scored with.

        Raises:
            AudioError: if the track holds no samples.
        """
        heard = at_rate(waveform, self.card.sample_rate_hz)
        size = round(self.card.window_s * self.card.sample_rate_hz)
        if heard.num_samples < size:
            repetitions = np.tile(heard.samples, (1, size // heard.num_samples))
            heard = Waveform(repetitions, heard.sample_rate_hz)
        return hear_windows(heard, self.card, self._forward, at_once=8)

    @torch.inference_mode()
    def read(self, texts: Sequence[str]) -> Floats:
        """Embeddings (Q, D) of texts, of unit length.

        Raises:
            InstructionError: if a text is longer than the model can read; nothing is cut off.
                (laion_clap cuts after 77 tokens, and scores longer texts by their beginning.)
        """
        if not texts:
            return np.zeros((0, self.card.dimension), np.float32)
        batches = [texts[i : i + TEXTS_AT_ONCE] for i in range(0, len(texts), TEXTS_AT_ONCE)]
        return np.concatenate([self._read(list(batch)) for batch in batches])

    def _read(self, texts: list[str]) -> Floats:
        tokens = self._tokenizer(texts, padding=True, truncation=False, return_tensors="pt")
        text_config = self.network.config.text_config
        most = text_config.max_position_embeddings - text_config.pad_token_id - 1
        longest = int(tokens["attention_mask"].sum(dim=1).max())
        if longest > most:
            raise InstructionError(
                f"a text of {longest} tokens cannot be read whole by {self.card.checkpoint}, which "
                f"takes {most}: shorten it, or score its parts"
            )
        output = self.network.get_text_features(
            input_ids=tokens["input_ids"].to(self._device),
            attention_mask=tokens["attention_mask"].to(self._device),
        )
        return _unit(output.pooler_output).float().cpu().numpy()

    @torch.inference_mode()
    def _forward(self, samples: Floats) -> Heard:
        mel = self._extractor(
            list(samples),
            sampling_rate=self.card.sample_rate_hz,
            truncation="rand_trunc",  # cuts nothing of a whole window; "fusion" would
            padding="repeatpad",
            return_tensors="pt",
        )["input_features"]
        return _unit(
            self.network.get_audio_features(mel.float().to(self._device)).pooler_output
        ), None


def load_clap(
    config: ClapConfig, folder: ModelFolder, *, device: torch.device | str = "cpu"
) -> ClapEncoder:
    """A CLAP of the hub, or any other of its kind in a folder.

    Raises:
        CheckpointError: if the folder is incomplete, or holds a model with fusion or another one.
    """
    from transformers import ClapFeatureExtractor, ClapModel

    model = read_model(ClapModel, folder, "clap")
    if model.config.audio_config.enable_fusion:
        raise CheckpointError(
            f"{folder.name} is a CLAP with feature fusion, which hears random crops of long audio: "
            f"give one without, such as {config.repo}"
        )
    extractor = read_part(ClapFeatureExtractor, folder)
    card = EncoderCard(
        name=config.name,
        checkpoint=folder.name,
        digest=folder.weights.digest,
        sample_rate_hz=extractor.sampling_rate,
        window_s=extractor.nb_max_samples / extractor.sampling_rate,
        hop_s=config.hop_s,
        dimension=model.config.projection_dim,
    )
    return ClapEncoder((model, extractor, _tokenizer(folder)), card, device=device)


def _tokenizer(folder: ModelFolder) -> Any:
    """The tokenizer; without its files transformers makes up one that knows no word."""
    from transformers import AutoTokenizer

    if not any(all((folder.path / name).is_file() for name in files) for files in VOCABULARIES):
        raise CheckpointError(
            f"{folder.path} has no tokenizer.json, nor vocab.json with merges.txt: without them no "
            "text can be read; fetch the whole folder"
        )
    return read_part(AutoTokenizer, folder)


def _unit(embeddings: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(embeddings, dim=-1)
