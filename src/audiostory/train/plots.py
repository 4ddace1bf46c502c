"""A run's losses over its steps, as a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from audiostory.audio.lettering import font_for, length
from audiostory.audio.picture import BACKGROUND, FAINT, LINE, PALETTE, PANEL, TEXT, Colour
from audiostory.audio.waveform import atomic_output

WIDTH, HEIGHT = 1600, 800
LEFT, RIGHT, TOP, BOTTOM = 96, 1568, 100, 744
NO_LOSSES = frozenset({"step", "seconds", "step_s", "norm", "rate"})
"""Numbers of a row that are no losses."""
TICKS = 8
"""About as many names along an axis."""


def draw_losses(rows: Sequence[Mapping[str, float]], path: Path, *, title: str) -> None:
    """Write a PNG with a line for each loss; the scale is logarithmic where all are above zero.

    Args:
        rows: of ``metrics.jsonl``, at least one.
        path: where it goes; an earlier picture is replaced.
        title: what the run is called.

    Raises:
        OutputError: if it cannot be written.
    """
    image = picture_of(rows, title)
    with atomic_output(path, overwrite=True) as partial:
        image.save(partial, format="PNG")


def picture_of(rows: Sequence[Mapping[str, float]], title: str) -> Image.Image:
    """The picture that ``draw_losses`` writes."""
    names = list(dict.fromkeys(name for row in rows for name in row if name not in NO_LOSSES))
    values = [row[name] for row in rows for name in names if name in row]
    axes = _Axes(rows[0]["step"], rows[-1]["step"], values)
    image = Image.new("RGB", (WIDTH, HEIGHT), BACKGROUND)
    draw = ImageDraw.Draw(image)
    draw.rectangle((LEFT, TOP, RIGHT, BOTTOM), fill=PANEL)
    _write(draw, (32, 18), title, 26, TEXT)
    axes.draw(draw)
    x = float(LEFT)
    for index, name in enumerate(names):
        colour = PALETTE[index % len(PALETTE)]
        points = [axes.at(row["step"], row[name]) for row in rows if name in row]
        draw.line(points, fill=colour, width=3, joint="curve")
        for column, line in (points[0], points[-1]):
            draw.ellipse((column - 4, line - 4, column + 4, line + 4), fill=colour)
        last = next(row[name] for row in reversed(rows) if name in row)
        words = f"{name} {last:.4g}"
        _write(draw, (x, 62), words, 18, colour)
        x += length(words, 18) + 32
    return image


class _Axes:
    """Steps from left to right, losses from bottom to top."""

    def __init__(self, first: float, last: float, values: Sequence[float]) -> None:
        self.first, self.last = first, max(last, first + 1)
        self.is_log = min(values) > 0
        scaled = [self.scaled(value) for value in values]
        self.low, self.high = min(scaled), max(scaled)
        if self.high - self.low < 1e-9:
            self.low, self.high = self.low - 0.5, self.high + 0.5

    def scaled(self, value: float) -> float:
        """The value, or its logarithm."""
        return math.log10(value) if self.is_log else value

    def at(self, step: float, value: float) -> tuple[float, float]:
        """Where a number is drawn."""
        across = (step - self.first) / (self.last - self.first)
        up = (self.scaled(value) - self.low) / (self.high - self.low)
        return LEFT + across * (RIGHT - LEFT), BOTTOM - 10 - up * (BOTTOM - TOP - 20)

    def draw(self, draw: ImageDraw.ImageDraw) -> None:
        """Lines and names along both axes."""
        for tick in range(TICKS + 1):
            scaled = self.low + (self.high - self.low) * tick / TICKS
            value = 10**scaled if self.is_log else scaled
            y = BOTTOM - 10 - (BOTTOM - TOP - 20) * tick / TICKS
            draw.line((LEFT, y, RIGHT, y), fill=LINE)
            name = f"{value:.3g}"
            _write(draw, (LEFT - 12 - length(name, 14), y - 9), name, 14, FAINT)
            step = self.first + (self.last - self.first) * tick / TICKS
            x = LEFT + (RIGHT - LEFT) * tick / TICKS
            draw.line((x, BOTTOM, x, BOTTOM + 6), fill=FAINT)
            name = f"{step:.0f}"
            left = min(x - length(name, 14) / 2, RIGHT - length(name, 14))
            _write(draw, (left, BOTTOM + 10), name, 14, FAINT)


def _write(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], words: str, size: int, colour: Colour
) -> None:
    draw.text(place, words, fill=colour, font=font_for(words, size))
