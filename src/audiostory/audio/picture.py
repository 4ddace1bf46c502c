"""A story at a glance: which clip sounds when, how loud it is, and at which frequencies.

``draw_story`` lays panels out from top to bottom (title, clips, waveform, spectrogram, list of
captions) on one time axis; each panel is a method that draws itself and moves the cursor down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from audiostory.audio.lettering import font_for, length, wrapped
from audiostory.audio.spectrogram import colours, extremes, log_spectrogram, row_frequencies
from audiostory.audio.waveform import Waveform, atomic_output
from audiostory.errors import OutputError
from audiostory.story.plan import Plan, PlanClip

WIDTH = 1600
LEFT, RIGHT = 88, 1568
TRACK_WIDTH = RIGHT - LEFT
LANE_HEIGHT = 84
WAVEFORM_HEIGHT = 190
SPECTROGRAM_HEIGHT = 340
MAX_LISTED = 80
MINUTES_FROM_S = 120.0  # shorter tracks are told in seconds

BACKGROUND = (15, 17, 24)
PANEL = (24, 27, 37)
LINE = (58, 63, 80)
TEXT = (234, 236, 243)
FAINT = (152, 158, 178)
PALETTE = (
    (94, 167, 255),
    (255, 171, 76),
    (98, 211, 148),
    (244, 119, 152),
    (178, 143, 255),
    (240, 214, 92),
    (82, 205, 216),
    (236, 138, 94),
)
FREQUENCY_TICKS_HZ = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)
TIME_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_200, 3_600)

Colour = tuple[int, int, int]


def draw_story(waveform: Waveform, plan: Plan, path: Path, *, overwrite: bool = False) -> None:
    """Write a PNG of the track under its plan: clips and captions, waveform, spectrogram.

    Args:
        waveform: the finished track.
        plan: what it tells.
        path: ends in .png.
        overwrite: whether an existing file may be replaced.

    Raises:
        OutputError: if the suffix is another one, or the file exists or cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise OutputError(f"{path} is drawn as PNG: give it the suffix .png")
    image = picture_of(waveform, plan)
    with atomic_output(path, overwrite=overwrite) as partial:
        image.save(partial, format="PNG")


def picture_of(waveform: Waveform, plan: Plan) -> Image.Image:
    """The picture that ``draw_story`` writes, 1600 pixels wide, as tall as its list of clips."""
    sheet = _Sheet(waveform, plan)
    sheet.title()
    sheet.lanes()
    top = sheet.y
    sheet.waveform_panel()
    sheet.spectrogram_panel()
    sheet.clip_borders(top)
    sheet.time_axis()
    sheet.clip_list()
    return sheet.image.crop((0, 0, WIDTH, sheet.y + 16))


class _Sheet:
    """The picture as it grows: panels are drawn at the cursor ``y`` and move it down.

    Args:
        waveform: the track.
        plan: its plan.
    """

    def __init__(self, waveform: Waveform, plan: Plan) -> None:
        self.waveform = waveform
        self.plan = plan
        self.duration_s = max(waveform.duration_s, 1e-3)
        self.clips = plan.clips
        self.layers = list(dict.fromkeys(clip.layer for clip in plan.clips))
        height = (
            1_000 + (LANE_HEIGHT + 8) * len(self.layers) + 64 * min(len(self.clips), MAX_LISTED)
        )
        self.image = Image.new("RGB", (WIDTH, height), BACKGROUND)
        self.draw = ImageDraw.Draw(self.image)
        self.y = 20

    def title(self) -> None:
        """What the story is about, and the track's figures."""
        text = self.plan.title or self.plan.instruction.text
        for line in wrapped(text, 26, RIGHT - 32, max_lines=2):
            self.text((32, self.y), line, 26, TEXT)
            self.y += 34
        peak = float(np.abs(self.waveform.samples).max(initial=0.0))
        parts = [
            span_text([self.waveform.duration_s], self.waveform.duration_s),
            counted(len(self.clips), "clip"),
            f"{self.waveform.sample_rate_hz / 1000:g} kHz "
            + {1: "mono", 2: "stereo"}.get(self.waveform.channels, "multichannel"),
            f"peak {20 * math.log10(peak):.1f} dBFS" if peak > 0 else "silent",
            f"model {self.plan.model.name}",
            f"seed {self.plan.seed}",
        ]
        self.text((32, self.y + 2), "   ·   ".join(parts), 16, FAINT)
        self.y += 40

    def lanes(self) -> None:
        """One lane of bars per layer, with number, time and caption of each clip."""
        for layer in self.layers:
            if len(self.layers) > 1:
                for row, line in enumerate(wrapped(layer, 14, LEFT - 30, max_lines=3)):
                    self.text((20, self.y + 8 + 18 * row), line, 14, FAINT)
            self.draw.rounded_rectangle((LEFT, self.y, RIGHT, self.y + LANE_HEIGHT), 6, fill=PANEL)
            for index, clip in enumerate(self.clips):
                if clip.layer == layer:
                    self.bar(index, clip)
            self.y += LANE_HEIGHT + 8
        self.y += 4

    def bar(self, index: int, clip: PlanClip) -> None:
        """One clip in its lane."""
        colour = PALETTE[index % len(PALETTE)]
        left, right = (
            self.x(clip.start_s) + 1,
            max(self.x(clip.end_s) - 1, self.x(clip.start_s) + 2),
        )
        fill = mixed(colour, BACKGROUND, 0.26 if clip.gain > 0 else 0.08)
        self.draw.rectangle((left, self.y, right, self.y + LANE_HEIGHT), fill=fill)
        self.draw.rectangle((left, self.y, min(left + 4, right), self.y + LANE_HEIGHT), fill=colour)
        room = right - left - 20
        number = str(index + 1)
        if room < length(number, 17):
            if right - left - 4 > length(number, 12):
                self.text((left + 6, self.y + 9), number, 12, colour)
            return
        self.text((left + 12, self.y + 7), number, 17, colour)
        times = span_text((clip.start_s, clip.end_s), self.duration_s)
        if clip.gain != 1:
            times += f"   {gain_text(clip.gain)}"
        after = length(number, 17) + 12
        if room > after + length(times, 14):
            self.text((left + 12 + after, self.y + 10), times, 14, FAINT)
        if room >= 90:
            for row, line in enumerate(wrapped(clip.caption, 15, room, max_lines=2)):
                self.text((left + 12, self.y + 35 + 20 * row), line, 15, TEXT)

    def waveform_panel(self) -> None:
        """Peaks (pale) and RMS (bright) in the colours of the clips, with a scale in dBFS."""
        self.panel(WAVEFORM_HEIGHT)
        middle = self.y + WAVEFORM_HEIGHT // 2
        lowest, highest, rms = extremes(self.waveform, TRACK_WIDTH)
        peak = max(float(highest.max()), -float(lowest.min()))
        full_db = -6 * max(0, math.floor(-20 * math.log10(max(peak, 1e-4)) / 6 + 1e-6))
        reach = (WAVEFORM_HEIGHT / 2 - 8) / 10 ** (full_db / 20)
        for scale_db in (full_db, full_db - 6, full_db - 12):
            offset = round(reach * 10 ** (scale_db / 20))
            for y in (middle - offset, middle + offset):
                self.draw.line((LEFT, y, RIGHT, y), fill=mixed(LINE, PANEL, 0.5))
            self.tick_label(middle - offset, f"{scale_db} dB")
        for column in range(TRACK_WIDTH):
            x = LEFT + column
            colour = self.colour_at((column + 0.5) * self.duration_s / TRACK_WIDTH)
            pale = mixed(colour, PANEL, 0.5)
            top, bottom = middle - reach * highest[column], middle - reach * lowest[column]
            self.draw.line((x, top, x, bottom), fill=pale)
            inner = reach * min(rms[column], max(highest[column], -lowest[column]))
            self.draw.line((x, middle - inner, x, middle + inner), fill=colour)
        self.y += WAVEFORM_HEIGHT + 8

    def spectrogram_panel(self) -> None:
        """Power over time and the log of frequency."""
        levels_YX = log_spectrogram(self.waveform, TRACK_WIDTH, SPECTROGRAM_HEIGHT)
        picture = Image.fromarray(colours(levels_YX[::-1]))
        self.image.paste(picture, (LEFT, self.y))
        edges_hz = row_frequencies(self.waveform.sample_rate_hz, SPECTROGRAM_HEIGHT + 1)
        for frequency_hz in FREQUENCY_TICKS_HZ:
            row = int(np.searchsorted(edges_hz, frequency_hz))
            if row > SPECTROGRAM_HEIGHT - 8:
                continue
            y = self.y + SPECTROGRAM_HEIGHT - row
            self.draw.line((LEFT - 6, y, LEFT - 1, y), fill=FAINT)
            name = f"{frequency_hz // 1000} kHz" if frequency_hz >= 1_000 else f"{frequency_hz} Hz"
            self.tick_label(y, name)
        self.y += SPECTROGRAM_HEIGHT

    def clip_borders(self, top: int) -> None:
        """Dotted lines from ``top`` to the cursor where clips of the first layer start."""
        colour = TEXT if len(self.clips) <= 16 else LINE
        for clip in self.clips:
            if clip.layer == self.layers[0] and clip.start_s > 0:
                x = self.x(clip.start_s)
                for y in range(top, self.y, 7):
                    self.draw.line((x, y, x, min(y + 2, self.y)), fill=colour)

    def time_axis(self) -> None:
        """Ticks in seconds, or minutes and seconds."""
        step_s = next((step for step in TIME_STEPS_S if self.duration_s / step <= 16), 3_600)
        for tick in range(int(self.duration_s / step_s + 1e-9) + 1):
            x = self.x(tick * step_s)
            self.draw.line((x, self.y, x, self.y + 6), fill=FAINT)
            name = moment(tick * step_s, self.duration_s)
            width = length(name, 14)
            self.text((min(x - width / 2, RIGHT - width), self.y + 9), name, 14, FAINT)
        self.y += 44

    def clip_list(self) -> None:
        """Every caption in full, two columns of them when there are many."""
        listed = self.clips[:MAX_LISTED]
        num_columns = 2 if len(listed) > 3 else 1
        width = (RIGHT - 32) // num_columns
        per_column = -(-len(listed) // num_columns)
        top = lowest = self.y
        for column in range(num_columns):
            self.y = top
            for index in range(column * per_column, min((column + 1) * per_column, len(listed))):
                self.entry(index, listed[index], 32 + column * width, width - 32)
            lowest = max(lowest, self.y)
        self.y = lowest
        if len(listed) < len(self.clips):
            rest = f"and {counted(len(self.clips) - len(listed), 'more clip')} in the plan"
            self.text((32, self.y), rest, 15, FAINT)
            self.y += 26

    def entry(self, index: int, clip: PlanClip, left: int, width: int) -> None:
        """One clip of the list: number, time and caption."""
        colour = PALETTE[index % len(PALETTE)]
        self.draw.rounded_rectangle((left, self.y, left + 34, self.y + 22), 5, fill=colour)
        number = str(index + 1)
        self.text((left + 17 - length(number, 15) / 2, self.y + 2), number, 15, BACKGROUND)
        times = span_text((clip.start_s, clip.end_s), self.duration_s)
        self.text((left + 46, self.y + 2), times, 15, FAINT)
        words_left = left + (178 if self.duration_s < MINUTES_FROM_S else 208)
        for line in wrapped(clip.caption, 16, left + width - words_left, max_lines=2):
            self.text((words_left, self.y + 1), line, 16, TEXT)
            self.y += 22
        self.y += 8

    def panel(self, height: int) -> None:
        """The ground of a panel over the whole track."""
        self.draw.rectangle((LEFT, self.y, RIGHT - 1, self.y + height), fill=PANEL)

    def tick_label(self, y: float, name: str) -> None:
        """A name left of the panels, at height ``y``."""
        self.text((LEFT - 12 - length(name, 14), y - 9), name, 14, FAINT)

    def text(self, place: tuple[float, float], words: str, size: int, colour: Colour) -> None:
        """Words with their upper left corner at ``place``."""
        self.draw.text(place, words, fill=colour, font=font_for(words, size))

    def x(self, seconds: float) -> int:
        """Column of a moment of the track."""
        return LEFT + round(min(seconds / self.duration_s, 1.0) * TRACK_WIDTH)

    def colour_at(self, seconds: float) -> Colour:
        """Colour of the clip of the first layer that sounds then; grey in gaps."""
        for index, clip in enumerate(self.clips):
            if clip.layer == self.layers[0] and clip.start_s <= seconds < clip.end_s:
                return PALETTE[index % len(PALETTE)]
        return FAINT


def moment(seconds: float, duration_s: float) -> str:
    """A tick of the time axis: ``4.5 s``, or ``2:07`` on tracks of two minutes and more."""
    if duration_s < MINUTES_FROM_S:
        return f"{seconds:g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def span_text(moments_s: Sequence[float], duration_s: float) -> str:
    """Moments of a track: ``4.5 – 6.0 s``, or ``0:04.5 – 0:06.0`` if it has two minutes or more."""
    if duration_s < MINUTES_FROM_S:
        return " – ".join(f"{seconds:.1f}" for seconds in moments_s) + " s"
    tenths = [round(10 * seconds) for seconds in moments_s]
    return " – ".join(f"{tenth // 600}:{tenth % 600 / 10:04.1f}" for tenth in tenths)


def counted(number: int, noun: str) -> str:
    """A number of things: ``1 clip``, ``3 clips``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def gain_text(gain: float) -> str:
    """A linear gain in words: ``muted`` or ``-6.0 dB``."""
    return f"{20 * math.log10(gain):+.1f} dB" if gain > 0 else "muted"


def mixed(colour: Colour, ground: Colour, share: float) -> Colour:
    """``colour`` laid over ``ground`` with an opacity of ``share``."""
    red, green, blue = (
        round(over * share + under * (1 - share))
        for over, under in zip(colour, ground, strict=True)
    )
    return red, green, blue
