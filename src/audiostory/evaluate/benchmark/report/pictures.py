"""Spectrograms of all tracks, comparable within an item: one scale of time, frequency and level.

The longest track of an item spans the whole width; a shorter one ends earlier, and what follows is
see-through. 1 is the brightest spot of any system's track of the item, so a fainter track looks
fainter. Solid lines are where the clips of the plan meet, dashed ones where its events begin and
end.

Shapes: ``X`` columns of pixels, ``Y`` rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from audiostory.audio.spectrogram import colours, log_spectrogram
from audiostory.audio.waveform import Waveform, load, resample, to_mono
from audiostory.data.cache import key_of
from audiostory.errors import AudioError, OutputError
from audiostory.evaluate.benchmark.folder import RunFolder, write_file
from audiostory.story.plan import Plan
from audiostory.story.plan_file import load_plan

WIDTH, HEIGHT = 480, 120
RATE_HZ = 32_000
"""Rate at which all tracks are seen: up to 16 kHz. A track of a lower rate is dark above its own
half; what one of a higher rate holds above 16 kHz is not shown."""
LOOK = 1
"""Raised when pictures of the same sounds would look different."""

NUM_COLOURS = 128
EMPTY, CLIP, EVENT = NUM_COLOURS, NUM_COLOURS + 1, NUM_COLOURS + 2
"""Places in the palette, after the colours of levels."""
LINE_COLOURS = ((0, 0, 0), (255, 255, 255), (120, 220, 255))
GAP = 24
"""Columns of silence between the tracks of an item, so that none is seen in another's window."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Boundaries:
    """Times in seconds at which a plan changes, the track's start and end left out."""

    clips: tuple[float, ...] = ()
    events: tuple[float, ...] = ()


def boundaries_of(plan: Plan) -> Boundaries:
    """Where clips and events of a plan begin and end."""

    def inside(times_s: set[float]) -> tuple[float, ...]:
        return tuple(sorted(one for one in times_s if 0 < one < plan.duration_s))

    clips, events = plan.clips, plan.storyline.events
    return Boundaries(
        clips=inside({one.start_s for one in clips} | {one.end_s for one in clips}),
        events=inside({one.start_s for one in events} | {one.end_s for one in events}),
    )


def picture_at(out: Path, system: str, item_id: str) -> Path:
    """Where the picture of a system's track is, in the folder of the report.

    Raises:
        OutputError: if the system's name is no name of a folder.
    """
    if system in ("", ".", "..") or "/" in system or "\\" in system or "\0" in system:
        raise OutputError(
            f"the system {system!r} cannot have a folder of pictures: call it without slashes in "
            "its run.json"
        )
    return out / "pictures" / system / f"{item_id}.png"


def draw_pictures(
    folders: Mapping[str, RunFolder],
    item_ids: Sequence[str],
    out: Path,
    progress: Callable[[str, float], None] | None = None,
) -> None:
    """Draw every track; a picture that shows what is on disk already is left as it is.

    Args:
        folders: the run of each system.
        item_ids: what was asked.
        out: folder of the report.
        progress: told what is done, and the share of it.

    Raises:
        AudioError: if a track cannot be read.
        PlanError: if a plan cannot be read.
        OutputError: if a picture cannot be written.
    """
    for number, item_id in enumerate(item_ids, 1):
        _draw_item(folders, item_id, out)
        if progress:
            progress("drawing", number / len(item_ids))


def _draw_item(folders: Mapping[str, RunFolder], item_id: str, out: Path) -> None:
    answered = {
        system: folder
        for system, folder in folders.items()
        if (record := folder.kept_record(item_id)) is not None and record.has_track
    }
    tracks = {system: folder.track(item_id) for system, folder in answered.items()}
    lines = {system: _lines(folder.plan(item_id)) for system, folder in answered.items()}
    places = {system: picture_at(out, system, item_id) for system in answered}
    digests = {system: _digest(track) for system, track in tracks.items()}
    together = sorted(digests.values())  # they share the scales of time and level
    keys = {
        system: key_of(LOOK, digest, together, asdict(lines[system]))
        for system, digest in digests.items()
    }
    if all(_key(places[system]) == keys[system] for system in answered):
        return
    pictures = pictures_of({system: load(track) for system, track in tracks.items()}, lines)
    for system, pixels_YX in pictures.items():
        _save(pixels_YX, places[system], keys[system])


def _lines(plan: Path) -> Boundaries:
    return boundaries_of(load_plan(plan)) if plan.exists() else Boundaries()


def pictures_of(
    tracks: Mapping[str, Waveform], lines: Mapping[str, Boundaries]
) -> dict[str, Pixels]:
    """Pictures (Y, X) of one item's tracks by system, as places in ``palette``; top row first.

    Args:
        tracks: by system, of any rates and lengths.
        lines: the boundaries of each system's plan.
    """
    heard = {system: resample(to_mono(track), RATE_HZ) for system, track in tracks.items()}
    longest = max((track.num_samples for track in heard.values()), default=0)
    if not longest:
        return {system: np.full((HEIGHT, WIDTH), EMPTY, np.uint8) for system in tracks}
    levels_YX = _levels(list(heard.values()), longest)
    drawn: dict[str, Pixels] = {}
    for index, (system, track) in enumerate(heard.items()):
        first = index * (WIDTH + GAP)
        own_YX = levels_YX[::-1, first : first + WIDTH]
        pixels_YX = (own_YX * (NUM_COLOURS - 1)).round().astype(np.uint8)
        pixels_YX[:, -(-WIDTH * track.num_samples // longest) :] = EMPTY
        _rule(pixels_YX, lines[system], longest / RATE_HZ)
        drawn[system] = pixels_YX
    return drawn


def _levels(tracks: Sequence[Waveform], longest: int) -> NDArray[np.float64]:
    """Levels of all tracks in one spectrogram, a gap after each: so they share the brightest."""
    block = -(-longest * (WIDTH + GAP) // WIDTH)
    padded = [np.pad(one.samples, ((0, 0), (0, block - one.num_samples))) for one in tracks]
    joined = Waveform(np.concatenate(padded, axis=1), RATE_HZ)
    return log_spectrogram(joined, len(tracks) * (WIDTH + GAP), HEIGHT)


def _rule(pixels_YX: Pixels, lines: Boundaries, span_s: float) -> None:
    """Draw a plan's boundaries into a picture; what lies outside the span has no place there."""
    dashes = np.arange(HEIGHT) % 5 < 2
    for times_s, colour, rows in ((lines.events, EVENT, dashes), (lines.clips, CLIP, slice(None))):
        for time_s in times_s:
            column = round(WIDTH * time_s / span_s)
            if column < WIDTH:
                pixels_YX[rows, column] = colour


def palette() -> list[int]:
    """Red, green and blue of each place: colours of levels, then nothing, clips and events."""
    levels = colours(np.linspace(0, 1, NUM_COLOURS)).reshape(-1)
    return [*map(int, levels), *(one for colour in LINE_COLOURS for one in colour)]


def _save(pixels_YX: Pixels, path: Path, key: str) -> None:
    image = Image.fromarray(pixels_YX)
    image.putpalette(palette())
    info = PngImagePlugin.PngInfo()
    info.add_text("key", key)
    write_file(
        path,
        lambda file: image.save(
            file, format="PNG", pnginfo=info, transparency=EMPTY, compress_level=9
        ),
    )


def _key(path: Path) -> str | None:
    """What a picture was drawn from; None if there is none, or none that can be read."""
    try:
        with Image.open(path) as image:
            return image.info.get("key")
    except OSError:
        return None


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AudioError(
            f"{path} cannot be read ({error.strerror or error}): run the system once more"
        ) from error
