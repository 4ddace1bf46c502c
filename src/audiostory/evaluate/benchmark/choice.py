"""Which suite is measured: embedded evaluator, narrative metrics, a protocol, perhaps a judge.

The embedded evaluator and the narrative metrics need nothing and always take part, unless their
grounder is to be a published encoder. A protocol's encoders need weights; what cannot be had is
listed as skipped, with the way to get it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from audiostory.audio.waveform import Waveform
from audiostory.data.cache import key_of
from audiostory.errors import CheckpointError, ConfigError
from audiostory.evaluate.benchmark.suite import Skipped, Suite
from audiostory.evaluate.clap_score import ClapScore
from audiostory.evaluate.embedded.columns import embedded_metrics
from audiostory.evaluate.embedded.evaluator import EmbeddedEvaluator, load_evaluator
from audiostory.evaluate.encoders.catalogue import (
    ENCODERS,
    BuildOptions,
    EncoderMissing,
    find_encoder,
)
from audiostory.evaluate.encoders.encoder import (
    AudioEncoder,
    EncoderCard,
    Features,
    TextAudioEncoder,
)
from audiostory.evaluate.encoders.windows import NetworkEncoder
from audiostory.evaluate.encoders.yamnet import load_yamnet
from audiostory.evaluate.metric import ItemMetric, SetMetric
from audiostory.evaluate.narrative.class_grounder import ClassGrounder, in_short_windows
from audiostory.evaluate.narrative.consistency import ConsistencyMetric
from audiostory.evaluate.narrative.coverage import CoverageMetric
from audiostory.evaluate.narrative.defects import DefectMetric
from audiostory.evaluate.narrative.entities import EntityMetric
from audiostory.evaluate.narrative.grounding import Grounder, LastHeard, TextGrounder
from audiostory.evaluate.narrative.joins import JoinMetric
from audiostory.evaluate.narrative.timing import TimingMetric
from audiostory.evaluate.protocols import PROTOCOLS, Measurement, Preparation, build_metric

YAMNET_THRESHOLD = 0.5
"""Probability of one of its classes from which YAMNet has found a kind of sound: a round number,
not calibrated; the row of ``noise`` in a report tells its false alarms."""


@dataclass(frozen=True, kw_only=True)
class SuiteOptions:
    """What is to be measured beside what needs nothing."""

    protocol: str | None = None
    """A key of ``protocols.PROTOCOLS``; None measures no published encoder's numbers."""
    encoders: Mapping[str, str] = field(default_factory=dict)
    """Weights by encoder, where they are not to be fetched."""
    device: str = "cpu"
    evaluator: Path | None = None
    """Folder of another embedded evaluator than the shipped one."""
    grounder: str = "embedded"
    """A key of ``GROUNDERS``, who finds named sounds for the narrative metrics: the embedded
    detector, by kinds; CLAP, by texts; AST or the shipped YAMNet, by AudioSet's classes. Never
    changed unasked: numbers of two do not compare."""
    judge: ItemMetric | None = None
    """A chat model that scores tracks."""

    def __post_init__(self) -> None:
        """Refuse names that mean nothing."""
        if self.protocol is not None and self.protocol not in PROTOCOLS:
            raise ConfigError(
                f"there is no protocol {self.protocol!r}: choose from {', '.join(PROTOCOLS)}"
            )
        if self.grounder not in GROUNDERS:
            raise ConfigError(
                f"there is no grounder {self.grounder!r}: choose from {', '.join(GROUNDERS)}"
            )
        for name in self.encoders:
            if name not in ENCODERS:
                raise ConfigError(
                    f"there is no encoder {name!r}: choose from {', '.join(ENCODERS)}"
                )
        used = set(PROTOCOLS[self.protocol].preparations if self.protocol else ())
        used |= {self.grounder} & set(ENCODERS) - {"yamnet"}  # yamnet is shipped
        if self.encoders and not used:
            raise ConfigError("weights of encoders are for a protocol: name one with --protocol")
        for name in self.encoders:
            if name not in used:
                raise ConfigError(
                    f"nothing that is measured hears with {name}: give weights of "
                    f"{', '.join(sorted(used))}, or name another --protocol"
                )


class PreparedEncoder:
    """An encoder before which a track goes through what a protocol asks for."""

    def __init__(self, encoder: AudioEncoder, preparation: Preparation) -> None:
        self._encoder, self._preparation = encoder, preparation
        card = encoder.card
        self.card: EncoderCard = replace(
            card,
            name=prepared_name(card.name, preparation),
            channels=f"{card.channels}, track: {preparation.described}",
        )

    def hear(self, waveform: Waveform) -> Features:
        """Features of the prepared track.

        Raises:
            AudioError: if the track holds no samples.
        """
        return self._encoder.hear(self._preparation(waveform))


def prepared_name(encoder: str, preparation: Preparation) -> str:
    """The encoder's name, with a mark of what tracks go through where that is anything."""
    if preparation == Preparation():
        return encoder
    return f"{encoder}-{key_of(str(preparation))[:6]}"


def build_suite(options: SuiteOptions) -> Suite:
    """The suite that is measured.

    Raises:
        CheckpointError: if weights that were named, or the grounder's, cannot be used.
        ConfigError: if there is no such device.
    """
    evaluator = load_evaluator(options.evaluator)
    own = (evaluator.tagger, evaluator.shared_space, load_yamnet())
    encoders: dict[str, AudioEncoder] = {each.card.name: each for each in own}
    metrics: list[ItemMetric] = [
        _fit(evaluator.shared_space, "embedded_clap", "embedded fit"),
    ]
    skipped: list[Skipped] = []
    if options.protocol is None:
        reason = "name --protocol standard (or paper-compat): their encoders' weights are fetched"
        skipped.append(Skipped(metric="FD, FAD, KAD, KL, IS and CLAP of papers", reason=reason))
    else:
        protocol = PROTOCOLS[options.protocol]
        for name, preparation in protocol.preparations.items():
            named = [each for each in protocol.measurements if each.encoder == name]
            found = find_encoder(
                name, BuildOptions(weights=options.encoders.get(name), device=options.device)
            )
            if isinstance(found, EncoderMissing):
                skipped += [Skipped(metric=each.title, reason=found.described) for each in named]
                continue
            metrics += [
                _fit(cast(TextAudioEncoder, found), each.key, each.title)
                for each in named
                if each.kind == "clap"
            ]
            plain = preparation == Preparation()
            encoder = found if plain else PreparedEncoder(found, preparation)
            encoders[encoder.card.name] = encoder
    if options.judge is None:
        reason = "name a chat model that hears, with --judge"
        skipped.append(Skipped(metric="Instruct., Reasoning, Consis., Coher.", reason=reason))
    else:
        metrics.append(options.judge)
    narrative = _narrative(options, evaluator, encoders)
    return Suite(encoders=encoders, item_metrics=(*narrative, *metrics), skipped=tuple(skipped))


def _narrative(
    options: SuiteOptions, evaluator: EmbeddedEvaluator, encoders: Mapping[str, AudioEncoder]
) -> list[ItemMetric]:
    """The narrative metrics, with the grounder that was asked for.

    Raises:
        CheckpointError: if its encoder cannot be had.
    """

    def find(name: str) -> AudioEncoder:
        """An encoder of the suite, or another one."""
        given = BuildOptions(weights=options.encoders.get(name), device=options.device)
        found = encoders.get(name) or find_encoder(name, given)
        if isinstance(found, EncoderMissing):
            raise CheckpointError(
                f"the grounder {options.grounder} cannot hear: {found.described}, with --protocol "
                "standard; or take the grounder embedded, which needs nothing"
            )
        return found

    grounder = LastHeard(GROUNDERS[options.grounder](evaluator, find, options.device))
    return [
        CoverageMetric(grounder),
        TimingMetric(grounder),
        JoinMetric(),
        ConsistencyMetric(),
        EntityMetric(grounder, evaluator.shared_space.card.name),
        DefectMetric(),
    ]


GROUNDERS: dict[
    str, Callable[[EmbeddedEvaluator, Callable[[str], AudioEncoder], str], Grounder]
] = {
    "embedded": lambda evaluator, _, __: evaluator.grounder,
    "clap": lambda _, find, __: TextGrounder(cast(TextAudioEncoder, find("clap"))),
    "ast": lambda _, find, device: ClassGrounder(
        in_short_windows(cast(NetworkEncoder, find("ast")), device=device)
    ),
    "yamnet": lambda _, find, __: ClassGrounder(find("yamnet"), threshold=YAMNET_THRESHOLD),
}
"""How each grounder is built, from the embedded evaluator, encoders by name and a device."""


def _fit(encoder: TextAudioEncoder, key: str, title: str) -> ClapScore:
    return ClapScore(card=encoder.card, read=encoder.read, key=key, title=title)


def set_metrics_of(card: EncoderCard) -> Sequence[SetMetric]:
    """The metrics of whole sets that an encoder's features serve, embedded or of a protocol.

    Where two protocols ask the same of an encoder, the number is one.
    """
    if card.is_embedded:
        return embedded_metrics(card)
    found: dict[str, SetMetric] = {}
    for protocol in PROTOCOLS.values():
        for each in protocol.measurements:
            metric = build_metric(each, card) if _hears(card, each) else None
            if metric is not None:
                found.setdefault(each.key, metric)
    return tuple(found.values())


def _hears(card: EncoderCard, measurement: Measurement) -> bool:
    return card.name == prepared_name(measurement.encoder, measurement.preparation)
