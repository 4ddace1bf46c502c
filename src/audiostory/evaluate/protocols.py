"""Which numbers a report prints, and with which encoder, channels and samples each is computed.

Two numbers called FD compare only if both were measured alike. ``STANDARD`` is what reports of this
project print. ``PAPER_COMPAT`` follows the toolkits that the AudioStory paper names, at the state
they were in when it was written, to explain its numbers: its FD lies between 1 and 4 where peers
print 10 to 30. Both are values: ``build_metric`` makes each column, ``markdown`` the documentation.

What the toolkits do was read in their code (haoheliu/audioldm_eval at 8dc07ee of September 2024,
Stability-AI/stable-audio-metrics); neither was run here, since no published weights could be
fetched. That the paper used audioldm_eval's defaults is inferred from its numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from audiostory.audio.waveform import Waveform, pad, resample
from audiostory.errors import MeasureError
from audiostory.evaluate.encoders.encoder import EncoderCard
from audiostory.evaluate.heard_classes import (
    Classes,
    EmbeddingKl,
    InceptionScore,
    KlDivergence,
)
from audiostory.evaluate.metric import SetMetric
from audiostory.evaluate.quality import FrechetDistance, KernelDistance, Pooling

Kind = Literal["frechet", "kernel", "kl", "embedding_kl", "inception", "clap"]


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What is done to a track before the encoder resamples it to its own rate."""

    channels: Literal["all", "first"] = "all"
    """What is kept; what becomes of ``all`` is the encoder's affair, and stands in its card."""
    is_centred: bool = False
    """Whether the mean of the samples is taken off."""
    through_hz: int | None = None
    """Rate the track is brought to first, which takes away all above its half."""
    shortest_s: float = 0.0
    """A shorter track is followed by silence up to this length."""

    def __call__(self, waveform: Waveform) -> Waveform:
        """The track as the encoder is to hear it."""
        if self.channels == "first":
            waveform = Waveform(waveform.samples[:1], waveform.sample_rate_hz)
        if self.is_centred:
            means = waveform.samples.mean(axis=1, keepdims=True, dtype=np.float64)
            centred = (waveform.samples - means).astype(np.float32)
            waveform = Waveform(centred, waveform.sample_rate_hz)
        if self.through_hz is not None:
            waveform = resample(waveform, self.through_hz)
        return pad(waveform, max(self.shortest_s, waveform.duration_s))

    @property
    def described(self) -> str:
        """The steps in words; "as it is" where there are none."""
        steps = {
            "first channel": self.channels == "first",
            "mean taken off": self.is_centred,
            f"through {(self.through_hz or 0) / 1000:g} kHz": self.through_hz is not None,
            f"silence up to {self.shortest_s:g} s": self.shortest_s > 0,
        }
        return ", ".join(step for step, taken in steps.items() if taken) or "as it is"


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One column of a report, with all that decides its number but the encoder's weights."""

    key: str
    title: str
    kind: Kind
    encoder: str
    """Name in ``encoders.catalogue``."""
    pooling: Pooling = "items"
    """Of ``frechet`` and ``kernel``."""
    classes: Classes = field(default_factory=Classes)
    """Of ``kl`` and ``inception``."""
    weighted_by: Literal["reference", "own"] = "reference"
    """Of ``kl``."""
    splits: int = 1
    """Of ``inception``."""
    preparation: Preparation = field(default_factory=Preparation)
    """What the track goes through before the encoder hears it."""
    remark: str = ""
    """Where the number is at home, what differs there, and why."""

    @property
    def computed(self) -> str:
        """What is computed of which samples, in words."""
        directions = {"reference": "KL(reference, own)", "own": "KL(own, reference)"}
        words: dict[Kind, str] = {
            "frechet": f"Frechet distance, samples: {self.pooling}",
            "kernel": f"KAD x100, samples: {self.pooling}",
            "kl": f"{directions[self.weighted_by]}, {self.classes.described}",
            "embedding_kl": "KL(reference, own) of embeddings, first N of 13 N rows",
            "inception": f"Inception score, {self.splits} split(s), {self.classes.described}",
            "clap": "cosine, mean over windows; and event by event",
        }
        return words[self.kind]


@dataclass(frozen=True, kw_only=True)
class QualityProtocol:
    """A named choice of measurements."""

    name: str
    summary: str
    measurements: tuple[Measurement, ...]
    notes: tuple[str, ...] = ()
    """What a reader of its numbers has to know."""

    def __post_init__(self) -> None:
        """Refuse columns of one key, and an encoder that would hear a track in two ways."""
        keys = [each.key for each in self.measurements]
        if len(set(keys)) < len(keys):
            raise MeasureError(f"two columns of the protocol {self.name} share a key: {keys}")
        for each in self.measurements:
            if each.preparation != self.preparations[each.encoder]:
                raise MeasureError(
                    f"in the protocol {self.name}, {each.encoder} would hear a track in two ways, "
                    "but features are kept by encoder: use one preparation, or two protocols"
                )

    @property
    def preparations(self) -> dict[str, Preparation]:
        """Each encoder it needs, by name, and what a track goes through before that one."""
        return {each.encoder: each.preparation for each in reversed(self.measurements)}

    def markdown(self) -> str:
        """The protocol as a Markdown section: summary, table, notes."""
        head = ("Column", "Encoder", "Computed", "Track", "Remark")
        rows = [
            (
                each.title,
                f"`{each.encoder}`",
                each.computed,
                each.preparation.described,
                each.remark,
            )
            for each in self.measurements
        ]
        lines = [_row(head), _row(("---",) * len(head)), *map(_row, rows)]
        notes = [f"- {note}" for note in self.notes]
        blocks = [f"### {self.name}", self.summary, "\n".join(lines), "\n".join(notes)]
        return "\n\n".join(block for block in blocks if block) + "\n"


def build_metric(measurement: Measurement, card: EncoderCard) -> SetMetric | None:
    """The set metric of a measurement; None for ``clap``, which scores items (``clap_score``).

    Args:
        measurement: what is measured.
        card: of the encoder that heard the tracks, found by ``measurement.encoder``.
    """
    builder = _BUILDERS[measurement.kind]
    return None if builder is None else builder(measurement, card)


def _row(cells: tuple[str, ...]) -> str:
    """A line of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


_BUILDERS: dict[Kind, Callable[[Measurement, EncoderCard], SetMetric] | None] = {
    "frechet": lambda m, card: FrechetDistance(
        card=card, key=m.key, title=m.title, pooling=m.pooling
    ),
    "kernel": lambda m, card: KernelDistance(
        card=card, key=m.key, title=m.title, pooling=m.pooling
    ),
    "kl": lambda m, card: KlDivergence(
        card=card, key=m.key, title=m.title, classes=m.classes, weighted_by=m.weighted_by
    ),
    "embedding_kl": lambda m, card: EmbeddingKl(card=card, key=m.key, title=m.title),
    "inception": lambda m, card: InceptionScore(
        card=card, key=m.key, title=m.title, classes=m.classes, splits=m.splits
    ),
    "clap": None,
}

_PASST = Classes(mean_of="logits")
_THROUGH_16_KHZ = Preparation(channels="first", is_centred=True, through_hz=16_000, shortest_s=2.0)

STANDARD = QualityProtocol(
    name="standard",
    summary=(
        "What reports print: every column by the definition that most papers share, tracks of any "
        "length heard whole, window by window."
    ),
    measurements=(
        Measurement(
            key="fad",
            title="FAD",
            kind="frechet",
            encoder="vggish",
            pooling="windows",
            remark="as in arXiv:1812.08466; 128 numbers before the last ReLU, no PCA",
        ),
        Measurement(
            key="fd",
            title="FD (PANNs)",
            kind="frechet",
            encoder="cnn14-32k",
            remark=(
                "toolkits hear a clip at once, here longer tracks are means of 10 s windows; "
                "audioldm_eval's own example takes `cnn14-16k`, whose numbers differ"
            ),
        ),
        Measurement(
            key="kad",
            title="KAD (PANNs)",
            kind="kernel",
            encoder="cnn14-32k",
            remark="unbiased with few items, unlike FD; arXiv:2502.15602",
        ),
        Measurement(
            key="fd_openl3",
            title="FD (OpenL3)",
            kind="frechet",
            encoder="openl3",
            pooling="windows",
            remark="stable-audio-metrics takes the track through 44.1 kHz first",
        ),
        Measurement(
            key="kl",
            title="KL (PANNs)",
            kind="kl",
            encoder="cnn14-32k",
            remark="direction and epsilon of audioldm_eval with cnn14",
        ),
        Measurement(
            key="kl_passt",
            title="KL (PaSST)",
            kind="kl",
            encoder="passt",
            classes=_PASST,
            weighted_by="own",
            remark="direction of stable-audio-metrics' code, the other way round from KL (PANNs)",
        ),
        Measurement(
            key="kl_ast",
            title="KL (AST)",
            kind="kl",
            encoder="ast",
            remark="stands beside KL (PaSST) where that package does not load; not comparable",
        ),
        Measurement(
            key="is",
            title="IS (PANNs)",
            kind="inception",
            encoder="cnn14-32k",
            remark="audioldm_eval averages 10 splits, which lowers the score of small sets",
        ),
        Measurement(
            key="clap",
            title="CLAP",
            kind="clap",
            encoder="clap",
            remark=(
                "`laion/clap-htsat-unfused`: of the checkpoint 630k-audioset-best, as its authors "
                "think (LAION-AI/CLAP#123); other checkpoints give other scales"
            ),
        ),
    ),
    notes=(
        "FD and FAD are biased upwards by few samples: compare them at one number of items, or "
        "read KAD.",
        "Channels, rate, level and windows are the encoder's own and stand in a report's list of "
        "encoders.",
        "Everything is resampled with soxr; toolkits use others, which can move FD by 30 and KL by "
        "0.4 (README of audioldm_eval).",
    ),
)

PAPER_COMPAT = QualityProtocol(
    name="paper-compat",
    summary=(
        "The toolkits that the paper names, as far as their code says: audioldm_eval at 8dc07ee "
        "with its defaults for FD, FAD and KL, stable-audio-metrics' AudioCaps example for the "
        "rest. To explain the paper's numbers, not to judge systems."
    ),
    measurements=(
        Measurement(
            key="fd_mert",
            title="FD (MERT)",
            kind="frechet",
            encoder="mert",
            pooling="layers",
            preparation=_THROUGH_16_KHZ,
            remark=(
                "13 layers of 768 numbers, each averaged over the file, pooled as 13 N samples; "
                "the default since PR 14, so `EvaluationHelper(16000, device)` does not give "
                "PANNs. There the same files are at FD 76.6 by PANNs and 35.5 by MERT"
            ),
        ),
        Measurement(
            key="fad",
            title="FAD",
            kind="frechet",
            encoder="vggish",
            pooling="windows",
            remark="did not change with the backbone; resampled there with resampy",
        ),
        Measurement(
            key="kl_mert",
            title="KL (MERT)",
            kind="embedding_kl",
            encoder="mert",
            preparation=_THROUGH_16_KHZ,
            remark=(
                "a softmax over embeddings, of the first thirteenth of the files: 0.02 in PR 14, "
                "where PANNs give 5.4; so the paper's 0.5 to 0.6 is not explained by it"
            ),
        ),
        Measurement(
            key="fd_openl3_44k",
            title="FD (OpenL3, 44.1 kHz)",
            kind="frechet",
            encoder="openl3",
            pooling="windows",
            preparation=Preparation(through_hz=44_100),
            remark="left and right joined, mono doubled; mel256, env, every 0.5 s; 4,875 captions",
        ),
        Measurement(
            key="kl_passt",
            title="KL (PaSST)",
            kind="kl",
            encoder="passt",
            classes=_PASST,
            weighted_by="own",
            remark=(
                "10 s windows every 5 s, mean of logits, then softmax; there a last window of "
                "under 10 s is filled with silence, here it ends where the track ends"
            ),
        ),
        Measurement(
            key="clap",
            title="CLAP",
            kind="clap",
            encoder="clap",
            remark=(
                "there 630k-audioset-fusion-best, which takes random crops of tracks over 10 s and "
                "is not read here, after peaks at -1 dBFS; this is its sibling without fusion, on "
                "another scale"
            ),
        ),
    ),
    notes=(
        "That the paper used these defaults is inferred: its FD of 1 to 4 and its usual FAD fit a "
        "changed backbone, its KL does not.",
        "Appendix E.3 of the paper calls FD a distance of log-mel spectrograms; no version of the "
        "toolkit that was read computes one.",
        "audioldm_eval hears a whole file at once; here MERT hears 10 s at a time and the means of "
        "windows are averaged, which is the same only up to its context.",
        "audioldm_eval resamples with torchaudio, here soxr does.",
        "Run both protocols on one set to see what the backbone alone changes.",
    ),
)

PROTOCOLS = {each.name: each for each in (STANDARD, PAPER_COMPAT)}
"""Every protocol by its name."""
