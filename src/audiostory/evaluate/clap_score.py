"""Fit of sound to words, as CLAP hears and reads them.

Shapes: ``K`` windows of an item, ``D`` width of an embedding, ``Q`` texts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from audiostory.data.sets.item import Item
from audiostory.errors import InstructionError, MeasureError
from audiostory.evaluate.encoders.encoder import EncoderCard, Features, Floats
from audiostory.evaluate.metric import Column, Subject
from audiostory.evaluate.statistics.samples import Rows, checked

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ClapScore:
    """Cosine similarity of a track and words: the instruction, and event by event.

    The whole track: the mean over its windows of their similarity to the instruction. (laion_clap
    hears 10 s of a track, its beginning or a random part, and cuts a text after 77 tokens.) No
    window has to fit a long instruction as a whole, which is why events are measured too.

    Events: the caption of each event of the reference story against the windows whose middle lies
    inside that event (or the window nearest to a short one), averaged over events. An event that
    begins at or after the track's end scores 0, so that a short track cannot win by leaving out
    the hard part. An item without a story has no score of events (None), which is no fault of the
    system. A window whose embedding is all zeros has no direction, and similarity 0.

    A text that the checkpoint cannot read whole (too long for it, or without a word it knows) has
    no score either, which is logged: None for the track where that is the instruction, and for
    the events where that is any caption, since an easier rest would be another measure. It is so
    for every system, and the column's number of items shows it.

    Source: CLAP, arXiv:2211.06687; AudioStory Sec. 5 reports the score of whole tracks.
    """

    card: EncoderCard
    read: Callable[[Sequence[str]], Floats]
    """Embeddings (Q, D) of texts, by the same checkpoint (``TextAudioEncoder.read``); what it
    refuses is an ``InstructionError`` or a ``MeasureError``."""
    key: str = "clap"
    title: str = "CLAP"

    @property
    def columns(self) -> tuple[Column, ...]:
        """The score of whole tracks, and of events."""
        section = "embedded" if self.card.is_embedded else "quality"
        details = {"": "instruction, mean over windows", "_events": "captions, event by event"}
        return tuple(
            Column(
                key=self.key + suffix,
                title=self.title + suffix.replace("_", " "),
                better="higher",
                detail=f"{self.card.described}; {detail}",
                source="arXiv:2211.06687",
                section=section,
            )
            for suffix, detail in details.items()
        )

    def measure(self, subject: Subject) -> Mapping[str, float | None]:
        """The similarities of one track, in [-1, 1].

        Raises:
            MeasureError: if the story has more or fewer clips than events, or an embedding holds
                NaN.
        """
        features = subject.features_of(self.card.name)
        whole = self._texts(subject.item, [subject.item.instruction.text])
        return {
            self.key: None if whole is None else similarity(features.embeddings, whole[0]),
            f"{self.key}_events": self._events(subject, features),
        }

    def _events(self, subject: Subject, features: Features) -> float | None:
        """Mean over the reference's events of how well each is heard in its span."""
        captions = _captions(subject.item)
        texts = self._texts(subject.item, captions) if captions else None
        if subject.item.story is None or texts is None:
            return None
        similarities = [
            similarity(features.within(event.start_s, event.end_s), text)
            if event.start_s < subject.waveform.duration_s
            else 0.0
            for event, text in zip(subject.item.story.storyline.events, texts, strict=True)
        ]
        return float(np.mean(similarities))

    def _texts(self, item: Item, texts: Sequence[str]) -> Rows | None:
        """Embeddings (Q, D) of an item's texts; None if one cannot be read."""
        try:
            read = self.read(texts)
        except (InstructionError, MeasureError) as error:
            log.warning("%s has no %s score: %s", item.id, self.title, error)
            return None
        return checked(read)


def _captions(item: Item) -> list[str]:
    """The caption of each event of the reference story; none without a story."""
    if item.story is None:
        return []
    clips, events = item.story.clips, item.story.storyline.events
    if len(clips) != len(events):
        raise MeasureError(
            f"the story of {item.id} has {len(events)} events and {len(clips)} clips, so captions "
            "belong to no event: mend the test set, one clip an event"
        )
    return [clip.caption for clip in clips]


def similarity(windows: Floats, text: Rows) -> float:
    """Mean over windows (K, D) of their cosine with a text (D,); a window of zeros counts 0.

    Raises:
        MeasureError: if an embedding holds NaN.
    """
    rows = checked(windows)
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(text)
    cosines = np.divide(rows @ text, lengths, out=np.zeros(len(rows)), where=lengths > 0)
    return float(cosines.mean())
