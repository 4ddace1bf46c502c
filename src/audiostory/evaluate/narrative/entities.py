"""Whether who or what returns in a story sounds like the same one."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from audiostory.data.sets.item import NamedSound
from audiostory.evaluate.encoders.encoder import Floats
from audiostory.evaluate.metric import Column, Subject
from audiostory.evaluate.narrative.finding import kind_of, place
from audiostory.evaluate.narrative.grounding import Grounder

SOURCE = "measurable form of AudioStory Sec. E.2 (a): sound-producing entities"
_column = partial(Column, source=SOURCE, section="narrative")


@dataclass(frozen=True)
class _Heard:
    """A found sound in an encoder's space."""

    sound: NamedSound
    embedding: Floats
    """(D,), of unit length."""
    windows: tuple[float, ...]
    """When the windows begin that it is the mean of, in seconds."""


class EntityMetric:
    """How much more alike a returning sound's appearances are than different sounds.

    ``entity_consistency`` in [-2, 2], higher is better: mean cosine of the embeddings of two
    found stretches of the same sound in different events, less the mean cosine of stretches of
    different sounds in different events. Sounds are the same where their groups are, or, without
    groups, their texts (``finding.kind_of``). A stretch's embedding is the mean of the encoder's
    windows whose middle lies in it (the nearest, for a shorter one); pairs that come down to the
    very same windows are left out. 0 says that a returning dog is no more like itself than like
    the rain. How close an encoder puts sounds at all cancels, how far it spreads them does not:
    numbers of two encoders do not compare.

    ``entity_pairs``: how many pairs of a sound with itself that is, no direction.

    None: where no sound is found in two events, or only one sound is found: what does not return
    cannot return unchanged. A sound that is heard fewer times than it is named is found in none
    (``finding.place``). The pairs are None where an item names no sounds.

    Args:
        grounder: finds the sounds.
        encoder: name of the encoder whose features of the track are compared.
    """

    def __init__(self, grounder: Grounder, encoder: str) -> None:
        self._grounder = grounder
        self._encoder = encoder

    @property
    def columns(self) -> tuple[Column, ...]:
        """The likeness, and the pairs it stands on."""
        detail = f"{self._encoder}; {self._grounder.card.described}"
        return (
            _column(
                key="entity_consistency",
                title="Entity consistency",
                better="higher",
                detail=detail,
            ),
            _column(
                key="entity_pairs",
                title="Entity pairs",
                better="neither",
                detail=f"per track; {detail}",
                decimals=1,
            ),
        )

    def measure(self, subject: Subject) -> Mapping[str, float | None]:
        """The item's difference of mean cosines."""
        same: list[float] = []
        different: list[float] = []
        for one, other in itertools.combinations(self._heard(subject), 2):
            if one.sound.event == other.sound.event or one.windows == other.windows:
                continue
            is_same = kind_of(one.sound) == kind_of(other.sound)
            (same if is_same else different).append(float(one.embedding @ other.embedding))
        is_known = bool(same and different)
        return {
            "entity_consistency": float(np.mean(same) - np.mean(different)) if is_known else None,
            "entity_pairs": float(len(same)) if subject.item.sounds else None,
        }

    def _heard(self, subject: Subject) -> list[_Heard]:
        """The found sounds with their embeddings."""
        sounds = subject.item.sounds
        if not sounds:
            return []
        activity = self._grounder.hear_sounds(subject.waveform, sounds)
        features = subject.features_of(self._encoder)
        starts = replace(features, embeddings=features.starts_s[:, None])
        heard: list[_Heard] = []
        for sound, stretch in zip(sounds, place(activity, sounds), strict=True):
            if stretch is not None:
                mean_D = features.within(stretch.start_s, stretch.end_s).mean(axis=0)
                embedding_D = mean_D / max(float(np.linalg.norm(mean_D)), 1e-9)
                windows = tuple(starts.within(stretch.start_s, stretch.end_s)[:, 0].tolist())
                heard.append(_Heard(sound, embedding_D, windows))
        return heard
