"""A floor: the training clip whose caption is nearest, levelled and repeated to the length.

What generation has to beat: a search in the sounds that it learnt from. Captions are compared by
the cosine of TF-IDF vectors over English word stems (Salton and Buckley, Information Processing &
Management 24(5), 1988, with the logarithm of inverse document frequencies smoothed by one).

Shapes: ``D`` clips of the corpus.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audiostory.audio.waveform import Waveform, samples_in
from audiostory.baselines.fingerprints import MANIFEST
from audiostory.baselines.text_to_audio import check_length
from audiostory.data.manifest import SoundRow, read_sounds
from audiostory.data.mixing import Mixer, looped
from audiostory.errors import AudioError, ConfigError, CorpusError
from audiostory.story.clauses import WORD, stem

TIE = 1e-9
"""Similarities closer than this are equal."""


class CaptionIndex:
    """Captions by their TF-IDF vectors of unit length.

    Args:
        captions: one for each document, in order.
    """

    def __init__(self, captions: Sequence[str]) -> None:
        counts = [Counter(words_of(caption)) for caption in captions]
        found_in = Counter(word for count in counts for word in count)
        self.num_captions = len(captions)
        self._weights = {
            word: math.log((1 + len(captions)) / (1 + number)) + 1
            for word, number in found_in.items()
        }
        self._postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for document, count in enumerate(counts):
            for word, weight in self._vector(count).items():
                self._postings[word].append((document, weight))

    def similarities(self, caption: str) -> NDArray[np.float64]:
        """Cosines (D,) of a caption with all documents; words that none of them has do not count.

        They are 0 where no word is shared.
        """
        scores_D = np.zeros(self.num_captions)
        for word, weight in self._vector(Counter(words_of(caption))).items():
            for document, other in self._postings.get(word, ()):
                scores_D[document] += weight * other
        return scores_D

    def _vector(self, count: Mapping[str, int]) -> dict[str, float]:
        """Weights of a text's known words, of unit length."""
        raw = {
            word: number * self._weights[word]
            for word, number in count.items()
            if word in self._weights
        }
        norm = math.sqrt(sum(weight**2 for weight in raw.values()))
        return {word: weight / norm for word, weight in raw.items()}


def words_of(text: str) -> list[str]:
    """Stems of all words of a text, in order."""
    return [stem(word) for word in WORD.findall(text.casefold())]


class RetrievalTextToAudio:
    """Finds a training clip for each caption; mono.

    Args:
        corpus_dir: folder with ``metadata.jsonl`` and the clips; rows of the split ``train`` are
            searched, no others.
        kept_back_only: search only the recordings that the embedded evaluator did not learn from.
        sample_rate_hz: of what it returns.
        top_k: the seed chooses among the clips that are at least as near as the k-th nearest; 1 is
            the nearest, the seed choosing only where several are equally near.

    Raises:
        CorpusError: if the manifest cannot be read or has no training clip.
        ConfigError: if ``top_k`` is below 1.
    """

    max_duration_s = math.inf

    def __init__(
        self,
        corpus_dir: Path,
        *,
        sample_rate_hz: int = 44_100,
        top_k: int = 1,
        kept_back_only: bool = False,
    ) -> None:
        if top_k < 1:
            raise ConfigError(f"top_k is {top_k}: the nearest clip is the first, give 1 or more")
        rows = [
            row
            for row in read_sounds(corpus_dir / MANIFEST)
            if row.split == "train" and (row.is_kept_back or not kept_back_only)
        ]
        if not rows:
            kept = " whose recording is kept back from the evaluator" if kept_back_only else ""
            way_out = ": a corpus of more recordings has some" if kept_back_only else ""
            raise CorpusError(
                f"{corpus_dir / MANIFEST} has no clip of the split train{kept}{way_out}; retrieval "
                "searches no other, lest it finds the clips that it is compared with"
            )
        self.rows: Sequence[SoundRow] = sorted(rows, key=lambda row: row.file)
        self.top_k = top_k
        self.name = "retrieval of clips kept back" if kept_back_only else "retrieval"
        self._index = CaptionIndex([row.caption for row in self.rows])
        self._mixer = Mixer(corpus_dir, sample_rate_hz)

    @property
    def sample_rate_hz(self) -> int:
        """Samples per second."""
        return self._mixer.sample_rate_hz

    def found(self, caption: str, *, seed: int) -> tuple[SoundRow, float]:
        """The clip for a caption, and the cosine of their captions.

        Where the corpus shares no word with the caption, all clips are equally near, with 0.
        """
        scores_D = self._index.similarities(caption)
        kth = np.sort(scores_D)[-min(self.top_k, len(scores_D))]
        near = np.flatnonzero(scores_D >= kth - TIE)
        chosen = int(np.random.default_rng(seed).choice(near))
        return self.rows[chosen], float(scores_D[chosen])

    def sound(self, caption: str, duration_s: float, *, seed: int) -> Waveform:
        """The clip from its beginning, its loud parts at the mixer's reference level.

        A shorter clip is repeated, its end fading into its beginning.

        Raises:
            InstructionError: if the length is none.
            CorpusError: if the clip's file cannot be read.
        """
        check_length(self, duration_s)
        row, _ = self.found(caption, seed=seed)
        num_samples = samples_in(duration_s, self.sample_rate_hz)
        try:
            clip_N = self._mixer.clip(row.file)
        except AudioError as error:
            raise CorpusError(f"a clip of the corpus cannot be read: {error}") from error
        if len(clip_N) < num_samples:
            clip_N = looped(clip_N, 0, num_samples, self.sample_rate_hz)
        return Waveform(clip_N[None, :num_samples].copy(), self.sample_rate_hz)

    def remarks(self, caption: str, duration_s: float, *, seed: int) -> tuple[str, ...]:
        """Which file sounds, whom to name for it, and how near it is."""
        row, score = self.found(caption, seed=seed)
        near = f"similarity {score:.3f}" if score > 0 else "no word in common, drawn by the seed"
        told = f"{row.file} ({near}); {row.attribution or 'no attribution given'}, {row.license}"
        if row.seconds < duration_s:
            told += f"; repeated from {row.seconds:g} s to {duration_s:g} s"
        return (told,)
