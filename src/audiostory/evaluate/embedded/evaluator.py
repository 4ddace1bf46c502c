"""The embedded evaluator as metrics see it: two encoders and a grounder, and where they lie.

Both hear through the YAMNet that is shipped (``moments``).

A folder of it holds ``evaluator.json`` (sizes, thresholds and how well it does), weights and the
tokenizer of its words. The one that is shipped lies in ``weights`` beside this file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

from audiostory.audio.waveform import Waveform
from audiostory.config import from_dict, to_dict
from audiostory.data.sets.item import NamedSound
from audiostory.errors import CheckpointError, ConfigError
from audiostory.evaluate.embedded.columns import SHARED_SPACE, TAGGER
from audiostory.evaluate.embedded.detector import (
    DetectorConfig,
    SoundDetector,
    pooled,
)
from audiostory.evaluate.embedded.moments import (
    MOMENT_S,
    WINDOW,
    MomentHearing,
    shipped_hearing,
)
from audiostory.evaluate.embedded.text_audio import TextAudioConfig, TextAudioNetwork
from audiostory.evaluate.embedded.words import WordVectors
from audiostory.evaluate.encoders.encoder import EncoderCard, Features, Floats
from audiostory.evaluate.encoders.vggish import SAMPLE_RATE_HZ
from audiostory.evaluate.narrative.grounding import Activity

SHIPPED = Path(__file__).parent / "weights"
FILES = ("evaluator.json", "evaluator.safetensors", "tokenizer.json")
UNNAMED = "none of these"
"""Last class of the tagger: nothing it knows is heard."""
VECTORS = "text_audio.words.vectors"
"""The one tensor that is kept in 8 bits, with a scale for each row."""


@dataclass(frozen=True, kw_only=True)
class EvaluatorConfig:
    """Sizes of both networks, and the level from which a sound counts as found."""

    version: str
    """Numbers of two versions are not comparable."""
    hearing: str
    """First digits of the sha256 of the YAMNet that both networks learnt behind."""
    detector: DetectorConfig
    text_audio: TextAudioConfig = field(default=TextAudioConfig())
    thresholds: tuple[float, ...]
    """Probability that a found sound of each group exceeds; chosen on the val split so that false
    alarms are equally rare (``quality_check.SceneAnswers.thresholds``)."""

    def __post_init__(self) -> None:
        """Refuse thresholds that do not fit the groups."""
        if len(self.thresholds) != len(self.detector.groups):
            raise ConfigError(
                f"{len(self.thresholds)} thresholds for {len(self.detector.groups)} groups"
            )


class DetectorEncoder:
    """The detector as an encoder that classifies: kinds of sound in each window."""

    def __init__(self, detector: SoundDetector, hearing: MomentHearing, card: EncoderCard) -> None:
        self.detector, self.hearing, self.card = detector, hearing, card

    def hear(self, waveform: Waveform) -> Features:
        """Mean embedding of each window, and how likely each kind is its sound.

        Moments are pooled by linear softmax; with the chance that it is none of them, the last
        class, a window's probabilities add up to 1.

        Raises:
            AudioError: if the track holds no samples.
        """
        config, moments = self.detector.config, self.hearing(waveform)
        presence_KG, embedding_KW = self.detector.presence(moments)
        _, starts = moments.windows(config.window, config.hop)
        cuts = [slice(start, start + config.window) for start in starts]
        pooled_BG = torch.stack([pooled(presence_KG[cut]) for cut in cuts])
        rest_B1 = 1.0 - pooled_BG.amax(dim=1, keepdim=True)
        answers_BG = torch.cat([pooled_BG, rest_B1], dim=1)
        return Features(
            embeddings=torch.stack([embedding_KW[cut].mean(dim=0) for cut in cuts]).numpy(),
            starts_s=np.asarray(starts, dtype=np.float32) * np.float32(MOMENT_S),
            window_s=self.card.window_s,
            probabilities=(answers_BG / answers_BG.sum(dim=1, keepdim=True)).numpy(),
        )


class SharedSpaceEncoder:
    """The text-audio network as an encoder of sounds and of texts."""

    def __init__(
        self, network: TextAudioNetwork, hearing: MomentHearing, card: EncoderCard
    ) -> None:
        self.network, self.hearing, self.card = network, hearing, card

    def hear(self, waveform: Waveform) -> Features:
        """Unit vectors of the windows of a track.

        Raises:
            AudioError: if the track holds no samples.
        """
        vectors_BD, starts_B = self.network.windows(self.hearing(waveform))
        return Features(vectors_BD.numpy(), starts_B.numpy(), self.card.window_s)

    @torch.inference_mode()
    def read(self, texts: Sequence[str]) -> Floats:
        """Unit vectors (Q, D) of texts.

        Raises:
            MeasureError: if a text has no word.
        """
        return self.network.read(texts).numpy()


class DetectorGrounder:
    """Finds named sounds by their kinds, moment by moment."""

    def __init__(
        self,
        detector: SoundDetector,
        hearing: MomentHearing,
        card: EncoderCard,
        thresholds: Sequence[float],
    ) -> None:
        self.detector, self.hearing, self.card = detector, hearing, card
        self._thresholds = dict(zip(detector.config.groups, thresholds, strict=True))

    def hear_sounds(self, waveform: Waveform, sounds: Sequence[NamedSound]) -> Activity:
        """How likely each sound's kind is heard when; sounds of unknown kinds cannot be found.

        Raises:
            AudioError: if the track holds no samples.
        """
        presence_KG, _ = self.detector.presence(self.hearing(waveform))
        presence_QK = np.zeros((len(sounds), len(presence_KG)), np.float32)
        for row_K, sound in zip(presence_QK, sounds, strict=True):
            if sound.group in self._thresholds:
                row_K[:] = presence_KG[:, self.detector.config.groups.index(sound.group)].numpy()
        return Activity(
            presence_QT=presence_QK,
            frames_per_s=1 / MOMENT_S,
            thresholds_Q=np.array(
                [self._thresholds.get(sound.group or "", np.nan) for sound in sounds], np.float32
            ),
            resolution_s=WINDOW / SAMPLE_RATE_HZ,
        )


@dataclass(frozen=True)
class EmbeddedEvaluator:
    """Both networks, ready to judge."""

    config: EvaluatorConfig
    detector: SoundDetector
    network: TextAudioNetwork
    hearing: MomentHearing
    digest: str = ""
    """First digits of the sha256 of its configuration, weights and tokenizer."""
    report: Mapping[str, Any] = field(default_factory=dict)
    """How it was learnt, and how well it does on the test split."""

    @property
    def tagger(self) -> DetectorEncoder:
        """Kinds of sound, window by window."""
        config = self.config.detector
        card = self._card(TAGGER, config, config.width, (*config.groups, UNNAMED))
        return DetectorEncoder(self.detector, self.hearing, card)

    @property
    def shared_space(self) -> SharedSpaceEncoder:
        """Sounds and texts in one space."""
        config = self.config.text_audio
        card = self._card(SHARED_SPACE, config, config.dimension)
        return SharedSpaceEncoder(self.network, self.hearing, card)

    @property
    def grounder(self) -> DetectorGrounder:
        """Which named sound is heard when."""
        return DetectorGrounder(
            self.detector, self.hearing, self.tagger.card, self.config.thresholds
        )

    def _card(
        self,
        name: str,
        config: DetectorConfig | TextAudioConfig,
        dimension: int,
        labels: tuple[str, ...] = (),
    ) -> EncoderCard:
        return EncoderCard(
            name=name,
            checkpoint=f"audiostory evaluator {self.config.version}",
            digest=self.digest,
            sample_rate_hz=SAMPLE_RATE_HZ,
            window_s=config.window * MOMENT_S,
            hop_s=config.hop * MOMENT_S,
            dimension=dimension,
            labels=labels,
            is_embedded=True,
        )


def save_evaluator(evaluator: EmbeddedEvaluator, folder: Path) -> None:
    """Write an evaluator: half precision, its word vectors in 8 bits."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"detector.{key}": one for key, one in evaluator.detector.state_dict().items()}
    tensors |= {f"text_audio.{key}": one for key, one in evaluator.network.state_dict().items()}
    kept = {key: _halved(one) for key, one in tensors.items() if key != VECTORS}
    scale_V1 = tensors[VECTORS].abs().amax(dim=1, keepdim=True).clamp(min=1e-8) / 127.0
    kept[VECTORS] = (tensors[VECTORS] / scale_V1).round().to(torch.int8)
    kept[f"{VECTORS}.scale"] = scale_V1.float()
    save_file({key: one.contiguous() for key, one in kept.items()}, folder / FILES[1])
    entry = {"config": to_dict(evaluator.config), "report": dict(evaluator.report)}
    (folder / FILES[0]).write_text(json.dumps(entry, indent=1) + "\n", encoding="utf-8")
    evaluator.network.words.tokenizer.save(str(folder / FILES[2]), pretty=False)


def _halved(tensor: Tensor) -> Tensor:
    return tensor.half() if tensor.is_floating_point() else tensor


def load_evaluator(
    folder: Path | None = None, hearing: MomentHearing | None = None
) -> EmbeddedEvaluator:
    """The evaluator in a folder; None is the one that is shipped.

    Args:
        folder: as ``save_evaluator`` wrote it.
        hearing: the YAMNet that it learnt behind; None is the one that is shipped.

    Raises:
        CheckpointError: if files are missing, damaged or of another version of this program, or
            it learnt behind another YAMNet.
    """
    folder = SHIPPED if folder is None else folder
    hearing = hearing or shipped_hearing()
    for name in FILES:
        if not (folder / name).is_file():
            raise CheckpointError(
                f"no {name} in {folder}: train an evaluator with `audiostory evaluate "
                "train-evaluator`, or install the package whole"
            )
    try:
        entry = json.loads((folder / FILES[0]).read_text(encoding="utf-8"))
        if "hearing" not in entry["config"]:
            raise CheckpointError(
                f"the evaluator in {folder} is of an earlier version of this program, which "
                "heard otherwise: learn it anew with `audiostory evaluate train-evaluator`"
            )
        config = from_dict(EvaluatorConfig, entry["config"])
        tensors = load_file(folder / FILES[1])
        words = WordVectors(
            Tokenizer.from_file(str(folder / FILES[2])),
            tensors.pop(VECTORS).float() * tensors.pop(f"{VECTORS}.scale"),
        )
        network = TextAudioNetwork(config.text_audio, words)
        detector = SoundDetector(config.detector)
        tensors[VECTORS] = words.vectors.data
        detector.load_state_dict(_under("detector.", tensors))
        network.load_state_dict(_under("text_audio.", tensors))
    except CheckpointError:
        raise
    except Exception as error:  # tokenizers raises nothing more special
        raise CheckpointError(f"the evaluator in {folder} is damaged: {error}") from error
    if config.hearing != hearing.digest:
        raise CheckpointError(
            f"the evaluator in {folder} learnt behind the YAMNet {config.hearing}, here is "
            f"{hearing.digest}: its numbers would mean nothing; train it anew"
        )
    digest = hashlib.sha256(json.dumps(entry["config"], sort_keys=True).encode())
    for name in FILES[1:]:
        digest.update((folder / name).read_bytes())
    return EmbeddedEvaluator(
        config, detector.eval(), network.eval(), hearing, digest.hexdigest()[:12], entry["report"]
    )


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        key.removeprefix(prefix): one.float() if one.is_floating_point() else one
        for key, one in tensors.items()
        if key.startswith(prefix)
    }
