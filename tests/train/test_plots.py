from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from audiostory.audio.picture import PALETTE
from audiostory.train.plots import HEIGHT, WIDTH, draw_losses, picture_of


def rows(values: list[float]) -> list[dict[str, float]]:
    return [{"step": step, "flow": value, "norm": 9.0} for step, value in enumerate(values)]


def heights(picture: Image.Image) -> list[float]:
    """How high the first loss is drawn, column by column."""
    is_line = (np.asarray(picture)[100:744] == PALETTE[0]).all(-1)
    return [float(np.mean(np.nonzero(column)[0])) for column in is_line.T if column.any()]


def test_a_falling_loss_falls() -> None:
    lines = heights(picture_of(rows([8.0, 4.0, 2.0, 1.0]), "run"))
    assert lines[0] < lines[len(lines) // 2] < lines[-1]


def test_a_loss_below_zero_has_a_plain_scale() -> None:
    lines = heights(picture_of(rows([1.0, -1.0]), "run"))
    assert lines[0] < lines[-1]


def test_one_row_is_a_picture_too(tmp_path: Path) -> None:
    path = tmp_path / "losses.png"
    draw_losses(rows([1.0]), path, title="run")
    draw_losses(rows([1.0, 2.0]), path, title="run")
    with Image.open(path) as picture:
        assert picture.size == (WIDTH, HEIGHT)
