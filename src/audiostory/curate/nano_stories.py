"""The builder of the test set ``nano-stories``: what was written by hand becomes a set with truth.

Every script is planned (``scripted``) and mixed; what could not be heard is refused. Written are
the questions with the digests of their tracks, the digest of every corpus file used, and whom to
name for the sounds. The same corpus gives the same files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from audiostory.audio.waveform import atomic_output
from audiostory.curate.audibility import prominence_db
from audiostory.curate.credits import credits_of
from audiostory.curate.scripted import Planned, Takes, clips_by_recording, plan
from audiostory.curate.scripts import Kind, Script, read_kinds, read_scripts
from audiostory.data.manifest import Layer, SoundRow, StoryRow
from audiostory.data.mixing import Mixer
from audiostory.data.sets.nano_stories import (
    ASSETS,
    NAME,
    SAMPLE_RATE_HZ,
    NanoStory,
    levels_of,
    pcm_digest,
)
from audiostory.errors import CorpusError

VERSION = "1.0"
LEAST_PROMINENCE_DB = 6.0
"""How far every named sound has to stand out from the rest of its mix."""
MOST_STORIES = 17
"""How many of the stories may be made of the same recording."""
HEADROOM_DB = -30.0
"""Level at which mixes are compared, so that none is turned down for being too loud."""
Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done."""


def build_nano_stories(
    corpus: Path,
    folder: Path = ASSETS,
    *,
    kinds: Mapping[str, Kind] | None = None,
    scripts: Sequence[Script] | None = None,
    progress: Progress | None = None,
) -> tuple[NanoStory, ...]:
    """The set made of the scripts and a corpus; writes its three files into ``folder``.

    Args:
        corpus: folder with ``metadata.jsonl`` and the clips of its test split.
        kinds: sounds that scripts may name; None takes the list beside the set.
        scripts: instructions and what they ask for; None takes the 150 beside the set.
        folder: where ``nano_stories.jsonl``, ``nano_stories_corpus.json`` and
            ``nano_stories_credits.md`` are written; files of those names are replaced.
        progress: told after every story.

    Raises:
        CorpusError: if the corpus lacks a recording, a script does not fit its time, a named
            sound could not be heard, or a recording is in more than ``MOST_STORIES`` stories.
        OutputError: if the folder cannot be written.
    """
    kinds = read_kinds() if kinds is None else kinds
    scripts = read_scripts() if scripts is None else scripts
    clips = clips_by_recording(corpus)
    takes, mixer = Takes(clips), Mixer(corpus, SAMPLE_RATE_HZ)
    found: list[NanoStory] = []
    for number, script in enumerate(scripts, 1):
        planned = plan(script, kinds, takes)
        refuse_hidden(planned, mixer)
        found.append(_with_truth(script, planned, mixer))
        if progress:
            progress(script.id, number / len(scripts))
    for name, count in takes.used.most_common(1):
        if count > MOST_STORIES:
            raise CorpusError(f"{name} is in {count} stories, more than {MOST_STORIES}: vary them")
    used = used_files(story.row for story in found)
    rows = {row.file: row for recording in clips.values() for row in recording}
    _write(folder / "nano_stories.jsonl", "".join(story.to_json() + "\n" for story in found))
    _write(folder / "nano_stories_corpus.json", corpus_json(corpus, used))
    _write(folder / "nano_stories_credits.md", credits_page([rows[file] for file in used]))
    return tuple(found)


def _with_truth(script: Script, planned: Planned, mixer: Mixer) -> NanoStory:
    track_N = mixer.story(planned.row)
    return NanoStory(
        stratum=script.stratum,
        style=script.style,
        duration_said=script.duration_said,
        is_ordered=script.is_ordered,
        row=planned.row,
        sounds=planned.sounds,
        words=planned.words,
        pcm_sha256=pcm_digest(track_N),
        levels_db=levels_of(track_N),
    )


def refuse_hidden(planned: Planned, mixer: Mixer) -> None:
    """Nothing, if every named sound can be heard.

    Raises:
        CorpusError: naming the sound that the rest of the mix hides.
    """
    for sound, found_db in zip(planned.sounds, prominences_db(planned, mixer), strict=True):
        if found_db < LEAST_PROMINENCE_DB:
            raise CorpusError(
                f"{planned.row.id}: {sound.text!r} in event {sound.event + 1} stands out by "
                f"{found_db:.1f} dB, less than {LEAST_PROMINENCE_DB:g}: change the script"
            )


def prominences_db(planned: Planned, mixer: Mixer) -> list[float]:
    """How far each named sound stands out from the rest of its mix, in the room of the story.

    What lies under all events is compared with the whole story, anything else with its event.

    Raises:
        CorpusError: if a clip cannot be used.
    """
    row = _turned_down(planned.row)
    wholes = [mixer.event(row, index) for index in range(len(row.events))]
    found: list[float] = []
    for sound, files in zip(planned.sounds, planned.files, strict=True):
        layers = row.layers[sound.event]
        own = tuple(layer for layer in layers if layer.file in files)
        if row.bed is not None and row.bed.file in files and not found:
            bare = replace(row, bed=None)
            rest_N = np.concatenate([mixer.event(bare, at) for at in range(len(row.events))])
            found.append(prominence_db(np.concatenate(wholes) - rest_N, rest_N, SAMPLE_RATE_HZ))
            continue
        alone_N = mixer.event(_alone(row, sound.event, own), sound.event)
        rest_N = wholes[sound.event] - alone_N
        found.append(prominence_db(alone_N, rest_N, SAMPLE_RATE_HZ))
    return found


def _turned_down(row: StoryRow) -> StoryRow:
    def quieter(layer: Layer) -> Layer:
        return replace(layer, gain_db=layer.gain_db + HEADROOM_DB)

    return replace(
        row,
        layers=tuple(tuple(map(quieter, event)) for event in row.layers),
        bed=None if row.bed is None else quieter(row.bed),
        room=replace(row.room, noise_db=max(-89.0, row.room.noise_db + HEADROOM_DB)),
    )


def _alone(row: StoryRow, index: int, own: tuple[Layer, ...]) -> StoryRow:
    layers = (*row.layers[:index], own, *row.layers[index + 1 :])
    return replace(row, layers=layers, bed=None, room=replace(row.room, noise_db=-90.0))


def used_files(rows: Iterable[StoryRow]) -> list[str]:
    """Corpus files that any of the stories is mixed from, sorted."""
    found: set[str] = set()
    for row in rows:
        found.update(layer.file for event in row.layers for layer in event)
        if row.bed is not None:
            found.add(row.bed.file)
    return sorted(found)


def corpus_json(corpus: Path, used: Sequence[str]) -> str:
    """Version and sha256 of every file used, as JSON.

    Raises:
        CorpusError: if a file cannot be read.
    """
    try:
        digests = {file: hashlib.sha256((corpus / file).read_bytes()).hexdigest() for file in used}
    except OSError as error:
        raise CorpusError(f"cannot read {error.filename}: {error.strerror}") from error
    return json.dumps({"name": NAME, "version": VERSION, "files": digests}, indent=1) + "\n"


def credits_page(rows: Sequence[SoundRow]) -> str:
    """Whom to name where tracks of the set are published, as Markdown."""
    return (
        f"# Sounds of {NAME} {VERSION}\n\n"
        f"The reference tracks are mixed from {len(rows)} clips. Whoever publishes them, in a "
        f"report or a listening study, publishes this list beside them.\n\n{credits_of(rows)}"
    )


def _write(path: Path, text: str) -> None:
    with atomic_output(path, overwrite=True) as partial:
        partial.write_text(text, encoding="utf-8")
