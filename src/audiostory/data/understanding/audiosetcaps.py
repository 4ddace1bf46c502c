"""AudioSetCaps: captions of AudioSet, VGGSound and YouTube-8M by a chain of models, and questions.

The lists lie in ``Dataset/`` of the set's repository: ``AudioSetCaps_caption.csv``,
``VGGSound_AudioSetCaps_caption.csv`` and ``YouTube-8M_AudioSetCaps_caption.csv`` (columns ``id``,
``caption``), and for each a ``..._Qwen-Audio_Q&A.csv`` (``id``, ``question_1``, ``answer_1`` to
``question_3``, ``answer_3``): what AudioStory calls AudioSetCaps-QA and VGGSound-QA are, it seems,
the latter.

Sources: Bai et al., AudioSetCaps, NeurIPS 2024 workshop; columns as the viewer of
huggingface.co/datasets/baijs/AudioSetCaps names them; AudioStory Sec. 5.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from audiostory.data.sets.recordings import Recordings
from audiostory.data.sets.tables import Row, read_table
from audiostory.data.understanding.rows import (
    BadRowError,
    Exchange,
    Gathered,
    HeardRow,
    OnBad,
    caption_of,
    cell_of,
    check_not_held_out,
    file_of,
    gather,
    segment_of,
)
from audiostory.data.understanding.youtube import CLIP_S, ClipName, clip_name, videos_of

NUM_QUESTIONS = 3
CAPTION_COLUMNS = ("id", "caption")
QUESTION_COLUMNS = (
    "id",
    *(f"{kind}_{n}" for n in range(1, NUM_QUESTIONS + 1) for kind in ("question", "answer")),
)


def read_audiosetcaps(
    folder: Path,
    *,
    captions: str = "AudioSetCaps_caption.csv",
    audio: str = "audio",
    exclude: Iterable[str] = (),
    on_bad: OnBad = "count",
) -> Gathered:
    """The captioned clips whose sound is there.

    Args:
        folder: where the list and the folder of clips lie.
        captions: name of the list.
        audio: name of the folder of clips, called as in ``id``, with or without its ``Y``.
        exclude: names of clips or of videos to leave out, as evaluation plays them; every clip of
            these videos is, whatever its start.
        on_bad: what a bad row does.

    Raises:
        CorpusError: as ``gather``.
    """
    recordings, held_out = Recordings(folder / audio), videos_of(exclude)

    def read(row: Row) -> HeardRow:
        clip = _clip(row, held_out)
        return _heard(row, recordings, clip, caption=caption_of(row))

    return gather(read_table(folder / captions, CAPTION_COLUMNS), read, on_bad)


def read_audiosetcaps_qa(
    folder: Path,
    *,
    questions: str = "AudioSetCaps_Qwen-Audio_Q&A.csv",
    audio: str = "audio",
    exclude: Iterable[str] = (),
    on_bad: OnBad = "count",
) -> Gathered:
    """The clips with questions and answers whose sound is there; they have no other captions.

    Pairs without a question or an answer are left out; a row without any is bad.

    Args:
        folder: where the list and the folder of clips lie.
        questions: name of the list.
        audio: name of the folder of clips.
        exclude: names of clips or of videos to leave out, as evaluation plays them; every clip of
            these videos is, whatever its start.
        on_bad: what a bad row does.

    Raises:
        CorpusError: as ``gather``.
    """
    recordings, held_out = Recordings(folder / audio), videos_of(exclude)

    def read(row: Row) -> HeardRow:
        clip, exchanges = _clip(row, held_out), _exchanges(row)
        if not exchanges:
            raise BadRowError(row, "empty caption", "no question has an answer")
        return _heard(row, recordings, clip, exchanges=exchanges)

    return gather(read_table(folder / questions, QUESTION_COLUMNS), read, on_bad)


def _clip(row: Row, held_out: frozenset[str]) -> ClipName:
    """What a row is about.

    Raises:
        BadRowError: if that is held out.
    """
    clip = clip_name(cell_of(row, "id"))
    check_not_held_out(row, clip.video, held_out)
    return clip


def _heard(
    row: Row,
    recordings: Recordings,
    clip: ClipName,
    *,
    caption: str = "",
    exchanges: tuple[Exchange, ...] = (),
) -> HeardRow:
    segment = segment_of(row, clip.start_s, None, CLIP_S)
    file, seconds = file_of(row, recordings, clip.stems, segment)
    return HeardRow(
        file=file,
        seconds=seconds,
        source="audiosetcaps",
        place=row.place,
        caption=caption,
        start_s=segment.start_s,
        end_s=segment.end_s,
        exchanges=exchanges,
    )


def _exchanges(row: Row) -> tuple[Exchange, ...]:
    """The pairs of a row that have both a question and an answer."""
    pairs = (
        (row.cells[f"question_{number}"], row.cells[f"answer_{number}"])
        for number in range(1, NUM_QUESTIONS + 1)
    )
    return tuple(
        Exchange(question=" ".join(question.split()), answer=" ".join(answer.split()))
        for question, answer in pairs
        if question and answer
    )
